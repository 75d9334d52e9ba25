"""Shapes and the order of axes (array API: manipulation functions, and their NumPy names)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.types import array_type
from chainrule.functions._apply import (
    Axis,
    Shape,
    as_shape,
    normalize_axes,
    normalize_axis,
)
from chainrule.lift import as_node
from chainrule.ops import parts
from chainrule.ops import shape as ops
from chainrule.ops.record import broadcast_shapes as join_shapes
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "expand_dims",
    "flatten",
    "flip",
    "moveaxis",
    "permute_dims",
    "ravel",
    "reshape",
    "roll",
    "squeeze",
    "swapaxes",
    "transpose",
]


# -- one array, another shape ----------------------------------------------------------------------


def reshape(x: ArrayLike, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """``x`` with another shape of the same size, in C order; one extent may be -1: "the rest".

    Raises:
        ShapeError: if the sizes differ.

    >>> import chainrule as cr
    >>> cr.reshape([1, 2, 3, 4], (2, -1))
    tensor([[1, 2],
            [3, 4]])
    """
    node = as_node(x)
    wanted = (shape,) if hasattr(shape, "__index__") else tuple(shape)
    if -1 in wanted:
        place = wanted.index(-1)
        others = as_shape((*wanted[:place], *wanted[place + 1 :]))
        known = ops.product(others)
        if known == 0 or node.type.size % known:
            raise ShapeError(
                f"reshape: {node.shape} has {node.type.size} elements, which do not fill {wanted}"
            )
        wanted = (*others[:place], node.type.size // known, *others[place:])
    return wrap(ops.reshape(node, as_shape(wanted)))


def ravel(x: ArrayLike, /) -> Tensor:
    """All elements along one axis, in C order.

    >>> import chainrule as cr
    >>> cr.ravel([[1, 2], [3, 4]])
    tensor([1, 2, 3, 4])
    """
    node = as_node(x)
    return wrap(ops.reshape(node, (node.type.size,)))


def flatten(x: ArrayLike, /, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes ``start_dim`` to ``end_dim`` as one (PyTorch's name and arguments).

    >>> import chainrule as cr
    >>> cr.flatten(cr.zeros((2, 3, 4)), 1).shape
    (2, 12)
    """
    node = as_node(x)
    ndim = max(node.ndim, 1)
    first = normalize_axis("flatten", start_dim, ndim)
    last = normalize_axis("flatten", end_dim, ndim)
    if first > last:
        raise ShapeError(f"flatten: axis {start_dim} comes after axis {end_dim}")
    extents = node.shape[first : last + 1]
    shape = (*node.shape[:first], ops.product(extents), *node.shape[last + 1 :])
    return wrap(ops.reshape(node, shape))


def expand_dims(x: ArrayLike, /, axis: Axis = 0) -> Tensor:
    """``x`` with a new axis of extent 1 at place ``axis``, or several.

    >>> import chainrule as cr
    >>> cr.expand_dims([1, 2], axis=1)
    tensor([[1],
            [2]])
    """
    node = as_node(x)
    count = len(axis) if isinstance(axis, Sequence) else 1
    axes = normalize_axes("expand_dims", axis, node.ndim + count)
    rest = iter(node.shape)
    shape = tuple(1 if a in axes else next(rest) for a in range(node.ndim + count))
    return wrap(ops.reshape(node, shape))


def squeeze(x: ArrayLike, /, axis: Axis = None) -> Tensor:
    """``x`` without axes of extent 1: those named by ``axis``, or all.

    Raises:
        ShapeError: if a named axis has another extent.

    >>> import chainrule as cr
    >>> cr.squeeze([[1, 2]])
    tensor([1, 2])
    """
    node = as_node(x)
    axes = normalize_axes("squeeze", axis, node.ndim)
    if axis is None:
        axes = tuple(a for a in axes if node.shape[a] == 1)
    for a in axes:
        if node.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {node.shape} has extent {node.shape[a]}")
    return wrap(ops.reshape(node, tuple(n for a, n in enumerate(node.shape) if a not in axes)))


def broadcast_shapes(*shapes: Any) -> Shape:
    """The shape to which arrays of these shapes broadcast.

    Raises:
        ShapeError: if they do not.

    >>> import chainrule as cr
    >>> cr.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    found = [array_type(as_shape(shape), np.dtype(np.bool_)) for shape in shapes]
    return join_shapes("broadcast_shapes", found)


def broadcast_to(x: ArrayLike, /, shape: Any) -> Tensor:
    """``x`` repeated to ``shape`` by NumPy's rules.

    >>> import chainrule as cr
    >>> cr.broadcast_to([1, 2], (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return wrap(ops.broadcast_to(as_node(x), as_shape(shape)))


def broadcast_arrays(*arrays: ArrayLike) -> list[Tensor]:
    """The arrays, each repeated to their common shape.

    >>> import chainrule as cr
    >>> cr.broadcast_arrays([1, 2], 3)
    [tensor([1, 2]), tensor([3, 3])]
    """
    nodes = [as_node(x) for x in arrays]
    shape = join_shapes("broadcast_arrays", [node.type for node in nodes])
    return [wrap(ops.broadcast_to(node, shape)) for node in nodes]


def atleast_1d(x: ArrayLike, /) -> Tensor:
    """``x``, a number as an array of one element.

    >>> import chainrule as cr
    >>> cr.atleast_1d(3)
    tensor([3])
    """
    node = as_node(x)
    return wrap(node if node.ndim else ops.reshape(node, (1,)))


def atleast_2d(x: ArrayLike, /) -> Tensor:
    """``x``, a vector or a number as a matrix of one row.

    >>> import chainrule as cr
    >>> cr.atleast_2d([1, 2])
    tensor([[1, 2]])
    """
    node = as_node(x)
    return wrap(node if node.ndim > 1 else ops.reshape(node, (1, node.type.size)))


# -- the order of axes and elements ----------------------------------------------------------------


def permute_dims(x: ArrayLike, /, axes: Sequence[int]) -> Tensor:
    """``x`` with axis ``axes[i]`` at place i.

    >>> import chainrule as cr
    >>> cr.permute_dims(cr.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    node = as_node(x)
    order = tuple(normalize_axis("permute_dims", a, node.ndim) for a in axes)
    if sorted(order) != list(range(node.ndim)):
        raise ShapeError(
            f"permute_dims: {tuple(axes)} does not name each axis of {node.shape} once"
        )
    return wrap(ops.permute(node, order))


def transpose(x: ArrayLike, /, axes: Sequence[int] | None = None) -> Tensor:
    """``x`` with its axes in reverse order, or in that of ``axes`` (NumPy's name).

    >>> import chainrule as cr
    >>> cr.transpose([[1, 2], [3, 4]])
    tensor([[1, 3],
            [2, 4]])
    """
    if axes is None:
        node = as_node(x)
        return wrap(ops.permute(node, tuple(reversed(range(node.ndim)))))
    return permute_dims(x, axes)


def moveaxis(x: ArrayLike, source: Any, destination: Any, /) -> Tensor:
    """``x`` with axes moved to new places, the others in their order.

    >>> import chainrule as cr
    >>> cr.moveaxis(cr.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    node = as_node(x)
    sources = [normalize_axis("moveaxis", a, node.ndim) for a in _as_list(source)]
    targets = [normalize_axis("moveaxis", a, node.ndim) for a in _as_list(destination)]
    if len(set(sources)) != len(targets) or len(set(targets)) != len(sources):
        raise ShapeError(
            f"moveaxis: {source} and {destination} do not name as many axes, each once"
        )
    order = [a for a in range(node.ndim) if a not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return wrap(ops.permute(node, tuple(order)))


def swapaxes(x: ArrayLike, axis1: int, axis2: int, /) -> Tensor:
    """``x`` with two axes interchanged.

    >>> import chainrule as cr
    >>> cr.swapaxes(cr.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    node = as_node(x)
    order = list(range(node.ndim))
    a, b = (normalize_axis("swapaxes", axis, node.ndim) for axis in (axis1, axis2))
    order[a], order[b] = b, a
    return wrap(ops.permute(node, tuple(order)))


def _as_list(axis: Any) -> list[int]:
    return list(axis) if isinstance(axis, (tuple, list)) else [axis]


def flip(x: ArrayLike, /, *, axis: Axis = None) -> Tensor:
    """``x`` with the order of elements turned around along ``axis``, or all axes.

    >>> import chainrule as cr
    >>> cr.flip([1, 2, 3])
    tensor([3, 2, 1])
    """
    node = as_node(x)
    return wrap(parts.flip(node, normalize_axes("flip", axis, node.ndim)))


def roll(x: ArrayLike, /, shift: Any, *, axis: Axis = None) -> Tensor:
    """``x`` with elements moved by ``shift`` places along ``axis``, the last to the front.

    Without ``axis`` the elements are rolled in C order.

    >>> import chainrule as cr
    >>> cr.roll([1, 2, 3, 4], 1)
    tensor([4, 1, 2, 3])
    """
    node = as_node(x)
    if axis is None:
        return wrap(ops.reshape(parts.roll(as_node(ravel(x)), int(shift), 0), node.shape))
    axes = [normalize_axis("roll", a, node.ndim) for a in _as_list(axis)]
    shifts = list(shift) if isinstance(shift, (tuple, list)) else [shift] * len(axes)
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for places, a in zip(shifts, axes, strict=True):
        node = parts.roll(node, int(places), a)
    return wrap(node)
