"""The table of a network's layers, read from the graph of one call."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.compiling.memory import format_bytes
from chainrule.core import tree
from chainrule.core.node import Node, input_node, now, topological
from chainrule.core.types import ArrayType
from chainrule.lift import is_number
from chainrule.nn.module import Module
from chainrule.nn.observing import observe
from chainrule.ops.parts import slice_
from chainrule.ops.record import Call, Projection
from chainrule.ops.shape import alias, broadcast_, permute_, reshape_
from chainrule.rules.flops import flops
from chainrule.rules.vjp import pull
from chainrule.tensor import Tensor, tensor
from chainrule.tracing import trace

__all__ = ["summarize"]

WIDTH = 100
"""Columns of the table, unless the names are longer than any sense."""

_HEADINGS = ("path", "layer", "output", "parameters", "flops", "activations")
_VIEWS = (reshape_, permute_, broadcast_, slice_, alias)


@dataclass
class _Row:
    """What is known of a module that was called.

    Attributes:
        calls: the serials of the first and behind the last node of each call.
        inner: whether other modules are called in it.
    """

    path: str
    module: Module
    output: Any = None
    calls: list[tuple[int, int]] = field(default_factory=list)
    inner: bool = False
    parameters: int = 0
    flops: int = 0
    activations: int = 0


def summarize(model: Module, *inputs: Any) -> str:
    """One line for each layer in the order of calls, and the totals; see `Module.summary`."""
    rows, graph_nodes, outputs = _called(model, [_as_input(x) for x in inputs])
    owner = _Owner(rows)
    for node in graph_nodes:
        owner.of(node).flops += flops(node)
    parameters = model.parameters()
    for node, place in _kept(outputs, [x.node for x in parameters.values()]):
        owner.of(place).activations += _bytes([node])
    for path, parameter in parameters.items():
        _nearest(rows, path).parameters += parameter.size
    shown = [r for r in rows if not r.inner or r.parameters or r.flops or r.activations]
    names = _names([row.path for row in shown])
    table = [_HEADINGS, *map(_cells, names, shown), _total(rows)]
    return "\n".join([*_aligned(table), _sizes(model)])


def _as_input(x: Any) -> Any:
    """Nested lists of numbers as an array, which is what layers take them for."""
    if isinstance(x, list) and all(map(is_number, tree.flatten(x)[0])):
        return tensor(x)
    return x


# -- the call and what it needs --------------------------------------------------------------------


def _called(
    model: Module, inputs: Sequence[Any]
) -> tuple[list[_Row], Sequence[Node], Sequence[Node]]:
    """A row for each module called, outer before inner, and the nodes and outputs of the call."""
    parameters = {id(x): x for x in model.parameters().values()}
    buffers = [x for x in model.buffers().values() if id(x) not in parameters]
    paths: dict[int, str] = {}
    rows: dict[int, _Row] = {}
    stack: list[tuple[_Row, int]] = []

    def entering(module: Module) -> None:
        row = rows.setdefault(id(module), _Row(paths.get(id(module), "(outside)"), module))
        if stack:
            stack[-1][0].inner = True
        stack.append((row, now()))

    def left(module: Module, output: Any) -> None:
        row, start = stack.pop()
        row.calls.append((start, now()))
        row.output = output if row.output is None else row.output

    def call(traced: Sequence[Tensor], *args: Any) -> Any:
        """The output of a copy, with these buffers."""
        given = {id(x): new for x, new in zip(buffers, traced, strict=True)}
        still = copy.deepcopy(model, {**parameters, **given})
        for path, module in still.modules():
            paths.setdefault(id(module), path)
        return still(*args)

    with observe(left, entering):
        program = trace(call, buffers, *inputs)
    return list(rows.values()), program.graph.nodes, program.graph.outputs


class _Owner:
    """Which row a node belongs to: that of the innermost call in which it was made."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self._root = rows[0]
        self._calls = sorted((start, end, row) for row in rows for start, end in row.calls)

    def of(self, node: Node) -> _Row:
        found = self._root
        for start, end, row in self._calls:  # inner calls start later
            if start > node.serial:
                break
            if node.serial < end:
                found = row
        return found


def _kept(outputs: Sequence[Node], parameters: Sequence[Node]) -> list[tuple[Node, Node]]:
    """What the call computes and the reverse pass reads, and a node of the call it belongs to.

    The reverse pass consists of the nodes that it adds to the graph. Where it repeats a loop to
    keep what the steps computed, that is part of the call. What a checkpoint computes again is not
    kept.
    """
    mark = now()
    results = [node for node in outputs if node.type.is_float]
    cotangents = [input_node(node.type) for node in results]
    reached = {*topological(results)}
    variables = [node for node in parameters if node in reached]
    pulled = [x for x in pull(results, cotangents, variables, record=True) if x is not None]
    varying: set[Node] = {*cotangents}
    again: set[Node] = set()  # computed anew
    place: dict[Node, Node] = {}  # loops that keep, and what they give
    kept: dict[Node, Node] = {}
    for node in topological(pulled):
        if node.serial < mark or not node.sources:
            continue
        if any(source in varying for source in node.sources):
            varying.add(node)
        elif node.primitive is alias or any(source in again for source in node.sources):
            again.add(node)
        elif isinstance(node.primitive, Call):
            place[node] = max(node.sources, key=lambda source: source.serial)
            continue
        elif isinstance(node.primitive, Projection) and node.sources[0] in place:
            place[node] = place[node.sources[0]]
            continue
        for source in _read(node):
            base = _base(source)
            if base in place:
                kept[base] = place[base]
            elif base.serial < mark and base.sources and isinstance(base.type, ArrayType):
                kept[base] = base
    return list(kept.items())


def _read(node: Node) -> Iterable[Node]:
    """The sources whose values a node needs: loops are handed some that they do not look at."""
    if isinstance(node.primitive, Call):
        body = node.argument[0]
        if len(body.inputs) == len(node.sources):
            used = {*topological(body.outputs, stop=body.inputs)}
            return [s for s, hole in zip(node.sources, body.inputs, strict=True) if hole in used]
    return node.sources


def _base(node: Node) -> Node:
    """The array of which a node is a view."""
    while node.primitive in _VIEWS:
        node = node.sources[0]
    return node


def _nearest(rows: Sequence[_Row], path: str) -> _Row:
    """The row of the innermost module called that holds what is at ``path``."""
    holding = [r for r in rows if not r.path or path.startswith(f"{r.path}.")]
    return max(holding, key=lambda row: len(row.path))


# -- printing --------------------------------------------------------------------------------------


def _names(paths: Sequence[str]) -> list[str]:
    """Each path, below a shown one that holds it indented and from there on."""
    names = []
    for path in paths:
        above = [p for p in paths if p and path.startswith(f"{p}.")]
        outer = max(above, key=len, default="")
        names.append("  " * len(above) + (path[len(outer) + 1 :] if outer else path or "(model)"))
    return names


def _cells(path: str, row: _Row) -> tuple[str, ...]:
    name = _name(row)
    if len(row.calls) > 1:
        name += f" ×{len(row.calls)}"
    return (
        path,
        name,
        _shapes(row.output),
        f"{row.parameters:,}",
        _short(row.flops),
        format_bytes(row.activations) if row.activations else "0",
    )


def _name(row: _Row) -> str:
    text = f"{type(row.module).__name__}({row.module.extra_repr()})"
    return text if not row.inner else type(row.module).__name__


def _total(rows: Sequence[_Row]) -> tuple[str, ...]:
    kept = sum(row.activations for row in rows)
    return (
        "total",
        type(rows[0].module).__name__,
        _shapes(rows[0].output),
        f"{sum(row.parameters for row in rows):,}",
        _short(sum(row.flops for row in rows)),
        format_bytes(kept) if kept else "0",
    )


def _sizes(model: Module) -> str:
    """How many numbers are trained and how many are not, and their memory."""
    parts = []
    for what, found in (("trainable", model.parameters()), ("buffers", model.buffers())):
        nodes = [x.node for x in found.values()]
        count = sum(node.type.size for node in nodes)
        parts.append(f"{what}: {count:,} numbers, {format_bytes(_bytes(nodes))}")
    return "; ".join(parts)


def _bytes(nodes: Iterable[Node]) -> int:
    return sum(node.type.size * node.dtype.itemsize for node in nodes)


def _shapes(output: Any) -> str:
    shapes = [str(leaf.shape) for leaf in tree.flatten(output)[0] if isinstance(leaf, Tensor)]
    return ", ".join(shapes)


def _short(number: float) -> str:
    """Three digits and a unit of a thousand.

    >>> _short(650), _short(4128), _short(2.5e9)
    ('650', '4.13 k', '2.5 G')
    """
    for unit in ("", " k", " M", " G", " T"):
        if number < 999.5 or unit == " T":
            return f"{number:.3g}{unit}"
        number /= 1000
    raise AssertionError


def _aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    """The lines of the table, with layers and then shapes shortened where they would not fit."""
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    for column in (1, 2, 0):
        surplus = sum(widths) + 2 * (len(widths) - 1) - WIDTH
        widths[column] = max(min(12, widths[column]), widths[column] - max(surplus, 0))
    return [
        "  ".join(
            _cut(cell, width).ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
