"""Initial weights whose size keeps the variance of signals and gradients from layer to layer.

Each initialiser is a function of ``(key, shape)``. The first extent of a shape is the number of
outputs, the second that of inputs, further ones are the extents of a convolution's kernel.

- X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks,
  AISTATS 2010 (Xavier).
- K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, ICCV 2015 (He).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule import random
from chainrule.core.errors import DomainError, ShapeError
from chainrule.tensor import Tensor

__all__ = ["Initialiser", "gain", "he_normal", "he_uniform", "xavier_normal", "xavier_uniform"]

Shape = tuple[int, ...]
Initialiser = Callable[..., Tensor]
"""``initialiser(key, shape, dtype=…)`` gives a tensor of that shape."""

_GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "gelu": math.sqrt(2),
}


def gain(activation: str) -> float:
    """The factor by which weights before this activation are larger than for a linear layer.

    √2 for relu, which halves the mean square (He et al. 2015, section 2.2), and for gelu, which is
    close to it; 5/3 for tanh; 1 for sigmoid and linear layers.

    Raises:
        DomainError: for an unknown name.

    >>> from chainrule.nn import initialisers
    >>> initialisers.gain("relu") ** 2
    2.0000000000000004
    """
    if activation not in _GAINS:
        raise DomainError(f"no gain for {activation!r}; known are {', '.join(_GAINS)}")
    return _GAINS[activation]


def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs each output sees, and how many outputs each input reaches.

    Raises:
        ShapeError: for fewer than two axes.

    >>> from chainrule.nn.initialisers import fans
    >>> fans((10, 64)), fans((16, 3, 5, 5))
    ((64, 10), (75, 400))
    """
    if len(shape) < 2:
        raise ShapeError(f"weights need two axes (outputs, inputs, …), the shape is {shape}")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def xavier_uniform(key: Tensor, shape: Shape, gain: float = 1.0, dtype: Any = "float32") -> Tensor:
    """Uniform in ±gain·√(6 / (fan_in + fan_out)); Glorot and Bengio 2010, equation 16.

    >>> import chainrule as cr
    >>> w = cr.nn.initialisers.xavier_uniform(cr.random.key(0), (50, 100))
    >>> float(abs(w).max()) < 0.2001
    True
    """
    return _uniform(key, shape, gain * math.sqrt(2 / sum(fans(shape))), dtype)


def xavier_normal(key: Tensor, shape: Shape, gain: float = 1.0, dtype: Any = "float32") -> Tensor:
    """Normal with standard deviation gain·√(2 / (fan_in + fan_out)); Glorot and Bengio 2010."""
    return _normal(key, shape, gain * math.sqrt(2 / sum(fans(shape))), dtype)


def he_uniform(
    key: Tensor, shape: Shape, gain: float = math.sqrt(2), dtype: Any = "float32"
) -> Tensor:
    """Uniform in ±gain·√(3 / fan_in); He et al. 2015, equation 10 (gain √2, for relu)."""
    return _uniform(key, shape, gain / math.sqrt(fans(shape)[0]), dtype)


def he_normal(
    key: Tensor, shape: Shape, gain: float = math.sqrt(2), dtype: Any = "float32"
) -> Tensor:
    """Normal with standard deviation gain / √fan_in; He et al. 2015, equation 10 (gain √2).

    >>> import chainrule as cr
    >>> w = cr.nn.initialisers.he_normal(cr.random.key(0), (200, 50))
    >>> round(float(w.numpy().std()), 2)
    0.2
    """
    return _normal(key, shape, gain / math.sqrt(fans(shape)[0]), dtype)


def _uniform(key: Tensor, shape: Shape, deviation: float, dtype: Any) -> Tensor:
    bound = math.sqrt(3) * deviation  # the standard deviation of a uniform variable in ±b is b/√3
    return random.uniform(key, shape, low=-bound, high=bound, dtype=dtype)


def _normal(key: Tensor, shape: Shape, deviation: float, dtype: Any) -> Tensor:
    return random.normal(key, shape, dtype=dtype) * deviation
