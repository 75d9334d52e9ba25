"""The multilayer perceptron."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import functions, random
from chainrule.core.errors import DomainError
from chainrule.nn import activations, initialisers
from chainrule.nn.containers import Layer, Sequential
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.tensor import Tensor

__all__ = ["MLP"]

_ACTIVATIONS: dict[str, type[Module]] = {
    "relu": activations.ReLU,
    "tanh": activations.Tanh,
    "sigmoid": activations.Sigmoid,
    "gelu": activations.GELU,
    "leaky_relu": activations.LeakyReLU,
    "elu": activations.ELU,
    "selu": activations.SELU,
    "celu": activations.CELU,
    "silu": activations.SiLU,
    "mish": activations.Mish,
    "softplus": activations.Softplus,
    "softsign": activations.Softsign,
    "hardtanh": activations.Hardtanh,
    "hardsigmoid": activations.Hardsigmoid,
    "hardswish": activations.Hardswish,
    "relu6": activations.ReLU6,
}


class MLP(Sequential):
    """A multilayer perceptron: linear layers with an activation between them, none at the end.

    Args:
        inputs: extent of the last axis of the input.
        hidden: widths of the hidden layers; a number for one hidden layer.
        outputs: extent of the last axis of the output.
        key: random key of the initial weights.
        activation: "relu", "tanh", "sigmoid", "gelu" or the name of another function for which
            `initialisers.gain` knows a factor; or a function such as ``cr.softplus``, a layer, or a
            class of layers. Weights start by He's rule with the activation's gain (that of relu for
            other functions), those of the last layer with gain 1.

    Raises:
        DomainError: for an unknown activation, or a width that is no whole number above 0.

    >>> import chainrule as cr
    >>> cr.nn.MLP(64, (128, 32), 10, key=cr.random.key(0), activation="tanh")
    MLP(
      layers:
        0: Linear(64, 128)
        1: Tanh()
        2: Linear(128, 32)
        3: Tanh()
        4: Linear(32, 10)
    )
    """

    def __init__(
        self,
        inputs: int,
        hidden: int | Sequence[int],
        outputs: int,
        *,
        key: Tensor,
        activation: str | Layer | type[Module] = "relu",
        dtype: Any = "float32",
    ) -> None:
        make, gain = _activation(activation)
        widths = _widths(inputs, hidden, outputs)
        layers: list[Layer] = []
        for depth, (before, after) in enumerate(pairwise(widths)):
            last = depth == len(widths) - 2
            layers.append(
                Linear(
                    before,
                    after,
                    key=random.fold_in(key, depth),
                    initialiser=partial(initialisers.he_uniform, gain=1.0 if last else gain),
                    dtype=dtype,
                )
            )
            if not last:
                layers.append(make())
        super().__init__(*layers)


def _activation(given: Any) -> tuple[Callable[[], Layer], float]:
    """What makes a layer of this activation, and its gain."""
    for name, kind in _ACTIVATIONS.items():
        if isinstance(given, kind):
            slope = getattr(given, "negative_slope", 0.01)
            return partial(copy.copy, given), initialisers.gain(name, slope)
        named = isinstance(given, str) and given == name
        if named or given is kind or given is getattr(functions, name):
            return kind, initialisers.gain(name)
    if not callable(given):
        raise DomainError(
            f"MLP: unknown activation {given!r}; known are {', '.join(_ACTIVATIONS)}, or give a "
            "function such as cr.softplus"
        )
    return given if isinstance(given, type) else lambda: given, initialisers.gain("relu")


def _widths(inputs: int, hidden: Any, outputs: int) -> list[int]:
    """The extents of the last axis from the input to the output."""
    listed = hidden if isinstance(hidden, (list, tuple)) else [hidden]
    widths = [inputs, *listed, outputs]
    if not all(isinstance(width, (int, np.integer)) and width >= 1 for width in widths):
        raise DomainError(
            f"MLP: widths are whole numbers above 0, such as MLP(64, (128, 32), 10, key=…); got "
            f"{inputs!r}, {hidden!r}, {outputs!r}"
        )
    return widths
