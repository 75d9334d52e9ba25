"""Activation functions and normalised exponentials."""

from __future__ import annotations

import math

from chainrule.core.errors import DomainError, ShapeError
from chainrule.core.node import Node
from chainrule.functions._apply import Axis, normalize_axes, normalize_axis, unary
from chainrule.functions.elementwise import clip
from chainrule.functions.joining import split
from chainrule.lift import as_node, floating
from chainrule.ops import exponential as ex
from chainrule.ops import special as sp
from chainrule.ops.choice import abs_, where
from chainrule.ops.logic import greater, isfinite
from chainrule.ops.reduce import logsumexp, max_, sum_
from chainrule.ops.trigonometric import tanh
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
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


def relu6(x: ArrayLike, /) -> Tensor:
    """min(max(0, x), 6), which suits numbers of few bits (Howard et al., 2017).

    >>> import chainrule as cr
    >>> cr.relu6([-1.0, 2.0, 9.0])
    tensor([0., 2., 6.])
    """
    return hardtanh(x, 0.0, 6.0)


def hardtanh(x: ArrayLike, /, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x between ``min_val`` and ``max_val``, the nearer of them outside (Collobert, 2004).

    Raises:
        DomainError: unless ``min_val`` is below ``max_val``.

    >>> import chainrule as cr
    >>> cr.hardtanh([-3.0, 0.5])
    tensor([-1. ,  0.5])
    """
    if not min_val < max_val:
        raise DomainError(f"hardtanh: min_val must be below max_val, not {min_val} and {max_val}")
    return clip(wrap(_float(x)), min_val, max_val)


def hardsigmoid(x: ArrayLike, /) -> Tensor:
    """min(max(0, x/6 + 1/2), 1), a sigmoid of straight lines (Howard et al., 2019, section 5.2).

    >>> import chainrule as cr
    >>> cr.hardsigmoid([-4.0, 0.0, 1.5])
    tensor([0.  , 0.5 , 0.75])
    """
    return clip(wrap(_float(x) / 6.0 + 0.5), 0.0, 1.0)


def hardswish(x: ArrayLike, /) -> Tensor:
    """x · hardsigmoid(x) (Howard et al., 2019, section 5.2).

    >>> import chainrule as cr
    >>> cr.hardswish([-4.0, 1.5, 4.0])
    tensor([-0.   ,  1.125,  4.   ])
    """
    node = _float(x)
    return wrap(node * hardsigmoid(wrap(node)).node)


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


def celu(x: ArrayLike, /, alpha: float = 1.0) -> Tensor:
    """x for x > 0, α (e^(x/α) - 1) elsewhere: `elu` with slope 1 at 0 (Barron, 2017).

    Raises:
        DomainError: if ``alpha`` is 0.

    >>> import chainrule as cr
    >>> cr.celu([-1000.0, 2.0], alpha=0.5)
    tensor([-0.5,  2. ])
    """
    if not alpha:
        raise DomainError("celu: x is divided by alpha, which is 0")
    node = _float(x)
    above = greater(node, 0.0)
    return wrap(where(above, node, alpha * ex.expm1(where(above, 0.0, node) / alpha)))


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


def glu(x: ArrayLike, /, axis: int = -1) -> Tensor:
    """a · σ(b), where a and b are the halves of x along ``axis`` (Dauphin et al., 2017).

    Raises:
        ShapeError: if the extent along ``axis`` is odd.

    >>> import chainrule as cr
    >>> cr.glu([[1.0, 3.0, 0.0, 100.0]])
    tensor([[0.5, 3. ]])
    """
    node = _float(x)
    place = normalize_axis("glu", axis, node.ndim)
    if node.shape[place] % 2:
        raise ShapeError(
            f"glu halves axis {axis}, which has {node.shape[place]} elements in {node.shape}"
        )
    value, gate = split(wrap(node), 2, axis=place)
    return wrap(value.node * ex.sigmoid(gate.node))


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
