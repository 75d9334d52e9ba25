"""Folding along axes, and statistics (array API: statistical and utility functions)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.core.node import Node, array, literal
from chainrule.core.types import DTYPES, as_dtype
from chainrule.functions._apply import (
    Axis,
    Shape,
    narrowed,
    normalize_axes,
    normalize_axis,
    widened,
)
from chainrule.functions.logic import truth
from chainrule.lift import as_node, floating, promote
from chainrule.ops import logic, parts
from chainrule.ops import reduce as ops
from chainrule.ops import shape as sh
from chainrule.ops.choice import where
from chainrule.ops.exponential import sqrt
from chainrule.ops.index import gather
from chainrule.ops.sorting import sort_
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "all",
    "any",
    "average",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "prod",
    "ptp",
    "quantile",
    "std",
    "sum",
    "var",
]

INT, UINT = DTYPES["int64"], DTYPES["uint64"]


def accumulated(node: Node, dtype: Any) -> Node:
    """The node in the dtype in which it is summed: at least 64 bits for integers, as in NumPy."""
    if dtype is not None:
        wanted = as_dtype(dtype)
    elif node.type.is_float:
        return node
    else:
        wanted = UINT if node.dtype.kind == "u" else INT
    return node if node.dtype is wanted else sh.cast(node, dtype=wanted)


def _fold(name: str, primitive: Any, node: Node, axis: Axis, keepdims: bool) -> Tensor:
    axes = normalize_axes(name, axis, node.ndim)
    return wrap(primitive(node, axes=axes, keepdims=keepdims))


def sum(x: ArrayLike, /, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over ``axis`` (one, several, or all), 0 if there is nothing; integers in 64 bits.

    >>> import chainrule as cr
    >>> cr.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    tensor([4., 6.])
    """
    return _fold("sum", ops.sum_, accumulated(as_node(x), dtype), axis, keepdims)


def prod(
    x: ArrayLike, /, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False
) -> Tensor:
    """The product over ``axis``, 1 if there is nothing; integers in 64 bits.

    >>> import chainrule as cr
    >>> cr.prod([1.0, 2.0, 3.0])
    tensor(6.)
    """
    return _fold("prod", ops.prod, accumulated(as_node(x), dtype), axis, keepdims)


def max(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The largest element; the derivative is shared equally among tied ones.

    Raises:
        ShapeError: if there is nothing to choose from.

    >>> import chainrule as cr
    >>> cr.max([[1, 5], [3, 2]], axis=1)
    tensor([5, 3])
    """
    return _fold("max", ops.max_, as_node(x), axis, keepdims)


def min(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The smallest element; the derivative is shared equally among tied ones.

    >>> import chainrule as cr
    >>> cr.min([[1, 5], [3, 2]], axis=1)
    tensor([1, 2])
    """
    return _fold("min", ops.min_, as_node(x), axis, keepdims)


def ptp(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Peak to peak: the largest minus the smallest element.

    >>> import chainrule as cr
    >>> cr.ptp([1, 5, 3])
    tensor(4)
    """
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)


def any(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Whether at least one element holds (is not 0).

    >>> import chainrule as cr
    >>> cr.any([False, True])
    tensor(True)
    """
    return _fold("any", ops.any_, truth(x), axis, keepdims)


def all(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Whether every element holds (is not 0).

    >>> import chainrule as cr
    >>> cr.all([False, True])
    tensor(False)
    """
    return _fold("all", ops.all_, truth(x), axis, keepdims)


def count_nonzero(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """How many elements are not 0.

    >>> import chainrule as cr
    >>> cr.count_nonzero([0, 3, 0, 1])
    tensor(2)
    """
    return sum(wrap(sh.cast(truth(x), dtype=INT)), axis, keepdims=keepdims)


def logsumexp(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """ln Σ e^x without overflow; its gradient is the softmax.

    >>> import chainrule as cr
    >>> cr.logsumexp([1000.0, 1000.0])
    tensor(1000.69314718)
    """
    return _fold("logsumexp", ops.logsumexp, floating(as_node(x)), axis, keepdims)


# -- statistics ------------------------------------------------------------------------------------


def _count(shape: Shape, axes: Shape) -> int:
    return sh.product(tuple(shape[a] for a in axes))


def _mean(node: Node, axes: Shape, keepdims: bool) -> Node:
    total = ops.sum_(node, axes=axes, keepdims=keepdims)
    return total / float(_count(node.shape, axes))


def mean(
    x: ArrayLike, /, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False
) -> Tensor:
    """The arithmetic mean over ``axis``; NaN if there is nothing.

    float16 is summed in float32, here and in the other statistics, so that only a result that is
    itself too large overflows.

    >>> import chainrule as cr
    >>> cr.mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    tensor([1.5, 3.5])
    """
    node = floating(as_node(x, None if dtype is None else as_dtype(dtype)))
    found = _mean(widened(node), normalize_axes("mean", axis, node.ndim), keepdims)
    return wrap(narrowed(found, node.dtype))


def average(
    x: ArrayLike, /, axis: Axis = None, *, weights: ArrayLike | None = None, keepdims: bool = False
) -> Tensor:
    """The weighted mean Σ w x / Σ w over ``axis``.

    ``weights`` broadcast against ``x``.

    >>> import chainrule as cr
    >>> cr.average([1.0, 2.0], weights=[3.0, 1.0])
    tensor(1.25)
    """
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    values, w = (floating(node) for node in promote(x, weights))
    dtype, axes = values.dtype, normalize_axes("average", axis, values.ndim)
    values, w = widened(values), sh.broadcast_to(widened(w), values.shape)
    total = ops.sum_(values * w, axes=axes, keepdims=keepdims)
    return wrap(narrowed(total / ops.sum_(w, axes=axes, keepdims=keepdims), dtype))


def _var(name: str, node: Node, axis: Axis, correction: float, keepdims: bool) -> Node:
    axes = normalize_axes(name, axis, node.ndim)
    deviation = node - _mean(node, axes, True)
    total = ops.sum_(deviation * deviation, axes=axes, keepdims=keepdims)
    free = _count(node.shape, axes) - correction
    return total / float(free if free > 0 else 0.0)


def var(
    x: ArrayLike, /, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The variance Σ (x - mean)² / (n - correction) over ``axis``.

    Args:
        x: the numbers.
        axis: one axis, several, or all.
        correction: 0 for the variance of a population, 1 (Bessel) to estimate it from a sample;
            PyTorch's default is 1. One number alone has variance 0 with derivative 0; with
            ``correction=1`` it is 0/0, NaN, as in NumPy.
        keepdims: whether to keep reduced axes with extent 1.

    >>> import chainrule as cr
    >>> cr.var([1.0, 2.0, 3.0]), cr.var([1.0, 2.0, 3.0], correction=1)
    (tensor(0.66666667), tensor(1.))
    """
    node = floating(as_node(x))
    return wrap(narrowed(_var("var", widened(node), axis, correction, keepdims), node.dtype))


def std(
    x: ArrayLike, /, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The standard deviation, the root of `var`; where it is 0 its derivative is taken as 0.

    >>> import chainrule as cr
    >>> cr.std([1.0, 3.0])
    tensor(1.)
    """
    node = floating(as_node(x))
    variance = _var("std", widened(node), axis, correction, keepdims)
    return wrap(narrowed(sqrt(variance), node.dtype))


def quantile(
    x: ArrayLike,
    q: Any,
    /,
    axis: int | None = None,
    *,
    keepdims: bool = False,
    method: str = "linear",
) -> Tensor:
    """The number below which a share ``q`` of the elements lies; NaN if there is nothing.

    Args:
        x: the numbers.
        q: a number in [0, 1], or an array of them, whose axes come first in the result.
        axis: the axis, or None for all elements.
        keepdims: whether to keep the reduced axes with extent 1.
        method: what to take between two elements: "linear" interpolation, the "lower" one, the
            "higher" one, the "nearest" one or the "midpoint".

    Raises:
        DomainError: for ``q`` outside [0, 1] or an unknown method.

    >>> import chainrule as cr
    >>> cr.quantile([3.0, 1.0, 2.0], 0.25)
    tensor(1.5)
    """
    node = floating(as_node(x))
    places = np.asarray(q.numpy() if isinstance(q, Tensor) else q, np.float64)
    if not np.all((places >= 0) & (places <= 1)):
        raise DomainError(f"quantile: q must be in [0, 1], it is {q}")
    if axis is None:
        kept: Shape = (1,) * node.ndim
        node, place = sh.reshape(node, (node.type.size,)), 0
    else:
        place = normalize_axis("quantile", axis, node.ndim)
        kept = (*node.shape[:place], 1, *node.shape[place + 1 :])
    extent = node.shape[place]
    if extent == 0:
        node, extent = padded(node, place, np.nan), 1
    ordered = sort_(node, axis=place, descending=False)
    rest = (*node.shape[:place], *node.shape[place + 1 :])
    lower, weight = _between(places * (extent - 1), method)
    column = weight.reshape((*places.shape, *(1,) * len(rest))).astype(node.dtype)
    a = gather(ordered, array(lower), axes=(place,))
    b = gather(ordered, array(np.where(weight > 0, lower + 1, lower)), axes=(place,))
    step = where(array(column > 0), b - a, 0.0)  # not ∞ - ∞ where only one element counts
    last = sh.reshape(parts.slice_axis(ordered, place, extent - 1, extent), rest)
    found = where(logic.isnan(last), last, a + step * array(column))  # NaN is sorted to the end
    return wrap(sh.reshape(found, (*places.shape, *kept)) if keepdims else found)


def padded(node: Node, axis: int, value: float) -> Node:
    """``node`` with ``value`` once in front along ``axis``."""
    low = tuple(int(a == axis) for a in range(node.ndim))
    zeros = (0,) * node.ndim
    return parts.pad(node, literal(value, node.dtype), low=low, high=zeros, interior=zeros)


def _between(position: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    """The element below each position, and how far to go from it to the next one."""
    lower = np.floor(position).astype(np.int64)
    rest = position - lower
    weights = {
        "linear": rest,
        "lower": np.zeros_like(rest),
        "higher": (rest > 0) * 1.0,
        "nearest": np.rint(position) - lower,
        "midpoint": (rest > 0) * 0.5,
    }
    if method not in weights:
        raise DomainError(f"quantile: no method {method!r}; methods are {', '.join(weights)}")
    return lower, np.asarray(weights[method])


def median(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The middle element over ``axis``, or the mean of the two in the middle; NaN of nothing.

    >>> import chainrule as cr
    >>> cr.median([3.0, 1.0, 10.0])
    tensor(3.)
    """
    return quantile(x, 0.5, axis, keepdims=keepdims)
