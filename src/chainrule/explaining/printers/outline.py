"""The outline of an explanation: its lines in reading order, for printers to write.

An entry has a kind, a depth and a formula; a formula is a row of expressions and signs. What is
shown, in which order and how deep is decided here, how it looks by each printer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from chainrule.explaining.explanation import Explanation, Section
from chainrule.explaining.expression import Apply, Expression, Symbol, Vector, number
from chainrule.explaining.printers.rows import tabulated
from chainrule.explaining.reading import constant
from chainrule.explaining.steps import Derivative, Line, Named, Reference, Step, Table

__all__ = ["Atom", "Entry", "Row", "headline", "outline"]

Kind = Literal[
    "function",
    "note",
    "section",
    "step",
    "let",
    "line",
    "claim",
    "see",
    "table",
    "folded",
    "result",
    "value",
]
Atom = Expression | Derivative | Named | str
"""A part of a formula; a string is a sign such as ``=``."""
Row = tuple[Atom, ...]


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        kind: what it is.
        depth: how many derivations it lies inside.
        row: its formula.
        words: what is said beside it: the name of a rule, a reason, a note.
        number: of a step, or of the step referred to.
        law: of a step.
        table: of a table, which has no formula.
    """

    kind: Kind
    depth: int = 0
    row: Row = ()
    words: str = ""
    number: int | None = None
    law: Named | None = None
    table: Table | None = None


def outline(found: Explanation, limit: int | None = None) -> Iterator[Entry]:
    """The entries of an explanation; with ``limit`` only those of so many steps."""
    yield Entry("function", row=headline(found))
    for note in found.notes:
        yield Entry("note", words=note)
    budget = _Budget(limit)
    for section in found.sections:
        yield from _section(section, budget)
    if budget.left_out:
        yield Entry("folded", words=f"… {budget.left_out} further steps")
    yield from _results(found)
    if found.unnamed:
        yield Entry("note", words=f"{found.unnamed} steps by rules without a textbook name")


def headline(found: Explanation) -> Row:
    """What is explained: the function, or an equation as it is."""
    if isinstance(found.function, Apply) and found.function.function == "equal":
        return (found.function,)
    return (found.name, "=", found.function)


def _results(found: Explanation) -> Iterator[Entry]:
    """The derivatives; what was assembled to a matrix as that."""
    whole = found.whole
    if whole is not None:
        yield Entry("result", row=(whole.name, "=", whole.expression))
        if whole.there is not None and whole.values is not None:
            yield Entry("value", row=(whole.there, "=", whole.values))
        return
    for result in found.results:
        yield Entry("result", row=(result.name, "=", result.expression))
        if result.there is not None and result.value is not None:
            yield Entry("value", row=(result.there, "=", constant_of(result.value)))


class _Budget:
    """How many steps may still be shown."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.shown = 0
        self.left_out = 0

    def spend(self) -> bool:
        if self.limit is not None and self.shown >= self.limit:
            self.left_out += 1
            return False
        self.shown += 1
        return True


def _section(section: Section, budget: _Budget) -> Iterator[Entry]:
    yield Entry("section", row=(section.title,))
    for note in section.notes:
        yield Entry("note", words=note)
    if section.parts:
        count = len(section.parts)
        yield Entry("note", words=f"the function is cut into {count} parts, each with a name")
    if section.columns:
        yield from _rows(section, budget)
        return
    for step in section.steps:
        yield from _step(step, 0, budget)


def _rows(section: Section, budget: _Budget) -> Iterator[Entry]:
    """A table of steps, and what has to be said of them."""
    steps = [step for step in section.steps if budget.spend()]
    if steps:
        yield Entry("table", table=tabulated(section.columns, section.rules, steps))
    for step in steps:
        for note in step.notes:
            yield Entry("note", words=note)


def _step(step: Step, depth: int, budget: _Budget) -> Iterator[Entry]:
    if not budget.spend():
        for child in step.children:
            if isinstance(child, Step):
                yield from _step(child, depth + 1, budget)
        return
    if _is_short(step):
        yield Entry("claim", depth, _equation(step), step.rule, step.number, step.law)
        for note in step.notes:
            yield Entry("note", depth + 1, words=note)
        return
    if step.lines or step.subject != _NONE:
        yield Entry("step", depth, (step.subject,), step.rule, step.number, step.law)
    if step.lets:
        row: list[Atom] = []
        for let in step.lets:
            row += [*([","] if row else []), Symbol(let.name), "=", let.expression]
        yield Entry("let", depth + 1, tuple(row), "let")
    for child in step.children:
        if isinstance(child, Reference):
            row = [child.subject, "=", child.result]
            yield Entry("see", depth + 1, tuple(row), f"step {child.number}", child.number)
        else:
            yield from _step(child, depth + 1, budget)
    for line in step.lines:
        yield Entry("line", depth + 1, ("=", line.expression, *_shape(line)), line.reason)
    if step.table is not None:
        yield Entry("table", depth + 1, table=step.table)
    for note in step.notes:
        yield Entry("note", depth + 1, words=note)


_NONE = Named("", "")


def _is_short(step: Step) -> bool:
    """Whether a step fits on one line: a rule applied once, and nothing to be done first."""
    return len(step.lines) == 1 and not (step.children or step.lets or step.table)


def _equation(step: Step) -> Row:
    (line,) = step.lines
    return (step.subject, "=", line.expression, *_shape(line))


def _shape(line: Line) -> Row:
    """The shape of an array, (n×k), behind it."""
    if line.shape is None:
        return ()
    text, latex = (sign.join(line.shape) for sign in ("×", r" \times "))
    return (Named(f"  ({text or 'scalar'})", rf"\quad ({latex or chr(92) + 'text{scalar}'})"),)


def constant_of(value: Any) -> Expression:
    """A value, to twelve digits; of an array to four."""
    if isinstance(value, tuple):
        return Vector(tuple(map(_entry, value)))
    return constant(float(f"{value:.12g}"))


def _entry(value: Any) -> Expression:
    return Vector(tuple(map(_entry, value))) if isinstance(value, tuple) else rounded(value)


def rounded(value: float) -> Expression:
    """An entry of an array, to four digits."""
    found = float(f"{value:.4g}")
    return number(int(found) if found == int(found) and abs(found) < 1e9 else found)
