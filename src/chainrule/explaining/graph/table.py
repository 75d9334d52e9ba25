"""The graph as tables: values forward, local derivatives, what arrives at each node backward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainrule.core.node import Node
from chainrule.explaining.explanation import Section
from chainrule.explaining.expression import Chain, Expression, Partial, Sum, Symbol
from chainrule.explaining.graph.folding import Fold, Row
from chainrule.explaining.graph.locals import Local, local_derivatives
from chainrule.explaining.graph.network import Network, is_plain
from chainrule.explaining.graph.recording import Vertex
from chainrule.explaining.graph.values import ROUNDING, claim, claim_numbers, product_of, shown
from chainrule.explaining.steps import Line, Named, Step
from chainrule.explaining.styles import LATEX, TEXT

__all__ = ["Board", "named", "summed", "title"]

MOST = 12
"""How many contributions to one node are written out."""


def named(e: Expression) -> Named:
    """A quantity by its name."""
    return Named(TEXT(e), LATEX(e))


@dataclass(frozen=True)
class Contribution:
    """What one user of a node passes on to it, where both are numbers.

    Attributes:
        symbols: the product by its names: ∂L/∂z · ∂z/∂x.
        numbers: its factors.
        value: the product.
        error: a bound on its rounding error.
    """

    symbols: Expression
    numbers: tuple[float, ...]
    value: float
    error: float


class Board:
    """What is known of the stations that are shown: formulas, values, derivatives.

    Args:
        network: the graph.
        rows: what is shown of it.
    """

    headings: tuple[str, ...] = ("derivative", "contributions", "numbers", "value")
    """Of the backward table."""

    def __init__(self, network: Network, rows: Sequence[Row]) -> None:
        self.network = network
        self.recording = network.recording
        self.output = self.recording.output
        self.rows = rows
        self.shown = [row for row in rows if isinstance(row, Vertex)]
        self._locals: dict[Node, dict[Node, Local]] = {}

    # -- values ------------------------------------------------------------------------------------

    @cached_property
    def values(self) -> dict[str, float]:
        """The values of the stations that are numbers."""
        return {
            vertex.name: _number(vertex.node)
            for vertex in self.network.stations
            if is_plain(vertex.node)
        }

    def among(self, nodes: Sequence[Node]) -> dict[str, float]:
        """The values of some stations."""
        names = [self.network.name(node) for node in nodes]
        return {name: self.values[name] for name in names if name in self.values}

    def cotangent(self, node: Node) -> float:
        """The derivative of the result with respect to a station that is a number."""
        return _number(self.recording.cotangents[node])

    def slope(self, node: Node) -> Expression:
        """The derivative of the result with respect to a station, as it is shown."""
        return shown(self.recording.cotangents[node].value)

    def locals(self, node: Node) -> dict[Node, Local]:
        """The local derivatives of a station; see `local_derivatives`."""
        if node not in self._locals:
            self._locals[node] = local_derivatives(self.network, node)
            for local in self._locals[node].values():
                names = self.among((node, *self.network.operands[node]))
                claim(local.expression, local.value, names, error=local.error)
        return self._locals[node]

    def is_numeric(self, node: Node) -> bool:
        """Whether a station and what it is computed from are numbers."""
        return all(map(is_plain, (node, *self.network.operands[node])))

    def written_out(self, longest: int) -> Expression:
        """The result in terms of the inputs, where that is short."""
        return self.network.written_out(longest)

    def formula(self, node: Node) -> Expression:
        """A station in terms of its operands, held against its value."""
        e = self.network.formula(node)
        if self.is_numeric(node):
            claim(e, _number(node), self.among(self.network.operands[node]))
        return e

    def closed(self, node: Node) -> Expression:
        """The derivative with respect to a node that is no number, as the result."""
        return self.slope(node)

    # -- names -------------------------------------------------------------------------------------

    def derivative(self, node: Node) -> Partial:
        """∂L/∂node, as a total derivative where ∂L/∂node is also a local one."""
        return Partial(self.output.name, self.network.name(node), node in self.network.twofold)

    def local_name(self, user: Node, node: Node) -> Partial:
        """∂user/∂node, the other operands of the user held constant."""
        return Partial(self.network.name(user), self.network.name(node))

    # -- contributions -----------------------------------------------------------------------------

    def contribution(self, user: Node, node: Node) -> Contribution:
        """What a user passes on: its own derivative times the local one."""
        local = self.locals(user)[node]
        if user is self.output.node:
            name = self.local_name(user, node)
            written = name if node in self.network.twofold else local.expression
            return Contribution(written, (local.value,), local.value, local.error)
        before = self.cotangent(user)
        symbols = Chain((self.derivative(user), self.local_name(user, node)))
        value = before * local.value
        error = abs(before) * local.error + ROUNDING * abs(value)
        return Contribution(symbols, (before, local.value), value, error)

    # -- sections ----------------------------------------------------------------------------------

    def forward(self) -> Section:
        """Every station from those before it."""
        steps = [
            self._folded(row) if isinstance(row, Fold) else self._value(row) for row in self.rows
        ]
        return Section(
            title("forward: the values, in the order of computation"),
            tuple(steps),
            columns=("node", "formula", "value"),
            rules="",
        )

    def _folded(self, fold: Fold) -> Step:
        count = len(fold.members)
        return Step(f"{count} nodes of the part {fold.part!r}", fold.name, (), folded=count)

    def _value(self, vertex: Vertex) -> Step:
        node = vertex.node
        value = Line(shown(node.value), "value")
        name = named(Symbol(vertex.name))
        if not node.sources or vertex.path:
            return Step(self._kind(vertex), name, (value,))
        e = self.formula(node)
        rule = vertex.layer[-1] if vertex.layer else ""
        if node.primitive.name == "where":
            rule = "the branch taken"
        return Step(rule, name, (Line(e, "formula"), value))

    def _kind(self, vertex: Vertex) -> str:
        if vertex in self.recording.wrt:
            return "input"
        return "input, held constant" if vertex.path else "constant"

    def local(self) -> Section | None:
        """Every edge: how a node changes with one that it is computed from."""
        steps = [
            self._local(vertex.node, node, local)
            for vertex in reversed(self.shown)
            for node, local in self.locals(vertex.node).items()
        ]
        return Section(
            title("local derivatives: each formula by itself, its other operands held constant"),
            tuple(steps),
            columns=("edge", "formula", "value"),
            rules="rule",
        )

    def _local(self, user: Node, node: Node, local: Local) -> Step:
        name = named(self.local_name(user, node))
        lines = (Line(local.expression, local.rule), Line(shown(local.value), "its value"))
        notes: tuple[str, ...] = ()
        if local.sides:
            whole, part = (TEXT.symbol(self.network.name(n)) for n in (user, node))
            words = "; ".join(local.sides)
            notes = (f"{whole} has a kink in {part}, at {part} = {_number(node):g}: {words}",)
        return Step(local.rule, name, lines, notes=notes)

    def derivations(self) -> Section | None:
        """How the local derivatives of longer formulas are found."""
        steps = [
            step
            for vertex in reversed(self.shown)
            for local in self.locals(vertex.node).values()
            for step in local.derivation
        ]
        words = "step by step: the local derivatives of longer formulas"
        return Section(title(words), tuple(steps)) if steps else None

    def backward(self) -> Section:
        """Every derivative of the result: what its users pass on, summed."""
        known = self.recording.cotangents
        order = [v.node for v in reversed(self.shown) if v.node in known]
        steps = [self._cotangent(node) for node in order]
        edges, count = self.network.edges, len(self.recording.wrt)
        words = f"each of the {edges:,} edges is used once"
        words += f", for all {count:,} derivatives together" if count > 1 else ""
        notes = [words] if edges > 1 else []
        for node in order:
            if self.derivative(node).total:
                whole, part = self.derivative(node), self.local_name(self.output.node, node)
                last = TEXT.symbol(self.output.name)
                notes.append(
                    f"{TEXT(whole)} is the whole derivative, {TEXT(part)} that of the formula of "
                    f"{last} alone"
                )
        return Section(
            title("backward: from the result to the inputs, what arrives at a node is summed"),
            tuple(steps),
            columns=self.headings,
            notes=tuple(notes),
        )

    def _cotangent(self, node: Node) -> Step:
        name = named(self.derivative(node))
        if node is self.output.node:
            return Step("the result itself", name, (Line(self.slope(node), "itself"),))
        users = len(self.network.users[node])
        rule = "chain rule" if users == 1 else f"chain rule, {users} contributions"
        lines, notes = self.arriving(node)
        return Step(rule, name, lines, notes=notes)

    def arriving(self, node: Node) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """What arrives at a node, in symbols and numbers, and its sum; what has to be said."""
        last = Line(self.slope(node), "their sum")
        users = self.network.users[node]
        if not all(node in self.locals(user) for user in users[-MOST:]):
            return self._products(node, last)
        symbols, numbers, notes = self.summed(node, self.cotangent(node))
        lines = [Line(symbols, "chain rule")]
        if numbers != last.expression:
            lines.append(Line(numbers, "the values"))
        return (*lines, last), notes

    def _products(self, node: Node, last: Line) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """Of arrays the contributions by their names; the products are those of linear maps."""
        users = list(reversed(self.network.users[node]))
        written = users if len(users) <= MOST else users[: MOST - 1]
        terms: list[Expression] = [
            self.local_name(user, node)
            if user is self.output.node
            else Chain((self.derivative(user), self.local_name(user, node)))
            for user in written
        ]
        more = len(users) - len(written)
        what = named(self.derivative(node)).text
        notes = (f"… {more} further contributions to {what}",) if more else ()
        if terms == [self.derivative(node)]:
            return (last,), notes
        return (Line(summed(terms), "chain rule"), last), notes

    def summed(self, node: Node, value: float) -> tuple[Expression, Expression, tuple[str, ...]]:
        """The contributions to a node in symbols and in numbers, each a sum."""
        users = list(reversed(self.network.users[node]))
        written = users if len(users) <= MOST else users[: MOST - 1]
        found = [self.contribution(user, node) for user in written]
        symbols = [one.symbols for one in found]
        numbers = [product_of(one.numbers) for one in found]
        partials = self._partials(written, node)
        names = self.among((self.output.node, *self.network.operands[self.output.node]))
        notes: tuple[str, ...] = ()
        if len(written) < len(users):
            rest = value - math.fsum(one.value for one in found)
            name = "rest"
            while name in self.values:
                name += "_0"
            names[name] = rest
            symbols.append(Symbol(name))
            numbers.append(shown(rest))
            count = len(users) - len(written)
            what = named(self.derivative(node)).text
            notes = (f"{name}: {count} further contributions to {what}",)
        lines = summed(symbols), summed(numbers)
        error = sum(one.error for one in found)
        claim(lines[0], value, names, partials, error)
        claim_numbers(lines[1], value)
        return *lines, notes

    def _partials(self, users: Sequence[Node], node: Node) -> dict[Partial, float]:
        found = {self.derivative(user): self.cotangent(user) for user in users}
        return found | {
            self.local_name(user, node): self.locals(user)[node].value for user in users
        }


def summed(terms: Sequence[Expression]) -> Expression:
    """Terms side by side, each as it is."""
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def title(words: str) -> Named:
    return Named(words, rf"\text{{{words}}}")


def _number(node: Node) -> float:
    value = node.value
    return math.nan if value is None else float(np.reshape(value, ()))
