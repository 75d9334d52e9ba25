"""Convolution over any number of spatial axes, and sliding windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.core.errors import ShapeError
from chainrule.functions._apply import Axis, as_shape, normalize_axis
from chainrule.lift import as_node, floating, promote
from chainrule.ops import convolution as ops
from chainrule.ops.window import sliding_windows
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = ["conv", "conv_transpose", "sliding_window_view"]

Extents = int | Sequence[int]


def conv(
    x: ArrayLike,
    w: ArrayLike,
    strides: Extents = 1,
    padding: ops.Padding = "valid",
    dilation: Extents = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution as in deep learning (cross-correlation) over the spatial axes of ``x``.

    y[n, o, p] = Σ_{c, k} x[n, c, strides·p + dilation·k] w[o, c, k]

    Args:
        x: input of shape (batch, channels, *spatial), with any number of spatial axes.
        w: kernel of shape (features, channels / groups, *kernel).
        strides: how far the kernel moves; one number, or one for each spatial axis.
        padding: "valid" for none, "same" for ⌈extent / stride⌉ places, a number for all sides, one
            for each axis, or a pair (before, after) for each axis.
        dilation: distance between neighbouring elements of the kernel.
        groups: channels and features are divided into so many groups that do not mix.

    Raises:
        ShapeError: if ranks, channels or groups do not fit, or the kernel exceeds the input.

    >>> import chainrule as cr
    >>> image = cr.tensor([[[1.0, 2.0, 4.0, 7.0]]])
    >>> cr.conv(image, cr.tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2., 3.]]])
    """
    return wrap(ops.conv(*_nodes(x, w), strides, padding, dilation, groups))


def conv_transpose(
    x: ArrayLike,
    w: ArrayLike,
    strides: Extents = 1,
    padding: ops.Padding = "valid",
    dilation: Extents = 1,
    groups: int = 1,
    output_padding: Extents = 0,
) -> Tensor:
    """The adjoint of `conv` in its input, with the same arguments, as PyTorch defines it.

    Args:
        x: input of shape (batch, channels, *spatial).
        w: kernel of shape (channels, features / groups, *kernel).
        strides: distance at which the elements of ``x`` are laid out.
        padding: what `conv` would have padded; it is cut off here.
        dilation: distance between neighbouring elements of the kernel.
        groups: channels and features are divided into so many groups that do not mix.
        output_padding: elements added at the end, where several inputs of `conv` have one result.

    Raises:
        ShapeError: as for `conv`.

    >>> import chainrule as cr
    >>> cr.conv_transpose(cr.ones((1, 1, 2)), cr.ones((1, 1, 2)), strides=2)
    tensor([[[1., 1., 1., 1.]]])
    """
    return wrap(
        ops.conv_transpose(*_nodes(x, w), strides, padding, dilation, groups, output_padding)
    )


def sliding_window_view(x: ArrayLike, window_shape: Extents, axis: Axis = None) -> Tensor:
    """All windows of a given size: the places along ``axis``, and each window behind the last axis.

    Args:
        x: the array.
        window_shape: the size of the window along each axis in ``axis``.
        axis: the axes along which it slides; all of them by default.

    Returns:
        For a window of size k, n - k + 1 places along each axis that had n elements, and the
        window's own axes at the end (as NumPy's ``lib.stride_tricks.sliding_window_view``).

    Raises:
        ShapeError: if the window is larger than the array, or sizes and axes do not match.

    >>> import chainrule as cr
    >>> cr.sliding_window_view([1, 2, 3, 4], 2)
    tensor([[1, 2],
            [2, 3],
            [3, 4]])
    """
    node = as_node(x)
    sizes = as_shape(window_shape)
    given = range(node.ndim) if axis is None else axis if isinstance(axis, Sequence) else (axis,)
    axes = tuple([normalize_axis("sliding_window_view", a, node.ndim) for a in given])
    if len(axes) != len(sizes):
        raise ShapeError(f"sliding_window_view: {len(sizes)} sizes for {len(axes)} axes")
    return wrap(sliding_windows(node, axes=axes, sizes=sizes, strides=(1,) * len(axes)))


def _nodes(x: Any, w: Any) -> tuple[Any, Any]:
    a, b = promote(x, w)
    return floating(a), floating(b)
