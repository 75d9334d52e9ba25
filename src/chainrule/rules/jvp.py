"""Forward mode: pushes tangents from variables on to results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.node import Node, apply
from chainrule.ops import record as kinds
from chainrule.ops.reduce import kept_shape, sum_
from chainrule.ops.shape import broadcast_to, reshape, zeros_like
from chainrule.rules.reach import Detached, between, dependents, must_record, recorded
from chainrule.rules.scale import local_derivative, scale

__all__ = ["Step", "push", "push_node"]

Tangents = Sequence[Node | None]


@dataclass(frozen=True)
class Step:
    """One application of a rule: how the derivative of ``node`` follows from its sources'.

    Attributes:
        rule: the textbook name of the rule.
        node: the node that was differentiated.
        locals: for each source that moves the local derivative in textbook form, for elementwise
            primitives; None for the others.
        tangents: the tangent of each source, None where it is zero.
        tangent: the tangent of ``node``, None where it is zero.
        convention: what was taken at a kink, or an empty string.
    """

    rule: str
    node: Node
    locals: tuple[Node | None, ...]
    tangents: tuple[Any, ...]
    tangent: Any
    convention: str


def push(
    outputs: Sequence[Node],
    tangents: Mapping[Node, Node],
    *,
    record: bool | None = None,
    steps: list[Step] | None = None,
) -> list[Node | None]:
    """Σ_v ∂output/∂v · tangents[v] for every output; None where it is zero.

    Args:
        outputs: results.
        tangents: a tangent, of the same type, for each variable.
        record: as for `rules.vjp.pull`.
        steps: a list that receives a `Step` for each node that moves, sources first.
    """
    targets = frozenset(tangents)
    order = between(outputs, targets)
    flows = dependents(order, targets)
    if record is None:
        record = must_record(order, flows, targets)
    view: Callable[[Node], Node] = recorded if record else Detached()
    moved: dict[Node, Any] = dict(tangents)
    with np.errstate(all="ignore"):
        for node in order:
            if node in flows and node not in targets:
                sources = tuple([view(source) for source in node.sources])
                arriving = [moved.get(source) for source in node.sources]
                moved[node] = push_node(
                    node.primitive, arriving, sources, view(node), node.argument
                )
                if steps is not None:
                    steps.append(_step(node, arriving, moved[node]))
    return [moved.get(output) for output in outputs]


def _step(node: Node, arriving: Tangents, tangent: Any) -> Step:
    primitive = node.primitive
    locals_: tuple[Node | None, ...] = (None,) * len(node.sources)
    if isinstance(primitive, kinds.Elementwise):
        locals_ = tuple(
            None if t is None else local_derivative(primitive, i, node.sources, node, node.argument)
            for i, t in enumerate(arriving)
        )
    convention = getattr(primitive, "convention", "")
    return Step(primitive.rule, node, locals_, tuple(arriving), tangent, convention)


def push_node(
    primitive: Any,
    tangents: Sequence[Any],
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> Any:
    """The tangent of one application; a list with one for each result of a `Call`."""
    if all(t is None for t in tangents):
        return None
    return _PUSH[type(primitive)](primitive, tangents, sources, y, argument)


def _elementwise(
    primitive: kinds.Elementwise, tangents: Tangents, sources: Any, y: Node, argument: Any
) -> Node | None:
    total: Node | None = None
    for index, t in enumerate(tangents):
        term = None if t is None else scale(primitive, index, t, sources, y, argument)
        if term is not None:
            total = term if total is None else total + term
    return None if total is None else broadcast_to(total, y.shape)


def _linear(
    primitive: kinds.Linear, tangents: Tangents, sources: Any, y: Node, argument: Any
) -> Node | None:
    linear = range(len(sources)) if primitive.linear_in is None else primitive.linear_in
    if all(tangents[index] is None for index in linear):
        return None
    moved = list(sources)
    for index in linear:
        t = tangents[index]
        moved[index] = zeros_like(sources[index]) if t is None else t
    return apply(primitive, tuple(moved), argument)


def _bilinear(
    primitive: kinds.Bilinear, tangents: Tangents, sources: Any, y: Node, argument: Any
) -> Node | None:
    a, b = sources
    ta, tb = tangents
    terms = [apply(primitive, (ta, b), argument)] if ta is not None else []
    terms += [apply(primitive, (a, tb), argument)] if tb is not None else []
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _reduction(
    primitive: kinds.Reduction, tangents: Tangents, sources: Any, y: Node, argument: Any
) -> Node | None:
    (x,), (t,) = sources, tangents
    assert t is not None
    axes, keepdims = argument
    kept = reshape(y, kept_shape(x.shape, axes))
    return sum_(t * primitive.partial(x, kept, *argument), axes=axes, keepdims=keepdims)


def _selection(
    primitive: kinds.Selection, tangents: Tangents, sources: Any, y: Node, argument: Any
) -> Node | None:
    (x,), (t,) = sources, tangents
    assert t is not None
    return primitive.pick(t, primitive.choose(x, *argument), *argument)


def _discrete(*_: Any) -> None:
    return None


def _smooth(
    primitive: kinds.Smooth, tangents: Tangents, sources: Any, y: Node, argument: Any
) -> Node | None:
    return primitive.jvp(tangents, sources, y, *argument)


def _projection(
    primitive: kinds.Projection, tangents: Sequence[Any], sources: Any, y: Node, argument: Any
) -> Node | None:
    return tangents[0][argument[0]]  # type: ignore[no-any-return]


def _call(
    primitive: kinds.Call, tangents: Tangents, sources: Any, y: Node, argument: Any
) -> Sequence[Node | None]:
    return primitive.jvp(_readings(), tangents, sources, *argument)


def _readings() -> kinds.Readings:
    from chainrule.rules.readings import READINGS  # the readings know each other

    return READINGS


_PUSH: dict[type[kinds.Primitive], Callable[..., Any]] = {
    kinds.Elementwise: _elementwise,
    kinds.Linear: _linear,
    kinds.Bilinear: _bilinear,
    kinds.Reduction: _reduction,
    kinds.Selection: _selection,
    kinds.Discrete: _discrete,
    kinds.Smooth: _smooth,
    kinds.Projection: _projection,
    kinds.Call: _call,
}
