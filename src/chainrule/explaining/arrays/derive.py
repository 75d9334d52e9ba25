"""From a recording to the lines of a derivation, each checked against the engine.

The reverse pass is read node by node. What the user gave a name has a line of its own; what has
none is contracted into the lines of what it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.errors import ChainRuleError, ClaimError
from chainrule.core.node import Node
from chainrule.explaining.arrays.block import Block
from chainrule.explaining.arrays.expression import (
    ONE,
    Term,
    plus,
    repeat,
    size,
    substitute,
    symbol,
    walk,
)
from chainrule.explaining.arrays.forward import LONGEST, Reader, close_enough
from chainrule.explaining.arrays.rules import candidates, law_of, rule_name
from chainrule.explaining.arrays.simplify import simplified
from chainrule.explaining.arrays.values import evaluate
from chainrule.explaining.styles import TEXT
from chainrule.ops.record import Call, Projection

__all__ = ["Deriver", "Found"]

TWICE = 8
"""So long may a cotangent without a name be that is needed more than once."""


@dataclass(frozen=True)
class Found:
    """The derivation of one cotangent.

    Attributes:
        node: whose.
        name: ∂L/∂Z.
        term: what the rules give.
        rules: the rules that it took, in the order of the reverse pass.
        users: the named nodes whose cotangents it is made of.
        laws: the laws of the composites among them.
        conventions: what was taken at kinks.
        named: whether all rules have names.
    """

    node: Node
    name: Term
    term: Term
    rules: tuple[str, ...]
    users: tuple[Node, ...]
    laws: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    named: bool = True


class _NeedsNameError(Exception):
    """A node without a name of its own whose cotangent is long and needed."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


class _NotOfTextbooksError(_NeedsNameError):
    """A composite for which what textbooks say is not what the engine computed, as at ties."""


@dataclass
class _Pending:
    """A cotangent without a name: its term, and what it took."""

    term: Term
    rules: tuple[str, ...]
    users: tuple[Node, ...]
    laws: tuple[str, ...]
    conventions: tuple[str, ...]
    named: bool = True


class Deriver(Reader):
    """The derivation of one recording: its forward pass, and the reverse pass as lines."""

    # -- the reverse pass --------------------------------------------------------------------------

    def run(self, seed: Term) -> list[Found]:
        """The derivations of all named nodes that depend on what is differentiated by."""
        while True:
            try:
                return self._run(seed)
            except _NotOfTextbooksError as other:
                self.refused.add(other.node)
                self._start()
            except _NeedsNameError as needed:
                self.named.add(needed.node)
                self._start()

    def _run(self, seed: Term) -> list[Found]:
        self.given = 0
        targets = [vertex.node for vertex in self.recording.wrt]
        self.targets = set(targets)
        flows = set(self.recording.cotangents)
        contributions = self._contributions()
        pending: dict[Node, _Pending] = {
            self.output: _Pending(seed, (), (), (), ()),
        }
        incoming: dict[Node, list[_Pending]] = {}
        found: list[Found] = []
        inputs = [node for node in self.order if not node.sources]
        walk_order = [n for n in reversed(self.order) if n.sources]
        for node in [*walk_order, *inputs]:
            if isinstance(node.primitive, Call):
                self._pass_through(node, contributions, incoming)
            if node in self.inside or node not in flows:
                continue
            if node is not self.output:
                parts = incoming.pop(node, [])
                if not parts:
                    continue
                made = _joined(parts)
                made.term = self.simple(made.term)
                self.claim(made.term, self.engine(node))
                if node not in self.named and self._needs_name(node, made.term):
                    raise _NeedsNameError(node)
                if node in self.named and node not in self.silent:
                    one = self._line(node, made)
                    found.append(one)
                    made = _Pending(one.name, (), (node,), (), ())
                pending[node] = made
            ends = node in self.targets and not node.sources
            if ends or isinstance(node.primitive, Projection):
                continue
            self._pass_on(node, pending[node], contributions, incoming)
        return sorted(found, key=lambda one: one.node in self.targets)

    def _needs_name(self, node: Node, ct: Term) -> bool:
        """Whether a cotangent is too long to be written out wherever it goes."""
        if node not in self.recording.by_node:
            return False
        ways = sum(source in self.recording.cotangents for source in self.sources_of(node))
        return size(ct) > (LONGEST if ways < 2 else TWICE)

    def _contributions(self) -> dict[tuple[Node, int], Any]:
        """What each node passes on to each source, from the engine."""
        return {
            (step.node, step.index): np.asarray(step.contribution.value)
            for step in self.recording.steps
        }

    def _pass_on(
        self,
        node: Node,
        ct: _Pending,
        contributions: Mapping[tuple[Node, int], Any],
        incoming: dict[Node, list[_Pending]],
    ) -> None:
        block = self.blocks.get(node)
        sources = self.sources_of(node)
        operands = [self.terms[source] for source in sources]
        if block is None:
            operands = self._operands(node, operands)
        for index, source in enumerate(sources):
            if source not in self.recording.cotangents:
                continue
            expected = self._expected(node, index, block, contributions)
            if expected is None:
                continue
            term, named = self._chosen(node, index, ct.term, operands, block, expected)
            rule = rule_name(node, block)
            part = _Pending(
                term,
                tuple(filter(None, (*ct.rules, rule))),
                ct.users or ((node,) if node is not self.output else ()),
                tuple(filter(None, (*ct.laws, law_of(node, block)))),
                self._conventions(node, ct),
                ct.named and named and bool(rule or node.primitive.name in ("cast", "alias")),
            )
            incoming.setdefault(source, []).append(part)

    def _pass_through(
        self,
        node: Node,
        contributions: Mapping[tuple[Node, int], Any],
        incoming: dict[Node, list[_Pending]],
    ) -> None:
        """What a loop or a branch passes on: its rule has no formula, and shows by a name."""
        for index, source in enumerate(node.sources):
            if (node, index) in contributions and source in self.recording.cotangents:
                term = self._given(contributions[node, index])
                part = _Pending(term, (f"rule of {node.primitive.name}",), (), (), (), False)
                incoming.setdefault(source, []).append(part)

    def _given(self, value: Any) -> Term:
        """A name for what the engine computed by a rule of its own."""
        self.given += 1
        name = symbol(f"D_{self.given}", np.shape(value))
        self.values[name] = value
        return name

    def _conventions(self, node: Node, ct: _Pending) -> tuple[str, ...]:
        """The convention at a kink, where the run met one."""
        said = getattr(node.primitive, "convention", "")
        kinks = getattr(node.primitive, "kinks", ())
        if not said or not kinks or said in ct.conventions:
            return ct.conventions
        met = any(np.any(np.asarray(s.value) == kink) for s in node.sources for kink in kinks)
        return (*ct.conventions, f"convention: {said}") if met else ct.conventions

    def _expected(
        self,
        node: Node,
        index: int,
        block: Block | None,
        contributions: Mapping[tuple[Node, int], Any],
    ) -> Any:
        """What reaches a source by this node, or by the composite that ends in it."""
        if block is None:
            return contributions.get((node, index))
        source = block.inputs[index]
        parts = [
            value
            for (user, place), value in contributions.items()
            if (user is node or user in block.inside) and user.sources[place] is source
        ]
        return sum(parts[1:], parts[0]) if parts else None

    def _chosen(
        self,
        node: Node,
        index: int,
        ct: Term,
        operands: Sequence[Term],
        block: Block | None,
        expected: Any,
    ) -> tuple[Term, bool]:
        result = self.terms[node]
        for form in candidates(node, index, ct, operands, result, block, self.count):
            try:
                if close_enough(evaluate(form, self.values), expected):
                    return form, True
            except ChainRuleError:
                continue
        if block is not None:
            raise _NotOfTextbooksError(node)
        return self._given(expected), False

    # -- lines -------------------------------------------------------------------------------------

    def simple(self, term: Term) -> Term:
        """Simplified, with what is known of sums of probabilities."""
        before = simplified(term, self.count)
        for _ in range(4):
            after = simplified(self._facts(self._ones(before)), self.count)
            if after == before:
                break
            before = after
        return before

    def _ones(self, term: Term) -> Term:
        """Rows that sum to 1 do so."""
        changes: dict[Term, Term] = {}
        for part in walk(term):
            if part.kind != "total" or part.operands[0].kind != "symbol" or not part.shape:
                continue
            value = evaluate(part, self.values)
            if value.size and np.allclose(value, 1, rtol=0, atol=1e-12):
                changes[part] = repeat(ONE, part.shape)
        return substitute(term, changes) if changes else term

    def claim(self, term: Term, expected: Any) -> None:
        """Compare a term with what the engine computed.

        Raises:
            ClaimError: if they differ.
        """
        found = evaluate(term, self.values)
        if not close_enough(found, expected):
            raise ClaimError(
                f"the line {TEXT(term)} is not what the engine computed: it differs by "
                f"{_difference(found, expected)}; this is a bug of chainrule, please report the "
                "function"
            )

    def _line(self, node: Node, made: _Pending) -> Found:
        name = self.cotangent_of(node)
        self.claim(made.term, self.engine(node))
        return Found(
            node,
            name,
            made.term,
            tuple(dict.fromkeys(made.rules)),
            made.users,
            tuple(dict.fromkeys(made.laws)),
            tuple(dict.fromkeys(made.conventions)),
            made.named,
        )


def _difference(found: Any, expected: Any) -> str:
    if np.shape(found) != np.shape(expected):
        return f"its shape {np.shape(found)} instead of {np.shape(expected)}"
    return f"up to {np.max(np.abs(found - expected)):.3g}"


def _joined(parts: Sequence[_Pending]) -> _Pending:
    """What reaches a node by several ways, added up."""
    if len(parts) == 1:
        return parts[0]

    def together(found: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(item for part in found for item in part))

    return _Pending(
        plus(*[part.term for part in parts]),
        together(part.rules for part in parts),
        together(part.users for part in parts),
        together(part.laws for part in parts),
        together(part.conventions for part in parts),
        all(part.named for part in parts),
    )
