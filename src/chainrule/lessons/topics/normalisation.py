"""Normalisation: layers that set the scale of what passes, so that weights need not."""

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
)


def standardised(z, axis: int):
    mean = z.mean(axis=axis, keepdims=True)
    return (z - mean) / cr.sqrt(((z - mean) ** 2).mean(axis=axis, keepdims=True))


def example() -> Example:
    yield "One unit, a batch of four: the mean taken off, divided by the standard deviation."
    z = cr.tensor([[2.0], [4.0], [6.0], [8.0]])
    yield Value("by the formula", standardised(z, axis=0).ravel())
    norm = cr.nn.BatchNorm(1, dtype="float64")
    yield Value("BatchNorm in training", norm(z).ravel())
    yield "In use the layer takes running averages, which one batch has moved a tenth of the way:"
    yield Value("the same layer in use", norm.eval()(z).ravel())
    yield "The scale of the weights in front of it has no effect, so the loss is level along w:"
    rng = np.random.default_rng(0)
    x, y = cr.tensor(rng.normal(size=(16, 3))), cr.tensor(rng.normal(size=(16, 1)))

    def loss(w):
        return ((standardised(x @ w, axis=0) - y) ** 2).mean()

    w = cr.tensor([[1.0], [-2.0], [0.5]])
    g = cr.grad(loss)(w)
    yield Value("loss at w", loss(w))
    yield Value("loss at 10 w", loss(10 * w))
    yield Value("w · ∇L, the slope along w", (w * g).sum().numpy().round(12))
    yield Value("‖∇L‖ at w", cr.linalg.norm(g))
    yield Value("‖∇L‖ at 10 w", cr.linalg.norm(cr.grad(loss)(10 * w)))


def draw(axes):
    rng = np.random.default_rng(0)
    draws = 0.3 * rng.normal(size=(30, 64, 64)) / 8
    start = cr.tensor(rng.normal(size=(64, 64)))
    ways = {
        "without": lambda z: z,
        "batch": lambda z: standardised(z, axis=0),
        "layer": lambda z: standardised(z, axis=1),
    }
    for name, normalise in ways.items():
        x, scales = start, [1.0]
        for w in draws:
            x = cr.tanh(normalise(x @ cr.tensor(w)))
            scales.append(np.sqrt((x.numpy() ** 2).mean()))
        axes.semilogy(scales, "--" if name == "layer" else "-", label=name)
    axes.set_xlabel("layer")
    axes.set_ylabel("scale of its output")
    axes.legend(frameon=False, title="normalisation")


topic = Topic(
    title="Normalisation",
    chapter=Chapter.DEPTH,
    place=5,
    motivation="""
        A good initialisation sets the scale of signals once, and training changes the weights at
        every step. A normalisation layer sets the scale again and again, so that gradients stay
        of a sensible size and larger learning rates work.
    """,
    mental_picture="""
        A sound engineer behind each layer who turns the level back to normal, however loud the
        layer has become. Two knobs, gain and offset, are left to be learned.
    """,
    definition="""
        Activations lose their mean and are divided by their standard deviation; a learned γ and
        β follow. Batch normalisation takes both statistics over the examples of a batch, for each
        feature; in use it takes running averages instead. Layer normalisation takes them over the
        features of each example, in training and in use alike.
    """,
    formulas=(
        Formula(
            "normalisation",
            r"y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta",
        ),
        Formula(
            "statistics",
            r"\mu = \frac{1}{m} \, \sum_i x_i, \quad "
            r"\sigma^2 = \frac{1}{m} \, \sum_i \, (x_i - \mu)^2",
        ),
        Formula(
            "scale drops out",
            r"L(c \, w) = L(w) \implies w \cdot \nabla L(w) = 0, \quad "
            r"\nabla L(c \, w) = \frac{1}{c} \, \nabla L(w)",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What does batch normalisation do, and why does it help deep networks?",
            """
                It brings each feature to mean 0 and variance 1 over the batch and then scales and
                shifts it by two learned numbers. So the scale of the weights in front of it no
                longer multiplies from layer to layer, gradients keep their size, and larger
                learning rates work.
            """,
        ),
        Question(
            "Batch or layer normalisation: what is the difference, and which is used where?",
            """
                The first averages over examples, the second over the features of one example.
                Convolutional networks with large batches use the first; Transformers, recurrent
                networks and small batches the second, which treats examples alone.
            """,
        ),
        Question(
            "Why does batch normalisation behave differently in training and in use?",
            """
                In use there may be a single example, and its result must not depend on others.
                So the averages that training collected take the place of those of the batch.
            """,
        ),
        Question(
            "Does a bias in front of a normalisation layer do anything?",
            "No: the mean is taken off, and the bias with it. The layer's own β takes its place.",
        ),
    ),
    traps=(
        Trap(
            wrong="Normalisation replaces a careful initialisation in every respect.",
            why="""
                The scale of the weights drops out of the signal but not out of the gradient: with
                ten times the weights it is a tenth, and a step changes ten times less.
            """,
            right="""
                Signals keep their scale whatever the weights are. How fast a layer learns still
                depends on how large its weights are.
            """,
        ),
        Trap(
            wrong="A network with batch normalisation can be tested as it was trained.",
            why="""
                In training mode the prediction for one example depends on those it shares the
                batch with.
            """,
            right="Switch to evaluation mode, where running averages are used.",
        ),
    ),
    claims=("normalisation-mends", "gradient-flow"),
    related=("initialisation", "vanishing-gradients", "residual-connections"),
    pictures=(
        Picture(
            draw,
            """
                The scale of the output of 30 layers of tanh whose weights are too small. Without
                normalisation it falls in a straight line on the logarithmic axis; with batch or
                layer normalisation it is level.
            """,
        ),
    ),
)
