"""What can be seen in a constant: one value everywhere, or the numbers of the places on an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.node import ARRAY, LITERAL, Node, array, literal


def constant(node: Node) -> Any:
    """The value of a constant leaf, or None."""
    return node.value if node.primitive is ARRAY or node.primitive is LITERAL else None


def uniform(node: Node) -> Node | None:
    """The literal that a constant holds everywhere, bit for bit; None if there is none.

    >>> uniform(array(np.full((2, 3), 0.5)))
    0.5
    """
    if node.primitive is LITERAL:
        return node
    value = constant(node)
    if value is None or not value.size:
        return None
    value = np.asarray(value)
    thin = value[tuple(slice(1) if step == 0 else slice(None) for step in value.strides)]
    first = thin[(0,) * thin.ndim]
    if thin.size > 1:
        if thin[(-1,) * thin.ndim].tobytes() != first.tobytes():
            return None
        bits = np.ravel(thin).view(f"u{thin.itemsize}")
        if not bool(np.all(bits == bits[0])):
            return None
    return None if first != first else literal(first.item(), node.dtype)


def is_literal(node: Node, *values: float) -> bool:
    """Whether ``node`` is a literal with one of these values; 0.0 is not -0.0.

    >>> is_literal(literal(-0.0, np.dtype("float64")), 0.0)
    False
    """
    return node.primitive is LITERAL and any(
        node.value == value and np.signbit(node.value) == np.signbit(value) for value in values
    )


def thinned(node: Node) -> Node:
    """A constant with extent 1 along the axes along which its memory repeats."""
    value = constant(node)
    if value is None or not value.size:
        return node
    repeated = [n > 1 and step == 0 for n, step in zip(value.shape, value.strides, strict=True)]
    if not any(repeated):
        return node
    return array(value[tuple(slice(1) if r else slice(None) for r in repeated)])


def counted_axis(node: Node) -> int | None:
    """The axis along which a constant counts 0, 1, 2, … while it does not vary along the others.

    >>> counted_axis(array(np.arange(3).reshape(3, 1)))
    0
    """
    value = constant(node)
    if value is None or value.dtype.kind not in "iu" or not value.size:
        return None
    long = [axis for axis, n in enumerate(value.shape) if n > 1]
    axis = long[0] if long else 0
    if len(long) > 1:
        return None
    return axis if bool(np.all(np.ravel(value) == np.arange(value.size))) else None
