"""Exploding gradients: what a product of many factors above one does to a step."""

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


def example() -> Example:
    yield "A chain of 50 layers that all multiply by the same w ends at w⁵⁰x. Its slope in w:"
    yield derivation("w^50 x", wrt="w")
    end = cr.parse("w^50 x")
    for at in (0.9, 1.0, 1.1, 1.5):
        yield Value(f"at w = {at:g}, x = 1", cr.grad(end)(at, 1.0))
    yield "Descent on the loss (w⁵⁰ − 1)² from w = 1.5, with a learning rate of 0.01:"

    def loss(w):
        return (w**50 - 1) ** 2

    w = cr.tensor(1.5)
    with np.errstate(over="ignore", invalid="ignore"):
        yield Value("slope at the start", cr.grad(loss)(w))
        for step in range(4):
            yield Value(f"w, step {step}", w)
            yield Value(f"loss, step {step}", loss(w))
            w = w - 0.01 * cr.grad(loss)(w)


def draw(axes):
    layers = range(1, 61)
    for w in (1.2, 1.1, 1.0, 0.9, 0.8):
        slopes = [cr.grad(lambda x, n=n, w=w: w**n * x)(1.0).item() for n in layers]
        axes.semilogy(layers, slopes, label=f"factor {w:g}")
    axes.set_xlabel("layers")
    axes.set_ylabel("gradient through them")
    axes.legend(frameon=False, loc="upper left")


topic = Topic(
    title="Exploding gradients",
    chapter=Chapter.DEPTH,
    place=2,
    motivation="""
        A single step along a gradient that is far too long throws away what was learned, and
        often ends in numbers that are none. Deep and recurrent networks meet such gradients
        because they multiply by one factor after the other.
    """,
    mental_picture="""
        A landscape with a cliff. On the plain all is calm, but at the edge the slope is a
        million times steeper, and a step in proportion to it lands beyond the horizon.
    """,
    definition="""
        The gradient explodes if the Jacobians of the layers stretch it by a factor that stays
        above one, so that its length grows exponentially with depth or, in recurrent networks,
        with time. Beyond the largest number of the format it becomes infinite; the step makes the
        weights infinite, and ∞ − ∞ and 0 · ∞ make the loss NaN.
    """,
    formulas=(
        Derived("a chain of equal factors", "w^n x", "w"),
        Formula(
            "growth over n layers",
            r"\lVert g_0 \rVert \le \lVert J_1 \rVert \cdots \lVert J_n \rVert \,"
            r"\lVert g_n \rVert",
        ),
    ),
    example=example,
    questions=(
        Question(
            "Why do gradients explode, and what do you do about it?",
            """
                The gradient is a product over layers or time steps, and with factors above one
                it grows exponentially until a step overshoots everything or overflows to NaN.
                Clipping limits the damage of such a step, while careful initialisation,
                normalisation and gates keep the factors near one.
            """,
        ),
        Question(
            "The loss has become NaN. Where do you look?",
            """
                At the norm of the gradient in the steps before: a sudden jump points to an
                explosion. Without one, suspect a learning rate that is too high, the logarithm
                of zero, a division by zero or bad data. Afterwards the weights
                are spoilt: go back to a checkpoint.
            """,
        ),
        Question(
            "Can one network have both vanishing and exploding gradients?",
            """
                Yes: in different directions, layers or steps. A product of matrices usually
                stretches a few directions and shrinks all others.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Any factor above one makes the gradient explode.",
            why="A hundred factors of 1.01 come to less than 3.",
            right="""
                What counts is the product: how far from one the factors are, and how many there
                are.
            """,
            claim="explode",
        ),
        Trap(
            wrong="Exploding gradients are cured by a smaller learning rate.",
            why="""
                The gradient changes by orders of magnitude from place to place. A rate that is safe
                at the cliff is hopelessly slow everywhere else.
            """,
            right="Clip by norm: it shortens the rare long gradients and leaves others alone.",
            claim="clipping-saves",
        ),
    ),
    claims=("explode", "gradient-flow", "clipping-saves", "lstm-needs-less", "rnn-vanishes"),
    related=("vanishing-gradients", "clipping", "recurrent-networks", "initialisation"),
    pictures=(
        Picture(
            draw,
            """
                Gradients through up to 60 layers, each with the same factor, on a logarithmic
                axis: straight lines that rise for factors above one and fall for those below.
            """,
        ),
    ),
)
