"""Comparison, logic, bits and choice, element by element (array API names)."""

from __future__ import annotations

from typing import Any

from chainrule.core.errors import DomainError
from chainrule.core.node import Node, literal
from chainrule.functions._apply import binary, unary_any
from chainrule.lift import BOOL, as_node, floating, promote
from chainrule.ops import choice, logic
from chainrule.ops.exponential import stop_gradient
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "where",
]

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
