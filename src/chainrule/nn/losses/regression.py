"""Losses of numbers."""

from __future__ import annotations

import math
from typing import Any

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.nn.losses._shared import Reduction, as_tensor, matching, reduced
from chainrule.tensor import ArrayLike, Tensor

__all__ = ["gaussian_nll", "huber", "mae", "mse", "poisson_nll"]


def mse(predictions: ArrayLike, targets: Any, reduction: Reduction = "mean") -> Tensor:
    """Squared error (prediction − target)².

    Args:
        predictions: any shape.
        targets: the same shape; nothing is broadcast, which here would hide a mistake.
        reduction: "mean" or "sum" over all elements, or "none".

    Raises:
        ShapeError: if the shapes differ.

    >>> import chainrule as cr
    >>> cr.nn.mse(cr.tensor([1.0, 2.0]), [1.0, 4.0])
    tensor(2.)
    """
    outputs, y = matching("mse", predictions, targets)
    return reduced((outputs - y) ** 2, reduction)


def mae(predictions: ArrayLike, targets: Any, reduction: Reduction = "mean") -> Tensor:
    """Absolute error |prediction − target|, whose slope is taken as 0 where it is 0.

    Args:
        predictions: any shape.
        targets: the same shape.
        reduction: "mean" or "sum" over all elements, or "none".

    Raises:
        ShapeError: if the shapes differ.

    >>> import chainrule as cr
    >>> cr.nn.mae(cr.tensor([1.0, 2.0]), [1.0, 4.0])
    tensor(1.)
    """
    outputs, y = matching("mae", predictions, targets)
    return reduced(functions.abs(outputs - y), reduction)


def huber(
    predictions: ArrayLike, targets: Any, reduction: Reduction = "mean", delta: float = 1.0
) -> Tensor:
    """½e² for |e| ≤ δ, δ (|e| − ½δ) beyond, where e = prediction − target.

    Huber 1964 (Robust estimation of a location parameter): its gradient is e cut off at ±δ, so that
    outliers do not outweigh the rest.

    Args:
        predictions: any shape.
        targets: the same shape.
        reduction: "mean" or "sum" over all elements, or "none".
        delta: δ, in units of the targets.

    Raises:
        ShapeError: if the shapes differ.
        DomainError: unless ``delta`` is above 0.

    >>> import chainrule as cr
    >>> cr.nn.huber(cr.tensor([0.5, 10.0]), [0.0, 0.0], reduction="none")
    tensor([0.125, 9.5  ])
    """
    if not delta > 0:
        raise DomainError(f"huber: delta is a number above 0, not {delta!r}")
    outputs, y = matching("huber", predictions, targets)
    error = outputs - y
    cut = functions.clip(error, -delta, delta)
    return reduced(cut * (error - 0.5 * cut), reduction)


def poisson_nll(
    predictions: ArrayLike,
    targets: Any,
    reduction: Reduction = "mean",
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
) -> Tensor:
    """Negative log-likelihood of counts t with a Poisson distribution, without its constant log t!.

    e^x − t·x where x is the logarithm of the rate (gradient e^x − t), or λ − t log(λ + ε) where it
    is the rate itself.

    Args:
        predictions: x, or λ, any shape.
        targets: counts t, the same shape.
        reduction: "mean" or "sum" over all elements, or "none".
        log_input: whether predictions are logarithms.
        full: whether to add Stirling's t log t − t + ½ log(2πt) for log t!, where t > 1.
        eps: ε, which keeps the logarithm of a rate 0 finite.

    Raises:
        ShapeError: if the shapes differ.
        DomainError: if a target is negative.

    >>> import chainrule as cr
    >>> cr.nn.poisson_nll(cr.tensor([0.0, 1.0]), [1, 0], reduction="none")
    tensor([1.        , 2.71828183])
    """
    x, t = matching("poisson_nll", predictions, targets)
    if not t.is_traced and t.size and t.numpy().min() < 0:
        raise DomainError(f"poisson_nll: targets are counts, one is {t.numpy().min():g}")
    loss = functions.exp(x) - t * x if log_input else x - t * functions.log(x + eps)
    if full:
        many = functions.greater(t, 1.0)
        safe = functions.where(many, t, 1.0)
        stirling = safe * functions.log(safe) - safe + 0.5 * functions.log(2 * math.pi * safe)
        loss = loss + functions.where(many, stirling, 0.0)
    return reduced(loss, reduction)


def gaussian_nll(
    predictions: ArrayLike,
    targets: Any,
    var: ArrayLike,
    reduction: Reduction = "mean",
    full: bool = False,
    eps: float = 1e-6,
) -> Tensor:
    """½ (log v + (prediction − target)² / v) with v = max(var, ε): a network that knows its error.

    Nix and Weigend 1994 (Estimating the mean and variance of the target probability distribution).

    Args:
        predictions: means, any shape.
        targets: the same shape.
        var: variances, not negative; the same shape.
        reduction: "mean" or "sum" over all elements, or "none".
        full: whether to add the constant ½ log 2π.
        eps: ε, the least variance.

    Raises:
        ShapeError: if the shapes differ.
        DomainError: if a variance is negative, or ``eps`` not above 0.

    >>> import chainrule as cr
    >>> cr.nn.gaussian_nll(cr.tensor([1.0]), [3.0], [4.0])
    tensor(1.19314718)
    """
    if not eps > 0:
        raise DomainError(f"gaussian_nll: eps is a number above 0, not {eps!r}")
    mean, y = matching("gaussian_nll", predictions, targets)
    _, v = matching("gaussian_nll (var)", mean, as_tensor(var))
    if not v.is_traced and v.size and v.numpy().min() < 0:
        raise DomainError(f"gaussian_nll: variances are not negative, one is {v.numpy().min():g}")
    v = functions.maximum(v, eps)
    loss = 0.5 * (functions.log(v) + (mean - y) ** 2 / v)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)
