"""Tracing: running a function once on typed holes to get its graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import ShapeError, TraceError, TreeError
from chainrule.core.graph import Graph, close, with_sources
from chainrule.core.node import Node, input_node, now, topological
from chainrule.core.source import SourceLine
from chainrule.core.tree import Tree, flatten
from chainrule.core.types import ArrayType
from chainrule.lift import as_node, is_number
from chainrule.ops.shape import alias
from chainrule.tensor import Tensor, mode

__all__ = ["Program", "input_names", "positional", "trace", "trace_types"]


@dataclass(frozen=True, repr=False)
class Program:
    """A traced function: a closed graph and the pytrees around it.

    Attributes:
        graph: the graph; ``print(program)`` shows it.
        arguments: the structure of the arguments.
        result: the structure of the result.
    """

    graph: Graph
    arguments: Tree
    result: Tree

    def __call__(self, *args: Any) -> Any:
        """Evaluate on arguments of the traced structure, shapes and dtypes."""
        leaves, structure = flatten(args)
        if structure != self.arguments:
            raise TreeError(f"traced for arguments {self.arguments}, called with {structure}")
        nodes = [as_node(x, hole.dtype) for x, hole in zip(leaves, self.graph.inputs, strict=True)]
        for node, hole, name in zip(nodes, self.graph.inputs, self.graph.names, strict=True):
            if node.shape != hole.shape:
                raise ShapeError(
                    f"{name} was traced with shape {hole.shape}, it is now {node.shape}; "
                    "trace the function again for new shapes"
                )
        return self.result.build(map(Tensor, self.graph(*nodes)))

    def __repr__(self) -> str:
        return str(self.graph)


def trace(f: Callable[..., Any], *args: Any) -> Program:
    """The graph of ``f`` for arguments of these types; the values of ``args`` are not used.

    Args:
        f: a function of pytrees. It runs once, on tensors without a value.
        args: examples of its arguments (only structure, shapes and dtypes matter).

    Raises:
        TraceError: where ``f`` asks for a value (``if``, ``float()``, ``numpy()``).

    >>> import chainrule as cr
    >>> print(cr.trace(lambda x, w: cr.sin(w * x), 1.0, 2.0))
    inputs  x: float64[], w: float64[]
    %1 = mul(w, x): float64[]    # line 1
    %2 = sin(%1): float64[]    # line 1
    outputs %2
    """
    if not callable(f):
        raise TraceError(
            "trace runs a function to get its graph; the trace of a matrix is x.trace() or "
            "cr.linalg.trace(x)"
        )
    leaves, structure = flatten(args)
    types = [as_node(leaf).type for leaf in leaves]
    return trace_types(f, structure, types, [is_number(leaf) for leaf in leaves])


def trace_types(
    f: Callable[..., Any],
    structure: Tree,
    types: Sequence[ArrayType],
    numbers: Sequence[bool] | None = None,
) -> Program:
    """The graph of ``f`` for arguments of this structure, with leaves of these types.

    ``numbers`` says which leaves are Python numbers, which do not widen an array.
    """
    start = now()
    holes = [input_node(type) for type in types]
    notes: dict[Node, set[SourceLine]] = {}
    weak = {hole for hole, number in zip(holes, numbers or [], strict=False) if number}
    with mode(grad=True, notes=notes, weak=weak, since=start, program=start):
        returned = f(*structure.build(map(Tensor, holes)))
    results, result = flatten(returned)
    outputs, moved = without_aliases([as_node(leaf) for leaf in results])
    lines: dict[Node, frozenset[SourceLine]] = {}
    for node, found in notes.items():
        node = moved.get(node, node)
        lines[node] = lines.get(node, frozenset()) | found
    graph = Graph(holes, outputs, input_names(f, structure), lines)
    return Program(graph, structure, result)


def without_aliases(outputs: Sequence[Node], since: int = 0) -> tuple[list[Node], dict[Node, Node]]:
    """``outputs`` rebuilt without the aliases that derivatives left, which have served.

    Nodes with a serial below ``since`` stay as they are.
    """
    done: dict[Node, Node] = {}
    for node in topological(outputs, since=since):
        if node.serial < since:
            done[node] = node
            continue
        sources = [done[source] for source in node.sources]
        done[node] = sources[0] if node.primitive is alias else with_sources(node, sources)
    return [done[output] for output in outputs], done


def positional(f: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that can be given by place; none where Python does not tell them.

    >>> [parameter.name for parameter in positional(lambda x, y=1, *more, z: x)]
    ['x', 'y']
    """
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter for parameter in found if parameter.kind in kinds]


def input_names(f: Callable[..., Any], structure: Tree) -> list[str]:
    """A name for each leaf: the parameter's own, and the path inside it."""
    known = [parameter.name for parameter in positional(f)]
    names: list[str] = []
    for index, tree in enumerate(structure.children):
        prefix = known[index] if index < len(known) else f"x{index}"
        names += _leaf_names(prefix, tree)
    return names


def _leaf_names(prefix: str, tree: Tree) -> list[str]:
    if tree.kind is None:
        return [prefix]
    return [
        found
        for name, child in zip(tree.names, tree.children, strict=True)
        for found in _leaf_names(f"{prefix}.{name}", child)
    ]


@dataclass(frozen=True)
class Closure:
    """A function traced as part of another program: what it captured comes as further inputs."""

    graph: Graph
    captured: tuple[Node, ...]
    result: Tree


def trace_closure(
    f: Callable[..., Any], structure: Tree, types: Sequence[ArrayType], *, lazy: bool = False
) -> Closure:
    """Trace ``f(*structure)`` on holes of ``types``; tensors from outside are captured.

    With ``lazy`` what ``f`` computes from those alone is part of its graph too, since it may not
    run; otherwise it is computed once, outside.
    """
    start = now()
    holes = [input_node(type) for type in types]
    with mode(grad=True, since=start):
        returned = f(*structure.build(map(Tensor, holes)))
    results, result = flatten(returned)
    outputs, _ = without_aliases([as_node(leaf) for leaf in results], since=start)
    graph, captured = close(holes, outputs, since=start if lazy else None)
    return Closure(graph, captured, result)


def with_captured(closures: Sequence[Closure], arity: int) -> tuple[list[Graph], tuple[Node, ...]]:
    """Graphs that take the same inputs: (all captured nodes, own inputs).

    Args:
        closures: functions of ``arity`` own inputs.
        arity: how many inputs each function has of its own.
    """
    shared: dict[Node, None] = {}
    for closure in closures:
        shared.update(dict.fromkeys(closure.captured))
    graphs = []
    for closure in closures:
        own, holes = closure.graph.inputs[:arity], closure.graph.inputs[arity:]
        by_node = dict(zip(closure.captured, holes, strict=True))
        front = [by_node[node] if node in by_node else input_node(node.type) for node in shared]
        graphs.append(Graph((*front, *own), closure.graph.outputs))
    return graphs, tuple(shared)
