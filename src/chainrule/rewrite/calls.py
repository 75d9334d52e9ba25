"""Laws of calls, each a pass over a whole graph: inlining, joining and pruning them.

By now derivatives have been taken, so a checkpoint or a custom gradient is the graph it carries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.core.graph import Graph, replace, with_sources
from chainrule.core.node import Node, topological
from chainrule.ops.branch import cond
from chainrule.ops.calls import call, item
from chainrule.ops.recompute import checkpoint, custom
from chainrule.ops.record import Call
from chainrule.ops.scan import scan
from chainrule.rewrite.constants import constant
from chainrule.rewrite.engine import Family, Log, transferred

CALLS = Family()

Results = Sequence[Node | None]
Handler = Callable[[Node, tuple[Node, ...]], Results | None]
"""From a call and its new sources to its results, None for unused ones; None to keep it."""


def rebuilt(graph: Graph, handle: Handler, log: Log) -> Graph:
    """``graph`` with the results of ``handle`` in place of those of its calls."""
    done: dict[Node, Node] = {node: node for node in graph.inputs}
    results: dict[Node, Results] = {}
    for node in graph.nodes:
        if node in done:
            continue
        if node.primitive is item and node.sources[0] in results:
            found = results[node.sources[0]][node.argument[0]]
            assert found is not None, "a result is used that was taken for unused"
            done[node] = found
            continue
        if any(source in results for source in node.sources):
            raise AssertionError(f"{node!r} takes the results of a call as a whole")
        sources = tuple([done[source] for source in node.sources])
        if isinstance(node.primitive, Call):
            given = handle(node, sources)
            if given is not None:
                results[node] = given
                continue
        done[node] = with_sources(node, sources)
    log.move(done)
    outputs = [done[node] for node in graph.outputs]
    return Graph(graph.inputs, outputs, graph.names, transferred(graph.notes, done))


def graphs_of(node: Node) -> list[Graph]:
    """The graphs that a call carries."""
    return [value for value in node.argument if isinstance(value, Graph)]


# -- inlining --------------------------------------------------------------------------------------


@CALLS.scheme()
def inline(graph: Graph, log: Log) -> Graph:
    """checkpoint(f)(x) = f(x), custom_gradient(f)(x) = f(x), cond(True, f, g)(x) = f(x)."""

    def handle(node: Node, sources: tuple[Node, ...]) -> Results | None:
        if node.primitive is cond:
            predicate = constant(sources[0])
            if predicate is None:
                return None
            body, sources = node.argument[0 if predicate else 1], sources[1:]
        elif node.primitive is checkpoint or node.primitive is custom:
            body = node.argument[0]
        else:
            return None
        results = inline(body, log)(*sources)
        if node.primitive is checkpoint:
            inner = topological(results, stop=sources)
            log.recomputable |= {*inner} - {*results, *sources}
        log.counts[f"inline {node.primitive.name}"] += 1
        return results

    return rebuilt(graph, handle, log)


# -- joining ---------------------------------------------------------------------------------------


@CALLS.scheme()
def join_scans(graph: Graph, log: Log) -> Graph:
    """Two scans with the same steps over the same sources are one, with the results of both.

    Such are a scan and the scan that keeps what the derivative of the first one needs.
    """
    alike: dict[Any, dict[Node, None]] = {}
    for node in graph.nodes:
        if node.primitive is scan:
            alike.setdefault(_steps(node), {}).update(dict.fromkeys(_emitted(node)))
    made: dict[Any, dict[Node, Node]] = {}

    def handle(node: Node, sources: tuple[Node, ...]) -> Results | None:
        if node.primitive is not scan:
            return None
        body, *rest = node.argument
        carries, key = rest[2], _steps(node)
        found = made.get(key)
        if found is None:
            emitted = [*alike[key]]
            if emitted == _emitted(node):
                return None
            joined = Graph(body.inputs, (*body.outputs[:carries], *emitted))
            results = call(scan, sources, (joined, *rest))
            made[key] = found = dict(zip(emitted, results[carries:], strict=True))
            found.update(...)
        return [*results[:carries], *(found[output] for output in _emitted(node))]

    return rebuilt(graph, handle, log)
