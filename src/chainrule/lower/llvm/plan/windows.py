"""overlap_add as views and sums, so that a pooling's gradient joins the loops around it."""

from __future__ import annotations

from itertools import product as grid
from math import prod

from chainrule.core.node import Node, literal, symbolic
from chainrule.ops.arithmetic import add
from chainrule.ops.parts import pad, slice_
from chainrule.ops.shape import permute_, reshape_

__all__ = ["overlap_as_views"]

TERMS = 9
"""As many windows may see an element; with more the sum would be too long an expression."""


def overlap_as_views(
    windows: Node,
    forced: set[Node],
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    strides: tuple[int, ...],
) -> Node | None:
    """An overlap_add of ``windows`` in other words; None if too many windows overlap.

    An axis is cut into pieces of ``stride`` elements. Window w begins with piece w, so that
    element r of piece p is Σ_q windows[p - q, q·stride + r]: sums of shifted arrays of pieces,
    whose axes (pieces, r) together are the axis. The terms come in the order of the reference.

    Args:
        windows: what is added.
        forced: nodes to be stored as they are; may grow.
        shape, axes, strides: see `chainrule.ops.window`.
    """
    windows, offsets, strides = _without_gaps(windows, axes, strides)
    ndim = len(shape)
    sizes = windows.shape[ndim:]
    overlaps = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
    if prod(overlaps) > TERMS or 0 in shape or not axes or windows.dtype.kind == "b":
        return None
    total: Node | None = None
    for shifts in grid(*map(range, overlaps)):
        term = _shifted(windows, ndim, axes, strides, overlaps, shifts)
        total = term if total is None else symbolic(add, (total, term))
    assert total is not None
    ends = zip(axes, strides, offsets, strict=True)
    if any(shape[axis] % stride or offset % stride for axis, stride, offset in ends):
        forced.add(total)  # loops over such an axis cannot be split into pieces
    order: list[int] = []
    joined = []
    for axis in range(ndim):
        order.append(axis)
        joined.append(total.shape[axis])
        if axis in axes:
            place = axes.index(axis)
            order.append(ndim + place)
            joined[-1] *= strides[place]
    whole = symbolic(permute_, (total,), (tuple(order),))
    starts = dict(zip(axes, offsets, strict=True))
    return _fitted(symbolic(reshape_, (whole,), (tuple(joined),)), shape, starts)


def _without_gaps(
    windows: Node, axes: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[Node, tuple[int, ...], tuple[int, ...]]:
    """Windows in longer strides instead of windows of zeros between them.

    That is what a slice of sliding windows becomes in the reverse pass. Also returns where the
    first window begins, and the strides.
    """
    none = (0,) * len(axes)
    if windows.primitive is not pad or windows.sources[1].value != 0:
        return windows, none, strides
    low, high, interior = windows.argument
    if any(
        low[axis] or high[axis] or interior[axis]
        for axis in range(windows.ndim)
        if axis not in axes
    ):
        return windows, none, strides
    if any(low[axis] < 0 or high[axis] < 0 for axis in axes):
        return windows, none, strides
    offsets = tuple(low[axis] * stride for axis, stride in zip(axes, strides, strict=True))
    longer = (stride * (interior[axis] + 1) for axis, stride in zip(axes, strides, strict=True))
    return windows.sources[0], offsets, tuple(longer)


def _shifted(
    windows: Node,
    ndim: int,
    axes: tuple[int, ...],
    strides: tuple[int, ...],
    overlaps: list[int],
    shifts: tuple[int, ...],
) -> Node:
    """Piece number ``shifts`` of every window, at the place of that piece in the axes."""
    start, stop = [0] * windows.ndim, list(windows.shape)
    low, high = [0] * windows.ndim, [0] * windows.ndim
    for place, (axis, stride) in enumerate(zip(axes, strides, strict=True)):
        own = ndim + place
        start[own] = shifts[place] * stride
        stop[own] = min(start[own] + stride, windows.shape[own])
        high[own] = stride - (stop[own] - start[own])
        low[axis] = shifts[place]
        high[axis] = overlaps[place] - 1 - shifts[place]
    part = windows
    if tuple(stop) != windows.shape or any(start):
        ones = (1,) * windows.ndim
        part = symbolic(slice_, (windows,), (tuple(start), tuple(stop), ones))
    return _padded(part, low, high)


def _padded(x: Node, low: list[int], high: list[int]) -> Node:
    if not any(low) and not any(high):
        return x
    zero = literal(0.0, x.dtype)
    return symbolic(pad, (x, zero), (tuple(low), tuple(high), (0,) * x.ndim))


def _fitted(x: Node, shape: tuple[int, ...], starts: dict[int, int]) -> Node:
    """At its place in an array of ``shape``: cut off or filled with zeros at the ends of axes."""
    low = [starts.get(axis, 0) for axis in range(x.ndim)]
    stop = tuple(min(m, n - a) for m, n, a in zip(x.shape, shape, low, strict=True))
    if stop != x.shape:
        x = symbolic(slice_, (x,), ((0,) * x.ndim, stop, (1,) * x.ndim))
    return _padded(x, low, [n - a - m for n, a, m in zip(shape, low, stop, strict=True)])
