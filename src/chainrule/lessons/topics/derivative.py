"""The derivative of a function of one variable, as a limit."""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    derivation,
)


def example() -> Example:
    yield "Take f(x) = x² + 3x. Its derivative by the definition, as a limit of secants:"
    yield derivation("x^2 + 3x", kind="limit", at=2)
    yield "The rules give the same without any limit:"
    yield derivation("x^2 + 3x", at=2)


def draw(axes):
    f = cr.parse("x^2 + 3x")
    x = cr.linspace(0.5, 4, 100)
    axes.plot(x, f(x), label="f(x) = x² + 3x")
    for h in (1.5, 0.75, 0.25):
        slope = (f(2 + h) - f(2)).item() / h
        axes.plot(x, f(2) + slope * (x - 2), linewidth=0.8, label=f"secant, h = {h:g}")
    slope = cr.derivative(f)(2.0).item()
    axes.plot(x, f(2) + slope * (x - 2), "--", color="black", label="tangent")
    axes.legend(frameon=False)


topic = Topic(
    title="Derivative",
    chapter=Chapter.DERIVATIVES,
    place=1,
    motivation="""
        To make an error smaller, one has to know what a small change of a parameter does to it.
        The derivative is that number: the change of the output for each unit of change of the
        input, at the place where you are.
    """,
    mental_picture="""
        Zoom in on a smooth curve: it looks more and more like a straight line. The derivative
        is the slope of that line. Where it is positive the curve climbs to the right, where it
        is negative it falls, and where it is zero it is level.
    """,
    definition="""
        f′(x) is the limit of the slope of the secant through x and x + h, as h tends to 0 from
        either side. If there is no such limit, f has no derivative at x: at a corner, a jump,
        or where the curve is vertical.
    """,
    formulas=(
        Formula("derivative", r"f'(x) = \frac{df}{dx} = \lim_{h \to 0} \frac{f(x + h) - f(x)}{h}"),
        Formula("small change", r"f(x + h) \approx f(x) + f'(x) \, h"),
    ),
    example=example,
    questions=(
        Question(
            "What is a derivative, and what does training need it for?",
            """
                It is the rate at which a function changes at a point: the slope of its tangent,
                the limit of the slopes of secants. Training moves each parameter against the
                sign of the derivative of the loss, because that is where the loss falls.
            """,
        ),
        Question(
            "What does the sign of f′(x) tell you?",
            """
                Positive: f increases at x. Negative: it decreases. Zero: the tangent is level,
                which may be a minimum, a maximum, or neither.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="The smaller h, the better the slope of the secant approximates the derivative.",
            why="""
                On a computer f(x + h) and f(x) are rounded. As h shrinks their difference loses
                digits, until nothing but rounding is left.
            """,
            right="""
                There is a best h, near the square root of the machine precision for a one-sided
                difference. Derivatives by rules, as the engine computes them, need no h.
            """,
            claim="finite-differences",
        ),
    ),
    claims=("secant-limit", "nudge", "finite-differences"),
    related=("derivative-table", "second-derivative", "taylor", "partial-derivative"),
    pictures=(
        Picture(
            draw,
            """
                The curve x² + 3x, its tangent at 2, and secants through 2 that turn towards the
                tangent as their second point comes nearer.
            """,
        ),
    ),
)
