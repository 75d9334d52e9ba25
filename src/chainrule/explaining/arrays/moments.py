"""Means, variances, norms and normalisations in a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.explaining.arrays.block import Block, Count, counts, spread
from chainrule.explaining.arrays.expression import (
    Shape,
    Term,
    call,
    number,
    power,
    repeat,
    times,
    total,
)

__all__ = ["mean", "norm", "root_mean_square", "standardized", "variance"]


def _is_mean(node: Node) -> tuple[Node, Shape, bool] | None:
    """x, axes and keepdims if the node is a mean of x."""
    if node.primitive.name != "div":
        return None
    above, below = node.sources
    if above.primitive.name != "sum" or below.sources or np.size(below.value) != 1:
        return None
    axes, keepdims = above.argument
    x = above.sources[0]
    size = int(np.prod([x.shape[a] for a in axes])) if axes else 1
    return (x, axes, keepdims) if axes and float(below.value) == size else None


def mean(node: Node) -> Block | None:
    found = _is_mean(node)
    if found is None or not found[0].tracked:
        return None
    x, axes, keepdims = found

    def forward(inputs: Sequence[Term], count: Count) -> Term:
        return total(inputs[0], axes, keepdims) / counts(x.shape, axes, count)

    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        return [spread(ct, inputs[0], axes, keepdims) / counts(x.shape, axes, count)]

    return Block(
        "mean", node, (x,), frozenset({node.sources[0]}), forward, back, "∂/∂xᵢ mean(x) = 1/n"
    )


def _deviation(node: Node, axes: Shape) -> tuple[Node, frozenset[Node]] | None:
    """x if the node is x − mean(x) along ``axes``."""
    if node.primitive.name != "sub":
        return None
    x, mean = node.sources
    inside = {node, mean}
    if mean.primitive.name == "broadcast_to":
        mean = mean.sources[0]
        inside.add(mean)
    found = _is_mean(mean)
    if found is None or found[0] is not x or found[1] != axes:
        return None
    if not (found[2] or len(axes) == x.ndim):
        return None
    return x, frozenset({*inside, mean.sources[0]})


def _squared(node: Node) -> Node | None:
    """u if the node is u²."""
    if node.primitive.name == "integer_pow" and node.argument == (2,):
        return node.sources[0]
    if node.primitive.name == "mul" and node.sources[0] is node.sources[1]:
        return node.sources[0]
    return None


def _is_variance(node: Node) -> tuple[Node, Shape, bool, frozenset[Node]] | None:
    found = _is_mean(node)
    if found is None:
        return None
    square, axes, keepdims = found
    deviation = _squared(square)
    inner = None if deviation is None else _deviation(deviation, axes)
    if inner is None:
        return None
    x, inside = inner
    return x, axes, keepdims, inside | {square, node.sources[0]}


def variance(node: Node) -> Block | None:
    found = _is_variance(node)
    if found is None or not found[0].tracked:
        return None
    x, axes, keepdims, inside = found

    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        (term,) = inputs
        n = counts(x.shape, axes, count)
        mean = repeat(total(term, axes, len(axes) < x.ndim) / n, x.shape)
        return [times(number(2) / n, spread(ct, term, axes, keepdims), term - mean)]

    return Block(
        "variance",
        node,
        (x,),
        inside,
        lambda inputs, count: call("variance", inputs[0], argument=(axes, keepdims, 0)),
        back,
        "∂/∂xᵢ var(x) = (2/n)(xᵢ − mean(x))",
    )


def _shifted(node: Node) -> tuple[Node, float]:
    """u and ε if the node is u + ε."""
    if node.primitive.name == "add" and not node.sources[1].sources:
        value = np.asarray(node.sources[1].value)
        if value.size == 1 and node.sources[1].primitive.name == "literal":
            return node.sources[0], float(value)
    return node, 0.0


def standardized(node: Node) -> Block | None:
    """(x − mean)/√(variance + ε)."""
    above, below = node.sources
    if below.primitive.name != "sqrt":
        return None
    variance, epsilon = _shifted(below.sources[0])
    found = _is_variance(variance)
    if found is None or not (found[2] or len(found[1]) == above.ndim):
        return None
    x, axes, _, inside = found
    deviation = _deviation(above, axes)
    if deviation is None or deviation[0] is not x or not x.tracked:
        return None
    inside = inside | deviation[1] | {below, below.sources[0], variance, above}

    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        (term,) = inputs
        n = counts(x.shape, axes, count)
        variance = call("variance", term, argument=(axes, len(axes) < x.ndim, 0))
        spread = power(variance + number(epsilon), "1/2")
        spread = repeat(spread, y.shape) if spread.shape else spread

        def mean(part: Term) -> Term:
            return repeat(total(part, axes, len(axes) < x.ndim) / n, x.shape)

        return [times(power(spread, -1), ct - mean(ct) - times(y, mean(times(ct, y))))]

    return Block(
        "normalisation",
        node,
        (x,),
        frozenset(inside - {node}),
        lambda inputs, count: call("standardized", inputs[0], argument=(axes, epsilon)),
        back,
        "∂L/∂x = (g − mean(g) − y ⊙ mean(g ⊙ y))/σ, where y is the result",
    )


def root_mean_square(node: Node) -> Block | None:
    """x/√(mean(x²) + ε)."""
    x, below = node.sources
    if below.primitive.name != "sqrt":
        return None
    square, epsilon = _shifted(below.sources[0])
    mean = _is_mean(square)
    if mean is None or _squared(mean[0]) is not x or not x.tracked:
        return None
    axes = mean[1]
    if not (mean[2] or len(axes) == x.ndim):
        return None
    inside = frozenset({below, below.sources[0], square, square.sources[0], mean[0]})

    def size(term: Term, count: Count) -> Term:
        kept = len(axes) < x.ndim
        found = total(power(term, 2), axes, kept) / counts(x.shape, axes, count)
        found = power(found + number(epsilon) if epsilon else found, "1/2")
        return repeat(found, x.shape) if found.shape else found

    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        (term,) = inputs
        n = counts(x.shape, axes, count)
        kept = len(axes) < x.ndim
        mean = repeat(total(times(ct, y), axes, kept) / n, x.shape)
        return [times(power(size(term, count), -1), ct - times(y, mean))]

    return Block(
        "RMS normalisation",
        node,
        (x,),
        inside,
        lambda inputs, count: inputs[0] / size(inputs[0], count),
        back,
        "∂L/∂x = (g − y ⊙ mean(g ⊙ y))/r, where r = √(mean(x²) + ε)",
    )


def norm(node: Node) -> Block | None:
    """√Σx²."""
    total_node = node.sources[0]
    if total_node.primitive.name == "reshape":
        total_node = total_node.sources[0]
    if total_node.primitive.name == "contract":
        a, b, out = total_node.argument
        if out or a != b or total_node.sources[0] is not total_node.sources[1]:
            return None
        x = total_node.sources[0]
        inside = {total_node, node.sources[0]}
    elif total_node.primitive.name == "sum":
        squared = _squared(total_node.sources[0])
        if squared is None or len(total_node.argument[0]) != squared.ndim or node.shape:
            return None
        x = squared
        inside = {total_node, node.sources[0], total_node.sources[0]}
    else:
        return None
    if not x.tracked:
        return None
    return Block(
        "norm",
        node,
        (x,),
        frozenset(inside),
        lambda inputs, count: call("norm", inputs[0]),
        lambda index, ct, inputs, y, count: [times(ct, power(y, -1), inputs[0])],
        "∂‖x‖/∂x = x/‖x‖",
    )
