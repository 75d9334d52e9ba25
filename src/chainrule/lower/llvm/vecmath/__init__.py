"""Vector mathematics: the elementary and special functions as code of our own.

Every function is written once, generic over float and double and over the number of lanes, and
becomes a library function of the module that uses it: `call` emits one call instruction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from chainrule.lower.llvm.ir import Function, Value, element, lanes
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.vecmath import (
    error,
    exponential,
    gamma,
    hyperbolic,
    inverse,
    power,
    rounding,
    trigonometric,
)
from chainrule.lower.llvm.vecmath.accuracy import ulps
from chainrule.lower.llvm.vecmath.common import Math
from chainrule.lower.llvm.vecmath.gamma import ORDERS

__all__ = ["ORDERS", "ROUTINES", "Accuracy", "Routine", "call", "ulps"]

Accuracy = Literal["default", "fast"]


@dataclass(frozen=True)
class Routine:
    """A function of the library.

    Attributes:
        write: emits its body, ``write(math, *values, *argument)``, and returns the result.
        inline: whether it is short enough to be copied to where it is called.
        fast: whether ``accuracy="fast"`` makes a difference.
    """

    write: Callable[..., Value]
    inline: bool = False
    fast: bool = False


ROUTINES: Mapping[str, Routine] = MappingProxyType(
    {
        "exp": Routine(exponential.exp, inline=True),
        "log": Routine(exponential.log, inline=True),
        "sigmoid": Routine(exponential.sigmoid, inline=True, fast=True),
        "tanh": Routine(hyperbolic.tanh, inline=True, fast=True),
        "expm1": Routine(exponential.expm1, inline=True),
        "log1p": Routine(exponential.log1p, inline=True),
        "log2": Routine(exponential.log2, inline=True),
        "log10": Routine(exponential.log10, inline=True),
        "softplus": Routine(exponential.softplus, inline=True),
        "sin": Routine(trigonometric.sin, inline=True),
        "cos": Routine(trigonometric.cos, inline=True),
        "tan": Routine(trigonometric.tan, inline=True),
        "asin": Routine(inverse.asin),
        "acos": Routine(inverse.acos),
        "atan": Routine(inverse.atan),
        "atan2": Routine(inverse.atan2),
        "sinh": Routine(hyperbolic.sinh),
        "cosh": Routine(hyperbolic.cosh),
        "asinh": Routine(hyperbolic.asinh),
        "acosh": Routine(hyperbolic.acosh),
        "atanh": Routine(hyperbolic.atanh),
        "erf": Routine(error.erf, inline=True),
        "erfc": Routine(error.erfc, inline=True),
        "erfinv": Routine(error.erfinv),
        "pow": Routine(power.pow_),
        "lgamma": Routine(gamma.lgamma),
        "polygamma": Routine(gamma.polygamma),
        "remainder": Routine(rounding.remainder),
        "floor_divide": Routine(rounding.floor_divide),
    }
)
"""By the names of the primitives."""


def call(
    f: Function,
    machine: Machine,
    name: str,
    values: Sequence[Value],
    argument: tuple[int, ...] = (),
    accuracy: Accuracy = "default",
) -> Value:
    """The function ``name`` of float or double values of one type, as one call instruction."""
    routine = ROUTINES[name]
    type = values[0].type
    fast = routine.fast and accuracy == "fast"
    kind = {"float": "f32", "double": "f64"}[element(type)]
    parts = [name, *map(str, argument), f"v{lanes(type)}{kind}", "fast" if fast else "default"]
    module = f.module
    # a constant second value, such as an exponent, belongs to the function: much of it falls away
    fixed = [v.text for v in values[1:] if not v.text.startswith("%")]
    given = values[: len(values) - len(fixed)]
    parts += [re.sub(r"\W+", "_", text) for text in fixed]

    def build() -> None:
        params = [(f"x{i}", type) for i in range(len(given))]
        attributes = "alwaysinline" if routine.inline else ""
        body = module.function(full, params, type, attributes)
        sources = [*body.params, *(Value(body, type, text) for text in fixed)]
        body.ret(routine.write(Math(body, machine, type, fast), *sources, *argument))

    full = ".".join(parts)
    return f.call(module.shared(full, build), type, *given)
