"""Cross-entropy and its gradient: prediction minus label."""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Derived,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)

BINARY = "-(y ln(σ(z)) + (1 - y) ln(1 - σ(z)))"


def categorical(z, y):
    return -cr.sum(y * cr.log_softmax(z))


def example() -> Example:
    yield "Two classes, label y of 0 or 1, p = σ(z). The slopes of ln and σ cancel:"
    yield derivation(BINARY, wrt="z")
    yield "A confident mistake, a confident right answer, and no opinion, each for y = 0:"
    for p in (0.9, 0.1, 0.5):
        z = np.log(p / (1 - p))
        yield Value(f"∂L/∂z at σ(z) = {p:g}", cr.grad(cr.nn.bce_with_logits)(cr.tensor(z), 0.0))
    yield "Many classes, y with a 1 for the right one:"
    z, y = cr.tensor([2.0, 1.0, -1.0]), cr.tensor([0.0, 1.0, 0.0])
    yield derivation(categorical, z, y, wrt="z")
    yield Value("softmax(z)", cr.softmax(z))
    yield "Logits of ±1000, in two ways: the probability first, or the loss from the logit."
    with np.errstate(divide="ignore"):
        yield Value("−ln σ(−1000)", -cr.log(cr.sigmoid(-1000.0)))
    yield Value("bce_with_logits(−1000, 1)", cr.nn.bce_with_logits(cr.tensor(-1000.0), 1.0))


def draw(axes):
    z = cr.linspace(-6, 6, 301)
    axes.plot(z, cr.softplus(-z), label="cross-entropy, −ln σ(z)")
    axes.plot(z, (1 - cr.sigmoid(z)) ** 2, label="squared error, (1 − σ(z))²")
    axes.set_xlabel("z, for the class 1")
    axes.set_ylabel("loss")
    axes.legend(frameon=False)


topic = Topic(
    title="Cross-entropy",
    chapter=Chapter.LOSSES,
    place=3,
    motivation="""
        A classifier states probabilities, and cross-entropy marks them by the one that it gave to
        the truth. With a sigmoid or a softmax in front its gradient is simply prediction minus
        label, which is large wherever the classifier is wrong.
    """,
    mental_picture="""
        Surprise. If the model gave the right class a probability of 1 there is none; at ½ it is
        a coin's worth; and the closer to 0, the larger without limit.
    """,
    definition="""
        The loss is −ln p, with p the probability that the model gave to the right class. For two
        classes p is σ(z) or 1 − σ(z), for several an entry of softmax(z). Computed from the
        logits z it is softplus(−z), or logsumexp(z) − z of the right class, which neither
        overflows nor takes the logarithm of zero.
    """,
    formulas=(
        Formula("two classes", r"L = -\left(y \ln \sigma(z) + (1 - y) \ln(1 - \sigma(z))\right)"),
        Derived("… by the logit", BINARY, "z", as_written="σ(z) - y"),
        Formula("softmax", r"p_i = \frac{e^{z_i}}{\sum_j \, e^{z_j}}"),
        Formula(
            "many classes",
            r"L = -\sum_i \, y_i \ln p_i, \quad \frac{\partial L}{\partial z} = p - y",
        ),
        Derived("logsumexp, two logits", "ln(e^a + e^b)", "a", as_written="e^a/(e^a + e^b)"),
    ),
    example=example,
    questions=(
        Question(
            "Why is cross-entropy the usual loss for classification?",
            """
                It is the negative log-likelihood of the labels, and with a sigmoid or softmax its
                gradient by the logits is the prediction minus the label. So it is bounded, never
                vanishes while the answer is wrong, and is convex in the logits.
            """,
        ),
        Question(
            "What is the gradient if σ(z) = 0.9 and the label is 0?",
            "0.9: the prediction minus the label. Descent pushes z down hard.",
        ),
        Question(
            "Why compute it from the logits instead of the probabilities?",
            """
                A probability that is rounded to 0 has the logarithm −∞ and a useless slope. From
                the logits it is a softplus or a logsumexp, exact for any size.
            """,
        ),
        Question(
            "What is the loss of a classifier of ten classes that knows nothing?",
            "ln 10, about 2.3. If training starts far above that, the first logits are too large.",
        ),
    ),
    traps=(
        Trap(
            wrong="The gradient by the logit is (σ(z) − y) · σ(z)(1 − σ(z)).",
            why="""
                That is the slope of another loss, ½(σ(z) − y)². In cross-entropy the slope of the
                logarithm, 1/σ or 1/(1 − σ), cancels that of the sigmoid.
            """,
            right="It is σ(z) − y, without any factor that vanishes.",
            claim="logistic-gradient",
        ),
        Trap(
            wrong="Apply softmax in the network, and then the library's cross-entropy.",
            why="""
                The library's function expects logits and applies softmax itself. Twice applied,
                the probabilities are squeezed together and gradients become small.
            """,
            right="Let the network return logits; take a softmax only where you show them.",
        ),
        Trap(
            wrong="With a sigmoid at the end the squared error is as good: same minimum.",
            why="At a confident mistake the squared error is flat, and nothing is learned from it.",
            right="Cross-entropy has a slope near 1 there.",
            claim="cross-entropy-learns",
        ),
    ),
    claims=("logistic-gradient", "cross-entropy-learns", "flat-high-loss"),
    related=("loss-functions", "mean-squared-error", "convex-models", "activations"),
    pictures=(
        Picture(
            draw,
            """
                Two losses of a unit that should say 1. Where its logit is far below zero, the
                squared error levels off at 1, while cross-entropy climbs along a straight line.
            """,
        ),
    ),
)
