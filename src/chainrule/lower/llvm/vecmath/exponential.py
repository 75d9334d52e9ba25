"""exp, expm1, log, log1p, log2, log10, sigmoid, softplus.

Reduction by multiples of ln 2 in two parts: W. J. Cody and W. Waite, Software Manual for the
Elementary Functions (1980). Logarithms through s = f / (2 + f): J.-M. Muller, Elementary
Functions (2016), chapter 11. Coefficients are interpolants at Chebyshev nodes, computed in 60
digits, those of exp in float the best for eʳ − 1; each comment gives what is approximated.
"""

from __future__ import annotations

from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.vecmath.common import LN2, Math

__all__ = [
    "LOG2_E",
    "exp",
    "exp_reduced",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sum",
    "sigmoid",
    "softplus",
]

LOG2_E = 1.4426950408889634
LOG10_E = 0.4342944819032518
# log₁₀ 2 in two parts; the products of the first with any exponent are exact
LOG10_2 = {
    "float": (0.301025390625, 4.605038981195214e-06),
    "double": (0.30102999566383914, 1.42050232272661e-13),
}
_LIMITS = {"float": (-104.0, 89.0), "double": (-746.0, 710.0)}
_INFINITY = float("inf")

# (eʳ − 1 − r) / r² on |r| ≤ ln(2)/2
EXP = {
    "float": (0.5, 0.16666548, 0.041666843, 0.00836613122, 0.00138992385),
    "double": (
        0.5,
        0.1666666666666667121,
        0.04166666666666666991,
        0.008333333333325847985,
        0.001388888888888354325,
        0.0001984126987581957906,
        0.00002480158732626110389,
        2.755725413931689046e-6,
        2.755727274269934571e-7,
        2.510573921958671297e-8,
        2.091505988491768587e-9,
    ),
}

# (ln(1 + f) − f + f²/2) / f³ on [√½ − 1, √2 − 1]
LOG_POLYNOMIAL = (
    0.3333333072,
    -0.2500030703,
    0.200010484,
    -0.1664124746,
    0.1421435652,
    -0.1299849062,
    0.1262373853,
    -0.07903643705,
)

# (ln(1 + f) / s − 2) / s² in powers of s², s = f / (2 + f)
LOG_ATANH = (
    0.6666666666666669695,
    0.3999999999989925926,
    0.2857142862608669528,
    0.2222221111664473444,
    0.1818289044741104389,
    0.1533167766126146669,
    0.146169926855504479,
)

# (ln(1 + e) / s − 2) / s² in powers of s², s = e / (2 + e), e in [0, 1]
SOFTPLUS = {
    "float": (0.6666664034, 0.4000756064, 0.2823661981, 0.2685149802),
    "double": (
        0.6666666666666696855,
        0.3999999999956012872,
        0.2857142867666099502,
        0.2222221255792971261,
        0.181822611084197463,
        0.1537327487635800229,
        0.135023424717571004,
        0.1032266927049908191,
        0.168707006610972094,
    ),
}


def exp_reduced(m: Math, x: Value, low: Value | None = None) -> tuple[Value, Value, Value, Value]:
    """n (as a float and as an int), r and (eʳ − 1 − r) / r², where x + low = n·ln 2 + r."""
    n, count = m.nearest(x, LOG2_E)
    high, rest = LN2[m.scalar]
    r = m.fma(n, -high, x)
    r = m.fma(n, -rest, r) if low is None else r + m.fma(n, -rest, low)
    return n, count, r, m.horner(r, m.pick(EXP))


def exp(m: Math, x: Value, low: Value | None = None) -> Value:
    """e to the power x, or x + low."""
    x = m.clamp(x, *_LIMITS[m.scalar])
    n, count, r, tail = exp_reduced(m, x, low)
    return m.scale(1.0 + m.fma(r * r, tail, r), n, count)


def log(m: Math, x: Value) -> Value:
    """The natural logarithm."""
    k, significand = m.split(x)
    high, rest = LN2[m.scalar]
    return m.finish_log(x, m.fma(k, high, log_sum(m, significand - 1.0, k * rest)))


def log_sum(m: Math, f: Value, low: Value) -> Value:
    """ln(1 + f) + low for a small ``low`` and 1 + f in [√½, √2]."""
    half = 0.5 * (f * f)
    if m.scalar == "float":
        return f + (m.fma((f * f) * f, m.horner(f, LOG_POLYNOMIAL), low) - half)
    s = f / (2.0 + f)
    square = s * s
    tail = square * m.horner(square, LOG_ATANH)
    return f - (half - m.fma(s, half + tail, low))


def sigmoid(m: Math, x: Value) -> Value:
    """1 / (1 + e⁻ˣ), through e^−|x|, which cannot overflow."""
    e = exp(m, -m.abs(x))
    negative = x.lt(0.0)
    if m.fast:
        return m.where(negative, e, 1.0) / (1.0 + e)
    bottom, rest = m.fast_two_sum(m.constant(1.0), e)
    y = m.where(negative, e, 1.0) / bottom
    # the quotient by bottom + rest; 1 / bottom is 1 − y for negative x and y otherwise
    return y - (y * rest) * m.where(negative, 1.0 - y, y)


def expm1(m: Math, x: Value) -> Value:
    """eˣ − 1 = (2ⁿ − 1) + 2ⁿ (eʳ − 1), which keeps all digits near 0."""
    tiny = m.abs(x).lt(2.0**-m.digits)
    low, high = _LIMITS[m.scalar]
    # far below 0 the result is −1 long before 2ⁿ is too small
    _, count, r, tail = exp_reduced(m, m.clamp(x, low / 2, high))
    power = m.power_of_two(count - 1)  # 2ⁿ itself may overflow where eˣ does not
    y = m.fma(power, m.fma(r * r, tail, r), power - 0.5)
    return tiny.select(x, y + y)


def log1p(m: Math, x: Value) -> Value:
    """ln(1 + x), with what 1 + x rounds away added again as a part of the logarithm."""
    total, lost = m.two_sum(m.constant(1.0), x)
    k, significand = m.split(total)
    high, rest = LN2[m.scalar]
    # at −1 and ∞ there is nothing to be added again, only 0 / 0 and ∞ − ∞
    lost = (x.gt(-1.0) & x.lt(_INFINITY)).select(lost / total, 0.0)
    low = m.fma(k, rest, lost)
    y = m.fma(k, high, log_sum(m, significand - 1.0, low))
    # 1 + x is 1 for a tiny x, and its own sign is that of 0
    return x.eq(0.0).select(x, m.finish_log(total, y))


def log2(m: Math, x: Value) -> Value:
    """The logarithm to base 2; whole for powers of 2."""
    k, significand = m.split(x)
    return m.finish_log(x, m.fma(log_sum(m, significand - 1.0, m.constant(0.0)), LOG2_E, k))


def log10(m: Math, x: Value) -> Value:
    """The logarithm to base 10."""
    k, significand = m.split(x)
    high, rest = LOG10_2[m.scalar]
    part = m.fma(log_sum(m, significand - 1.0, m.constant(0.0)), LOG10_E, k * rest)
    return m.finish_log(x, m.fma(k, high, part))


def softplus(m: Math, x: Value) -> Value:
    """max(x, 0) + ln(1 + e^−|x|), the logarithm as 2 artanh(e / (2 + e))."""
    e = exp(m, -m.abs(x))
    s = e / (2.0 + e)
    square = s * s
    y = m.fma(s * square, m.horner(square, m.pick(SOFTPLUS)), s + s)
    return y + x.gt(0.0).select(x, 0.0)
