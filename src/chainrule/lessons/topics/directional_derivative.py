"""The directional derivative: the slope along any direction."""

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

F = "x^2 + x y"


def f(p):
    x, y = p
    return x**2 + x * y


def example() -> Example:
    yield "f(x, y) = x² + xy at (1, 2), along the direction (3, 4):"
    yield derivation(F, at=(1, 2), direction=(3, 4))
    at, along = cr.tensor([1.0, 2.0]), np.array([3.0, 4.0])
    v = along / np.linalg.norm(along)
    yield "The same without the gradient:"
    yield Value("by one forward pass along v", cr.directional_derivative(f, at, v))
    yield Value("by a small step along v", (f(at + 1e-6 * v) - f(at - 1e-6 * v)) / 2e-6)
    yield Value("along (3, 4) itself: five times as much", cr.directional_derivative(f, at, along))


def draw(axes):
    at = cr.tensor([1.0, 2.0])
    turns = np.linspace(0, 360, 181)
    v = np.stack([np.cos(np.radians(turns)), np.sin(np.radians(turns))], axis=1)
    slopes = cr.vmap(lambda one: cr.directional_derivative(f, at, one))(cr.tensor(v))
    axes.plot(turns, slopes)
    steepness = cr.linalg.norm(cr.grad(f)(at)).item()
    axes.axhline(steepness, linestyle=":", color="black", label="‖∇f‖")
    axes.axhline(0, color="0.7", linewidth=0.8)
    axes.set_xlabel("direction (degrees)")
    axes.set_ylabel("slope")
    axes.legend(frameon=False)


topic = Topic(
    title="Directional derivative",
    chapter=Chapter.SEVERAL,
    place=3,
    motivation="""
        Partial derivatives look along the axes only, but a step of training goes in no such
        special direction. The directional derivative gives the slope along any direction, and
        comparing them shows why the gradient is the steepest.
    """,
    mental_picture="""
        Standing on a slope you can walk off in any direction. Straight up is steepest, along the
        hillside it is level, straight down it falls most; in between the climb follows the
        cosine of the angle to straight up.
    """,
    definition="""
        The directional derivative of f at x along a unit vector v is the rate at which f changes
        as x moves along v with unit speed. For a differentiable f it is ∇f · v. It is largest for
        v along the gradient, zero across it, and smallest against it.
    """,
    formulas=(
        Formula(
            "directional derivative",
            r"D_v f(x) = \lim_{h \to 0} \frac{f(x + h v) - f(x)}{h} = \nabla f(x) \cdot v",
        ),
        Formula(
            "angle to the gradient",
            r"D_v f = \lVert \nabla f \rVert \cos \theta \quad (\lVert v \rVert = 1)",
        ),
    ),
    example=example,
    questions=(
        Question(
            "Why is the gradient the direction of steepest ascent?",
            """
                The slope along a unit vector v is ∇f · v, that is ‖∇f‖ times the cosine of the
                angle between them. The cosine is largest, 1, when v points along the gradient.
            """,
        ),
        Question(
            "What does it cost to compute a slope along one direction?",
            """
                A single forward pass that carries the direction along (a Jacobian-vector product).
                The gradient is not needed for it.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="The slope along v is ∇f · v, whatever the length of v.",
            why="Twice the vector gives twice the number, though the hill is no steeper.",
            right="It is the slope if v has length 1. Otherwise divide by the length of v.",
            claim="directional",
        ),
    ),
    claims=("directional", "steepest"),
    related=("gradient", "partial-derivative", "level-curves", "jacobian"),
    pictures=(
        Picture(
            draw,
            """
                The slope of f at (1, 2) over the direction from 0° to 360°: a cosine, whose top
                touches ‖∇f‖ in the direction of the gradient.
            """,
        ),
    ),
)
