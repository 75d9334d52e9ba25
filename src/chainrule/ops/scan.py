"""scan: a state carried through a sequence. Its derivative and its batch are scans again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.graph import Graph, replace
from chainrule.core.node import Node, input_node, topological
from chainrule.core.types import array_type, tuple_type
from chainrule.ops.arithmetic import add
from chainrule.ops.calls import (
    MaybeNodes,
    batched_graph,
    call,
    float_inputs,
    jvp_graph,
    present,
)
from chainrule.ops.record import Call, Case, Readings
from chainrule.ops.shape import materialize, move_axis, zeros_like

Scan = tuple[Graph, int, int, int, bool]
"""The argument of a scan: body, length, number of constants, number of carries, reverse.

The body takes (constants, carries, slices) and gives (carries, slices); the scan takes
(constants, initial carries, stacked slices) and gives (final carries, stacked slices)."""


def _scan_infer(*args: Any) -> Any:
    types, (body, length, consts, carries, _) = args[:-5], args[-5:]
    for index, type in enumerate(types):
        wanted = body.inputs[index].type
        if index >= consts + carries:
            wanted = array_type((length, *wanted.shape), wanted.dtype)
        if type is not wanted:
            raise ShapeError(f"scan: source {index} has type {type}, the body needs {wanted}")
    for index in range(carries):
        before, after = body.inputs[consts + index].type, body.outputs[index].type
        if before is not after:
            raise ShapeError(
                f"scan: the carry enters a step as {before} and leaves it as {after}; "
                "a step must keep its shape and dtype"
            )
    finals = tuple(node.type for node in body.outputs[:carries])
    stacked = tuple(
        array_type((length, *node.shape), node.dtype) for node in body.outputs[carries:]
    )
    return tuple_type(finals + stacked)


def _scan_evaluate(*args: Any) -> tuple[Any, ...]:
    values, (body, length, consts, carries, reverse) = args[:-5], args[-5:]
    constants, carry = values[:consts], list(values[consts : consts + carries])
    slices = values[consts + carries :]
    rows = [np.empty((length, *node.shape), node.dtype) for node in body.outputs[carries:]]
    for step in reversed(range(length)) if reverse else range(length):
        results = body.evaluate([*constants, *carry, *[x[step] for x in slices]])
        carry = results[:carries]
        for row, value in zip(rows, results[carries:], strict=True):
            row[step] = value
    return (*carry, *rows)


def _scan_jvp(
    read: Readings,
    tangents: MaybeNodes,
    sources: tuple[Node, ...],
    body: Graph,
    length: int,
    consts: int,
    carries: int,
    reverse: bool,
) -> MaybeNodes:
    active = [t is not None for t in tangents]
    while True:  # a carry becomes active when a step makes it depend on something active
        holes, moved = jvp_graph(read, body, active)
        more = [
            a or (consts <= i < consts + carries and moved[i - consts] is not None)
            for i, a in enumerate(active)
        ]
        if more == active:
            break
        active = more
    given = [
        zeros_like(source) if t is None else t
        for source, t, a in zip(sources, tangents, active, strict=True)
        if a
    ]
    first, last = sum(active[:consts]), sum(active[: consts + carries])
    carried = [i for i in range(carries) if active[consts + i]]
    emitted = [i for i in range(carries, len(body.outputs)) if moved[i] is not None]
    split = consts + carries
    outputs = (
        *body.outputs[:carries],
        *(present(moved[i], body.outputs[i]) for i in carried),
        *body.outputs[carries:],
        *(present(moved[i], body.outputs[i]) for i in emitted),
    )
    graph = Graph(
        (
            *(*body.inputs[:consts], *holes[:first]),
            *(*body.inputs[consts:split], *holes[first:last]),
            *(*body.inputs[split:], *holes[last:]),
        ),
        outputs,
    )
    results = call(
        scan,
        [
            *(*sources[:consts], *given[:first]),
            *(*sources[consts:split], *given[first:last]),
            *(*sources[split:], *given[last:]),
        ],
        (graph, length, consts + first, carries + len(carried), reverse),
    )
    found: list[Node | None] = [None] * len(body.outputs)
    for place, index in enumerate(carried):
        found[index] = results[carries + place]
    offset = len(body.outputs) + len(carried)
    for place, index in enumerate(emitted):
        found[index] = results[offset + place]
    return found


def _scan_vjp(
    read: Readings,
    cts: MaybeNodes,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    body: Graph,
    length: int,
    consts: int,
    carries: int,
    reverse: bool,
) -> MaybeNodes:
    """A scan forward that keeps what the pullback of a step needs, then a scan backward."""
    split = consts + carries
    wanted = [bool(need) or consts <= i < split for i, need in enumerate(needed)]
    variables = float_inputs(body.inputs, wanted)
    results = [
        (node, ct)
        for i, (node, ct) in enumerate(zip(body.outputs, cts, strict=True))
        if node.type.is_float and (i < carries or ct is not None)
    ]
    holes = [input_node(node.type) for node, _ in results]
    pulled = dict(
        zip(
            variables,
            read.pull([node for node, _ in results], holes, variables),
            strict=True,
        )
    )
    kept = _residuals([p for p in pulled.values() if p is not None], body, consts, split, holes)
    forward = Graph(body.inputs, (*body.outputs[:carries], *kept))
    saved = call(scan, sources, (forward, length, consts, carries, reverse))[carries:]

    # the backward step: (constants, (carry cotangents, sums), (kept, slices, emitted cotangents))
    float_carries = [i for i in range(carries) if body.outputs[i].type.is_float]
    carry_holes, slice_holes = holes[: len(float_carries)], holes[len(float_carries) :]
    summed = [v for v in body.inputs[:consts] if pulled.get(v) is not None]
    sums = [input_node(node.type) for node in summed]
    kept_holes = [input_node(node.type) for node in kept]
    swap = dict(zip(kept, kept_holes, strict=True))
    slice_variables = [v for v in body.inputs[split:] if pulled.get(v) is not None]
    outputs = replace(
        [
            *(present(pulled[body.inputs[consts + i]], body.outputs[i]) for i in float_carries),
            *(add(s, present(pulled[v], v)) for s, v in zip(sums, summed, strict=True)),
            *(present(pulled[v], v) for v in slice_variables),
        ],
        swap,
    )
    graph = Graph(
        (
            *body.inputs[:consts],
            *(*carry_holes, *sums),
            *(*kept_holes, *body.inputs[split:], *slice_holes),
        ),
        outputs,
    )
    initial = [present(cts[i], body.outputs[i]) for i in float_carries]
    emitted = [ct for _, ct in results[len(float_carries) :] if ct is not None]
    found = call(
        scan,
        [
            *sources[:consts],
            *(*initial, *(zeros_like(node) for node in summed)),
            *(*saved, *sources[split:], *emitted),
        ],
        (graph, length, consts, len(initial) + len(sums), not reverse),
    )
    by_input: dict[Node, Node] = {}
    for place, i in enumerate(float_carries):
        by_input[body.inputs[consts + i]] = found[place]
    rest = [*summed, *slice_variables]
    by_input.update(zip(rest, found[len(float_carries) :], strict=True))
    return [by_input.get(node) for node in body.inputs]


def _residuals(
    outputs: Sequence[Node], body: Graph, consts: int, split: int, holes: Sequence[Node]
) -> list[Node]:
    """Nodes of the forward step that the backward step reads and cannot get otherwise.

    Literals, constants, and whatever depends on constants of the scan alone is at hand there, and
    so are the slices; all else is kept, one array for each.
    """
    order = topological(outputs)
    backward = set(holes)
    varying = set(body.inputs[consts:])
    for node in order:
        if any(source in backward for source in node.sources):
            backward.add(node)
        elif any(source in varying for source in node.sources):
            varying.add(node)
    at_hand = frozenset(body.inputs[split:])
    kept: dict[Node, None] = {}
    for node in order:
        if node in backward:
            for source in node.sources:
                if source in varying and source not in at_hand:
                    kept[source] = None
    for node in outputs:
        if node in varying and node not in at_hand:
            kept[node] = None
    return list(kept)


def _scan_batch(
    read: Readings,
    size: int,
    batched: Sequence[bool],
    sources: tuple[Node, ...],
    body: Graph,
    length: int,
    consts: int,
    carries: int,
    reverse: bool,
) -> Sequence[tuple[Node, bool]]:
    split = consts + carries
    flags = list(batched)
    while True:  # a carry becomes batched when a step makes it depend on something batched
        inputs, outputs = batched_graph(read, body, flags, size)
        more = [f or (consts <= i < split and outputs[i - consts][1]) for i, f in enumerate(flags)]
        if more == flags:
            break
        flags = more
    nodes = [
        materialize(node, size) if i < carries and flags[consts + i] and not many else node
        for i, (node, many) in enumerate(outputs)
    ]
    given = []
    for i, (source, was, now) in enumerate(zip(sources, batched, flags, strict=True)):
        if was and i >= split:
            source = move_axis(source, 0, 1)
        given.append(materialize(source, size) if now and not was else source)
    results = call(scan, given, (Graph(inputs, nodes), length, consts, carries, reverse))
    found = []
    for i, (node, (_, many)) in enumerate(zip(results, outputs, strict=True)):
        if i < carries:
            found.append((node, flags[consts + i]))
        else:
            found.append((move_axis(node, 1, 0) if many else node, many))
    return found


def _scan_cases(rng: np.random.Generator) -> Iterator[Case]:
    w, c, x = (input_node(array_type(shape, np.dtype("float64"))) for shape in ((), (2,), (2,)))
    step = c * w + x * x
    body = Graph((w, c, x), (step, step * x))
    for length, reverse in ((3, False), (2, True), (0, False)):
        shapes = ((), (2,), (length, 2))
        values = tuple(np.asarray(rng.normal(size=shape)) for shape in shapes)
        yield Case(values, (body, length, 1, 1, reverse))


scan: Call = Call(
    name="scan",
    parameters=("body", "length", "constants", "carries", "reverse"),
    evaluate=_scan_evaluate,
    infer=_scan_infer,
    flops=lambda count, body, length, *_: length * count(body),
    jvp=_scan_jvp,
    vjp=_scan_vjp,
    batch=_scan_batch,
    cases=_scan_cases,
    rule="chain rule through time",
)
