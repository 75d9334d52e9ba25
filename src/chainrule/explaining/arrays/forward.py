"""The forward pass of a recording as lines: every name with the term that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.errors import ClaimError
from chainrule.core.node import LITERAL, Node, topological
from chainrule.core.types import ArrayType
from chainrule.explaining.arrays.block import Block
from chainrule.explaining.arrays.blocks import find_block
from chainrule.explaining.arrays.expression import (
    Term,
    cotangent,
    literal,
    number,
    repeat,
    size,
    substitute,
    symbol,
    times,
    walk,
)
from chainrule.explaining.arrays.reading import applied, leaf, numeric
from chainrule.explaining.arrays.rules import rule_name
from chainrule.explaining.arrays.simplify import simplified
from chainrule.explaining.arrays.values import evaluate
from chainrule.explaining.graph.recording import Recording
from chainrule.explaining.styles import TEXT
from chainrule.ops.record import Projection

__all__ = ["Forward", "Reader", "close_enough"]

RELATIVE = 1e-9
LONGEST = 26
"""So long may a term without a name be inside another."""


def close_enough(found: Any, expected: Any, relative: float = RELATIVE) -> bool:
    """Whether an array equals another up to rounding, measured by its largest entry."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return False
    if not expected.size:
        return True
    allowed = relative * np.max(np.abs(expected)) + 1e-14
    return bool(np.all(np.abs(found - expected) <= allowed))


@dataclass(frozen=True)
class Forward:
    """A line of the forward pass: a name, and the term that it stands for."""

    node: Node
    name: Term
    term: Term
    rules: tuple[str, ...]


class Reader:
    """A recording read forward.

    Args:
        recording: the run.
        names: names for nodes that differ from the recording's own.
        dims: letters for extents, such as ``{4: "n"}``.
        result: how the result is called in derivatives.

    Attributes:
        deltas: cotangents with a name of their own, such as δ₂ for ∂L/∂Z₂.
        silent: nodes with a name whose cotangents have no line.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        names: Mapping[Node, str] | None = None,
        dims: Mapping[int, str] | None = None,
        result: str = "L",
    ) -> None:
        self.recording = recording
        self.dims = dict(dims or {})
        self.result = result
        self.own = dict(names or {})
        self.output = recording.output.node
        if not recording.output.own:
            self.own.setdefault(self.output, result)
        self.order = topological([self.output])
        self.users: dict[Node, list[Node]] = {node: [] for node in self.order}
        for node in self.order:
            for source in dict.fromkeys(node.sources):
                self.users[source].append(node)
        self.named = {v.node for v in recording.vertices if v.own} | set(self.own)
        self.named |= {vertex.node for vertex in recording.inputs} | {self.output}
        self.named |= {n for n in self.order if isinstance(n.primitive, Projection)}
        self.named -= {n for n in self.order if n.primitive.name == "alias"}  # of inner derivatives
        self.refused: set[Node] = set()
        self.deltas: dict[Node, str] = {}
        self.silent: frozenset[Node] = frozenset()
        self.values: dict[Term, Any] = {}
        for extent, letter in self.dims.items():
            self.values[symbol(letter)] = np.float64(extent)
        self._start()

    def _start(self) -> None:
        self.blocks = self._find_blocks()
        self.inside = {node for block in self.blocks.values() for node in block.inside}
        self.terms: dict[Node, Term] = {}
        self.forward: list[Forward] = []
        self._read_forward()

    # -- names and extents -------------------------------------------------------------------------

    def count(self, extent: int) -> Term:
        """An extent as a letter where there is one."""
        letter = self.dims.get(extent)
        return number(extent) if letter is None or extent == 1 else symbol(letter)

    def shape(self, shape: Sequence[int]) -> tuple[str, ...]:
        """A shape with letters where there are any."""
        return tuple(self.dims.get(n, str(n)) if n != 1 else "1" for n in shape)

    def name_of(self, node: Node) -> str:
        """The name of a node."""
        return self.own.get(node) or self.recording.by_node[node].name

    def symbol_of(self, node: Node) -> Term:
        """A node by its name; from then on its value is known."""
        found = symbol(self.name_of(node), node.shape)
        self.values[found] = np.asarray(node.value)
        return found

    def cotangent_of(self, node: Node) -> Term:
        """The derivative of the result with respect to a node, by its name."""
        delta = self.deltas.get(node)
        if delta is not None:
            found = symbol(delta, node.shape)
        else:
            found = cotangent(self.result, self.name_of(node), node.shape)
        self.values[found] = self.engine(node)
        return found

    def is_cotangent(self, term: Term) -> bool:
        """Whether a term is the name of a cotangent: ∂L/∂Z, or δ₂."""
        named = term.kind == "symbol" and term.argument[0] in self.deltas.values()
        return term.kind == "cotangent" or named

    def engine(self, node: Node) -> Any:
        """The derivative of the result with respect to a node, as the engine computed it."""
        found = self.recording.cotangents.get(node)
        return np.zeros(node.shape) if found is None else np.asarray(found.value)

    # -- composites --------------------------------------------------------------------------------

    def _find_blocks(self) -> dict[Node, Block]:
        found: dict[Node, Block] = {}
        taken: set[Node] = set()
        for node in reversed(self.order):
            if node in taken or node in self.refused or not node.sources:
                continue
            for block in find_block(node):
                if self._is_closed(block):
                    found[node] = block
                    taken |= block.inside
                    break
        return found

    def _is_closed(self, block: Block) -> bool:
        """Whether nobody else uses what is inside, and the user gave it no name."""
        whole = block.inside | {block.output}
        for node in block.inside:
            if node in block.inputs or (node in self.named and node.sources):
                return False
            if node.tracked and any(user not in whole for user in self.users.get(node, ())):
                return False
        return True

    def sources_of(self, node: Node) -> tuple[Node, ...]:
        """What a node, or the composite that ends in it, is computed from."""
        block = self.blocks.get(node)
        return node.sources if block is None else block.inputs

    # -- the forward pass --------------------------------------------------------------------------

    def _read_forward(self) -> None:
        rules: dict[Node, tuple[str, ...]] = {}
        for node in self.order:
            if node in self.inside or not isinstance(node.type, ArrayType):
                continue
            if not node.sources:
                self.terms[node] = self._leaf(node)
                continue
            if isinstance(node.primitive, Projection):  # what a loop gives has no formula
                self.terms[node] = self.symbol_of(node)
                continue
            sources = self.sources_of(node)
            for source in sources:  # inside of a composite there may be constants
                if source not in self.terms:
                    self.terms[source] = self._leaf(source)
            operands = [self.terms[source] for source in sources]
            block = self.blocks.get(node)
            if block is None:
                term = applied(node, self._operands(node, operands))
            else:
                term = block.forward(operands, self.count)
            term = self._facts(simplified(term, self.count))
            term = self._checked_forward(node, term)
            inner = [rules.get(source, ()) for source in sources if source not in self.named]
            took = (rule_name(node, block), *(rule for part in inner for rule in part))
            rules[node] = tuple(dict.fromkeys(filter(None, took)))
            if self._has_line(node, term):
                name = self.symbol_of(node)
                self.named.add(node)
                self.forward.append(Forward(node, name, term, rules[node]))
                self.terms[node] = name
            else:
                self.terms[node] = term

    def _leaf(self, node: Node) -> Term:
        if node.primitive is LITERAL:
            return numeric(float(node.value)) if node.type.is_float else leaf(node)
        vertex = self.recording.by_node.get(node)
        value = np.asarray(node.value)
        nameless = vertex is None or not vertex.own
        if nameless and value.dtype.kind == "f" and value.size and np.all(value == value.flat[0]):
            return repeat(numeric(float(value.flat[0])), node.shape)
        if vertex is None:
            return literal(value)
        return self.symbol_of(node)

    def _operands(self, node: Node, operands: Sequence[Term]) -> list[Term]:
        """The operands; a divisor that counts what was summed is written by letters."""
        found = list(operands)
        if node.primitive.name == "div" and node.sources[0].primitive.name == "sum":
            above, below = node.sources
            axes, _ = above.argument
            counts = [above.sources[0].shape[a] for a in axes]
            size_ = int(np.prod(counts)) if counts else 1
            if not below.sources and np.size(below.value) == 1 and float(below.value) == size_:
                found[1] = times(*[self.count(n) for n in counts]) if counts else found[1]
        return found

    def _has_line(self, node: Node, term: Term) -> bool:
        if node in self.named:
            return True
        if not self.recording.by_node.get(node) or not node.tracked:
            return size(term) > LONGEST and node in self.recording.by_node
        return size(term) > LONGEST

    def _checked_forward(self, node: Node, term: Term) -> Term:
        if not close_enough(evaluate(term, self.values), np.asarray(node.value)):
            raise ClaimError(
                f"the term {TEXT(term)} is not what the engine computed for {node!r}; this is a "
                "bug of chainrule, please report the function"
            )
        return term

    def _facts(self, term: Term) -> Term:
        """Constants that have a name by that name."""
        changes: dict[Term, Term] = {}
        for part in walk(term):
            if part.kind == "literal" and part.shape:
                found = self._known_array(evaluate(part, {}))
                if found is not None:
                    changes[part] = found
        return substitute(term, changes) if changes else term

    def _known_array(self, value: Any) -> Term | None:
        for vertex in self.recording.vertices:
            node = vertex.node
            fits = vertex.own and not node.sources and node.shape == value.shape
            if fits and np.array_equal(np.asarray(node.value), value):
                return self.symbol_of(node)
        return None
