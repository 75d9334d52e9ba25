"""Running along one axis: cumulative sums and products, first-order linear recurrences.

Each runs from the first element on, or with ``reverse`` from the last one back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.types import ArrayType
from chainrule.ops.arithmetic import Series, convolve
from chainrule.ops.parts import pad
from chainrule.ops.record import Linear, Smooth, drawn
from chainrule.ops.shape import materialize


def shift(x: Node, axis: int, reverse: bool, fill: float) -> Node:
    """``x`` moved one place in the direction of running: y_k = x_{k-1}, and y_0 = ``fill``.

    >>> from chainrule.core.node import array
    >>> shift(array(np.array([2.0, 3.0, 4.0])), axis=0, reverse=False, fill=1.0).value
    array([1., 2., 3.])
    """
    step = -1 if reverse else 1
    low = tuple(step if a == axis else 0 for a in range(x.ndim))
    return pad(x, fill, low=low, high=tuple(-n for n in low), interior=(0,) * x.ndim)


def exclusive_product(x: Node, axis: int, reverse: bool) -> Node:
    """The product of all elements before each one (after it, in reverse); 1 for the first.

    >>> from chainrule.core.node import array
    >>> exclusive_product(array(np.array([2.0, 3.0, 4.0])), axis=0, reverse=False).value
    array([1., 2., 6.])
    """
    return shift(cumprod(x, axis=axis, reverse=reverse), axis, reverse, 1.0)


def _running(ufunc: Any) -> Callable[..., Any]:
    def evaluate(x: Any, axis: int, reverse: bool) -> Any:
        if not reverse:
            return ufunc.accumulate(x, axis=axis, dtype=x.dtype)
        return np.flip(ufunc.accumulate(np.flip(x, axis), axis=axis, dtype=x.dtype), axis)

    return evaluate


def _running_type(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, axis: int, reverse: bool) -> ArrayType:
        if not 0 <= axis < x.ndim:
            raise ShapeError(f"{name}: an array of shape {x.shape} has no axis {axis}")
        return x

    return infer


_cases = drawn(
    (((5,),), (0, False)),
    (((2, 3),), (1, True)),
    (((3, 2, 2),), (1, False)),
    (((1,),), (0, True)),
    (((0, 2),), (0, False)),
)

cumsum: Linear = Linear(
    name="cumsum",
    parameters=("axis", "reverse"),
    evaluate=_running(np.add),
    infer=_running_type("cumsum"),
    flops=lambda x, axis, reverse: x.size,
    transpose=lambda ct, i, sources, axis, reverse: cumsum(ct, axis=axis, reverse=not reverse),
    batch=lambda size, batched, sources, axis, reverse: cumsum(
        sources[0], axis=axis + 1, reverse=reverse
    ),
    cases=_cases,
    rule="sum rule",
)

# -- recurrences -----------------------------------------------------------------------------------


def _recurrence_type(a: ArrayType, b: ArrayType, axis: int, reverse: bool) -> ArrayType:
    if not a.is_float:
        raise DTypeError(f"linear_recurrence is defined for float arrays, not for {a.dtype.name}")
    if a is not b or not 0 <= axis < a.ndim:
        raise ShapeError(
            f"linear_recurrence needs two arrays of one type with an axis {axis}, not {a} and {b}"
        )
    return a


def _evaluate_recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    result = np.array(b)
    if reverse:
        a, run = np.flip(a, axis), np.moveaxis(np.flip(result, axis), axis, 0)
    else:
        run = np.moveaxis(result, axis, 0)
    factors = np.moveaxis(a, axis, 0)
    for k in range(1, len(run)):
        run[k] += factors[k] * run[k - 1]
    return result


def _recurrence_jvp(
    tangents: Sequence[Node | None], sources: Sequence[Node], h: Node, axis: int, reverse: bool
) -> Node:
    ta, tb = tangents
    drive = tb
    if ta is not None:
        drive = ta * shift(h, axis, reverse, 0.0)
        drive = drive if tb is None else drive + tb
    assert drive is not None
    return linear_recurrence(sources[0], drive, axis=axis, reverse=reverse)


def _gathered_back(ct: Node, factors: Node, axis: int, reverse: bool) -> Node:
    """λ_k = ct_k + a_{k+1} λ_{k+1}: the recurrence of the adjoint runs the other way."""
    ahead = shift(factors, axis, not reverse, 0.0)
    return linear_recurrence(ahead, ct, axis=axis, reverse=not reverse)


def _recurrence_vjp(
    ct: Node,
    needed: Sequence[bool],
    sources: Sequence[Node],
    h: Node,
    axis: int,
    reverse: bool,
) -> tuple[Node | None, ...]:
    back = _gathered_back(ct, sources[0], axis, reverse)
    first = back * shift(h, axis, reverse, 0.0) if needed[0] else None
    return first, back if needed[1] else None


def _taylor_recurrence(
    k: int,
    series: Series,
    h: Callable[[int], Node | None],
    axis: int,
    reverse: bool,
) -> Node | None:
    """Coefficient k of h_i = a_i h_{i-1} + b_i, whose term with h itself is the recurrence."""
    a, b = series
    drive = convolve(a, _shifted_series(h, axis, reverse, 0.0), k, first=1)
    bk = b(k)
    drive = bk if drive is None else drive if bk is None else drive + bk
    first = a(0)
    if drive is None or first is None:
        return None
    return linear_recurrence(first, drive, axis=axis, reverse=reverse)


def _shifted_series(
    y: Callable[[int], Node | None], axis: int, reverse: bool, first: float
) -> Callable[[int], Node | None]:
    """The series of y_{i-1}, which is the constant ``first`` for i = 0."""

    def coefficient(k: int) -> Node | None:
        yk = y(k)
        return None if yk is None else shift(yk, axis, reverse, first if k == 0 else 0.0)

    return coefficient


def _batch_recurrence(size: int, batched: Any, sources: Any, axis: int, reverse: bool) -> Node:
    a, b = (x if many else materialize(x, size) for x, many in zip(sources, batched, strict=True))
    return linear_recurrence(a, b, axis=axis + 1, reverse=reverse)


# h_k = a_k h_{k-1} + b_k along an axis, from h_{-1} = 0.
linear_recurrence: Smooth = Smooth(
    name="linear_recurrence",
    parameters=("axis", "reverse"),
    evaluate=_evaluate_recurrence,
    infer=_recurrence_type,
    flops=lambda a, b, axis, reverse: 2 * a.size,
    jvp=_recurrence_jvp,
    vjp=_recurrence_vjp,
    taylor=_taylor_recurrence,
    batch=_batch_recurrence,
    cases=drawn(
        (((5,), (5,)), (0, False)),
        (((2, 3), (2, 3)), (1, True)),
        (((1, 2), (1, 2)), (0, False)),
        (((0,), (0,)), (0, False)),
    ),
    rule="linear recurrence rule",
)

# -- cumulative products ---------------------------------------------------------------------------
#
# y_k = x_k y_{k-1} from y_{-1} = 1, so its derivatives are linear recurrences. Nothing is divided
# by x, so zeros do no harm, in derivatives of any order.


def _cumprod_jvp(
    tangents: Sequence[Node], sources: Sequence[Node], y: Node, axis: int, reverse: bool
) -> Node:
    drive = tangents[0] * shift(y, axis, reverse, 1.0)
    return linear_recurrence(sources[0], drive, axis=axis, reverse=reverse)


def _cumprod_vjp(
    ct: Node,
    needed: Sequence[bool],
    sources: Sequence[Node],
    y: Node,
    axis: int,
    reverse: bool,
) -> tuple[Node | None, ...]:
    return (_gathered_back(ct, sources[0], axis, reverse) * shift(y, axis, reverse, 1.0),)


def _taylor_cumprod(
    k: int, series: Series, y: Callable[[int], Node | None], axis: int, reverse: bool
) -> Node | None:
    (x,) = series
    drive = convolve(x, _shifted_series(y, axis, reverse, 1.0), k, first=1)
    first = x(0)
    if drive is None or first is None:
        return None
    return linear_recurrence(first, drive, axis=axis, reverse=reverse)


cumprod: Smooth = Smooth(
    name="cumprod",
    parameters=("axis", "reverse"),
    evaluate=_running(np.multiply),
    infer=_running_type("cumprod"),
    flops=lambda x, axis, reverse: x.size,
    jvp=_cumprod_jvp,
    vjp=_cumprod_vjp,
    taylor=_taylor_cumprod,
    batch=lambda size, batched, sources, axis, reverse: cumprod(
        sources[0], axis=axis + 1, reverse=reverse
    ),
    cases=_cases,
    rule="product rule",
)
