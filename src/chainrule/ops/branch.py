"""Primitives that choose or repeat by value: cond and while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.graph import Graph, replace
from chainrule.core.node import Node, input_node
from chainrule.core.types import ArrayType, array_type, tuple_type
from chainrule.ops.calls import (
    MaybeNodes,
    batched_graph,
    call,
    check_inputs,
    float_inputs,
    jvp_graph,
    output_types,
    present,
)
from chainrule.ops.choice import where
from chainrule.ops.record import BOOL, Call, Case, Readings
from chainrule.ops.shape import materialize, reshape


def _choose(predicate: Node, a: Node, b: Node) -> Node:
    """Example by example: ``predicate`` has shape (batch,)."""
    shaped = reshape(predicate, predicate.shape + (1,) * (a.ndim - 1))
    return where(shaped, a, b)


# -- cond: sources (predicate, *operands), argument (graph if true, graph if false) ----------------


def _cond_infer(predicate: ArrayType, *rest: Any) -> Any:
    types, (yes, no) = rest[:-2], rest[-2:]
    if predicate.shape != () or predicate.dtype is not BOOL:
        raise DTypeError(f"cond: the predicate must be one boolean, not {predicate}")
    check_inputs("cond", yes, types)
    check_inputs("cond", no, types)
    if output_types(yes) != output_types(no):
        raise ShapeError(
            f"cond: the branches return {output_types(yes)} and {output_types(no)}; they must agree"
        )
    return tuple_type(output_types(yes))


def _cond_evaluate(predicate: Any, *rest: Any) -> tuple[Any, ...]:
    values, (yes, no) = rest[:-2], rest[-2:]
    return tuple((yes if predicate else no).evaluate(values))


def _cond_jvp(
    read: Readings, tangents: MaybeNodes, sources: tuple[Node, ...], yes: Graph, no: Graph
) -> MaybeNodes:
    active = [t is not None for t in tangents[1:]]
    pairs = [jvp_graph(read, graph, active) for graph in (yes, no)]
    moves = [a is not None or b is not None for a, b in zip(pairs[0][1], pairs[1][1], strict=True)]
    graphs = tuple(
        Graph(
            (*graph.inputs, *holes),
            [present(t, o) for t, o, m in zip(moved, graph.outputs, moves, strict=True) if m],
        )
        for graph, (holes, moved) in zip((yes, no), pairs, strict=True)
    )
    given = [t for t in tangents[1:] if t is not None]
    results = iter(call(cond, [*sources, *given], graphs))
    return [next(results) if m else None for m in moves]


def _cond_vjp(
    read: Readings,
    cts: MaybeNodes,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    yes: Graph,
    no: Graph,
) -> MaybeNodes:
    wanted = list(needed[1:])
    graphs = []
    for graph in (yes, no):
        variables = float_inputs(graph.inputs, wanted)
        received = [o for o, ct in zip(graph.outputs, cts, strict=True) if ct is not None]
        flowing = [(node, input_node(node.type)) for node in received]
        pulled = read.pull([o for o, _ in flowing], [hole for _, hole in flowing], variables)
        outputs = [present(p, v) for p, v in zip(pulled, variables, strict=True)]
        graphs.append(Graph((*graph.inputs, *(hole for _, hole in flowing)), outputs))
    given = [ct for ct in cts if ct is not None]
    results = iter(call(cond, [*sources, *given], tuple(graphs)))
    return [
        None,
        *(
            next(results) if want and source.type.is_float else None
            for want, source in zip(wanted, sources[1:], strict=True)
        ),
    ]


def _cond_batch(
    read: Readings,
    size: int,
    batched: Sequence[bool],
    sources: tuple[Node, ...],
    yes: Graph,
    no: Graph,
) -> Sequence[tuple[Node, bool]]:
    predicate, *operands = sources
    flags = list(batched[1:])
    sides = [batched_graph(read, graph, flags, size) for graph in (yes, no)]
    if batched[0]:  # both branches are computed, each example takes its own
        both = []
        for inputs, outputs in sides:
            nodes = [node if many else materialize(node, size) for node, many in outputs]
            both.append(replace(nodes, dict(zip(inputs, operands, strict=True))))
        return [(_choose(predicate, a, b), True) for a, b in zip(*both, strict=True)]
    many = [a[1] or b[1] for a, b in zip(sides[0][1], sides[1][1], strict=True)]
    graphs = tuple(
        Graph(
            inputs,
            [
                materialize(node, size) if need and not has else node
                for (node, has), need in zip(outputs, many, strict=True)
            ],
        )
        for inputs, outputs in sides
    )
    return list(zip(call(cond, sources, graphs), many, strict=True))


def _cond_cases(rng: np.random.Generator) -> Iterator[Case]:
    x, y = (input_node(array_type((3,), np.dtype("float64"))) for _ in range(2))
    graphs = (Graph((x, y), (x * y, x + 1.0)), Graph((x, y), (x * x, y * 2.0)))
    for predicate in (True, False):
        values = tuple(np.asarray(rng.normal(size=3)) for _ in range(2))
        yield Case((np.asarray(predicate), *values), graphs)


cond: Call = Call(
    name="cond",
    parameters=("if_true", "if_false"),
    evaluate=_cond_evaluate,
    infer=_cond_infer,
    flops=lambda count, *branches: max(map(count, branches)),
    jvp=_cond_jvp,
    vjp=_cond_vjp,
    batch=_cond_batch,
    cases=_cond_cases,
    rule="chain rule in the branch taken",
)


# -- while: sources (constants of the test, constants of the step, state) --------------------------


def _while_split(values: Sequence[Any], tests: int, steps: int) -> tuple[Any, Any, Any]:
    return values[:tests], values[tests : tests + steps], values[tests + steps :]


def _while_infer(*args: Any) -> Any:
    types, (test, step, tests, steps) = args[:-4], args[-4:]
    a, b, state = _while_split(types, tests, steps)
    check_inputs("while_loop", test, (*a, *state))
    check_inputs("while_loop", step, (*b, *state))
    if output_types(test) != (array_type((), BOOL),):
        raise DTypeError(f"while_loop: the test must return one boolean, not {output_types(test)}")
    if output_types(step) != tuple(state):
        raise ShapeError(
            f"while_loop: the state enters a step as {tuple(state)} and leaves it as "
            f"{output_types(step)}; a step must keep shapes and dtypes"
        )
    return tuple_type(output_types(step))


def _while_evaluate(*args: Any) -> tuple[Any, ...]:
    values, (test, step, tests, steps) = args[:-4], args[-4:]
    a, b, state = _while_split(values, tests, steps)
    while test.evaluate([*a, *state])[0]:
        state = step.evaluate([*b, *state])
    return tuple(state)


def _while_jvp(
    read: Readings,
    tangents: MaybeNodes,
    sources: tuple[Node, ...],
    test: Graph,
    step: Graph,
    tests: int,
    steps: int,
) -> MaybeNodes:
    _, constants, state = _while_split(sources, tests, steps)
    active = [t is not None and s.type.is_float for t, s in zip(tangents, sources, strict=True)]
    active = active[tests:]
    while True:
        holes, moved = jvp_graph(read, step, active)
        more = [a or (i >= steps and moved[i - steps] is not None) for i, a in enumerate(active)]
        if more == active:
            break
        active = more
    given = [
        present(t, s)
        for t, s, a in zip(tangents[tests:], sources[tests:], active, strict=True)
        if a
    ]
    first = sum(active[:steps])
    moving = [i for i in range(len(state)) if active[steps + i]]
    body = Graph(
        (
            *(*step.inputs[:steps], *holes[:first]),
            *(*step.inputs[steps:], *holes[first:]),
        ),
        (*step.outputs, *(present(moved[i], step.outputs[i]) for i in moving)),
    )
    again = Graph((*test.inputs, *(input_node(hole.type) for hole in holes[first:])), test.outputs)
    results = call(
        while_,
        [
            *sources[:tests],
            *(*constants, *given[:first]),
            *(*state, *given[first:]),
        ],
        (again, body, tests, steps + first),
    )
    found: list[Node | None] = [None] * len(state)
    for place, i in enumerate(moving):
        found[i] = results[len(state) + place]
    return found


def _while_batch(
    read: Readings,
    size: int,
    batched: Sequence[bool],
    sources: tuple[Node, ...],
    test: Graph,
    step: Graph,
    tests: int,
    steps: int,
) -> Sequence[tuple[Node, bool]]:
    a, b, state = _while_split(sources, tests, steps)
    flags_a, flags_b, flags = map(list, _while_split(batched, tests, steps))
    while True:
        test_inputs, ((going, each),) = batched_graph(read, test, [*flags_a, *flags], size)
        step_inputs, outputs = batched_graph(read, step, [*flags_b, *flags], size)
        more = [f or each or many for f, (_, many) in zip(flags, outputs, strict=True)]
        if more == flags:
            break
        flags = more
    after = [
        materialize(node, size) if flag and not many else node
        for (node, many), flag in zip(outputs, flags, strict=True)
    ]
    given = [
        materialize(s, size) if flag and not was else s
        for s, flag, was in zip(state, flags, batched[tests + steps :], strict=True)
    ]
    if not each:
        graphs = (Graph(test_inputs, (going,)), Graph(step_inputs, after))
        results = call(while_, [*a, *b, *given], (*graphs, tests, steps))
        return list(zip(results, flags, strict=True))
    # the loop runs while any example goes on; the others keep their state
    before = step_inputs[steps:]
    shared = dict(zip(test_inputs[tests:], before, strict=True))
    holes = [input_node(node.type) for node in test_inputs[:tests]]
    shared.update(zip(test_inputs[:tests], holes, strict=True))
    (on,) = replace((going,), shared)
    kept = [_choose(on, new, old) for new, old in zip(after, before, strict=True)]
    body = Graph((*holes, *step_inputs), kept)
    results = call(
        while_,
        [*a, *a, *b, *given],
        (Graph(test_inputs, (_any(going),)), body, tests, tests + steps),
    )
    return [(node, True) for node in results]


def _any(flags: Node) -> Node:
    """Whether any example is true, by halving."""
    from chainrule.ops.reduce import any_

    return any_(flags, axes=(0,), keepdims=False)


def _while_cases(rng: np.random.Generator) -> Iterator[Case]:
    limit, factor, x, n = (
        input_node(array_type((), np.dtype(d))) for d in ("float64", "float64", "float64", "int64")
    )
    from chainrule.ops.logic import less

    test = Graph((limit, x, n), (less(x, limit),))
    step = Graph((factor, x, n), (x * factor + 1.0, n + 1))
    yield Case(
        (
            np.asarray(5.0),
            np.asarray(1.5 + rng.uniform(0, 0.1)),
            np.asarray(rng.uniform(0.1, 0.2)),
            np.asarray(0),
        ),
        (test, step, 1, 1),
    )


while_: Call = Call(
    name="while",
    parameters=("test", "step", "test_constants", "step_constants"),
    evaluate=_while_evaluate,
    infer=_while_infer,
    flops=lambda count, test, step, *_: count(test) + count(step),  # of one turn
    jvp=_while_jvp,
    vjp=lambda *_: [],
    batch=_while_batch,
    reverse=False,
    cases=_while_cases,
    rule="chain rule through each step",
)
