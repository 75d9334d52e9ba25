"""The value of every kind of array expression, with NumPy alone.

What a line shows is evaluated here, from the line, and compared with what the engine computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.core.errors import NotationError
from chainrule.explaining.arrays.activations import ACTIVATIONS
from chainrule.explaining.arrays.expression import Shape, Term
from chainrule.ops.record import Elementwise
from chainrule.ops.table import PRIMITIVES

__all__ = ["EVALUATE", "Values", "evaluate"]

Array = Any
Values = Mapping[Term, Array]
"""The value of each symbol and each cotangent."""


def _sum(argument: Any, shape: Shape, *parts: Array) -> Array:
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found


def _product(argument: Any, shape: Shape, *parts: Array) -> Array:
    found = parts[0]
    for part in parts[1:]:
        found = found * part
    return found


def _matmul(argument: Any, shape: Shape, *parts: Array) -> Array:
    found = parts[0]
    for part in parts[1:]:
        found = found @ part
    return found


def _apply(argument: Any, shape: Shape, *parts: Array) -> Array:
    name, *rest = argument
    if name in ACTIVATIONS:
        return ACTIVATIONS[name].value(parts[0], *rest)
    if name not in PRIMITIVES or not isinstance(PRIMITIVES[name], Elementwise):
        raise NotationError(f"there is no elementwise function {name}")
    return PRIMITIVES[name].evaluate(*parts, *rest)


def _softmax(argument: Any, shape: Shape, x: Array) -> Array:
    (axes,) = argument
    powers = np.exp(x - np.max(x, axis=axes, keepdims=True))
    return powers / np.sum(powers, axis=axes, keepdims=True)


def _mean(argument: Any, shape: Shape, x: Array) -> Array:
    axes, keepdims = argument
    return np.mean(x, axis=axes, keepdims=keepdims)


def _variance(argument: Any, shape: Shape, x: Array) -> Array:
    axes, keepdims, correction = argument
    return np.var(x, axis=axes, keepdims=keepdims, ddof=correction)


def _standardized(argument: Any, shape: Shape, x: Array) -> Array:
    """(x − mean)/√(variance + ε)."""
    axes, epsilon = argument
    spread = np.sqrt(np.var(x, axis=axes, keepdims=True) + epsilon)
    return (x - np.mean(x, axis=axes, keepdims=True)) / spread


def _one_hot(argument: Any, shape: Shape, y: Array) -> Array:
    (count,) = argument
    return (np.asarray(y)[..., None] == np.arange(count)).astype(np.float64)


def _diagonal(argument: Any, shape: Shape, x: Array) -> Array:
    return np.diagonal(x, 0, -2, -1)


def _diag(argument: Any, shape: Shape, x: Array) -> Array:
    return x[..., None] * np.eye(x.shape[-1])


def _einsum(argument: Any, shape: Shape, *parts: Array) -> Array:
    *sources, out = argument
    operands: list[Any] = []
    for part, labels in zip(parts, sources, strict=True):
        operands += [part, list(labels)]
    return np.einsum(*operands, list(out))


def _primitive(argument: Any, shape: Shape, *parts: Array) -> Array:
    name, *rest = argument
    return PRIMITIVES[name].evaluate(*map(np.asarray, parts), *rest)


def _cases(argument: Any, shape: Shape, condition: Array, a: Array, b: Array) -> Array:
    return np.where(condition, a, b)


EVALUATE: Mapping[str, Callable[..., Array]] = {
    "number": lambda argument, shape: np.float64(float(argument[0])),
    "literal": lambda argument, shape: np.reshape(np.array(argument[0], argument[1]), shape),
    "sum": _sum,
    "product": _product,
    "power": lambda argument, shape, x: np.power(x, float(argument[0])),
    "apply": _apply,
    "prime": lambda argument, shape, x: ACTIVATIONS[argument[0]].slope(x, *argument[1:]),
    "where": _cases,
    "matmul": _matmul,
    "transpose": lambda argument, shape, x: np.swapaxes(x, -1, -2),
    "outer": lambda argument, shape, u, v: np.multiply.outer(u, v),
    "repeat": lambda argument, shape, x: np.broadcast_to(x, shape),
    "reshape": lambda argument, shape, x: np.reshape(x, shape),
    "total": lambda argument, shape, x: np.sum(x, axis=argument[0], keepdims=argument[1]),
    "mean": _mean,
    "variance": _variance,
    "standardized": _standardized,
    "softmax": _softmax,
    "log_softmax": lambda argument, shape, x: np.log(_softmax(argument, shape, x)),
    "norm": lambda argument, shape, x: np.sqrt(np.sum(np.square(x))),
    "square_norm": lambda argument, shape, x: np.sum(np.square(x)),
    "inner": lambda argument, shape, a, b: np.sum(a * b),
    "trace": lambda argument, shape, x: np.trace(x, axis1=-2, axis2=-1),
    "inv": lambda argument, shape, x: np.linalg.inv(x),
    "det": lambda argument, shape, x: np.linalg.det(x),
    "log_det": lambda argument, shape, x: np.linalg.slogdet(x)[1],
    "diagonal": _diagonal,
    "diag": _diag,
    "identity": lambda argument, shape: np.eye(argument[0]),
    "one_hot": _one_hot,
    "einsum": _einsum,
    "primitive": _primitive,
}
"""For each kind: ``f(argument, shape, *values of the operands)``."""


def evaluate(term: Term, values: Values) -> Array:
    """The value of a term.

    Raises:
        NotationError: if a name in it has no value.
    """
    done: dict[Term, Array] = {}

    def value(part: Term) -> Array:
        if part in done:
            return done[part]
        if part.kind in ("symbol", "cotangent"):
            if part not in values:
                raise NotationError(f"nothing is known of {part.argument[-1]}")
            found = np.asarray(values[part])
        else:
            operands = [value(operand) for operand in part.operands]
            found = EVALUATE[part.kind](part.argument, part.shape, *operands)
        done[part] = found
        return found

    with np.errstate(all="ignore"):
        return np.asarray(value(term))
