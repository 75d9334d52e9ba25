"""Arithmetic on nodes: binds the operators of `Node` to the primitives."""

from __future__ import annotations

from typing import Any

from chainrule.core.node import Node, apply, literal
from chainrule.ops import arithmetic as ar
from chainrule.ops.record import Elementwise


def _forward(primitive: Elementwise) -> Any:
    def operator(self: Node, other: Any) -> Node:
        if type(other) is Node:
            return apply(primitive, (self, other))
        return primitive(self, other)

    return operator


def _reflected(primitive: Elementwise) -> Any:
    return lambda self, other: primitive(other, self)


def _pow(self: Node, exponent: Node | float) -> Node:
    if isinstance(exponent, int):
        return ar.integer_pow(self, n=exponent)
    if not isinstance(exponent, Node):
        exponent = literal(exponent, self.dtype)
    return ar.pow_(self, exponent)


for _name, _primitive in {"add": ar.add, "sub": ar.sub, "mul": ar.mul, "truediv": ar.div}.items():
    setattr(Node, f"__{_name}__", _forward(_primitive))
    setattr(Node, f"__r{_name}__", _reflected(_primitive))
Node.__neg__ = lambda self: ar.neg(self)
Node.__pow__ = _pow
