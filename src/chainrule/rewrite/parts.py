"""Laws of parts and wholes: slice, flip, pad, concatenate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from chainrule.core.node import Node, apply
from chainrule.ops.arithmetic import add
from chainrule.ops.parts import concatenate, flip, flip_, pad, slice_
from chainrule.ops.shape import broadcast_, broadcast_to, permute, permute_
from chainrule.rewrite.constants import is_literal
from chainrule.rewrite.engine import Context, Family

PARTS = Family()

MOST_PARTS = 256
"""Longer sums of padded parts are left as they are."""


def _ranges(node: Node) -> list[range]:
    """The places that a slice takes, for each axis."""
    return [range(*bounds) for bounds in zip(*node.argument, strict=True)]


def _sliced(x: Node, places: Sequence[range]) -> Node:
    """The slice of ``x`` at these places; ``x`` itself if that is all of it."""
    if all(p == range(n) for p, n in zip(places, x.shape, strict=True)):
        return x
    return slice_(
        x,
        start=tuple(p.start for p in places),
        stop=tuple(p.stop for p in places),
        step=tuple(p.step for p in places),
    )


# -- slices ----------------------------------------------------------------------------------------


@PARTS.rule(slice_)
def slice_of_all(node: Node) -> Node | None:
    """A slice that takes every place is x."""
    (x,) = node.sources
    found = _sliced(x, _ranges(node))
    return x if found is x else None


@PARTS.rule(slice_)
def slice_twice(node: Node) -> Node | None:
    """slice(slice(x)) is one slice."""
    (y,) = node.sources
    if y.primitive is not slice_:
        return None
    places = [
        _run(p[q[0]], p[q[-1]], p.step * q.step) if q else range(0)
        for p, q in zip(_ranges(y), _ranges(node), strict=True)
    ]
    return _sliced(y.sources[0], places)


@PARTS.rule(slice_)
def slice_of_broadcast(node: Node) -> Node | None:
    """slice(broadcast_to(x)) = broadcast_to(slice(x))."""
    (y,) = node.sources
    if y.primitive is not broadcast_ or 0 in node.shape:
        return None
    (x,) = y.sources
    lead = y.ndim - x.ndim
    places = [range(1) if n == 1 else p for n, p in zip(x.shape, _ranges(node)[lead:], strict=True)]
    return broadcast_to(_sliced(x, places), node.shape)


@PARTS.rule(slice_)
def slice_of_pad(node: Node) -> Node | None:
    """slice(pad(x)) = slice(x) where it leaves the margins alone; a constant where it is in one."""
    (y,) = node.sources
    if y.primitive is not pad or 0 in node.shape:
        return None
    (x, value), (low, _, interior) = y.sources, y.argument
    if any(interior):
        return None
    places = []
    for p, first, n in zip(_ranges(node), low, x.shape, strict=True):
        ends = sorted((p[0] - first, p[-1] - first))
        if ends[1] < 0 or ends[0] >= n:
            return broadcast_to(value, node.shape)
        if ends[0] < 0 or ends[1] >= n:
            return None
        places.append(_run(p[0] - first, p[-1] - first, p.step))
    return _sliced(x, places)


@PARTS.rule(slice_)
def slice_of_concatenation(node: Node) -> Node | None:
    """slice(concatenate(x, y)) = slice(x) where it takes nothing from y."""
    (y,) = node.sources
    if y.primitive is not concatenate or 0 in node.shape:
        return None
    (axis,) = y.argument
    places = _ranges(node)
    taken = places[axis]
    least, most = min(taken[0], taken[-1]), max(taken[0], taken[-1])
    starts = [0, *accumulate(part.shape[axis] for part in y.sources)]
    for part, (start, stop) in zip(y.sources, pairwise(starts), strict=True):
        if start <= least and most < stop:
            places[axis] = _run(taken[0] - start, taken[-1] - start, taken.step)
            return _sliced(part, places)
    return None


def _run(first: int, last: int, step: int) -> range:
    """The places from ``first`` to ``last``; a falling run to 0 stops at -1, as `slice_` wants."""
    return range(first, last + (1 if step > 0 else -1), step)


# -- flips -----------------------------------------------------------------------------------------


@PARTS.rule(flip_)
def flip_twice(node: Node) -> Node | None:
    """Turning an axis around twice leaves it as it was, and so does an extent of 1."""
    (x,), (axes,) = node.sources, node.argument
    turned = {axis for axis in axes if x.shape[axis] != 1}
    if x.primitive is flip_:
        return flip(x.sources[0], tuple(sorted(turned ^ {*x.argument[0]})))
    return flip(x, tuple(sorted(turned))) if len(turned) < len(axes) else None


@PARTS.rule(flip_)
def flip_of_broadcast(node: Node) -> Node | None:
    """flip(broadcast_to(x)) = broadcast_to(flip(x)), where copies need not be turned around."""
    (y,), (axes,) = node.sources, node.argument
    if y.primitive is not broadcast_:
        return None
    (x,) = y.sources
    lead = y.ndim - x.ndim
    turned = tuple(axis - lead for axis in axes if axis >= lead and x.shape[axis - lead] != 1)
    return broadcast_to(flip(x, turned), node.shape)


# -- margins ---------------------------------------------------------------------------------------


@PARTS.rule(pad)
def pad_by_nothing(node: Node) -> Node | None:
    """A pad with margins 0 is x."""
    x, _ = node.sources
    margins = zip(*node.argument, x.shape, strict=True)
    return x if all(a == b == 0 and (i == 0 or n <= 1) for a, b, i, n in margins) else None


@PARTS.rule(pad)
def pad_that_cuts(node: Node) -> Node | None:
    """A pad with no margin above 0 is a slice."""
    x, _ = node.sources
    low, high, interior = node.argument
    if any(interior) or max((*low, *high), default=0) > 0 or 0 in node.shape:
        return None
    return _sliced(x, [range(-a, n + b) for a, b, n in zip(low, high, x.shape, strict=True)])


@PARTS.rule(pad)
def pad_twice(node: Node) -> Node | None:
    """pad(pad(x)) is one pad where both fill in the same number."""
    (y, value), (low, high, interior) = node.sources, node.argument
    if y.primitive is not pad or y.sources[1] is not value or any(interior):
        return None
    x = y.sources[0]
    inner_low, inner_high, gaps = y.argument
    margins = (*low, *high, *inner_low, *inner_high)
    if min(margins, default=0) < 0:
        return None
    below = tuple(a + b for a, b in zip(low, inner_low, strict=True))
    above = tuple(a + b for a, b in zip(high, inner_high, strict=True))
    return apply(pad, (x, value), (below, above, gaps))


@PARTS.rule(permute_, contextual=True)
def permute_of_pad(node: Node, context: Context) -> Node | None:
    """permute(pad(x)) = pad(permute(x))."""
    (y,), (axes,) = node.sources, node.argument
    if y.primitive is not pad or not context.single(y):
        return None
    x, value = y.sources
    margins = tuple(tuple(given[axis] for axis in axes) for given in y.argument)
    return apply(pad, (permute(x, axes), value), margins)


# -- joining ---------------------------------------------------------------------------------------


@PARTS.rule(concatenate)
def concatenation_of_few(node: Node) -> Node | None:
    """Empty parts do not count, and one part is the whole."""
    (axis,) = node.argument
    parts = [part for part in node.sources if part.shape[axis]]
    if len(parts) == 1:
        return parts[0]
    return concatenate(*parts, axis=axis) if 0 < len(parts) < len(node.sources) else None


@PARTS.rule(concatenate)
def concatenation_of_neighbours(node: Node) -> Node | None:
    """concatenate(x[a:b], x[b:c]) = x[a:c]."""
    (axis,) = node.argument
    parts = [node.sources[0]]
    for part in node.sources[1:]:
        joined = _joined(parts[-1], part, axis)
        if joined is None:
            parts.append(part)
        else:
            parts[-1] = joined
    if len(parts) == len(node.sources):
        return None
    return parts[0] if len(parts) == 1 else concatenate(*parts, axis=axis)


def _joined(a: Node, b: Node, axis: int) -> Node | None:
    if not (a.primitive is slice_ and b.primitive is slice_ and a.sources == b.sources):
        return None
    left, right = _ranges(a), _ranges(b)
    p, q = left[axis], right[axis]
    others = [(i, j) for k, (i, j) in enumerate(zip(left, right, strict=True)) if k != axis]
    if any(i != j for i, j in others) or p.step != 1 or q.step != 1 or p.stop != q.start:
        return None
    left[axis] = range(p.start, q.stop)
    return _sliced(a.sources[0], left)


@PARTS.rule(add, exact=False, contextual=True)
def sum_of_disjoint_pads(node: Node, context: Context) -> Node | None:
    """pad(x) + pad(y) = concatenate(x, y) where zeros meet numbers only (0 + (-0.0) is 0).

    Such sums are the derivatives of functions that use an array in parts.
    """
    if context.is_summand(node):
        return None
    padded, others = _summands(node, context)
    whole = _tiled(padded)
    if whole is None:
        return None
    for other in others:
        whole = add(other, whole)
    return whole


def _summands(node: Node, context: Context) -> tuple[list[Node], list[Node]]:
    """The summands of nested additions: those that are arrays amid zeros, and the others."""
    padded: list[Node] = []
    others: list[Node] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if part.shape != node.shape or len(padded) == MOST_PARTS:
            others.append(part)
        elif part.primitive is add and (part is node or context.single(part)):
            stack.extend(part.sources)
        elif _amid_zeros(part):
            padded.append(part)
        else:
            others.append(part)
    return padded, others


def _amid_zeros(node: Node) -> bool:
    if node.primitive is not pad or not is_literal(node.sources[1], 0.0):
        return False
    low, high, interior = node.argument
    return not any(interior) and min((*low, *high)) >= 0 and 0 not in node.sources[0].shape


def _span(part: Node) -> list[range]:
    """Where the array inside of a pad lies."""
    x, (low, _, _) = part.sources[0], part.argument
    return [range(a, a + n) for a, n in zip(low, x.shape, strict=True)]


def _tiled(padded: Sequence[Node]) -> Node | None:
    """Padded arrays as one, if they follow one another along one axis without gap or overlap."""
    if len(padded) < 2:
        return None
    spans = {part: _span(part) for part in padded}
    first, second = spans[padded[0]], spans[padded[1]]
    axis = next((a for a in range(len(first)) if first[a] != second[a]), None)
    if axis is None:
        return None
    across = {(*span[:axis], *span[axis + 1 :]) for span in map(tuple, spans.values())}
    parts = sorted(padded, key=lambda part: spans[part][axis].start)
    follow = (spans[a][axis].stop == spans[b][axis].start for a, b in pairwise(parts))
    if len(across) > 1 or not all(follow):
        return None
    return pad(
        concatenate(*[part.sources[0] for part in parts], axis=axis),
        padded[0].sources[1],
        low=tuple(p.start for p in spans[parts[0]]),
        high=tuple(n - p.stop for n, p in zip(padded[0].shape, spans[parts[-1]], strict=True)),
        interior=(0,) * len(first),
    )
