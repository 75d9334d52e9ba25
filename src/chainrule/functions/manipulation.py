"""Shapes and joining (array API: manipulation functions, and their NumPy names)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.node import Node, array
from chainrule.functions._apply import (
    Axis,
    Shape,
    as_shape,
    concrete,
    normalize_axes,
    normalize_axis,
)
from chainrule.ops import shape as ops
from chainrule.ops.record import broadcast_shapes as join_shapes
from chainrule.tensor import ArrayLike, Tensor, as_node, promote, wrap

__all__ = [
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "concatenate",
    "expand_dims",
    "flatten",
    "flip",
    "hstack",
    "moveaxis",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "unstack",
    "vstack",
]

Arrays = Sequence[ArrayLike] | Tensor


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
    found = [ops.array_type(as_shape(shape), np.dtype(np.bool_)) for shape in shapes]
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
    return wrap(ops.flip(node, normalize_axes("flip", axis, node.ndim)))


def roll(x: ArrayLike, /, shift: Any, *, axis: Axis = None) -> Tensor:
    """``x`` with elements moved by ``shift`` places along ``axis``, the last to the front.

    Without ``axis`` the elements are rolled in C order.

    >>> import chainrule as cr
    >>> cr.roll([1, 2, 3, 4], 1)
    tensor([4, 1, 2, 3])
    """
    node = as_node(x)
    if axis is None:
        return wrap(ops.reshape(ops.roll(as_node(ravel(x)), int(shift), 0), node.shape))
    axes = [normalize_axis("roll", a, node.ndim) for a in _as_list(axis)]
    shifts = list(shift) if isinstance(shift, (tuple, list)) else [shift] * len(axes)
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for places, a in zip(shifts, axes, strict=True):
        node = ops.roll(node, int(places), a)
    return wrap(node)


# -- joining and taking apart ----------------------------------------------------------------------


def concat(arrays: Arrays, /, *, axis: int | None = 0) -> Tensor:
    """Arrays joined along an existing axis; with ``axis=None`` flattened first.

    Raises:
        ShapeError: if they differ in more than that axis.

    >>> import chainrule as cr
    >>> cr.concat([[1, 2], [3.0]])
    tensor([1., 2., 3.])
    """
    nodes = _promoted("concat", arrays)
    if axis is None:
        nodes, axis = [ops.reshape(node, (node.type.size,)) for node in nodes], 0
    if nodes[0].ndim == 0:
        raise ShapeError("concat: 0-dimensional arrays have no axis to join along; use stack")
    place = normalize_axis("concat", axis, nodes[0].ndim)
    return wrap(ops.concatenate(*nodes, axis=place))


def concatenate(arrays: Arrays, axis: int | None = 0) -> Tensor:
    """`concat` under its NumPy name.

    >>> import chainrule as cr
    >>> cr.concatenate([[1], [2]])
    tensor([1, 2])
    """
    return concat(arrays, axis=axis)


def stack(arrays: Arrays, /, *, axis: int = 0) -> Tensor:
    """Arrays of one shape joined along a new axis.

    >>> import chainrule as cr
    >>> cr.stack([[1, 2], [3, 4]], axis=1)
    tensor([[1, 3],
            [2, 4]])
    """
    nodes = _promoted("stack", arrays)
    for node in nodes:
        if node.shape != nodes[0].shape:
            raise ShapeError(f"stack: shapes {nodes[0].shape} and {node.shape} differ")
    return wrap(ops.stack(nodes, normalize_axis("stack", axis, nodes[0].ndim + 1)))


def _promoted(name: str, arrays: Arrays) -> list[Node]:
    nodes = promote(*arrays)
    if not nodes:
        raise ShapeError(f"{name} needs at least one array")
    return nodes


def vstack(arrays: Arrays, /) -> Tensor:
    """Rows, or matrices, on top of each other.

    >>> import chainrule as cr
    >>> cr.vstack([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    return concat([atleast_2d(x) for x in arrays])


def hstack(arrays: Arrays, /) -> Tensor:
    """Vectors end to end, or matrices side by side.

    >>> import chainrule as cr
    >>> cr.hstack([[1, 2], [3]])
    tensor([1, 2, 3])
    """
    raised = [atleast_1d(x) for x in arrays]
    return concat(raised, axis=0 if raised and raised[0].ndim == 1 else 1)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of ``x`` along an axis; the inverse of `stack`.

    >>> import chainrule as cr
    >>> cr.unstack([[1, 2], [3, 4]])
    (tensor([1, 2]), tensor([3, 4]))
    """
    node = as_node(x)
    place = normalize_axis("unstack", axis, node.ndim)
    shape = (*node.shape[:place], *node.shape[place + 1 :])
    return tuple(
        wrap(ops.reshape(ops.slice_axis(node, place, k, k + 1), shape))
        for k in range(node.shape[place])
    )


def array_split(x: ArrayLike, sections: Any, /, axis: int = 0) -> list[Tensor]:
    """``x`` cut along an axis into parts.

    Args:
        x: the array.
        sections: how many parts, of sizes as equal as possible, or the places to cut at.
        axis: the axis.

    >>> import chainrule as cr
    >>> cr.array_split([1, 2, 3], 2)
    [tensor([1, 2]), tensor([3])]
    """
    node = as_node(x)
    place = normalize_axis("split", axis, node.ndim)
    extent = node.shape[place]
    if hasattr(sections, "__index__"):
        count = int(sections)
        if count < 1:
            raise ShapeError(f"array_split: the number of parts must be positive, not {count}")
        size, longer = divmod(extent, count)
        ends = [k * size + min(k, longer) for k in range(count + 1)]
    else:
        ends = [0, *(int(end) for end in sections), extent]
    return [wrap(ops.slice_axis(node, place, a, b)) for a, b in pairwise(ends)]


def split(x: ArrayLike, sections: Any, /, axis: int = 0) -> list[Tensor]:
    """``x`` cut along an axis into equal parts, or at given places; see `array_split`.

    Raises:
        ShapeError: if the parts would not be equal.

    >>> import chainrule as cr
    >>> cr.split([1, 2, 3, 4], 2)
    [tensor([1, 2]), tensor([3, 4])]
    """
    node = as_node(x)
    extent = node.shape[normalize_axis("split", axis, node.ndim)]
    if hasattr(sections, "__index__") and int(sections) > 0 and extent % int(sections):
        raise ShapeError(
            f"split: {extent} along axis {axis} of {node.shape} is not divisible by {sections}; "
            "array_split makes parts of nearly equal size"
        )
    return array_split(x, sections, axis=axis)


# -- repetition ------------------------------------------------------------------------------------


def tile(x: ArrayLike, repetitions: Any, /) -> Tensor:
    """``x`` repeated as a whole along each axis.

    >>> import chainrule as cr
    >>> cr.tile([1, 2], 2)
    tensor([1, 2, 1, 2])
    """
    node, counts = as_node(x), as_shape(repetitions)
    ndim = max(node.ndim, len(counts))
    shape = (1,) * (ndim - node.ndim) + node.shape
    counts = (1,) * (ndim - len(counts)) + counts
    pairs = list(zip(counts, shape, strict=True))
    aligned = ops.reshape(node, tuple(n for _, extent in pairs for n in (1, extent)))
    spread = ops.broadcast_to(aligned, tuple(n for pair in pairs for n in pair))
    return wrap(ops.reshape(spread, tuple(count * extent for count, extent in pairs)))


def repeat(x: ArrayLike, repeats: ArrayLike, /, *, axis: int | None = None) -> Tensor:
    """Each element of ``x`` repeated; without ``axis`` those of the flattened array.

    Args:
        x: the array.
        repeats: how often: one number, or one for each place along the axis.
        axis: the axis along which places are repeated.

    >>> import chainrule as cr
    >>> cr.repeat([1, 2], 2)
    tensor([1, 1, 2, 2])
    """
    node = as_node(x)
    if axis is None:
        node, place = ops.reshape(node, (node.type.size,)), 0
    else:
        place = normalize_axis("repeat", axis, node.ndim)
    counts = np.asarray(concrete(as_node(repeats), "repeat", "Pass a number or a NumPy array."))
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or np.any(counts < 0):
        raise ShapeError("repeat: repeats is a non-negative integer, or one for each place")
    before, extent, after = node.shape[:place], node.shape[place], node.shape[place + 1 :]
    if counts.size == 1:
        count = int(counts.reshape(()))
        aligned = ops.reshape(node, (*before, extent, 1, *after))
        spread = ops.broadcast_to(aligned, (*before, extent, count, *after))
        return wrap(ops.reshape(spread, (*before, extent * count, *after)))
    if counts.size != extent:
        raise ShapeError(f"repeat: {counts.size} counts for {extent} places along axis {place}")
    from chainrule.ops.index import gather

    places = array(np.repeat(np.arange(extent), counts))
    return wrap(ops.move_axis(gather(node, places, axes=(place,)), 0, place))


def pad(x: ArrayLike, pad_width: Any, /, *, constant_values: ArrayLike = 0) -> Tensor:
    """``x`` with margins of a constant.

    Args:
        x: the array.
        pad_width: as in NumPy: one width for all margins, ``(before, after)`` for all axes, or
            such a pair for each axis.
        constant_values: the constant, a scalar.

    >>> import chainrule as cr
    >>> cr.pad([1.0, 2.0], (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    node = as_node(x)
    try:
        widths = np.broadcast_to(np.asarray(pad_width), (node.ndim, 2)).astype(int).tolist()
    except ValueError:
        raise ShapeError(f"pad: widths {pad_width} do not fit an array of {node.shape}") from None
    if any(width < 0 for pair in widths for width in pair):
        raise ShapeError(f"pad: widths {pad_width} must not be negative")
    low, high = (tuple(pair[side] for pair in widths) for side in (0, 1))
    value = as_node(constant_values, node.dtype)
    return wrap(ops.pad(node, value, low=low, high=high, interior=(0,) * node.ndim))
