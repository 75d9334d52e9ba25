"""Local derivatives: how a station changes with one of its operands, the others held constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.errors import ChainRuleError
from chainrule.core.graph import Graph
from chainrule.core.graph import replace as replaced
from chainrule.core.node import Node, input_node, literal, topological
from chainrule.explaining.check import points_for
from chainrule.explaining.collect import collected
from chainrule.explaining.derive import derive, tangent_of
from chainrule.explaining.explanation import written_out
from chainrule.explaining.expression import ONE, Expression, Symbol, contains, symbols
from chainrule.explaining.graph.network import Network, is_plain
from chainrule.explaining.graph.values import agrees, shown
from chainrule.explaining.reading import read
from chainrule.explaining.rounding import measure_at
from chainrule.explaining.sides import one_sided
from chainrule.explaining.simplify import simplified
from chainrule.explaining.steps import Step
from chainrule.ops.record import Elementwise
from chainrule.rules.vjp import Step as Pulled
from chainrule.rules.vjp import pull

__all__ = ["Local", "local_derivatives"]

SHORT = 3
"""Formulas of fewer primitives are differentiated at sight: their derivation is not shown."""


@dataclass(frozen=True)
class Local:
    """The derivative of a station with respect to one of its operands.

    Attributes:
        expression: its formula, in the names of the operands.
        value: what the engine computed.
        rule: the textbook name of the rule.
        derivation: how it is found, where that takes several steps.
        sides: at a kink, what holds on each side, and what the engine takes.
        error: a bound on the rounding error of the value.
    """

    expression: Expression
    value: float
    rule: str
    derivation: tuple[Step, ...] = ()
    sides: tuple[str, ...] = ()
    error: float = 0.0


def local_derivatives(network: Network, node: Node) -> dict[Node, Local]:
    """The local derivatives of a station of numbers, for each receiver that is a number.

    The formula of the station is differentiated by itself: its operands count as independent.
    """
    operands = list(network.operands[node])
    if not is_plain(node) or not all(map(is_plain, operands)):
        return {}
    return _Segment(network, node, operands).locals()


class _Segment:
    """The part of the graph between a station and its operands."""

    def __init__(self, network: Network, node: Node, operands: Sequence[Node]) -> None:
        self.network = network
        self.node = node
        self.operands = operands
        self.holes = {operand: input_node(operand.type) for operand in operands}
        (self.output,) = replaced([node], self.holes)
        self.point = [operand.value for operand in operands]
        self.named: Mapping[Node, Expression] = {
            hole: Symbol(network.name(operand)) for operand, hole in self.holes.items()
        }
        self.known = {**self.named, self.output: Symbol(network.name(node))}
        inside = set(self.holes.values())
        order = topological([self.output], stop=inside)
        self.primitives = [n.primitive for n in order if n.sources and n not in inside]

    def locals(self) -> dict[Node, Local]:
        receivers = [n for n in self.network.receivers[self.node] if n.type.is_float]
        variables = [self.holes[receiver] for receiver in receivers]
        one = literal(1.0, self.node.dtype)
        steps: list[Pulled] = []
        found = pull([self.output], [one], variables, record=True, steps=steps)
        pairs = {r: d for r, d in zip(receivers, found, strict=True) if d is not None}
        graph = Graph(list(self.holes.values()), list(pairs.values()))
        with np.errstate(all="ignore"):
            values = graph.evaluate(self.point)
        locals_ = {
            receiver: self._local(receiver, d, float(np.reshape(value, ())), steps)
            for (receiver, d), value in zip(pairs.items(), values, strict=True)
        }
        errors = self._errors(list(pairs.values()))
        return {
            receiver: self._settled(replace(local, error=error))
            for (receiver, local), error in zip(locals_.items(), errors, strict=True)
        }

    def _errors(self, nodes: Sequence[Node]) -> list[float]:
        """Bounds on the rounding errors of what the engine computes."""
        if not all(isinstance(primitive, Elementwise) for primitive in self.primitives):
            return [0.0] * len(nodes)
        point = dict(zip(self.holes.values(), map(float, self.point), strict=True))
        with np.errstate(all="ignore"):
            return [error for _, error in measure_at(nodes, point)]

    def _settled(self, local: Local) -> Local:
        """At a kink the number that the engine takes, where the formula gives another one."""
        if local.sides and not agrees(local.expression, local.value, self._names(), local.error):
            return replace(local, expression=shown(local.value))
        return local

    def _names(self) -> dict[str, float]:
        nodes = (self.node, *self.operands)
        return {self.network.name(node): float(node.value) for node in nodes}

    def _local(self, receiver: Node, d: Node, value: float, steps: Sequence[Pulled]) -> Local:
        hole = self.holes[receiver]
        sides = self._sides(receiver, d, value, steps)
        own = [step for step in steps if step.node.sources[step.index] is hole]
        if len(self.primitives) == 1 and len(own) == 1 and own[0].local is not None:
            e = collected(read(own[0].local, self.known))
            bilinear = own[0].rule == "product rule"  # with the other factor held constant
            rule = "constant multiple rule" if bilinear else own[0].rule
            return Local(e, value, rule, sides=sides)
        tangent = tangent_of(self.output, hole)
        if tangent is not None:
            e = collected(read(tangent, self.named))
            if not contains(e, self.network.name(receiver)):
                return Local(_shortest(e), value, _linear(e), sides=sides)
        try:
            return replace(self._derived(hole, value), sides=sides)
        except ChainRuleError:  # no point of its domain was found
            return Local(_shortest(read(d, self.named)), value, "chain rule", sides=sides)

    def _derived(self, hole: Node, value: float) -> Local:
        """By the explanation of scalar functions."""
        names = {hole: e.name for hole, e in self.named.items() if isinstance(e, Symbol)}
        near = dict(zip(self.holes.values(), map(float, self.point), strict=True))
        tangent = tangent_of(self.output, hole)
        outputs = [self.output, *([] if tangent is None else [tangent])]
        points = points_for(list(names), outputs, near)
        found = derive(self.output, names, hole, points)
        e = written_out(found.result, found.meanings)
        if symbols(e).keys() - set(names.values()):
            raise ChainRuleError("it cannot be written in one piece")
        shown = found.steps if len(self.primitives) >= SHORT else ()
        return Local(e, value, found.steps[-1].rule, shown)

    def _sides(
        self, receiver: Node, d: Node, value: float, steps: Sequence[Pulled]
    ) -> tuple[str, ...]:
        """At a kink, what holds on each side."""
        if not any(step.convention for step in steps):
            return ()
        graph = Graph(list(self.holes.values()), [self.output, d])
        index = self.operands.index(receiver)

        def along(output: int, step: float) -> float:
            point = list(self.point)
            point[index] = point[index] + step
            with np.errstate(all="ignore"):
                return float(np.reshape(graph.evaluate(point)[output], ()))

        scale = max(1.0, abs(float(self.point[index])))
        words = one_sided(lambda h: along(0, h), lambda h: along(1, h), scale)
        return (*words, f"the engine takes {value + 0.0:.6g}, by convention") if words else ()


def _linear(e: Expression) -> str:
    """The rule for what a variable occurs in once, to the first power: the other factors."""
    return "sum rule" if e == ONE else "constant multiple rule"


def _shortest(e: Expression) -> Expression:
    lines = simplified(e)
    return lines[-1][0] if lines else e
