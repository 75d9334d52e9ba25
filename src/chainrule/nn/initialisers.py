"""Initial weights whose size keeps the variance of signals and gradients from layer to layer.

Each initialiser is a function of ``(key, shape)``. The first extent of a shape is the number of
outputs, the second that of inputs, further ones are the extents of a convolution's kernel.

- Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, Efficient BackProp, 1998.
- X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks,
  AISTATS 2010 (Xavier).
- A. Saxe, J. McClelland, S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep
  linear neural networks, ICLR 2014 (orthogonal).
- K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, ICCV 2015 (He).
- G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, Self-normalizing neural networks, NeurIPS
  2017 (LeCun's rule for selu).
- S. Schoenholz, J. Gilmer, S. Ganguli, J. Sohl-Dickstein, Deep information propagation, ICLR 2017
  (edge of chaos).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from chainrule import functions, random
from chainrule.calculus import grad
from chainrule.core.errors import DomainError, ShapeError
from chainrule.tensor import Tensor, tensor

__all__ = [
    "Critical",
    "Initialiser",
    "edge_of_chaos",
    "gain",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "truncated_normal",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Shape = tuple[int, ...]
Initialiser = Callable[..., Tensor]
"""``initialiser(key, shape, dtype=…)`` gives a tensor of that shape."""

Activation = str | Callable[[Any], Any]

_GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 1.0,
}

_MEASURED = (
    "celu",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "mish",
    "relu6",
    "silu",
    "softplus",
    "softsign",
)
"""Activations with the gain that follows from the mean square of their values."""


def gain(activation: Activation, negative_slope: float = 0.01) -> float:
    """The factor by which weights before this activation are larger than for a linear layer.

    √2 for relu, which halves the mean square (He et al. 2015, section 2.2), √(2 / (1 + a²)) for
    leaky_relu with slope a (equation 15); 5/3 for tanh; 1 for linear layers, sigmoid, and selu,
    which is made for it (Klambauer et al. 2017). For others 1 / √E f(z)², with z standard normal:
    the factor with which layer after layer has signals of mean square 1.

    Args:
        activation: its name, or an elementwise function such as ``cr.softplus``.
        negative_slope: that of leaky_relu.

    Raises:
        DomainError: for an unknown name, or a function that is 0.

    >>> import chainrule as cr
    >>> from chainrule.nn import initialisers
    >>> initialisers.gain("relu") ** 2
    2.0000000000000004
    >>> round(initialisers.gain("gelu"), 4), round(initialisers.gain(lambda x: 2 * x), 4)
    (1.5335, 0.5)
    """
    if callable(activation):
        square, _ = _mean_squares(activation, 1.0)
        if square == 0:
            raise DomainError("gain: the activation is 0 everywhere, no factor mends that")
        return 1 / math.sqrt(square)
    if activation == "leaky_relu":
        return math.sqrt(2 / (1 + negative_slope**2))
    if activation in _MEASURED:
        return _measured(activation)
    if activation not in _GAINS:
        known = ", ".join(sorted((*_GAINS, *_MEASURED, "leaky_relu")))
        raise DomainError(f"no gain for {activation!r}; known are {known}, or give a function")
    return _GAINS[activation]


@cache
def _measured(name: str) -> float:
    return gain(getattr(functions, name))


class Critical(NamedTuple):
    """What `edge_of_chaos` gives: weights N(0, gain² / fan_in), biases N(0, bias²)."""

    gain: float
    bias: float


def edge_of_chaos(activation: Activation, variance: float = 1.0) -> Critical:
    """The start at which signals keep ``variance`` and gradients neither grow nor shrink.

    In a wide network the variance q of what enters an activation f is mapped by a layer to
    gain²·E f(√q z)² + bias², and the variance of gradients is multiplied by gain²·E f′(√q z)²; z is
    standard normal (Schoenholz et al. 2017, section 3). So gain = 1 / √E f′², and the biases make
    up for the rest. For relu it is He's rule, for every variance.

    Only if E f·f″ < 0 do other variances move towards q: for tanh, elu, selu, softsign. For gelu,
    silu and mish they move away from it, and slowly only where it is small: with 0.001 a network
    500 units wide keeps both variances within a factor 2 through 50 layers. For sigmoid and
    softplus there is no such start, as E f² is too large.

    Args:
        activation: a name that `gain` knows, or an elementwise function.
        variance: q, of what enters the activation.

    Raises:
        DomainError: if there is no such start, or ``variance`` is not above 0.

    >>> from chainrule.nn import initialisers
    >>> [round(x, 3) for x in initialisers.edge_of_chaos("tanh")]
    [1.467, 0.389]
    >>> [round(x, 3) for x in initialisers.edge_of_chaos("relu")]
    [1.414, 0.0]
    """
    if not variance > 0:
        raise DomainError(f"edge_of_chaos: variance is a number above 0, not {variance!r}")
    square, slope = _mean_squares(_function(activation), variance)
    if slope == 0:
        raise DomainError("edge_of_chaos: the slope of the activation is 0 everywhere")
    rest = variance - square / slope
    if rest < -1e-6 * variance:  # less is the error of the integrals
        raise DomainError(
            f"edge_of_chaos: with a gain of {1 / math.sqrt(slope):.3g}, which keeps gradients, the "
            f"variance of signals grows beyond {variance:g} even without biases; there is no such "
            "start for this activation"
        )
    return Critical(1 / math.sqrt(slope), math.sqrt(max(rest, 0.0)))


def _function(activation: Activation) -> Callable[[Any], Any]:
    if callable(activation):
        return activation
    if activation == "linear":
        return lambda x: x
    gain(activation)  # raises for an unknown name
    found: Callable[[Any], Any] = getattr(functions, activation)
    return found


def _mean_squares(f: Callable[[Any], Any], variance: float) -> tuple[float, float]:
    """E f(√q z)² and E f′(√q z)² for a standard normal z, by the trapezoidal rule."""
    step = 1e-3
    z = np.arange(-10 + step / 2, 10, step)  # a kink at 0 lies between two points
    weights = np.exp(-z * z / 2) * (step / math.sqrt(2 * math.pi))
    x = tensor(math.sqrt(variance) * z)
    values, slopes = f(x).numpy(), grad(lambda x: f(x).sum())(x).numpy()
    return float(weights @ values**2), float(weights @ slopes**2)


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


def lecun_uniform(key: Tensor, shape: Shape, gain: float = 1.0, dtype: Any = "float32") -> Tensor:
    """Uniform in ±gain·√(3 / fan_in), variance gain² / fan_in; LeCun et al. 1998, section 4.6."""
    return _uniform(key, shape, gain / math.sqrt(fans(shape)[0]), dtype)


def lecun_normal(key: Tensor, shape: Shape, gain: float = 1.0, dtype: Any = "float32") -> Tensor:
    """Normal with standard deviation gain / √fan_in; for selu, Klambauer et al. 2017, section 2.

    >>> import chainrule as cr
    >>> w = cr.nn.initialisers.lecun_normal(cr.random.key(0), (200, 100))
    >>> round(float(w.numpy().std()), 2)
    0.1
    """
    return _normal(key, shape, gain / math.sqrt(fans(shape)[0]), dtype)


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


def orthogonal(key: Tensor, shape: Shape, gain: float = 1.0, dtype: Any = "float32") -> Tensor:
    """gain times a matrix of orthonormal columns or rows, whichever are fewer; Saxe et al. 2014.

    It keeps lengths exactly, so that a deep linear network has no worse condition than one layer.
    Further axes of a shape are taken together with the second. The matrix is Q of the QR
    decomposition of a normal matrix, with the signs that make it uniform (Mezzadri 2007).

    Raises:
        ShapeError: for fewer than two axes.

    >>> import chainrule as cr
    >>> w = cr.nn.initialisers.orthogonal(cr.random.key(0), (2, 3), dtype="float64")
    >>> bool(cr.allclose(w @ w.T, cr.eye(2)))
    True
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    wide = np.dtype(dtype) if np.dtype(dtype).itemsize > 2 else np.dtype("float32")
    drawn = random.normal(key, (max(rows, columns), min(rows, columns)), dtype=wide)
    q, r = functions.linalg.qr(drawn)
    q = q * functions.where(functions.less(functions.diagonal(r), 0.0), -1.0, 1.0)
    matrix = gain * (q if rows >= columns else q.T)
    return functions.astype(matrix.reshape(shape), dtype)


def truncated_normal(key: Tensor, shape: Shape, std: float = 1.0, dtype: Any = "float32") -> Tensor:
    """Normal with mean 0 and deviation ``std``, restricted to ±2·std, which leaves 0.88·std.

    >>> import chainrule as cr
    >>> w = cr.nn.initialisers.truncated_normal(cr.random.key(0), (50, 50), std=0.02)
    >>> float(abs(w).max()) <= 0.04
    True
    """
    return random.truncated_normal(key, shape, dtype=dtype) * std


def zeros(key: Tensor | None, shape: Shape, dtype: Any = "float32") -> Tensor:
    """0 everywhere, whatever the key: the last layer of a branch that begins as the identity."""
    return functions.zeros(shape, dtype=dtype)


def ones(key: Tensor | None, shape: Shape, dtype: Any = "float32") -> Tensor:
    """1 everywhere, whatever the key."""
    return functions.ones(shape, dtype=dtype)


def _uniform(key: Tensor, shape: Shape, deviation: float, dtype: Any) -> Tensor:
    bound = math.sqrt(3) * deviation  # the standard deviation of a uniform variable in ±b is b/√3
    return random.uniform(key, shape, low=-bound, high=bound, dtype=dtype)


def _normal(key: Tensor, shape: Shape, deviation: float, dtype: Any) -> Tensor:
    return random.normal(key, shape, dtype=dtype) * deviation
