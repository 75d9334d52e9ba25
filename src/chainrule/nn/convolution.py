"""Convolution and its transpose over one, two or three spatial axes, channels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn import initialisers
from chainrule.nn._checks import Extents, as_input, check_counts, each
from chainrule.nn.initialisers import Initialiser
from chainrule.nn.module import Module, parameter
from chainrule.tensor import ArrayLike, Tensor

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

Padding = str | int | Sequence[int | tuple[int, int]]


class _Convolution(Module):
    """What convolutions share: the settings, the bias, and the checks."""

    rank = 0  # how many spatial axes

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Extents,
        stride: Extents = 1,
        padding: Padding = 0,
        dilation: Extents = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        key: Tensor,
        initialiser: Initialiser = initialisers.xavier_uniform,
        dtype: Any = "float32",
    ) -> None:
        name = type(self).__name__
        check_counts(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise DomainError(
                f"{name}: {in_channels} input and {out_channels} output channels have to be "
                f"multiples of groups, which is {groups}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = each(name, "kernel_size", kernel_size, self.rank)
        self.stride = each(name, "stride", stride, self.rank)
        self.padding = _padding(name, padding, self.rank)
        self.dilation = each(name, "dilation", dilation, self.rank)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        weight = initialiser(key, shape, dtype=dtype)
        self.weight = parameter(self._layout(weight), dtype)
        self.bias = parameter(np.zeros(out_channels), dtype) if bias else None

    def _layout(self, weight: Tensor) -> Tensor:
        """The weight as it is kept, from shape (features, channels / groups, *kernel)."""
        return weight

    def _input(self, x: ArrayLike) -> Tensor:
        x = as_input(x, self.weight.dtype)
        if x.ndim != self.rank + 2 or x.shape[1] != self.in_channels:
            places = ", ".join("L" if self.rank == 1 else "DHW"[-self.rank :])
            raise ShapeError(
                f"{type(self).__name__} takes inputs of shape (N, {self.in_channels}, {places}), "
                f"channels behind the batch; got {x.shape}"
            )
        return x

    def _biased(self, y: Tensor) -> Tensor:
        if self.bias is None:
            return y
        return y + self.bias.reshape((self.out_channels, *(1,) * self.rank))

    def extra_repr(self) -> str:
        shown = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        one, none = (1,) * self.rank, (0,) * self.rank
        for name, usual in (
            ("stride", one),
            ("padding", none),
            ("output_padding", none),
            ("dilation", one),
            ("groups", 1),
        ):
            value = getattr(self, name, usual)
            if value != usual:
                shown += f", {name}={value!r}"
        return shown + ("" if self.bias is not None else ", bias=False")


def _padding(name: str, padding: Padding, rank: int) -> Padding:
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise DomainError(f"{name}: padding is 'valid', 'same' or numbers, not {padding!r}")
        return padding
    if isinstance(padding, (int, np.integer)):
        return each(name, "padding", padding, rank, least=0)
    for side in padding:
        each(name, "padding", side, 2, least=0)
    if len(padding) != rank:
        raise DomainError(
            f"{name}: padding {padding!r} is not one number (or a pair, before and after) for each "
            f"of {rank} spatial axes"
        )
    return tuple(padding)


class _Conv(_Convolution):
    def __call__(self, x: ArrayLike) -> Tensor:
        y = functions.conv(
            self._input(x), self.weight, self.stride, self.padding, self.dilation, self.groups
        )
        return self._biased(y)


class Conv1d(_Conv):
    """Convolution of sequences: (N, in_channels, L) becomes (N, out_channels, L′).

    Arguments, extents and errors are those of `Conv2d`, with one spatial axis.

    >>> import chainrule as cr
    >>> layer = cr.nn.Conv1d(2, 4, 3, padding="same", key=cr.random.key(0))
    >>> layer(cr.ones((1, 2, 10), dtype="float32")).shape
    (1, 4, 10)
    """

    rank = 1


class Conv2d(_Conv):
    """Convolution of images: (N, in_channels, H, W) becomes (N, out_channels, H′, W′).

    y[n, o, p] = b[o] + Σ_{c, k} x[n, c, stride·p + dilation·k − padding] w[o, c, k], as is usual in
    networks (in mathematics a cross-correlation). With an extent H, H′ is
    ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    The weight has shape (out_channels, in_channels / groups, *kernel_size), that of PyTorch.

    Args:
        in_channels, out_channels: extents of the axis behind the batch, before and after.
        kernel_size: extents of the kernel; here as in what follows one number, or one for each
            spatial axis.
        stride: how far the kernel moves.
        padding: zeros before and after each axis; also a pair (before, after) for each axis,
            "valid" for none, or "same" for H′ = ⌈H / stride⌉.
        dilation: distance between neighbouring elements of the kernel.
        groups: channels are divided into so many groups that do not mix; groups = in_channels is a
            depthwise convolution.
        bias: whether there is a b; it starts at zero.
        key: random key of the initial weight.
        initialiser: of the weight, a function of (key, shape); by default Xavier uniform.
        dtype: of the parameters, and of an input that is a list.

    Raises:
        DomainError: for extents that make no sense, or channels that are no multiples of groups.
        ShapeError: when called, if the input has other axes, or is smaller than the kernel.

    >>> import chainrule as cr
    >>> layer = cr.nn.Conv2d(3, 8, 3, stride=2, padding=1, key=cr.random.key(0))
    >>> layer
    Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    >>> layer(cr.ones((1, 3, 28, 28), dtype="float32")).shape
    (1, 8, 14, 14)
    """

    rank = 2


class Conv3d(_Conv):
    """Convolution of volumes: (N, in_channels, D, H, W) becomes (N, out_channels, D′, H′, W′).

    Arguments, extents and errors are those of `Conv2d`, with three spatial axes.

    >>> import chainrule as cr
    >>> layer = cr.nn.Conv3d(1, 2, (1, 3, 3), key=cr.random.key(0))
    >>> layer(cr.ones((1, 1, 4, 5, 6), dtype="float32")).shape
    (1, 2, 4, 3, 4)
    """

    rank = 3


class _ConvTranspose(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Extents,
        stride: Extents = 1,
        padding: Padding = 0,
        output_padding: Extents = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Extents = 1,
        *,
        key: Tensor,
        initialiser: Initialiser = initialisers.xavier_uniform,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            key=key,
            initialiser=initialiser,
            dtype=dtype,
        )
        name = type(self).__name__
        self.output_padding = each(name, "output_padding", output_padding, self.rank, least=0)
        limits = [max(pair) for pair in zip(self.stride, self.dilation, strict=True)]
        if any(more >= limit for more, limit in zip(self.output_padding, limits, strict=True)):
            raise DomainError(
                f"{name}: output_padding {self.output_padding} has to be smaller than the stride "
                f"{self.stride} or the dilation {self.dilation}"
            )

    def _layout(self, weight: Tensor) -> Tensor:
        features, channels = self.out_channels // self.groups, self.in_channels // self.groups
        grouped = weight.reshape((self.groups, features, channels, *self.kernel_size))
        swapped = functions.swapaxes(grouped, 1, 2)
        return swapped.reshape((self.in_channels, features, *self.kernel_size))

    def __call__(self, x: ArrayLike) -> Tensor:
        y = functions.conv_transpose(
            self._input(x),
            self.weight,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.output_padding,
        )
        return self._biased(y)


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of sequences: (N, in_channels, L) becomes (N, out_channels, L′).

    Arguments, extents and errors are those of `ConvTranspose2d`, with one spatial axis.

    >>> import chainrule as cr
    >>> layer = cr.nn.ConvTranspose1d(2, 1, 4, stride=2, padding=1, key=cr.random.key(0))
    >>> layer(cr.ones((1, 2, 5), dtype="float32")).shape
    (1, 1, 10)
    """

    rank = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d` as a linear map: what sends gradients back, used to enlarge images.

    (N, in_channels, H, W) becomes (N, out_channels, H′, W′), with
    H′ = (H − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1. Dumoulin and
    Visin 2016 (A guide to convolution arithmetic for deep learning), chapter 4.

    The weight has shape (in_channels, out_channels / groups, *kernel_size), that of PyTorch: it is
    the weight of the `Conv2d` from out_channels to in_channels of which this is the transpose.

    Args:
        in_channels, out_channels: extents of the axis behind the batch, before and after.
        kernel_size: extents of the kernel; here as in what follows one number, or one for each
            spatial axis.
        stride: distance at which the elements of the input are laid out.
        padding: what the convolution pads; here it is cut off. "same" gives H′ = H·stride.
        output_padding: elements added at the end, to choose among the extents that a convolution
            with this stride makes one; below the stride or the dilation.
        groups: channels are divided into so many groups that do not mix.
        bias: whether there is a b; it starts at zero.
        dilation: distance between neighbouring elements of the kernel.
        key: random key of the initial weight.
        initialiser: of the weight, a function of (key, shape); by default Xavier uniform. It is
            given the shape with the features first, as for `Conv2d`.
        dtype: of the parameters, and of an input that is a list.

    Raises:
        DomainError: for extents that make no sense, or channels that are no multiples of groups.
        ShapeError: when called, if the input has other axes.

    >>> import chainrule as cr
    >>> layer = cr.nn.ConvTranspose2d(8, 3, 2, stride=2, key=cr.random.key(0))
    >>> layer(cr.ones((1, 8, 7, 7), dtype="float32")).shape
    (1, 3, 14, 14)
    """

    rank = 2


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution of volumes: (N, in_channels, D, H, W) to (N, out_channels, D′, …).

    Arguments, extents and errors are those of `ConvTranspose2d`, with three spatial axes.

    >>> import chainrule as cr
    >>> layer = cr.nn.ConvTranspose3d(2, 1, 3, stride=2, output_padding=1, key=cr.random.key(0))
    >>> layer(cr.ones((1, 2, 2, 3, 4), dtype="float32")).shape
    (1, 1, 6, 8, 10)
    """

    rank = 3
