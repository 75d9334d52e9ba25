"""sinh, cosh, tanh and their inverses."""

from __future__ import annotations

from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.vecmath.common import Math
from chainrule.lower.llvm.vecmath.exponential import exp_reduced, log1p

__all__ = ["acosh", "asinh", "atanh", "cosh", "sinh", "tanh"]

LN2_ROUNDED = 0.6931471805599453

# where tanh rounds to 1
_TANH_LIMIT = {"float": 9.2, "double": 19.2}


def tanh(m: Math, x: Value) -> Value:
    """t / (t + 2) with t = e^(2|x|) − 1 = 2ⁿ − 1 + 2ⁿ (eʳ − 1), which keeps all digits near 0."""
    limit = _TANH_LIMIT[m.scalar]
    size = m.abs(x)
    size = size.gt(limit).select(m.constant(limit), size)
    _, count, r, tail = exp_reduced(m, size + size)
    power = m.power_of_two(count)
    if m.fast:
        t = m.fma(power, m.fma(r * r, tail, r), power - 1.0)
        return m.copysign(t / (t + 2.0), x)
    p, p_low = m.fast_two_sum(r, (r * r) * tail)
    step, low = power * p, power * p_low
    top, top_low = m.fast_two_sum(power - 1.0, step)
    low = low + top_low
    above = top.gt(2.0)
    larger, smaller = m.where(above, top, 2.0), m.where(above, 2.0, top)
    bottom, bottom_low = m.fast_two_sum(larger, smaller)
    y = top / bottom
    # what was rounded away above; 1 / bottom is (1 − y) / 2
    missing = low - y * (low + bottom_low)
    y = y + (missing * 0.5) * (1.0 - y)
    return m.copysign(y, x)


# below this |x| the cubic term is less than half a unit in the last place
_TINY = {"float": 2.0**-13, "double": 2.0**-27}
_LARGE = {"float": 89.5, "double": 710.6}
# from here on √(x² ± 1) is |x|
_HUGE = {"float": 2.0**25, "double": 2.0**54}
_INFINITY = float("inf")


def _quarter(m: Math, x: Value) -> tuple[Value, Value]:
    """2ⁿ⁻² and 2ⁿ⁻² (eʳ − 1) where x = n·ln 2 + r: a quarter of eˣ, which cannot overflow."""
    limit = _LARGE[m.scalar]
    _, count, r, tail = exp_reduced(m, x.gt(limit).select(m.constant(limit), x))
    power = m.power_of_two(count - 2)
    return power, power * m.fma(r * r, tail, r)


def sinh(m: Math, x: Value) -> Value:
    """h + h / (2h + 1) with h = (e^|x| − 1) / 2."""
    size = m.abs(x)
    power, step = _quarter(m, size)
    h = (step + (power - 0.25)) * 2.0
    y = h + h / (h + h + 1.0)
    y = h.eq(_INFINITY).select(h, y)
    return size.lt(_TINY[m.scalar]).select(x, m.copysign(y, x))


def cosh(m: Math, x: Value) -> Value:
    """h + 1/(4h) with h = e^|x| / 2."""
    power, step = _quarter(m, m.abs(x))
    h = (power + step) * 2.0
    return h + 0.25 / h


def asinh(m: Math, x: Value) -> Value:
    """ln(1 + t), t = |x| + x² / (1 + √(1 + x²))."""

    size = m.abs(x)
    huge = size.ge(_HUGE[m.scalar])
    near = huge.select(m.constant(1.0), size)
    square = near * near
    t = near + square / (1.0 + m.sqrt(square + 1.0))
    return m.copysign(_log1p_or_log2x(m, huge, size, t), x)


def acosh(m: Math, x: Value) -> Value:
    """ln(1 + t + √(2t + t²)), t = x − 1."""

    huge = x.ge(_HUGE[m.scalar])
    t = huge.select(m.constant(1.0), x) - 1.0
    y = _log1p_or_log2x(m, huge, x, t + m.sqrt(t * (t + 2.0)))
    return x.lt(1.0).select(m.constant(float("nan")), y)


def _log1p_or_log2x(m: Math, huge: Value, x: Value, t: Value) -> Value:
    """ln(2x) for a huge x, else ln(1 + t)."""
    y = log1p(m, huge.select(x, t))
    return huge.select(y + LN2_ROUNDED, y)


def atanh(m: Math, x: Value) -> Value:
    """½ ln(1 + 2|x| / (1 − |x|))."""

    size = m.abs(x)
    return m.copysign(0.5 * log1p(m, (size + size) / (1.0 - size)), x)
