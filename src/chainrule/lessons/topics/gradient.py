"""The gradient: all partial derivatives of a scalar function, as one vector."""

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

F = "x^2 y + 3y^2"


def example() -> Example:
    yield "The gradient of f(x, y) = x²y + 3y² at (2, −1): one partial derivative after the other."
    yield derivation(F, at=(2, -1))
    f = cr.parse(F)
    g = np.array(cr.grad(f, argnums=(0, 1))(2.0, -1.0))
    yield Value("its length, the slope of the steepest direction", np.linalg.norm(g))
    x, y = np.array([2.0, -1.0]) - 0.01 * g
    yield "A step of descent, w − 0.01 ∇f, makes f smaller:"
    yield Value("f(2, −1)", f(2.0, -1.0))
    yield Value("f after the step", f(x, y))


def draw(axes):
    f = cr.parse("x^2 + 2y^2 + x y")
    x, y = np.meshgrid(np.linspace(-2, 2, 120), np.linspace(-2, 2, 120))
    axes.contour(x, y, f(x, y).numpy(), 12)
    at = np.array([(-1.5, 0.5), (1.0, 1.0), (0.5, -1.5), (-0.8, -0.9), (1.7, -0.4)])
    u, v = cr.vmap(cr.grad(f, argnums=(0, 1)))(*map(cr.tensor, at.T))
    axes.quiver(*at.T, u, v, angles="xy", color="#0072B2")
    axes.quiver(*at.T, -u, -v, angles="xy", color="#D55E00")
    axes.set_aspect("equal")


topic = Topic(
    title="Gradient",
    chapter=Chapter.SEVERAL,
    place=2,
    motivation="""
        A network has millions of parameters, and a step of training changes all of them at
        once. The gradient holds one derivative of the loss for each of them: everything that a
        first-order optimizer gets to know.
    """,
    mental_picture="""
        An arrow on a map of heights. It points straight uphill, across the contour line, and it
        is long where the hill is steep. Turned round, it is the way down.
    """,
    definition="""
        The gradient of a scalar function f at x is the vector of its partial derivatives there.
        It has the shape of x. The slope of f in the direction of a unit vector v is ∇f · v,
        which is largest for v along ∇f, and there equals ‖∇f‖.
    """,
    formulas=(
        Formula(
            "gradient",
            r"\nabla f = \left(\frac{\partial f}{\partial x_1}, \ldots, "
            r"\frac{\partial f}{\partial x_n}\right)^\top",
        ),
        Formula(
            "steepest slope",
            r"\max_{\lVert v \rVert = 1} \nabla f \cdot v = \lVert \nabla f \rVert",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is the gradient, and why does descent use −∇L?",
            """
                It is the vector of the partial derivatives of the loss, one for each parameter,
                and it points where the loss rises fastest. To make the loss smaller one
                therefore steps the opposite way.
            """,
        ),
        Question(
            "What does the length of the gradient mean?",
            """
                It is the slope in the steepest direction: how much the loss changes for each
                unit of distance. At a stationary point it is 0.
            """,
        ),
        Question(
            "How do derivative, partial derivative and gradient differ?",
            """
                A derivative belongs to a function of one variable. A partial derivative is that
                of one variable of several, with the others held fixed. The gradient collects
                all of them.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Training follows the gradient to the minimum.",
            why="The gradient points uphill: a step along it makes the loss larger.",
            right="Training steps against the gradient, along −∇L. Hence the descent in the name.",
            claim="steepest",
        ),
        Trap(
            wrong="The gradient is a number.",
            why="A single number cannot say what each of the parameters should do.",
            right="It is a vector of the shape of the parameters. Its length is a number.",
            claim="gradient-shape",
        ),
    ),
    claims=("steepest", "perpendicular", "gradient-shape", "descent-decreases"),
    related=(
        "partial-derivative",
        "directional-derivative",
        "level-curves",
        "jacobian",
        "gradient-descent",
        "saliency",
    ),
    pictures=(
        Picture(
            draw,
            """
                Contour lines of a bowl with gradients at five points: they cross the lines at
                right angles, pointing out and up; the opposite arrows point down.
            """,
        ),
    ),
)
