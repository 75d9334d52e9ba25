"""Parts and wholes: slice, split, flip, concatenate, stack, roll, pad."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, IndexingError, ShapeError
from chainrule.core.node import Node, literal
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import BOOL, Linear, drawn
from chainrule.ops.shape import Shape, full, materialize, reshape

# -- parts ---------------------------------------------------------------------------------------


def _slice_type(x: ArrayType, start: Shape, stop: Shape, step: Shape) -> ArrayType:
    if not len(start) == len(stop) == len(step) == x.ndim:
        raise ShapeError(
            f"slice: {x.shape} has {x.ndim} axes, but start, stop and step have "
            f"{len(start)}, {len(stop)} and {len(step)} entries"
        )
    shape = []
    for axis, (n, *bounds) in enumerate(zip(x.shape, start, stop, step, strict=True)):
        places = range(*bounds)
        if places and not (0 <= min(places[0], places[-1]) <= max(places[0], places[-1]) < n):
            raise IndexingError(
                f"slice: {places[0]} to {places[-1]} is outside axis {axis} of size {n}"
            )
        shape.append(len(places))
    return array_type(tuple(shape), x.dtype)


def _evaluate_slice(x: Any, start: Shape, stop: Shape, step: Shape) -> Any:
    # NumPy would count a stop of -1 from the end; here it is the place before the first
    bounds = zip(start, stop, step, strict=True)
    return x[
        tuple(
            slice(a, b if b >= 0 else None, s) if len(range(a, b, s)) else slice(0, 0)
            for a, b, s in bounds
        )
    ]


def _unslice(ct: Node, i: int, sources: Any, start: Shape, stop: Shape, step: Shape) -> Node:
    places = [range(*bounds) for bounds in zip(start, stop, step, strict=True)]
    turned = tuple(axis for axis, p in enumerate(places) if p.step < 0)
    rising = [p[::-1] if p.step < 0 else p for p in places]
    ends = zip(rising, sources[0].shape, strict=True)
    return pad(
        flip(ct, turned),
        0.0,
        low=tuple(p[0] if p else 0 for p in rising),
        high=tuple(n - 1 - p[-1] if p else n for p, n in ends),
        interior=tuple(p.step - 1 for p in rising),
    )


# Bounds are those of Python's slice.indices: not negative, except that a falling slice that
# includes place 0 stops at -1.
slice_: Linear = Linear(
    name="slice",
    parameters=("start", "stop", "step"),
    evaluate=_evaluate_slice,
    infer=_slice_type,
    transpose=_unslice,
    batch=lambda size, batched, sources, start, stop, step: slice_(
        sources[0], start=(0, *start), stop=(size, *stop), step=(1, *step)
    ),
    cases=drawn(
        (((5, 4),), ((1, 0), (5, 4), (2, 1))),
        (((6, 3),), ((5, 2), (-1, 0), (-2, -1))),
        (((4,),), ((2,), (2,), (1,))),
        (((0, 2),), ((0, 1), (0, 2), (1, 3))),
        (((),), ((), (), ())),
    ),
    rule="linearity",
)


def slice_axis(x: Node, axis: int, start: int, stop: int, step: int = 1) -> Node:
    """``x[start:stop:step]`` along one axis; ``x`` itself if that is all of it.

    Bounds may be negative or too large, as in Python.

    >>> from chainrule.core.node import array
    >>> slice_axis(array(np.array([[1.0, 2.0, 3.0]])), 1, 0, -1).value
    array([[1., 2.]])
    """
    bounds = slice(start, stop, step).indices(x.shape[axis])
    if bounds == (0, x.shape[axis], 1):
        return x
    start, stop, step = bounds
    return slice_(
        x,
        start=_at(axis, start, (0,) * x.ndim),
        stop=_at(axis, stop, x.shape),
        step=_at(axis, step, (1,) * x.ndim),
    )


def _at(axis: int, value: int, others: Shape) -> Shape:
    return (*others[:axis], value, *others[axis + 1 :])


def split(x: Node, sizes: Sequence[int], axis: int) -> tuple[Node, ...]:
    """Consecutive parts of ``x`` along an axis, of these sizes, which add up to its extent.

    Raises:
        ShapeError: if they do not.

    >>> from chainrule.core.node import array
    >>> [part.value.tolist() for part in split(array(np.array([1, 2, 3])), [1, 2], axis=0)]
    [[1], [2, 3]]
    """
    if sum(sizes) != x.shape[axis]:
        raise ShapeError(
            f"split: sizes {tuple(sizes)} add up to {sum(sizes)}, but axis {axis} of {x.shape} "
            f"has {x.shape[axis]}"
        )
    ends = [0, *accumulate(sizes)]
    return tuple(slice_axis(x, axis, a, b) for a, b in pairwise(ends))


flip_: Linear = Linear(
    name="flip",
    parameters=("axes",),
    evaluate=lambda x, axes: np.flip(x, axes),
    infer=lambda x, axes: x,
    transpose=lambda ct, i, sources, axes: flip(ct, axes),
    batch=lambda size, batched, sources, axes: flip(sources[0], tuple(a + 1 for a in axes)),
    cases=drawn((((2, 3),), ((1,),)), (((2, 3),), ((0, 1),)), (((0, 1),), ((0,),))),
    rule="linearity",
)


def flip(x: Node, axes: Shape) -> Node:
    """``x`` with the order of elements turned around along ``axes``; ``x`` itself if none."""
    return flip_(x, axes=axes) if axes else x


# -- joining -------------------------------------------------------------------------------------


def _concatenated_type(*arguments: Any) -> ArrayType:
    *types, axis = arguments
    first: ArrayType = types[0]
    if not 0 <= axis < first.ndim:
        raise ShapeError(f"concatenate: an array of shape {first.shape} has no axis {axis}")
    for type in types:
        if type.dtype is not first.dtype:
            raise DTypeError(
                f"concatenate: arrays have dtypes {first.dtype.name} and {type.dtype.name}; "
                "cast first"
            )
        if type.ndim != first.ndim or _at(axis, 0, type.shape) != _at(axis, 0, first.shape):
            raise ShapeError(
                f"concatenate: shapes {first.shape} and {type.shape} differ in more than axis "
                f"{axis}, along which they are joined"
            )
    extent = sum(type.shape[axis] for type in types)
    return array_type(_at(axis, extent, first.shape), first.dtype)


def _part(ct: Node, i: int, sources: Sequence[Node], axis: int) -> Node:
    start = sum(source.shape[axis] for source in sources[:i])
    return slice_axis(ct, axis, start, start + sources[i].shape[axis])


def _batch_concatenate(size: int, batched: Any, sources: Any, axis: int) -> Node:
    parts = [x if b else materialize(x, size) for x, b in zip(sources, batched, strict=True)]
    return concatenate(*parts, axis=axis + 1)


concatenate: Linear = Linear(
    name="concatenate",
    parameters=("axis",),
    evaluate=lambda *arguments: np.concatenate(arguments[:-1], axis=arguments[-1]),
    infer=_concatenated_type,
    transpose=_part,
    batch=_batch_concatenate,
    cases=drawn(
        (((2, 3), (2, 1), (2, 0)), (1,)),
        (((2,), (3,)), (0,)),
        (((4, 1),), (0,)),
    ),
    rule="linearity",
)


def stack(nodes: Sequence[Node], axis: int) -> Node:
    """Arrays of one shape joined along a new axis.

    >>> from chainrule.core.node import array
    >>> stack([array(np.array([1, 2])), array(np.array([3, 4]))], axis=1).value
    array([[1, 3],
           [2, 4]])
    """
    raised = [reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in nodes]
    return concatenate(*raised, axis=axis)


def roll(x: Node, places: int, axis: int) -> Node:
    """``x`` with its elements moved ``places`` later along an axis, the last ones to the front.

    >>> from chainrule.core.node import array
    >>> roll(array(np.array([1, 2, 3])), 1, axis=0).value
    array([3, 1, 2])
    """
    n = x.shape[axis]
    cut = n - places % n if n else 0
    if cut == n:
        return x
    return concatenate(slice_axis(x, axis, cut, n), slice_axis(x, axis, 0, cut), axis=axis)


# -- margins -------------------------------------------------------------------------------------


def _pad_type(x: ArrayType, value: ArrayType, low: Shape, high: Shape, gap: Shape) -> ArrayType:
    if value.shape != () or value.dtype is not x.dtype:
        raise ShapeError(f"pad: the pad value must be a {x.dtype.name} scalar, not {value}")
    if not len(low) == len(high) == len(gap) == x.ndim:
        raise ShapeError(f"pad: {x.shape} needs {x.ndim} entries in each of low, high, interior")
    extents = zip(x.shape, low, high, gap, strict=True)
    shape = tuple(a + b + max(0, n + (n - 1) * i) for n, a, b, i in extents)
    if any(n < 0 for n in shape) or any(i < 0 for i in gap):
        raise ShapeError(f"pad: low {low} and high {high} cut more off {x.shape} than there is")
    return array_type(shape, x.dtype)


def _evaluate_pad(x: Any, value: Any, low: Shape, high: Shape, interior: Shape) -> Any:
    taken, placed, shape = [], [], []
    for n, a, b, i in zip(x.shape, low, high, interior, strict=True):
        step = i + 1
        extent = a + b + max(0, n + (n - 1) * i)
        first = -(min(a, 0) // step)  # elements below are cut off
        last = min(n, (extent - 1 - a) // step + 1)
        taken.append(slice(first, max(first, last)))
        placed.append(slice(a + first * step, a + max(first, last) * step, step))
        shape.append(extent)
    result = np.full(shape, value, dtype=x.dtype)
    result[tuple(placed)] = x[tuple(taken)]
    return result


def _unpad(ct: Node, i: int, sources: Any, low: Shape, high: Shape, interior: Shape) -> Node:
    x, _ = sources
    if i == 1:
        from chainrule.ops.choice import where
        from chainrule.ops.reduce import sum_

        outside = _outside(x.type, low, high, interior)
        every = tuple(range(ct.ndim))
        return sum_(where(outside, ct, 0.0), axes=every, keepdims=False)
    zeros = (0,) * x.ndim
    cut = pad(ct, 0.0, low=tuple(-a for a in low), high=tuple(-a for a in high), interior=zeros)
    return slice_(cut, start=zeros, stop=cut.shape, step=tuple(i + 1 for i in interior))


def _outside(x: ArrayType, low: Shape, high: Shape, interior: Shape) -> Node:
    """Where a padded array holds the pad value."""
    inside = full(False, array_type(x.shape, BOOL))
    return pad(inside, literal(True, BOOL), low=low, high=high, interior=interior)


def _batch_pad(
    size: int, batched: Any, sources: Any, low: Shape, high: Shape, interior: Shape
) -> Node:
    x, value = sources
    if not batched[0]:
        x = materialize(x, size)
    margins = {"low": (0, *low), "high": (0, *high), "interior": (0, *interior)}
    if not batched[1]:
        return pad(x, value, **margins)
    from chainrule.ops.choice import where

    outside = _outside(array_type(x.shape[1:], x.dtype), low, high, interior)
    return where(outside, reshape(value, (size,) + (1,) * (x.ndim - 1)), pad(x, 0, **margins))


# The padding of XLA: ``low`` and ``high`` elements before and after each axis (negative ones cut
# off), ``interior`` ones between neighbours. The second source is the scalar to fill in.
pad: Linear = Linear(
    name="pad",
    parameters=("low", "high", "interior"),
    evaluate=_evaluate_pad,
    infer=_pad_type,
    transpose=_unpad,
    batch=_batch_pad,
    cases=drawn(
        (((2, 3), ()), ((1, 0), (2, 1), (0, 2))),
        (((5,), ()), ((-1,), (2,), (0,))),
        (((4,), ()), ((-2,), (-1,), (1,))),
        (((0, 1), ()), ((2, -1), (0, 1), (1, 0))),
        (((), ()), ((), (), ())),
    ),
    rule="linearity",
)
