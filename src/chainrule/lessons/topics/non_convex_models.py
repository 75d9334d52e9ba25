"""Networks: losses with many valleys, and why training works nevertheless."""

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

LOSS = "(1 - v w)^2"


def example() -> Example:
    yield "The smallest network there is: two weights in a row, ŷ = v·w·1, that should give 1."
    yield derivation(LOSS, wrt="v, w", order=2, at=(0, 0))
    yield "The minima are the curve vw = 1. (1, 1) and (−1, −1) lie on it, their middle does not:"
    f = cr.parse(LOSS)
    for at in ((1.0, 1.0), (-1.0, -1.0), (0.0, 0.0)):
        yield Value(f"loss at {at[0]:g}, {at[1]:g}", f(*at))


def draw(axes):
    grid = np.linspace(-2, 2, 200)
    v, w = np.meshgrid(grid, grid)
    axes.contour(v, w, cr.parse(LOSS)(v, w).numpy(), [0.05, 0.3, 1, 2, 4, 9], cmap="cividis")
    axes.plot([0], [0], "x", color="black")
    axes.set_xlabel("v")
    axes.set_ylabel("w")
    axes.set_aspect("equal")


topic = Topic(
    title="Non-convex models",
    chapter=Chapter.LANDSCAPES,
    place=3,
    motivation="A network with a hidden layer has no convex loss. Where training ends depends on "
    "the start, the order of the data and the optimizer, and no gradient tells how good the end "
    "is.",
    mental_picture="A range of mountains with many valleys. Some are copies of each other: "
    "exchanging two hidden units changes the weights and not the function. In between lie passes, "
    "the saddles.",
    definition="A function is not convex as soon as one chord dips below its graph. For a network "
    "with a hidden layer there always are such chords: between a minimum and the same network "
    "with its hidden units in another order lies, in general, a higher loss.",
    formulas=(
        Formula("not convex", r"f\left(\frac{a + b}{2}\right) > \frac{f(a) + f(b)}{2}"),
        Derived("two weights in a row", LOSS, "v"),
    ),
    example=example,
    questions=(
        Question(
            "Is the loss of a neural network convex, and why does it matter?",
            "No: hidden units can be exchanged, which makes many equal valleys with hills between "
            "them. Descent is only sure to find a stationary point, so initialisation, noise and "
            "learning rate matter.",
        ),
        Question(
            "Why can networks be trained all the same?",
            "With many more parameters than are needed most stationary points with a high loss "
            "have a direction that leads down, and the minima that are reached tend to be similar "
            "in loss. That is an observation on wide networks, not a theorem for all of them.",
        ),
    ),
    traps=(
        Trap(
            wrong="Without an activation function a deep network is convex, because it is linear.",
            why="It is linear in its input. In its weights it is a product: (1 − vw)² has a "
            "saddle.",
            right="A product of weight matrices makes the loss non-convex, with or without "
            "activations.",
            claim="nonconvex-network",
        ),
        Trap(
            wrong="Training gets stuck in bad local minima.",
            why="In many dimensions a stationary point needs all its curvatures positive to be a "
            "minimum, which is rare among those with a high loss.",
            right="Saddles and plateaus slow it down; small networks do have bad minima.",
            claim="critical-saddles",
        ),
    ),
    claims=("nonconvex-network", "similar-minima", "critical-saddles"),
    related=("convexity", "saddles", "initialisation"),
    pictures=(
        Picture(
            draw,
            "Contours of (1 − vw)²: two valleys along the branches of a hyperbola, with a pass "
            "between them at the origin, marked by a cross.",
        ),
    ),
)
