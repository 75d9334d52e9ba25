"""sin, cos and tan: a polynomial on [−π/4, π/4] after the reduction by multiples of π/2."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.lower.llvm.ir import Value, lanes
from chainrule.lower.llvm.vecmath.common import Math
from chainrule.lower.llvm.vecmath.reduction import LIMIT, far, near

__all__ = ["cos", "cosine", "sin", "sine", "tan"]

# (sin(r)/r − 1) / r² and (cos(r) − 1 + r²/2) / r⁴ in powers of r², |r| ≤ π/4
_SIN = {
    "float": (-0.1666666666, 0.008333331785, -0.0001984003887, 2.724378141e-6),
    "double": (
        -0.1666666666666666436,
        0.008333333333330699336,
        -0.0001984126983638543448,
        2.755731591093900156e-6,
        -2.505109230843131667e-8,
        1.591530918305795256e-10,
    ),
}
_COS = {
    "float": (0.04166666454, -0.001388827933, 2.454287111e-5),
    "double": (
        0.04166666666666666523,
        -0.001388888888888724138,
        0.00002480158729853225905,
        -2.755731715185886455e-7,
        2.087612153460845557e-9,
        -1.138086817144991339e-11,
    ),
}


def sine(m: Math, r: Value, low: Value | None = None) -> Value:
    """sin(r + low) for |r| ≤ π/4."""
    square = r * r
    tail = m.horner(square, m.pick(_SIN))
    if low is None:
        return m.fma(r * square, tail, r)
    return r + m.fma(r * square, tail, low * m.fma(square, -0.5, 1.0))


def cosine(m: Math, r: Value, low: Value | None = None) -> Value:
    """cos(r + low) for |r| ≤ π/4."""
    square = r * r
    tail = m.horner(square, m.pick(_COS))
    if low is None:
        return m.fma(square, m.fma(square, tail, -0.5), 1.0)
    half = 0.5 * square
    top = 1.0 - half
    return top + (((1.0 - top) - half) + m.fma(square * square, tail, -(r * low)))


Finish = Callable[[Math, Value, Value, "Value | None"], Value]


def _sin_of(m: Math, count: Value, r: Value, low: Value | None) -> Value:
    y = (count & 1).ne(0).select(cosine(m, r, low), sine(m, r, low))
    return _turned(m, y, count & 2)


def _cos_of(m: Math, count: Value, r: Value, low: Value | None) -> Value:
    y = (count & 1).ne(0).select(sine(m, r, low), cosine(m, r, low))
    return _turned(m, y, (count + 1) & 2)


def _tan_of(m: Math, count: Value, r: Value, low: Value | None) -> Value:
    s, c = sine(m, r, low), cosine(m, r, low)
    odd = (count & 1).ne(0)
    return odd.select(-c, s) / odd.select(s, c)


def _turned(m: Math, y: Value, two: Value) -> Value:
    """−y where ``two`` is 2, y where it is 0."""
    sign = two << (30 if m.scalar == "float" else 62)
    return (y.as_bits() ^ sign).as_float()


def _periodic(name: str, finish: Finish) -> Callable[[Math, Value], Value]:
    def write(m: Math, x: Value) -> Value:
        if m.scalar == "float":
            count, r = near(m, x)
            assert isinstance(r, Value)
            y = finish(m, count, r, None)
        else:
            count, pair = near(m, x)
            assert isinstance(pair, tuple)
            y = finish(m, count, *pair)
        if name != "cos":  # the sums lose the sign of −0
            y = x.eq(0.0).select(x, y)
        f = m.f
        large = m.abs(x).ge(LIMIT[m.scalar])
        seldom = f.intrinsic("vector.reduce.or", "i1", large) if lanes(x.type) else large
        return f.choose(seldom, lambda: large.select(_far(m, name, finish, x), y), lambda: y)

    return write


def _far(m: Math, name: str, finish: Finish, x: Value) -> Value:
    """The function where the argument is large, as a call of code of its own."""
    module = m.f.module
    full = f"{name}.far.v{lanes(x.type)}{m.scalar}"

    def build() -> None:
        body = module.function(full, [("x", x.type)], x.type, "noinline cold")
        inner = Math(body, m.machine, x.type)
        wide = inner if m.scalar == "double" else inner.widened()
        count, (r, low) = far(inner, body.params[0])
        y = finish(wide, count, r, low)
        body.ret(y if m.scalar == "double" else y.cast("fptrunc", "float"))

    return m.f.call(module.shared(full, build), x.type, x)


sin = _periodic("sin", _sin_of)
cos = _periodic("cos", _cos_of)
tan = _periodic("tan", _tan_of)
