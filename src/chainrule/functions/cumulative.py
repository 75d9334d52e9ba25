"""Running along an axis: cumulative sums and products, and differences."""

from __future__ import annotations

from typing import Any

from chainrule.core.errors import DomainError, ShapeError
from chainrule.functions._apply import (
    normalize_axis,
)
from chainrule.functions.joining import concat
from chainrule.functions.reduction import accumulated, padded
from chainrule.lift import as_node
from chainrule.ops import cumulative, logic, parts
from chainrule.ops import shape as sh
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = ["cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "diff"]


def _cumulative(
    name: str,
    primitive: Any,
    x: ArrayLike,
    axis: int | None,
    dtype: Any,
    include_initial: bool,
    initial: float,
) -> Tensor:
    node = accumulated(as_node(x), dtype)
    if axis is None:
        if node.ndim != 1:
            raise ShapeError(f"{name}: say along which axis of shape {node.shape}")
        axis = 0
    place = normalize_axis(name, axis, node.ndim)
    found = primitive(node, axis=place, reverse=False)
    return wrap(padded(found, place, initial) if include_initial else found)


def cumulative_sum(
    x: ArrayLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Sums of the first 1, 2, … elements along ``axis``; ``include_initial`` puts 0 first.

    >>> import chainrule as cr
    >>> cr.cumulative_sum([1, 2, 3])
    tensor([1, 3, 6])
    """
    arguments = (x, axis, dtype, include_initial)
    return _cumulative("cumulative_sum", cumulative.cumsum, *arguments, 0.0)


def cumulative_prod(
    x: ArrayLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Products of the first 1, 2, … elements along ``axis``; ``include_initial`` puts 1 first.

    >>> import chainrule as cr
    >>> cr.cumulative_prod([1, 2, 3], include_initial=True)
    tensor([1, 1, 2, 6])
    """
    arguments = (x, axis, dtype, include_initial)
    return _cumulative("cumulative_prod", cumulative.cumprod, *arguments, 1.0)


def cumsum(x: ArrayLike, /, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumulative_sum` under its NumPy name; without ``axis`` over the flattened array.

    >>> import chainrule as cr
    >>> cr.cumsum([[1, 2], [3, 4]])
    tensor([ 1,  3,  6, 10])
    """
    node = as_node(x)
    if axis is None:
        x, axis = wrap(sh.reshape(node, (node.type.size,))), 0
    return cumulative_sum(x, axis=axis, dtype=dtype)


def cumprod(x: ArrayLike, /, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumulative_prod` under its NumPy name; without ``axis`` over the flattened array.

    >>> import chainrule as cr
    >>> cr.cumprod([1, 2, 3])
    tensor([1, 2, 6])
    """
    node = as_node(x)
    if axis is None:
        x, axis = wrap(sh.reshape(node, (node.type.size,))), 0
    return cumulative_prod(x, axis=axis, dtype=dtype)


def diff(
    x: ArrayLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Tensor:
    """The ``n``-th differences of neighbours along ``axis``: x[1] - x[0], x[2] - x[1], …

    Args:
        x: the array.
        axis: the axis.
        n: how often to take differences.
        prepend: values to put in front first, of the same shape except along the axis.
        append: values to put behind.

    >>> import chainrule as cr
    >>> cr.diff([1, 4, 9, 16])
    tensor([3, 5, 7])
    """
    if n < 0:
        raise DomainError(f"diff: n must not be negative, it is {n}")
    pieces = [piece for piece in (prepend, x, append) if piece is not None]
    node = concat(pieces, axis=axis).node if len(pieces) > 1 else as_node(x)
    place = normalize_axis("diff", axis, node.ndim)
    for _ in range(n):
        ahead = parts.slice_axis(node, place, 1, 2**62)
        behind = parts.slice_axis(node, place, 0, -1)
        boolean = node.dtype.kind == "b"
        node = logic.not_equal(ahead, behind) if boolean else ahead - behind
    return wrap(node)
