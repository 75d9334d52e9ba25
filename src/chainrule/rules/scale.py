"""Multiplying by a partial derivative: the one step that forward and reverse mode share."""

from __future__ import annotations

from typing import Any

from chainrule.core.node import LITERAL, Node
from chainrule.ops.arithmetic import neg
from chainrule.ops.record import Elementwise
from chainrule.ops.shape import full


def scale(
    primitive: Elementwise,
    index: int,
    t: Node,
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> Node | None:
    """``t`` times ∂y/∂(source ``index``); None where that partial is zero."""
    if primitive.partials is None:
        return None
    partial = primitive.partials[index]
    if partial is None:
        return None
    if not callable(partial):
        return t if partial == 1 else neg(t) if partial == -1 else t * partial
    scaled = primitive.scaled[index] if primitive.scaled else None
    if scaled is not None:
        return scaled(t, *sources, y, *argument)
    slope = partial(*sources, y, *argument)
    if t.primitive is LITERAL and t.value == 1:  # the seed of a reverse pass
        return slope
    return t * slope


def local_derivative(
    primitive: Elementwise,
    index: int,
    sources: tuple[Node, ...],
    y: Node,
    argument: tuple[Any, ...],
) -> Node:
    """∂y/∂(source ``index``) in its textbook form, as an explanation shows it."""
    partial = None if primitive.partials is None else primitive.partials[index]
    if callable(partial):
        return partial(*sources, y, *argument)
    return full(0.0 if partial is None else partial, y.type)
