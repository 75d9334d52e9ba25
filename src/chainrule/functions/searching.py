"""Searching, sorting, sets and looking up by index arrays (array API names)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node, array
from chainrule.core.types import as_dtype
from chainrule.functions._apply import concrete, normalize_axis
from chainrule.lift import as_node, promote
from chainrule.ops import index, reduce, shape, sorting
from chainrule.ops.logic import equal
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "nonzero",
    "one_hot",
    "searchsorted",
    "sort",
    "take",
    "take_along_axis",
    "top_k",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]

_FIXED = (
    "Use cr.where(condition, a, b), which keeps the shape, or find the places before the traced "
    "function."
)


# -- where something is ----------------------------------------------------------------------------


def _place(name: str, primitive: Any, x: ArrayLike, axis: int | None, keepdims: bool) -> Tensor:
    node = as_node(x)
    if axis is not None:
        place = normalize_axis(name, axis, node.ndim)
        return wrap(primitive(node, axis=place, keepdims=keepdims))
    found = primitive(shape.reshape(node, (node.type.size,)), axis=0, keepdims=False)
    return wrap(shape.reshape(found, (1,) * node.ndim if keepdims else ()))


def argmax(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the largest element (the first of several), in the flattened array by default.

    >>> import chainrule as cr
    >>> cr.argmax([[1, 5], [7, 2]], axis=1)
    tensor([1, 0])
    """
    return _place("argmax", reduce.argmax, x, axis, keepdims)


def argmin(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the smallest element (the first of several), in the flattened array by default.

    >>> import chainrule as cr
    >>> cr.argmin([3, 1, 2])
    tensor(1)
    """
    return _place("argmin", reduce.argmin, x, axis, keepdims)


def nonzero(x: ArrayLike, /) -> tuple[Tensor, ...]:
    """For each axis the indices of the elements that are not 0.

    Raises:
        TraceError: for a traced tensor, since the number of places depends on values.

    >>> import chainrule as cr
    >>> cr.nonzero([0, 3, 0, 1])
    (tensor([1, 3]),)
    """
    node = as_node(x)
    if not node.ndim:
        raise ShapeError("nonzero: a 0-dimensional array has no places; use x != 0")
    value = concrete(node, "nonzero", _FIXED)
    return tuple(Tensor(array(places)) for places in np.nonzero(value))


def argwhere(x: ArrayLike, /) -> Tensor:
    """The indices of the elements that are not 0, one row for each.

    >>> import chainrule as cr
    >>> cr.argwhere([0, 3, 0, 1])
    tensor([[1],
            [3]])
    """
    return Tensor(array(np.argwhere(concrete(as_node(x), "argwhere", _FIXED))))


def searchsorted(
    x1: ArrayLike, x2: ArrayLike, /, *, side: str = "left", sorter: ArrayLike | None = None
) -> Tensor:
    """Before which element of the ascending vector ``x1`` each of ``x2`` belongs.

    Args:
        x1: an ascending vector.
        x2: what to insert.
        side: "left" to insert before equal elements, "right" behind them.
        sorter: indices that put ``x1`` into ascending order, if it is not.

    >>> import chainrule as cr
    >>> cr.searchsorted([1.0, 2.0, 3.0], [2.0, 5.0])
    tensor([1, 3])
    """
    if side not in ("left", "right"):
        raise DTypeError(f'searchsorted: side is "left" or "right", not {side!r}')
    sequence, values = promote(x1 if sorter is None else take(x1, sorter, axis=0), x2)
    if sequence.ndim != 1:
        raise ShapeError(f"searchsorted needs a vector to search in, not shape {sequence.shape}")
    return wrap(sorting.searchsorted(sequence, values, side=side))


# -- sorting ---------------------------------------------------------------------------------------


def _sorted(primitive: Any, x: ArrayLike, axis: int | None, descending: bool) -> Tensor:
    node = as_node(x)
    if axis is None:
        node, axis = shape.reshape(node, (node.type.size,)), 0
    return wrap(
        primitive(node, axis=normalize_axis("sort", axis, node.ndim), descending=descending)
    )


def sort(
    x: ArrayLike, /, *, axis: int | None = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The elements along ``axis`` in order, NaN last; each keeps its own derivative.

    Sorting is always stable.

    >>> import chainrule as cr
    >>> cr.sort([3, 1, 2], descending=True)
    tensor([3, 2, 1])
    """
    return _sorted(sorting.sort_, x, axis, descending)


def argsort(
    x: ArrayLike, /, *, axis: int | None = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The indices that put the elements along ``axis`` in order. Always stable.

    >>> import chainrule as cr
    >>> cr.argsort([3, 1, 2])
    tensor([1, 2, 0])
    """
    return _sorted(sorting.argsort, x, axis, descending)


def top_k(x: ArrayLike, k: int, /) -> tuple[Tensor, Tensor]:
    """The ``k`` largest elements along the last axis, largest first, and their indices.

    >>> import chainrule as cr
    >>> cr.top_k([3.0, 1.0, 2.0], 2)
    (tensor([3., 2.]), tensor([0, 2]))
    """
    values, places = sorting.top_k(as_node(x), k)
    return wrap(values), wrap(places)


# -- looking up ------------------------------------------------------------------------------------


def take(x: ArrayLike, indices: ArrayLike, /, *, axis: int | None = None) -> Tensor:
    """The elements, or slices along ``axis``, at ``indices``; negative ones count from the end.

    Without ``axis`` the elements are counted in C order.

    Raises:
        IndexingError: if an index is out of range or no integer.

    >>> import chainrule as cr
    >>> cr.take([10.0, 20.0, 30.0], [2, 0])
    tensor([30., 10.])
    """
    node, places = as_node(x), as_node(indices)
    if axis is None:
        node, place = shape.reshape(node, (node.type.size,)), 0
    else:
        place = normalize_axis("take", axis, node.ndim)
    found = index.gather(node, places, axes=(place,))
    front = tuple(range(places.ndim, places.ndim + place))
    rest = tuple(range(places.ndim + place, found.ndim))
    return wrap(shape.permute(found, (*front, *range(places.ndim), *rest)))


def take_along_axis(x: ArrayLike, indices: ArrayLike, /, axis: int = -1) -> Tensor:
    """y[…, k, …] = x[…, indices[…, k, …], …] along one axis; undoes an `argsort`.

    >>> import chainrule as cr
    >>> x = cr.tensor([3.0, 1.0, 2.0])
    >>> cr.take_along_axis(x, cr.argsort(x))
    tensor([1., 2., 3.])
    """
    node = as_node(x)
    place = normalize_axis("take_along_axis", axis, node.ndim)
    return wrap(index.take_along_axis(node, as_node(indices), place))


def one_hot(x: ArrayLike, num_classes: int, /, *, dtype: Any = "float32", axis: int = -1) -> Tensor:
    """1 at the place that the class number says, 0 at the others, along a new axis.

    Numbers outside ``0 … num_classes - 1`` give a row of zeros.

    Args:
        x: class numbers, integers.
        num_classes: how many classes there are.
        dtype: of the result; float32, so that it does not widen what it is combined with.
        axis: where the new axis goes.

    >>> import chainrule as cr
    >>> cr.one_hot([2, 0], 3)
    tensor([[0., 0., 1.],
            [1., 0., 0.]], dtype=float32)
    """
    node = as_node(x)
    if node.dtype.kind not in "iu":
        raise DTypeError(f"one_hot needs integer class numbers, not {node.dtype.name}")
    place = normalize_axis("one_hot", axis, node.ndim + 1)
    column = shape.reshape(node, (*node.shape[:place], 1, *node.shape[place:]))
    aligned = tuple(num_classes if a == place else 1 for a in range(node.ndim + 1))
    numbers = array(np.arange(num_classes).reshape(aligned))
    a, b = promote(wrap(column), wrap(numbers))
    return wrap(shape.cast(equal(a, b), dtype=as_dtype(dtype)))


# -- sets ------------------------------------------------------------------------------------------


class UniqueAll(NamedTuple):
    """Result of `unique_all`."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """Result of `unique_counts`."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """Result of `unique_inverse`."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: ArrayLike, /) -> UniqueAll:
    """The different elements in ascending order, where each occurs first, which of them each
    element of ``x`` is, and how often each occurs.

    Every NaN counts as different from all others (array API). Derivatives flow to the first
    occurrence of each value.

    Raises:
        TraceError: for a traced tensor, since the number of values depends on values.

    >>> import chainrule as cr
    >>> cr.unique_all([3, 1, 3]).counts
    tensor([1, 2])
    """
    node = as_node(x)
    value = np.asarray(concrete(node, "unique", "Find the unique values before."))
    _, first, inverse, counts = np.unique(
        value, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    flat = shape.reshape(node, (node.type.size,))
    values = index.gather(flat, array(first), axes=(0,))
    return UniqueAll(wrap(values), *map(_constant, (first, inverse.reshape(value.shape), counts)))


def _constant(value: np.ndarray) -> Tensor:
    node: Node = array(value)
    return Tensor(node)


def unique_values(x: ArrayLike, /) -> Tensor:
    """The different elements in ascending order; see `unique_all`.

    >>> import chainrule as cr
    >>> cr.unique_values([3, 1, 3])
    tensor([1, 3])
    """
    return unique_all(x).values


def unique_counts(x: ArrayLike, /) -> UniqueCounts:
    """The different elements and how often each occurs; see `unique_all`.

    >>> import chainrule as cr
    >>> cr.unique_counts([3, 1, 3])
    UniqueCounts(values=tensor([1, 3]), counts=tensor([1, 2]))
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: ArrayLike, /) -> UniqueInverse:
    """The different elements and which of them each element of ``x`` is; see `unique_all`.

    >>> import chainrule as cr
    >>> cr.unique_inverse([3, 1, 3])
    UniqueInverse(values=tensor([1, 3]), inverse_indices=tensor([1, 0, 1]))
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)
