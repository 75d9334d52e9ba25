"""x to the power y: the exponential of y times the logarithm of x in two parts.

Float computes 2 to the power y·log₂ |x|, where whole exponents need no rounding; double e to the
power y·ln |x|.
"""

from __future__ import annotations

from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.vecmath.common import LN2, Double, Math
from chainrule.lower.llvm.vecmath.exponential import exp
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

# in float: 2 / ln 2 in two parts, the rest of log₂(1 + f) / s over s² in powers of s², and
# (2ʳ − 1) / r on |r| ≤ 0.51, both with the least relative error of log₂ and 2ʳ
_TWO_BY_LN2 = (2.88539004, 3.85192607e-08)
_LOG2 = (0.961796701, 0.577078819, 0.411927223, 0.336492002)
_EXP2 = (0.693147182, 0.240226477, 0.0555035658, 0.0096185077, 0.00133928063, 0.000153288958)


def _ln_twice(m: Math, x: Value) -> Double:
    """ln x to about 65 bits, for x > 0, in double."""
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


def _log2_twice(m: Math, x: Value) -> Double:
    """log₂ x to about 31 bits, for x > 0, in float."""
    k, significand = m.split(x)
    f = significand - 1.0
    bottom, bottom_low = m.fast_two_sum(m.constant(1.0), significand)
    inverse = 1.0 / bottom
    s = f * inverse
    product, lost = m.two_product(s, bottom)
    s_low = inverse * (((f - product) - lost) - s * bottom_low)
    square = s * s
    first, rest = _TWO_BY_LN2
    main, main_low = m.two_product(s, m.constant(first))
    # the derivative of log₂(1 + f) by s is about 2 (1 + s²) / ln 2
    low = m.fma(s_low, m.fma(square, first, first), m.fma(s, rest, main_low))
    low = m.fma(s * square, m.horner(square, _LOG2), low)
    total, total_low = m.fast_two_sum(k, main)
    return m.fast_two_sum(total, total_low + low)


def _exp2(m: Math, x: Value, low: Value) -> Value:
    """2 to the power x + low, in float."""
    x = m.clamp(x, -160.0, 130.0)
    n, count = m.nearest(x)
    # low is below the rounding of x unless x was far outside
    r = (x - n) + m.clamp(low, -1e-3, 1e-3)
    return m.scale(m.fma(r, m.horner(r, _EXP2), 1.0), n, count)


def _root(m: Math, x: Value) -> Value:
    """x to the power ½, which unlike √x is +0 at −0 and ∞ at −∞."""
    return m.where(x.eq(-_INFINITY), _INFINITY, m.sqrt(x + 0.0))


def pow_(m: Math, x: Value, y: Value) -> Value:
    """|x| to the power y with the sign of an odd power; the special cases are those of C."""
    if y.text == m.constant(0.5).text:
        return _root(m, x)
    if y.text == m.constant(-0.5).text:
        return 1.0 / _root(m, x)
    size = m.abs(x)
    # a larger |y| leads to 0, 1 or ∞ as well, and its products do not overflow
    exponent = m.clamp(y, -(2.0**70), 2.0**70)
    logarithm, rest = (_log2_twice if m.scalar == "float" else _ln_twice)(m, size)
    high, low = m.two_product(exponent, logarithm)
    low = m.fma(exponent, rest, low)
    if m.scalar == "float":
        result = _exp2(m, high, low)
    else:
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
