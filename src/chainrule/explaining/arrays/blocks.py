"""Composites by their names: softmax, log-softmax, mean, variance, norms, activations, …

A composite is found in the graph by its form, whoever wrote it. Those that keep the shape are
compared with what the library's own function would build; the others are matched by hand. What a
textbook says of a composite's derivative is a candidate: it is shown if it equals what the engine
computed, and the engine's own rule otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.node import Node, input_node
from chainrule.core.types import ArrayType, array_type
from chainrule.explaining.arrays import moments
from chainrule.explaining.arrays.activations import ACTIVATIONS
from chainrule.explaining.arrays.block import Backward, Block, Count, Match, column, spread
from chainrule.explaining.arrays.expression import (
    Shape,
    Term,
    apply,
    call,
    literal,
    number,
    power,
    repeat,
    times,
    total,
    transpose,
)
from chainrule.lift import FLOAT
from chainrule.ops.linalg import log_abs_det
from chainrule.tensor import Tensor

__all__ = ["find_block"]


def find_block(node: Node) -> Iterator[Block]:
    """The composites that end in this node, the largest first."""
    if not node.sources or not isinstance(node.type, ArrayType):
        return
    for match in _MATCHES.get(node.primitive.name, ()):
        found = match(node)
        if found is not None:
            yield found


# -- by comparison with a reference ----------------------------------------------------------------


@lru_cache(maxsize=512)
def _reference(function: Any, shape: Shape, argument: tuple[Any, ...]) -> tuple[Node, Node]:
    """The graph that a function of the library builds."""
    hole = input_node(array_type(shape, FLOAT))
    return hole, function(Tensor(hole), *argument).node


def _unified(node: Node, reference: Node, hole: Node) -> tuple[Node, frozenset[Node]] | None:
    """What stands for ``hole`` if ``node`` has the form of ``reference``, and what lies between.

    Constants that were computed from the input are compared by their values.
    """
    bound: Node | None = None
    pairs = [(node, reference)]
    inside: set[Node] = set()
    late: list[tuple[Node, Node]] = []
    seen: set[tuple[Node, Node]] = set()
    while pairs:
        found, wanted = pairs.pop()
        if (found, wanted) in seen:
            continue
        seen.add((found, wanted))
        if wanted is hole:
            if bound is not None and bound is not found:
                return None
            bound = found
        elif found.primitive is wanted.primitive and found.sources:
            if found.argument != wanted.argument or found.shape != wanted.shape:
                return None
            inside.add(found)
            pairs.extend(zip(found.sources, wanted.sources, strict=True))
        elif not found.sources and found.value is not None and found.primitive.name != "variable":
            late.append((found, wanted))
        else:
            return None
    if bound is None or not bound.tracked or bound.shape != hole.shape:
        return None
    for found, wanted in late:
        expected = _value(wanted, hole, bound)
        if np.shape(expected) != np.shape(found.value) or not np.array_equal(expected, found.value):
            return None
    return bound, frozenset(inside - {node})


def _value(wanted: Node, hole: Node, bound: Node) -> Any:
    from chainrule.core.graph import Graph

    if not wanted.sources and wanted.value is not None:
        return wanted.value
    return Graph([hole], [wanted]).evaluate([bound.value])[0]


def _activation(name: str) -> Match:
    activation = ACTIVATIONS[name]

    def match(node: Node) -> Block | None:
        for function in (activation.function, *activation.variants):
            hole, reference = _reference(function, node.shape, ())
            found = _unified(node, reference, hole)
            if found is not None:
                break
        else:
            return None
        return Block(
            name,
            node,
            (found[0],),
            found[1],
            lambda inputs, count: apply(name, inputs[0]),
            lambda index, ct, inputs, y, count: [
                times(ct, Term("prime", tuple(inputs), (name,), y.shape))
            ],
            f"{name.replace('_', ' ')}′(x) = {activation.slope_law}",
        )

    return match


def _softmax_back(axis: int) -> Backward:
    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        forms = []
        quotient = _over(ct, y)
        if quotient is not None:  # ct = s ⊘ P: the fused form s − P ⊙ (row sums of s)
            forms.append(quotient - times(y, repeat(total(quotient, (axis,), True), y.shape)))
        if y.ndim == 1:
            forms.append((call("diag", y) - call("outer", y, y)) @ ct)
        forms.append(times(y, ct - repeat(total(times(ct, y), (axis,), True), y.shape)))
        return forms

    return back


def _over(ct: Term, y: Term) -> Term | None:
    """s where ct is s ⊘ y."""
    inverse = power(y, -1)
    if ct == inverse:
        return repeat(number(1), y.shape)
    if ct.kind == "product" and inverse in ct.operands:
        rest = [factor for factor in ct.operands if factor != inverse]
        return repeat(times(*rest), y.shape)
    return None


def _exponential(name: str, function: Any) -> Match:
    """softmax or log-softmax, along any one axis."""

    def match(node: Node) -> Block | None:
        for axis in reversed(range(node.ndim)):
            hole, reference = _reference(function, node.shape, (axis,))
            found = _unified(node, reference, hole)
            if found is None:
                continue
            back = _softmax_back(axis) if name == "softmax" else _log_softmax_back(axis)
            return Block(
                name.replace("_", "-"),
                node,
                (found[0],),
                found[1],
                lambda inputs, count, axis=axis: call(name, inputs[0], argument=((axis,),)),  # type: ignore[misc]
                back,
                "∂pᵢ/∂zⱼ = pᵢ (1[i = j] − pⱼ), as a matrix diag(p) − p pᵀ"
                if name == "softmax"
                else "∂(ln p)ᵢ/∂zⱼ = 1[i = j] − pⱼ",
            )
        return None

    return match


def _log_softmax_back(axis: int) -> Backward:
    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        p = call("softmax", inputs[0], argument=((axis,),))
        return [ct - times(p, repeat(total(ct, (axis,), True), y.shape))]

    return back


def _plain_softmax(node: Node) -> Block | None:
    """exp(z) over its own sum."""
    above, below = node.sources
    below = below.sources[0] if below.primitive.name in ("broadcast_to", "reshape") else below
    if (
        above.primitive.name != "exp"
        or below.primitive.name != "sum"
        or below.sources[0] is not above
    ):
        return None
    axes, keepdims = below.argument
    if len(axes) != 1 or not (keepdims or node.ndim == 1) or not above.sources[0].tracked:
        return None
    inside = frozenset({above, below, node.sources[1]})
    return Block(
        "softmax",
        node,
        (above.sources[0],),
        inside,
        lambda inputs, count: call("softmax", inputs[0], argument=(axes,)),
        _softmax_back(axes[0]),
        "∂pᵢ/∂zⱼ = pᵢ (1[i = j] − pⱼ), as a matrix diag(p) − p pᵀ",
    )


# -- by hand ---------------------------------------------------------------------------------------


def _determinant(node: Node) -> Block | None:
    """The sign times exp ln|det A|."""
    for sign, size in (node.sources, node.sources[::-1]):
        inner = size.sources[0] if size.primitive.name == "exp" else None
        if inner is None or inner.primitive is not log_abs_det or sign.sources:
            continue
        (x,) = inner.sources
        if x.ndim != 2 or np.linalg.slogdet(x.value)[0] != np.asarray(sign.value):
            continue
        return Block(
            "determinant",
            node,
            (x,),
            frozenset({size, inner, sign}),
            lambda inputs, count: call("det", inputs[0]),
            lambda index, ct, inputs, y, count: [times(ct, y, transpose(call("inv", inputs[0])))],
            "∂ det(A)/∂A = det(A) A⁻ᵀ",
        )
    return None


def _picked(node: Node) -> Block | None:
    """One element of each row, by its class: x[i, yᵢ]."""
    x, *indices = node.sources
    if node.argument != ((0, 1),) or x.ndim != 2 or any(i.sources for i in indices):
        return None
    rows, classes = (np.asarray(i.value) for i in indices)
    rows, classes = np.broadcast_arrays(rows, classes)
    if not np.array_equal(rows.ravel(), np.arange(x.shape[0])) or np.any(classes < 0):
        return None
    shape = node.shape

    def chosen(count: int) -> Term:
        return call("one_hot", literal(classes.ravel()), argument=(count,))

    def forward(inputs: Sequence[Term], count: Count) -> Term:
        found = total(times(chosen(x.shape[1]), inputs[0]), (1,))
        return found if found.shape == shape else Term("reshape", (found,), (), shape)

    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        wide = repeat(column(ct, (x.shape[0], 1)), x.shape)
        return [times(wide, chosen(x.shape[1]))]

    law = "only the entry of the class counts: onehot(y)"
    return Block("choice of the class", node, (x,), frozenset(), forward, back, law)


def _logsumexp(node: Node) -> Block | None:
    """The primitive."""
    (x,) = node.sources
    axes, keepdims = node.argument
    return Block(
        "logsumexp",
        node,
        (x,),
        frozenset(),
        lambda inputs, count: Term(
            "primitive", tuple(inputs), ("logsumexp", axes, keepdims), node.shape
        ),
        lambda index, ct, inputs, y, count: [
            times(
                spread(ct, inputs[0], axes, keepdims), call("softmax", inputs[0], argument=(axes,))
            )
        ],
        "∂ logsumexp(z)/∂z = softmax(z)",
    )


def _extreme(node: Node) -> Block | None:
    """The largest or smallest element."""
    (x,) = node.sources
    axes, keepdims = node.argument
    name = node.primitive.name

    def back(index: int, ct: Term, inputs: Any, y: Term, count: Count) -> Sequence[Term]:
        there = spread(ct, inputs[0], axes, keepdims)
        chosen = apply("equal", inputs[0], spread(y, inputs[0], axes, keepdims))
        return [times(there, Term("where", (chosen, number(1), number(0)), (), x.shape))]

    return Block(
        f"{name}imum",
        node,
        (x,),
        frozenset(),
        lambda inputs, count: Term("primitive", tuple(inputs), (name, axes, keepdims), node.shape),
        back,
        f"the derivative goes to where the {name}imum is",
    )


_MATCHES: Mapping[str, Sequence[Match]] = {
    "div": (
        moments.standardized,
        moments.root_mean_square,
        _exponential("softmax", functions.softmax),
        _plain_softmax,
        moments.variance,
        moments.mean,
        _activation("softsign"),
        _activation("softplus"),
    ),
    "sub": (_exponential("log_softmax", functions.log_softmax),),
    "sqrt": (moments.norm,),
    "mul": (
        _determinant,
        _activation("gelu"),
        _activation("gelu_tanh"),
        _activation("silu"),
        _activation("mish"),
        _activation("selu"),
    ),
    "where": (_activation("leaky_relu"), _activation("elu")),
    "relu": (_activation("relu"),),
    "tanh": (_activation("tanh"),),
    "sigmoid": (_activation("sigmoid"),),
    "softplus": (_activation("softplus"),),
    "neg": (_activation("log_sigmoid"),),
    "minimum": (_activation("hardtanh"),),
    "maximum": (_activation("hardtanh"),),
    "logsumexp": (_logsumexp,),
    "gather": (_picked,),
    "max": (_extreme,),
    "min": (_extreme,),
}
"""By the primitive of the last node; the first that fits is taken."""
