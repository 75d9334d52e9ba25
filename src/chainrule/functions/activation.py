"""Activation functions and normalised exponentials."""

from __future__ import annotations

import math

from chainrule.core.errors import DomainError
from chainrule.core.node import Node
from chainrule.functions._apply import Axis, normalize_axes, unary
from chainrule.lift import as_node, floating
from chainrule.ops import exponential as ex
from chainrule.ops import special as sp
from chainrule.ops.choice import abs_, where
from chainrule.ops.logic import greater, isfinite
from chainrule.ops.reduce import logsumexp, max_, sum_
from chainrule.ops.trigonometric import tanh
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "selu",
    "silu",
    "softmax",
    "softsign",
]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def _float(x: ArrayLike) -> Node:
    return floating(as_node(x))


def relu(x: ArrayLike, /) -> Tensor:
    """max(0, x); the slope at 0 is taken as 0.

    >>> import chainrule as cr
    >>> cr.relu([-1.0, 2.0])
    tensor([0., 2.])
    """
    return unary(ex.relu, x)


def leaky_relu(x: ArrayLike, /, negative_slope: float = 0.01) -> Tensor:
    """x for x > 0, ``negative_slope`` · x elsewhere.

    >>> import chainrule as cr
    >>> cr.leaky_relu([-1.0, 2.0])
    tensor([-0.01,  2.  ])
    """
    node = _float(x)
    return wrap(where(greater(node, 0.0), node, negative_slope * node))


def elu(x: ArrayLike, /, alpha: float = 1.0) -> Tensor:
    """x for x > 0, α (e^x - 1) elsewhere (Clevert et al., 2016).

    >>> import chainrule as cr
    >>> cr.elu([-1000.0, 2.0])
    tensor([-1.,  2.])
    """
    return wrap(_elu(_float(x), alpha))


def _elu(x: Node, alpha: float) -> Node:
    above = greater(x, 0.0)
    # e^x is only computed for x <= 0, so that its infinite derivative cannot spoil the gradient
    return where(above, x, alpha * ex.expm1(where(above, 0.0, x)))


def selu(x: ArrayLike, /) -> Tensor:
    """The `elu` that keeps mean 0 and variance 1 from layer to layer (Klambauer et al., 2017).

    >>> import chainrule as cr
    >>> cr.selu(1.0)
    tensor(1.05070099)
    """
    return wrap(SELU_SCALE * _elu(_float(x), SELU_ALPHA))


def gelu(x: ArrayLike, /, approximate: str = "none") -> Tensor:
    """x Φ(x), where Φ is the standard normal distribution function (Hendrycks & Gimpel, 2016).

    Args:
        x: the argument.
        approximate: "none" for the exact function, "tanh" for
            x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).

    >>> import chainrule as cr
    >>> cr.gelu(1.0), cr.gelu(1.0, approximate="tanh")
    (tensor(0.84134475), tensor(0.84119199))
    """
    node = _float(x)
    if approximate == "none":
        return wrap(0.5 * node * sp.erfc(-math.sqrt(0.5) * node))
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (node + 0.044715 * node**3)
        return wrap(0.5 * node * (1.0 + tanh(inner)))
    raise DomainError(f'gelu: approximate is "none" or "tanh", not {approximate!r}')


def silu(x: ArrayLike, /) -> Tensor:
    """x σ(x), also called swish.

    >>> import chainrule as cr
    >>> cr.silu(1.0)
    tensor(0.73105858)
    """
    node = _float(x)
    return wrap(node * ex.sigmoid(node))


def mish(x: ArrayLike, /) -> Tensor:
    """x tanh(softplus(x)) (Misra, 2019).

    >>> import chainrule as cr
    >>> cr.mish(1.0)
    tensor(0.86509839)
    """
    node = _float(x)
    return wrap(node * tanh(ex.softplus(node)))


def softsign(x: ArrayLike, /) -> Tensor:
    """x / (1 + |x|).

    >>> import chainrule as cr
    >>> cr.softsign([-1.0, 3.0])
    tensor([-0.5 ,  0.75])
    """
    node = _float(x)
    return wrap(node / (1.0 + abs_(node)))


def log_sigmoid(x: ArrayLike, /) -> Tensor:
    """ln σ(x), without overflow.

    >>> import chainrule as cr
    >>> cr.log_sigmoid([-1e4, 1e4])
    tensor([-10000.,     -0.])
    """
    return wrap(-ex.softplus(-_float(x)))


def _shifted(name: str, x: ArrayLike, axis: Axis) -> tuple[Node, tuple[int, ...]]:
    """x minus its largest element, which changes no softmax and keeps e^x from overflowing."""
    node = _float(x)
    axes = normalize_axes(name, axis, node.ndim)
    if any(node.shape[a] == 0 for a in axes):
        return node, axes
    largest = ex.stop_gradient(max_(node, axes=axes, keepdims=True))
    return node - where(isfinite(largest), largest, 0.0), axes


def softmax(x: ArrayLike, /, axis: Axis = -1) -> Tensor:
    """e^x / Σ e^x along ``axis``, without overflow.

    >>> import chainrule as cr
    >>> cr.softmax([1000.0, 1000.0])
    tensor([0.5, 0.5])
    """
    shifted, axes = _shifted("softmax", x, axis)
    powers = ex.exp(shifted)
    return wrap(powers / sum_(powers, axes=axes, keepdims=True))


def log_softmax(x: ArrayLike, /, axis: Axis = -1) -> Tensor:
    """x - ln Σ e^x along ``axis``, without overflow, also where the softmax is 0.

    >>> import chainrule as cr
    >>> cr.log_softmax([1e4, 0.0])
    tensor([     0., -10000.])
    """
    shifted, axes = _shifted("log_softmax", x, axis)
    if any(shifted.shape[a] == 0 for a in axes):
        return wrap(shifted)
    return wrap(shifted - logsumexp(shifted, axes=axes, keepdims=True))
