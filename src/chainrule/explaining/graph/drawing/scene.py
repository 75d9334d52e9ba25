"""What a picture shows: boxes and edges with their texts, and when each text is known.

Time runs in events: each box is computed, sources first; then each edge passes a cotangent on,
results first. What is not folded passes on in the order of the engine's own reverse pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core.node import ARRAY, Node
from chainrule.core.types import ArrayType
from chainrule.explaining.graph.drawing.collapse import SPAN, Box, Item, Kind, owners
from chainrule.explaining.graph.drawing.writing import (
    formula,
    local,
    name_text,
    norm,
    number,
    short,
    summary,
)
from chainrule.explaining.graph.recording import Recording, Vertex
from chainrule.explaining.reading import is_scalar
from chainrule.rules.vjp import Step

__all__ = ["BoxView", "EdgeView", "Graph", "Role", "Said", "Scene", "scene"]

_FORMULA = 34
_LABEL = 18


class Role(StrEnum):
    """What a box is to the function; each looks different."""

    parameter = "input, differentiated"
    data = "input, held constant"
    constant = "constant"
    result = "result"
    output = "the function's result"
    group = "several nodes, folded"
    outside = "from outside"


@dataclass(frozen=True)
class Said:
    """A text that holds from one event on, until another says more."""

    text: str
    start: int
    stop: int | None = None


@dataclass(frozen=True)
class BoxView:
    """A box as it is shown.

    Attributes:
        box: what is in it.
        role: its look.
        title: its first line, the name with its formula.
        note: a second line, of folded boxes.
        value, cotangent: what is known of them, by time.
        full: all of it without abbreviation, for a tooltip.
    """

    box: Box
    role: Role
    title: str
    note: str
    value: tuple[Said, ...]
    cotangent: tuple[Said, ...]
    full: str


@dataclass(frozen=True)
class EdgeView:
    """An edge as it is shown.

    Attributes:
        source, target: indices of boxes.
        label: the local derivative as formula and number; also short, as a number alone.
        event: when it passes a cotangent on; None if no derivative flows.
    """

    source: int
    target: int
    label: tuple[str, str] | None
    event: int | None


@dataclass(frozen=True)
class Scene:
    """All that a picture shows.

    Attributes:
        boxes, edges: sources first.
        events: what happens, in words; one for each frame.
        forward: how many of the events belong to the forward pass.
        result: the name of the result.
    """

    boxes: tuple[BoxView, ...]
    edges: tuple[EdgeView, ...]
    events: tuple[str, ...]
    forward: int
    result: str


class Graph:
    """A recording as numbered items, sources first."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        inputs = [v for v in recording.vertices if not v.node.sources]
        results = sorted(
            (v for v in recording.vertices if v.node.sources), key=lambda v: v.node.serial
        )
        self.vertices: tuple[Vertex, ...] = (*inputs, *results)
        self.index: Mapping[Node, int] = {v.node: k for k, v in enumerate(self.vertices)}
        self.names: Mapping[Node, str] = {v.node: v.name for v in self.vertices}
        self.items = tuple(map(self._item, self.vertices))
        self.output = self.index[recording.output.node]

    def _item(self, vertex: Vertex) -> Item:
        node = vertex.node
        sources = tuple(self.index[s] for s in node.sources if s in self.index)
        structure = (node.primitive.name, str(node.type))
        leaf = not node.sources
        own = vertex.own or node is self.recording.output.node
        return Item(vertex.name, own, structure, sources, vertex.layer, vertex.path, leaf)

    @cached_property
    def users(self) -> Mapping[int, tuple[int, ...]]:
        """For each item those that are computed from it."""
        found: dict[int, list[int]] = {}
        for index, item in enumerate(self.items):
            for source in item.sources:
                found.setdefault(source, []).append(index)
        return {source: tuple(users) for source, users in found.items()}

    @cached_property
    def steps(self) -> Mapping[tuple[Node, int], tuple[int, Step]]:
        """The step of the reverse pass along each edge, with its place in the pass."""
        return {(s.node, s.index): (k, s) for k, s in enumerate(self.recording.steps)}

    def cotangent(self, node: Node) -> Any:
        """The value of the derivative with respect to a node; None if there is none."""
        found = self.recording.cotangents.get(node)
        if isinstance(found, (tuple, list)):  # of a node with several results
            return tuple(part.value for part in found if part is not None)
        return None if found is None else found.value

    def exit(self, box: Box) -> int:
        """The last item of a box that is used outside of it."""
        inside = set(box.members)
        for member in reversed(box.members):
            if member == self.output or any(u not in inside for u in self.users.get(member, ())):
                return member
        return box.members[-1]


def scene(graph: Graph, boxes: Sequence[Box], outside: Sequence[int] = ()) -> Scene:
    """The scene of these boxes; ``outside`` are those of them that are sources from outside."""
    return _Builder(graph, boxes, frozenset(outside)).scene()


class _Builder:
    def __init__(self, graph: Graph, boxes: Sequence[Box], outside: frozenset[int]) -> None:
        self.graph, self.boxes, self.outside = graph, boxes, outside
        self.exits = [graph.exit(box) for box in boxes]
        self.owner = owners(boxes)
        self.result = name_text(graph.recording.output.name)

    def scene(self) -> Scene:
        wires = self._wires()
        moments = [max((k for k, _ in steps), default=None) for *_, steps in wires]
        order = [k for k, moment in enumerate(moments) if moment is not None]
        if any(box.folded for box in self.boxes):
            order.sort(key=lambda k: (-wires[k][1], moments[k] or 0))
        else:
            order.sort(key=lambda k: moments[k] or 0)
        count = len(self.boxes)
        event = {k: count + n for n, k in enumerate(order)}
        arrivals: dict[int, list[tuple[int, list[Step]]]] = {}
        for k in order:
            source, _, steps = wires[k]
            arrivals.setdefault(source, []).append((event[k], [step for _, step in steps]))
        edges = tuple(
            EdgeView(source, target, self._label(source, target, steps), event.get(k))
            for k, (source, target, steps) in enumerate(wires)
        )
        views = tuple(self._box(k, arrivals.get(k, ())) for k in range(count))
        events = [self._computed(view) for view in views]
        events += [self._passed(wires[k], event[k], views) for k in order]
        return Scene(views, edges, tuple(events), count, self.result)

    # -- edges -------------------------------------------------------------------------------------

    def _wires(self) -> list[tuple[int, int, list[tuple[int, Step]]]]:
        """Edges as (source, target, steps): one for each operand of a node, one between groups."""
        single: list[tuple[int, int, list[tuple[int, Step]]]] = []
        joined: dict[tuple[int, int], list[tuple[int, Step]]] = {}
        for target, box in enumerate(self.boxes):
            if target in self.outside:
                continue
            for member in box.members:
                node = self.graph.vertices[member].node
                for place, operand in enumerate(node.sources):
                    source = self.owner.get(self.graph.index.get(operand, -1))
                    if source is None or source == target:
                        continue
                    step = self.graph.steps.get((node, place))
                    steps = [step] if step is not None else []
                    if box.folded or self.boxes[source].folded:
                        joined.setdefault((source, target), []).extend(steps)
                    else:
                        single.append((source, target, steps))
        single += [(source, target, steps) for (source, target), steps in joined.items()]
        return sorted(single, key=lambda wire: wire[:2])

    def _label(
        self, source: int, target: int, steps: Sequence[tuple[int, Step]]
    ) -> tuple[str, str] | None:
        """The local derivative, where both ends are numbers."""
        if len(steps) != 1 or self.boxes[source].folded or self.boxes[target].folded:
            return None
        (_, step), *_ = steps
        plain = is_scalar(step.node) and is_scalar(step.node.sources[step.index])
        if step.local is None or not plain or not is_scalar(step.local):
            return None
        written, value = local(step.local, self.graph.names)
        return (value if written == value else f"{short(written, _LABEL)} = {value}"), value

    # -- boxes -------------------------------------------------------------------------------------

    def _box(self, index: int, arrivals: Sequence[tuple[int, list[Step]]]) -> BoxView:
        box = self.boxes[index]
        vertex = self.graph.vertices[self.exits[index]]
        role = self._role(index, vertex)
        title, note, full = self._texts(box, vertex, role)
        value = summary(vertex.node.value)
        if box.folded and box.kind is not Kind.formula:
            value = f"{name_text(vertex.name)}: {value}" if box.kind is not Kind.leaves else ""
        said = (Said(value, index),) if value else ()
        cotangent = () if box.kind is Kind.leaves else self._cotangent(box, vertex, arrivals)
        lines = [full, f"value {summary(vertex.node.value)}" if value else ""]
        lines += [cotangent[-1].text] if cotangent else []
        if role is Role.group:
            lines.append(self._parameters(box))
        return BoxView(box, role, title, note, said, cotangent, "\n".join(filter(None, lines)))

    def _parameters(self, box: Box) -> str:
        """The norm of the gradient with respect to all inputs in a folded box."""
        chosen = {vertex.node for vertex in self.graph.recording.wrt}
        nodes = [self.graph.vertices[member].node for member in box.members]
        found = [self.graph.cotangent(node) for node in nodes if node in chosen]
        norms = [norm(value) for value in found if value is not None]
        return f"gradient of its {len(norms)} inputs: norm {number(norm(norms))}" if norms else ""

    def _role(self, index: int, vertex: Vertex) -> Role:
        box = self.boxes[index]
        if index in self.outside:
            return Role.outside
        if box.folded and box.kind is not Kind.formula:
            return Role.group
        if vertex.node is self.graph.recording.output.node:
            return Role.output
        if vertex.node.sources:
            return Role.result
        if any(vertex.node is chosen.node for chosen in self.graph.recording.wrt):
            return Role.parameter
        return Role.constant if vertex.node.primitive is ARRAY and not vertex.path else Role.data

    def _texts(self, box: Box, vertex: Vertex, role: Role) -> tuple[str, str, str]:
        """The first line, the second one, and all of it."""
        name = name_text(vertex.name)
        count = f"{len(box.members)} nodes"
        if role is Role.outside or not (box.folded or vertex.node.sources):
            where = vertex.path if vertex.path not in ("", vertex.name) else ""
            return name, "", f"{name} ({where})" if "." in where else name
        if box.kind in (Kind.node, Kind.formula):
            inside = {self.graph.vertices[m].node for m in box.members}
            text = f"{name} = {formula(vertex.node, self.graph.names, inside)}"
            layer = f", in {vertex.layer[-1]}" if vertex.layer else ""
            return short(text, _FORMULA), "", f"{text}{layer}"
        first, dots, last = box.title.partition(SPAN)
        title = f"{name_text(first)}{dots}{name_text(last)}"
        if box.kind is Kind.repeat:
            turns = sum(not self._is_leaf(part) for part in box.parts)
            title = f"{short(title, _FORMULA - 8)} × {turns}"
            count = f"{turns} equal blocks, {count}"
        return short(title, _FORMULA), count, f"{title}: {count}"

    def _is_leaf(self, box: Box) -> bool:
        return all(self.graph.items[member].leaf for member in box.members)

    def _cotangent(
        self, box: Box, vertex: Vertex, arrivals: Sequence[tuple[int, list[Step]]]
    ) -> tuple[Said, ...]:
        """What has arrived, event by event; of a folded box only all of it."""
        node = vertex.node
        total = self.graph.cotangent(node)
        if total is None or not isinstance(node.type, ArrayType):
            return ()
        name = self._whole(vertex)
        if node is self.graph.recording.output.node:
            return (Said(self._claimed(name, total), len(self.boxes)),)
        if not arrivals:
            return (Said(self._claimed(name, total), len(self.boxes)),)
        if box.folded or len(arrivals) == 1:
            return (Said(self._claimed(name, total), arrivals[-1][0]),)
        found: list[Said] = []
        arrived: Any = 0.0
        for k, (event, steps) in enumerate(arrivals):
            arrived = arrived + sum(np.asarray(step.contribution.value) for step in steps)
            last = k == len(arrivals) - 1
            text = self._claimed(name, total if last else arrived) + ("" if last else " + …")
            found.append(Said(text, event, None if last else arrivals[k + 1][0]))
        return tuple(found)

    def _whole(self, vertex: Vertex) -> str:
        """The derivative of the result: dL/dx where ∂L/∂x is that of the last step alone."""
        users = self.graph.users.get(self.graph.index[vertex.node], ())
        d = "d" if self.graph.output in users and len(set(users)) > 1 else "∂"
        return f"{d}{self.result}/{d}{name_text(vertex.name)}"

    def _claimed(self, name: str, value: Any) -> str:
        if np.size(value) == 1:
            return f"{name} = {number(value)}"
        return f"{name}: {summary(value).partition('] ')[2]}"

    # -- words -------------------------------------------------------------------------------------

    def _computed(self, view: BoxView) -> str:
        value = view.value[-1].text if view.value else ""
        if view.role in (Role.result, Role.output):
            return (
                f"forward: {view.title} = {value}"
                if "," not in value
                else (f"forward: {view.title}; {value}")
            )
        if view.role is Role.group:
            return f"forward: {view.title}, {view.note}; {value}".rstrip("; ")
        return f"{view.role}: {view.title} = {value}"

    def _called(self, index: int, views: Sequence[BoxView]) -> str:
        view = views[index]
        name = name_text(self.graph.vertices[self.exits[index]].name)
        return view.title if view.role is Role.group else name

    def _passed(
        self,
        wire: tuple[int, int, list[tuple[int, Step]]],
        event: int,
        views: Sequence[BoxView],
    ) -> str:
        source, target, steps = wire
        below = self.graph.vertices[self.exits[source]]
        above = self.graph.vertices[self.exits[target]]
        arriving, passing = self._whole(below), self._whole(above)
        a, b = name_text(below.name), name_text(above.name)
        label = self._label(source, target, steps)
        known = next((s for s in views[source].cotangent if s.start == event), None)
        if label is not None:
            (_, step), *_ = steps
            given, passed = (number(n.value) for n in (step.cotangent, step.contribution))
            text = (
                f"backward: {passing} · ∂{b}/∂{a} = {_bracketed(given)} · "
                f"{_bracketed(label[1])} = {passed}"
            )
            if len(views[source].cotangent) == 1:
                return f"{text} = {arriving}"
        elif self.boxes[source].folded or self.boxes[target].folded:
            text = f"backward from {self._called(target, views)} to {self._called(source, views)}"
        else:
            text = f"backward: {passing} passes through {b} to {a} ({steps[0][1].rule})"
        if known is None:
            return text
        return f"{text}; {'so far' if known.stop is not None else 'now'} {known.text}"


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text
