"""Level curves: where a function keeps its value, and how the gradient crosses them."""

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
    angle,
    derivation,
)

F = "x^2 + 4y^2"


def f(p):
    x, y = p
    return x**2 + 4 * y**2


def example() -> Example:
    yield "f(x, y) = x² + 4y² has the value 8 at (2, 1). The slope of its level curve there:"
    curve = derivation(F + " = 8", at=(2, 1))
    yield curve
    yield "So the curve runs along (1, dy/dx), and the gradient stands across it:"
    at, tangent = cr.tensor([2.0, 1.0]), np.array([1.0, curve.results[0].value])
    g = cr.grad(f)(at).numpy()
    yield Value("∇f", g)
    yield Value("∇f · (1, dy/dx)", g @ tangent)
    tangent, uphill = (v / np.linalg.norm(v) for v in (tangent, g))
    yield Value("f after a step of 0.001 along the curve, less f", f(at + 1e-3 * tangent) - f(at))
    yield Value("the same along the gradient", f(at + 1e-3 * uphill) - f(at))
    yield "The curve is an ellipse, so the way down, −∇f, does not point at the minimum (0, 0):"
    yield Value("angle between −∇f and the way to the minimum, degrees", angle(-g, -at.numpy()))


def draw(axes):
    grid = np.linspace(-3, 3, 200)
    axes.contour(grid, grid, f(cr.tensor(np.array(np.meshgrid(grid, grid)))).numpy(), 12)
    turns = np.linspace(0, 2 * np.pi, 9)[:-1] + 0.2
    at = np.sqrt(8) * np.stack([np.cos(turns), np.sin(turns) / 2], axis=1)
    g = cr.vmap(cr.grad(f))(cr.tensor(at)).numpy()
    axes.quiver(*at.T, *g.T, angles="xy", scale_units="xy", scale=8, width=0.004)
    axes.plot(*at.T, "o", markersize=3, color="black")
    axes.set_aspect("equal")


topic = Topic(
    title="Level curves",
    chapter=Chapter.SEVERAL,
    place=4,
    motivation="""
        A loss over two weights is best seen on a map, with a line through all places of equal
        height. From the lines alone one can read the direction of the gradient, how steep it is,
        and why descent zigzags.
    """,
    mental_picture="""
        The contour lines of a hiking map. Along a line you neither climb nor fall; straight
        across is the steepest way; and where lines are crowded the hillside is steep.
    """,
    definition="""
        The level set of f for the value c is the set of all x with f(x) = c; in two variables it
        is a curve, in more a surface. Where the gradient is not zero it stands at a right angle
        on the level set, since the slope along the set is zero.
    """,
    formulas=(
        Formula("perpendicular", r"f(\gamma(t)) = c \implies \nabla f \cdot \gamma'(t) = 0"),
        Formula(
            "slope of the curve",
            r"\frac{dy}{dx} = -\frac{\partial f / \partial x}{\partial f / \partial y}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "Why is the gradient perpendicular to level curves?",
            """
                Along a level curve f does not change, so its slope in the direction of the curve
                is zero. That slope is ∇f · t with t the tangent, and a dot product that is zero
                means a right angle.
            """,
        ),
        Question(
            "What do crowded contour lines mean?",
            "A steep place: the same difference of height over a shorter way, so a long gradient.",
        ),
        Question(
            "Why does descent zigzag in a narrow valley?",
            """
                It starts every step across the contour lines. In a narrow valley that is towards
                the opposite wall, and only a little along the valley.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="−∇f points at the minimum.",
            why="""
                It is perpendicular to the level curve. Where the curve is no circle around the
                minimum, that is another direction.
            """,
            right="It points where f falls fastest right here, which may be far off the way down.",
            claim="perpendicular",
        ),
    ),
    claims=("perpendicular", "steepest", "momentum-faster"),
    related=("gradient", "directional-derivative", "gradient-descent", "momentum"),
    pictures=(
        Picture(
            draw,
            """
                Ellipses on which x² + 4y² keeps its value, with the gradient at eight points of
                one of them: each stands at a right angle on the curve.
            """,
        ),
    ),
)
