"""Arithmetic on nodes: binds the operators of `Node` to the primitives."""

from __future__ import annotations

from typing import Any

from chainrule.core.node import Node, literal
from chainrule.ops import arithmetic as ar


def _bind() -> None:
    binary = {
        "add": ar.add,
        "sub": ar.sub,
        "mul": ar.mul,
        "truediv": ar.div,
        "lt": ar.less,
        "le": ar.less_equal,
        "gt": ar.greater,
        "ge": ar.greater_equal,
    }
    for name, primitive in binary.items():
        setattr(Node, f"__{name}__", _forward(primitive))
        setattr(Node, f"__r{name}__", _reflected(primitive))
    Node.__neg__ = lambda self: ar.neg(self)  # type: ignore[method-assign]
    Node.__pow__ = _pow  # type: ignore[method-assign]


def _forward(primitive: Any) -> Any:
    return lambda self, other: primitive(self, other)


def _reflected(primitive: Any) -> Any:
    return lambda self, other: primitive(other, self)


def _pow(self: Node, exponent: Node | float) -> Node:
    if isinstance(exponent, int):
        return ar.integer_pow(self, n=exponent)
    if not isinstance(exponent, Node):
        exponent = literal(exponent, self.dtype)
    return ar.pow_(self, exponent)


_bind()
