"""Stationary points: where the gradient is zero, and what that may be."""

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

F = "x^3 - 3x + y^2"


def f(p):
    x, y = p
    return x**3 - 3 * x + y**2


def example() -> Example:
    yield "f(x, y) = x³ − 3x + y² is level at (1, 0) and at (−1, 0). At the second of them:"
    yield derivation(F, order=2, at=(-1, 0))
    yield "The same for both, by the engine:"
    for x in (1.0, -1.0):
        at = cr.tensor([x, 0.0])
        yield Value(f"∇f({x:g}, 0)", cr.grad(f)(at))
        yield Value(f"eigenvalues of H({x:g}, 0)", np.linalg.eigvalsh(cr.hessian(f)(at).numpy()))
    yield "A step of descent from the saddle goes nowhere; from next to it, it goes away:"
    for x in (-1.0, -1.0 + 1e-3):
        at = cr.tensor([x, 0.0])
        for _ in range(40):
            at = at - 0.1 * cr.grad(f)(at)
        yield Value(f"40 steps from ({x:g}, 0)", at)


def draw(axes):
    x, y = np.meshgrid(np.linspace(-2, 2.2, 200), np.linspace(-1.8, 1.8, 200))
    axes.contour(x, y, f(cr.tensor(np.array([x, y]))).numpy(), 25, linewidths=0.8)
    axes.plot(1, 0, "o", label="minimum")
    axes.plot(-1, 0, "x", label="saddle")
    axes.set_aspect("equal")
    axes.legend(frameon=False)


topic = Topic(
    title="Stationary points",
    chapter=Chapter.SEVERAL,
    place=8,
    motivation="""
        Descent comes to rest where the gradient is zero, so one should know what such places can
        be. Some are what training looks for, and others only look like it.
    """,
    mental_picture="""
        Places where a ball could lie still: the bottom of a bowl, the top of a hill, the middle
        of a mountain pass, anywhere on a plain. A nudge tells them apart: the ball comes back,
        rolls away, or stays where it was pushed.
    """,
    definition="""
        x is stationary (critical) if ∇f(x) = 0. If the Hessian there is positive definite, x is a
        local minimum; if negative definite, a local maximum; with eigenvalues of both signs, a
        saddle. On a plateau the gradient is nearly zero over a wide region, whatever the loss is.
    """,
    formulas=(
        Formula("stationary", r"\nabla f(x) = 0"),
        Formula(
            "kinds",
            r"\begin{cases} \text{minimum} & \text{if all } \lambda_i > 0 \\ "
            r"\text{maximum} & \text{if all } \lambda_i < 0 \\ "
            r"\text{saddle} & \text{if both signs occur} \end{cases}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What does a zero gradient tell you, and what does descent do there?",
            """
                The point is stationary: a minimum, a maximum, a saddle, or part of a plateau.
                Descent stays where it is, since its update is the learning rate times zero.
            """,
        ),
        Question(
            "What gets training off a saddle in practice?",
            """
                The noise of mini-batches, momentum that still carries, and rounding: exactly on a
                saddle is a place that is hardly ever met.
            """,
        ),
        Question(
            "How do you tell a minimum from a saddle in a large network?",
            """
                By the smallest eigenvalue of the Hessian, which can be found with products H v
                alone. If it is negative, there is a way down.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Where the gradient is zero, the loss is at its global minimum.",
            why="Maxima, saddles, plateaus and other minima have a gradient of zero as well.",
            right="A zero gradient makes a stationary point. Only for convex losses is it the end.",
            claim="zero-gradient",
        ),
        Trap(
            wrong="The gradients are near zero, so training has converged.",
            why="A saturated network has tiny gradients and may be wrong on every example.",
            right="Watch the loss and the validation score; a small gradient means only slow.",
            claim="flat-high-loss",
        ),
    ),
    claims=("stationary", "zero-gradient", "second-derivative-test", "flat-high-loss", "saddle"),
    related=("gradient", "hessian", "saddles", "convexity", "early-stopping"),
    pictures=(
        Picture(
            draw,
            """
                Contour lines of x³ − 3x + y²: closed rings around the minimum at (1, 0), and two
                lines that cross at the saddle at (−1, 0).
            """,
        ),
    ),
)
