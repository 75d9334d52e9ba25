"""Arrays that along one axis hold one number but for a few places, such as a banded Hessian.

A batch of derivatives along unit vectors meets constants that are 0 but for a few elements, while
all else is the same for every vector. An element at which all these constants have the value that
they have nearly everywhere is then the same for every vector too: the *ground*. Ground and other
elements are computed by the graph itself on shorter constants, so that every bit is kept, also
where 0 · ∞ makes the ground NaN; the result is the ground with the few others laid over it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from chainrule.core.graph import Graph
from chainrule.core.node import ARRAY, Node, array, symbolic
from chainrule.core.types import ArrayType, array_type
from chainrule.lower.llvm.plan.group import REDUCTIONS, is_pointwise
from chainrule.ops.parts import concatenate, pad, slice_
from chainrule.ops.record import Elementwise, Primitive
from chainrule.ops.shape import (
    Shape,
    broadcast_,
    cast,
    inverse_permutation,
    permute_,
    reshape_,
)

__all__ = ["OVERLAY", "overlaid", "overlay_roots"]

LEAST = 1024
"""Elements from which an array is worth the further kernels."""

FEW = 4
"""One of so many elements, at most, may differ from the ground, itself counted as one."""

LIMIT = 250
"""At most so many nodes are computed on shorter constants."""


def _lay(x: Any, places: Any, shape: Shape, before: int, extent: int, after: int) -> Any:
    ground = x[0].reshape(before, 1, after)
    result = np.repeat(ground, extent, axis=1).reshape(-1)
    result[places.reshape(-1)] = x[1:].reshape(-1)
    return result.reshape(shape)


OVERLAY = Primitive(
    name="overlay",
    parameters=("shape", "before", "extent", "after"),
    evaluate=_lay,
    infer=lambda x, places, shape, before, extent, after: array_type(shape, x.dtype),
)
"""``overlay(x, places)``: x[0], repeated ``extent`` times between its first ``before`` and its last
``after`` elements, and over it the elements of x[1:] at ``places``, counted in the result."""


def overlay_roots(graph: Graph) -> frozenset[Node]:
    """The nodes to try `overlaid` on: those that will be in memory."""
    found = set(graph.outputs)
    for node in graph.nodes:
        if not is_pointwise(node) and node.primitive.name not in REDUCTIONS:
            found.update(node.sources)
    return frozenset(n for n in found if isinstance(n.type, ArrayType) and is_pointwise(n))


def overlaid(node: Node) -> Node:
    """``node`` as ground and few elements over it; itself if it is nothing of the kind.

    Everything it is computed from, but for constants, must be the same along the first or the last
    axis, and the constants that are not must be the same number but for few places.
    """
    root = node
    while root.primitive is reshape_:
        (root,) = root.sources
    if root.type.size < LEAST or not root.sources:
        return node
    for axis in (root.ndim - 1, 0):
        try:
            return _Overlay(root, axis).write(node.shape)
        except _DenseError:
            continue
    return node


class _DenseError(Exception):
    """There is no axis along which few elements differ from the rest."""


Array = np.ndarray[Any, Any]

Key = tuple[Node, int]
"""A node, and the axis along which few of its elements differ from the ground."""

Wanted = tuple[Key, bytes]
"""A node at certain places of the axis, one choice of them for each line along it."""


@dataclass
class _Plan:
    """Places along the axis, an array like the node but for the extent of the axis; and for each
    source that varies along it what is wanted of that."""

    places: Array
    sources: list[Wanted] = field(default_factory=list)


class _Overlay:
    """The attempt to write ``root`` as an overlay along ``axis``."""

    def __init__(self, root: Node, axis: int) -> None:
        self.root = root, axis
        self.extent = root.shape[axis]
        if self.extent < 2 * FEW:
            raise _DenseError
        self.order = self._region()
        self.grounds: dict[Key, Array] = {}

    def _region(self) -> list[Key]:
        """What varies along the axis, sources first."""
        order: dict[Key, None] = {}
        seen: set[Key] = set()
        stack = [self.root]
        while stack:
            key = stack[-1]
            if key in seen:
                order[stack.pop()] = None
                continue
            seen.add(key)
            if len(seen) > LIMIT:
                raise _DenseError
            stack.extend(source for source in _varying(*key) if source and source not in seen)
        return list(order)

    # -- where elements differ ---------------------------------------------------------------------

    def _differing(self) -> Array:
        """Where elements of the root may differ from the ground."""
        found: dict[Key | None, Any] = {None: np.False_}
        for key in self.order:
            node, axis = key
            masks = [found[source] for source in _varying(node, axis)]
            if node.primitive is ARRAY:
                mask = self._odd(key)
            elif _is_elementwise(node):
                mask = np.logical_or.reduce([np.broadcast_to(m, node.shape) for m in masks])
            else:
                mask = node.primitive.evaluate(*masks, *node.argument)
            found[key] = np.broadcast_to(mask, node.shape)
        return np.asarray(found[self.root])

    def _odd(self, key: Key) -> Array:
        """Where a constant is not what it is at more than half of the places along the axis."""
        node, axis = key
        value = np.ascontiguousarray(node.value)
        bits = value.view(f"u{value.itemsize}")
        steps = [1 if a == axis else -(-n // 2) for a, n in enumerate(bits.shape)]
        some = bits[tuple(slice(None, None, step) for step in steps)]
        odd = (some != _median(some, axis)).sum(axis=axis)
        if FEW * odd.max() > self.extent:
            raise _DenseError  # a large array of data is not looked through
        ground = _median(bits, axis)
        self.grounds[key] = ground.view(value.dtype)
        return np.asarray(bits != ground)

    # -- the same at fewer places ------------------------------------------------------------------

    def write(self, shape: Shape) -> Node:
        """The overlay, as an array of ``shape``."""
        node, axis = self.root
        mask = self._differing()
        count = int(mask.sum(axis=axis).max())
        if count == 0 or FEW * (1 + count) > self.extent:
            raise _DenseError
        # lines with fewer such places take some others as well
        order = np.argsort(~mask, axis=axis, kind="stable")
        places = np.take(order, range(count), axis)
        short = _permuted(self._shortened(places), _first(node, axis))
        before, after = prod(node.shape[:axis]), prod(node.shape[axis + 1 :])
        lines = np.moveaxis(places, axis, 0).reshape(count, before, after)
        start = np.arange(before)[:, None] * (self.extent * after) + np.arange(after)
        at = array(np.ascontiguousarray(lines * after + start, np.int64))
        return symbolic(OVERLAY, (short, at), (shape, before, self.extent, after))

    def _shortened(self, places: Array) -> Node:
        """The root with the ground first along the axis, and then the elements at ``places``."""
        count = places.shape[self.root[1]]
        whole: Wanted = self.root, places.tobytes()
        plans: dict[Key, dict[bytes, _Plan]] = {key: {} for key in self.order}
        plans[self.root][whole[1]] = _Plan(places)
        for key in reversed(self.order):
            for plan in plans[key].values():
                for source, own in _passed_on(*key, plan.places):
                    name = own.tobytes()
                    plans[source].setdefault(name, _Plan(own))
                    plan.sources.append((source, name))
        if sum(map(len, plans.values())) > LIMIT:
            raise _DenseError
        done: dict[Wanted, Node] = {}
        for key in self.order:
            node, axis = key
            for name, plan in plans[key].items():
                if node.primitive is ARRAY:
                    done[key, name] = self._taken(key, plan.places)
                    continue
                new = iter([done[wanted] for wanted in plan.sources])
                varying = zip(node.sources, _varying(node, axis), strict=True)
                sources = tuple(source if k is None else next(new) for source, k in varying)
                argument = _argument(node, axis, 1 + count)
                done[key, name] = symbolic(node.primitive, sources, argument)
        return done[whole]

    def _taken(self, key: Key, places: Array) -> Node:
        """The elements of a constant, laid out for vectors across the axis."""
        node, axis = key
        taken = np.take_along_axis(np.asarray(node.value), places, axis)
        value = np.moveaxis(np.concatenate([self.grounds[key], taken], axis), axis, 0)
        back = inverse_permutation(_first(node, axis))
        return _permuted(array(np.ascontiguousarray(value)), back)


def _median(values: Array, axis: int) -> Array:
    """Along an axis, the number in the middle of their order."""
    middle = values.shape[axis] // 2
    found: Array = np.take(np.partition(values, middle, axis), [middle], axis)
    return found


def _first(node: Node, axis: int) -> Shape:
    """The order of the axes in which ``axis`` comes first."""
    return axis, *(a for a in range(node.ndim) if a != axis)


def _permuted(x: Node, axes: Shape) -> Node:
    return x if axes == tuple(range(x.ndim)) else symbolic(permute_, (x,), (axes,))


# -- one node --------------------------------------------------------------------------------------


def _is_elementwise(node: Node) -> bool:
    return isinstance(node.primitive, Elementwise) or node.primitive is cast


def _varying(node: Node, axis: int) -> list[Key | None]:
    """For each source that varies along an axis of ``node`` itself, and that axis among its own.

    Raises:
        _DenseError: if ``node`` is no constant, and what it holds at a place of the axis does not
            follow from its sources at the same place of it.
    """
    primitive, argument, sources = node.primitive, node.argument, node.sources
    if primitive is ARRAY:
        return []
    if (_is_elementwise(node) and is_pointwise(node)) or primitive is broadcast_:
        places = [(source, axis - node.ndim + source.ndim) for source in sources]
        return [(s, a) if a >= 0 and s.shape[a] != 1 else None for s, a in places]
    if primitive is permute_:
        return [(sources[0], argument[0][axis])]
    if primitive is reshape_:
        return [(sources[0], _unshaped(node, axis))]
    if primitive is concatenate and argument[0] != axis:
        return [(source, axis) for source in sources]
    if primitive is slice_ and argument[2][axis] == 1 and _is_kept(node, axis):
        return [(sources[0], axis)]
    if primitive is pad and min((*argument[0], *argument[1])) >= 0 and _is_kept(node, axis):
        return [(sources[0], axis), None]
    raise _DenseError


def _is_kept(node: Node, axis: int) -> bool:
    return node.sources[0].shape[axis] == node.shape[axis]


def _unshaped(node: Node, axis: int) -> int:
    """Which axis of what is reshaped becomes ``axis``."""
    (source,) = node.sources
    before = prod(node.shape[:axis])
    for place, n in enumerate(source.shape):
        if n == node.shape[axis] and prod(source.shape[:place]) == before:
            return place
    raise _DenseError


def _argument(node: Node, axis: int, extent: int) -> tuple[Any, ...]:
    """The argument of ``node`` where the axis has another extent."""
    argument = node.argument
    if node.primitive is slice_:
        start, stop, step = argument
        return start, (*stop[:axis], extent, *stop[axis + 1 :]), step
    if node.primitive is reshape_ or node.primitive is broadcast_:
        (shape,) = argument
        return ((*shape[:axis], extent, *shape[axis + 1 :]),)
    return argument


def _passed_on(node: Node, axis: int, places: Array) -> list[tuple[Key, Array]]:
    """For each source that varies along the axis the places that are wanted of it."""
    found = []
    start = 0
    for key in _varying(node, axis):
        if key is None:
            continue
        own = places
        if node.primitive is concatenate:
            (along,) = node.argument
            stop = start + key[0].shape[along]
            own = np.take(places, range(start, stop), along)
            start = stop
        found.append((key, _at_source(node, key, own, places.shape[axis])))
    return found


def _at_source(node: Node, key: Key, places: Array, count: int) -> Array:
    """``places`` of ``node`` as those of its source."""
    source, axis = key
    argument = node.argument
    shape = (*source.shape[:axis], count, *source.shape[axis + 1 :])
    if node.primitive is permute_:
        return np.transpose(places, inverse_permutation(argument[0]))
    if node.primitive is reshape_:
        return places.reshape(shape)
    if node.primitive is pad:
        ends = zip(argument[0], argument[2], shape, strict=True)
        return places[tuple(slice(a, a + n * (i + 1), i + 1) for a, i, n in ends)]
    if node.primitive is slice_:
        spread = np.zeros(shape, places.dtype)  # any places where nothing is taken
        taken = [np.arange(*bounds) for bounds in zip(*argument, strict=True)]
        taken[axis] = np.arange(count)
        spread[np.ix_(*taken)] = places
        return spread
    return _unrepeated(places, shape)


def _unrepeated(places: Array, shape: Shape) -> Array:
    """The places wanted of a source that is repeated: they have to be the same each time."""
    lead = places.ndim - len(shape)
    aligned = (1,) * lead + shape
    first = places[tuple(slice(n) for n in aligned)]
    if not np.array_equal(np.broadcast_to(first, places.shape), places):
        raise _DenseError
    return first.reshape(shape)
