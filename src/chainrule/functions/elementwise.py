"""Arithmetic, rounding, comparison and logic, element by element (array API names)."""

from __future__ import annotations

from typing import Any

from chainrule.core.errors import DomainError
from chainrule.core.node import Node, literal
from chainrule.functions._apply import binary, binary_float, unary_any
from chainrule.ops import arithmetic as ar
from chainrule.ops import choice, logic, rounding
from chainrule.ops.exponential import sqrt, stop_gradient
from chainrule.ops.trigonometric import atan2
from chainrule.tensor import BOOL, ArrayLike, Tensor, as_node, floating, power, promote, wrap

__all__ = [
    "abs",
    "absolute",
    "add",
    "allclose",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "copysign",
    "divide",
    "equal",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "nan_to_num",
    "negative",
    "not_equal",
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
    "where",
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

    >>> import chainrule as cr
    >>> cr.hypot(3e200, 4e200)
    tensor(5.e+200)
    """
    a, b = (floating(node) for node in promote(x1, x2))
    size = stop_gradient(choice.maximum(choice.abs_(a), choice.abs_(b)))
    usable = logic.logical_and(logic.greater(size, 0.0), logic.isfinite(size))
    scale = choice.where(usable, size, 1.0)
    a, b = a / scale, b / scale
    return wrap(scale * sqrt(a * a + b * b))


def logaddexp(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """ln(e^x1 + e^x2) without overflow.

    >>> import chainrule as cr
    >>> cr.logaddexp(1000.0, 1000.0)
    tensor(1000.69314718)
    """
    from chainrule.functions.manipulation import broadcast_arrays, stack
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

    >>> import chainrule as cr
    >>> cr.round([0.5, 1.5]), cr.round(2.125, 1)
    (tensor([0., 2.]), tensor(2.1))
    """
    node = as_node(x)
    if decimals == 0 or not node.type.is_float:
        return _rounded(rounding.round_, x)
    scale = 10.0**decimals
    return wrap(rounding.round_(node * scale) / scale)


# -- comparison ------------------------------------------------------------------------------------


def equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 = x2; NaN equals nothing.

    >>> import chainrule as cr
    >>> cr.equal([1, 2], 2)
    tensor([False,  True])
    """
    return binary(logic.equal, x1, x2)


def not_equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 ≠ x2.

    >>> import chainrule as cr
    >>> cr.not_equal([1, 2], 2)
    tensor([ True, False])
    """
    return binary(logic.not_equal, x1, x2)


def less(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 < x2.

    >>> import chainrule as cr
    >>> cr.less([1, 2], 2)
    tensor([ True, False])
    """
    return binary(logic.less, x1, x2)


def less_equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 ≤ x2.

    >>> import chainrule as cr
    >>> cr.less_equal([1, 2], 1)
    tensor([ True, False])
    """
    return binary(logic.less_equal, x1, x2)


def greater(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 > x2.

    >>> import chainrule as cr
    >>> cr.greater([1, 2], 1)
    tensor([False,  True])
    """
    return binary(logic.greater, x1, x2)


def greater_equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 ≥ x2.

    >>> import chainrule as cr
    >>> cr.greater_equal([1, 2], 2)
    tensor([False,  True])
    """
    return binary(logic.greater_equal, x1, x2)


def isfinite(x: ArrayLike, /) -> Tensor:
    """Whether x is neither infinite nor NaN.

    >>> import chainrule as cr
    >>> cr.isfinite([1.0, cr.inf])
    tensor([ True, False])
    """
    return wrap(logic.isfinite(floating(as_node(x))))


def isinf(x: ArrayLike, /) -> Tensor:
    """Whether x is ∞ or -∞.

    >>> import chainrule as cr
    >>> cr.isinf([1.0, cr.inf])
    tensor([False,  True])
    """
    return wrap(logic.isinf(floating(as_node(x))))


def isnan(x: ArrayLike, /) -> Tensor:
    """Whether x is NaN.

    >>> import chainrule as cr
    >>> cr.isnan([1.0, cr.nan])
    tensor([False,  True])
    """
    return wrap(logic.isnan(floating(as_node(x))))


def isclose(
    x1: ArrayLike, x2: ArrayLike, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| ≤ atol + rtol · |x2|; equal infinities are close.

    >>> import chainrule as cr
    >>> cr.isclose([1.0, 2.0], [1.0 + 1e-9, 2.1])
    tensor([ True, False])
    """
    a, b = (stop_gradient(floating(node)) for node in promote(x1, x2))
    near = logic.less_equal(choice.abs_(a - b), atol + rtol * choice.abs_(b))
    near = logic.logical_or(logic.logical_and(near, logic.isfinite(b)), logic.equal(a, b))
    if equal_nan:
        near = logic.logical_or(near, logic.logical_and(logic.isnan(a), logic.isnan(b)))
    return wrap(near)


def allclose(
    x1: ArrayLike, x2: ArrayLike, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether all elements are close; see `isclose`.

    >>> import chainrule as cr
    >>> cr.allclose([1.0, 2.0], [1.0 + 1e-9, 2.0])
    True
    """
    from chainrule.functions.reduction import all

    return bool(all(isclose(x1, x2, rtol, atol, equal_nan)))


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


# -- logic and bits --------------------------------------------------------------------------------


def truth(x: ArrayLike) -> Node:
    """The node of ``x`` as booleans: x ≠ 0."""
    node = as_node(x)
    return node if node.dtype is BOOL else logic.not_equal(node, literal(0, node.dtype))


def logical_and(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether both hold; numbers hold if they are not 0.

    >>> import chainrule as cr
    >>> cr.logical_and([True, False], True)
    tensor([ True, False])
    """
    return wrap(logic.logical_and(truth(x1), truth(x2)))


def logical_or(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether at least one holds.

    >>> import chainrule as cr
    >>> cr.logical_or([True, False], False)
    tensor([ True, False])
    """
    return wrap(logic.logical_or(truth(x1), truth(x2)))


def logical_xor(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether exactly one holds.

    >>> import chainrule as cr
    >>> cr.logical_xor([True, False], True)
    tensor([False,  True])
    """
    return wrap(logic.logical_xor(truth(x1), truth(x2)))


def logical_not(x: ArrayLike, /) -> Tensor:
    """Whether x does not hold.

    >>> import chainrule as cr
    >>> cr.logical_not([True, False])
    tensor([False,  True])
    """
    return wrap(logic.logical_not(truth(x)))


def bitwise_and(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits that both have; "and" for booleans.

    >>> import chainrule as cr
    >>> cr.bitwise_and(6, 3)
    tensor(2)
    """
    return binary(logic.bitwise_and, x1, x2)


def bitwise_or(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits that at least one has; "or" for booleans.

    >>> import chainrule as cr
    >>> cr.bitwise_or(6, 3)
    tensor(7)
    """
    return binary(logic.bitwise_or, x1, x2)


def bitwise_xor(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits that exactly one has.

    >>> import chainrule as cr
    >>> cr.bitwise_xor(6, 3)
    tensor(5)
    """
    return binary(logic.bitwise_xor, x1, x2)


def bitwise_invert(x: ArrayLike, /) -> Tensor:
    """Every bit turned; "not" for booleans.

    >>> import chainrule as cr
    >>> cr.bitwise_invert(6)
    tensor(-7)
    """
    return unary_any(logic.bitwise_invert, x)


def _shift(primitive: Any, x1: ArrayLike, x2: ArrayLike) -> Tensor:
    a, b = promote(x1, x2)
    if b.value is not None and b.dtype.kind == "i" and (b.value < 0).any():
        raise DomainError(f"{primitive.name}: the number of places must not be negative")
    return wrap(primitive(a, b))


def bitwise_left_shift(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 · 2^x2 for integers.

    >>> import chainrule as cr
    >>> cr.bitwise_left_shift(3, 2)
    tensor(12)
    """
    return _shift(logic.left_shift, x1, x2)


def bitwise_right_shift(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 / 2^x2, rounded down, for integers.

    >>> import chainrule as cr
    >>> cr.bitwise_right_shift(13, 2)
    tensor(3)
    """
    return _shift(logic.right_shift, x1, x2)


# -- choice ----------------------------------------------------------------------------------------


def where(condition: ArrayLike, x1: Any = None, x2: Any = None, /) -> Any:
    """x1 where the condition holds, x2 elsewhere; with the condition alone, `nonzero` of it.

    Both branches are computed, and both are differentiated: what flows into the branch that was not
    taken is multiplied by 0. If the derivative there is infinite or NaN, the product is NaN and
    spoils the gradient, although the value is right. ``where`` outside does not help; choose a
    harmless argument *inside*:

    >>> import chainrule as cr, numpy as np
    >>> def trap(x):
    ...     return cr.where(x > 0, cr.pow(x, 0.5) / x, 0.0)  # 0/0 where x = 0
    >>> def safe(x):
    ...     inside = cr.where(x > 0, x, 1.0)
    ...     return cr.where(x > 0, cr.pow(inside, 0.5) / inside, 0.0)
    >>> with np.errstate(all="ignore"):
    ...     cr.grad(trap)(0.0), cr.grad(safe)(0.0)
    (tensor(nan), tensor(0.))
    """
    if x1 is None and x2 is None:
        from chainrule.functions.searching import nonzero

        return nonzero(condition)
    a, b = promote(x1, x2)
    return wrap(choice.where(truth(condition), a, b))


# NumPy's names
absolute = abs
