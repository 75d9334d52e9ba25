"""x to the power y."""

from __future__ import annotations

from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.vecmath.common import LN2, Double, Math
from chainrule.lower.llvm.vecmath.exponential import exp, log
from chainrule.lower.llvm.vecmath.rounding import to_whole

__all__ = ["pow_"]

_INFINITY = float("inf")
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)

# (ln(1 + f) / s − 2 − 2s²/3) / s⁴ in powers of s², s = f / (2 + f), 1 + f in [√½, √2];
# an interpolant at Chebyshev nodes, computed in 60 digits
_LOG = (
    0.3999999999999999982,
    0.2857142857142936953,
    0.2222222222165386614,
    0.1818181833585047787,
    0.1538459491363158414,
    0.1333480735186960315,
    0.1170616518266832449,
    0.1172392248847149666,
)


def _log_twice(m: Math, x: Value) -> Double:
    """ln x to about 65 bits, for x > 0."""
    k, significand = m.split(x)
    s = m.quotient((significand - 1.0, m.constant(0.0)), m.two_sum(significand, m.constant(1.0)))
    square, square_low = m.times(s, s)
    third, third_low = m.fast_two_sum(m.constant(_TWO_THIRDS[0]), square * m.horner(square, _LOG))
    tail = m.times((square, square_low), (third, third_low + _TWO_THIRDS[1]))
    two, two_low = m.fast_two_sum(m.constant(2.0), tail[0])
    high, rest = LN2["double"]
    return m.plus(
        m.fast_two_sum(k * high, k * rest),
        m.times(s, (two, two_low + tail[1])),
    )


def pow_(m: Math, x: Value, y: Value) -> Value:
    """e to the power y·ln |x|, with the sign of an odd power; the special cases are those of C."""
    return m.in_double(_pow, x, y)


def _pow(m: Math, x: Value, y: Value) -> Value:
    size = m.abs(x)
    # a larger |y| leads to 0, 1 or ∞ as well, and its products do not overflow
    exponent = m.clamp(y, -(2.0**70), 2.0**70)
    if m.single:
        result = exp(m, exponent * log(m, size))
    else:
        high, low = m.times((exponent, m.constant(0.0)), _log_twice(m, size))
        # exp cuts off a large first part, of which the second is then no correction
        result = exp(m, high, m.abs(high).lt(1024.0).select(low, 0.0))
    infinite = size.eq(_INFINITY)
    to_infinity = infinite ^ y.lt(0.0)
    result = (infinite | size.eq(0.0)).select(m.where(to_infinity, _INFINITY, 0.0), result)

    whole = to_whole(y, "trunc", m.machine).eq(y)
    half = y * 0.5
    odd = whole & to_whole(half, "trunc", m.machine).ne(half)
    result = odd.select(m.copysign(result, x), result)
    root_of_negative = x.lt(0.0) & ~whole & ~infinite
    result = m.where(root_of_negative, float("nan"), result)
    result = (x.is_nan() | y.is_nan()).select(x + y, result)
    return m.where(y.eq(0.0) | x.eq(1.0), 1.0, result)
