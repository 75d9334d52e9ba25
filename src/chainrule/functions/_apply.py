"""From what people pass in to nodes, and from nodes to tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError, TraceError
from chainrule.core.node import Node, apply
from chainrule.core.types import DTYPES
from chainrule.lift import as_node, floating
from chainrule.modes import current as mode
from chainrule.ops.shape import cast
from chainrule.tensor import Tensor, combine, wrap

Axis = int | Sequence[int] | None
"""One axis, several, or all."""

Shape = tuple[int, ...]


def unary(primitive: Any, x: Any) -> Tensor:
    """A floating-point primitive of one array; integers become float64."""
    if type(x) is Tensor:
        node = x.node
        if node.type.is_float:
            node = apply(primitive, (node,))
            return wrap(node) if mode.special else Tensor(node)
    return wrap(apply(primitive, (floating(as_node(x)),)))


def unary_any(primitive: Any, x: Any) -> Tensor:
    """A primitive of one array that takes the dtype as it is."""
    return wrap(apply(primitive, (as_node(x),)))


def binary(primitive: Any, x1: Any, x2: Any) -> Tensor:
    """A primitive of two arrays of one dtype."""
    return combine(primitive, x1, x2)


def binary_float(primitive: Any, x1: Any, x2: Any) -> Tensor:
    """A floating-point primitive of two arrays; integers become float64."""
    return combine(primitive, x1, x2, to_float=True)


def widened(node: Node) -> Node:
    """float16 as float32: half precision is for storage, its sums and squares soon overflow."""
    return cast(node, dtype=DTYPES["float32"]) if node.dtype is DTYPES["float16"] else node


def narrowed(node: Node, dtype: np.dtype[Any]) -> Node:
    """The result of what was computed with `widened` nodes, back in ``dtype``."""
    return node if node.dtype is dtype else cast(node, dtype=dtype)


def normalize_axis(name: str, axis: Any, ndim: int) -> int:
    """``axis`` counted from the front.

    Raises:
        DTypeError: if it is no integer.
        ShapeError: if there is no such axis.
    """
    try:
        index = axis.__index__()
    except AttributeError:
        raise DTypeError(f"{name}: an axis is an integer, not {axis!r}") from None
    if not -ndim <= index < ndim:
        raise ShapeError(
            f"{name}: axis {index} is out of bounds for an array with {ndim} axes"
            + (f" (valid are {-ndim} to {ndim - 1})" if ndim else "")
        )
    return int(index % ndim)


def normalize_axes(name: str, axis: Axis, ndim: int) -> Shape:
    """The axes meant by ``axis``, counted from the front and sorted; all for None.

    Raises:
        ShapeError: if one does not exist or is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        axes = tuple(sorted([normalize_axis(name, a, ndim) for a in axis]))
        if len(set(axes)) != len(axes):
            raise ShapeError(f"{name}: axis {tuple(axis)} names an axis twice")
        return axes
    return (normalize_axis(name, axis, ndim),)


def as_shape(shape: Any) -> Shape:
    """A shape given as one integer or several."""
    if hasattr(shape, "__index__"):
        shape = (shape,)
    try:
        extents = tuple([extent.__index__() for extent in shape])
    except (AttributeError, TypeError):
        raise ShapeError(f"a shape is an integer or a tuple of integers, not {shape!r}") from None
    if any(extent < 0 for extent in extents):
        raise ShapeError(f"shape {extents} has a negative extent")
    return extents


def concrete(node: Node, name: str, instead: str) -> Any:
    """The value of ``node``, for functions whose result has a shape that depends on values.

    Raises:
        TraceError: if it is traced; the message says what to use ``instead``.
    """
    if node.value is None:
        raise TraceError(
            f"{name}: the shape of the result depends on values, and a traced tensor of type "
            f"{node.type!r} has none until the program runs. {instead}"
        )
    return node.value
