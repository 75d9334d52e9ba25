"""What the estimators minimise, as functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule import functions
from chainrule.nn.losses import bce_with_logits, cross_entropy
from chainrule.tensor import Tensor

__all__ = ["ACTIVATIONS", "LOSSES", "OUTPUTS", "Layers", "mean_loss", "network", "penalised"]

Layers = list[tuple[Tensor, Tensor]]
"""Weights (inputs, outputs) and biases (outputs,) of each layer."""


def _identity(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": _identity,
    "logistic": functions.sigmoid,
    "tanh": functions.tanh,
    "relu": functions.relu,
}

OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": _identity,
    "exp": functions.exp,
    "logistic": functions.sigmoid,
    "softmax": lambda z: functions.softmax(z, axis=1),
}
"""What makes predictions of what the last layer gives."""


def _squared(z: Tensor, y: Tensor) -> Tensor:
    return 0.5 * ((z - y) ** 2).sum(axis=1)


def _poisson(z: Tensor, y: Tensor) -> Tensor:
    """Half of the deviance y log(y/ŷ) − y + ŷ of ŷ = exp z."""
    least = y * functions.log(functions.where(y > 0, y, 1.0)) - y
    return (functions.exp(z) - y * z + least).sum(axis=1)


def _binary(z: Tensor, y: Tensor) -> Tensor:
    return bce_with_logits(z, y, reduction="none").sum(axis=1)


def _softmax(z: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(z, y, reduction="none")


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared_error": _squared,
    "poisson": _poisson,
    "logistic": _binary,
    "softmax": _softmax,
}
"""The loss of each example, shape (n,), of the last layer's (n, outputs) and the targets."""


def network(layers: Layers, x: Tensor, activation: str) -> Tensor:
    """What the last layer gives, before its own activation, shape (n, outputs)."""
    *hidden, (weight, bias) = layers
    for inner, offset in hidden:
        x = ACTIVATIONS[activation](x @ inner + offset)
    return x @ weight + bias


def mean_loss(losses: Tensor, weights: Tensor | None) -> tuple[Tensor, Any]:
    """The mean of the losses, and the total weight that it is the mean over."""
    if weights is None:
        return losses.mean(), losses.shape[0]
    total = functions.maximum(weights.sum(), 1e-30)
    return (weights * losses).sum() / total, total


def penalised(
    layers: Layers,
    x: Tensor,
    y: Tensor,
    weights: Tensor | None,
    alpha: Any,
    activation: str,
    loss: str,
) -> Tensor:
    """(Σ w·loss + α/2·Σ‖W‖²) / Σ w; the biases are not penalised."""
    value, total = mean_loss(LOSSES[loss](network(layers, x, activation), y), weights)
    squares = sum((weight * weight).sum() for weight, _ in layers)
    whole: Tensor = value + 0.5 * functions.astype(alpha, value.dtype) * squares / total
    return whole
