"""Graphs of arrays: formulas in matrix notation, and what arrives at a node as one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chainrule.core.node import Node
from chainrule.core.types import ArrayType
from chainrule.explaining.arrays.derive import Deriver, Found
from chainrule.explaining.arrays.expression import ONE
from chainrule.explaining.explanation import Section
from chainrule.explaining.expression import Expression, Partial
from chainrule.explaining.graph.folding import rows_of
from chainrule.explaining.graph.locals import Local
from chainrule.explaining.graph.network import Network, is_plain
from chainrule.explaining.graph.recording import Recording
from chainrule.explaining.graph.table import Board
from chainrule.explaining.steps import Line

__all__ = ["ArrayBoard", "board_of"]

LARGEST = 1500
"""Of graphs of more nodes the formulas are primitives by their names."""


def board_of(found: Recording, opened: Collection[str]) -> Board:
    """What is shown of a recording: of numbers with local derivatives, of arrays in matrices."""
    arrays = [v.node for v in found.vertices if not is_plain(v.node)]
    plural = any(not isinstance(node.type, ArrayType) for node in arrays)
    if arrays and not plural and len(found.vertices) <= LARGEST:
        name = found.output.name
        deriver = Deriver(found, names={found.output.node: name}, result=name)
        return ArrayBoard(deriver, opened)
    network = Network.of(found)
    return Board(network, rows_of(network, opened))


class ArrayBoard(Board):
    """What is known of the stations of a graph of arrays; every formula is held by its deriver.

    There is no table of local derivatives: that of a matrix by a matrix has four axes. What a node
    passes on is a product of matrices, which the backward table shows.
    """

    headings = ("derivative", "contributions", "value")

    def __init__(self, deriver: Deriver, opened: Collection[str]) -> None:
        self.found: Mapping[Node, Found] = {one.node: one for one in deriver.run(ONE)}
        self.terms = {line.node: line.term for line in deriver.forward}
        network = Network.of(deriver.recording, deriver.named)
        super().__init__(network, rows_of(network, opened))

    def written_out(self, longest: int) -> Expression:
        """The last formula."""
        return self.formula(self.output.node)

    def formula(self, node: Node) -> Expression:
        """A station in terms of others, in matrix notation."""
        return self.terms[node]

    def closed(self, node: Node) -> Expression:
        """What the reverse pass makes of it."""
        return self.found[node].term if node in self.found else self.slope(node)

    def derivative(self, node: Node) -> Partial:
        """∂L/∂node; there are no local derivatives that go by the same name."""
        return Partial(self.output.name, self.network.name(node))

    def locals(self, node: Node) -> dict[Node, Local]:
        """None."""
        return {}

    def local(self) -> Section | None:
        """None."""
        return None

    def arriving(self, node: Node) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """The cotangent as a product of matrices, and its value."""
        last = Line(self.slope(node), "its value")
        one = self.found.get(node)
        if one is None:
            return (last,), ()
        return (Line(one.term, ", ".join(one.rules)), last), one.conventions
