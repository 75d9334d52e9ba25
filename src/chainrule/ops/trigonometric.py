"""Circular and hyperbolic functions and their inverses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.ops.bounds import Bounds, by_side, flipped, sign_of
from chainrule.ops.choice import where
from chainrule.ops.logic import equal
from chainrule.ops.record import REALS, Case, Curvature, Elementwise, Interval, Monotone
from chainrule.ops.sampling import between

PI = np.pi
UNIT: Interval = (-1.0, 1.0)

# -- circular functions ----------------------------------------------------------------------------


def _turns(x: Bounds, shift: float, period: float) -> tuple[Any, Any]:
    """The numbers of the periods in which both ends of x + shift lie, with a margin for rounding.

    Where the two are equal the interval lies inside one period. Infinite ends count as outside.
    """
    margins = [4 * np.finfo(np.float64).eps * (np.abs(end) + period) for end in x]
    first = np.floor((x[0] - margins[0] + shift) / period)
    last = np.floor((x[1] + margins[1] + shift) / period)
    bounded = np.isfinite(x[0]) & np.isfinite(x[1])
    return np.where(bounded, first, -1.0), np.where(bounded, last, np.inf)


def _alternating(x: Bounds, shift: float, even: Any, odd: Any) -> Any:
    """``even`` or ``odd`` as all of x + shift lies in half waves [kπ, (k+1)π] of that parity."""
    first, last = _turns(x, shift, PI)
    if np.all(first == last):
        parity = np.mod(first, 2)
        if np.all(parity == 0):
            return even
        if np.all(parity == 1):
            return odd
    return None


def _enclose_wave(f: Any, x: Bounds, peak: float) -> Bounds:
    """sin or cos: 1 where a maximum peak + 2kπ may lie inside, -1 likewise, else the ends."""
    with np.errstate(invalid="ignore"):
        ends = f(x[0]), f(x[1])
        tops, bottoms = (_turns(x, shift, 2 * PI) for shift in (-peak, PI - peak))
    lo = np.where(bottoms[0] != bottoms[1], -1.0, np.minimum(*ends))
    hi = np.where(tops[0] != tops[1], 1.0, np.maximum(*ends))
    return lo, hi


sin: Elementwise = Elementwise(
    name="sin",
    evaluate=np.sin,
    partials=(lambda x, y: cos(x),),
    range=UNIT,
    monotone=lambda x: (_alternating(x, PI / 2, "increasing", "decreasing"),),
    curvature=lambda x: _alternating(x, 0.0, "concave", "convex"),
    enclose=lambda x: _enclose_wave(np.sin, x, PI / 2),
    latex=r"\sin({0})",
    rule="sine rule",
    exact="sin",
)

cos: Elementwise = Elementwise(
    name="cos",
    evaluate=np.cos,
    partials=(lambda x, y: -sin(x),),
    range=UNIT,
    monotone=lambda x: (_alternating(x, 0.0, "decreasing", "increasing"),),
    curvature=lambda x: _alternating(x, PI / 2, "concave", "convex"),
    enclose=lambda x: _enclose_wave(np.cos, x, 0.0),
    latex=r"\cos({0})",
    rule="cosine rule",
    exact="cos",
)


def _one_branch(x: Bounds) -> Any:
    """Where no pole π/2 + kπ of the tangent lies inside."""
    first, last = _turns(x, PI / 2, PI)
    return first == last


def _tan_curvature(x: Bounds) -> Curvature:
    """tan bends like its own sign."""
    if not np.all(_one_branch(x)):
        return None
    return _alternating((2 * x[0], 2 * x[1]), 0.0, "convex", "concave")  # type: ignore[no-any-return]


tan: Elementwise = Elementwise(
    name="tan",
    evaluate=np.tan,
    partials=(lambda x, y: 1 + y * y,),
    monotone=lambda x: ("increasing" if np.all(_one_branch(x)) else None,),
    curvature=_tan_curvature,
    enclose=lambda x: (
        np.where(_one_branch(x), np.tan(x[0]), -np.inf),
        np.where(_one_branch(x), np.tan(x[1]), np.inf),
    ),
    latex=r"\tan({0})",
    rule="tangent rule",
    cases=between((-1.2, 1.2)),
    exact="tan",
)

# -- inverse circular functions --------------------------------------------------------------------


def _root(x: Node) -> Node:
    from chainrule.ops.exponential import sqrt

    return sqrt(x)


def _cosine(x: Node) -> Node:
    """√(1 − x²), with the digits that 1 − x² would lose near ±1."""
    return _root((1 - x) * (1 + x))


asin: Elementwise = Elementwise(
    name="asin",
    evaluate=np.arcsin,
    partials=(lambda x, y: 1 / _root(1 - x * x),),
    scaled=(lambda t, x, y: t / _cosine(x),),
    domain=(UNIT,),
    range=(-PI / 2, PI / 2),
    monotone=("increasing",),
    curvature=by_side("concave", "convex"),
    convention="the slope at ±1 is infinite",
    latex=r"\arcsin({0})",
    rule="inverse sine rule",
    exact="asin",
)

acos: Elementwise = Elementwise(
    name="acos",
    evaluate=np.arccos,
    partials=(lambda x, y: -1 / _root(1 - x * x),),
    scaled=(lambda t, x, y: -(t / _cosine(x)),),
    domain=(UNIT,),
    range=(0.0, PI),
    monotone=("decreasing",),
    curvature=by_side("convex", "concave"),
    convention="the slope at ±1 is infinite",
    latex=r"\arccos({0})",
    rule="inverse cosine rule",
    exact="acos",
)

atan: Elementwise = Elementwise(
    name="atan",
    evaluate=np.arctan,
    partials=(lambda x, y: 1 / (1 + x * x),),
    scaled=(lambda t, x, y: t / (1 + x * x),),
    range=(-PI / 2, PI / 2),
    monotone=("increasing",),
    curvature=by_side("convex", "concave"),
    latex=r"\arctan({0})",
    rule="inverse tangent rule",
    exact="atan",
)


def _square_radius(y: Node, x: Node) -> Node:
    """x² + y², or ∞ at the origin: whatever is divided by it is then 0."""
    square = x * x + y * y
    return where(equal(square, 0.0), np.inf, square)


def _atan2_monotone(y: Bounds, x: Bounds) -> tuple[Monotone, Monotone]:
    """By the signs of the partials, off the cut along y = 0, x < 0 where the angle jumps by 2π."""
    off_cut = np.all((y[0] > 0) | (y[1] < 0))
    in_y: Monotone = sign_of(x) if np.all(x[0] > 0) or off_cut else None
    in_x: Monotone = flipped(sign_of(y)) if off_cut else None
    return in_y, in_x


def _enclose_atan2(y: Bounds, x: Bounds) -> Bounds:
    """A box that misses the origin and the cut has its extreme angles at its corners."""
    corners = [np.arctan2(q, p) for q in y for p in x]
    clear = (y[0] > 0) | (y[1] < 0) | (x[0] > 0)
    lo, hi = np.minimum.reduce(corners), np.maximum.reduce(corners)
    return np.where(clear, lo, -PI), np.where(clear, hi, PI)


def _atan2_cases(rng: np.random.Generator) -> Iterator[Case]:
    """All four quadrants, away from the axes."""
    for shapes in (((), ()), ((5,), (5,)), ((4, 1), (3,))):
        sizes = (rng.uniform(0.4, 2.5, shape) for shape in shapes)
        yield Case(tuple(np.asarray(size * rng.choice([-1.0, 1.0], size.shape)) for size in sizes))


atan2: Elementwise = Elementwise(
    name="atan2",
    evaluate=np.arctan2,
    partials=(
        lambda y, x, angle: x / _square_radius(y, x),
        lambda y, x, angle: -y / _square_radius(y, x),
    ),
    domain=(REALS, REALS),
    range=(-PI, PI),
    monotone=_atan2_monotone,
    enclose=_enclose_atan2,
    convention="the angle is not differentiable at the origin; 0 is taken",
    latex=r"\operatorname{{atan2}}({0}, {1})",
    rule="inverse tangent rule",
    cases=_atan2_cases,
    exact="atan2",
)

# -- hyperbolic functions --------------------------------------------------------------------------


def _enclose_cosh(x: Bounds) -> Bounds:
    lo, hi = np.cosh(x[0]), np.cosh(x[1])
    zero_inside = (x[0] <= 0) & (x[1] >= 0)
    return np.where(zero_inside, 1.0, np.minimum(lo, hi)), np.maximum(lo, hi)


sinh: Elementwise = Elementwise(
    name="sinh",
    evaluate=np.sinh,
    partials=(lambda x, y: cosh(x),),
    monotone=("increasing",),
    curvature=by_side("concave", "convex"),
    latex=r"\sinh({0})",
    rule="hyperbolic rule",
    exact="sinh",
)

cosh: Elementwise = Elementwise(
    name="cosh",
    evaluate=np.cosh,
    partials=(lambda x, y: sinh(x),),
    range=(1.0, np.inf),
    monotone=lambda x: (sign_of(x),),
    curvature="convex",
    enclose=_enclose_cosh,
    latex=r"\cosh({0})",
    rule="hyperbolic rule",
    exact="cosh",
)

tanh: Elementwise = Elementwise(
    name="tanh",
    evaluate=np.tanh,
    partials=(lambda x, y: 1 - y * y,),
    range=UNIT,
    monotone=("increasing",),
    curvature=by_side("convex", "concave"),
    latex=r"\tanh({0})",
    rule="hyperbolic rule",
    exact="tanh",
)

# -- inverse hyperbolic functions ------------------------------------------------------------------


asinh: Elementwise = Elementwise(
    name="asinh",
    evaluate=np.arcsinh,
    partials=(lambda x, y: 1 / _root(1 + x * x),),
    scaled=(lambda t, x, y: t / _root(1 + x * x),),
    monotone=("increasing",),
    curvature=by_side("convex", "concave"),
    latex=r"\operatorname{{arsinh}}({0})",
    rule="inverse hyperbolic rule",
    exact="asinh",
)

acosh: Elementwise = Elementwise(
    name="acosh",
    evaluate=np.arccosh,
    partials=(lambda x, y: 1 / _root(x * x - 1),),
    scaled=(lambda t, x, y: t / (_root(x - 1) * _root(x + 1)),),
    domain=((1.0, np.inf),),
    range=(0.0, np.inf),
    monotone=("increasing",),
    curvature="concave",
    convention="the slope at 1 is infinite",
    latex=r"\operatorname{{arcosh}}({0})",
    rule="inverse hyperbolic rule",
    exact="acosh",
)

atanh: Elementwise = Elementwise(
    name="atanh",
    evaluate=np.arctanh,
    partials=(lambda x, y: 1 / (1 - x * x),),
    scaled=(lambda t, x, y: t / ((1 - x) * (1 + x)),),
    domain=(UNIT,),
    monotone=("increasing",),
    curvature=by_side("concave", "convex"),
    convention="the slope at ±1 is infinite",
    latex=r"\operatorname{{artanh}}({0})",
    rule="inverse hyperbolic rule",
    exact="atanh",
)
