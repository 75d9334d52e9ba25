"""The same elements in another shape or dtype, or repeated: cast, reshape, permute, broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.node import Node, literal
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import Linear, drawn

Shape = tuple[int, ...]


def product(shape: Shape) -> int:
    """The number of elements of an array of this shape."""
    size = 1
    for extent in shape:
        size *= extent
    return size


# -- the same elements ---------------------------------------------------------------------------

cast: Linear = Linear(
    name="cast",
    parameters=("dtype",),
    evaluate=lambda x, dtype: x.astype(dtype),
    infer=lambda x, dtype: array_type(x.shape, dtype),
    transpose=lambda ct, i, sources, dtype: cast(ct, dtype=sources[0].dtype),
    batch=lambda size, batched, sources, dtype: cast(sources[0], dtype=dtype),
    cases=drawn((((3,),), (np.dtype("float64"),)), (((2, 3),), (np.dtype("int64"),))),
    rule="linearity",
)

# The same value under a fresh identity: the variable of one particular derivative. Its argument
# is a unique token, so no two aliases are equal.
alias: Linear = Linear(
    name="alias",
    parameters=("token",),
    evaluate=lambda x, token: x,
    infer=lambda x, token: x,
    transpose=lambda ct, i, sources, token: ct,
    batch=lambda size, batched, sources, token: sources[0],
    cases=drawn((((2, 3),), ("token",))),
    rule="identity",
)


def _reshape_type(x: ArrayType, shape: Shape) -> ArrayType:
    if product(shape) != x.size:
        raise ShapeError(
            f"reshape: {x.shape} has {x.size} elements, {shape} would need {product(shape)}"
        )
    return array_type(shape, x.dtype)


reshape_: Linear = Linear(
    name="reshape",
    parameters=("shape",),
    evaluate=lambda x, shape: np.reshape(x, shape),
    infer=_reshape_type,
    transpose=lambda ct, i, sources, shape: reshape(ct, sources[0].shape),
    batch=lambda size, batched, sources, shape: reshape(sources[0], (size, *shape)),
    cases=drawn(
        (((3, 4),), ((2, 6),)), (((1, 4),), ((4,),)), (((0, 3),), ((3, 0, 2),)), (((1,),), ((),))
    ),
    rule="linearity",
)


def reshape(x: Node, shape: Shape) -> Node:
    """``x`` with another shape of the same size; ``x`` itself if it has it already."""
    return x if x.shape == shape else reshape_(x, shape=shape)


permute_: Linear = Linear(
    name="permute",
    parameters=("axes",),
    evaluate=lambda x, axes: np.transpose(x, axes),
    infer=lambda x, axes: array_type(tuple(x.shape[a] for a in axes), x.dtype),
    transpose=lambda ct, i, sources, axes: permute(ct, inverse_permutation(axes)),
    batch=lambda size, batched, sources, axes: permute(sources[0], (0, *(a + 1 for a in axes))),
    cases=drawn((((2, 3, 4),), ((2, 0, 1),)), (((2, 3),), ((0, 1),))),
    rule="linearity",
)


def inverse_permutation(axes: Shape) -> Shape:
    """The permutation that undoes ``axes``."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def permute(x: Node, axes: Shape) -> Node:
    """``x`` with axis ``axes[i]`` moved to place i; ``x`` itself if nothing moves."""
    return x if axes == tuple(range(len(axes))) else permute_(x, axes=axes)


def move_axis(x: Node, source: int, target: int) -> Node:
    """``x`` with one axis moved, the others in order."""
    axes = [a for a in range(x.ndim) if a != source]
    axes.insert(target, source)
    return permute(x, tuple(axes))


# -- repetition ----------------------------------------------------------------------------------


def _broadcast_type(x: ArrayType, shape: Shape) -> ArrayType:
    lead = len(shape) - x.ndim
    fits = lead >= 0 and all(a in (1, b) for a, b in zip(x.shape, shape[lead:], strict=True))
    if not fits:
        raise ShapeError(f"broadcast_to: {x.shape} does not broadcast to {shape}")
    return array_type(shape, x.dtype)


def _batch_broadcast(size: int, batched: Any, sources: Any, shape: Shape) -> Node:
    (x,) = sources
    aligned = reshape(x, (size,) + (1,) * (len(shape) - x.ndim + 1) + x.shape[1:])
    return broadcast_to(aligned, (size, *shape))


broadcast_: Linear = Linear(
    name="broadcast_to",
    parameters=("shape",),
    evaluate=lambda x, shape: np.broadcast_to(x, shape),
    infer=_broadcast_type,
    transpose=lambda ct, i, sources, shape: unbroadcast(ct, sources[0].type),
    batch=_batch_broadcast,
    cases=drawn(
        (((3, 1),), ((2, 3, 4),)), (((),), ((5,),)), (((2,),), ((2,),)), (((1,),), ((0,),))
    ),
    rule="linearity",
)


def broadcast_to(x: Node, shape: Shape) -> Node:
    """``x`` repeated to ``shape`` by NumPy's rules; ``x`` itself if it has it already."""
    return x if x.shape == shape else broadcast_(x, shape=shape)


def unbroadcast(ct: Node, type: ArrayType) -> Node:
    """The adjoint of broadcasting: sums ``ct`` over the axes along which it was repeated."""
    from chainrule.ops.reduce import sum_

    if ct.type is type or ct.shape == type.shape:
        return ct
    lead = ct.ndim - type.ndim
    axes = [*range(lead)]
    axes += [a for a, n in enumerate(type.shape, lead) if n == 1 and ct.shape[a] != 1]
    if axes:
        ct = sum_(ct, axes=tuple(axes), keepdims=False)
    return reshape(ct, type.shape)


def full(value: float | bool, type: ArrayType) -> Node:
    """An array of this type with one value everywhere."""
    return broadcast_to(literal(value, type.dtype), type.shape)


def zeros_like(x: Node) -> Node:
    return full(0, x.type)


def materialize(x: Node, size: int) -> Node:
    """An unbatched node, repeated along a new leading batch axis."""
    return broadcast_to(x, (size, *x.shape))
