"""Layers with parameters, and networks of layers in a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import functions, random
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn import initialisers
from chainrule.nn.activations import GELU, ReLU, Sigmoid, Tanh
from chainrule.nn.initialisers import Initialiser
from chainrule.nn.module import Module, parameter
from chainrule.tensor import Tensor, tensor

__all__ = ["MLP", "Linear", "Sequential"]

Layer = Callable[[Any], Any]


class Linear(Module):
    """y = x Wᵀ + b along the last axis: shape (…, inputs) becomes (…, outputs).

    The weight has shape (outputs, inputs). That is W of the textbook's z = W x + b, whose row i
    belongs to output i, and the layout of PyTorch, so that its weights load as they are.

    Args:
        inputs, outputs: extents of the last axis before and after.
        key: random key of the initial weight.
        bias: whether there is a b; it starts at zero.
        initialiser: of the weight, a function of (key, shape); by default Xavier uniform.
        dtype: of the parameters, and of an input that is a list.

    Raises:
        DomainError: if an extent is below 1.
        ShapeError: when called, if the last axis of x is not ``inputs`` long.

    >>> import chainrule as cr
    >>> layer = cr.nn.Linear(3, 2, key=cr.random.key(0))
    >>> layer
    Linear(3, 2)
    >>> layer(cr.tensor([[1.0, 2.0, 3.0]], dtype="float32")).shape
    (1, 2)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        key: Tensor,
        bias: bool = True,
        initialiser: Initialiser = initialisers.xavier_uniform,
        dtype: Any = "float32",
    ) -> None:
        if inputs < 1 or outputs < 1:
            raise DomainError(f"Linear needs at least 1 input and 1 output: {inputs}, {outputs}")
        self.weight = parameter(initialiser(key, (outputs, inputs), dtype=dtype), dtype)
        self.bias = parameter(np.zeros(outputs), dtype) if bias else None

    def __call__(self, x: Tensor | list[Any] | tuple[Any, ...]) -> Tensor:
        outputs, inputs = self.weight.shape
        if isinstance(x, (list, tuple)):
            x = tensor(x, dtype=self.weight.dtype)
        if not x.shape or x.shape[-1] != inputs:
            raise ShapeError(
                f"Linear({inputs}, {outputs}) takes a last axis of {inputs}, "
                f"the input has shape {x.shape}"
            )
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}" + ("" if self.bias is not None else ", bias=False")


class Sequential(Module):
    """Layers one after the other; any function of one argument may be a layer.

    >>> import chainrule as cr
    >>> first, last = cr.random.split(cr.random.key(0))
    >>> model = cr.nn.Sequential(
    ...     cr.nn.Linear(2, 3, key=first), cr.tanh, cr.nn.Linear(3, 1, key=last)
    ... )
    >>> list(model.parameters())
    ['layers.0.weight', 'layers.0.bias', 'layers.2.weight', 'layers.2.bias']
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = tuple(layers)

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]


_ACTIVATIONS: dict[str, type[Module]] = {
    "relu": ReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "gelu": GELU,
}


class MLP(Sequential):
    """A multilayer perceptron: linear layers with an activation between them, none at the end.

    Args:
        inputs: extent of the last axis of the input.
        hidden: widths of the hidden layers; a number for one hidden layer.
        outputs: extent of the last axis of the output.
        key: random key of the initial weights.
        activation: "relu", "tanh", "sigmoid", "gelu", or a function such as ``cr.softplus``, a
            layer, or a class of layers. Weights start by He's rule with the activation's gain (that
            of relu for other functions), those of the last layer with gain 1.

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
        make, name = _activation(activation)
        widths = _widths(inputs, hidden, outputs)
        layers: list[Layer] = []
        for depth, (before, after) in enumerate(pairwise(widths)):
            last = depth == len(widths) - 2
            gain = initialisers.gain("linear" if last else name)
            layers.append(
                Linear(
                    before,
                    after,
                    key=random.fold_in(key, depth),
                    initialiser=partial(initialisers.he_uniform, gain=gain),
                    dtype=dtype,
                )
            )
            if not last:
                layers.append(make())
        super().__init__(*layers)


def _activation(given: Any) -> tuple[Callable[[], Layer], str]:
    """What makes a layer of this activation, and the name of its gain."""
    for name, kind in _ACTIVATIONS.items():
        same = given is kind or given is getattr(functions, name) or isinstance(given, kind)
        if same or (isinstance(given, str) and given == name):
            return kind, name
    if not callable(given):
        raise DomainError(
            f"MLP: unknown activation {given!r}; known are {', '.join(_ACTIVATIONS)}, or give a "
            "function such as cr.softplus"
        )
    return given if isinstance(given, type) else lambda: given, "relu"


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
