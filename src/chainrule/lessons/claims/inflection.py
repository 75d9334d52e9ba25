"""A second derivative of zero does not make an inflection point.

At an inflection point the curve changes from bending one way to bending the other: f″ changes its
sign. Two functions have f″ = 0 at a random point c, and the sign of f″ is looked at on both sides.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    counterexample,
    equal,
    measured,
    no,
    premise,
    yes,
)


def changes_sign(second, c: float) -> bool:
    """Whether f″ has different signs left and right of c, however near one looks."""
    return all(second(c - h).item() * second(c + h).item() < 0 for h in (1.0, 0.1, 0.01))


def experiment(rng: Rng) -> Findings:
    c, scale = rng.uniform(-3, 3), rng.uniform(0.5, 2)
    cubic = cr.derivative(lambda x: scale * (x - c) ** 3, n=2)
    quartic = cr.derivative(lambda x: scale * (x - c) ** 4, n=2)

    yield premise("f″(c) of (x − c)³", cubic(c).item(), equal(0))
    yield premise("f″(c) of (x − c)⁴", quartic(c).item(), equal(0))
    yield measured("inflection of (x − c)³ at c", changes_sign(cubic, c), yes)
    found = changes_sign(quartic, c)
    yield counterexample("inflection of (x − c)⁴ at c", found, says=yes, rather=no)

    def draw(axes):
        x = cr.linspace(-1.5, 1.5, 200)
        axes.plot(x, x**3, label="x³")
        axes.plot(x, x**4, label="x⁴")
        axes.legend(frameon=False)

    yield Picture(draw, "x³ bends downwards left of 0 and upwards right of it; x⁴ upwards on both.")


claim = Claim(
    title="f″ = 0 and inflection points",
    statement="Where the second derivative is zero, the function has an inflection point.",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
    right="""
        At an inflection point f″ changes its sign. f″ = 0 is necessary (where f″ exists), not
        sufficient: x⁴ has f″(0) = 0 and a minimum there.
    """,
)
