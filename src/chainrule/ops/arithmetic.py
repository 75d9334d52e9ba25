"""Sums, products, quotients and powers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError
from chainrule.core.node import LITERAL, Node, literal
from chainrule.ops.bounds import Bounds, excludes_zero, flipped, sign_of
from chainrule.ops.choice import REALS2, abs_, where
from chainrule.ops.logic import NUMBERS, equal, less, logical_and, logical_or
from chainrule.ops.record import (
    REALS,
    Curvature,
    Elementwise,
    Interval,
)

POSITIVE: Interval = (0.0, np.inf)

Series = Sequence[Callable[[int], Node | None]]
"""For each source its Taylor coefficients: ``series[i](j)``, None for zero."""


def _sum(terms: Sequence[Node | None]) -> Node | None:
    total: Node | None = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def convolve(
    a: Callable[[int], Node | None], b: Callable[[int], Node | None], k: int, first: int = 0
) -> Node | None:
    """Σ_{j=first..k} a_j b_{k-j}, the k-th coefficient of a product of power series."""
    pairs = ((a(j), b(k - j)) for j in range(first, k + 1))
    return _sum([p * q for p, q in pairs if p is not None and q is not None])


# -- sums and products -------------------------------------------------------------------------

add: Elementwise = Elementwise(
    name="add",
    evaluate=np.add,
    partials=(1, 1),
    dtypes=NUMBERS,
    domain=REALS2,
    monotone=("increasing", "increasing"),
    curvature="affine",
    affine_in=(0, 1),
    latex="{0} + {1}",
    rule="sum rule",
    exact="fadd",
    tolerance=1.0,
)

sub: Elementwise = Elementwise(
    name="sub",
    evaluate=np.subtract,
    partials=(1, -1),
    dtypes=NUMBERS,
    domain=REALS2,
    monotone=("increasing", "decreasing"),
    curvature="affine",
    affine_in=(0, 1),
    latex="{0} - {1}",
    rule="difference rule",
    exact="fsub",
    tolerance=1.0,
)

neg: Elementwise = Elementwise(
    name="neg",
    evaluate=np.negative,
    partials=(-1,),
    dtypes=NUMBERS,
    monotone=("decreasing",),
    curvature="affine",
    affine_in=(0,),
    latex="-{0}",
    rule="constant multiple rule",
    exact=lambda mp, x: -x,
    tolerance=0.0,
)


def _enclose_mul(a: Any, b: Any) -> tuple[Any, Any]:
    with np.errstate(invalid="ignore"):
        ends = [np.multiply(p, q) for p in a for q in b]
    ends = [np.where(np.isnan(end), 0.0, end) for end in ends]  # 0 · ∞ is 0 between bounds
    return np.minimum.reduce(ends), np.maximum.reduce(ends)


mul: Elementwise = Elementwise(
    name="mul",
    evaluate=np.multiply,
    partials=(lambda a, b, y: b, lambda a, b, y: a),
    dtypes=NUMBERS,
    domain=REALS2,
    monotone=lambda a, b: (sign_of(b), sign_of(a)),
    affine_in=(0, 1),
    enclose=_enclose_mul,
    taylor=lambda k, series, y: convolve(series[0], series[1], k),
    latex=r"{0} \cdot {1}",
    rule="product rule",
    exact="fmul",
    tolerance=1.0,
)


def _taylor_div(k: int, series: Series, y: Callable[[int], Node | None]) -> Node | None:
    a, b = series
    lower = convolve(b, y, k, first=1)
    top = a(k) if lower is None else (-lower if a(k) is None else a(k) - lower)
    return None if top is None else top / b(0)


def enclose_div(a: Any, b: Any) -> tuple[Any, Any]:
    zero_inside = (b[0] <= 0) & (b[1] >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        lo, hi = _enclose_mul(a, (1.0 / b[1], 1.0 / b[0]))
    return np.where(zero_inside, -np.inf, lo), np.where(zero_inside, np.inf, hi)


def _div_curvature(a: Bounds, b: Bounds) -> Curvature:
    """A constant over b bends like a constant times 1/b; a over a constant is `affine_in`."""
    if not np.all(a[0] == a[1]):
        return None
    sign = sign_of(a) if np.all(b[0] > 0) else flipped(sign_of(a)) if np.all(b[1] < 0) else None
    return {"increasing": "convex", "decreasing": "concave", "constant": "affine"}.get(sign or "")  # type: ignore[return-value]


div: Elementwise = Elementwise(
    name="div",
    evaluate=np.divide,
    partials=(lambda a, b, y: 1 / b, lambda a, b, y: -(a / (b * b))),
    scaled=(lambda t, a, b, y: t / b, lambda t, a, b, y: -(t * (y / b))),
    domain=REALS2,
    monotone=lambda a, b: (sign_of(b), flipped(sign_of(a)) if excludes_zero(b) else None),
    curvature=_div_curvature,
    affine_in=(0,),
    enclose=enclose_div,
    taylor=_taylor_div,
    latex=r"\frac{{{0}}}{{{1}}}",
    rule="quotient rule",
    exact="fdiv",
    tolerance=1.0,
)


# -- powers ------------------------------------------------------------------------------------


def power(x: Node, n: int) -> Node:
    """x to an integer power, with x itself for n = 1."""
    return x if n == 1 else integer_pow(x, n=n)


def _enclose_integer_pow(x: Any, n: int) -> tuple[Any, Any]:
    with np.errstate(divide="ignore"):
        lo, hi = x[0] ** float(n), x[1] ** float(n)
    low, high = np.minimum(lo, hi), np.maximum(lo, hi)
    zero_inside = (x[0] <= 0) & (x[1] >= 0)
    if n >= 0:
        return (np.where(zero_inside, 0.0, low) if n and n % 2 == 0 else low), high
    if n % 2 == 0:
        return low, np.where(zero_inside, np.inf, high)
    return np.where(zero_inside, -np.inf, low), np.where(zero_inside, np.inf, high)


def _evaluate_integer_pow(x: Any, n: int) -> Any:
    if n == 2:
        return np.multiply(x, x)
    if n == -1 and x.dtype.kind == "f":
        return np.divide(x.dtype.type(1), x)
    if n >= 0 or x.dtype.kind == "f":
        return np.power(x, np.asarray(n, dtype=x.dtype))
    raise DTypeError("integers to negative powers are no integers; cast to float first")


def _power_curvature(x: Any, n: int) -> Curvature:
    if n in (0, 1):
        return "affine"
    if n > 0 and n % 2 == 0:
        return "convex"
    if np.all(x[0] >= 0) and (n > 0 or np.all(x[0] > 0)):
        return "convex"
    if np.all(x[1] <= 0) and (n > 0 or np.all(x[1] < 0)):
        return "concave" if n % 2 else "convex"
    return None


def _power_slope(x: Node, y: Node, n: int) -> Node:
    return literal(0.0, x.dtype) if n == 0 else n * power(x, n - 1)


def _taylor_power(
    k: int, x: Callable[[int], Node | None], c: Node | float, y: Callable[[int], Node | None]
) -> Node | None:
    """x y′ = c x′ y for a constant exponent c, where x is not 0."""
    terms = []
    for j in range(1, k + 1):
        p, q = x(j), y(k - j)
        if p is not None and q is not None:
            terms.append((p * q) * (c * j - float(k - j)))
    total = _sum(terms)
    base = x(0)
    assert base is not None
    return None if total is None else total / (base * float(k))


integer_pow: Elementwise = Elementwise(
    name="integer_pow",
    parameters=("n",),
    evaluate=_evaluate_integer_pow,
    partials=(_power_slope,),
    dtypes=NUMBERS,
    monotone=lambda x, n: (_power_monotone(x, n),),
    curvature=_power_curvature,
    enclose=_enclose_integer_pow,
    taylor=lambda k, series, y, n: _taylor_power(k, series[0], float(n), y),
    taylor_when=lambda sources, varying, n: n < 0,
    latex="{0}^{{{n}}}",
    examples=((0,), (1,), (2,), (3,), (-1,), (-2,)),
    rule="power rule",
    exact=lambda mp, x, n: x**n,
)


def _power_monotone(x: Any, n: int) -> Any:
    if n == 0:
        return "constant"
    if n % 2:
        return "increasing" if n > 0 else ("decreasing" if excludes_zero(x) else None)
    sign = sign_of(x)
    return sign if n > 0 else flipped(sign)


def _pow_base(x: Node, c: Node, y: Node) -> Node:
    zero = equal(x, 0.0)
    if c.primitive is LITERAL:
        if c.value == 0:
            return literal(0.0, x.dtype)
        below = literal(c.value - 1, x.dtype)
        if not 0 < c.value < 1:
            return c * (x if c.value == 2 else pow_(x, below))
        return where(zero, 0.0, c * pow_(where(zero, 1.0, x), below))
    # at x = 0 no 0·∞ for c = 0, and a finite convention for 0 < c < 1; elsewhere the slope depends
    # on c, also where c = 0
    flat = logical_and(zero, logical_or(equal(c, 0.0), less(abs_(c - 0.5), 0.5)))
    exponent = where(flat, 1.0, c)
    return where(flat, 0.0, exponent * pow_(x, exponent - 1))


def _pow_exponent(x: Node, c: Node, y: Node) -> Node:
    from chainrule.ops.exponential import log

    zero = equal(x, 0.0)
    return where(zero, 0.0, y * log(where(zero, 1.0, x)))


def _is_whole(c: Node) -> bool:
    """Whether the exponent is a literal 0, 1, 2, …: its powers have no pole at 0."""
    return c.primitive is LITERAL and c.value >= 0 and c.value == np.floor(c.value)


def _pow_curvature(x: Bounds, c: Bounds) -> Curvature:
    """In x for a constant exponent, or in the exponent for a constant base; not in both."""
    if np.all(c[0] == c[1]):
        if np.all((c[0] >= 1) | (c[0] <= 0)):
            return "convex"
        return "concave" if np.all((c[0] >= 0) & (c[0] <= 1)) else None
    return "convex" if np.all(x[0] == x[1]) and np.all(x[0] > 0) else None


def _enclose_pow(x: Bounds, c: Bounds) -> Bounds:
    """Monotone along each axis, so the extremes are at corners."""
    corners = [np.power(base, exponent) for base in x for exponent in c]
    return np.minimum.reduce(corners), np.maximum.reduce(corners)


pow_: Elementwise = Elementwise(
    name="pow",
    evaluate=np.power,
    partials=(_pow_base, _pow_exponent),
    dtypes=NUMBERS,
    domain=((0.0, np.inf), REALS),
    range=(0.0, np.inf),
    monotone=lambda x, c: (sign_of(c), sign_of((x[0] - 1, x[1] - 1))),
    curvature=_pow_curvature,
    enclose=_enclose_pow,
    taylor=lambda k, series, y: _taylor_power(k, series[0], series[1](0), y),
    taylor_when=lambda sources, varying: not varying[1] and not _is_whole(sources[1]),
    convention="0**c has derivative 0 for 0 <= c < 1, and 0**c does not depend on c",
    latex="{0}^{{{1}}}",
    rule="power rule",
    exact="power",
    tolerance=8.0,
)
