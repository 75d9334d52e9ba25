"""Reverse mode: pulls cotangents from results back to variables.

One walk over the graph, results first. What a node contributes to its sources follows from the
kind of its primitive; no primitive is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.errors import GradientError
from chainrule.core.node import Node, input_node
from chainrule.ops import record as kinds
from chainrule.ops.reduce import kept_shape, spread
from chainrule.ops.shape import reshape, unbroadcast
from chainrule.rules.reach import Detached, between, dependents, must_record, recorded
from chainrule.rules.scale import local_derivative, scale

__all__ = ["Step", "pull"]

Cotangents = tuple[Node | None, ...]


@dataclass(frozen=True)
class Step:
    """One application of the chain rule: what ``node`` passes on to one of its sources.

    Attributes:
        rule: the textbook name of the rule.
        node: the node that was differentiated.
        index: the source that receives the contribution.
        local: the local derivative in textbook form, for elementwise primitives.
        cotangent: the derivative of the result with respect to ``node``.
        contribution: what is added to the derivative with respect to the source.
        convention: what was taken at a kink, or an empty string.
    """

    rule: str
    node: Node
    index: int
    local: Node | None
    cotangent: Node
    contribution: Node
    convention: str


def pull(
    outputs: Sequence[Node],
    cotangents: Sequence[Node | None],
    variables: Sequence[Node],
    *,
    record: bool | None = None,
    steps: list[Step] | None = None,
) -> list[Node | None]:
    """Σ_k cotangents[k]ᵀ ∂outputs[k]/∂v for every v in ``variables``; None where it is zero.

    Args:
        outputs: results, floating-point.
        cotangents: one for each output, of its type; None counts as zero.
        variables: nodes with respect to which to differentiate; each counts as independent,
            also where one is computed from another.
        record: whether the derivative is itself a graph. By default it is, if it could be
            differentiated again; otherwise it is computed as plain values.
        steps: a list that receives a `Step` for each contribution.
    """
    targets = frozenset(variables)
    order = between(outputs, targets)
    flows = dependents(order, targets)
    if record is None:
        record = must_record(order, flows, targets)
    view: Callable[[Node], Node] = recorded if record else Detached()
    received: dict[Node, Any] = {}
    for output, ct in zip(outputs, cotangents, strict=True):
        if ct is not None and output in flows:
            _accumulate(received, output, ct)
    with np.errstate(all="ignore"):
        for node in reversed(order):
            if node in targets or node not in flows:
                continue
            ct = received.pop(node, None)
            if ct is not None:
                _pull_node(node, ct, flows, view, received, steps)
    return [received.get(variable) for variable in variables]


def _accumulate(received: dict[Node, Any], node: Node, ct: Node) -> None:
    before = received.get(node)
    received[node] = ct if before is None else before + ct


def _pull_node(
    node: Node,
    ct: Any,
    flows: set[Node],
    view: Callable[[Node], Node],
    received: dict[Node, Any],
    steps: list[Step] | None,
) -> None:
    primitive = node.primitive
    needed = [source in flows for source in node.sources]
    if isinstance(primitive, kinds.Projection):
        (source,) = node.sources
        items = received.setdefault(source, [None] * len(source.type.items))  # type: ignore[attr-defined]
        (index,) = node.argument
        items[index] = ct if items[index] is None else items[index] + ct
        return
    sources = tuple([view(source) for source in node.sources])
    contributions = _PULL[type(primitive)](
        primitive, ct, needed, sources, view(node), node.argument
    )
    for index, contribution in enumerate(contributions):
        if contribution is not None and needed[index]:
            _accumulate(received, node.sources[index], contribution)
            if steps is not None:
                steps.append(_step(node, index, ct, contribution))


def _step(node: Node, index: int, ct: Node, contribution: Node) -> Step:
    primitive = node.primitive
    local = None
    if isinstance(primitive, kinds.Elementwise):
        local = local_derivative(primitive, index, node.sources, node, node.argument)
    convention = getattr(primitive, "convention", "")
    return Step(primitive.rule, node, index, local, ct, contribution, convention)


# -- one function for each kind: (primitive, ct, needed, sources, y, argument) -> contributions ----


def _elementwise(
    primitive: kinds.Elementwise,
    ct: Node,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> list[Node | None]:
    contributions: list[Node | None] = []
    for index, source in enumerate(sources):
        term = scale(primitive, index, ct, sources, y, argument) if needed[index] else None
        if term is not None and term.type is not source.type:
            term = unbroadcast(term, source.type)
        contributions.append(term)
    return contributions


def _linear(
    primitive: kinds.Linear,
    ct: Node,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> list[Node | None]:
    linear = primitive.linear_in
    return [
        primitive.transpose(ct, index, sources, *argument)
        if needed[index] and (linear is None or index in linear)
        else None
        for index in range(len(sources))
    ]


def _bilinear(
    primitive: kinds.Bilinear,
    ct: Node,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> list[Node | None]:
    return [
        transpose(ct, *sources, *argument) if needed[index] else None
        for index, transpose in enumerate(primitive.transposes)
    ]


def _reduction(
    primitive: kinds.Reduction,
    ct: Node,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> list[Node | None]:
    (x,) = sources
    axes = argument[0]
    kept = reshape(y, kept_shape(x.shape, axes))
    return [spread(ct, x.type, axes) * primitive.partial(x, kept, *argument)]


def _selection(
    primitive: kinds.Selection,
    ct: Node,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> list[Node | None]:
    (x,) = sources
    hole = input_node(x.type)  # picking is linear: its transpose does not depend on what is there
    picked = primitive.pick(hole, primitive.choose(x, *argument), *argument)
    return pull([picked], [ct], [hole], record=True)


def _discrete(*_: Any) -> list[Node | None]:
    return []


def _smooth(
    primitive: kinds.Smooth,
    ct: Node,
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> Cotangents:
    return primitive.vjp(ct, needed, sources, y, *argument)


def _call(
    primitive: kinds.Call,
    cts: list[Node | None],
    needed: Sequence[bool],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> Sequence[Node | None]:
    if not primitive.reverse:
        raise GradientError(
            f"{primitive.name} has no reverse-mode derivative: the number of its steps is only "
            "known when it runs. Use forward mode (jvp), or scan with a fixed number of steps."
        )
    return primitive.vjp(_readings(), cts, needed, sources, *argument)


def _readings() -> kinds.Readings:
    from chainrule.rules.readings import READINGS  # the readings know each other

    return READINGS


_PULL: dict[type[kinds.Primitive], Callable[..., Any]] = {
    kinds.Elementwise: _elementwise,
    kinds.Linear: _linear,
    kinds.Bilinear: _bilinear,
    kinds.Reduction: _reduction,
    kinds.Selection: _selection,
    kinds.Discrete: _discrete,
    kinds.Smooth: _smooth,
    kinds.Call: _call,
}
