"""A layered drawing: in which layer each box stands, and in which order within it.

K. Sugiyama, S. Tagawa, M. Toda, Methods for visual understanding of hierarchical system structures,
IEEE SMC 11 (1981). Layers are those of the longest path; an edge that passes a layer takes a place
in it, shared by all edges from the same box; orders are those with the fewest crossings found by
sweeps of medians and exchanges of neighbours (Gansner et al., A technique for drawing directed
graphs, IEEE TSE 19 (1993), section 3). `placing` then gives coordinates.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Layers", "crossings", "layered"]

SWEEPS = 12


@dataclass(frozen=True)
class Layers:
    """Places in layers.

    A place is a box, or stands for an edge that passes; the first ``boxes`` places are the boxes.

    Attributes:
        boxes: how many boxes there are.
        rank: the layer of each place.
        order: the places of each layer, in order.
        links: (place, place) from one layer to the next.
        routes: for each edge the places from its source to its target.
    """

    boxes: int
    rank: tuple[int, ...]
    order: tuple[tuple[int, ...], ...]
    links: tuple[tuple[int, int], ...]
    routes: tuple[tuple[int, ...], ...]


def layered(count: int, edges: Sequence[tuple[int, int]]) -> Layers:
    """Layers of ``count`` boxes; of each edge the source comes before the target.

    >>> found = layered(4, [(0, 1), (1, 2), (0, 3), (2, 3)])
    >>> found.rank[:4], found.routes[2]
    ((0, 1, 2, 3), (0, 4, 5, 3))
    """
    rank = _ranks(count, edges)
    links: dict[tuple[int, int], None] = {}
    passing: dict[tuple[int, int], int] = {}
    routes = []
    for source, target in edges:
        route = [source]
        for layer in range(rank[source] + 1, rank[target]):
            place = passing.setdefault((source, layer), len(rank))
            if place == len(rank):
                rank.append(layer)
            route.append(place)
        route.append(target)
        links.update(dict.fromkeys(pairwise(route)))
        routes.append(tuple(route))
    order = _ordered(rank, list(links))
    layers = tuple(map(tuple, order))
    return Layers(count, tuple(rank), layers, tuple(links), tuple(routes))


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest path from a source; what can stand nearer to its users without pulling edges.

    Sources that nothing else uses come along, so edges from them do not count as pulled.
    """
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    rank = [0] * count
    alone = [True] * count  # nothing that it depends on is used elsewhere
    for box in range(count):
        rank[box] = max((rank[source] + 1 for source in before[box]), default=0)
        alone[box] = all(alone[s] and set(after[s]) == {box} for s in before[box])
    for box in reversed(range(count)):
        pulled = sum(not alone[s] or set(after[s]) != {box} for s in before[box])
        if after[box] and len(after[box]) >= pulled:
            rank[box] = min(rank[target] for target in after[box]) - 1
    return rank


# -- orders ----------------------------------------------------------------------------------------


def _ordered(rank: Sequence[int], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The order of each layer with the fewest crossings that sweeps find."""
    before: list[list[int]] = [[] for _ in rank]
    after: list[list[int]] = [[] for _ in rank]
    for a, b in links:
        after[a].append(b)
        before[b].append(a)
    order = _first_order(rank, before)
    best, fewest = [list(layer) for layer in order], crossings(order, after)
    idle = 0
    for sweep in range(SWEEPS):
        if not fewest or idle == 4:
            break
        forward = sweep % 2 == 0
        for layer in range(len(order)) if forward else reversed(range(len(order))):
            near = layer - 1 if forward else layer + 1
            if 0 <= near < len(order):
                _by_median(order, layer, near, before if forward else after)
        _exchange(order, before, after)
        count = crossings(order, after)
        idle = 0 if count < fewest else idle + 1
        if count < fewest:
            best, fewest = [list(layer) for layer in order], count
    return best


def _first_order(rank: Sequence[int], before: Sequence[Sequence[int]]) -> list[list[int]]:
    """Depth first from the ends, so that what belongs together starts together."""
    order: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    seen: set[int] = set()
    for end in sorted(range(len(rank)), key=lambda place: -rank[place]):
        stack = [end]
        while stack:
            place = stack.pop()
            if place not in seen:
                seen.add(place)
                order[rank[place]].append(place)
                stack.extend(reversed(before[place]))
    return order


def _by_median(
    order: list[list[int]], layer: int, near: int, neighbours: Sequence[Sequence[int]]
) -> None:
    """Sort a layer by the medians of the neighbours in the layer beside it; others keep place."""
    place = {p: k for k, p in enumerate(order[near])}
    medians = {}
    for p in order[layer]:
        found = sorted(place[q] for q in neighbours[p])
        if found:
            half = len(found) // 2
            even = len(found) % 2 == 0
            medians[p] = (found[half - 1] + found[half]) / 2 if even else float(found[half])
    sorted_ones = iter(sorted((p for p in order[layer] if p in medians), key=medians.__getitem__))
    order[layer] = [next(sorted_ones) if p in medians else p for p in order[layer]]


def _exchange(
    order: list[list[int]], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> None:
    """Exchange neighbours while that saves crossings."""
    for _ in range(4):
        changed = False
        for layer, places in enumerate(order):
            beside = []
            for near, neighbours in ((layer - 1, before), (layer + 1, after)):
                if 0 <= near < len(order):
                    place = {p: k for k, p in enumerate(order[near])}
                    beside.append({p: sorted(place[q] for q in neighbours[p]) for p in places})
            for k in range(len(places) - 1):
                a, b = places[k], places[k + 1]
                saved = sum(_crossed(t[a], t[b]) - _crossed(t[b], t[a]) for t in beside)
                if saved > 0:
                    places[k], places[k + 1] = b, a
                    changed = True
        if not changed:
            return


def _crossed(first: Sequence[int], second: Sequence[int]) -> int:
    """How often lines of a place cross those of the place after it."""
    return sum(bisect_left(second, end) for end in first)


def crossings(order: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> int:
    """How many pairs of links cross."""
    count = 0
    for layer, following in pairwise(order):
        place = {p: k for k, p in enumerate(following)}
        seen: list[int] = []
        for p in layer:
            ends = [place[q] for q in after[p]]
            count += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return count
