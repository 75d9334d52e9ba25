"""Saliency: the gradient of a score by the input says which inputs count."""

from functools import cache

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
    descend,
)


@cache
def trained():
    """A perceptron that has learned 600 digits, and images that it has not seen."""
    digits = cr.data.load_digits()
    x, y = cr.tensor(digits.inputs[:600]), digits.targets[:600]
    model = cr.nn.MLP(64, (32,), 10, key=cr.random.key(0))
    model = descend(lambda m: cr.nn.cross_entropy(m(x), y), model, cr.optim.adam(0.02), 50)
    return model, digits.inputs[600:1000], digits.targets[600:1000]


def shares(model, images) -> np.ndarray:
    """Gradient of the score of the recognised class, times the pixels."""
    images = cr.tensor(images)
    classes = model(images).numpy().argmax(axis=1)
    rows = np.arange(len(classes))
    gradient = cr.grad(lambda x: cr.sum(model(x)[rows, classes]))(images)
    return (gradient * images).numpy()


def fall(model, images, ranking) -> float:
    """How much the score of the recognised class falls if the first five pixels are blanked."""
    blanked = np.array(images)
    np.put_along_axis(blanked, np.argsort(-ranking, axis=1)[:, :5], 0.0, axis=1)
    before, after = (model(cr.tensor(x)).numpy() for x in (images, blanked))
    rows, classes = np.arange(len(before)), before.argmax(axis=1)
    return float((before - after)[rows, classes].mean())


def example() -> Example:
    yield "A linear score w₁x₁ + w₂x₂ squashed by a sigmoid. Its slope by the first input:"
    yield derivation("σ(w_1 x_1 + w_2 x_2)", wrt="x_1")
    yield "A perceptron, trained just now on 600 digits, and 400 that it has not seen:"
    model, images, labels = trained()
    right = model(cr.tensor(images)).numpy().argmax(axis=1) == labels
    yield Value("recognised", f"{right.mean():.1%}")
    found = shares(model, images)
    yield "The test of a saliency map: blank five pixels. Average fall of the score of the class:"
    random = np.where(images > 0, np.random.default_rng(0).random(images.shape), -1.0)
    yield Value("most salient pixels", fall(model, images, found))
    yield Value("five pixels with ink, at random", fall(model, images, random))
    yield Value("darkest pixels", fall(model, images, images))
    yield "First-order Taylor: gradient times pixel is what blanking one pixel should change."
    one, image = int(found[0].argmax()), images[0]
    without = image.copy()
    without[one] = 0.0
    before, after = (model(cr.tensor(x[None])).numpy()[0] for x in (image, without))
    yield Value("predicted for the best pixel of one image", found[0, one])
    yield Value("measured", (before - after)[before.argmax()])


def draw(axes):
    model, images, _ = trained()
    found = shares(model, images[:4])
    canvas = np.zeros((17, 35))
    for i in range(4):
        canvas[0:8, 9 * i : 9 * i + 8] = images[i].reshape(8, 8)
        strength = np.maximum(found[i], 0).reshape(8, 8)
        canvas[9:17, 9 * i : 9 * i + 8] = strength / strength.max()
    axes.imshow(canvas, cmap="Greys")
    axes.axis("off")


topic = Topic(
    title="Saliency",
    chapter=Chapter.LOSSES,
    place=6,
    motivation="""
        The gradient by the weights says how to train a network, and the gradient by the input says
        what it looks at. The same backward pass gives both, so the question costs nothing more.
    """,
    mental_picture="""
        Tapping on an X-ray picture, dot by dot, and watching the needle of the diagnosis. Where a
        light tap moves it far, the network looks closely.
    """,
    definition="""
        The saliency of an input is the derivative of the score of a class by it, or its absolute
        value. Times the input it is the first-order estimate of what removing the input would
        change. It is a local statement, about this image and this network, and says nothing
        about causes.
    """,
    formulas=(
        Formula("saliency of input i", r"s_i = \lvert g_i \rvert, \quad g = \nabla_x f_c(x)"),
        Formula(
            "gradient times input",
            r"f_c(x) - f_c(x \text{ without } x_i) \approx "
            r"\frac{\partial f_c(x)}{\partial x_i} \, x_i",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is a saliency map, and how is it computed?",
            """
                It is the gradient of the score of one class by the pixels, shown as an image: where
                it is large, a small change of the pixel changes the score most. One backward
                pass gives it, with respect to the input instead of the weights.
            """,
        ),
        Question(
            "Why the score (the logit) and not the probability?",
            """
                A probability near 1 is saturated: its slope is nearly zero for all pixels. And it
                changes with the scores of other classes, not with this one alone.
            """,
        ),
        Question(
            "How would you test whether a saliency map can be trusted?",
            """
                By changing what it names: blank the salient pixels and compare with as many random
                ones. And train on random labels: a map that looks the same shows the image, not
                what was learned.
            """,
        ),
        Question(
            "What is the weakness of a bare gradient, and what helps?",
            """
                It is local and noisy, and flat where units are saturated. Averages help, over
                noisy copies of the image or along the way from a blank one.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="A pixel with a large gradient was important for this decision.",
            why="""
                The gradient says what a change would do. It is often large on empty pixels, where
                ink would speak for another class.
            """,
            right="""
                For what contributed look at gradient times input, and test it by blanking pixels.
            """,
            claim="saliency",
        ),
        Trap(
            wrong="A small gradient means that the input does not matter.",
            why="Where the score is saturated, even a decisive input has a small slope.",
            right="It says that a small change does not matter. Larger ones have to be tried.",
            claim="flat-high-loss",
        ),
    ),
    claims=("saliency",),
    related=("gradient", "partial-derivative", "taylor", "cross-entropy"),
    pictures=(
        Picture(
            draw,
            """
                Four handwritten digits, and below each the share of every pixel in the score of
                its class: dark spots on parts of the strokes.
            """,
        ),
    ),
)
