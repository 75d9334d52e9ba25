"""Vanishing gradients: what a product of many small slopes leaves for the first layers."""

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
)


def chain(activation, layers: int, w: float = 1.0, b: float = 0.0):
    def f(x):
        for _ in range(layers):
            x = activation(w * x + b)
        return x

    return f


def example() -> Example:
    yield "One layer, a = σ(w x). The backward pass multiplies by the slope of σ and by w:"
    yield derivation("σ(w x)", wrt="x")
    yield "With w = 1 and x = 0.5, the slope of the last activation by the first input:"
    for layers in (1, 5, 10, 20):
        slope = cr.grad(chain(cr.sigmoid, layers))(0.5)
        yield Value(f"through {layers} {'layer' if layers == 1 else 'layers'}", slope)
    yield "With w = 1 a layer leaves ¼ at best. Other chains of ten, from the same x:"
    yield Value("the bound for sigmoids, ¼¹⁰", 0.25**10)
    yield Value("tanh", cr.grad(chain(cr.tanh, 10))(0.5))
    yield Value("ReLU", cr.grad(chain(cr.relu, 10))(0.5))
    yield Value("σ(4x), which saturates", cr.grad(chain(cr.sigmoid, 10, 4.0))(0.5))
    yield Value(
        "σ(4x − 2), held where σ is steepest", cr.grad(chain(cr.sigmoid, 10, 4.0, -2.0))(0.5)
    )


def norms(activation, gain: float) -> np.ndarray:
    """The length of the gradient at the input of each of 20 layers, relative to the last."""
    rng = np.random.default_rng(0)
    weights = [cr.tensor(gain * rng.normal(size=(64, 64)) / 8) for _ in range(20)]
    x = cr.tensor(rng.normal(size=(32, 64)))
    out = cr.tensor(rng.normal(size=(32, 64)))

    def ahead(added):
        h = x
        for w, extra in zip(weights, added, strict=True):
            h = activation((h + extra) @ w)
        return cr.sum(h * out)

    found = cr.grad(ahead)([cr.zeros((32, 64))] * 20)
    lengths = np.array([cr.linalg.norm(g).item() for g in found])
    return lengths / lengths[-1]


def draw(axes):
    for name, activation, gain in (
        ("sigmoid", cr.sigmoid, 1.0),
        ("tanh", cr.tanh, 1.0),
        ("ReLU, He", cr.relu, np.sqrt(2)),
    ):
        axes.semilogy(range(1, 21), norms(activation, gain), "o-", markersize=3, label=name)
    axes.set_xlabel("layer")
    axes.set_ylabel("length of its gradient / that of the last")
    axes.legend(frameon=False)


topic = Topic(
    title="Vanishing gradients",
    chapter=Chapter.DEPTH,
    place=1,
    motivation="""
        A layer learns from the gradient that reaches it, and the first layers are reached last.
        If every layer on the way shrinks the gradient a little, they get nothing to learn from,
        and depth makes a network worse instead of better.
    """,
    mental_picture="""
        A message passed on in whispers. Each listener repeats a quarter of what was heard; after
        ten of them nothing is left, though nobody left out everything.
    """,
    definition="""
        By the chain rule the gradient at layer l is that at the output, times the Jacobians of
        all layers between them. It vanishes if these shrink vectors by a factor that stays below
        one: its length then falls exponentially with the number of layers. The slope of σ is at
        most ¼, and ¼ only at zero.
    """,
    formulas=(
        Formula(
            "gradient flow",
            r"\frac{\partial L}{\partial x_0} = J_1^\top J_2^\top \cdots J_n^\top "
            r"\frac{\partial L}{\partial x_n}",
        ),
        Formula(
            "a chain of sigmoids",
            r"\lvert \sigma'(z_1) \, \sigma'(z_2) \cdots \sigma'(z_n) \rvert \le 4^{-n}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "Why do gradients vanish in deep networks, and what helps?",
            """
                The gradient of an early layer is a product with a factor for each layer above
                it, and with factors below one, such as the slope of a sigmoid times a small
                weight, it falls exponentially with depth. Activations of slope one such as ReLU,
                weights scaled to the width, normalisation and residual connections each keep
                the factors near one.
            """,
        ),
        Question(
            "What is meant by gradient flow?",
            """
                How the length of the gradient changes from layer to layer on its way back. On a
                logarithmic axis it is roughly a straight line, and its slope is the logarithm of
                the usual factor of a layer: level is healthy.
            """,
        ),
        Question(
            "How would you notice vanishing gradients in training?",
            """
                Log the norm of the gradient layer by layer, relative to that of the weights. If
                it falls by orders of magnitude towards the input while the last layers change,
                the first ones hardly learn.
            """,
        ),
        Question(
            "Does a larger learning rate make up for small gradients?",
            """
                Not with one rate for all: what the first layers would need makes the last ones
                diverge. Optimizers with a scale for each parameter, such as Adam, help in part.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="A factor of ¼ for each layer means that sigmoids cannot be stacked.",
            why="""
                The factor of a layer is the slope times its weights. With weights around 4 the
                product need not shrink, as long as the units are not saturated.
            """,
            right="""
                The slope alone is at most ¼; whether the gradient vanishes depends on slopes and
                weights together. The usual small weights make it vanish.
            """,
            claim="sigmoid-vanishes",
        ),
        Trap(
            wrong="Gradients are exact, so nothing can go wrong with them.",
            why="""
                Exact and useful are two things. A gradient of 10⁻²⁰ may be right to every digit,
                and a step along it changes no weight.
            """,
            right="""
                Watch the size of gradients, and choose activations, initialisation and connections
                that keep it level over the layers.
            """,
            claim="gradient-flow",
        ),
    ),
    claims=(
        "sigmoid-vanishes",
        "gradient-flow",
        "relu-mends",
        "initialisation-mends",
        "normalisation-mends",
        "residual-mends",
    ),
    related=(
        "exploding-gradients",
        "chain-rule",
        "activations",
        "initialisation",
        "normalisation",
        "residual-connections",
        "recurrent-networks",
    ),
    pictures=(
        Picture(
            draw,
            """
                The length of the gradient at each of 20 layers on a logarithmic axis. Towards the
                first layer it falls in a straight line for sigmoids, slowly for tanh, and stays
                level for ReLU with weights by He.
            """,
        ),
    ),
)
