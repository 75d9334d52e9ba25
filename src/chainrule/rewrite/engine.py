"""Rewriting: named local laws, applied to a graph from its leaves on until none applies.

A law is a function of one node that returns an equal node, or None where it says nothing. Its
docstring states it. `rewrite` goes once over a graph, sources before users, and brings each node
into a form to which no law applies; what a law builds is brought into such a form too. No step
recurses, and each node is looked at a bounded number of times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.core.graph import Graph, Notes, with_sources
from chainrule.core.node import Node, detached
from chainrule.core.source import SourceLine
from chainrule.core.types import ArrayType
from chainrule.ops.arithmetic import add
from chainrule.ops.index import gather
from chainrule.ops.record import Primitive

Law = Callable[..., Node | None]
Pass = Callable[[Graph, "Log"], Graph]


@dataclass(frozen=True)
class Rule:
    """A named law for the nodes of some primitives.

    Attributes:
        name: what the log calls it.
        function: ``function(node)``, or ``function(node, context)`` where it looks around itself.
        heads: the primitives to whose nodes it may apply; classes stand for all records of a kind.
        exact: whether it keeps every bit, NaN, infinities and the sign of zero included. The others
            change the order or the rounding of sums and products, or the sign of a zero.
        contextual: whether it takes a `Context`.
    """

    name: str
    function: Law
    heads: tuple[Primitive | type[Primitive], ...]
    exact: bool
    contextual: bool

    @property
    def law(self) -> str:
        """The statement of the law."""
        return self.function.__doc__ or ""

    def concerns(self, primitive: Any) -> bool:
        """Whether the law may apply to nodes of ``primitive``."""
        return any(
            isinstance(primitive, head) if isinstance(head, type) else primitive is head
            for head in self.heads
        )


@dataclass(frozen=True)
class Scheme:
    """A named law for the calls of a graph, applied in one pass over all of it.

    Attributes:
        name: what the log calls it.
        function: ``function(graph, log)``, the rewritten graph.
        exact: as for a `Rule`.
    """

    name: str
    function: Pass
    exact: bool

    @property
    def law(self) -> str:
        """The statement of the law."""
        return self.function.__doc__ or ""


class Family:
    """The laws of one subject, in the order in which they are tried."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.schemes: list[Scheme] = []

    def scheme(self, exact: bool = True) -> Callable[[Pass], Pass]:
        """Registers the decorated function as a `Scheme`, under its own name."""

        def register(function: Pass) -> Pass:
            self.schemes.append(Scheme(function.__name__, function, exact))
            return function

        return register

    def rule(
        self,
        *heads: Primitive | type[Primitive],
        exact: bool = True,
        contextual: bool = False,
    ) -> Callable[[Law], Law]:
        """Registers the decorated function as a law, under its own name."""

        def register(function: Law) -> Law:
            name = function.__name__.strip("_")
            self.rules.append(Rule(name, function, heads, exact, contextual))
            return function

        return register


@dataclass(frozen=True)
class Applied:
    """One step of simplification: a rule turned ``before`` into ``after``."""

    rule: str
    before: Node
    after: Node


@dataclass
class Log:
    """What was done to a graph.

    Attributes:
        steps: the steps, of which no more than ``limit`` are kept.
        counts: how often each rule was applied; complete.
        recomputable: nodes of the result that the user put under `checkpoint`.
    """

    steps: list[Applied] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    recomputable: set[Node] = field(default_factory=set)
    limit: int = 1000

    def record(self, rule: str, before: Node, after: Node) -> None:
        """Notes one step."""
        self.counts[rule] += 1
        if len(self.steps) < self.limit:
            self.steps.append(Applied(rule, before, after))

    def move(self, moved: Mapping[Node, Node]) -> None:
        """Nodes became others."""
        if self.recomputable:
            self.recomputable = {moved.get(node, node) for node in self.recomputable}

    def __iter__(self) -> Iterator[Applied]:
        return iter(self.steps)

    def __len__(self) -> int:
        return self.counts.total()


class Context:
    """What a law may know of the graph around a node: who uses it, and what is checked there.

    Attributes:
        gathers: for each gather its indices and the extents against which they are checked.
        in_range: non-negative indices that are known to lie below a number.
    """

    def __init__(self, graph: Graph) -> None:
        self._users: Counter[Node] = Counter(graph.outputs)
        self._summands: set[Node] = set()
        self.gathers: set[tuple[Any, ...]] = set()
        self.in_range: dict[Node, int] = {}
        for node in graph.nodes:
            self._users.update(node.sources)
            if node.primitive is gather:
                x, *indices = node.sources
                self.gathers.add((*indices, *(x.shape[axis] for axis in node.argument[0])))
        for node in graph.nodes:
            if node.primitive is add:
                self._summands.update(s for s in node.sources if self._users[s] == 1)

    def single(self, node: Node) -> bool:
        """Whether at most one other node, or one output, uses ``node``."""
        return self.users(node) <= 1

    def users(self, node: Node, unknown: int = 1) -> int:
        """How many nodes and outputs use ``node``; ``unknown`` for one that a rule just made."""
        return self._users.get(node, unknown)

    def is_summand(self, node: Node) -> bool:
        """Whether the only user of ``node`` is an addition, which will look at it anyway."""
        return node in self._summands

    def succeed(self, before: Node, after: Node) -> None:
        """``after`` takes the place of ``before``."""
        if before in self._users:
            self._users[after] += self._users[before]
        if before in self._summands:
            self._summands.add(after)
        if before in self.in_range:
            self.in_range[after] = self.in_range[before]


def transferred(notes: Notes, moved: Mapping[Node, Node]) -> dict[Node, frozenset[SourceLine]]:
    """The source lines of nodes, for what they became."""
    lines: dict[Node, frozenset[SourceLine]] = {}
    for node, found in notes.items():
        node = moved.get(node, node)
        lines[node] = lines.get(node, frozenset()) | found
    return lines


class Table:
    """The rules by primitive, and the nodes to which only a rule with a context may still apply."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.settled: set[Node] = set()
        self._found: dict[Any, tuple[list[Rule], list[Rule]]] = {}

    def of(self, node: Node) -> list[Rule]:
        """The rules to try on ``node``."""
        found = self._found.get(node.primitive)
        if found is None:
            every = [rule for rule in self.rules if rule.concerns(node.primitive)]
            found = every, [rule for rule in every if rule.contextual]
            self._found[node.primitive] = found
        return found[node in self.settled]


def rewrite(graph: Graph, table: Table, context: Context, log: Log) -> Graph:
    """``graph`` with every node in normal form: no rule of ``table`` applies to it."""
    normal: dict[Node, Node] = {node: node for node in graph.inputs}
    old = frozenset(graph.nodes)
    lines = dict(graph.notes)
    fuel = 1000 + 100 * len(graph.nodes)
    for root in graph.nodes:
        pending = [root]
        after: dict[Node, Node] = {}  # a node that was rewritten, and into what
        while pending:
            node = pending[-1]
            if node in normal:
                pending.pop()
                continue
            if node in after:
                normal[node] = normal.get(after[node], after[node])
                pending.pop()
                continue
            ahead = [source for source in node.sources if source not in normal]
            if ahead:
                for source in ahead:
                    if source not in old and node in lines:
                        lines.setdefault(source, lines[node])
                pending.extend(reversed(ahead))
                continue
            fuel -= 1
            assert fuel > 0, f"rewriting does not end at {node!r}"
            new = _step(node, normal, table, context, log)
            if new is node:
                normal[node] = node
                table.settled.add(node)
                continue
            context.succeed(node, new)
            if node in lines:
                lines[new] = lines.get(new, frozenset()) | lines[node]
            after[node] = new
            pending.append(new)
    result = Graph(graph.inputs, [normal[node] for node in graph.outputs], graph.names, lines)
    alive = frozenset(result.nodes)
    result.notes = {node: found for node, found in lines.items() if node in alive}
    log.move(normal)
    return result


def _step(
    node: Node, normal: Mapping[Node, Node], table: Table, context: Context, log: Log
) -> Node:
    """``node`` on the normal forms of its sources, or after one rule; itself if it is normal."""
    if not node.sources:
        return node
    for source in node.sources:
        if normal[source] is not source:
            return with_sources(node, [normal[source] for source in node.sources])
    if node.value is not None and isinstance(node.type, ArrayType):
        after = detached(node)  # known without any input, such as what variables determine
        log.record("known_value", node, after)
        return after
    for rule in table.of(node):
        found = rule.function(node, context) if rule.contextual else rule.function(node)
        if found is not None and found is not node:
            assert found.type is node.type, f"{rule.name}: {node!r} became {found!r}"
            log.record(rule.name, node, found)
            return found
    return node
