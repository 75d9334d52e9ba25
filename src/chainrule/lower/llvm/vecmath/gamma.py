"""ln |Γ| and the polygamma functions, all in double.

The regions and their rational approximations are those of the reference (ops/special_values.py);
here every lane computes all of them. The recurrences that lead into a region are written without
divisions, and powers carry twice the digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, factorial, pi

from chainrule.lower.llvm.ir import Value, lanes
from chainrule.lower.llvm.vecmath.common import Double, Math, raised
from chainrule.lower.llvm.vecmath.exponential import log
from chainrule.lower.llvm.vecmath.rounding import to_whole
from chainrule.lower.llvm.vecmath.trigonometric import cosine, sine
from chainrule.ops import special_values as reference

__all__ = ["ORDERS", "lgamma", "polygamma"]

ORDERS = 20
"""The highest order of polygamma that code is written for."""

_INFINITY = float("inf")


def _any(m: Math, condition: Value) -> Value:
    if not lanes(condition.type):
        return condition
    return m.f.intrinsic("vector.reduce.or", "i1", condition)


def _rational(
    m: Math, x: Value, top: Sequence[float], bottom: Sequence[float]
) -> tuple[Double, Double]:
    """Numerator and denominator, with what rounding lost where double accuracy is wanted."""
    if m.single:
        zero = m.constant(0.0)
        return (m.horner(x, top), zero), (m.horner(x, bottom), zero)
    return m.horner_twice(x, top), m.horner_twice(x, bottom)


def _chosen(condition: Value, yes: Double, no: Double) -> Double:
    return condition.select(yes[0], no[0]), condition.select(yes[1], no[1])


def _sine_cosine_pi(m: Math, x: Value) -> Double:
    """sin πx and cos πx; both exact where x is a multiple of ½."""
    half = x * 2.0
    count = to_whole(half, "roundeven", m.machine)
    r = (half - count) * (pi / 2)
    s, c = sine(m, r), cosine(m, r)
    rest = count - 4.0 * to_whole(count * 0.25, "floor", m.machine)  # 0, 1, 2 or 3
    odd = rest.eq(1.0) | rest.eq(3.0)
    s, c = odd.select(c, s), odd.select(s, c)
    s = rest.ge(2.0).select(-s, s)
    c = (rest.eq(1.0) | rest.eq(2.0)).select(-c, c)
    return s, c


# -- ln |Γ| --------------------------------------------------------------------------------------


def lgamma(m: Math, x: Value) -> Value:
    """ln |Γ(x)|; ∞ at 0, −1, −2, …"""
    return m.in_double(_lgamma, x)


def _lgamma(m: Math, x: Value) -> Value:
    size = m.abs(x)
    y = _lgamma_positive(m, size)

    def reflected() -> Value:
        s, _ = _sine_cosine_pi(m, size)
        # near 0 the product under the logarithm would underflow, and Γ(−x) is −Γ(x)
        z = log(m, pi / (m.abs(s) * size)) - y
        z = size.lt(2.0**-54).select(y, z)
        pole = to_whole(size, "trunc", m.machine).eq(size)
        return x.le(0.0).select(pole.select(m.constant(_INFINITY), z), y)

    return m.f.choose(_any(m, x.le(0.0)), reflected, lambda: y)


def _lgamma_positive(m: Math, x: Value) -> Value:
    small, low, far = x.lt(0.5), x.lt(1.0), x.ge(10.0)
    v = small.select(x + 1.0, x)  # Γ(x) = Γ(1 + x) / x
    product = m.constant(1.0)
    for _ in range(7):  # down to (2, 3] by Γ(x) = (x−1) Γ(x−1)
        above = v.gt(3.0)
        v = above.select(v - 1.0, v)
        product = above.select(product * v, product)
    low = low & ~small
    u = v - 1.0
    near = _rational(m, u, reference._LGAMMA_TOP, reference._LGAMMA_BOTTOM)
    lower = _rational(m, v - 0.5, reference._LGAMMA_LOW_TOP, reference._LGAMMA_LOW_BOTTOM)
    top, bottom = (_chosen(low, a, b) for a, b in zip(lower, near, strict=True))
    # near the zeros 1 and 2 this is all of the result
    y, _ = m.times(m.two_product(u, v - 2.0), m.quotient(top, bottom))
    logarithm = log(m, (small | far).select(x, product))
    y = y + small.select(-logarithm, logarithm)
    # Stirling's series
    inverse = 1.0 / x
    series = inverse * m.horner(inverse * inverse, reference._STIRLING)
    stirling = m.fma(x - 0.5, logarithm - 1.0, series + (reference._HALF_LOG_TAU - 0.5))
    return far.select(stirling, y)


# -- polygamma -----------------------------------------------------------------------------------


def polygamma(m: Math, x: Value, n: int) -> Value:
    """ψ⁽ⁿ⁾(x), the derivative of order n + 1 of ln Γ; NaN at 0, −1, −2, …"""
    return m.in_double(lambda m, x: _polygamma(m, x, n), x)


def _polygamma(m: Math, x: Value, n: int) -> Value:
    negative = x.le(0.0)
    mirrored = negative.select(1.0 - x, x)
    if n:
        y = _zeta(m, mirrored, n + 1) * ((1.0 if n % 2 else -1.0) * factorial(n))
    else:
        y = _digamma_positive(m, mirrored)

    def reflected() -> Value:
        # ψ⁽ⁿ⁾(1−x) + (−1)ⁿ⁺¹ ψ⁽ⁿ⁾(x) = (−1)ⁿ π dⁿ/dxⁿ cot πx   (NIST, equation 5.15.6)
        s, c = _sine_cosine_pi(m, x)
        polynomial = [float(k) for k in reference._cotangent_derivative(n)]
        turn = pi ** (n + 1) * m.horner(c / s, polynomial)
        z = (-y if n % 2 else y) - turn
        z = to_whole(x, "trunc", m.machine).eq(x).select(m.constant(float("nan")), z)
        return negative.select(z, y)

    return m.f.choose(_any(m, negative), reflected, lambda: y)


def _digamma_positive(m: Math, x: Value) -> Value:
    small, far = x.lt(1.0), x.ge(10.0)
    v = small.select(x + 1.0, x)  # ψ(x) = ψ(1 + x) − 1/x
    # Σ 1/(x − k) as one fraction, down to (1, 2]
    top, bottom = small.select(m.constant(-1.0), m.constant(0.0)), small.select(x, 1.0)
    for _ in range(8):
        above = v.gt(2.0)
        v = above.select(v - 1.0, v)
        top = above.select(m.fma(top, v, bottom), top)
        bottom = above.select(bottom * v, bottom)
    zero, zero_low = reference._DIGAMMA_ZERO
    p, q = _rational(m, v - 1.0, reference._DIGAMMA_TOP, reference._DIGAMMA_BOTTOM)
    distance = m.fast_two_sum(v - zero, m.constant(-zero_low))
    near = m.times(distance, m.quotient(p, q))[0] + top / bottom
    inverse = 1.0 / x
    square = inverse * inverse
    series = m.fma(inverse, 0.5, square * m.horner(square, reference._PSI_SERIES))
    return far.select(log(m, x) - series, near)


def _power(m: Math, x: Value, s: int) -> Double:
    """x⁻ˢ in two parts."""
    one, zero = m.constant(1.0), m.constant(0.0)
    rough = raised(1.0 / x, s, lambda a, b: a * b)
    if m.single:
        return rough, zero
    high, low = raised(m.quotient((one, zero), (x, zero)), s, m.times)
    lost = low.is_nan()  # the error of an overflowing product means nothing
    return lost.select(rough, high), lost.select(zero, low)


def _zeta(m: Math, x: Value, s: int) -> Value:
    """Hurwitz's ζ(s, x) for s ≥ 2 and x > 0, by Euler–Maclaurin summation.

    Terms are added one by one until x + k ≥ 10 + s/2, where the twelve terms of the series that
    follow reach full precision (NIST Handbook of Mathematical Functions, equation 25.11.28).
    """
    enough = 10 + s / 2
    zero = m.constant(0.0)
    with m.f.loop(0, ceil(enough), carried=[x, zero, zero]) as loop:
        at, total, low = loop.values
        near = at.lt(enough)
        term, term_low = _power(m, at, s)
        bigger, rest = m.two_sum(total, term)
        loop.carry(
            near.select(at + 1.0, at),
            near.select(bigger, total),
            near.select(low + (rest + term_low), low),
        )
    at, total, low = loop.results
    inverse = 1.0 / at
    square = inverse * inverse
    factor, coefficients = float(s), []
    for k, bernoulli in enumerate(reference._BERNOULLI):
        coefficients.append(factor * (bernoulli / factorial(2 * k + 2)))
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2)
    series = m.fma(inverse * inverse, m.horner(square, coefficients), inverse * 0.5)
    power, power_low = _power(m, at, s - 1)
    start = 1 / (s - 1)
    rest = m.fma(power, series, m.fma(power_low, start, low))
    y = total + m.fma(power, start, rest)
    # an infinite term has no error term
    return total.eq(_INFINITY).select(total, y)
