"""The primitives that only move elements: where each element of the result comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.core.node import Node
from chainrule.lower.llvm.plan.index import (
    Affine,
    Dynamic,
    Index,
    NotAffineError,
    Quotient,
    flat,
    unflat,
)
from chainrule.ops.conv import Shape

__all__ = ["VIEWS", "Condition", "Piece", "broadcast_index", "pieces"]


@dataclass(frozen=True)
class Condition:
    """``low <= place < high`` and ``(place - low)`` divisible by ``step``."""

    place: Affine
    low: int
    high: int
    step: int = 1

    @property
    def always(self) -> bool:
        low, high = self.place.bounds()
        return self.step == 1 and self.low <= low and high < self.high


@dataclass(frozen=True)
class Piece:
    """Elements of one source, where all conditions hold."""

    source: Node
    index: Index
    conditions: tuple[Condition, ...] = ()


View = Callable[..., list[Piece]]
"""``view(node, index, *argument)``: pieces, the first whose conditions hold counts; where none
does, the element is 0."""


def broadcast_index(index: Index, shape: Shape, source: Shape) -> Index:
    """The index in a source that broadcasts to ``shape``."""
    lead = len(shape) - len(source)
    places = zip(index[lead:], source, shape[lead:], strict=True)
    # an axis that is not repeated keeps its index, which may be a look-up that has to be checked
    return tuple(Affine(0) if m == 1 != n else part for part, m, n in places)


def _same(node: Node, index: Index, *argument: Any) -> list[Piece]:
    return [Piece(node.sources[0], index)]


def _reshape(node: Node, index: Index, shape: Shape) -> list[Piece]:
    source = node.sources[0]
    # axes that are the same from the left and from the right need no arithmetic
    old, new = source.shape, shape
    left = 0
    while left < min(len(old), len(new)) and old[left] == new[left]:
        left += 1
    right = 0
    while right < min(len(old), len(new)) - left and old[-1 - right] == new[-1 - right]:
        right += 1
    middle_old = old[left : len(old) - right]
    middle_new = new[left : len(new) - right]
    place = flat(index[left : len(new) - right], middle_new)
    return [Piece(source, (*index[:left], *unflat(place, middle_old), *index[len(new) - right :]))]


def _permute(node: Node, index: Index, axes: Shape) -> list[Piece]:
    found: list[Affine] = [Affine(0)] * len(axes)
    for place, axis in enumerate(axes):
        found[axis] = index[place]
    return [Piece(node.sources[0], tuple(found))]


def _broadcast(node: Node, index: Index, shape: Shape) -> list[Piece]:
    source = node.sources[0]
    return [Piece(source, broadcast_index(index, shape, source.shape))]


def _slice(node: Node, index: Index, start: Shape, stop: Shape, step: Shape) -> list[Piece]:
    moved = tuple(i.scaled(s, a) for i, a, s in zip(index, start, step, strict=True))
    return [Piece(node.sources[0], moved)]


def _flip(node: Node, index: Index, axes: Shape) -> list[Piece]:
    moved = tuple(
        i.scaled(-1, n - 1) if axis in axes else i
        for axis, (i, n) in enumerate(zip(index, node.shape, strict=True))
    )
    return [Piece(node.sources[0], moved)]


def _pad(node: Node, index: Index, low: Shape, high: Shape, interior: Shape) -> list[Piece]:
    x, value = node.sources
    conditions, moved = [], []
    for i, n, a, gap in zip(index, x.shape, low, interior, strict=True):
        step = gap + 1
        conditions.append(Condition(i, a, a + max(0, (n - 1) * step + 1) if n else a, step))
        place = i.scaled(1, -a)
        if step > 1:
            if place.constant % step == 0 and all(c % step == 0 for _, c in place.terms):
                place = Affine(
                    place.constant // step, tuple((v, c // step) for v, c in place.terms)
                )
                conditions[-1] = Condition(i, a, a + (n - 1) * step + 1 if n else a)
            else:
                place = Affine.of(Quotient(place, step, n))
        moved.append(place)
    kept = tuple(c for c in conditions if not c.always)
    return [Piece(x, tuple(moved), kept), Piece(value, ())]


def _concatenate(node: Node, index: Index, axis: int) -> list[Piece]:
    found = []
    start = 0
    for source in node.sources:
        extent = source.shape[axis]
        if extent:
            condition = Condition(index[axis], start, start + extent)
            moved = (*index[:axis], index[axis].scaled(1, -start), *index[axis + 1 :])
            found.append(Piece(source, moved, () if condition.always else (condition,)))
        start += extent
    return found


def _windows(node: Node, index: Index, axes: Shape, sizes: Shape, strides: Shape) -> list[Piece]:
    source = node.sources[0]
    moved = list(index[: source.ndim])
    for axis, inner, stride in zip(axes, index[source.ndim :], strides, strict=True):
        moved[axis] = Affine.sum([(moved[axis], stride), (inner, 1)])
    return [Piece(source, tuple(moved))]


def _diagonal(node: Node, index: Index, offset: int) -> list[Piece]:
    *lead, along = index
    row, column = along.scaled(1, -min(offset, 0)), along.scaled(1, max(offset, 0))
    return [Piece(node.sources[0], (*lead, row, column))]


def _from_diagonal(node: Node, index: Index, offset: int, shape: Shape) -> list[Piece]:
    *lead, row, column = index
    place = Affine.sum([(column, 1), (row, -1)])
    along = row.scaled(1, min(offset, 0)) if offset < 0 else row
    return [Piece(node.sources[0], (*lead, along), (Condition(place, offset, offset + 1),))]


def _gather(node: Node, index: Index, axes: Shape) -> list[Piece]:
    x, *indices = node.sources
    shape: Shape = ()
    for source in indices:
        ndim = max(len(shape), source.ndim)
        a = (1,) * (ndim - len(shape)) + shape
        b = (1,) * (ndim - source.ndim) + source.shape
        shape = tuple(m if n == 1 else n for m, n in zip(a, b, strict=True))
    front, rest = index[: len(shape)], iter(index[len(shape) :])
    named = {}
    for axis, source in zip(axes, indices, strict=True):
        place = broadcast_index(front, shape, source.shape)
        named[axis] = _known(source, place) or Affine(
            0, ((Dynamic(source, place, x.shape[axis]), 1),)
        )
    moved = tuple(named[axis] if axis in named else next(rest) for axis in range(x.ndim))
    return [Piece(x, moved)]


def _known(source: Node, place: Index) -> Affine | None:
    """The element of a constant that counts 0, 1, 2, … along one axis, without looking it up."""
    if source.value is None or source.sources or source.type.size == 0:
        return None
    long = [axis for axis, n in enumerate(source.shape) if n != 1]
    if len(long) != 1:
        return None
    values = source.value.reshape(-1)
    if values[0] != 0 or values[-1] != len(values) - 1 or (values[1:] - values[:-1] != 1).any():
        return None
    return place[long[0]]


def _triangle(node: Node, index: Index, offset: int, upper: bool) -> list[Piece]:
    place = Affine.sum([(index[-1], 1), (index[-2], -1)])
    far = sum(node.shape)
    condition = Condition(place, offset, far) if upper else Condition(place, -far, offset + 1)
    return [Piece(node.sources[0], index, () if condition.always else (condition,))]


VIEWS: dict[str, View] = {
    "alias": _same,
    "stop_gradient": _same,
    "reshape": _reshape,
    "permute": _permute,
    "broadcast_to": _broadcast,
    "slice": _slice,
    "flip": _flip,
    "pad": _pad,
    "concatenate": _concatenate,
    "sliding_windows": _windows,
    "diagonal": _diagonal,
    "from_diagonal": _from_diagonal,
    "gather": _gather,
    "triangle": _triangle,
}
"""How each moving primitive finds its elements."""


def pieces(
    node: Node, index: Index, stored: Callable[[Node], bool] = lambda node: False
) -> list[Piece]:
    """Where the element of a view at ``index`` comes from.

    Args:
        stored: whether a source lies in memory: then a reshape of it reads the same position, also
            where the position is no affine index of the source.

    Raises:
        SplitError, NotAffineError: see `Affine.divided`.
    """
    try:
        found = VIEWS[node.primitive.name](node, index, *node.argument)
        return [piece for piece in found if piece.source.type.size]
    except NotAffineError:
        if node.primitive.name != "reshape" or not stored(node.sources[0]):
            raise
        (source,) = node.sources
        position = flat(index, node.shape)  # `flat` of an index that counts along the last axis
        return [Piece(source, (*(Affine(0) for _ in source.shape[1:]), position))]
