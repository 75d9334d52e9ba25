"""Looking up and writing by index arrays: gather, scatter-add, assignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import IndexingError, ShapeError
from chainrule.core.node import Node, array
from chainrule.core.types import DTYPES, ArrayType, array_type
from chainrule.ops.choice import maximum, where
from chainrule.ops.logic import greater_equal
from chainrule.ops.record import Case, Discrete, Linear, broadcast_shapes
from chainrule.ops.shape import (
    Shape,
    broadcast_to,
    inverse_permutation,
    materialize,
    move_axis,
    product,
    reshape,
)

INT = DTYPES["int64"]

# -- what the index primitives share ---------------------------------------------------------------
#
# Index arrays select on ``axes`` of an array; they are broadcast together to the *index shape*.
# What is selected has the index shape first and then the other axes, in order. Negative indices
# count from the end.


def _index_shape(name: str, ndim: int, axes: Shape, indices: Sequence[ArrayType]) -> Shape:
    """The broadcast shape of index arrays; checks that there is one for each axis."""
    if not axes or len(axes) != len(indices) or len(set(axes)) != len(axes):
        raise IndexingError(
            f"{name} needs one index array for each of its axes, not {len(indices)} for {axes}"
        )
    if not all(0 <= axis < ndim for axis in axes):
        raise IndexingError(f"{name}: an array with {ndim} axes has no axes {axes}")
    for type in indices:
        if type.dtype.kind not in "iu":
            raise IndexingError(
                f"{name}: an index must be an integer array, not {type.dtype.name}; use "
                "nonzero() or where for a condition"
            )
    return broadcast_shapes(name, indices)


def _others(ndim: int, axes: Shape) -> Shape:
    return tuple(axis for axis in range(ndim) if axis not in axes)


def _indexed(shape: Shape, axes: Shape) -> Shape:
    return tuple(shape[axis] for axis in axes)


def _rest(shape: Shape, axes: Shape) -> Shape:
    return tuple(shape[axis] for axis in _others(len(shape), axes))


def _check_range(name: str, shape: Shape, axes: Shape, indices: Sequence[Any]) -> None:
    for axis, index in zip(axes, indices, strict=True):
        size = shape[axis]
        outside = (index < -size) | (index >= size)
        if np.any(outside):
            raise IndexingError(
                f"{name}: index {np.asarray(index)[outside].flat[0]} is outside axis {axis} of "
                f"size {size}; indices go from {-size} to {size - 1}"
            )


def _flat_places(name: str, shape: Shape, axes: Shape, indices: Sequence[Any]) -> np.ndarray:
    """Row numbers of the selected places where ``axes`` are flattened into one, non-negative."""
    _check_range(name, shape, axes, indices)
    flat: Any = 0
    for axis, index in zip(axes, indices, strict=True):
        index = np.asarray(index, np.int64)
        flat = flat * shape[axis] + np.where(index < 0, index + shape[axis], index)
    return np.ravel(flat)


def _in_place(rows: np.ndarray, shape: Shape, axes: Shape) -> np.ndarray:
    """Undoes the flattening: rows of ``axes`` in front become an array of ``shape``."""
    order = (*axes, *_others(len(shape), axes))
    return np.transpose(rows.reshape(_indexed(shape, order)), inverse_permutation(order))


def _iota(size: int, ndim: int = 1, axis: int = 0) -> Node:
    """0, 1, …, size - 1 along one axis of an array that has extent 1 along the others."""
    return array(np.arange(size).reshape([size if a == axis else 1 for a in range(ndim)]))


def _batched_indices(
    size: int, batched: Sequence[bool], indices: Sequence[Node], ndim: int
) -> tuple[Node, ...]:
    """Index arrays of ``ndim`` axes and a batch axis, with the number of the example in front."""
    aligned = [
        reshape(i, (size,) + (1,) * (ndim + 1 - i.ndim) + i.shape[1:]) if many else i
        for i, many in zip(indices, batched, strict=True)
    ]
    return _iota(size, ndim + 1), *aligned


def _index_ndim(batched: Sequence[bool], indices: Sequence[Node]) -> int:
    return max(i.ndim - many for i, many in zip(indices, batched, strict=True))


def _shifted(axes: Shape) -> Shape:
    return tuple(axis + 1 for axis in axes)


# -- gather and scatter-add ------------------------------------------------------------------------


def _gather_type(x: ArrayType, *arguments: Any) -> ArrayType:
    *indices, axes = arguments
    shape = _index_shape("gather", x.ndim, axes, indices)
    return array_type((*shape, *_rest(x.shape, axes)), x.dtype)


def _evaluate_gather(x: Any, *arguments: Any) -> Any:
    *indices, axes = arguments
    indices = [np.asarray(index, np.int64) for index in indices]
    try:
        if axes == (0,):
            return np.take(x, indices[0], axis=0)
        order = (*axes, *_others(x.ndim, axes))
        return np.transpose(x, order)[tuple(indices)]
    except IndexError:
        _check_range("gather", x.shape, axes, indices)
        raise


def _ungather(ct: Node, i: int, sources: Sequence[Node], axes: Shape) -> Node:
    x, *indices = sources
    return scatter_add(ct, *indices, shape=x.shape, axes=axes)


def _batch_gather(size: int, batched: Sequence[bool], sources: Any, axes: Shape) -> Node:
    x, *indices = sources
    ndim = _index_ndim(batched[1:], indices)
    if not any(batched[1:]):
        return move_axis(gather(x, *indices, axes=_shifted(axes)), ndim, 0)
    example, *aligned = _batched_indices(size, batched[1:], indices, ndim)
    if not batched[0]:
        return gather(x, *aligned, axes=axes)
    return gather(x, example, *aligned, axes=(0, *_shifted(axes)))


def _index_arrays(
    rng: np.random.Generator, shape: Shape, axes: Shape, index_shapes: Sequence[Shape]
) -> tuple[np.ndarray, ...]:
    return tuple(
        np.asarray(rng.integers(-shape[axis], shape[axis], index_shape))
        for axis, index_shape in zip(axes, index_shapes, strict=True)
    )


# (shape of the array, axes, shapes of the index arrays)
_APPLICATIONS: tuple[tuple[Shape, Shape, tuple[Shape, ...]], ...] = (
    ((4, 3), (0,), ((5,),)),
    ((4, 3), (1,), ((2, 2),)),
    ((2, 3, 4), (2, 0), ((3, 1), (2,))),
    ((3,), (0,), ((),)),
    ((2, 3), (0, 1), ((), (4,))),
    ((3, 1), (1,), ((0,),)),
    ((0, 2), (1,), ((3,),)),
)


def _gather_cases(rng: np.random.Generator) -> Iterator[Case]:
    for shape, axes, index_shapes in _APPLICATIONS:
        x = np.asarray(rng.normal(size=shape))
        yield Case((x, *_index_arrays(rng, shape, axes, index_shapes)), (axes,))


gather: Linear = Linear(
    name="gather",
    parameters=("axes",),
    evaluate=_evaluate_gather,
    infer=_gather_type,
    transpose=_ungather,
    linear_in=(0,),
    batch=_batch_gather,
    cases=_gather_cases,
    rule="linearity",
)


def _scatter_type(updates: ArrayType, *arguments: Any) -> ArrayType:
    *indices, shape, axes = arguments
    wanted = (*_index_shape("scatter_add", len(shape), axes, indices), *_rest(shape, axes))
    if updates.shape != wanted:
        raise ShapeError(
            f"scatter_add: updates have shape {updates.shape}, but these indices select {wanted} "
            f"of {shape}"
        )
    return array_type(shape, updates.dtype)


def _evaluate_scatter_add(updates: Any, *arguments: Any) -> Any:
    *indices, shape, axes = arguments
    flat = _flat_places("scatter_add", shape, axes, np.broadcast_arrays(*indices))
    rows = product(_indexed(shape, axes))
    columns = product(_rest(shape, axes))
    return _in_place(_add_rows(np.reshape(updates, (flat.size, columns)), flat, rows), shape, axes)


def _add_rows(updates: np.ndarray, flat: np.ndarray, rows: int) -> np.ndarray:
    """Row ``flat[i]`` of the result is the sum of all ``updates[i]`` with that number."""
    columns = updates.shape[1]
    result = np.zeros((rows, columns), updates.dtype)
    if flat.size <= 1 or np.bincount(flat).max() <= 1:  # nothing to add up
        result[flat] = updates
        return result
    if columns >= 256:  # rows so long that a loop over them costs nothing
        for row, update in zip(flat.tolist(), updates, strict=True):
            result[row] += update
        return result
    places = np.ravel(flat[:, np.newaxis] * columns + np.arange(columns))
    if updates.dtype.kind == "f":  # bincount adds in float64, and faster than np.add.at
        sums = np.bincount(places, weights=np.ravel(updates), minlength=result.size)
        return sums.reshape(result.shape).astype(updates.dtype)
    np.add.at(result.reshape(-1), places, np.ravel(updates))
    return result


def _unscatter(ct: Node, i: int, sources: Sequence[Node], shape: Shape, axes: Shape) -> Node:
    return gather(ct, *sources[1:], axes=axes)


def _batch_scatter_add(
    size: int, batched: Sequence[bool], sources: Any, shape: Shape, axes: Shape
) -> Node:
    updates, *indices = sources
    ndim = _index_ndim(batched[1:], indices)
    if not any(batched[1:]):
        updates = move_axis(updates, 0, ndim)
        return scatter_add(updates, *indices, shape=(size, *shape), axes=_shifted(axes))
    if not batched[0]:
        updates = materialize(updates, size)
    aligned = _batched_indices(size, batched[1:], indices, ndim)
    return scatter_add(updates, *aligned, shape=(size, *shape), axes=(0, *_shifted(axes)))


def _scatter_cases(rng: np.random.Generator) -> Iterator[Case]:
    for shape, axes, index_shapes in _APPLICATIONS:
        selected = (*np.broadcast_shapes(*index_shapes), *_rest(shape, axes))
        updates = np.asarray(rng.normal(size=selected))
        yield Case((updates, *_index_arrays(rng, shape, axes, index_shapes)), (shape, axes))


# Zeros of ``shape`` to which the updates are added; those for the same place add up.
scatter_add: Linear = Linear(
    name="scatter_add",
    parameters=("shape", "axes"),
    evaluate=_evaluate_scatter_add,
    infer=_scatter_type,
    flops=lambda updates, *rest: updates.size,
    transpose=_unscatter,
    linear_in=(0,),
    batch=_batch_scatter_add,
    cases=_scatter_cases,
    rule="linearity",
)

# -- assignment ------------------------------------------------------------------------------------


def _scatter_index_type(*arguments: Any) -> ArrayType:
    *indices, shape, axes = arguments
    _index_shape("scatter_index", len(shape), axes, indices)
    return array_type(shape, INT)


def _evaluate_scatter_index(*arguments: Any) -> Any:
    *indices, shape, axes = arguments
    flat = _flat_places("scatter_index", shape, axes, np.broadcast_arrays(*indices))
    columns = product(_rest(shape, axes))
    writer = np.full((product(_indexed(shape, axes)), 1), -1)
    writer[flat, 0] = np.arange(flat.size)  # NumPy too leaves behind the last of several
    owner = np.where(writer >= 0, writer * columns + np.arange(columns), -1)
    return _in_place(owner, shape, axes)


def _batch_scatter_index(
    size: int, batched: Sequence[bool], sources: Any, shape: Shape, axes: Shape
) -> Node:
    ndim = _index_ndim(batched, sources)
    aligned = _batched_indices(size, batched, sources, ndim)
    owner = scatter_index(*aligned, shape=(size, *shape), axes=(0, *_shifted(axes)))
    selected = broadcast_shapes("scatter_index", [index.type for index in aligned])[1:]
    updates = product((*selected, *_rest(shape, axes)))  # of one example
    first = reshape(array(np.arange(size) * updates), (size,) + (1,) * len(shape))
    return maximum(owner - first, -1)


def _scatter_index_cases(rng: np.random.Generator) -> Iterator[Case]:
    for shape, axes, index_shapes in _APPLICATIONS:
        yield Case(_index_arrays(rng, shape, axes, index_shapes), (shape, axes))


# Where each element of an array of ``shape`` gets its value when updates are written to the
# indexed places one after another: the flat position in the updates of the last write, or -1.
scatter_index: Discrete = Discrete(
    name="scatter_index",
    parameters=("shape", "axes"),
    evaluate=_evaluate_scatter_index,
    infer=_scatter_index_type,
    batch=_batch_scatter_index,
    cases=_scatter_index_cases,
    rule="piecewise constant",
)


def assign(x: Node, updates: Node, indices: Sequence[Node], axes: Shape) -> Node:
    """A copy of ``x`` in which the indexed places hold ``updates``; the last write wins.

    Args:
        x: the array.
        updates: what to write; broadcasts to what ``gather(x, *indices, axes=axes)`` selects.
        indices: integer arrays, broadcast together.
        axes: the axes of ``x`` that they index.

    Raises:
        IndexingError: if an index is no integer or out of range.
        ShapeError: if the updates do not fit.

    >>> import numpy as np
    >>> x, updates, places = (array(np.array(a)) for a in ([0., 0., 0.], [1., 2.], [2, 2]))
    >>> assign(x, updates, [places], axes=(0,)).value
    array([0., 0., 2.])
    """
    selected = _gather_type(x.type, *[index.type for index in indices], axes)
    updates = broadcast_to(updates, selected.shape)
    if selected.size == 0:
        return x
    owner = scatter_index(*indices, shape=x.shape, axes=axes)
    flat = reshape(updates, (selected.size,))
    return where(greater_equal(owner, 0), gather(flat, maximum(owner, 0), axes=(0,)), x)


def take_along_axis(x: Node, indices: Node, axis: int) -> Node:
    """y[…, k, …] = x[…, indices[…, k, …], …] along one axis, as in NumPy.

    ``indices`` has as many axes as ``x`` and broadcasts against it along the others.

    Raises:
        ShapeError: if ``indices`` has another number of axes.
        IndexingError: if an index is no integer or out of range.

    >>> x, order = array(np.array([[3.0, 1.0]])), array(np.array([[1, 0]]))
    >>> take_along_axis(x, order, axis=1).value
    array([[1., 3.]])
    """
    if indices.ndim != x.ndim:
        raise ShapeError(f"take_along_axis: {x.shape} and indices {indices.shape} differ in ndim")
    places = [indices if a == axis else _iota(n, x.ndim, a) for a, n in enumerate(x.shape)]
    return gather(x, *places, axes=tuple(range(x.ndim)))
