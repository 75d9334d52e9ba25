"""Large graphs made readable: which nodes one box of the picture holds.

A box holds one node, or is folded: the unnamed steps of a formula with the named node that they
lead to, the call of a module, a block that repeats, or, where nothing else helps, a stretch of the
order in which the nodes were computed. Boxes hold boxes, so that a folded one can be opened.

The boxes are always in an order in which sources come first. Three moves keep it so: joining boxes
that follow each other in that order, joining a node to the one box that uses it, and joining nodes
without sources. So what is drawn has no cycle.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from chainrule.explaining.graph.drawing.repeats import Run, find_runs

__all__ = ["SPAN", "Box", "Item", "Kind", "collapse", "numbered", "opened", "owners"]

COMFORTABLE = 40
"""So many boxes are taken in at a glance: a graph that has to be folded is folded to about that."""

SPAN = " … "
"""Between the first and the last name in the title of several nodes."""

LONGEST = 12
"""So many unnamed steps join the named node that they lead to."""


class Kind(StrEnum):
    """What a box holds."""

    node = "node"
    formula = "formula"
    module = "module"
    block = "block"
    repeat = "repeat"
    stretch = "stretch"
    leaves = "leaves"


@dataclass(frozen=True)
class Item:
    """What has to be known of a node.

    Attributes:
        name: its name, such as ``h_3``.
        own: whether the user gave that name.
        structure: what equal nodes have in common: primitive and type.
        sources: the items that it is computed from, all before it.
        layer: the modules in whose calls it was made, outer first.
        path: of an argument, where it stands, such as ``model.0.weight``.
        leaf: whether it is computed from nothing.
    """

    name: str
    own: bool
    structure: Hashable
    sources: tuple[int, ...]
    layer: tuple[str, ...] = ()
    path: str = ""
    leaf: bool = False


@dataclass(frozen=True)
class Box:
    """A part of the graph that is drawn as one.

    Attributes:
        kind: what it is.
        members: the items in it, in order.
        title: what it is called.
        parts: the boxes in it; none for a single node.
        depth: how many of the outer modules are given by the place in which it is.
    """

    kind: Kind
    members: tuple[int, ...]
    title: str
    parts: tuple[Box, ...] = ()
    depth: int = 0

    @property
    def folded(self) -> bool:
        """Whether there is something to open."""
        return self.kind is not Kind.node

    def walk(self) -> Iterator[Box]:
        """The box and all that it holds."""
        yield self
        for part in self.parts:
            yield from part.walk()


def collapse(items: Sequence[Item], limit: int) -> tuple[Box, ...]:
    """The boxes of the whole graph, at most ``limit``, sources first.

    >>> x = Item("x", True, "input", (), leaf=True)
    >>> steps = [Item(f"h_{k}", True, "tanh", (k,)) for k in range(500)]
    >>> [(box.title, len(box.members)) for box in collapse([x, *steps], 10)]
    [('x', 1), ('h_0', 1), ('h_1 … h_499', 499)]
    """
    single = [Box(Kind.node, (k,), item.name) for k, item in enumerate(items)]
    single.sort(key=lambda box: not items[box.members[0]].leaf)
    if len(single) <= limit:
        return tuple(single)
    return tuple(_Folding(items, limit).fold(_formulas(items), 0, True))


def opened(items: Sequence[Item], box: Box, limit: int) -> tuple[Box, ...]:
    """The boxes that are seen when ``box`` is opened, at most ``limit``."""
    if len(box.parts) <= limit:
        return box.parts
    folding = _Folding(items, limit)
    inner = tuple(folding.fold(box.parts, box.depth, box.kind is not Kind.repeat))
    return opened(items, inner[0], limit) if len(inner) == 1 else inner


def owners(boxes: Iterable[Box]) -> dict[int, int]:
    """For each item the index of the box in which it is."""
    return {member: index for index, box in enumerate(boxes) for member in box.members}


def numbered(name: str) -> str:
    """A name without its number: ``h`` of ``h_3``, ``layers`` of ``layers.2``."""
    return name.rstrip("0123456789").rstrip("_.") or name


# -- formulas --------------------------------------------------------------------------------------


def _formulas(items: Sequence[Item]) -> list[Box]:
    """Each named node with the unnamed steps that only it uses, all of the same module."""
    users: list[set[int]] = [set() for _ in items]
    for index, item in enumerate(items):
        for source in item.sources:
            users[source].add(index)
    head = list(range(len(items)))
    sizes = [1] * len(items)
    for index in reversed(range(len(items))):
        item = items[index]
        heads = {head[user] for user in users[index]}
        if item.own or item.path or len(heads) != 1:
            continue
        (target,) = heads
        if (item.leaf or item.layer == items[target].layer) and sizes[target] < LONGEST:
            head[index] = target
            sizes[target] += 1
    members: dict[int, list[int]] = {}
    for index, target in enumerate(head):
        members.setdefault(target, []).append(index)
    boxes = [_formula(items, target, found) for target, found in members.items()]
    return sorted(boxes, key=lambda box: (not _is_leaf(items, box), box.members[-1]))


def _formula(items: Sequence[Item], target: int, members: Sequence[int]) -> Box:
    if len(members) == 1:
        return Box(Kind.node, (target,), items[target].name)
    parts = tuple(Box(Kind.node, (m,), items[m].name) for m in members)
    return Box(Kind.formula, tuple(members), items[target].name, parts)


def _is_leaf(items: Sequence[Item], box: Box) -> bool:
    return all(items[member].leaf for member in box.members)


# -- modules, repeated blocks, stretches -----------------------------------------------------------


class _Folding:
    def __init__(self, items: Sequence[Item], limit: int) -> None:
        self.items = items
        self.limit = limit
        self.goal = min(limit, COMFORTABLE)

    def fold(self, boxes: Sequence[Box], depth: int, repeating: bool) -> list[Box]:
        """The boxes, joined until they are at most ``limit``, and about as few as the goal."""
        deepest = max(len(self.items[m].layer) for box in boxes for m in box.members)
        best: list[Box] | None = None
        for level in [*range(deepest, depth, -1), *([] if deepest > depth else [depth])]:
            found = self.modules(boxes, level) if level > depth else list(boxes)
            if repeating and len(found) > self.goal:
                found = self.repeats(found)
            if best is None or len(found) < len(best):
                best = found
            if len(found) <= self.goal:
                break
        assert best is not None
        return best if len(best) <= self.limit else self.stretches(best)

    def modules(self, boxes: Sequence[Box], level: int) -> list[Box]:
        """What was made within one call of a module, at most ``level`` modules deep."""

        def call(box: Box) -> tuple[str, ...]:
            return self.items[box.members[-1]].layer[:level]

        leaves, results = self._apart(boxes)
        joined: list[Box] = []
        for layer, run in groupby(results, call):
            parts = tuple(run)
            only = parts[0] if len(parts) == 1 else None
            if not layer or (only is not None and only.kind is not Kind.formula):
                joined.extend(parts)
            else:
                inner = parts if only is None else only.parts
                joined.append(_joined(Kind.module, inner, layer[-1], level))
        return self._absorbed(leaves, joined)

    def repeats(self, boxes: Sequence[Box]) -> list[Box]:
        """Blocks of the same structure that follow each other."""
        leaves, results = self._apart(boxes)
        owner = owners(results)
        runs = find_runs([self._structure(box) for box in results], self._wiring(results, owner))
        joined: list[Box] = []
        done = 0
        for run in runs:
            joined.extend(results[done : run.start])
            done = run.start + run.period * run.count
            joined.append(self._repeat(results[run.start : done], run))
        joined.extend(results[done:])
        return self._absorbed(leaves, joined)

    def stretches(self, boxes: Sequence[Box]) -> list[Box]:
        """What was computed one after the other, in as many pieces as there may be."""
        leaves, results = self._apart(boxes)
        room = max(self.limit // 3, 1)
        if len(leaves) > room:
            kept = leaves[: room - 1]
            leaves = [*kept, self._leaves(leaves[room - 1 :])]
        pieces = self.limit - len(leaves)
        size = max(-(-len(results) // pieces), 1)
        joined = []
        for start in range(0, len(results), size):
            parts = tuple(results[start : start + size])
            title = _span(parts)
            whole = len(parts) == 1
            joined.append(parts[0] if whole else _joined(Kind.stretch, parts, title, 0))
        return self._absorbed(leaves, joined)

    def _leaves(self, parts: Sequence[Box]) -> Box:
        return _joined(Kind.leaves, tuple(parts), _span(parts), 0)

    def _apart(self, boxes: Sequence[Box]) -> tuple[list[Box], list[Box]]:
        leaves = [box for box in boxes if _is_leaf(self.items, box)]
        return leaves, [box for box in boxes if not _is_leaf(self.items, box)]

    def _belongs(self, leaf: Box) -> bool:
        """Whether a leaf is part of something: a parameter of a module, an unnamed constant."""
        items = [self.items[member] for member in leaf.members]
        return all("." in item.path or not (item.path or item.own) for item in items)

    def _absorbed(self, leaves: Sequence[Box], results: Sequence[Box]) -> list[Box]:
        """Leaves that belong to something join the folded box that alone uses them."""
        ready = {k for k, box in enumerate(results) if box.kind not in (Kind.node, Kind.formula)}
        kept, inner = self._sorted_in(leaves, results, ready)
        return kept + [self._with(box, inner.get(index, [])) for index, box in enumerate(results)]

    def _sorted_in(
        self, leaves: Sequence[Box], boxes: Sequence[Box], ready: Collection[int]
    ) -> tuple[list[Box], dict[int, list[Box]]]:
        """The leaves that stay, and for each box in ``ready`` those that only it uses."""
        users: dict[int, set[int]] = {}
        for member, index in owners(boxes).items():
            for source in self.items[member].sources:
                users.setdefault(source, set()).add(index)
        kept: list[Box] = []
        inner: dict[int, list[Box]] = {}
        for leaf in leaves:
            found = set().union(*(users.get(member, set()) for member in leaf.members))
            if len(found) == 1 and found <= set(ready) and self._belongs(leaf):
                inner.setdefault(found.pop(), []).append(leaf)
            else:
                kept.append(leaf)
        return kept, inner

    def _with(self, box: Box, leaves: Sequence[Box]) -> Box:
        """The box with leaves that only it uses; in a repeat each goes to the turn that uses it."""
        if not leaves:
            return box
        parts: Sequence[Box] = [*leaves, *box.parts]
        if box.kind is Kind.repeat:
            kept, inner = self._sorted_in(leaves, box.parts, range(len(box.parts)))
            parts = [*kept, *(self._turn(p, inner.get(k, [])) for k, p in enumerate(box.parts))]
        return _joined(box.kind, tuple(parts), box.title, box.depth)

    def _turn(self, part: Box, leaves: Sequence[Box]) -> Box:
        if not leaves:
            return part
        kind = part.kind if part.kind is Kind.module else Kind.block
        return _joined(kind, (*leaves, *(part.parts or (part,))), part.title, part.depth)

    # -- repeated blocks ---------------------------------------------------------------------------

    def _structure(self, box: Box) -> Hashable:
        """What boxes of the same structure have in common, apart from what comes from outside."""
        place = {member: k for k, member in enumerate(box.members)}
        found = []
        for member in box.members:
            item = self.items[member]
            inner = tuple(place.get(source, self._leaf(source)) for source in item.sources)
            found.append((item.structure, numbered(item.name) if item.own else "", inner))
        return (box.kind, numbered(box.title) if box.kind is Kind.module else "", tuple(found))

    def _leaf(self, source: int) -> Hashable:
        item = self.items[source]
        return (item.structure, numbered(item.name)) if item.leaf else "outside"

    def _wiring(self, boxes: Sequence[Box], owner: dict[int, int]) -> list[list[tuple[int, int]]]:
        """For each box its sources in other boxes: how far back, and which."""
        found = []
        for index, box in enumerate(boxes):
            inside = set(box.members)
            sources = [
                source
                for member in box.members
                for source in self.items[member].sources
                if source not in inside and source in owner
            ]
            found.append([(index - owner[source], source) for source in sources])
        return found

    def _repeat(self, boxes: Sequence[Box], run: Run) -> Box:
        size = run.period
        if size == 1:
            blocks = tuple(boxes)
        else:
            blocks = tuple(self._block(boxes[k : k + size]) for k in range(0, len(boxes), size))
        return _joined(Kind.repeat, blocks, _span(blocks), 0)

    def _block(self, parts: Sequence[Box]) -> Box:
        """The boxes of one turn, called after the last node that the user named."""
        named = [
            self.items[member].name
            for part in parts
            for member in part.members
            if self.items[member].own and not self.items[member].leaf
        ]
        return _joined(Kind.block, tuple(parts), named[-1] if named else parts[-1].title, 0)


def _span(parts: Sequence[Box]) -> str:
    """From the first name to the last."""
    first, last = parts[0].title.split(SPAN)[0], parts[-1].title.split(SPAN)[-1]
    return f"{first}{SPAN}{last}" if first != last else first


def _joined(kind: Kind, parts: tuple[Box, ...], title: str, depth: int) -> Box:
    members = tuple(sorted(member for part in parts for member in part.members))
    return Box(kind, members, title, parts, max(depth, *(part.depth for part in parts)))
