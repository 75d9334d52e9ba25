"""Primitives that change how a graph is differentiated: checkpoint and custom gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.graph import Graph, replace
from chainrule.core.node import Node, input_node
from chainrule.core.types import array_type, tuple_type
from chainrule.ops.calls import (
    MaybeNodes,
    batched_graph,
    call,
    check_inputs,
    fresh_variable,
    output_types,
    present,
)
from chainrule.ops.record import Call, Case, Readings
from chainrule.ops.shape import full, materialize

# -- checkpoint: argument (graph,); its results, recomputed in the reverse pass --------------------


def _inline_infer(name: str) -> Any:
    def infer(*args: Any) -> Any:
        types, graph = args[:-1], args[-1]
        check_inputs(name, graph, types)
        return tuple_type(output_types(graph))

    return infer


def _checkpoint_vjp(
    read: Readings,
    cts: MaybeNodes,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    graph: Graph,
) -> MaybeNodes:
    # under a new identity the forward pass is computed anew instead of being found
    again = [
        fresh_variable(s) if need and s.type.is_float else s
        for s, need in zip(sources, needed, strict=True)
    ]
    outputs = graph(*again)
    variables = [s for s, need in zip(again, needed, strict=True) if need and s.type.is_float]
    found = iter(read.pull(outputs, cts, variables))
    return [
        next(found) if need and s.type.is_float else None
        for s, need in zip(sources, needed, strict=True)
    ]


def _checkpoint_jvp(
    read: Readings, tangents: MaybeNodes, sources: tuple[Node, ...], graph: Graph
) -> MaybeNodes:
    again = [s if t is None else fresh_variable(s) for s, t in zip(sources, tangents, strict=True)]
    moved = {s: t for s, t in zip(again, tangents, strict=True) if t is not None}
    return read.push(graph(*again), moved)


def _checkpoint_batch(
    read: Readings, size: int, batched: Sequence[bool], sources: tuple[Node, ...], graph: Graph
) -> Sequence[tuple[Node, bool]]:
    inputs, outputs = batched_graph(read, graph, batched, size)
    results = call(checkpoint, sources, (Graph(inputs, [node for node, _ in outputs]),))
    return [(node, many) for node, (_, many) in zip(results, outputs, strict=True)]


def _checkpoint_cases(rng: np.random.Generator) -> Iterator[Case]:
    x, y = (input_node(array_type((3,), np.dtype("float64"))) for _ in range(2))
    values = tuple(np.asarray(rng.normal(size=3)) for _ in range(2))
    yield Case(values, (Graph((x, y), (x * y * x, x + y)),))


checkpoint: Call = Call(
    name="checkpoint",
    parameters=("graph",),
    evaluate=lambda *args: tuple(args[-1].evaluate(args[:-1])),
    infer=_inline_infer("checkpoint"),
    flops=lambda count, graph: count(graph),
    jvp=_checkpoint_jvp,
    vjp=_checkpoint_vjp,
    batch=_checkpoint_batch,
    cases=_checkpoint_cases,
    rule="chain rule, recomputed",
)


# -- custom gradient: argument (graph, pullback); pullback: (inputs, cotangents) -> cotangents -----


def _custom_infer(*args: Any) -> Any:
    types, (graph, pullback) = args[:-2], args[-2:]
    check_inputs("custom_gradient", graph, types)
    inputs = [type for type in types if type.is_float]
    for wanted, found in zip(inputs, output_types(pullback), strict=True):
        if wanted is not found:
            raise ShapeError(
                f"custom_gradient: the pullback returns {found} for an argument of type {wanted}"
            )
    return tuple_type(output_types(graph))


def _custom_vjp(
    read: Readings,
    cts: MaybeNodes,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    graph: Graph,
    pullback: Graph,
) -> MaybeNodes:
    given = [
        present(ct, node) for ct, node in zip(cts, graph.outputs, strict=True) if node.type.is_float
    ]
    found = iter(pullback(*sources, *given))
    return [next(found) if source.type.is_float else None for source in sources]


def _custom_jvp(
    read: Readings,
    tangents: MaybeNodes,
    sources: tuple[Node, ...],
    graph: Graph,
    pullback: Graph,
) -> MaybeNodes:
    """The pullback is linear in its cotangents; its own transpose is the pushforward."""
    holes = [input_node(node.type) for node in graph.outputs if node.type.is_float]
    outputs = pullback(*sources, *holes)
    floats = [t for t, s in zip(tangents, sources, strict=True) if s.type.is_float]
    pulled = read.pull(outputs, floats, holes)
    # what is linear in the holes has a transpose without them, but a call hands them on unread
    zeros = {hole: full(0, hole.type) for hole in holes}
    known = iter(replace([node for node in pulled if node is not None], zeros))
    found = iter([None if node is None else next(known) for node in pulled])
    return [next(found) if node.type.is_float else None for node in graph.outputs]


def _custom_batch(
    read: Readings,
    size: int,
    batched: Sequence[bool],
    sources: tuple[Node, ...],
    graph: Graph,
    pullback: Graph,
) -> Sequence[tuple[Node, bool]]:
    given = [s if f else materialize(s, size) for s, f in zip(sources, batched, strict=True)]
    graphs = []
    for old in (graph, pullback):
        inputs, outputs = batched_graph(read, old, [True] * len(old.inputs), size)
        graphs.append(
            Graph(inputs, [node if many else materialize(node, size) for node, many in outputs])
        )
    return [(node, True) for node in call(custom, given, tuple(graphs))]


def _custom_cases(rng: np.random.Generator) -> Iterator[Case]:
    x, ct = (input_node(array_type((3,), np.dtype("float64"))) for _ in range(2))
    graphs = (Graph((x,), (x * x * x,)), Graph((x, ct), (ct * (x * x) * 3.0,)))
    yield Case((np.asarray(rng.normal(size=3)),), graphs)


custom: Call = Call(
    name="custom_gradient",
    parameters=("graph", "pullback"),
    evaluate=lambda *args: tuple(args[-2].evaluate(args[:-2])),
    infer=_custom_infer,
    flops=lambda count, graph, pullback: count(graph),
    jvp=_custom_jvp,
    vjp=_custom_vjp,
    batch=_custom_batch,
    cases=_custom_cases,
    rule="the rule its author gave",
)
