"""Pooling over one, two or three spatial axes, channels first."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn._checks import Extents, each
from chainrule.nn.module import Module
from chainrule.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


class _Pool(Module):
    rank = 0  # how many spatial axes

    def _checked(self, x: Tensor) -> Tensor:
        if x.ndim != self.rank + 2:
            places = ", ".join("L" if self.rank == 1 else "DHW"[-self.rank :])
            raise ShapeError(
                f"{type(self).__name__} takes inputs of shape (N, C, {places}), channels behind "
                f"the batch; got {x.shape}"
            )
        return x

    def extra_repr(self) -> str:
        usual = {"padding": (0,) * self.rank, "dilation": (1,) * self.rank, "ceil_mode": False}
        usual |= {"count_include_pad": True}
        return ", ".join(
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if name != "training" and usual.get(name) != value
        )


class _Window(_Pool):
    """A pooling with windows of one size."""

    def _set_window(
        self, kernel_size: Extents, stride: Extents | None, padding: Extents, ceil_mode: bool
    ) -> None:
        name = type(self).__name__
        self.kernel_size = each(name, "kernel_size", kernel_size, self.rank)
        given = self.kernel_size if stride is None else stride
        self.stride = each(name, "stride", given, self.rank)
        self.padding = each(name, "padding", padding, self.rank, least=0)
        self.ceil_mode = ceil_mode


class _MaxPool(_Window):
    def __init__(
        self,
        kernel_size: Extents,
        stride: Extents | None = None,
        padding: Extents = 0,
        dilation: Extents = 1,
        ceil_mode: bool = False,
    ) -> None:
        self._set_window(kernel_size, stride, padding, ceil_mode)
        self.dilation = each(type(self).__name__, "dilation", dilation, self.rank)

    def __call__(self, x: Tensor) -> Tensor:
        return functions.max_pool(
            self._checked(x),
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of sequences: (N, C, L) becomes (N, C, L′).

    Arguments, extents and errors are those of `MaxPool2d`, with one spatial axis.

    >>> import chainrule as cr
    >>> cr.nn.MaxPool1d(2)(cr.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[3., 2.]]])
    """

    rank = 1


class MaxPool2d(_MaxPool):
    """The largest element of each window of images: (N, C, H, W) becomes (N, C, H′, W′).

    `chainrule.max_pool` has the formula. With an extent H, H′ is
    ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1. Elements that tie share the
    derivative equally; PyTorch gives it to the first of them.

    Args:
        kernel_size: extents of the window; here as below one number, or one for each spatial axis.
        stride: how far the window moves; by default its own extents, so that none overlap.
        padding: how many elements −∞ stand before and after each axis, at most half a window.
        dilation: distance between neighbouring elements of the window.
        ceil_mode: whether a last window that is cut off by the end counts.

    Raises:
        DomainError: for extents that make no sense.
        ShapeError: when called, if the input has other axes, or the window does not fit.

    >>> import chainrule as cr
    >>> layer = cr.nn.MaxPool2d(3, stride=2, padding=1)
    >>> layer, layer(cr.ones((1, 4, 28, 28))).shape
    (MaxPool2d(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1)), (1, 4, 14, 14))
    """

    rank = 2


class MaxPool3d(_MaxPool):
    """The largest element of each window of volumes: (N, C, D, H, W) becomes (N, C, D′, H′, W′).

    Arguments, extents and errors are those of `MaxPool2d`, with three spatial axes.

    >>> import chainrule as cr
    >>> cr.nn.MaxPool3d((1, 2, 2))(cr.ones((1, 4, 3, 8, 8))).shape
    (1, 4, 3, 4, 4)
    """

    rank = 3


class _AvgPool(_Window):
    def __init__(
        self,
        kernel_size: Extents,
        stride: Extents | None = None,
        padding: Extents = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._set_window(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def __call__(self, x: Tensor) -> Tensor:
        return functions.avg_pool(
            self._checked(x),
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool1d(_AvgPool):
    """The mean of each window of sequences: (N, C, L) becomes (N, C, L′).

    Arguments, extents and errors are those of `AvgPool2d`, with one spatial axis.

    >>> import chainrule as cr
    >>> cr.nn.AvgPool1d(2)(cr.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[2., 1.]]])
    """

    rank = 1


class AvgPool2d(_AvgPool):
    """The mean of each window of images: (N, C, H, W) becomes (N, C, H′, W′), as for `MaxPool2d`.

    Args:
        kernel_size: extents of the window; here as below one number, or one for each spatial axis.
        stride: how far the window moves; by default its own extents, so that none overlap.
        padding: how many zeros stand before and after each axis, at most half a window.
        ceil_mode: whether a last window that is cut off by the end counts.
        count_include_pad: whether the zeros count as elements of the mean.

    Raises:
        DomainError: for extents that make no sense.
        ShapeError: when called, if the input has other axes, or the window does not fit.

    >>> import chainrule as cr
    >>> cr.nn.AvgPool2d(2)(cr.ones((1, 4, 28, 28))).shape
    (1, 4, 14, 14)
    """

    rank = 2


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes: (N, C, D, H, W) becomes (N, C, D′, H′, W′).

    Arguments, extents and errors are those of `AvgPool2d`, with three spatial axes.

    >>> import chainrule as cr
    >>> cr.nn.AvgPool3d(2)(cr.ones((1, 4, 8, 8, 8))).shape
    (1, 4, 4, 4, 4)
    """

    rank = 3


class _AdaptivePool(_Pool):
    def __init__(self, output_size: int | Sequence[int | None]) -> None:
        name = type(self).__name__
        many = isinstance(output_size, (list, tuple))
        given = tuple(output_size) if many else (output_size,) * self.rank  # type: ignore[arg-type]
        if len(given) != self.rank:
            raise DomainError(
                f"{name}: output_size is one number, or {self.rank} of them; not {output_size!r}"
            )
        self.output_size = tuple(
            size if size is None else each(name, "output_size", size, 1)[0]  # type: ignore[arg-type]
            for size in given
        )


class _AdaptiveMaxPool(_AdaptivePool):
    def __call__(self, x: Tensor) -> Tensor:
        return functions.adaptive_max_pool(self._checked(x), self.output_size)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of ``output_size`` windows that cover a sequence; see
    `AdaptiveMaxPool2d`.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveMaxPool1d(1)(cr.tensor([[[1.0, 3.0, 2.0]]]))
    tensor([[[3.]]])
    """

    rank = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of H′·W′ windows that cover an image: (N, C, H, W) to (N, C, H′, W′).

    Windows as in `chainrule.adaptive_max_pool`.

    Args:
        output_size: (H′, W′), or one number for both; None keeps an axis as it is.

    Raises:
        DomainError: if ``output_size`` makes no sense.
        ShapeError: when called, if the input has other axes.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveMaxPool2d((2, None))(cr.ones((1, 4, 7, 5))).shape
    (1, 4, 2, 5)
    """

    rank = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of windows that cover a volume; see `AdaptiveMaxPool2d`.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveMaxPool3d(2)(cr.ones((1, 4, 4, 5, 6))).shape
    (1, 4, 2, 2, 2)
    """

    rank = 3


class _AdaptiveAvgPool(_AdaptivePool):
    def __call__(self, x: Tensor) -> Tensor:
        return functions.adaptive_avg_pool(self._checked(x), self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of ``output_size`` windows that cover a sequence; see `AdaptiveAvgPool2d`.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveAvgPool1d(1)(cr.tensor([[[1.0, 3.0, 2.0]]]))
    tensor([[[2.]]])
    """

    rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of H′·W′ windows that cover an image: (N, C, H, W) becomes (N, C, H′, W′).

    With output_size=1 the mean of each channel, so that a classifier behind it takes images of any
    extents. Windows, arguments and errors are those of `AdaptiveMaxPool2d`.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveAvgPool2d(1)(cr.ones((1, 4, 7, 5))).shape
    (1, 4, 1, 1)
    """

    rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of windows that cover a volume; see `AdaptiveAvgPool2d`.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveAvgPool3d(2)(cr.ones((1, 4, 4, 5, 6))).shape
    (1, 4, 2, 2, 2)
    """

    rank = 3
