"""The derivatives of one result with respect to some variables, each derived and held against
the engine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import ArgumentError
from chainrule.core.node import Node
from chainrule.explaining.check import Bench, points_for
from chainrule.explaining.derive import Derivation, derive, tangent_of
from chainrule.explaining.explanation import Section, written_out
from chainrule.explaining.expression import Expression, Symbol, symbols
from chainrule.explaining.function import Function
from chainrule.explaining.naming import Naming
from chainrule.explaining.plain import plain
from chainrule.explaining.styles import TEXT
from chainrule.notation import canonical, parse
from chainrule.ops.shape import zeros_like

__all__ = ["Entry", "Partials", "chosen_names"]

MOST = 40
"""How many derivatives of one order are derived."""


@dataclass(frozen=True)
class Entry:
    """A derivative: with respect to these variables, in this order."""

    wrt: tuple[str, ...]
    engine: Node
    expression: Expression


def chosen_names(wrt: Any, names: Sequence[str]) -> tuple[str, ...]:
    """The names in ``wrt``, or all.

    Raises:
        ArgumentError: if one is not among ``names``.
    """
    if wrt is None:
        return tuple(names)
    given = wrt.replace(",", " ").split() if isinstance(wrt, str) else wrt
    given = [given] if isinstance(given, int) else given
    found = []
    for one in given:
        if isinstance(one, int) and 0 <= one < len(names):
            found.append(names[one])
            continue
        name = one if one in names else canonical(str(one))
        if name not in names:
            known = f"its variables are {', '.join(names)}"
            raise ArgumentError(f"wrt: the function has no variable {one!r}; {known}")
        found.append(name)
    return tuple(dict.fromkeys(found)) or tuple(names)


class Partials:
    """Derivatives up to an order, in any of the chosen variables.

    Attributes:
        naming: what they are called.
        engine: the derivatives as the engine computes them, by the variables.
        entries: those derived so far.
        sections: their derivations.
        written: the function as a formula, as soon as one derivative is derived.
        shown: the function as it is derived, without arrays and guards where that is possible.
        bench: the points at which lines are held against the engine.
    """

    def __init__(
        self, function: Function, chosen: Sequence[str], order: int, symbol: str = "f"
    ) -> None:
        self.function = function
        self.chosen = tuple(chosen)
        self.naming = Naming(function.names, symbol)
        self.engine = self._engine(order)
        hole = function.hole
        near = {hole[name]: value for name, value in function.point.items()}
        outputs = [function.output, *self.engine.values()]
        self.points = points_for(list(function.holes), outputs, near)
        self.bench = Bench(function.inputs, outputs, self.points)
        self.shown = plain(function.output, function.holes, self.points)
        self.entries: dict[tuple[str, ...], Entry] = {}
        self.sections: list[Section] = []
        self.written: Expression = Symbol("f")

    def _engine(self, order: int) -> dict[tuple[str, ...], Node]:
        output, hole = self.function.output, self.function.hole
        found: dict[tuple[str, ...], Node] = {(): output}
        number = math.comb(len(self.chosen) + order - 1, order)
        if number > MOST:
            raise ArgumentError(
                f"there are {number} derivatives of order {order} in {len(self.chosen)} "
                f"variables; say with wrt= in which ones, for example wrt={self.chosen[0]!r}"
            )
        for count in range(1, order + 1):
            for wrt in itertools.combinations_with_replacement(self.chosen, count):
                tangent = tangent_of(found[wrt[:-1]], hole[wrt[-1]])
                found[wrt] = zeros_like(output) if tangent is None else tangent
        del found[()]
        return found

    def derive_all(self, order: int) -> list[Entry]:
        """Derive every derivative up to the order; those of this order."""
        wanted = [wrt for wrt in self.engine if len(wrt) <= order]
        return [entry for entry in map(self.derive, wanted) if len(entry.wrt) == order]

    def derive(self, wrt: tuple[str, ...]) -> Entry:
        """Derive ∂before/∂(last of wrt), or of the function itself; hold it against the engine."""
        before = self.entries.get(wrt[:-1])
        hole = self.function.hole
        if before is None:
            output = self.shown
        elif not self.is_closed(before.expression):  # too long to be read back
            output = before.engine
        else:
            formula = parse(TEXT(before.expression), names=self.function.names)
            output = formula.node(hole)
        found = derive(output, self.function.inputs, hole[wrt[-1]], self.points)
        expression = written_out(found.result, found.meanings)
        if before is None:
            self.written = found.function
        if self.is_closed(expression):
            self.bench.claim(expression, self.bench.values[self.engine[wrt]])
        self.sections.append(self._section(wrt, found))
        self.entries[wrt] = Entry(wrt, self.engine[wrt], expression)
        return self.entries[wrt]

    def is_closed(self, e: Expression) -> bool:
        """Whether it is written in the variables alone."""
        return not symbols(e).keys() - set(self.function.names)

    def _section(self, wrt: tuple[str, ...], found: Derivation) -> Section:
        notes: list[str] = []
        held = [name for name in self.function.names if name != wrt[-1]]
        if held:
            verb = "is" if len(held) == 1 else "are"
            listed = ", ".join(TEXT.symbol(name) for name in held)
            notes.append(f"{listed} {verb} held constant")
        if len(set(wrt)) > 1:
            first = self.naming.label(wrt)
            if len(wrt) == 2:
                notes.append(f"by symmetry {self.naming.label(wrt[::-1]).text} = {first.text}")
            else:
                notes.append(f"{first.text} is the same in every order of its variables")
        return Section(self.naming.label(wrt), found.steps, found.parts, tuple(notes))
