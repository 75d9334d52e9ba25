"""Laws of index arrays: single elements of functions, and scatters that write one place per row.

They make cross-entropy and its gradient plain elementwise functions of the scores: a label picks
its element before anything else is computed of it, and the cotangent of that element is chosen by
comparing labels with 0, 1, 2, … instead of being written somewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.core.node import Node, apply, array, literal
from chainrule.core.types import DTYPES
from chainrule.ops.choice import where
from chainrule.ops.index import gather, scatter_add
from chainrule.ops.logic import equal, less
from chainrule.ops.record import Elementwise, broadcast_shapes
from chainrule.ops.reduce import kept_shape, sum_
from chainrule.ops.shape import broadcast_to, cast, permute, product, reshape
from chainrule.rewrite.axes import aligned
from chainrule.rewrite.constants import constant, counted_axis, is_literal
from chainrule.rewrite.engine import Context, Family

INDEXING = Family()

INT = DTYPES["int64"]


@INDEXING.rule(gather)
def gather_of_all(node: Node) -> Node | None:
    """gather(x, 0 1 2 …) = x, with the axis where the index has it."""
    (x, *indices), (axes,) = node.sources, node.argument
    index_shape = broadcast_shapes("", [index.type for index in indices])
    rows = _counted_rows(indices, axes, x.shape, len(index_shape))
    if rows is None or product(index_shape) != product(tuple(x.shape[a] for a in axes)):
        return None
    short = [axis for axis in axes if axis not in rows.values()]
    others = [axis for axis in range(x.ndim) if axis not in axes]
    order = (*short, *(rows[place] for place in sorted(rows)), *others)
    return reshape(permute(x, order), node.shape)


def _counted_rows(
    indices: Sequence[Node],
    axes: Sequence[int],
    shape: Sequence[int],
    index_ndim: int,
    free: Sequence[int] = (),
) -> dict[int, int] | None:
    """For each place among the axes of the indices the axis of ``shape`` that is counted there.

    None unless all index arrays but the ``free`` ones are constants that count a whole axis, each
    in a place of its own; an axis of extent 1 needs no place.
    """
    rows: dict[int, int] = {}
    for k, (index, axis) in enumerate(zip(indices, axes, strict=True)):
        if k in free:
            continue
        along = counted_axis(index)
        if along is None or index.type.size != shape[axis]:
            return None
        if shape[axis] != 1:
            rows[along + index_ndim - index.ndim] = axis
    return rows


@INDEXING.rule(gather, contextual=True)
def gather_of_function(node: Node, context: Context) -> Node | None:
    """gather(f(x, y)) = f(gather(x), y), where it picks few elements or f is not needed elsewhere.

    Only x varies along the axis whose indices are not counted; y is rearranged.
    """
    (y, *indices), (axes,) = node.sources, node.argument
    if not isinstance(y.primitive, Elementwise):
        return None
    if not context.single(y) and 2 * node.type.size > y.type.size:
        return None
    free = {a for i, a in zip(indices, axes, strict=True) if counted_axis(i) is None}
    picked = {x for x in y.sources if any(_extent(x, axis, y.ndim) != 1 for axis in free)}
    if len(picked) != 1 or next(iter(picked)).shape != y.shape:
        return None
    sources = tuple(
        gather(x, *indices, axes=axes)
        if x.shape == y.shape
        else _picked(x, y.ndim, indices, axes, node)
        for x in y.sources
    )
    return apply(y.primitive, sources, y.argument)


def _extent(x: Node, axis: int, ndim: int) -> int:
    """The extent of ``x`` along an axis of an array of ``ndim`` axes to which it broadcasts."""
    return aligned(x.shape, ndim)[axis]


def _picked(x: Node, ndim: int, indices: Sequence[Node], axes: tuple[int, ...], like: Node) -> Node:
    """What a gather picks of an operand that broadcasts to the gathered array."""
    if not x.ndim:
        return x
    x = reshape(x, aligned(x.shape, ndim))
    gone = [axis for axis in axes if x.shape[axis] == 1]
    rest = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
    index_ndim = like.ndim - len(rest)
    kept = [(index, axis) for index, axis in zip(indices, axes, strict=True) if axis not in gone]
    x = reshape(x, tuple(n for axis, n in enumerate(x.shape) if axis not in gone))
    if not kept:
        return reshape(x, (1,) * index_ndim + rest)
    moved = tuple(axis - sum(g < axis for g in gone) for _, axis in kept)
    found = gather(x, *[index for index, _ in kept], axes=moved)
    lead = found.ndim - len(rest)
    return reshape(found, aligned(found.shape[:lead], index_ndim) + rest)


@INDEXING.rule(scatter_add, contextual=True)
def one_place_per_row(node: Node, context: Context) -> Node | None:
    """scatter_add(u, 0 1 2 …, k) = where(j = k, u, 0) where each row is written at one place k.

    Only beside a gather with the same indices, which rejects an index out of range.
    """
    (updates, *indices), (shape, axes) = node.sources, node.argument
    if (*indices, *(shape[axis] for axis in axes)) not in context.gathers or 0 in node.shape:
        return None
    index_shape = broadcast_shapes("", [index.type for index in indices])
    free = [k for k, index in enumerate(indices) if constant(index) is None]
    if len(free) != 1:
        return None
    target = axes[free[0]]
    rows = _counted_rows(indices, axes, shape, len(index_shape), free)
    if rows is None or product(index_shape) != product(tuple(shape[a] for a in rows.values())):
        return None
    along = [rows[axis] for axis in sorted(rows)]
    columns = [axis for axis in range(len(shape)) if axis not in axes]
    places = _in_place(broadcast_to(indices[free[0]], index_shape), along, shape)
    wrapped = _counted_from_front(places, shape[target])
    context.in_range[wrapped] = shape[target]
    ones = tuple(axis for axis in range(len(shape)) if axis != target)
    counted = array(np.arange(shape[target]).reshape(kept_shape(shape, ones)))
    value = _in_place(updates, [*along, *columns], shape)
    zero = literal(0.0, node.dtype)
    return broadcast_to(where(equal(counted, wrapped), value, zero), shape)


def _in_place(x: Node, order: Sequence[int], shape: tuple[int, ...]) -> Node:
    """``x``, whose elements lie along the axes ``order`` of ``shape``, with these axes in place."""
    x = reshape(x, tuple(shape[axis] for axis in order))
    x = permute(x, tuple(sorted(range(len(order)), key=order.__getitem__)))
    return reshape(x, kept_shape(shape, tuple(a for a in range(len(shape)) if a not in order)))


def _counted_from_front(index: Node, size: int) -> Node:
    """Indices in which -1 stands for the last place, as numbers from 0."""
    if index.dtype.kind == "u":
        return cast(index, dtype=INT)
    if index.dtype is not INT:
        index = cast(index, dtype=INT)
    return where(less(index, 0), index + size, index)


@INDEXING.rule(sum_, exact=False, contextual=True)
def sum_of_one_per_row(node: Node, context: Context) -> Node | None:
    """Σⱼ where(j = k, u, 0) = u for a place k that exists."""
    (choice,), (axes, _) = node.sources, node.argument
    if choice.primitive is not where:
        return None
    condition, value, other = choice.sources
    if condition.primitive is not equal or not is_literal(other, 0.0, -0.0):
        return None
    counted, places = condition.sources
    size = context.in_range.get(places)
    axis = counted_axis(counted)
    if size is None or axis is None or axis >= counted.ndim:
        return None
    if counted.shape[axis] != size or counted.type.size != size:
        return None
    axis += choice.ndim - counted.ndim
    value = reshape(value, aligned(value.shape, choice.ndim))
    if axis not in axes or value.shape[axis] != 1 or size == 1:
        return None
    value = broadcast_to(value, kept_shape(choice.shape, (axis,)))
    rest = tuple(a for a in axes if a != axis)
    return reshape(sum_(value, axes=rest, keepdims=True) if rest else value, node.shape)
