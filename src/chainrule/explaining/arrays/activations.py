"""Activation functions: their names, and their slopes as textbooks write them.

The slope is evaluated from the formula that is shown, not by the engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.notation import Formula, parse
from chainrule.tensor import Tensor, tensor

__all__ = ["ACTIVATIONS", "Activation"]


@dataclass(frozen=True)
class Activation:
    """An elementwise function φ.

    Attributes:
        function: φ on tensors.
        formula: φ(x) as text.
        slope_formula: φ′(x) as text.
        convention: what is taken at a kink.
        variants: other ways in which the library computes φ.
    """

    function: Callable[[Tensor], Tensor]
    formula: str
    slope_formula: str
    convention: str = ""
    variants: tuple[Callable[[Tensor], Tensor], ...] = ()

    @cached_property
    def _slope(self) -> Formula:
        return parse(self.slope_formula, names=("x",))

    @property
    def slope_law(self) -> str:
        """φ′(x) in words."""
        cases = re.fullmatch(r"where\((.*), (.*), (.*)\)", self.slope_formula)
        if cases is None:
            return self.slope_formula
        condition, then, otherwise = cases.groups()
        return f"{then} where {condition}, {otherwise} elsewhere"

    def value(self, x: Any) -> Any:
        """φ(x)."""
        return self.function(tensor(np.asarray(x))).numpy()

    def slope(self, x: Any) -> Any:
        """φ′(x), from the formula."""
        return np.broadcast_to(self._slope(np.asarray(x)).numpy(), np.shape(x))


def _softplus_layer(x: Tensor) -> Tensor:
    return functions.softplus(1.0 * x) / 1.0


def _tanh_gelu(x: Tensor) -> Tensor:
    return functions.gelu(x, "tanh")


_LEFT = "the slope at 0 is taken as that of the left side"

ACTIVATIONS: Mapping[str, Activation] = {
    "relu": Activation(
        functions.relu,
        "max(0, x)",
        "where(x > 0, 1, 0)",
        "relu has slopes 0 and 1 at 0; 0 is taken",
    ),
    "sigmoid": Activation(functions.sigmoid, "1/(1 + e^(-x))", "σ(x) (1 - σ(x))"),
    "tanh": Activation(functions.tanh, "tanh(x)", "1 - tanh(x)^2"),
    "softplus": Activation(functions.softplus, "ln(1 + e^x)", "σ(x)", variants=(_softplus_layer,)),
    "log_sigmoid": Activation(functions.log_sigmoid, "-ln(1 + e^(-x))", "σ(-x)"),
    "silu": Activation(functions.silu, "x σ(x)", "σ(x) + x σ(x) (1 - σ(x))"),
    "gelu": Activation(
        functions.gelu,
        "x/2 (1 + erf(x/√2))",
        "1/2 (1 + erf(x/√2)) + x e^(-x^2/2)/√(2π)",
    ),
    "gelu_tanh": Activation(
        _tanh_gelu,
        "x/2 (1 + tanh(√(2/π) (x + 0.044715 x^3)))",
        "1/2 (1 + tanh(√(2/π) (x + 0.044715 x^3))) + x/2 (1 - tanh(√(2/π) (x + 0.044715 x^3))^2) "
        "√(2/π) (1 + 0.134145 x^2)",
    ),
    "mish": Activation(
        functions.mish,
        "x tanh(softplus(x))",
        "tanh(softplus(x)) + x σ(x) (1 - tanh(softplus(x))^2)",
    ),
    "softsign": Activation(functions.softsign, "x/(1 + |x|)", "1/(1 + |x|)^2"),
    "elu": Activation(functions.elu, "where(x > 0, x, e^x - 1)", "where(x > 0, 1, e^x)", _LEFT),
    "selu": Activation(
        functions.selu,
        "where(x > 0, 1.0507009873554805 x, 1.0507009873554805 · 1.6732632423543772 (e^x - 1))",
        "where(x > 0, 1.0507009873554805, 1.0507009873554805 · 1.6732632423543772 e^x)",
        _LEFT,
    ),
    "leaky_relu": Activation(
        functions.leaky_relu,
        "where(x > 0, x, 0.01 x)",
        "where(x > 0, 1, 0.01)",
        _LEFT,
    ),
    "hardtanh": Activation(
        functions.hardtanh, "max(-1, min(1, x))", "where(|x| < 1, 1, 0)", "half of it at ±1"
    ),
}
"""By name; `blocks` finds them in a graph, whoever wrote them."""
