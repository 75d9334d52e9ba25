"""Laws of calls, each a pass over a whole graph: inlining, joining and pruning them.

By now derivatives have been taken, so a checkpoint or a custom gradient is the graph it carries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from chainrule.core.graph import Graph, with_sources
from chainrule.core.node import Node, apply, topological
from chainrule.ops.branch import cond
from chainrule.ops.calls import call, item
from chainrule.ops.recompute import checkpoint, custom
from chainrule.ops.record import Call
from chainrule.ops.scan import scan
from chainrule.ops.shape import reshape
from chainrule.rewrite.constants import constant
from chainrule.rewrite.engine import Family, Log, transferred
from chainrule.rewrite.loop import Loop

CALLS = Family()

Results = Sequence[Node | None]
Handler = Callable[[Node, tuple[Any, ...]], Results | None]
"""From a call and its new sources to its results, None for unused ones; None to keep the call.
A source that is not among the nodes that count is None."""


def rebuilt(
    graph: Graph, handle: Handler, log: Log, counting: Collection[Node] | None = None
) -> Graph:
    """``graph`` with the results of ``handle`` in place of those of its calls.

    Args:
        graph: the graph.
        handle: gives the results of a call.
        log: is told what became of nodes.
        counting: the nodes that count; the others are left out. None means all.
    """
    done: dict[Node, Node] = {node: node for node in graph.inputs}
    results: dict[Node, Results] = {}
    for node in graph.nodes:
        if node in done or (counting is not None and node not in counting):
            continue
        if node.primitive is item and node.sources[0] in results:
            found = results[node.sources[0]][node.argument[0]]
            assert found is not None, f"{node!r} is used, but was taken for unused"
            done[node] = found
            continue
        sources = tuple([done.get(source) for source in node.sources])
        if isinstance(node.primitive, Call):
            given = handle(node, sources)
            if given is not None:
                results[node] = given
                continue
        done[node] = with_sources(node, sources)  # type: ignore[arg-type]
    log.move(done)
    outputs = [done[node] for node in graph.outputs]
    return Graph(graph.inputs, outputs, graph.names, transferred(graph.notes, done))


# -- inlining --------------------------------------------------------------------------------------


@CALLS.scheme()
def inline(graph: Graph, log: Log) -> Graph:
    """checkpoint(f)(x) = f(x), custom_gradient(f)(x) = f(x), cond(True, f, g)(x) = f(x)."""

    def handle(node: Node, sources: tuple[Any, ...]) -> Results | None:
        if node.primitive is checkpoint or node.primitive is custom:
            body = node.argument[0]
        elif node.primitive is cond and constant(sources[0]) is not None:
            body, sources = node.argument[0 if constant(sources[0]) else 1], sources[1:]
        else:
            return None
        results = inline(body, log)(*sources)
        if node.primitive is checkpoint:
            inner = topological(results, stop=sources)
            log.recomputable |= {*inner} - {*results, *sources}
        log.counts[inline.__name__] += 1
        return results

    return rebuilt(graph, handle, log)


@CALLS.scheme()
def unroll_single(graph: Graph, log: Log) -> Graph:
    """A scan of one step is that step, as when a recurrent network generates token by token."""

    def handle(node: Node, sources: tuple[Any, ...]) -> Results | None:
        if node.primitive is not scan or node.argument[1] != 1:
            return None
        body, _, constants, carries, _ = node.argument
        split = constants + carries
        slices = [reshape(x, x.shape[1:]) for x in sources[split:]]
        results = body(*sources[:split], *slices)
        log.counts[unroll_single.__name__] += 1
        return [*results[:carries], *(reshape(y, (1, *y.shape)) for y in results[carries:])]

    return rebuilt(graph, handle, log)


# -- joining ---------------------------------------------------------------------------------------


@CALLS.scheme()
def join_scans(graph: Graph, log: Log) -> Graph:
    """Two scans with the same steps over the same sources are one, with the results of both.

    Such are a scan and the scan that keeps what the derivative of the first one needs.
    """
    alike: dict[Any, list[Node]] = {}
    for node in graph.nodes:
        if node.primitive is scan:
            alike.setdefault(_steps(node), []).append(node)
    made: dict[Any, tuple[list[Node], dict[Node, Node]]] = {}

    def handle(node: Node, sources: tuple[Any, ...]) -> Results | None:
        if node.primitive is not scan or len(alike[_steps(node)]) == 1:
            return None
        body, length, constants, carries, reverse = node.argument
        key = _steps(node)
        if key not in made:
            emitted = [*dict.fromkeys(output for other in alike[key] for output in _emitted(other))]
            joined = Graph(body.inputs, (*body.outputs[:carries], *emitted))
            found = call(scan, sources, (joined, length, constants, carries, reverse))
            made[key] = found[:carries], dict(zip(emitted, found[carries:], strict=True))
            log.counts[join_scans.__name__] += 1
        finals, rows = made[key]
        return [*finals, *(rows[output] for output in _emitted(node))]

    return rebuilt(graph, handle, log)


def _emitted(node: Node) -> tuple[Node, ...]:
    """The body's outputs that a scan stacks."""
    body, _, _, carries, _ = node.argument
    outputs: tuple[Node, ...] = body.outputs[carries:]
    return outputs


def _steps(node: Node) -> tuple[Any, ...]:
    """What determines the steps of a scan, whatever it stacks of them."""
    body, length, constants, carries, reverse = node.argument
    return node.sources, body.inputs, body.outputs[:carries], length, constants, carries, reverse


# -- pruning ---------------------------------------------------------------------------------------


@CALLS.scheme()
def prune(graph: Graph, log: Log) -> Graph:
    """What nobody uses is not computed: results of a scan or cond, and sources only they need.

    In a scan each slice, constant and stacked result is there once, and a carry that never changes
    is a constant.
    """
    used: dict[Node, set[int]] = {}
    inputs = frozenset(graph.inputs)
    live = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node not in live or node in inputs:
            continue
        if node.primitive is item:
            used.setdefault(node.sources[0], set()).add(node.argument[0])
        if node.primitive is scan:
            loop = Loop.of(node, node.sources)
            loop.answers = [a if k in used[node] else None for k, a in enumerate(loop.answers)]
            live.update(loop.sources)
        elif node.primitive is cond:
            live.update((node.sources[0], *_operands(node, used[node])))
        else:
            live.update(node.sources)

    def handle(node: Node, sources: tuple[Any, ...]) -> Results | None:
        moved = dict(zip(node.sources, sources, strict=True))
        if node.primitive is cond:
            return _pruned_cond(node, moved, used[node], log)
        if node.primitive is not scan:
            return None
        loop = Loop.of(node, sources)
        loop.answers = [a if k in used[node] else None for k, a in enumerate(loop.answers)]
        loop.share()
        if loop.is_minimal():
            return None
        log.counts[prune.__name__] += 1
        return loop.results()

    return rebuilt(graph, handle, log, live)


def _operands(node: Node, used: Collection[int]) -> list[Node]:
    """The operands of a cond on which its used results depend."""
    needed: set[int] = set()
    for graph in node.argument:
        reached = {*topological([graph.outputs[index] for index in used], stop=graph.inputs)}
        needed.update(index for index, hole in enumerate(graph.inputs) if hole in reached)
    return [node.sources[1 + index] for index in sorted(needed)]


def _pruned_cond(
    node: Node, moved: dict[Node, Node], used: Collection[int], log: Log
) -> Results | None:
    kept, operands = sorted(used), {*_operands(node, used)}
    places = [k for k, source in enumerate(node.sources[1:]) if source in operands]
    if len(kept) == len(node.argument[0].outputs) and len(places) == len(node.sources) - 1:
        return None
    log.counts[prune.__name__] += 1
    graphs = tuple(
        Graph([graph.inputs[k] for k in places], [graph.outputs[k] for k in kept])
        for graph in node.argument
    )
    sources = [moved[node.sources[0]], *(moved[node.sources[1 + k]] for k in places)]
    found = iter(call(cond, sources, graphs))
    return [next(found) if k in used else None for k in range(len(node.argument[0].outputs))]


# -- inside ----------------------------------------------------------------------------------------


def with_bodies(graph: Graph, change: Callable[[Graph], Graph], log: Log) -> Graph:
    """``graph`` with ``change`` done to the graphs that its calls carry."""

    def handle(node: Node, sources: tuple[Any, ...]) -> Results | None:
        changed = tuple([change(g) if isinstance(g, Graph) else g for g in node.argument])
        if all(
            new.outputs == old.outputs if isinstance(new, Graph) else True
            for new, old in zip(changed, node.argument, strict=True)
        ):
            return None
        new = apply(node.primitive, sources, changed)
        return [item(new, index=index) for index in range(len(node.type.items))]  # type: ignore[attr-defined]

    return rebuilt(graph, handle, log)
