"""Activations as layers, for `Sequential` and summaries; each calls the function of its name.

Formulas and sources are with the functions: `chainrule.gelu` says what `GELU` computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn._checks import as_input, check_counts
from chainrule.nn.module import Module, parameter
from chainrule.tensor import Tensor

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
]


# -- with slopes of 0, 1 or a constant -------------------------------------------------------------


class ReLU(Module):
    """max(x, 0), elementwise.

    >>> import chainrule as cr
    >>> cr.nn.ReLU()(cr.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.relu(x)


class ReLU6(Module):
    """min(max(x, 0), 6), elementwise.

    >>> import chainrule as cr
    >>> cr.nn.ReLU6()(cr.tensor([-1.0, 9.0]))
    tensor([0., 6.])
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.relu6(x)


class LeakyReLU(Module):
    """x for x > 0, ``negative_slope`` · x elsewhere.

    >>> import chainrule as cr
    >>> cr.nn.LeakyReLU(0.1)(cr.tensor([-1.0, 2.0]))
    tensor([-0.1,  2. ])
    """

    negative_slope: float = 0.01

    def __call__(self, x: Tensor) -> Tensor:
        return functions.leaky_relu(x, self.negative_slope)


class PReLU(Module):
    """x for x > 0, a·x elsewhere, with a parameter a; He et al. 2015 (ICCV), equation 1.

    Args:
        num_parameters: 1 for one slope, or the number of channels C for one slope each, along the
            second axis of an input (N, C, …).
        init: slope at the start.
        dtype: of the parameter ``weight``, of shape (num_parameters,).

    Raises:
        DomainError: if ``num_parameters`` is below 1.
        ShapeError: when called, if the input has other channels.

    >>> import chainrule as cr
    >>> cr.nn.PReLU()(cr.tensor([-1.0, 2.0], dtype="float32")).tolist()
    [-0.25, 2.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = "float32"
    ) -> None:
        check_counts("PReLU", num_parameters=num_parameters)
        self.weight = parameter(np.full(num_parameters, init), dtype)

    def __call__(self, x: Tensor) -> Tensor:
        x = as_input(x, self.weight.dtype)
        slope, count = self.weight, self.weight.size
        if count > 1:
            if x.ndim < 2 or x.shape[1] != count:
                raise ShapeError(
                    f"PReLU({count}) takes inputs of shape (N, {count}, …), channels behind the "
                    f"batch; got {x.shape}"
                )
            slope = slope.reshape((count, *(1,) * (x.ndim - 2)))
        y: Tensor = functions.where(functions.greater(x, 0.0), x, slope * x)
        return y

    def extra_repr(self) -> str:
        return f"{self.weight.size}"


class Hardtanh(Module):
    """x between ``min_val`` and ``max_val``, the nearer of them outside.

    >>> import chainrule as cr
    >>> cr.nn.Hardtanh(-2.0, 2.0)(cr.tensor([-3.0, 0.5]))
    tensor([-2. ,  0.5])
    """

    min_val: float = -1.0
    max_val: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        return functions.hardtanh(x, self.min_val, self.max_val)


class Hardsigmoid(Module):
    """min(max(0, x/6 + 1/2), 1), elementwise.

    >>> import chainrule as cr
    >>> cr.nn.Hardsigmoid()(cr.tensor([-4.0, 1.5]))
    tensor([0.  , 0.75])
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.hardsigmoid(x)


class Hardswish(Module):
    """x · hardsigmoid(x), elementwise.

    >>> import chainrule as cr
    >>> cr.nn.Hardswish()(cr.tensor([1.5, 4.0]))
    tensor([1.125, 4.   ])
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.hardswish(x)


# -- with exponentials -----------------------------------------------------------------------------


class ELU(Module):
    """x for x > 0, α (e^x − 1) elsewhere.

    >>> import chainrule as cr
    >>> cr.nn.ELU()(cr.tensor([-1000.0, 2.0]))
    tensor([-1.,  2.])
    """

    alpha: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        return functions.elu(x, self.alpha)


class SELU(Module):
    """The `ELU` that keeps mean 0 and variance 1 behind weights of `initialisers.lecun_normal`.

    >>> import chainrule as cr
    >>> cr.nn.SELU()(cr.tensor(1.0))
    tensor(1.05070099)
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.selu(x)


class CELU(Module):
    """x for x > 0, α (e^(x/α) − 1) elsewhere.

    >>> import chainrule as cr
    >>> cr.nn.CELU(0.5)(cr.tensor([-1000.0, 2.0]))
    tensor([-0.5,  2. ])
    """

    alpha: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        return functions.celu(x, self.alpha)


class GELU(Module):
    """x·Φ(x), elementwise; Hendrycks and Gimpel 2016, section 2.

    Args:
        approximate: "none" for the exact function, "tanh" for the approximation by tanh.

    >>> import chainrule as cr
    >>> cr.nn.GELU()(cr.tensor(1.0)), cr.nn.GELU("tanh")(cr.tensor(1.0))
    (tensor(0.84134475), tensor(0.84119199))
    """

    approximate: str = "none"

    def __call__(self, x: Tensor) -> Tensor:
        return functions.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class SiLU(Module):
    """x·σ(x), elementwise; also called swish.

    >>> import chainrule as cr
    >>> cr.nn.SiLU()(cr.tensor(1.0))
    tensor(0.73105858)
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.silu(x)


class Mish(Module):
    """x·tanh(softplus(x)), elementwise.

    >>> import chainrule as cr
    >>> cr.nn.Mish()(cr.tensor(1.0))
    tensor(0.86509839)
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.mish(x)


class Softplus(Module):
    """ln(1 + e^(β x)) / β, a smooth relu that is sharper for larger β.

    Raises:
        DomainError: when called, unless ``beta`` is above 0.

    >>> import chainrule as cr
    >>> cr.nn.Softplus(2.0)(cr.tensor([0.0, 1000.0]))
    tensor([3.4657359e-01, 1.0000000e+03])
    """

    beta: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        if not self.beta > 0:
            raise DomainError(f"Softplus: beta is a number above 0, not {self.beta!r}")
        return functions.softplus(self.beta * x) / self.beta


# -- bounded ---------------------------------------------------------------------------------------


class Tanh(Module):
    """tanh x, elementwise.

    >>> import chainrule as cr
    >>> cr.nn.Tanh()(cr.tensor(0.0))
    tensor(0.)
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.tanh(x)


class Sigmoid(Module):
    """σ(x) = 1 / (1 + exp(−x)), elementwise.

    >>> import chainrule as cr
    >>> cr.nn.Sigmoid()(cr.tensor(0.0))
    tensor(0.5)
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.sigmoid(x)


class LogSigmoid(Module):
    """ln σ(x), elementwise and without overflow.

    >>> import chainrule as cr
    >>> cr.nn.LogSigmoid()(cr.tensor(-1e4))
    tensor(-10000.)
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.log_sigmoid(x)


class Softsign(Module):
    """x / (1 + |x|), elementwise.

    >>> import chainrule as cr
    >>> cr.nn.Softsign()(cr.tensor(3.0))
    tensor(0.75)
    """

    def __call__(self, x: Tensor) -> Tensor:
        return functions.softsign(x)


# -- along an axis ---------------------------------------------------------------------------------


class Softmax(Module):
    """e^x / Σ e^x along ``axis``: probabilities from logits; losses take the logits themselves.

    >>> import chainrule as cr
    >>> cr.nn.Softmax()(cr.tensor([1000.0, 1000.0]))
    tensor([0.5, 0.5])
    """

    axis: int = -1

    def __call__(self, x: Tensor) -> Tensor:
        return functions.softmax(x, axis=self.axis)


class LogSoftmax(Module):
    """x − ln Σ e^x along ``axis``, the logarithm of `Softmax` without overflow.

    >>> import chainrule as cr
    >>> cr.nn.LogSoftmax()(cr.tensor([1e4, 0.0]))
    tensor([     0., -10000.])
    """

    axis: int = -1

    def __call__(self, x: Tensor) -> Tensor:
        return functions.log_softmax(x, axis=self.axis)


class GLU(Module):
    """a·σ(b), where a and b are the halves of x along ``axis``, which becomes half as long.

    Raises:
        ShapeError: when called, if the extent along ``axis`` is odd.

    >>> import chainrule as cr
    >>> cr.nn.GLU()(cr.tensor([[1.0, 3.0, 0.0, 100.0]]))
    tensor([[0.5, 3. ]])
    """

    axis: int = -1

    def __call__(self, x: Tensor) -> Tensor:
        return functions.glu(x, axis=self.axis)
