"""Folding along axes: sum, prod, max, min, logsumexp, argmax, cumulative sums, any, all."""

from __future__ import annotations

import numpy as np

from chainrule.core.node import Node
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import Linear, drawn
from chainrule.ops.shape import broadcast_to, reshape

Axes = tuple[int, ...]


def kept_shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """``shape`` with extent 1 along the reduced axes."""
    return tuple(1 if a in axes else n for a, n in enumerate(shape))


def reduced_type(x: ArrayType, axes: Axes, keepdims: bool) -> ArrayType:
    """The type rule of all reductions that keep the dtype."""
    if keepdims:
        return array_type(kept_shape(x.shape, axes), x.dtype)
    return array_type(tuple(n for a, n in enumerate(x.shape) if a not in axes), x.dtype)


def spread(y: Node, like: ArrayType, axes: Axes) -> Node:
    """A reduced result repeated back along the axes over which it was reduced."""
    return broadcast_to(reshape(y, kept_shape(like.shape, axes)), like.shape)


def shifted(axes: Axes) -> Axes:
    """The same axes after a batch axis was put in front."""
    return tuple(a + 1 for a in axes)


sum_: Linear = Linear(
    name="sum",
    parameters=("axes", "keepdims"),
    evaluate=lambda x, axes, keepdims: np.sum(x, axis=axes, keepdims=keepdims, dtype=x.dtype),
    infer=reduced_type,
    transpose=lambda ct, i, sources, axes, keepdims: spread(ct, sources[0].type, axes),
    batch=lambda size, batched, sources, axes, keepdims: sum_(
        sources[0], axes=shifted(axes), keepdims=keepdims
    ),
    cases=drawn(
        (((3, 4),), ((0,), False)),
        (((3, 4),), ((0, 1), True)),
        (((2, 0),), ((1,), False)),
        (((5,),), ((), False)),
    ),
    rule="sum rule",
)
