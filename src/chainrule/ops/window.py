"""Sliding windows and their adjoint, overlap-add: what pooling and convolutions look through."""

from __future__ import annotations

from itertools import product as grid
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import Linear, drawn
from chainrule.ops.shape import Shape


def _window_type(x: ArrayType, axes: Shape, sizes: Shape, strides: Shape) -> ArrayType:
    if not len(axes) == len(sizes) == len(strides) == len(set(axes)):
        raise ShapeError(
            f"sliding_windows needs distinct axes with one size and one stride each, not axes "
            f"{axes}, sizes {sizes}, strides {strides}"
        )
    shape = list(x.shape)
    for axis, size, stride in zip(axes, sizes, strides, strict=True):
        if not 1 <= size <= x.shape[axis] or stride < 1:
            raise ShapeError(
                f"sliding_windows: a window of {size} elements with stride {stride} does not fit "
                f"axis {axis} of {x.shape}; pad the axis first"
            )
        shape[axis] = (x.shape[axis] - size) // stride + 1
    return array_type((*shape, *sizes), x.dtype)


def _evaluate_windows(x: Any, axes: Shape, sizes: Shape, strides: Shape) -> Any:
    places = [slice(None)] * x.ndim
    for axis, stride in zip(axes, strides, strict=True):
        places[axis] = slice(None, None, stride)
    return np.lib.stride_tricks.sliding_window_view(x, sizes, axes)[tuple(places)]


# The number of windows takes the place of each windowed axis; the elements of a window come last,
# in the order of ``axes``: (8, 3) with axis 0, size 4, stride 2 becomes (3, 3, 4).
sliding_windows: Linear = Linear(
    name="sliding_windows",
    parameters=("axes", "sizes", "strides"),
    evaluate=_evaluate_windows,
    infer=_window_type,
    transpose=lambda ct, i, sources, axes, sizes, strides: overlap_add(
        ct, shape=sources[0].shape, axes=axes, strides=strides
    ),
    batch=lambda size, batched, sources, axes, sizes, strides: sliding_windows(
        sources[0], axes=tuple(a + 1 for a in axes), sizes=sizes, strides=strides
    ),
    cases=drawn(
        (((8, 3),), ((0,), (4,), (2,))),
        (((2, 5, 6),), ((2, 1), (3, 2), (1, 2))),
        (((7,),), ((0,), (2,), (3,))),
        (((0, 1),), ((1,), (1,), (1,))),
    ),
    rule="linearity",
)


def _overlap_type(windows: ArrayType, shape: Shape, axes: Shape, strides: Shape) -> ArrayType:
    whole = array_type(shape, windows.dtype)
    sizes = windows.shape[len(shape) :]
    if len(sizes) != len(axes) or _window_type(whole, axes, sizes, strides) is not windows:
        raise ShapeError(
            f"overlap_add: {windows.shape} are not the windows of {shape} along axes {axes} with "
            f"strides {strides}"
        )
    return whole


def _evaluate_overlap(windows: Any, shape: Shape, axes: Shape, strides: Shape) -> Any:
    result = np.zeros(shape, windows.dtype)
    for offsets in grid(*map(range, windows.shape[len(shape) :])):
        places = [slice(None)] * len(shape)
        for axis, offset, stride in zip(axes, offsets, strides, strict=True):
            places[axis] = slice(offset, offset + (windows.shape[axis] - 1) * stride + 1, stride)
        result[tuple(places)] += windows[(..., *offsets)]
    return result


# The array of ``shape`` in which each element is the sum of all window elements that saw it.
overlap_add: Linear = Linear(
    name="overlap_add",
    parameters=("shape", "axes", "strides"),
    evaluate=_evaluate_overlap,
    infer=_overlap_type,
    flops=lambda windows, shape, axes, strides: windows.size,
    transpose=lambda ct, i, sources, shape, axes, strides: sliding_windows(
        ct, axes=axes, sizes=sources[0].shape[len(shape) :], strides=strides
    ),
    batch=lambda size, batched, sources, shape, axes, strides: overlap_add(
        sources[0], shape=(size, *shape), axes=tuple(a + 1 for a in axes), strides=strides
    ),
    cases=drawn(
        (((3, 3, 4),), ((8, 3), (0,), (2,))),
        (((2, 2, 4, 3, 2),), ((2, 5, 6), (2, 1), (1, 2))),
        (((2, 2),), ((7,), (0,), (3,))),
        (((0, 1, 1),), ((0, 1), (1,), (1,))),
    ),
    rule="linearity",
)
