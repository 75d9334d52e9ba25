"""Arithmetic, size, sign and rounding, element by element (array API names)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.core.node import Node, literal
from chainrule.functions._apply import binary, binary_float, unary_any
from chainrule.lift import as_node, floating, promote
from chainrule.ops import arithmetic as ar
from chainrule.ops import choice, logic, rounding
from chainrule.ops.exponential import sqrt, stop_gradient
from chainrule.ops.shape import cast
from chainrule.ops.trigonometric import atan2
from chainrule.tensor import ArrayLike, Tensor, power, wrap

__all__ = [
    "abs",
    "absolute",
    "add",
    "ceil",
    "clip",
    "copysign",
    "divide",
    "floor",
    "floor_divide",
    "hypot",
    "logaddexp",
    "maximum",
    "minimum",
    "multiply",
    "nan_to_num",
    "negative",
    "positive",
    "pow",
    "power",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "signbit",
    "square",
    "subtract",
    "trunc",
]

# -- arithmetic ------------------------------------------------------------------------------------


def add(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 + x2.

    >>> import chainrule as cr
    >>> cr.add([1, 2], 0.5)
    tensor([1.5, 2.5])
    """
    return binary(ar.add, x1, x2)


def subtract(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 - x2.

    >>> import chainrule as cr
    >>> cr.subtract([1, 2], 1)
    tensor([0, 1])
    """
    return binary(ar.sub, x1, x2)


def multiply(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 · x2.

    >>> import chainrule as cr
    >>> cr.multiply([1, 2], 3)
    tensor([3, 6])
    """
    return binary(ar.mul, x1, x2)


def divide(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 / x2, in floating point.

    >>> import chainrule as cr
    >>> cr.divide([1, 3], 2)
    tensor([0.5, 1.5])
    """
    return binary_float(ar.div, x1, x2)


def floor_divide(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The largest integer that is not above x1 / x2, in the dtype of the operands.

    >>> import chainrule as cr
    >>> cr.floor_divide([7, -7], 2)
    tensor([ 3, -4])
    """
    return binary(rounding.floor_divide, x1, x2)


def remainder(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 - x2 · floor(x1 / x2), which has the sign of x2, as Python's ``%``.

    >>> import chainrule as cr
    >>> cr.remainder([7, -7], 3)
    tensor([1, 2])
    """
    return binary(rounding.remainder, x1, x2)


def negative(x: ArrayLike, /) -> Tensor:
    """-x.

    >>> import chainrule as cr
    >>> cr.negative([1, -2])
    tensor([-1,  2])
    """
    return unary_any(ar.neg, x)


def positive(x: ArrayLike, /) -> Tensor:
    """x itself.

    >>> import chainrule as cr
    >>> cr.positive(2)
    tensor(2)
    """
    return wrap(as_node(x))


def square(x: ArrayLike, /) -> Tensor:
    """x².

    >>> import chainrule as cr
    >>> cr.square(-3)
    tensor(9)
    """
    return wrap(ar.integer_pow(as_node(x), n=2))


def reciprocal(x: ArrayLike, /) -> Tensor:
    """1 / x, in floating point.

    >>> import chainrule as cr
    >>> cr.reciprocal(4)
    tensor(0.25)
    """
    return divide(1, x)


def pow(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 to the power x2; integers to powers >= 0 give integers.

    An exponent written as a Python integer follows the rule for polynomials, so that negative bases
    and zero have their derivative; for others the base must not be negative.

    >>> import chainrule as cr
    >>> cr.pow([1.0, -2.0], 3), cr.pow(4.0, 0.5)
    (tensor([ 1., -8.]), tensor(2.))
    """
    return power(x1, x2)


def hypot(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """√(x1² + x2²) without overflow; the slope at the origin is taken as 0.

    If one is infinite so is the result, whatever the other is, even NaN (IEEE 754).

    >>> import chainrule as cr
    >>> cr.hypot(3e200, 4e200)
    tensor(5.e+200)
    """
    a, b = (floating(node) for node in promote(x1, x2))
    first, second = logic.isinf(a), logic.isinf(b)
    infinite = logic.logical_or(first, second)
    edge = choice.where(first, choice.abs_(a), choice.abs_(b))  # NaN only where it is not taken
    a, b = (choice.where(infinite, 0.0, node) for node in (a, b))
    size = stop_gradient(choice.maximum(choice.abs_(a), choice.abs_(b)))
    scale = choice.where(logic.greater(size, 0.0), size, 1.0)
    a, b = a / scale, b / scale
    return wrap(choice.where(infinite, edge, scale * sqrt(a * a + b * b)))


def logaddexp(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """ln(e^x1 + e^x2) without overflow.

    >>> import chainrule as cr
    >>> cr.logaddexp(1000.0, 1000.0)
    tensor(1000.69314718)
    """
    from chainrule.functions.joining import stack
    from chainrule.functions.manipulation import broadcast_arrays
    from chainrule.functions.reduction import logsumexp

    return logsumexp(stack(broadcast_arrays(x1, x2)), axis=0)


# -- size and sign ---------------------------------------------------------------------------------


def abs(x: ArrayLike, /) -> Tensor:
    """|x|; the slope at 0 is taken as 0.

    >>> import chainrule as cr
    >>> cr.abs([-1.5, 2.0])
    tensor([1.5, 2. ])
    """
    return unary_any(choice.abs_, x)


def sign(x: ArrayLike, /) -> Tensor:
    """-1, 0 or 1.

    >>> import chainrule as cr
    >>> cr.sign([-1.5, 0.0, 2.0])
    tensor([-1.,  0.,  1.])
    """
    return unary_any(choice.sign, x)


def signbit(x: ArrayLike, /) -> Tensor:
    """Whether x is below 0 or is -0.0.

    >>> import chainrule as cr
    >>> cr.signbit([-0.0, 0.0])
    tensor([ True, False])
    """
    return wrap(_signbit(floating(as_node(x))))


def _signbit(x: Node) -> Node:
    # the angle of (-1, ±0) is ±π, which tells -0.0 from 0.0; NaN counts as positive
    zero = logic.equal(x, 0.0)
    angle = atan2(choice.where(zero, x, 1.0), literal(-1.0, x.dtype))
    return logic.logical_or(logic.less(x, 0.0), logic.less(angle, 0.0))


def copysign(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """|x1| with the sign of x2.

    >>> import chainrule as cr
    >>> cr.copysign([1.0, -1.0], -0.0)
    tensor([-1., -1.])
    """
    a, b = (floating(node) for node in promote(x1, x2))
    size = choice.abs_(a)
    return wrap(choice.where(_signbit(b), -size, size))


def maximum(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The larger of two; at a tie each side receives half of the derivative.

    >>> import chainrule as cr
    >>> cr.maximum([1, 4], 2)
    tensor([2, 4])
    """
    return binary(choice.maximum, x1, x2)


def minimum(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The smaller of two; at a tie each side receives half of the derivative.

    >>> import chainrule as cr
    >>> cr.minimum([1, 4], 2)
    tensor([1, 2])
    """
    return binary(choice.minimum, x1, x2)


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """x limited to the interval [min, max]; either end may be left out.

    The slope is 1 inside, 0 outside and half of it exactly at an end.

    >>> import chainrule as cr
    >>> cr.clip([-1.0, 0.5, 3.0], 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    limited = wrap(as_node(x))
    if min is not None:
        limited = maximum(limited, min)
    return limited if max is None else minimum(limited, max)


# -- rounding --------------------------------------------------------------------------------------


def _rounded(primitive: Any, x: ArrayLike) -> Tensor:
    node = as_node(x)
    return wrap(primitive(node) if node.type.is_float else node)


def floor(x: ArrayLike, /) -> Tensor:
    """The largest integer that is not above x, in the dtype of x.

    >>> import chainrule as cr
    >>> cr.floor([1.7, -1.2])
    tensor([ 1., -2.])
    """
    return _rounded(rounding.floor, x)


def ceil(x: ArrayLike, /) -> Tensor:
    """The smallest integer that is not below x, in the dtype of x.

    >>> import chainrule as cr
    >>> cr.ceil([1.2, -1.7])
    tensor([ 2., -1.])
    """
    return _rounded(rounding.ceil, x)


def trunc(x: ArrayLike, /) -> Tensor:
    """x without its fractional part, in the dtype of x.

    >>> import chainrule as cr
    >>> cr.trunc([1.7, -1.7])
    tensor([ 1., -1.])
    """
    return _rounded(rounding.trunc, x)


def round(x: ArrayLike, /, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals; halves go to the even neighbour.

    Negative ``decimals`` round to tens, hundreds and so on, integers exactly.

    Raises:
        DomainError: if tens, hundreds … do not fit into the integer dtype.

    >>> import chainrule as cr
    >>> cr.round([0.5, 1.5]), cr.round(2.125, 1), cr.round(1250, -2)
    (tensor([0., 2.]), tensor(2.1), tensor(1200))
    """
    node = as_node(x)
    if decimals == 0 or node.dtype.kind == "b" or (decimals > 0 and not node.type.is_float):
        return _rounded(rounding.round_, x)
    if not node.type.is_float:
        return wrap(_round_integers(node, 10**-decimals))
    if decimals < 0:
        unit = 10.0**-decimals
        return wrap(rounding.round_(node / unit) * unit)
    scale = 10.0**decimals
    return wrap(rounding.round_(node * scale) / scale)


def _round_integers(x: Node, unit: int) -> Node:
    """The nearest multiple of ``unit``, of two equally near ones the even one."""
    if unit > np.iinfo(x.dtype).max:
        raise DomainError(f"round: {unit} does not fit into {x.dtype.name}; cast with .astype")
    below = rounding.floor_divide(x, unit)
    rest = rounding.remainder(x, unit)
    missing = unit - rest  # compared with the rest, since twice the rest may overflow
    odd = logic.not_equal(rounding.remainder(below, 2), 0)
    upward = choice.where(odd, logic.less_equal(missing, rest), logic.less(missing, rest))
    return (below + cast(upward, dtype=x.dtype)) * unit


def nan_to_num(x: ArrayLike, /, nan: float = 0.0) -> Tensor:
    """x with NaN replaced by ``nan``, and infinities by the largest numbers of the dtype.

    >>> import chainrule as cr
    >>> cr.nan_to_num([cr.nan, 1.0])
    tensor([0., 1.])
    """
    from chainrule.functions.dtypes import finfo

    node = as_node(x)
    if not node.type.is_float:
        return wrap(node)
    largest = float(finfo(node.dtype).max)
    known = choice.where(logic.isnan(node), nan, node)
    return wrap(choice.minimum(choice.maximum(known, -largest), largest))


# NumPy's names
absolute = abs
