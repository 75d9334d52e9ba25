"""Arithmetic, powers, comparisons, logic and choice: the elementwise primitives without series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError
from chainrule.core.node import LITERAL, Node
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import (
    BOOL,
    REALS,
    Case,
    Curvature,
    Elementwise,
    Interval,
    broadcast_shapes,
)
from chainrule.ops.shape import cast

NUMBERS = "fiu"
REALS2 = (REALS, REALS)
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
)


def _sign_of(interval: tuple[Any, Any]) -> Any:
    lo, hi = interval
    if np.all(lo >= 0) and np.all(hi <= 0):
        return "constant"
    if np.all(lo >= 0):
        return "increasing"
    return "decreasing" if np.all(hi <= 0) else None


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
    monotone=lambda a, b: (_sign_of(b), _sign_of(a)),
    affine_in=(0, 1),
    enclose=_enclose_mul,
    taylor=lambda k, series, y: convolve(series[0], series[1], k),
    latex=r"{0} \cdot {1}",
    rule="product rule",
    exact="fmul",
)


def _taylor_div(k: int, series: Series, y: Callable[[int], Node | None]) -> Node | None:
    a, b = series
    lower = convolve(b, y, k, first=1)
    top = a(k) if lower is None else (-lower if a(k) is None else a(k) - lower)
    return None if top is None else top / b(0)


def _enclose_div(a: Any, b: Any) -> tuple[Any, Any]:
    zero_inside = (b[0] <= 0) & (b[1] >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        lo, hi = _enclose_mul(a, (1.0 / b[1], 1.0 / b[0]))
    return np.where(zero_inside, -np.inf, lo), np.where(zero_inside, np.inf, hi)


div: Elementwise = Elementwise(
    name="div",
    evaluate=np.divide,
    partials=(lambda a, b, y: 1 / b, lambda a, b, y: -(a / (b * b))),
    scaled=(lambda t, a, b, y: t / b, lambda t, a, b, y: -(t * (y / b))),
    domain=REALS2,
    monotone=lambda a, b: (_sign_of(b), _flipped(_sign_of(a)) if _excludes_zero(b) else None),
    affine_in=(0,),
    enclose=_enclose_div,
    taylor=_taylor_div,
    latex=r"\frac{{{0}}}{{{1}}}",
    rule="quotient rule",
    exact="fdiv",
)


def _excludes_zero(interval: tuple[Any, Any]) -> bool:
    return bool(np.all((interval[0] > 0) | (interval[1] < 0)))


def _flipped(monotone: Any) -> Any:
    return {"increasing": "decreasing", "decreasing": "increasing"}.get(monotone, monotone)


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


where: Elementwise = Elementwise(
    name="where",
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
    cases=_where_cases,
    rule="piecewise rule",
)


def _tied(a: Node, b: Node, y: Node) -> Node:
    one = a * 0.0 + 1.0
    return where(greater(a, b), one, where(equal(a, b), 0.5 * one, 0.0 * one))


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


integer_pow: Elementwise = Elementwise(
    name="integer_pow",
    parameters=("n",),
    evaluate=_evaluate_integer_pow,
    partials=(lambda x, y, n: 0.0 * x if n == 0 else n * power(x, n - 1),),
    dtypes=NUMBERS,
    monotone=lambda x, n: (_power_monotone(x, n),),
    curvature=_power_curvature,
    enclose=_enclose_integer_pow,
    latex="{0}^{{{n}}}",
    examples=((0,), (1,), (2,), (3,), (-1,), (-2,)),
    rule="power rule",
    exact=lambda mp, x, n: x**n,
)


def _power_monotone(x: Any, n: int) -> Any:
    if n == 0:
        return "constant"
    if n % 2:
        return "increasing" if n > 0 else ("decreasing" if _excludes_zero(x) else None)
    sign = _sign_of(x)
    return sign if n > 0 else _flipped(sign)


def _pow_base(x: Node, c: Node, y: Node) -> Node:
    if c.primitive is LITERAL:
        if c.value == 0:
            return 0.0 * x
        slope = c * pow_(x, c - 1) if c.value != 2 else c * x
        return where(equal(x, 0.0), 0.0, slope) if 0 < c.value < 1 else slope
    # no 0·∞ where c = 0, and a finite convention where 0 < c < 1 meets x = 0
    flat = logical_or(equal(c, 0.0), logical_and(equal(x, 0.0), less(abs_one(c), 0.5)))
    exponent = where(flat, 1.0, c)
    return where(flat, 0.0, exponent * pow_(x, exponent - 1))


def abs_one(c: Node) -> Node:
    """|c − ½|, which is below ½ exactly for 0 < c < 1."""
    return maximum(c - 0.5, 0.5 - c)


def _pow_exponent(x: Node, c: Node, y: Node) -> Node:
    from chainrule.ops.exponential import log

    zero = equal(x, 0.0)
    return where(zero, 0.0, y * log(where(zero, 1.0, x)))


def _taylor_pow(k: int, series: Series, y: Callable[[int], Node | None]) -> Node | None:
    """x y′ = c x′ y for a constant exponent c."""
    x, c = series
    terms = []
    for j in range(1, k + 1):
        p, q = x(j), y(k - j)
        if p is not None and q is not None:
            terms.append((c(0) * j - float(k - j)) * (p * q))  # type: ignore[operator]
    total = _sum(terms)
    return None if total is None else total / (x(0) * float(k))  # type: ignore[operator]


pow_: Elementwise = Elementwise(
    name="pow",
    evaluate=np.power,
    partials=(_pow_base, _pow_exponent),
    domain=((0.0, np.inf), REALS),
    range=(0.0, np.inf),
    monotone=lambda x, c: (_sign_of(c), _sign_of((x[0] - 1, x[1] - 1))),
    taylor=_taylor_pow,
    taylor_constant=(1,),
    convention="0**c has derivative 0 for 0 <= c < 1, and 0**c does not depend on c",
    latex="{0}^{{{1}}}",
    rule="power rule",
    exact="power",
    tolerance=8.0,
)

# -- comparisons and logic ---------------------------------------------------------------------


def _comparison(name: str, evaluate: Any, latex: str) -> Elementwise:
    return Elementwise(
        name=name,
        evaluate=evaluate,
        partials=None,
        dtypes=NUMBERS + "b",
        result="bool",
        domain=REALS2,
        monotone=(None, None),
        latex=f"{{0}} {latex} {{1}}",
        rule="piecewise constant",
    )


equal = _comparison("equal", np.equal, "=")
not_equal = _comparison("not_equal", np.not_equal, r"\ne")
less = _comparison("less", np.less, "<")
less_equal = _comparison("less_equal", np.less_equal, r"\le")
greater = _comparison("greater", np.greater, ">")
greater_equal = _comparison("greater_equal", np.greater_equal, r"\ge")


def _logic(name: str, evaluate: Any, latex: str, arity: int = 2, dtypes: str = "b") -> Elementwise:
    return Elementwise(
        name=name,
        evaluate=evaluate,
        partials=None,
        dtypes=dtypes,
        domain=(REALS,) * arity,
        monotone=(None,) * arity,
        latex=latex,
        rule="piecewise constant",
    )


logical_and = _logic("logical_and", np.logical_and, r"{0} \land {1}")
logical_or = _logic("logical_or", np.logical_or, r"{0} \lor {1}")
logical_xor = _logic("logical_xor", np.logical_xor, r"{0} \oplus {1}")
logical_not = _logic("logical_not", np.logical_not, r"\lnot {0}", arity=1)
