"""Absolute value, sign and choices between two values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.core.errors import DTypeError
from chainrule.core.node import Node, literal
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.bounds import Bounds, excludes_zero, sign_of
from chainrule.ops.logic import NUMBERS, equal, greater, logical_not
from chainrule.ops.record import BOOL, REALS, Case, Elementwise, broadcast_shapes
from chainrule.ops.shape import cast

REALS2 = (REALS, REALS)

# -- absolute value ----------------------------------------------------------------------------


def _enclose_abs(x: Bounds) -> Bounds:
    lo, hi = np.abs(x[0]), np.abs(x[1])
    zero_inside = (x[0] <= 0) & (x[1] >= 0)
    return np.where(zero_inside, 0.0, np.minimum(lo, hi)), np.maximum(lo, hi)


sign: Elementwise = Elementwise(
    name="sign",
    evaluate=np.sign,
    partials=None,
    dtypes=NUMBERS,
    range=(-1.0, 1.0),
    monotone=("increasing",),
    kinks=(0.0,),
    convention="sign jumps at 0; its slope is taken as 0 there too",
    latex=r"\operatorname{{sgn}}({0})",
    rule="piecewise constant",
    exact="sign",
    tolerance=0.0,
)

abs_: Elementwise = Elementwise(
    name="abs",
    evaluate=np.abs,
    partials=(lambda x, y: sign(x),),
    dtypes=NUMBERS,
    range=(0.0, np.inf),
    monotone=lambda x: (sign_of(x),),
    curvature=lambda x: "affine" if excludes_zero(x) else "convex",
    enclose=_enclose_abs,
    kinks=(0.0,),
    convention="|x| has slopes -1 and 1 at 0; 0, half way between, is taken",
    latex=r"\left| {0} \right|",
    rule="absolute value rule",
    exact="fabs",
    tolerance=0.0,
)

# -- choice ------------------------------------------------------------------------------------


def _where_type(condition: ArrayType, a: ArrayType, b: ArrayType) -> ArrayType:
    if condition.dtype is not BOOL:
        raise DTypeError(f"where: the condition must be boolean, not {condition.dtype.name}")
    if a.dtype is not b.dtype:
        raise DTypeError(f"where: branches have dtypes {a.dtype.name} and {b.dtype.name}")
    return array_type(broadcast_shapes("where", (condition, a, b)), a.dtype)


def _where_cases(rng: np.random.Generator) -> Iterator[Case]:
    for shapes in (((), (), ()), ((2, 3), (2, 3), (2, 3)), ((3,), (2, 1), ())):
        condition = np.asarray(rng.integers(0, 2, shapes[0])).astype(bool)
        yield Case((condition, *(np.asarray(rng.normal(size=shape)) for shape in shapes[1:])))


def _enclose_where(condition: Bounds, a: Bounds, b: Bounds) -> Bounds:
    sure, never = condition[0] == 1, condition[1] == 0
    lo, hi = np.minimum(a[0], b[0]), np.maximum(a[1], b[1])
    return (
        np.where(sure, a[0], np.where(never, b[0], lo)),
        np.where(sure, a[1], np.where(never, b[1], hi)),
    )


where: Elementwise = Elementwise(
    name="where",
    flops=lambda *_: 0,
    evaluate=np.where,
    infer=_where_type,
    partials=(
        None,
        lambda c, a, b, y: cast(c, dtype=y.dtype),
        lambda c, a, b, y: cast(logical_not(c), dtype=y.dtype),
    ),
    scaled=(None, lambda t, c, a, b, y: where(c, t, 0.0), lambda t, c, a, b, y: where(c, 0.0, t)),
    domain=(REALS, REALS, REALS),
    monotone=(None, "increasing", "increasing"),
    affine_in=(1, 2),
    enclose=_enclose_where,
    latex=r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
    cases=_where_cases,
    rule="piecewise rule",
    tolerance=0.0,
)


def _tied(a: Node, b: Node, y: Node) -> Node:
    one, half, zero = (literal(value, y.dtype) for value in (1.0, 0.5, 0.0))
    return where(greater(a, b), one, where(equal(a, b), half, zero))


def _tied_scaled(t: Node, a: Node, b: Node, y: Node) -> Node:
    return where(greater(a, b), t, where(equal(a, b), 0.5 * t, 0.0))


TIE = "at a tie each side receives half of the derivative"

maximum: Elementwise = Elementwise(
    name="maximum",
    evaluate=np.maximum,
    partials=(_tied, lambda a, b, y: _tied(b, a, y)),
    scaled=(_tied_scaled, lambda t, a, b, y: _tied_scaled(t, b, a, y)),
    dtypes=NUMBERS,
    domain=REALS2,
    monotone=("increasing", "increasing"),
    curvature="convex",
    convention=TIE,
    latex=r"\max({0}, {1})",
    rule="maximum rule",
    exact=lambda mp, a, b: max(a, b),
    tolerance=0.0,
)

minimum: Elementwise = Elementwise(
    name="minimum",
    evaluate=np.minimum,
    partials=(lambda a, b, y: _tied(b, a, y), _tied),
    scaled=(lambda t, a, b, y: _tied_scaled(t, b, a, y), _tied_scaled),
    dtypes=NUMBERS,
    domain=REALS2,
    monotone=("increasing", "increasing"),
    curvature="concave",
    convention=TIE,
    latex=r"\min({0}, {1})",
    rule="minimum rule",
    exact=lambda mp, a, b: min(a, b),
    tolerance=0.0,
)
