"""From the steps of a forward pass to the steps of a derivation.

The pass (`rules.jvp.push`) visits every node between the variable and the result and says by which
rule, with which local derivatives, its derivative follows from those of its sources. Here each such
step becomes a line as a teacher writes it; nothing is differentiated a second time. How a rule is
worded is in `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from chainrule.core.node import Node, literal, topological
from chainrule.explaining import laws, reading, rules
from chainrule.explaining.check import Bench
from chainrule.explaining.collect import collected
from chainrule.explaining.expression import (
    ONE,
    ZERO,
    Expression,
    Symbol,
    substitute,
)
from chainrule.explaining.factors import arranged, order_of_letters
from chainrule.explaining.lines import simplified_lines
from chainrule.explaining.rounding import Measured, Values
from chainrule.explaining.steps import Derivative, Let, Line, Named, Reference, Step
from chainrule.explaining.styles import LATEX
from chainrule.rules.jvp import Step as Push
from chainrule.rules.jvp import push

__all__ = ["Derivation", "derive", "tangent_of"]

WHOLE = 160
"""How long an expression may be to be derived in one piece."""

PART = 24
"""How long the named parts of longer expressions are."""

MOST_PARTS = 24
"""How many parts are derived; those before them are folded."""

_LETTERS = ("u", "v", "w", "s", "t", "p", "q", "r", "z", "m", "n", "k", "h", "g", "a", "b")


@dataclass(frozen=True)
class Derivation:
    """A derivative derived.

    Attributes:
        steps: one for each part, the last for the function itself.
        function: the function, in the names of the parts where there are any.
        result: the derivative, likewise.
        parts: what the names stand for, in this order.
        meanings: every name in the result with its meaning, as far as that can be written.
    """

    steps: tuple[Step, ...]
    function: Expression
    result: Expression
    parts: tuple[Let, ...]
    meanings: Mapping[str, Expression]


def tangent_of(output: Node, hole: Node, steps: list[Push] | None = None) -> Node | None:
    """The derivative of ``output`` as a graph; None where it is zero."""
    (found,) = push([output], {hole: literal(1.0, hole.dtype)}, record=True, steps=steps)
    return found


def derive(
    output: Node,
    inputs: Mapping[Node, str],
    hole: Node,
    points: Values,
    follows: Mapping[Node, Node] | None = None,
) -> Derivation:
    """The derivation of ∂output/∂hole.

    Args:
        output: a scalar.
        inputs: the names of the variables.
        hole: the one to differentiate with respect to; the others are held constant.
        points: where lines are held against the engine; values in the order of ``inputs``.
        follows: variables that are functions of ``hole``, as y is of x in implicit differentiation,
            each with the input that stands for its derivative.

    Raises:
        ClaimError: if a line differs from what the engine computed.
    """
    pushes: list[Push] = []
    follows = follows or {}
    seeds = {hole: literal(1.0, hole.dtype), **follows}
    push([output], seeds, record=True, steps=pushes)
    return _Deriver(output, inputs, hole, pushes, points, follows).run()


class _Deriver:
    def __init__(
        self,
        output: Node,
        inputs: Mapping[Node, str],
        hole: Node,
        pushes: Sequence[Push],
        points: Values,
        follows: Mapping[Node, Node],
    ) -> None:
        self.output = output
        self.hole = hole
        self.variable = inputs[hole]
        self.partial = len(inputs) - 2 * len(follows) > 1
        self.follows = {node: inputs[rate] for node, rate in follows.items()}
        self.pushes = {step.node: step for step in pushes}
        self.order = topological([output])
        self.depending = {hole, *follows}
        for node in self.order:
            if any(source in self.depending for source in node.sources):
                self.depending.add(node)
        wanted = [n for n in self.order if reading.is_scalar(n) and n.type.is_float]
        for step in pushes:
            wanted += [node for node in step.locals if node is not None]
            wanted += [step.tangent] if isinstance(step.tangent, Node) else []
        self.bench = Bench(inputs, wanted, points)
        self.numbers = count(1)
        self.done: dict[Node, tuple[Expression, Step | None]] = {
            hole: (ONE, None),
            **{node: (Symbol(name), None) for node, name in self.follows.items()},
        }
        self.parts: dict[Node, str] = {}
        self.inner: dict[Node, Expression] = {}
        self.derivatives: dict[str, Expression] = {}
        self.written: dict[Node, Expression] = {node: Symbol(name) for node, name in inputs.items()}
        self._write(set(inputs.values()))
        self.place = order_of_letters(self.written.values())

    # -- parts -------------------------------------------------------------------------------------

    def _write(self, taken: set[str]) -> None:
        """Write every node, cutting what is too long, or has no notation, into named parts."""
        lengths = _lengths(self.order)
        long = lengths[self.output] > WHOLE
        held: dict[Node, int] = {}
        for node in self.order:
            if node in self.written:
                held[node] = 1
                continue
            nameable = not node.sources or reading.has_notation(node)
            held[node] = 1 + sum(held[source] for source in node.sources)
            if not reading.is_scalar(node):
                continue  # an array or a tuple: what is made of it has no notation
            if nameable:
                e = reading.applied(node, self.written) if node.sources else reading.leaf(node)
                self.inner[node] = self.written[node] = e
            cut = long and held[node] > PART and node is not self.output and node.type.is_float
            if not nameable or cut:
                name = f"v_{len(self.parts) + 1}"
                while name in taken:
                    name += "_0"
                self.parts[node] = name
                self.written[node] = Symbol(name)
                held[node] = 1
                if node in self.bench.values:
                    self.bench.names[name] = self.bench.values[node]

    def run(self) -> Derivation:
        steps: list[Step] = []
        derived = [node for node in self.parts if node in self.pushes]
        folded = derived[: max(0, len(derived) - MOST_PARTS)]
        if folded:
            steps.append(self._folded(folded))
        for node in derived[len(folded) :]:
            steps.append(self._part(node))
        if self.output in self.parts:
            step = steps[-1]
        else:
            step = self._section(self.output)
            steps.append(step)
        lets = tuple(
            Let(name, self.inner.get(node, Symbol(name))) for node, name in self.parts.items()
        )
        meanings = {let.name: let.expression for let in lets if let.expression != Symbol(let.name)}
        function = self.written[self.output]
        return Derivation(tuple(steps), function, step.result, lets, meanings | self.derivatives)

    def _folded(self, nodes: Sequence[Node]) -> Step:
        for node in nodes:
            self._name_derivative(node)
        first, last = (self.parts[node] for node in (nodes[0], nodes[-1]))
        return Step(
            rule="folded",
            subject=Named(f"{first}, …, {last}", rf"{LATEX.symbol(first)}, \dots"),
            lines=(Line(Symbol(self._derivative_name(nodes[-1])), "by the engine"),),
            notes=(
                f"the function is too large to be explained in full: the derivatives of its first "
                f"{len(nodes)} parts are taken from the engine",
            ),
            folded=len(nodes),
        )

    def _derivative_name(self, node: Node) -> str:
        return "D_" + self.parts[node].removeprefix("v_")

    def _name_derivative(self, node: Node) -> Symbol:
        name = self._derivative_name(node)
        self.bench.names[name] = self.tangent(node)
        self.done[node] = (Symbol(name), None)
        return Symbol(name)

    def _part(self, node: Node) -> Step:
        """The step of a named part, and from then on its derivative by name."""
        name = self.parts[node]
        if node not in self.inner:
            symbol = self._name_derivative(node)
            primitive = node.primitive
            return Step(
                rule=f"rule of {primitive.name}",
                subject=self._subject(Symbol(name)),
                lines=(Line(symbol, f"by the engine's own rule for {primitive.name}"),),
                notes=("this rule has no textbook name; its derivative is shown by name only",),
                number=next(self.numbers),
                named=False,
            )
        step = self._section(node)
        symbol = self._name_derivative(node)
        self.derivatives[symbol.name] = step.result
        lines = (*step.lines, Line(symbol, "a name for it"))
        lets = (Let(name, self.inner[node]), *step.lets)
        return replace(step, lines=lines, lets=lets, subject=self._subject(Symbol(name)))

    def _section(self, node: Node) -> Step:
        """The step of a node that begins a derivation, also where nothing has to be done."""
        if node in self.parts:
            self.written[node] = self.inner[node]  # within its own step it is written out
        result, step = self._derivative(node, frozenset())
        if step is None:
            rule, law = laws.trivial(result)
            step = self._step(node, rule, law, result, number=next(self.numbers))
        if node in self.parts:
            self.written[node] = Symbol(self.parts[node])
        return step

    # -- one node ----------------------------------------------------------------------------------

    def derivative(
        self, node: Node, taken: frozenset[str]
    ) -> tuple[Expression, tuple[Step | Reference, ...]]:
        """The derivative of a node, and the step that derives it, or refers to where it was."""
        seen = node in self.done
        result, step = self._derivative(node, taken)
        if step is None:
            return result, ()
        if seen and step.number is not None and isinstance(step.subject, Derivative):
            return result, (Reference(step.number, step.subject, result),)
        return result, (step,)

    def _derivative(self, node: Node, taken: frozenset[str]) -> tuple[Expression, Step | None]:
        if node in self.done:
            return self.done[node]
        if reading.transparent(node):
            self.done[node] = self._derivative(node.sources[0], taken)
        elif node not in self.depending:
            return ZERO, None
        elif node not in self.pushes:
            self.done[node] = (ZERO, self._constant_step(node))
        else:
            number = next(self.numbers)
            step = replace(rules.explain(self, self.pushes[node], taken), number=number)
            self.done[node] = (step.result, step)
        return self.done[node]

    def _is_still(self, node: Node) -> bool:
        """Whether a node depends on the variable, and yet its derivative is zero: floor(x)."""
        depends = node in self.depending and node not in (self.hole, *self.follows)
        return depends and node not in self.pushes and node.type.is_float

    def _constant_step(self, node: Node) -> Step:
        convention = getattr(node.primitive, "convention", "")
        return self._step(
            node,
            node.primitive.rule or "constant rule",
            None,
            ZERO,
            number=next(self.numbers),
            notes=(f"convention: {convention}",) if convention else (),
        )

    def _step(
        self,
        node: Node,
        rule: str,
        law: Named | None,
        e: Expression,
        *,
        number: int,
        notes: tuple[str, ...] = (),
    ) -> Step:
        self.bench.claim(e, self.tangent(node))
        subject = self._subject(self.written[node])
        lines = (Line(e, rule),)
        return Step(rule, subject, lines, law=law, notes=notes, number=number)

    def tangent(self, node: Node) -> Measured:
        """The derivative of a node as the engine computed it."""
        push = self.pushes.get(node)
        if push is not None and push.tangent is not None:
            return self.bench.values[push.tangent]
        if node in self.follows:
            return self.bench.names[self.follows[node]]
        values = self.bench.names[self.variable].values
        return Measured.exact(np.full_like(values, node is self.hole))

    def _subject(self, e: Expression) -> Derivative:
        return Derivative(e, self.variable, self.partial)

    # -- what rules need ---------------------------------------------------------------------------

    def finished(
        self,
        push: Push,
        rule: str,
        law: Named,
        raw: Expression,
        *,
        reason: str = "",
        lets: Sequence[Let] = (),
        children: Sequence[Step | Reference] = (),
        notes: Sequence[str] = (),
    ) -> Step:
        """The step of a node: the line that the rule gives, and its simplification, all checked."""
        expected = self.tangent(push.node)
        lines = self.lines(raw, reason or rule, expected)
        if push.convention and rules.may_meet_kink(push):
            notes = (*notes, f"convention: {push.convention}")
        shown = {child.subject for child in children}
        for source in dict.fromkeys(push.node.sources):
            if self._is_still(source) and self._subject(self.written[source]) not in shown:
                children = (*children, *self.derivative(source, frozenset())[1])
        return Step(
            rule=rule,
            law=law,
            subject=self._subject(self.written[push.node]),
            lines=lines,
            lets=tuple(lets),
            children=tuple(children),
            notes=tuple(notes),
        )

    def lines(
        self,
        raw: Expression,
        reason: str,
        expected: Measured,
        more: Mapping[str, Measured] | None = None,
    ) -> tuple[Line, ...]:
        """``raw`` and its simplification, without lines that look the same; all are checked."""
        found = simplified_lines(raw, reason, self.place)
        for line in found:
            self.bench.claim(line.expression, expected, more)
        return found

    def letter(self, node: Node, taken: frozenset[str]) -> tuple[Expression, frozenset[str]]:
        """What a source is called in a rule: its own name if it has one, else a letter."""
        e = self.written[node]
        if isinstance(e, Symbol):
            return e, taken
        used = taken | set(self.bench.names)
        name = next((n for n in _LETTERS if n not in used), f"u_{len(used)}")
        return Symbol(name), taken | {name}

    def local(self, push: Push, index: int, called: Mapping[Node, Expression]) -> Expression:
        """The local derivative that the engine used, with sources called by these names."""
        node = push.locals[index]
        assert node is not None
        return reading.read(node, {**self.named(), **called})

    def tidy(self, e: Expression) -> Expression:
        """Numbers and powers collected, letters in the order of the function."""
        return arranged(collected(e), self.place)

    def named(self) -> dict[Node, Expression]:
        """The nodes that go by a name wherever they are used: variables and parts."""
        return {node: e for node, e in self.written.items() if isinstance(e, Symbol)}

    def put_back(self, e: Expression, lets: Sequence[Let]) -> Expression:
        """``e`` with the expressions that the letters stand for."""
        return substitute(e, {let.name: let.expression for let in lets})


def _lengths(order: Sequence[Node]) -> dict[Node, int]:
    """How long each node would be written in full."""
    lengths: dict[Node, int] = {}
    for node in order:
        lengths[node] = 1 + sum(lengths[source] for source in node.sources)
    return lengths
