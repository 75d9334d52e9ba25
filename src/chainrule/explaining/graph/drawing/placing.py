"""Coordinates of a layered drawing, and curves that pass beside the boxes.

Across the layers each place wants to be where its neighbours are. With the order given this is a
least-squares problem under lower bounds of the distances, solved exactly for one layer by pooling
adjacent violators (Ayer et al., Annals of Mathematical Statistics 26 (1955)); sweeps do the rest.

A layer takes a strip of the plane. Within the strips edges run straight, between them they bend; so
no edge meets a box that is not its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chainrule.explaining.graph.drawing.layout import Layers

__all__ = ["Curve", "Drawing", "Place", "place"]

PORT = 18.0
"""Distance of two edges that end at the same box."""

_PORTS = 12
_SWEEPS = 24
_BETWEEN_BOXES, _BETWEEN_LINES = 22.0, 12.0
_STRAIGHT = 8.0
_WIDE = 2.0
_PAGE = 1100.0
_GAP, _LINE = 32.0, 16.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A box in the plane: its upper left corner, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Curve:
    """An edge: points joined in turn by a straight line and a bend, the line first and last.

    Attributes:
        points: from the border of the source to the border of the target.
        room: how far its end is from that of the next edge in the same layer.
    """

    points: tuple[Point, ...]
    room: float


@dataclass(frozen=True)
class Drawing:
    """Where everything is.

    Attributes:
        places: of the boxes.
        curves: of the edges.
        width, height: of the whole.
        down: whether layers follow each other downwards, not to the right.
    """

    places: tuple[Place, ...]
    curves: tuple[Curve, ...]
    width: float
    height: float
    down: bool


def place(
    layers: Layers,
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    labels: Sequence[float],
) -> Drawing:
    """The drawing to the right, or downwards if it would be wider than a page, and than twice
    its height.

    Args:
        layers: from `layered`.
        sizes: width and height of each box.
        edges: those that the layers were made for.
        labels: for each edge the room, along a row, that its label needs before its target.
    """
    right = _Placing(layers, sizes, edges, labels, False).drawing()
    if right.width <= max(_WIDE * right.height, _PAGE):
        return right
    below = _Placing(layers, sizes, edges, labels, True).drawing()
    return below if below.height < right.width else right


@dataclass(frozen=True)
class _Strip:
    """What a layer takes: from ``free`` to ``start`` its labels, to ``end`` its boxes."""

    free: float
    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


class _Placing:
    """``along`` runs across the layers, ``x`` or ``y``; ``side`` within a layer."""

    def __init__(
        self,
        layers: Layers,
        sizes: Sequence[tuple[float, float]],
        edges: Sequence[tuple[int, int]],
        labels: Sequence[float],
        down: bool,
    ) -> None:
        self.layers, self.edges, self.labels, self.down = layers, edges, labels, down
        passing = len(layers.rank) - layers.boxes
        self.long = [h if down else w for w, h in sizes]
        arriving = Counter(target for _, target in edges)
        ports = [min(arriving[k], _PORTS) * PORT for k in range(layers.boxes)]
        broad = [w if down else h for w, h in sizes]
        self.broad = [*map(max, broad, ports), *[0.0] * passing]
        self.before: list[list[int]] = [[] for _ in layers.rank]
        self.after: list[list[int]] = [[] for _ in layers.rank]
        for a, b in layers.links:
            self.after[a].append(b)
            self.before[b].append(a)

    def drawing(self) -> Drawing:
        middle = self._middles()
        strips = self._strips(middle)
        places = tuple(self._place(k, middle, strips) for k in range(self.layers.boxes))
        ports, room = self._ports(middle)
        curves = tuple(
            Curve(tuple(self._points(k, middle, ports[k], strips)), room[k])
            for k in range(len(self.edges))
        )
        total = strips[-1].end if strips else 0.0
        broad = max((m + b / 2 for m, b in zip(middle, self.broad, strict=True)), default=0.0)
        width, height = (broad, total) if self.down else (total, broad)
        return Drawing(places, curves, width, height, self.down)

    # -- across: the middle of each place ----------------------------------------------------------

    def _middles(self) -> list[float]:
        middle = [0.0] * len(self.layers.rank)
        for order in self.layers.order:
            at = 0.0
            for left, p in zip((None, *order), order, strict=False):
                at += 0.0 if left is None else self._distance(left, p)
                middle[p] = at
            for p in order:
                middle[p] -= at / 2
        count = len(self.layers.order)
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            both = sweep >= _SWEEPS // 3
            for layer in range(count) if forward else reversed(range(count)):
                self._settle(self.layers.order[layer], middle, forward or both, not forward or both)
        self._straighten(middle)
        least = min(m - b / 2 for m, b in zip(middle, self.broad, strict=True))
        return [m - least for m in middle]

    def _straighten(self, middle: list[float]) -> None:
        """Bring the places of a passing edge in line, as many together as there is room for."""
        passing: dict[int, dict[int, None]] = {}
        for route in self.layers.routes:
            passing.setdefault(route[0], {}).update(dict.fromkeys(route[1:-1]))
        room = self._room(middle)
        for places in passing.values():
            run: list[int] = []
            low, high = -math.inf, math.inf
            for p in places:
                least, most = room(p)
                if max(low, least) > min(high, most):
                    _align(run, middle, low, high)
                    run, low, high = [], -math.inf, math.inf
                run.append(p)
                low, high = max(low, least), min(high, most)
            _align(run, middle, low, high)

    def _room(self, middle: list[float]) -> Callable[[int], tuple[float, float]]:
        """Between where and where a place may be moved, as its neighbours stand now."""
        beside: dict[int, tuple[int | None, int | None]] = {}
        for order in self.layers.order:
            for p, *both in zip(order, (None, *order), (*order[1:], None), strict=False):
                beside[p] = (both[0], both[1])

        def room(p: int) -> tuple[float, float]:
            left, right = beside[p]
            least = -math.inf if left is None else middle[left] + self._distance(left, p)
            most = math.inf if right is None else middle[right] - self._distance(p, right)
            return least, most

        return room

    def _distance(self, a: int, b: int) -> float:
        """How far apart the middles of two neighbours are at least."""
        lines = a >= self.layers.boxes and b >= self.layers.boxes
        gap = _BETWEEN_LINES if lines else _BETWEEN_BOXES
        return (self.broad[a] + self.broad[b]) / 2 + gap

    def _settle(self, order: Sequence[int], middle: list[float], before: bool, after: bool) -> None:
        """Move a layer to where its neighbours are, as near as order and distances allow."""
        offset, wanted, weights = 0.0, [], []
        offsets = []
        for left, p in zip((None, *order), order, strict=False):
            offset += 0.0 if left is None else self._distance(left, p)
            near = (self.before[p] if before else []) + (self.after[p] if after else [])
            weight = [self._weight(p, q) for q in near]
            total = sum(weight)
            goal = sum(w * middle[q] for w, q in zip(weight, near, strict=True))
            wanted.append((goal / total if total else middle[p]) - offset)
            weights.append(total or 0.01)
            offsets.append(offset)
        for p, found, offset in zip(order, _rising(wanted, weights), offsets, strict=True):
            middle[p] = found + offset

    def _weight(self, a: int, b: int) -> float:
        """How much a link wants to be straight: edges that pass layers most, inputs least."""
        inner = (a >= self.layers.boxes) + (b >= self.layers.boxes)
        if inner:
            return _STRAIGHT if inner == 2 else 2.0
        first = a if self.layers.rank[a] < self.layers.rank[b] else b
        return 2.0 if self.before[first] else 0.4

    # -- along: a strip for each layer -------------------------------------------------------------

    def _strips(self, middle: Sequence[float]) -> list[_Strip]:
        """The strip of each layer: the wider bends are, the farther apart."""
        count = len(self.layers.order)
        rank = self.layers.rank
        gaps = [_GAP] * count
        for a, b in self.layers.links:
            steep = abs(middle[a] - middle[b])
            gaps[rank[b]] = max(gaps[rank[b]], min(_GAP + steep / 8, 2.5 * _GAP))
        labels = [0.0] * count
        for (_, target), label in zip(self.edges, self.labels, strict=True):
            if label:
                needed = _LINE if self.down else label + 14.0
                labels[rank[target]] = max(labels[rank[target]], needed)
        strips: list[_Strip] = []
        at = 0.0
        for layer, order in enumerate(self.layers.order):
            at += gaps[layer] if layer else 0.0
            start = at + labels[layer]
            long = max((self.long[p] for p in order if p < self.layers.boxes), default=0.0)
            strips.append(_Strip(at, start, start + long))
            at = start + long
        return strips

    def _place(self, k: int, middle: Sequence[float], strips: Sequence[_Strip]) -> Place:
        along = strips[self.layers.rank[k]].middle - self.long[k] / 2
        side = middle[k] - self.broad[k] / 2
        if self.down:
            return Place(side, along, self.broad[k], self.long[k])
        return Place(along, side, self.long[k], self.broad[k])

    # -- edges -------------------------------------------------------------------------------------

    def _ports(self, middle: Sequence[float]) -> tuple[list[float], list[float]]:
        """Where each edge meets its target, in the order in which the edges come, and the room
        up to where the next one meets a target in the same layer."""
        arriving: dict[int, list[int]] = {}
        for k, (_, target) in enumerate(self.edges):
            arriving.setdefault(target, []).append(k)
        ports = [0.0] * len(self.edges)
        layers: dict[int, list[int]] = {}
        for target, found in arriving.items():
            found.sort(key=lambda k: (middle[self.layers.routes[k][-2]], k))
            share = min(self.broad[target] / len(found), 5 * PORT if self.down else 1.4 * PORT)
            for n, k in enumerate(found):
                ports[k] = middle[target] + (n - (len(found) - 1) / 2) * share
            layers.setdefault(self.layers.rank[target], []).extend(found)
        room = [math.inf] * len(self.edges)
        for edges in layers.values():
            edges.sort(key=ports.__getitem__)
            for k, following in pairwise(edges):
                room[k] = ports[following] - ports[k]
        return ports, room

    def _points(
        self, k: int, middle: Sequence[float], port: float, strips: Sequence[_Strip]
    ) -> list[Point]:
        route = self.layers.routes[k]
        source, target = route[0], route[-1]
        first, last = strips[self.layers.rank[source]], strips[self.layers.rank[target]]
        points = [(first.middle + self.long[source] / 2, middle[source])]
        points.append((first.end, middle[source]))
        for p in route[1:-1]:
            strip = strips[self.layers.rank[p]]
            points += [(strip.free, middle[p]), (strip.end, middle[p])]
        points += [(last.free, port), (last.middle - self.long[target] / 2, port)]
        return [(side, along) for along, side in points] if self.down else points


def _align(run: Sequence[int], middle: list[float], low: float, high: float) -> None:
    """Give places that follow each other the same middle."""
    if run:
        goal = sum(middle[p] for p in run) / len(run)
        for p in run:
            middle[p] = min(max(goal, low), high)


def _rising(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising sequence nearest to ``wanted``: pool adjacent violators.

    >>> _rising([1, 3, 2, 4], [1, 1, 1, 1])
    [1.0, 2.5, 2.5, 4.0]
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        pool = (float(value), weight, 1)
        while pools and pools[-1][0] > pool[0]:
            left = pools.pop()
            total = left[1] + pool[1]
            mean = (left[0] * left[1] + pool[0] * pool[1]) / total
            pool = (mean, total, left[2] + pool[2])
        pools.append(pool)
    return [value for value, _, count in pools for _ in range(count)]
