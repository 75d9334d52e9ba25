"""Joining, taking apart, repeating (array API: manipulation functions, and their NumPy names)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.node import Node, array
from chainrule.functions._apply import as_shape, concrete, normalize_axis
from chainrule.functions.manipulation import atleast_1d, atleast_2d
from chainrule.lift import as_node, promote
from chainrule.ops import parts
from chainrule.ops import shape as ops
from chainrule.ops.index import gather
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "array_split",
    "concat",
    "concatenate",
    "hstack",
    "pad",
    "repeat",
    "split",
    "stack",
    "tile",
    "unstack",
    "vstack",
]

Arrays = Sequence[ArrayLike] | Tensor


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
    return wrap(parts.concatenate(*nodes, axis=place))


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
    return wrap(parts.stack(nodes, normalize_axis("stack", axis, nodes[0].ndim + 1)))


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
        wrap(ops.reshape(parts.slice_axis(node, place, k, k + 1), shape))
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
    return [wrap(parts.slice_axis(node, place, a, b)) for a, b in pairwise(ends)]


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
    return wrap(parts.pad(node, value, low=low, high=high, interior=(0,) * node.ndim))
