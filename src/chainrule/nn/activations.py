"""Activations as layers, for `Sequential` and summaries; each calls the function of its name."""

from __future__ import annotations

from chainrule import functions
from chainrule.nn.module import Module
from chainrule.tensor import Tensor

__all__ = ["GELU", "ReLU", "Sigmoid", "Tanh"]


class ReLU(Module):
    """max(x, 0), elementwise."""

    def __call__(self, x: Tensor) -> Tensor:
        return functions.relu(x)


class Tanh(Module):
    """tanh x, elementwise."""

    def __call__(self, x: Tensor) -> Tensor:
        return functions.tanh(x)


class Sigmoid(Module):
    """σ(x) = 1 / (1 + exp(−x)), elementwise."""

    def __call__(self, x: Tensor) -> Tensor:
        return functions.sigmoid(x)


class GELU(Module):
    """x·Φ(x), elementwise; Hendrycks and Gimpel 2016, section 2."""

    def __call__(self, x: Tensor) -> Tensor:
        return functions.gelu(x)
