"""A function of scalars as people write it, where the program goes through small arrays or guards.

Array operations are written out element by element; what keeps e^x from overflowing (a shift by the
largest element, a scale) and infinite values apart is left out. The engine's derivative stays that
of the program itself, and the plain form is taken only where it has the same values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from chainrule.core.node import Node, apply, literal, topological
from chainrule.core.types import ArrayType
from chainrule.explaining.check import compared, values_at
from chainrule.explaining.reading import has_notation, is_scalar
from chainrule.explaining.rounding import Values
from chainrule.ops.record import Bilinear, Elementwise, Linear
from chainrule.ops.table import PRIMITIVES

__all__ = ["plain"]

LARGEST = 16
"""The most elements of an array that is written out."""

Elements = np.ndarray[Any, np.dtype[np.object_]]
"""An array of nodes, each one number."""


def plain(output: Node, holes: Sequence[Node], points: Values) -> Node:
    """The same function without arrays and guards; the function itself where that cannot be.

    Args:
        output: a scalar.
        holes: its variables.
        points: where both are compared.
    """
    nodes = topological([output])
    if all(has_notation(node) or not node.sources for node in nodes) and not any(
        node.primitive.name in _GUARDS for node in nodes
    ):
        return output
    try:
        table = _written(nodes)
    except _NotPlainError:
        return output
    found: Node = table[output].reshape(-1)[0]
    known = values_at(list(holes), [output, found], points)
    wrong, sharp = compared(known[found], known[output])
    return output if np.any(wrong) or not np.any(sharp) else found


class _NotPlainError(Exception):
    """An operation that is not written out."""


def _written(nodes: Sequence[Node]) -> dict[Node, Elements]:
    table: dict[Node, Elements] = {}
    for node in nodes:
        if not isinstance(node.type, ArrayType) or node.type.size > LARGEST:
            raise _NotPlainError
        table[node] = _node(node, [table[source] for source in node.sources])
    return table


def _node(node: Node, operands: Sequence[Elements]) -> Elements:
    primitive = node.primitive
    if not operands:
        return _leaf(node)
    if isinstance(primitive, Elementwise):
        return _elementwise(node, operands)
    if primitive.name in _FOLDS:
        return _folded(node, operands[0], _FOLDS[primitive.name])
    if isinstance(primitive, Linear) and (
        primitive.linear_in in (None, tuple(range(len(operands))))
    ):
        return _linear(node, operands)
    if isinstance(primitive, Bilinear):
        return _bilinear(node, operands)
    raise _NotPlainError


def _filled(shape: tuple[int, ...], elements: Sequence[Node]) -> Elements:
    found = np.empty(len(elements), object)
    found[:] = elements
    return found.reshape(shape)


def _leaf(node: Node) -> Elements:
    if is_scalar(node) and node.type.shape == ():
        return _filled((), [node])
    if node.value is None:
        raise _NotPlainError
    values = np.asarray(node.value).reshape(-1).tolist()
    return _filled(node.type.shape, [literal(value, node.dtype) for value in values])


# -- one element after the other -------------------------------------------------------------------

_GUARDS = frozenset({"isinf", "isnan", "isfinite"})


def _elementwise(node: Node, operands: Sequence[Elements]) -> Elements:
    spread = np.broadcast_arrays(*operands)
    rows = zip(*(array.reshape(-1).tolist() for array in spread), strict=True)
    return _filled(spread[0].shape, [_without_guard(node, row) for row in rows])


def _without_guard(node: Node, sources: Sequence[Node]) -> Node:
    """One element; values are taken to be finite, and a stopped shift or scale for 0 or 1."""
    name = node.primitive.name
    if name in _GUARDS:
        return literal(name == "isfinite", node.dtype)
    match name, sources:
        case "where", (condition, a, b) if _is_stopped(a) and b.value is not None:
            if condition.value is not None or condition.primitive.name == "greater":
                return b  # what a shift or scale is where there is none
        case "where", (condition, a, b) if condition.value is not None:
            return a if condition.value else b
        case "logical_or", (a, b) if a.value is not None and b.value is not None:
            return literal(bool(a.value) or bool(b.value), node.dtype)
        case (("add" | "sub"), (a, b)) if _is(b, 0):
            return a
        case "add", (a, b) if _is(a, 0):
            return b
        case (("mul" | "div" | "pow"), (a, b)) if _is(b, 1):
            return a
        case "mul", (a, b) if _is(a, 1):
            return b
        case "mul", (a, b) if _is(a, 0) or _is(b, 0):
            return literal(0.0, node.dtype)
        case "mul", (a, b) if a is b:
            return PRIMITIVES["integer_pow"](a, n=2)
        case "pow", (_, b) if _is(b, 0):
            return literal(1.0, node.dtype)
    return apply(node.primitive, tuple(sources), node.argument)


def _is_stopped(node: Node) -> bool:
    name: str = node.primitive.name
    return name == "stop_gradient"


def _is(node: Node, value: float) -> bool:
    return not node.sources and node.value is not None and bool(np.all(node.value == value))


# -- sums and the like -----------------------------------------------------------------------------


def _sum(terms: Sequence[Node]) -> Node:
    return reduce(PRIMITIVES["add"], terms)


def _logsumexp(terms: Sequence[Node]) -> Node:
    powers = [PRIMITIVES["exp"](term) for term in terms]
    return PRIMITIVES["log"](_sum(powers))


def _fold(name: str) -> Callable[[Sequence[Node]], Node]:
    return lambda nodes: reduce(PRIMITIVES[name], nodes)


_FOLDS: Mapping[str, Callable[[Sequence[Node]], Node]] = {
    "max": _fold("maximum"),
    "min": _fold("minimum"),
    "prod": _fold("mul"),
    "logsumexp": _logsumexp,
}
"""Reductions along axes, by what they make of the elements."""


def _folded(node: Node, x: Elements, fold: Callable[[Sequence[Node]], Node]) -> Elements:
    axes = node.argument[0]
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    count = int(np.prod([x.shape[axis] for axis in kept], dtype=int))
    rows = x.transpose(*kept, *axes).reshape(count, -1)
    return _filled(node.type.shape, [fold(row.tolist()) for row in rows])


def _linear(node: Node, operands: Sequence[Elements]) -> Elements:
    """Each result as a sum of elements, with the coefficients that the operation gives to each."""
    elements = [e for operand in operands for e in operand.reshape(-1).tolist()]
    columns = []
    for index in range(len(elements)):
        unit = np.zeros(len(elements))
        unit[index] = 1.0
        columns.append(_at(node, unit, operands))
    return _combined(
        node, [(column, [element]) for column, element in zip(columns, elements, strict=True)]
    )


def _bilinear(node: Node, operands: Sequence[Elements]) -> Elements:
    a, b = (operand.reshape(-1).tolist() for operand in operands)
    parts = []
    for i, j in itertools.product(range(len(a)), range(len(b))):
        unit = np.zeros(len(a) + len(b))
        unit[[i, len(a) + j]] = 1.0
        parts.append((_at(node, unit, operands), [a[i], b[j]]))
    return _combined(node, parts)


def _at(node: Node, values: Values, operands: Sequence[Elements]) -> Values:
    """The operation on these values for the elements of its operands."""
    arrays, first = [], 0
    for operand, source in zip(operands, node.sources, strict=True):
        piece = values[first : first + operand.size].reshape(operand.shape)
        arrays.append(piece.astype(source.dtype))
        first += operand.size
    return np.asarray(node.primitive.evaluate(*arrays, *node.argument), np.float64).reshape(-1)


def _combined(node: Node, parts: Sequence[tuple[Values, Sequence[Node]]]) -> Elements:
    """Σ coefficient · product of elements, for each element of the result."""
    multiply = PRIMITIVES["mul"]
    found = []
    for index in range(node.type.size):
        terms = []
        for coefficients, factors in parts:
            value = float(coefficients[index])
            kept = [f for f in factors if not _is(f, 1)] or [factors[0]]
            if value == 0 or any(_is(factor, 0) for factor in factors):
                continue
            scale = [] if value == 1 else [literal(value, node.dtype)]
            if value != 1 and all(_is(factor, 1) for factor in factors):
                kept = []
            terms.append(reduce(multiply, [*scale, *kept]))
        found.append(_sum(terms) if terms else literal(0.0, node.dtype))
    return _filled(node.type.shape, found)
