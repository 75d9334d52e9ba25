"""The graph as it is shown: the user's variables, and formulas from one to the next.

Of the nodes of a recording some are *stations*, which have a row in tables: what the user named,
inputs, the result. What lies between is written into the formula of the next station: of
``z = w * x + b`` the product has no row. If the user named nothing, every node is a station.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log10

from chainrule.core.errors import NotationError
from chainrule.core.node import Node, topological
from chainrule.core.types import ArrayType
from chainrule.explaining import reading
from chainrule.explaining.expression import Apply, Expression, Symbol, number
from chainrule.explaining.graph.recording import Recording, Vertex
from chainrule.ops.record import Projection

__all__ = ["Network", "amount", "is_plain"]

LONGEST = 16
"""How many nodes the formula of one station may be made of."""


def is_plain(node: Node) -> bool:
    """Whether a node is one number, without axes."""
    return isinstance(node.type, ArrayType) and node.type.shape == ()


@dataclass(frozen=True)
class Network:
    """The stations of a recording and the edges between them.

    Attributes:
        recording: the run.
        stations: in the order of computation.
        operands: of each station those that it is computed from, each once.
        receivers: of each station those operands to which it passes its derivative on.
    """

    recording: Recording
    stations: tuple[Vertex, ...]
    operands: Mapping[Node, tuple[Node, ...]]
    receivers: Mapping[Node, tuple[Node, ...]]

    @classmethod
    def of(cls, recording: Recording, chosen: Collection[Node] | None = None) -> Network:
        """The network of a recording; its stations are ``chosen``, or those described above."""
        by_node = recording.by_node
        passed: dict[Node, list[Node]] = {}
        for step in recording.steps:
            passed.setdefault(step.node, []).append(step.node.sources[step.index])
        for node in recording.cotangents:
            if isinstance(node.primitive, Projection):  # of which there are no steps
                passed[node] = list(node.sources)
        output = recording.output.node
        named = any(v.own and v.node.sources and v.node is not output for v in recording.vertices)
        sizes: dict[Node, int] = {}
        stations: list[Vertex] = []
        behind: dict[Node, tuple[Node, ...]] = {}  # the stations that a node is written in
        flows: dict[Node, tuple[Node, ...]] = {}
        operands: dict[Node, tuple[Node, ...]] = {}
        receivers: dict[Node, tuple[Node, ...]] = {}
        for vertex in recording.vertices:
            node = vertex.node
            inner = dict.fromkeys(n for s in node.sources for n in behind.get(s, ()))
            size = 1 + sum(sizes.get(source, 1) for source in node.sources)
            if chosen is None:
                inside = node is not output and _is_inside(vertex, named, size)
            else:
                inside = node not in chosen
            flowing = dict.fromkeys(n for s in passed.get(node, ()) for n in flows.get(s, ()))
            sizes[node] = size if inside else 1
            behind[node] = tuple(inner) if inside else (node,)
            flows[node] = tuple(flowing) if inside else (node,)
            if not inside:
                stations.append(by_node[node])
                operands[node], receivers[node] = tuple(inner), tuple(flowing)
        return cls(recording, tuple(stations), operands, receivers)

    @cached_property
    def symbols(self) -> Mapping[Node, Expression]:
        """The stations by their names."""
        return {vertex.node: Symbol(vertex.name) for vertex in self.stations}

    def name(self, node: Node) -> str:
        """The name of a station."""
        return self.recording.by_node[node].name

    def formula(self, node: Node) -> Expression:
        """A station in terms of its operands."""
        known = {other: self.symbols[other] for other in self.operands[node]}
        try:
            return reading.read(node, known)
        except NotationError:
            return self._application(node)

    def _written(self, node: Node) -> Expression:
        """A node without notation: a station by its name, else its primitive and operands."""
        if node in self.symbols:
            return self.symbols[node]
        if not node.sources and is_plain(node):
            return reading.leaf(node)
        return self._application(node)

    def _application(self, node: Node) -> Expression:
        operands = [self._written(source) for source in node.sources]
        if isinstance(node.primitive, Projection):
            operands += map(number, node.argument)
        return Apply(node.primitive.name, tuple(operands))

    def written_out(self, longest: int) -> Expression:
        """The result in the inputs alone; where that is too long, in terms of its operands."""
        output = self.recording.output.node
        known = {v.node: Symbol(v.name) for v in self.stations if v.path or not v.node.sources}
        lengths: dict[Node, int] = {}
        for node in topological([output], stop=known):
            inner = sum(lengths[s] for s in node.sources) if node not in known else 0
            lengths[node] = 1 + inner
        if lengths[output] > longest:
            return self.formula(output)
        try:
            return reading.read(output, known)
        except NotationError:
            return self.formula(output)

    # -- paths -------------------------------------------------------------------------------------

    @cached_property
    def users(self) -> Mapping[Node, Sequence[Node]]:
        """Of each station those that pass their derivative on to it, nearest to the result last."""
        found: dict[Node, list[Node]] = {}
        for vertex in self.stations:
            for receiver in self.receivers[vertex.node]:
                found.setdefault(receiver, []).append(vertex.node)
        return found

    @cached_property
    def edges(self) -> int:
        """How many edges the reverse pass goes along."""
        return sum(map(len, self.receivers.values()))

    @cached_property
    def paths(self) -> Mapping[Node, int]:
        """How many paths lead from the result to each station: a sum over those that use it."""
        found = {self.recording.output.node: 1}
        for vertex in reversed(self.stations):
            for receiver in self.receivers[vertex.node]:
                found[receiver] = found.get(receiver, 0) + found.get(vertex.node, 0)
        return found

    def listed(self, node: Node) -> Iterator[tuple[Node, ...]]:
        """The paths from the result to a station, one after the other."""
        stack: list[tuple[Node, ...]] = [(node,)]
        while stack:
            path = stack.pop()
            if path[0] is self.recording.output.node:
                yield path
                continue
            stack.extend((user, *path) for user in reversed(self.users.get(path[0], ())))

    @cached_property
    def twofold(self) -> frozenset[Node]:
        """Stations that the result is computed from directly, and in other ways too."""
        direct = self.receivers[self.recording.output.node]
        return frozenset(node for node in direct if self.paths[node] > 1)


def _is_inside(vertex: Vertex, named: bool, size: int) -> bool:
    """Whether a node is written into the formulas of those that use it."""
    node = vertex.node
    if vertex.path:
        return False
    if not isinstance(node.type, ArrayType):
        return True
    if reading.transparent(node):
        return not vertex.own
    if not node.sources:
        return is_plain(node) and (not vertex.own or not node.type.is_float)
    if not is_plain(node) or not reading.has_notation(node):
        return False
    if not node.type.is_float:
        return True
    return named and not vertex.own and size <= LONGEST


def amount(count: int) -> str:
    """A number of things, which may be too large to be written out.

    >>> amount(1048576), amount(2**5000)
    ('1,048,576', 'about 10^1505')
    """
    return f"{count:,}" if count < 10**15 else f"about 10^{log10(count):.0f}"
