"""The steps of reductions: what they start from, and how two parts become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import Context, emit_elementwise
from chainrule.lower.llvm.ir import Value, lanes
from chainrule.lower.llvm.loops.evaluate import Emission

__all__ = ["combine", "horizontal", "neutral", "side_by_side"]


def neutral(name: str, dtype: np.dtype[Any]) -> float | int | bool:
    """The element that a reduction starts from."""
    if name == "sum":
        return 0
    if name == "prod":
        return 1
    if name in ("any", "all"):
        return name == "all"
    low = name == "max"
    if dtype.kind == "f":
        return -np.inf if low else np.inf
    if dtype.kind == "b":
        return not low
    limits = np.iinfo(dtype)
    return int(limits.min if low else limits.max)


_FOLD = {
    "sum": "add",
    "prod": "mul",
    "max": "maximum",
    "min": "minimum",
    "any": "logical_or",
    "all": "logical_and",
}


def combine(em: Emission, node: Node, a: Value, b: Value) -> Value:
    """One step of a reduction."""
    name = _FOLD[node.primitive.name]
    if node.dtype.kind == "b":
        either = name in ("add", "maximum", "logical_or")
        name = "logical_or" if either else "logical_and"
    context = Context(em.f, node.sources[0].dtype, em.machine, em.accuracy)  # type: ignore[arg-type]
    return emit_elementwise(context, name, [a, b], ())


def horizontal(em: Emission, node: Node, value: Value) -> Value:
    """All lanes of a vector folded, in the order of a tree."""
    count = lanes(value.type)
    while count > 1:
        count //= 2
        low = value.shuffle(range(count))
        high = value.shuffle(range(count, 2 * count))
        value = combine(em, node, low, high)
    return value.lane(0) if lanes(value.type) else value


def side_by_side(em: Emission, node: Node, values: Sequence[Value]) -> Value:
    """What `horizontal` makes of each of some vectors, as lanes of one vector; bit by bit the same.

    Both have 2^k lanes, and there are at most as many vectors as lanes. Two vectors that hold
    halves side by side are folded at once, then four that hold quarters, and so on.
    """
    values, count = list(values), lanes(values[0].type)
    part = count
    while part > 1:
        part //= 2
        low = [place for place in range(2 * count) if place % (2 * part) < part]
        high = [place + part for place in low]
        if len(values) > 1:
            pairs = zip(values[::2], values[1::2], strict=True)
            values = [combine(em, node, a.shuffle(low, b), a.shuffle(high, b)) for a, b in pairs]
        else:
            (value,) = values
            size = lanes(value.type) // 2
            values = [combine(em, node, value.shuffle(low[:size]), value.shuffle(high[:size]))]
    return values[0]
