"""What all primitives that carry graphs share: taking results apart, and graphs of derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.core.errors import ShapeError
from chainrule.core.graph import Graph, replace
from chainrule.core.node import Node, apply, input_node, variable
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import Call, Projection, Readings
from chainrule.ops.shape import alias, zeros_like

MaybeNodes = Sequence[Node | None]

item: Projection = Projection(
    name="item",
    parameters=("index",),
    evaluate=lambda values, index: values[index],
    infer=lambda type, index: type.items[index],
)


def call(primitive: Call, sources: Sequence[Node], argument: tuple[Any, ...]) -> list[Node]:
    """Apply a call and take all its results."""
    node = apply(primitive, tuple(sources), argument)
    return [item(node, index=index) for index in range(len(node.type.items))]  # type: ignore[attr-defined]


def fresh_variable(node: Node) -> Node:
    """The same value under a new identity, with respect to which one may differentiate."""
    if node.tracked or node.value is None:
        return alias(node, token=object())
    return variable(node.value)


def float_inputs(nodes: Sequence[Node], wanted: Sequence[bool]) -> list[Node]:
    return [node for node, want in zip(nodes, wanted, strict=True) if want and node.type.is_float]


# -- graphs of derivatives ---------------------------------------------------------------------


def jvp_graph(
    read: Readings, graph: Graph, active: Sequence[bool]
) -> tuple[list[Node], list[Node | None]]:
    """Holes for the tangents of the active inputs, and the tangents of the outputs."""
    holes = [input_node(node.type) for node, a in zip(graph.inputs, active, strict=True) if a]
    chosen = [node for node, a in zip(graph.inputs, active, strict=True) if a]
    return holes, read.push(graph.outputs, dict(zip(chosen, holes, strict=True)))


def batched_graph(
    read: Readings, graph: Graph, batched: Sequence[bool], size: int
) -> tuple[list[Node], list[tuple[Node, bool]]]:
    """New inputs (batched ones with a leading axis) and the outputs in terms of them."""
    inputs = [
        input_node(array_type((size, *node.shape), node.dtype)) if flag else input_node(node.type)
        for node, flag in zip(graph.inputs, batched, strict=True)
    ]
    single = {old: new for old, new, f in zip(graph.inputs, inputs, batched, strict=True) if not f}
    many = {old: new for old, new, f in zip(graph.inputs, inputs, batched, strict=True) if f}
    outputs = replace(graph.outputs, single)
    return inputs, read.batch(outputs, many, size)


def present(node: Node | None, like: Node) -> Node:
    """``node``, or zero of the type of ``like`` where it is None."""
    return zeros_like(like) if node is None else node


def output_types(graph: Graph) -> tuple[ArrayType, ...]:
    return tuple(node.type for node in graph.outputs)


def check_inputs(name: str, graph: Graph, types: Sequence[ArrayType]) -> None:
    """Raises `ShapeError` unless the graph takes inputs of these types."""
    wanted = tuple(node.type for node in graph.inputs)
    if wanted != tuple(types):
        raise ShapeError(f"{name}: the function takes {wanted}, it was given {tuple(types)}")
