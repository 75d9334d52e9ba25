"""Normalisation: activations of mean 0 and variance 1 over a batch, an example, or a group."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.control import stop_gradient
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn._checks import as_input, check_counts, check_share
from chainrule.nn.module import Module, parameter
from chainrule.tensor import ArrayLike, Tensor, tensor

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm"]


def _widened(x: Tensor) -> Tensor:
    """``x`` where squares neither overflow nor vanish: float16 as float32."""
    return functions.astype(x, "float32") if x.dtype.itemsize == 2 else x


def _standardized(x: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    return (x - mean) / functions.sqrt(variance + eps)


def _moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance over ``axes``, which keep an extent of 1."""
    mean = functions.mean(x, axis=axes, keepdims=True)
    return mean, functions.mean((x - mean) ** 2, axis=axes, keepdims=True)


def _per_channel(values: Tensor, ndim: int) -> Tensor:
    """One value for each channel, beside an array (N, C, …)."""
    return values.reshape((-1, *(1,) * (ndim - 2)))


class _Affine(Module):
    """γ·y + β with parameters ``weight`` and ``bias``, which may be None."""

    def _set_affine(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
        self.weight = parameter(np.ones(shape), dtype) if weight else None
        self.bias = parameter(np.zeros(shape), dtype) if bias else None

    def _affine(self, y: Tensor, dtype: Any, per_channel: bool) -> Tensor:
        y = functions.astype(y, dtype)
        if self.weight is not None:
            y = y * (_per_channel(self.weight, y.ndim) if per_channel else self.weight)
        if self.bias is not None:
            y = y + (_per_channel(self.bias, y.ndim) if per_channel else self.bias)
        return y


class BatchNorm(_Affine):
    """γ·(x − μ) / √(σ² + ε) + β for each channel: (N, C, …) to (N, C, …), any number of axes.

    Ioffe and Szegedy 2015 (Batch Normalization), algorithm 1. In training μ and σ² are the mean and
    the (biased) variance of the channel over the batch and all further axes, and gradients flow
    through both. In use (`Module.eval`) they are the running ones, which each call in training
    moves towards those of the batch: r ← (1 − momentum)·r + momentum·batch, with the unbiased
    variance (Σ(x − μ)² / (n − 1)), as in PyTorch.

    ``running_mean``, ``running_var`` and ``num_batches_tracked`` are buffers. `train.fit` keeps
    them up to date; a step of your own differentiates with respect to ``model.parameters()``, as
    `train.make_step` does: a derivative with respect to the module itself calls a copy of it, and
    what the copy learns is lost. For the same reason a function that runs on tensors without
    values, such as that of `cr.compile`, `cr.vmap` or `cr.checkpoint`, cannot call a layer from
    outside of it in training.

    Args:
        num_features: number of channels C.
        eps: ε, added to the variance.
        momentum: share of the batch in the running statistics; None for the mean of all batches.
        affine: whether there are γ and β; they start at 1 and 0.
        dtype: of the parameters, and of the running statistics if it is not float16 (float32 then).

    Raises:
        DomainError: if an argument is out of range.
        ShapeError: when called, if the input is not of shape (N, C, …), or in training has only one
            value for each channel, which says nothing about the variance.
        TraceError: when called in training by a function whose new statistics would be lost.

    >>> import chainrule as cr
    >>> norm = cr.nn.BatchNorm(2)
    >>> norm(cr.tensor([[1.0, 5.0], [3.0, 5.0]])).numpy().round(3)
    array([[-1.,  0.],
           [ 1.,  0.]])
    >>> norm.running_mean, norm.running_var
    (tensor([0.2, 0.5], dtype=float32), tensor([1.1, 0.9], dtype=float32))
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        check_counts("BatchNorm", num_features=num_features)
        if momentum is not None:
            check_share("BatchNorm", "momentum", momentum)
        self.eps = _checked_eps("BatchNorm", eps)
        self.momentum = momentum
        self._set_affine((num_features,), affine, affine, dtype)
        kept = np.result_type(dtype, "float32")  # a variance of float16 numbers may overflow
        self.running_mean = tensor(np.zeros(num_features), dtype=kept)
        self.running_var = tensor(np.ones(num_features), dtype=kept)
        self.num_batches_tracked = tensor(0)

    def __call__(self, x: ArrayLike) -> Tensor:
        x = as_input(x, self.running_mean.dtype)
        if x.ndim < 2 or x.shape[1] != self.running_mean.size:
            raise ShapeError(
                f"BatchNorm({self.running_mean.size}) takes inputs of shape (N, "
                f"{self.running_mean.size}, …), channels behind the batch; got {x.shape}"
            )
        wide = _widened(x)
        if self.training:
            axes = (0, *range(2, x.ndim))
            count = x.size // x.shape[1]
            if count < 2:
                raise ShapeError(
                    f"BatchNorm in training needs more than one value for each channel; the input "
                    f"has shape {x.shape}. Take larger batches, or model.eval() to use the running "
                    "statistics"
                )
            mean, variance = _moments(wide, axes)
            self._track(stop_gradient(mean), stop_gradient(variance) * (count / (count - 1)))
        else:
            mean = _per_channel(self.running_mean, x.ndim)
            variance = _per_channel(self.running_var, x.ndim)
        return self._affine(_standardized(wide, mean, variance, self.eps), x.dtype, True)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        batches = self.num_batches_tracked + 1
        share: Any = self.momentum
        if share is None:
            share = 1 / functions.astype(batches, self.running_mean.dtype)

        def moved(running: Tensor, batch: Tensor) -> Tensor:
            batch = functions.astype(batch.reshape(running.shape), running.dtype)
            after: Tensor = (1 - share) * running + share * batch
            return after

        self.running_mean = moved(self.running_mean, mean)
        self.running_var = moved(self.running_var, variance)
        self.num_batches_tracked = batches

    def extra_repr(self) -> str:
        affine = "" if self.weight is not None else ", affine=False"
        return f"{self.running_mean.size}, eps={self.eps}, momentum={self.momentum}{affine}"


class LayerNorm(_Affine):
    """γ·(x − μ) / √(σ² + ε) + β, where μ and σ² are those of the last axes of each example.

    Ba, Kiros and Hinton 2016 (Layer Normalization), equation 4. (…, *normalized_shape) stays as it
    is; the same in training and in use.

    Args:
        normalized_shape: extents of the last axes, which are normalised together; a number for one.
        eps: ε, added to the variance.
        elementwise_affine: whether there are γ and β, of shape normalized_shape.
        bias: whether there is a β beside γ.
        dtype: of the parameters.

    Raises:
        DomainError: if an argument is out of range.
        ShapeError: when called, if the last axes of the input are others.

    >>> import chainrule as cr
    >>> norm = cr.nn.LayerNorm(2)
    >>> norm, norm(cr.tensor([[1.0, 3.0], [-6.0, 6.0]])).numpy().round(3)
    (LayerNorm((2,), eps=1e-05), array([[-1.,  1.],
           [-1.,  1.]]))
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        self.normalized_shape = _normalized_shape("LayerNorm", normalized_shape)
        self.eps = _checked_eps("LayerNorm", eps)
        affine = elementwise_affine
        self._set_affine(self.normalized_shape, affine, affine and bias, dtype)

    def __call__(self, x: ArrayLike) -> Tensor:
        x = _last_axes("LayerNorm", self, x)
        wide = _widened(x)
        mean, variance = _moments(wide, _last(self.normalized_shape))
        return self._affine(_standardized(wide, mean, variance, self.eps), x.dtype, False)

    def extra_repr(self) -> str:
        shown = f"{self.normalized_shape}, eps={self.eps}"
        if self.weight is None:
            return shown + ", elementwise_affine=False"
        return shown + ("" if self.bias is not None else ", bias=False")


class RMSNorm(_Affine):
    """γ·x / √(mean x² + ε) over the last axes of each example: (…, *normalized_shape) stays.

    Zhang and Sennrich 2019 (Root Mean Square Layer Normalization), equation 4.

    Args:
        normalized_shape: extents of the last axes, which are normalised together; a number for one.
        eps: ε, added to the mean square; by default the spacing of floating-point numbers at 1, in
            the dtype of the input (PyTorch's default).
        elementwise_affine: whether there is a γ, of shape normalized_shape.
        dtype: of the parameters.

    Raises:
        DomainError: if an argument is out of range.
        ShapeError: when called, if the last axes of the input are others.

    >>> import chainrule as cr
    >>> norm = cr.nn.RMSNorm(2)
    >>> norm(cr.tensor([[3.0, 4.0]])).numpy().round(3)
    array([[0.849, 1.131]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        self.normalized_shape = _normalized_shape("RMSNorm", normalized_shape)
        self.eps = None if eps is None else _checked_eps("RMSNorm", eps)
        self._set_affine(self.normalized_shape, elementwise_affine, False, dtype)

    def __call__(self, x: ArrayLike) -> Tensor:
        x = _last_axes("RMSNorm", self, x)
        wide = _widened(x)
        square = functions.mean(wide * wide, axis=_last(self.normalized_shape), keepdims=True)
        eps = float(np.finfo(wide.dtype).eps) if self.eps is None else self.eps
        return self._affine(wide / functions.sqrt(square + eps), x.dtype, False)

    def extra_repr(self) -> str:
        affine = "" if self.weight is not None else ", elementwise_affine=False"
        return f"{self.normalized_shape}, eps={self.eps}{affine}"


class GroupNorm(_Affine):
    """γ·(x − μ) / √(σ² + ε) + β, where μ and σ² are those of a group of channels of each example.

    Wu and He 2018 (Group Normalization), section 3: (N, C, …) stays as it is, and the statistics
    are taken over C / num_groups channels and all further axes; the same in training and in use.

    Args:
        num_groups: how many groups the channels are divided into; 1 normalises each example.
        num_channels: number of channels C.
        eps: ε, added to the variance.
        affine: whether there are γ and β for each channel; they start at 1 and 0.
        dtype: of the parameters.

    Raises:
        DomainError: if an argument is out of range, or the channels are no multiple of the groups.
        ShapeError: when called, if the input is not of shape (N, C, …).

    >>> import chainrule as cr
    >>> norm = cr.nn.GroupNorm(2, 4)
    >>> norm(cr.tensor([[1.0, 3.0, -6.0, 6.0]])).numpy().round(3)
    array([[-1.,  1., -1.,  1.]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        name = type(self).__name__
        check_counts(name, num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise DomainError(
                f"{name}: {num_channels} channels are no multiple of {num_groups} groups"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = _checked_eps(name, eps)
        self._set_affine((num_channels,), affine, affine, dtype)

    def __call__(self, x: ArrayLike) -> Tensor:
        x = as_input(x, "float32" if self.weight is None else self.weight.dtype)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(
                f"{type(self).__name__} takes inputs of shape (N, {self.num_channels}, …), "
                f"channels behind the batch; got {x.shape}"
            )
        members = self.num_channels // self.num_groups
        grouped = _widened(x).reshape((x.shape[0], self.num_groups, members, *x.shape[2:]))
        mean, variance = _moments(grouped, tuple(range(2, grouped.ndim)))
        y = _standardized(grouped, mean, variance, self.eps).reshape(x.shape)
        return self._affine(y, x.dtype, True)

    def extra_repr(self) -> str:
        affine = "" if self.weight is not None else ", affine=False"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}{affine}"


class InstanceNorm(GroupNorm):
    """`GroupNorm` with each channel a group of its own: statistics over all further axes.

    Ulyanov, Vedaldi and Lempitsky 2016 (Instance Normalization), equation 3; for (N, C, …) with at
    least one further axis. As in PyTorch there are no γ and β unless ``affine=True``.

    Args:
        num_features: number of channels C.
        eps, affine, dtype: as for `GroupNorm`.

    Raises:
        DomainError: if an argument is out of range.
        ShapeError: when called, if the input is not of shape (N, C, …), or has only one value for
            each channel.

    >>> import chainrule as cr
    >>> norm = cr.nn.InstanceNorm(1)
    >>> norm(cr.tensor([[[1.0, 3.0]]])).numpy().round(3)
    array([[[-1.,  1.]]])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = False,
        *,
        dtype: Any = "float32",
    ) -> None:
        check_counts("InstanceNorm", num_features=num_features)
        super().__init__(num_features, num_features, eps, affine, dtype=dtype)

    def __call__(self, x: ArrayLike) -> Tensor:
        if prod(np.shape(x)[2:]) < 2:
            raise ShapeError(
                "InstanceNorm needs more than one value for each channel of an example; the input "
                f"has shape {np.shape(x)}"
            )
        return super().__call__(x)

    def extra_repr(self) -> str:
        affine = "" if self.weight is None else ", affine=True"
        return f"{self.num_channels}, eps={self.eps}{affine}"


def _checked_eps(layer: str, eps: float) -> float:
    if not 0 <= eps < np.inf:
        raise DomainError(f"{layer}: eps is a number of at least 0, not {eps!r}")
    return eps


def _normalized_shape(layer: str, given: int | Sequence[int]) -> tuple[int, ...]:
    shape = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    if not shape:
        raise DomainError(f"{layer}: normalized_shape needs at least one axis")
    for extent in shape:
        check_counts(layer, normalized_shape=extent)
    return shape


def _last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(-len(shape), 0))


def _last_axes(layer: str, module: LayerNorm | RMSNorm, x: ArrayLike) -> Tensor:
    """The input, if its last axes are those to be normalised."""
    x = as_input(x, "float32" if module.weight is None else module.weight.dtype)
    shape = module.normalized_shape
    if x.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{layer}({shape}) takes inputs whose last axes are {shape}, got shape {x.shape}"
        )
    return x
