"""The table of derivatives: the building blocks that rules put together."""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Derived,
    Example,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)

F = "5x^3 - 2 ln x + e^x sin x"


def example() -> Example:
    yield "A sum of several rows of the table: each term by its row, the last by the product rule."
    yield derivation(F)
    yield "Two activations at 0.5, from the table and from the engine:"
    s, t = cr.sigmoid(0.5), cr.tanh(0.5)
    yield Value("σ (1 − σ)", s * (1 - s))
    yield Value("σ′ by the engine", cr.grad(cr.sigmoid)(0.5))
    yield Value("1 − tanh²", 1 - t**2)
    yield Value("tanh′ by the engine", cr.grad(cr.tanh)(0.5))
    yield "At its corner ReLU has no derivative, and the engine says what it takes instead:"
    yield derivation("relu(x)", at=0)


def draw(axes):
    x = cr.linspace(-4, 4, 400)
    for name in ("sigmoid", "tanh", "relu"):
        function = getattr(cr, name)
        (line,) = axes.plot(x, function(x), label=name)
        slope = cr.vmap(cr.grad(function))(x)
        axes.plot(x, slope, "--", color=line.get_color(), label=f"slope of {name}")
    axes.set_ylim(-1.2, 2)
    axes.legend(frameon=False)


topic = Topic(
    title="Table of derivatives",
    chapter=Chapter.DERIVATIVES,
    place=2,
    motivation="""
        Nobody works out limits: a dozen derivatives known by heart, and rules to combine them,
        give every derivative that a network needs. A library of automatic differentiation is
        built the same way, with one rule for each of its operations.
    """,
    mental_picture="""
        A box of bricks. The rows of the table are the bricks, the rules for sums, products and
        compositions say how they fit together, and whatever is built of bricks with a known
        slope has a known slope itself.
    """,
    definition="""
        Differentiation is linear: constant terms drop out, constant factors stay. Powers lose
        one from the exponent and gain it as a factor; exp is its own derivative. The slopes of
        σ and tanh are formulas in their own values, so a forward pass that has the value has
        the slope almost for free. ReLU has slope 0 or 1, and at 0 a convention.
    """,
    formulas=(
        Derived("power", "x^n"),
        Derived("exponential", "e^x"),
        Derived("logarithm", "ln x"),
        Derived("sine", "sin x"),
        Derived("cosine", "cos x"),
        Derived("constant term", "x^2 + c"),
        Derived("constant factor", "c sin x"),
        Derived("sigmoid", "σ(x)", as_written="σ(x) (1 - σ(x))"),
        Derived("hyperbolic tangent", "tanh x", as_written="1 - tanh(x)^2"),
        Derived("ReLU", "relu(x)"),
    ),
    example=example,
    questions=(
        Question(
            "What are the derivatives of sigmoid, tanh and ReLU?",
            """
                They are σ(1 − σ), which is at most ¼; 1 − tanh², which is at most 1; and 1 right
                of zero, 0 left of it. At zero ReLU has a corner, where libraries take 0 by
                convention.
            """,
        ),
        Question(
            "Why is the sigmoid's derivative cheap in a backward pass?",
            """
                It needs no exponential of its own: σ(1 − σ) is a product of values that the
                forward pass has kept.
            """,
        ),
        Question(
            "Which function is its own derivative?",
            "eˣ, and its multiples: at every place its slope is its height.",
        ),
    ),
    traps=(
        Trap(
            wrong="The derivative of ReLU at 0 is 0.",
            why="From the left the slope is 0, from the right 1: there is no derivative.",
            right="""
                Every number from 0 to 1 is a subgradient at 0. Libraries have to return one and
                agreed on 0.
            """,
            claim="relu-subgradient",
        ),
        Trap(
            wrong="Constants disappear when a function is differentiated.",
            why="A constant term does, but a constant factor stretches the slope as well.",
            right="Constant terms have slope 0. Constant factors stay where they are.",
            claim="derivative-table",
        ),
    ),
    claims=("derivative-table", "sigmoid-derivative", "relu-subgradient", "sigmoid-vanishes"),
    related=("derivative", "chain-rule", "activations"),
    pictures=(
        Picture(
            draw,
            """
                Sigmoid, tanh and ReLU with their slopes, dashed: a low bell of height ¼, a bell
                of height 1, and a step from 0 to 1.
            """,
        ),
    ),
)
