"""Automatic differentiation is exact up to rounding.

A rational function is iterated five times. Its derivative is computed once more in fractions, where
nothing is rounded: a value and its derivative go through the four rules of sum, product and
quotient. The two derivatives should agree to a few units of the last digit. But what is
differentiated is the program: if it loses its digits, as (1 − cos x)/x² does near 0, so does its
derivative.
"""

from fractions import Fraction

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, above, at_most, caveat, measured

TIMES, POINTS = 5, 200
EPSILON = np.finfo(float).eps


def f(x):
    for _ in range(TIMES):
        x = (x * x + 1) / (x + 2)
    return x


def exact_slope(x: float) -> Fraction:
    """The derivative of f in fractions."""
    value, slope = Fraction(x), Fraction(1)
    for _ in range(TIMES):
        above_, below_ = value**2 + 1, value + 2
        slope = (2 * value * slope * below_ - above_ * slope) / below_**2
        value = above_ / below_
    return slope


def experiment(rng: Rng) -> Findings:
    x = rng.uniform(0.6, 3, POINTS)
    engine = cr.vmap(cr.grad(f))(cr.tensor(x)).numpy()
    exact = [exact_slope(one) for one in x]
    errors = [
        float(abs(Fraction(found) - true) / abs(true)) / EPSILON
        for found, true in zip(engine, exact, strict=True)
    ]
    yield measured("median error", np.median(errors), at_most(20), "roundings")

    def cancelling(x):
        return (1 - cr.cos(x)) / x**2

    at = rng.uniform(1e-6, 1e-5)
    true = -at / 12  # of the series 1/2 − x²/24 + …
    found = cr.grad(cancelling)(at).item()
    yield caveat(
        "relative error for (1 − cos x)/x² near 0",
        abs(found - true) / abs(true),
        says=at_most(1e-10),
        rather=above(1e-3),
    )


claim = Claim(
    title="Exact to rounding",
    statement="Gradients of automatic differentiation are exact up to rounding.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
    caveat="Exact is the derivative of the program as it is written. Where the program loses "
    "digits by cancellation, its derivative loses them too.",
)
