"""Graphs: closed functions over nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chainrule.core.errors import ShapeError, TraceError
from chainrule.core.node import INPUT, LITERAL, Node, apply, input_node, oldest, topological
from chainrule.core.source import SourceLine
from chainrule.core.types import ArrayType

__all__ = ["Graph", "close", "replace", "with_sources"]

Notes = Mapping[Node, frozenset[SourceLine]]


class Graph:
    """A closed, typechecked function over nodes: ``outputs`` as functions of ``inputs``.

    Args:
        inputs: input leaves, each once.
        outputs: the results.
        names: a name for each input, for printing.
        notes: the user's source lines that made each node; no part of the graph's identity.

    Raises:
        TraceError: if ``outputs`` depend on an input leaf that is not among ``inputs``.
    """

    __slots__ = ("_plan", "inputs", "names", "nodes", "notes", "outputs")

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    names: tuple[str, ...]
    notes: Notes
    nodes: tuple[Node, ...]

    def __init__(
        self,
        inputs: Iterable[Node],
        outputs: Iterable[Node],
        names: Sequence[str] | None = None,
        notes: Notes | None = None,
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.names = tuple(names) if names is not None else _default_names(len(self.inputs))
        self.notes = {} if notes is None else notes
        self.nodes = tuple(topological(self.outputs, stop=self.inputs))
        self._plan: _Plan | None = None
        known = frozenset(self.inputs)
        if len(known) != len(self.inputs):
            raise TraceError("a graph lists each of its inputs once")
        for node in self.nodes:
            if node.primitive is INPUT and node not in known:
                raise TraceError(
                    f"the graph depends on a traced tensor of type {node.type!r} that is not one "
                    "of its inputs: a tensor was kept from another trace. Pass it as an argument."
                )

    @property
    def constants(self) -> tuple[Node, ...]:
        """The array constants and variables that the graph carries."""
        known = frozenset(self.inputs)
        return tuple(
            node
            for node in self.nodes
            if not node.sources and node not in known and node.primitive is not LITERAL
        )

    def __call__(self, *arguments: Node) -> tuple[Node, ...]:
        """The outputs with ``arguments`` in place of the inputs."""
        if len(arguments) != len(self.inputs):
            raise TraceError(f"the graph takes {len(self.inputs)} inputs, not {len(arguments)}")
        for hole, argument in zip(self.inputs, arguments, strict=True):
            if hole.type is not argument.type:
                raise ShapeError(f"a graph input of type {hole.type} was given {argument.type}")
        return replace(self.outputs, dict(zip(self.inputs, arguments, strict=True)))

    def evaluate(self, values: Sequence[Any]) -> list[Any]:
        """The values of the outputs, by the reference evaluation of each primitive.

        A value is dropped after its last use.

        Args:
            values: NumPy arrays or scalars for the inputs.
        """
        if self._plan is None:
            self._plan = _Plan(self)
        return self._plan.run(values)

    def __repr__(self) -> str:
        return f"Graph({len(self.inputs)} inputs, {len(self.nodes)} nodes)"

    def __str__(self) -> str:
        """Numbered lines: each node with its primitive, sources, parameters and type."""
        labels: dict[Node, str] = dict(zip(self.inputs, self.names, strict=True))
        lines = [f"{name}: {node.type}" for node, name in zip(self.inputs, self.names, strict=True)]
        lines = [f"inputs  {', '.join(lines)}" if lines else "inputs  none"]
        width = len(str(len(self.nodes)))
        for node in self.nodes:
            if node in labels:
                continue
            if node.primitive is LITERAL:
                labels[node] = str(node.value)
                continue
            labels[node] = f"%{len(lines)}"
            parts = [labels[source] for source in node.sources]
            parts += [
                f"{name}={_argument(value)}"
                for name, value in zip(node.primitive.parameters, node.argument, strict=False)
            ]
            name = "constant" if not node.sources else node.primitive.name
            line = f"{labels[node]:>{width + 1}} = {name}({', '.join(parts)}): {node.type}"
            where = sorted(self.notes.get(node, ()), key=lambda note: (note.file, note.line))
            if where:
                line += f"    # line {', '.join(str(note.line) for note in where)}"
            lines.append(line)
        lines.append(f"outputs {', '.join(labels[node] for node in self.outputs)}")
        return "\n".join(lines)


class _Plan:
    """A graph as a straight line of calls on numbered slots."""

    __slots__ = ("constants", "inputs", "lines", "outputs", "size")

    def __init__(self, graph: Graph) -> None:
        slot = {node: index for index, node in enumerate((*graph.inputs, *graph.nodes))}
        self.size = len(graph.inputs) + len(graph.nodes)
        self.inputs = [slot[node] for node in graph.inputs]
        self.outputs = [slot[node] for node in graph.outputs]
        known = frozenset(graph.inputs)
        calls = [node for node in graph.nodes if node.sources and node not in known]
        leaves = [node for node in graph.nodes if not node.sources and node not in known]
        self.constants = [(slot[node], node.value) for node in leaves]
        last: dict[int, int] = {}
        for line, node in enumerate(calls):
            for source in node.sources:
                last[slot[source]] = line
        kept = {*self.outputs, *(index for index, _ in self.constants)}
        drops: list[list[int]] = [[] for _ in calls]
        for index, line in last.items():
            if index not in kept:
                drops[line].append(index)
        self.lines = [
            (n.primitive.evaluate, [slot[s] for s in n.sources], n.argument, slot[n], drop)
            for n, drop in zip(calls, drops, strict=True)
        ]

    def run(self, values: Sequence[Any]) -> list[Any]:
        slots: list[Any] = [None] * self.size
        for index, value in self.constants:
            slots[index] = value
        for index, value in zip(self.inputs, values, strict=True):
            slots[index] = value
        for evaluate, sources, argument, target, drop in self.lines:
            slots[target] = evaluate(*[slots[source] for source in sources], *argument)
            for index in drop:
                slots[index] = None
        return [slots[index] for index in self.outputs]


def close(
    inputs: Sequence[Node], outputs: Sequence[Node], since: int | None = None
) -> tuple[Graph, tuple[Node, ...]]:
    """A graph from ``inputs`` to ``outputs``, and the nodes from outside that it captures.

    Captured are the tracked or traced nodes on which ``outputs`` depend other than through
    ``inputs``; they become further inputs, after the given ones. With ``since`` everything made
    from that serial on belongs to the graph, also what does not depend on its inputs.
    """
    inner = set(inputs)
    first = oldest(inputs) if since is None else since
    order = topological(outputs, stop=inputs, since=first) if inputs or since is not None else []
    for node in order:
        own = since is not None and node.serial >= since and node.sources
        if own or any(source in inner for source in node.sources):
            inner.add(node)
    used = [source for node in order if node in inner and node.sources for source in node.sources]
    captured: dict[Node, Node] = {}
    for node in (*used, *outputs):
        if node not in inner and node not in captured and (node.tracked or node.value is None):
            captured[node] = _hole(node)
    closed = replace(outputs, {**{node: node for node in inputs}, **captured})
    return Graph((*inputs, *captured.values()), closed), tuple(captured)


def _hole(node: Node) -> Node:
    if not isinstance(node.type, ArrayType):
        raise TraceError(f"a tuple of type {node.type!r} cannot be captured")
    return input_node(node.type)


def _default_names(count: int) -> tuple[str, ...]:
    return tuple(f"x{index}" for index in range(count))


def _argument(value: Any) -> str:
    return (
        f"<{value!r}>" if isinstance(value, Graph) else getattr(value, "name", None) or str(value)
    )


def replace(outputs: Sequence[Node], substitution: Mapping[Node, Node]) -> tuple[Node, ...]:
    """``outputs`` rebuilt with some nodes replaced by others; the rest is shared."""
    done: dict[Node, Node] = dict(substitution)
    for node in topological(outputs, stop=substitution, since=oldest(substitution)):
        if node not in done:
            done[node] = with_sources(node, [done.get(source, source) for source in node.sources])
    return tuple(done[output] for output in outputs)


def with_sources(node: Node, sources: Sequence[Node]) -> Node:
    """The same application to ``sources``; the node itself if they are its own."""
    if all(new is old for new, old in zip(sources, node.sources, strict=True)):
        return node
    return apply(node.primitive, tuple(sources), node.argument)
