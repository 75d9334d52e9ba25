"""The second derivative: curvature, and the test at a critical point."""

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

F = "x^3 - 3x"


def example() -> Example:
    yield "f(x) = x³ − 3x is level at x = 1 and at x = −1. What is there, f″ tells:"
    yield derivation(F, order=2, at=1)
    second = cr.derivative(cr.parse(F), n=2)
    yield Value("f″(1), by differentiating twice", second(1.0))
    yield Value("f″(−1): negative, a maximum", second(-1.0))
    yield Value("f″(0): here the bend changes its side", second(0.0))
    yield "For x⁴ the test is silent, although 0 is a minimum:"
    yield derivation("x^4", order=2, at=0)


def draw(axes):
    f = cr.parse(F)
    x = cr.linspace(-2.2, 2.2, 200)
    axes.plot(x, f(x), label="f")
    axes.plot(x, cr.vmap(cr.derivative(f))(x), "--", label="f′")
    axes.plot(x, cr.vmap(cr.derivative(f, n=2))(x), ":", label="f″")
    axes.plot([-1, 1], f(cr.tensor([-1.0, 1.0])), "o", color="black")
    axes.axhline(0, color="0.7", linewidth=0.8)
    axes.set_ylim(-6, 6)
    axes.legend(frameon=False)


topic = Topic(
    title="Second derivative",
    chapter=Chapter.DERIVATIVES,
    place=3,
    motivation="""
        The slope says which way is down, but not how far one may trust it. The second derivative
        says how fast the slope itself changes, and so how long a step can be and whether a level
        place is a minimum.
    """,
    mental_picture="""
        Ride a bicycle along the curve, from left to right, seen from above: f″ is the handlebar.
        Positive, it is turned to the left and the curve bends upwards like a bowl; negative, the
        curve bends downwards like a hill; at zero you go straight for a moment.
    """,
    definition="""
        f″ is the derivative of f′. At a critical point, where f′(x) = 0, a positive f″(x) makes x
        a local minimum and a negative one a local maximum. If f″(x) = 0 the test decides nothing.
        At an inflection point f″ changes its sign.
    """,
    formulas=(
        Formula(
            "second derivative",
            r"f''(x) = \frac{d^2 f}{dx^2} = \lim_{h \to 0} "
            r"\frac{f(x + h) - 2 f(x) + f(x - h)}{h^2}",
        ),
        Formula("minimum", r"f'(x) = 0, \ f''(x) > 0 \implies x \text{is a local minimum}"),
        Formula("maximum", r"f'(x) = 0, \ f''(x) < 0 \implies x \text{is a local maximum}"),
    ),
    example=example,
    questions=(
        Question(
            "What does the second derivative tell you?",
            """
                It is the curvature: how the slope changes as one moves along. At a point with
                slope 0 a positive one makes a minimum and a negative one a maximum, and for
                descent it limits the learning rate.
            """,
        ),
        Question(
            "What if f′ and f″ are both 0?",
            """
                Then the test does not decide: x⁴ has a minimum at 0, −x⁴ a maximum, and x³ neither.
                The first derivative that is not 0 does: of even order it makes an extremum, of
                odd order none.
            """,
        ),
        Question(
            "Why do large networks get along without second derivatives?",
            """
                There are n² of them for n parameters. Momentum and adaptive step sizes make up
                for some of what they would tell, at the price of a gradient.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="f″(x) = 0 means that x is an inflection point.",
            why="For x⁴ the second derivative is 0 at 0, and positive on both sides.",
            right="At an inflection point f″ changes its sign. Being zero is not enough for that.",
            claim="inflection",
        ),
        Trap(
            wrong="A minimum has f″ > 0.",
            why="At the minimum of x⁴ it is 0; at the minimum of |x| there is none.",
            right="f′ = 0 and f″ > 0 are enough for a minimum, not necessary. Necessary is f″ ≥ 0.",
            claim="second-derivative-test",
        ),
    ),
    claims=("second-derivative-test", "inflection", "learning-rate"),
    related=("derivative", "taylor", "hessian", "stationary-points", "convexity"),
    pictures=(
        Picture(
            draw,
            """
                x³ − 3x with its first and second derivative: f′ is zero at the hilltop at −1 and
                in the valley at 1; f″ is a line, negative at the one and positive at the other.
            """,
        ),
    ),
)
