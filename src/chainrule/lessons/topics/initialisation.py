"""Initialisation: how large the first weights have to be, and why not all equal."""

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

WIDTH, DEPTH = 256, 20


def scale(gain: float, activation, layers: int, width: int = WIDTH) -> float:
    """The root mean square after so many layers with weights of variance gain²/n."""
    rng = np.random.default_rng(0)
    x = cr.tensor(rng.normal(size=(16, width)))
    for _ in range(layers):
        x = activation(x @ cr.tensor(gain / np.sqrt(width) * rng.normal(size=(width, width))))
    return np.sqrt((x.numpy() ** 2).mean())


def example() -> Example:
    yield f"Signals of mean square 1 through layers of {WIDTH} ReLUs. Root mean square after"
    root = np.sqrt(2)
    yield Value("1 layer, variance 1/n", scale(1.0, cr.relu, 1))
    yield Value("1 layer, variance 2/n (He)", scale(root, cr.relu, 1))
    yield Value("20 layers, variance 1/n", scale(1.0, cr.relu, DEPTH))
    yield Value("20 layers, variance 2/n", scale(root, cr.relu, DEPTH))
    yield Value("20 layers, twice these weights", scale(2 * root, cr.relu, DEPTH))
    yield "The initialiser of the library, and the variance that its formula promises:"
    drawn = cr.nn.initialisers.he_normal(cr.random.key(0), (WIDTH, WIDTH))
    yield Value("measured variance", drawn.numpy().astype(float).var())
    yield Value("2/n", 2 / WIDTH)
    yield "Equal weights stay equal. Two hidden units that start alike get the same gradient:"

    def loss(first, second):
        return (second @ cr.tanh(first @ cr.tensor([1.0, -0.5])) - 1) ** 2

    same, out = cr.tensor([[0.3, 0.1], [0.3, 0.1]]), cr.tensor([0.5, 0.5])
    yield Value("∂L/∂W, both rows", cr.grad(loss)(same, out))
    yield Value("∂L/∂W for weights of zero", cr.grad(loss)(cr.zeros((2, 2)), cr.zeros(2)))


def draw(axes):
    gains = np.linspace(0.6, 2.4, 10)
    for name, activation in (("ReLU", cr.relu), ("tanh", cr.tanh)):
        axes.semilogy(gains, [scale(g, activation, DEPTH, 64) for g in gains], label=name)
    axes.axvline(np.sqrt(2), linewidth=0.8, color="gray")
    axes.axhline(1, linewidth=0.8, color="gray")
    axes.set_xlabel("standard deviation of the weights × √n")
    axes.set_ylabel("scale after 20 layers")
    axes.legend(frameon=False)


topic = Topic(
    title="Initialisation",
    chapter=Chapter.DEPTH,
    place=4,
    motivation="""
        Training can only start from where gradients arrive and are of a sensible size. The scale
        of the first weights decides that: a factor of two in each of thirty layers is a factor
        of a billion.
    """,
    mental_picture="""
        A row of amplifiers, one behind the other. Set each to a gain of exactly one and the music
        comes out as it went in; a little less and it is gone, a little more and it is noise.
    """,
    definition="""
        Weights are drawn at random with mean 0 and a variance such that a layer keeps the mean
        square of what passes. A sum of n inputs multiplies it by n times the variance, which asks
        for 1/n; Xavier takes the mean of inputs and outputs, so that gradients are kept as
        well. ReLU drops half of the mean square, so He doubles the variance. Biases start at 0.
    """,
    formulas=(
        Formula("one layer", r"\mathbb{E}\, z_i^2 = n \operatorname{Var}(w) \, \mathbb{E}\, x_j^2"),
        Formula(
            "Xavier, for tanh",
            r"\operatorname{Var}(w) = \frac{2}{n_\text{in} + n_\text{out}}",
        ),
        Formula("He, for ReLU", r"\operatorname{Var}(w) = \frac{2}{n_\text{in}}"),
    ),
    example=example,
    questions=(
        Question(
            "How should weights be initialised, and why?",
            """
                At random, with a variance in inverse proportion to the number of inputs: 2/n for
                ReLU (He), about 1/n for tanh (Xavier). Then signals and gradients keep their
                scale from layer to layer instead of vanishing or exploding.
            """,
        ),
        Question(
            "Why not start with all weights at zero?",
            """
                Units with the same weights compute the same and get the same gradient, so they
                stay the same for ever. With zeros in two layers or more, and an activation that is
                0 at 0, not even that: all gradients of weights are zero.
            """,
        ),
        Question(
            "Why does He's rule have a factor of two?",
            """
                ReLU sets the negative half of a symmetric signal to zero, and with it half of the
                mean square.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Small random weights are a safe start.",
            why="""
                Small is no scale. What is small for 10 inputs is large for 10,000, and through
                many layers a factor of ½ leaves nothing.
            """,
            right="The standard deviation follows the width: √(2/n) for ReLU, √(1/n) for tanh.",
            claim="initialisation-mends",
        ),
        Trap(
            wrong="All weights equal is fine: the gradient will tell them apart.",
            why="Units that compute the same receive the same gradient.",
            right="Random weights break the symmetry. Biases may start at zero.",
            claim="symmetric-init",
        ),
    ),
    claims=("initialisation-mends", "symmetric-init", "relu-mends"),
    related=("vanishing-gradients", "exploding-gradients", "activations", "normalisation"),
    pictures=(
        Picture(
            draw,
            """
                The scale of signals after 20 layers against the size of the weights. For ReLU it
                rises through ten orders of magnitude and is about 1 at √2, He's value; for tanh it
                rises from nothing and levels off below 1.
            """,
        ),
    ),
)
