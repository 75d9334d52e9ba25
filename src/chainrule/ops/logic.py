"""Comparisons, logic on booleans and on bits: nothing flows back through any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.ops.bounds import Bounds
from chainrule.ops.record import REALS, Case, Elementwise

NUMBERS = "fiu"


def both_certain(certain: Any, possible: Any) -> Bounds:
    """Bounds of a truth value: 1 where it must hold, and 1 where it may."""
    return np.asarray(certain, np.float64), np.asarray(possible, np.float64)


# -- comparisons ---------------------------------------------------------------------------------


def _comparison(
    name: str, evaluate: Any, latex: str, enclose: Callable[[Bounds, Bounds], Bounds]
) -> Elementwise:
    return Elementwise(
        name=name,
        evaluate=evaluate,
        partials=None,
        dtypes=NUMBERS + "b",
        result="bool",
        domain=(REALS, REALS),
        range=(0.0, 1.0),
        monotone=(None, None),
        enclose=enclose,
        latex=f"{{0}} {latex} {{1}}",
        rule="piecewise constant",
        tolerance=0.0,
    )


def _enclose_less(a: Bounds, b: Bounds) -> Bounds:
    return both_certain(a[1] < b[0], a[0] < b[1])


def _enclose_less_equal(a: Bounds, b: Bounds) -> Bounds:
    return both_certain(a[1] <= b[0], a[0] <= b[1])


def _enclose_equal(a: Bounds, b: Bounds) -> Bounds:
    points = (a[0] == a[1]) & (b[0] == b[1]) & (a[0] == b[0])
    return both_certain(points, (a[0] <= b[1]) & (b[0] <= a[1]))


def _enclose_not_equal(a: Bounds, b: Bounds) -> Bounds:
    return _enclose_not(_enclose_equal(a, b))


def _enclose_not(a: Bounds) -> Bounds:
    return 1.0 - a[1], 1.0 - a[0]


equal: Elementwise = _comparison("equal", np.equal, "=", _enclose_equal)
not_equal: Elementwise = _comparison("not_equal", np.not_equal, r"\ne", _enclose_not_equal)
less: Elementwise = _comparison("less", np.less, "<", _enclose_less)
less_equal: Elementwise = _comparison("less_equal", np.less_equal, r"\le", _enclose_less_equal)
greater: Elementwise = _comparison("greater", np.greater, ">", lambda a, b: _enclose_less(b, a))
greater_equal: Elementwise = _comparison(
    "greater_equal", np.greater_equal, r"\ge", lambda a, b: _enclose_less_equal(b, a)
)

# -- logic ---------------------------------------------------------------------------------------


def _logic(
    name: str, evaluate: Any, latex: str, enclose: Callable[..., Bounds], arity: int = 2
) -> Elementwise:
    return Elementwise(
        name=name,
        evaluate=evaluate,
        partials=None,
        dtypes="b",
        domain=(REALS,) * arity,
        range=(0.0, 1.0),
        monotone=(None,) * arity,
        enclose=enclose,
        latex=latex,
        rule="piecewise constant",
        tolerance=0.0,
    )


def _enclose_and(a: Bounds, b: Bounds) -> Bounds:
    return np.minimum(a[0], b[0]), np.minimum(a[1], b[1])


def _enclose_or(a: Bounds, b: Bounds) -> Bounds:
    return np.maximum(a[0], b[0]), np.maximum(a[1], b[1])


def _enclose_xor(a: Bounds, b: Bounds) -> Bounds:
    known = (a[0] == a[1]) & (b[0] == b[1])
    return known * np.abs(a[0] - b[0]), np.where(known, np.abs(a[0] - b[0]), 1.0)


logical_and: Elementwise = _logic("logical_and", np.logical_and, r"{0} \land {1}", _enclose_and)
logical_or: Elementwise = _logic("logical_or", np.logical_or, r"{0} \lor {1}", _enclose_or)
logical_xor: Elementwise = _logic("logical_xor", np.logical_xor, r"{0} \oplus {1}", _enclose_xor)
logical_not: Elementwise = _logic(
    "logical_not", np.logical_not, r"\lnot {0}", _enclose_not, arity=1
)

# -- kinds of numbers ----------------------------------------------------------------------------


def _test(name: str, evaluate: Any) -> Elementwise:
    return Elementwise(
        name=name,
        evaluate=evaluate,
        partials=None,
        dtypes=NUMBERS,
        result="bool",
        range=(0.0, 1.0),
        latex=rf"\operatorname{{{{{name}}}}}({{0}})",
        rule="piecewise constant",
        tolerance=0.0,
    )


isfinite: Elementwise = _test("isfinite", np.isfinite)
isnan: Elementwise = _test("isnan", np.isnan)
isinf: Elementwise = _test("isinf", np.isinf)

# -- bits ----------------------------------------------------------------------------------------


def _integers(top: int, arity: int = 2) -> Callable[[np.random.Generator], Iterator[Case]]:
    """Signed and unsigned integers; the last source stays below ``top``."""

    def cases(rng: np.random.Generator) -> Iterator[Case]:
        for dtype in (np.int32, np.int64, np.uint8):
            for shape in ((), (5,), (2, 3)):
                draws = [rng.integers(0, 100, shape) for _ in range(arity - 1)]
                draws.append(rng.integers(0, top, shape))
                yield Case(tuple(np.asarray(draw, dtype) for draw in draws))

    return cases


def _bitwise(
    name: str, evaluate: Any, latex: str, arity: int = 2, dtypes: str = "iub", top: int = 100
) -> Elementwise:
    return Elementwise(
        name=name,
        evaluate=evaluate,
        partials=None,
        dtypes=dtypes,
        domain=(REALS,) * arity,
        monotone=(None,) * arity,
        latex=latex,
        rule="piecewise constant",
        cases=_integers(top, arity),
        tolerance=0.0,
    )


bitwise_and: Elementwise = _bitwise("bitwise_and", np.bitwise_and, r"{0} \mathbin{{\&}} {1}")
bitwise_or: Elementwise = _bitwise("bitwise_or", np.bitwise_or, r"{0} \mathbin{{|}} {1}")
bitwise_xor: Elementwise = _bitwise("bitwise_xor", np.bitwise_xor, r"{0} \oplus {1}")
bitwise_invert: Elementwise = _bitwise("bitwise_invert", np.invert, r"{{\sim}} {0}", arity=1)
left_shift: Elementwise = _bitwise("left_shift", np.left_shift, r"{0} \ll {1}", dtypes="iu", top=8)
right_shift: Elementwise = _bitwise(
    "right_shift", np.right_shift, r"{0} \gg {1}", dtypes="iu", top=8
)
