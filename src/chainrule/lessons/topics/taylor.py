"""Taylor expansion: a function near a point, as a polynomial in the step."""

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

F = "ln(1 + x)"


def example() -> Example:
    yield "f(x) = ln(1 + x) around 0, to the third order:"
    yield derivation(F, kind="taylor", order=3, at=0)
    f = cr.parse(F)
    yield "The engine needs no formula of f‴ for it; one pass of power series gives them all:"
    yield Value("coefficients", np.array(cr.taylor(f, 0.0, 3).coefficients))
    yield "What the expansions miss at h = 0.2 and at h = 0.1:"
    for order in (1, 2):
        p = cr.taylor(f, 0.0, order)
        missed = [abs(f(h) - p(h)).item() for h in (0.2, 0.1)]
        yield Value(f"order {order}: remainder", missed)
        yield Value(f"order {order}: halving h divides it by", missed[0] / missed[1])


def draw(axes):
    f = cr.parse(F)
    x = cr.linspace(-0.9, 1.5, 200)
    axes.plot(x, f(x), color="black", label="f")
    for order in (1, 2, 3, 5):
        axes.plot(x, cr.taylor(f, 0.0, order)(x), "--", linewidth=1, label=f"order {order}")
    axes.set_ylim(-3, 2)
    axes.legend(frameon=False)


topic = Topic(
    title="Taylor expansion",
    chapter=Chapter.DERIVATIVES,
    place=4,
    motivation="""
        Descent decides on a step before it has seen the loss at the end of it. Taylor's expansion
        says what the derivatives at one point predict for its neighbourhood, and how wrong the
        prediction can be.
    """,
    mental_picture="""
        Copying a curve with ever more flexible rulers, all held at one point. The straight one
        follows it for a little way, the one that bends follows it for longer; each further
        derivative is one more thing that the ruler can do.
    """,
    definition="""
        The Taylor polynomial of order k agrees with f in its value and its first k derivatives at
        x. What it misses after a step h is of size hᵏ⁺¹, for small h and a smooth f. In several
        variables the gradient takes the place of f′ and the Hessian that of f″.
    """,
    formulas=(
        Formula(
            "expansion",
            r"f(x + h) = f(x) + f'(x) \, h + \frac{1}{2} \, f''(x) \, h^2 + \cdots",
        ),
        Formula(
            "several variables",
            r"f(x + h) \approx f(x) + \nabla f \cdot h + \frac{1}{2} \, h^\top H \, h",
        ),
        Formula(
            "what a step of descent gains",
            r"L(w - \eta \, \nabla L) \approx L(w) - \eta \, \lVert \nabla L \rVert^2",
        ),
    ),
    example=example,
    questions=(
        Question(
            "How does Taylor's expansion lead to gradient descent and to Newton's method?",
            """
                Cut after the first order it says that the loss falls fastest along −∇L, as long
                as the step is small: that is descent. Cut after the second it is a parabola, and
                going to its lowest point is Newton's method.
            """,
        ),
        Question(
            "How fast does the error of a linear approximation fall with the step?",
            """
                With its square: half the step, a quarter of the error. With the second-order term
                it falls with the cube.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="A step along −∇L lowers the loss.",
            why="""
                That is what the first order says. A long step gets to where the curvature counts,
                and there the loss may be higher than before.
            """,
            right="A small enough step along −∇L lowers it; the curvature says what is small.",
            claim="descent-decreases",
        ),
        Trap(
            wrong="f(x + h) equals f(x) + f′(x) h.",
            why="Only a straight line does that. Otherwise something of size h² is missing.",
            right="The two agree up to a remainder that falls with h², and so faster than h.",
            claim="nudge",
        ),
    ),
    claims=("taylor", "nudge", "learning-rate"),
    related=("derivative", "second-derivative", "hessian", "gradient-descent", "newton"),
    pictures=(
        Picture(
            draw,
            """
                The curve ln(1 + x) and its expansions of order 1, 2, 3 and 5 around 0: all touch
                it there, and each follows it further than the one before.
            """,
        ),
    ),
)
