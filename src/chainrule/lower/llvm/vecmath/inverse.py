"""asin, acos, atan, atan2.

Coefficients are interpolants at Chebyshev nodes, computed in 60 digits; each comment gives what
is approximated.
"""

from __future__ import annotations

from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.vecmath.common import Math
from chainrule.lower.llvm.vecmath.reduction import HALF_PI

__all__ = ["acos", "asin", "atan", "atan2"]

_INFINITY = float("inf")

# π/2 in two parts of each type
_HALF_PI = {"float": (1.5707963705062866, -4.371138828673793e-08), "double": HALF_PI}

# (asin(s)/s − 1) / s² in powers of s² ≤ 1/4
_ASIN = {
    "float": (
        0.1666666634,
        0.07500094761,
        0.04459931916,
        0.03110172783,
        0.01714371682,
        0.03370072632,
    ),
    "double": (
        0.1666666666666664853,
        0.07500000000020869671,
        0.04464285710323955994,
        0.0303819473795591595,
        0.02237204720180888513,
        0.0173552685639535189,
        0.01392954595048580323,
        0.01187634429627941669,
        0.007798626407562233022,
        0.01604912458494931784,
        -0.01077319532558555689,
        0.02818766714231809893,
    ),
}
# (atan(t)/t − 1) / t² in powers of t², |t| ≤ tan(π/8)
_ATAN = {
    "float": (-0.3333333176, 0.1999954015, -0.1426394391, 0.1074360515, -0.06451509519),
    "double": (
        -0.3333333333333333015,
        0.1999999999999551241,
        -0.142857142846648179,
        0.1111111101511762621,
        -0.09090904572487347794,
        0.07692183059894114447,
        -0.0666450960325538607,
        0.05858132894427922183,
        -0.05085365922344248381,
        0.03922923713835942508,
        -0.01917392228554792925,
    ),
}


def _arcsine_parts(m: Math, x: Value) -> tuple[Value, Value, Value]:
    """Whether |x| > 1/2, and s and asin(s) − s, where s is then √((1 − |x|) / 2), else |x|."""
    size = m.abs(x)
    large = size.gt(0.5)
    square = large.select((1.0 - size) * 0.5, size * size)
    s = large.select(m.sqrt(square), size)
    return large, s, (s * square) * m.horner(square, m.pick(_ASIN))


def asin(m: Math, x: Value) -> Value:
    """The inverse sine; π/2 − 2 asin √((1 − |x|) / 2) for |x| > 1/2."""
    large, s, rest = _arcsine_parts(m, x)
    high, low = _HALF_PI[m.scalar]
    return m.copysign(large.select(high - ((s + s) - (low - (rest + rest))), s + rest), x)


def acos(m: Math, x: Value) -> Value:
    """The inverse cosine, by the same reduction."""
    large, s, rest = _arcsine_parts(m, x)
    high, low = _HALF_PI[m.scalar]
    double = (s + s) + (rest + rest)
    negative = x.lt(0.0)
    outer = negative.select(2 * high - (double - 2 * low), double)
    s, rest = (negative.select(-v, v) for v in (s, rest))
    return large.select(outer, high - (s - (low - rest)))


def _angle(m: Math, less: Value, more: Value) -> Value:
    """atan(less / more) for 0 ≤ less ≤ more."""
    middle = less.gt(more * 0.41421356)
    top, bottom = middle.select(less - more, less), middle.select(less + more, more)
    t = top / bottom
    square = t * t
    rest = (t * square) * m.horner(square, m.pick(_ATAN))
    high, low = (0.5 * part for part in _HALF_PI[m.scalar])
    # on the middle part |t| + |rest| ≤ π/8 < π/4
    return middle.select(high + (t + (rest + low)), t + rest)


def atan(m: Math, x: Value) -> Value:
    """The inverse tangent."""
    size = m.abs(x)
    large = size.gt(1.0)
    one = m.constant(1.0)
    angle = _angle(m, large.select(one, size), large.select(size, one))
    high, low = _HALF_PI[m.scalar]
    return m.copysign(large.select(high - (angle - low), angle), x)


def atan2(m: Math, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), with the signs of zeros and the limits at ∞ of C."""
    up, right = m.abs(y), m.abs(x)
    steep = up.gt(right)
    less, more = steep.select(right, up), steep.select(up, right)
    # sums of sizes must not overflow, and ∞/∞ and 0/0 are the angles of (1, 1) and (1, 0)
    scale = m.where(more.gt(2.0 ** (m.bias - 3)), 0.25, 1.0)
    less, more = less * scale, more * scale
    both = less.eq(_INFINITY)
    less, more = m.where(both, 1.0, less), m.where(both | more.eq(0.0), 1.0, more)
    angle = _angle(m, less, more)
    high, low = _HALF_PI[m.scalar]
    angle = steep.select(high - (angle - low), angle)
    # the sign bit, not the value: −0 lies on the left
    left = x.as_bits().lt(0)
    angle = left.select(2 * high - (angle - 2 * low), angle)
    angle = x.is_nan().select(x, angle)
    return y.is_nan().select(y, m.copysign(angle, y))
