"""Pooling over any number of spatial axes: the largest element or the mean of each window."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.node import Node, array, literal
from chainrule.functions.linear import matmul
from chainrule.functions.manipulation import moveaxis
from chainrule.functions.reduction import max as max_
from chainrule.functions.reduction import mean
from chainrule.functions.reduction import sum as sum_
from chainrule.functions.searching import take
from chainrule.lift import as_node, floating
from chainrule.ops import parts
from chainrule.ops import shape as ops
from chainrule.ops.window import sliding_windows
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = ["adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool"]

Extents = int | Sequence[int]
Shape = tuple[int, ...]


def max_pool(
    x: ArrayLike,
    kernel_size: Extents,
    strides: Extents | None = None,
    padding: Extents = 0,
    dilation: Extents = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """y[n, c, p] = max_k x[n, c, strides·p + dilation·k − padding] over a window's elements k.

    Elements that tie for the largest share the derivative equally.

    Args:
        x: input of shape (batch, channels, *spatial), with any number of spatial axes.
        kernel_size: extents of the window; here as below one number, or one for each spatial axis.
        strides: how far the window moves; by default its own extents, so that none overlap.
        padding: how many elements −∞ stand before and after each axis, at most half a window.
        dilation: distance between neighbouring elements of the window.
        ceil_mode: whether a last window that is cut off by the end counts, if it begins before the
            padding behind the input.

    Raises:
        ShapeError: if the window does not fit, or the numbers not the spatial axes.

    >>> import chainrule as cr
    >>> cr.max_pool(cr.tensor([[[1.0, 5.0, 2.0, 3.0, 4.0]]]), 2)
    tensor([[[5., 3.]]])
    >>> cr.max_pool(cr.tensor([[[1.0, 5.0, 2.0, 3.0, 4.0]]]), 3, strides=1, padding=1)
    tensor([[[5., 5., 5., 4., 4.]]])
    """
    node = as_node(x)
    least = -np.inf if node.type.is_float else np.iinfo(node.dtype).min
    windows = _Windows("max_pool", node, kernel_size, strides, padding, dilation, ceil_mode)
    seen, axes = windows.over(node, least)
    return max_(wrap(seen), axis=axes)


def avg_pool(
    x: ArrayLike,
    kernel_size: Extents,
    strides: Extents | None = None,
    padding: Extents = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """y[n, c, p] = mean_k x[n, c, strides·p + k − padding] over a window's elements k.

    Args:
        x: input of shape (batch, channels, *spatial), with any number of spatial axes.
        kernel_size, strides, ceil_mode: as for `max_pool`.
        padding: how many zeros stand before and after each axis, at most half a window.
        count_include_pad: whether the zeros count as elements of the mean.

    Raises:
        ShapeError: as for `max_pool`.

    >>> import chainrule as cr
    >>> cr.avg_pool(cr.tensor([[[1.0, 5.0, 2.0, 4.0]]]), 2)
    tensor([[[3., 3.]]])
    """
    node = floating(as_node(x))
    windows = _Windows("avg_pool", node, kernel_size, strides, padding, 1, ceil_mode)
    seen, axes = windows.over(node, 0.0)
    counts = windows.counts(count_include_pad)
    if all(
        len(set(along)) == 1 and along[0] == k
        for along, k in zip(counts, windows.sizes, strict=True)
    ):
        return mean(wrap(seen), axis=axes)
    # an outer product of the counts along each axis
    grid = np.asarray(reduce(np.multiply.outer, counts), node.dtype)
    return sum_(wrap(seen), axis=axes) / wrap(array(grid))


def adaptive_max_pool(x: ArrayLike, output_size: int | Sequence[int | None]) -> Tensor:
    """The largest element of each of ``output_size`` windows that cover the spatial axes.

    Window i of m along an axis of n elements goes from ⌊i·n / m⌋ to ⌈(i + 1)·n / m⌉, as in PyTorch.

    Args:
        x: input of shape (batch, channels, *spatial), with any number of spatial axes.
        output_size: how many windows; one number, or one for each spatial axis, where None keeps
            the axis.

    Raises:
        ShapeError: if the numbers do not fit the spatial axes.

    >>> import chainrule as cr
    >>> cr.adaptive_max_pool(cr.tensor([[[1.0, 5.0, 2.0, 3.0]]]), 3)
    tensor([[[5., 5., 3.]]])
    """
    node = as_node(x)
    sizes = _output_size("adaptive_max_pool", node, output_size)
    node, axes = _even_pieces(node, sizes)
    pooled = max_(wrap(node), axis=axes) if axes else wrap(node)
    for axis, size in enumerate(sizes, start=2):
        if size != pooled.shape[axis]:
            first, last = _bounds(pooled.shape[axis], size)
            longest = max(last - first)
            # a shorter window sees its last element several times, which changes no maximum
            places = np.minimum(first[:, None] + np.arange(longest), last[:, None] - 1)
            pooled = max_(take(pooled, places, axis=axis), axis=axis + 1)
    return pooled


def adaptive_avg_pool(x: ArrayLike, output_size: int | Sequence[int | None]) -> Tensor:
    """The mean of each of ``output_size`` windows that cover the spatial axes.

    Windows, arguments and errors are those of `adaptive_max_pool`; ``output_size`` 1 is the mean of
    each channel.

    >>> import chainrule as cr
    >>> cr.adaptive_avg_pool(cr.tensor([[[1.0, 5.0, 2.0, 3.0]]]), 3)
    tensor([[[3. , 3.5, 2.5]]])
    """
    node = floating(as_node(x))
    sizes = _output_size("adaptive_avg_pool", node, output_size)
    node, axes = _even_pieces(node, sizes)
    pooled = mean(wrap(node), axis=axes) if axes else wrap(node)
    for axis, size in enumerate(sizes, start=2):
        if size != pooled.shape[axis]:
            first, last = _bounds(pooled.shape[axis], size)
            places = np.arange(pooled.shape[axis])[:, None]
            weights = ((first <= places) & (places < last)) / (last - first)
            moved = matmul(moveaxis(pooled, axis, -1), wrap(array(weights.astype(node.dtype))))
            pooled = moveaxis(moved, -1, axis)
    return pooled


# -- windows ---------------------------------------------------------------------------------------


class _Windows:
    """Which windows there are along the spatial axes of an input."""

    def __init__(
        self,
        name: str,
        x: Node,
        kernel_size: Extents,
        strides: Extents | None,
        padding: Extents,
        dilation: Extents,
        ceil_mode: bool,
    ) -> None:
        rank = x.ndim - 2
        if rank < 1:
            raise ShapeError(
                f"{name} needs an input of shape (batch, channels, *spatial), not {x.shape}"
            )
        self.extents = x.shape[2:]
        self.sizes = _each(name, "kernel_size", kernel_size, rank)
        self.strides = _each(name, "strides", self.sizes if strides is None else strides, rank)
        self.padding = _each(name, "padding", padding, rank, least=0)
        self.dilation = _each(name, "dilation", dilation, rank)
        self.spans = tuple((k - 1) * d + 1 for k, d in zip(self.sizes, self.dilation, strict=True))
        places, more = [], []
        for n, k, s, p in zip(self.extents, self.spans, self.strides, self.padding, strict=True):
            if 2 * p > k or k > n + 2 * p:
                raise ShapeError(
                    f"{name}: windows of {self.spans} elements with padding {self.padding} do not "
                    f"suit spatial axes {self.extents}; a window has to fit into the padded axis, "
                    "and padding is at most half a window"
                )
            room = n + 2 * p - k
            count = (-(-room // s) if ceil_mode else room // s) + 1
            if (count - 1) * s >= n + p:  # would begin in the padding behind the input
                count -= 1
            places.append(count)
            more.append(max((count - 1) * s - room, 0))
        self.places, self.more = tuple(places), tuple(more)

    def over(self, x: Node, fill: float) -> tuple[Node, tuple[int, ...]]:
        """``x`` by windows, with ``fill`` around it, and the axes of the elements of a window."""
        rank = len(self.extents)
        if any(self.padding) or any(self.more):
            low = (0, 0, *self.padding)
            high = (0, 0, *(p + m for p, m in zip(self.padding, self.more, strict=True)))
            x = parts.pad(x, literal(fill, x.dtype), low=low, high=high, interior=(0,) * x.ndim)
        if self.sizes == self.strides and self.spans == self.sizes:  # one beside the other
            whole = tuple(c * k for c, k in zip(self.places, self.sizes, strict=True))
            x = _cut(x, (*x.shape[:2], *whole))
            return _pieces(x, self.places)
        axes = tuple(range(2, 2 + rank))
        seen = sliding_windows(x, axes=axes, sizes=self.spans, strides=self.strides)
        inside = tuple(range(x.ndim, x.ndim + rank))
        if self.spans != self.sizes:
            steps = (1,) * x.ndim + self.dilation
            seen = parts.slice_(seen, start=(0,) * seen.ndim, stop=seen.shape, step=steps)
        return seen, inside

    def counts(self, with_padding: bool) -> list[np.ndarray]:
        """How many elements the windows along each axis have, with or without the padding."""
        found = []
        columns = (self.extents, self.sizes, self.strides, self.padding, self.places)
        for n, k, s, p, count in zip(*columns, strict=True):
            first = np.arange(count) * s - p
            reach = p if with_padding else 0
            found.append(np.minimum(first + k, n + reach) - np.maximum(first, -reach))
        return found


def _cut(x: Node, shape: Shape) -> Node:
    if x.shape == shape:
        return x
    return parts.slice_(x, start=(0,) * x.ndim, stop=shape, step=(1,) * x.ndim)


def _pieces(x: Node, places: Shape) -> tuple[Node, tuple[int, ...]]:
    """Each spatial axis as so many pieces of equal size; and the axes within the pieces."""
    shape = list(x.shape[:2])
    for n, count in zip(x.shape[2:], places, strict=True):
        shape += [count, n // count if count else 1]
    return ops.reshape(x, tuple(shape)), tuple(range(3, len(shape), 2))


def _even_pieces(x: Node, sizes: Shape) -> tuple[Node, tuple[int, ...]]:
    """`_pieces` of the axes that the sizes divide; the others stay."""
    shape, inside = list(x.shape[:2]), []
    for n, size in zip(x.shape[2:], sizes, strict=True):
        if n % size or n == size:
            shape.append(n)
        else:
            shape += [size, n // size]
            inside.append(len(shape) - 1)
    return ops.reshape(x, tuple(shape)), tuple(inside)


def _bounds(extent: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of ``size`` windows over ``extent`` elements begins, and where it ends."""
    i = np.arange(size)
    return i * extent // size, -(-(i + 1) * extent // size)


def _output_size(name: str, x: Node, output_size: int | Sequence[int | None]) -> Shape:
    rank = x.ndim - 2
    if rank < 1 or 0 in x.shape[2:]:
        raise ShapeError(
            f"{name} needs an input of shape (batch, channels, *spatial), not {x.shape}"
        )
    if isinstance(output_size, (list, tuple)):
        kept = zip(output_size, x.shape[2:], strict=False)
        rest = output_size[rank:]
        output_size = [n if size is None else size for size, n in kept] + list(rest)
    return _each(name, "output_size", output_size, rank)


def _each(name: str, what: str, value: Any, rank: int, least: int = 1) -> Shape:
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    whole = all(isinstance(v, (int, np.integer)) and v >= least for v in values)
    if len(values) != rank or not whole:
        raise ShapeError(
            f"{name}: {what} is a whole number of at least {least}, or one for each of {rank} "
            f"spatial axes; not {value!r}"
        )
    return tuple(int(v) for v in values)
