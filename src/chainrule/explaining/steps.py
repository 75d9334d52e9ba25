"""The steps of a derivation: data that printers write, and that JSON carries.

A step differentiates one expression by one rule. Its lines all equal the same derivative, first as
the rule gives it, then simplified; each was evaluated and compared with the engine's derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import NotationError
from chainrule.explaining.expression import Expression, from_json, to_json

__all__ = [
    "Cell",
    "Derivative",
    "Let",
    "Line",
    "Named",
    "Reference",
    "Step",
    "Subject",
    "Table",
    "walk",
]


@dataclass(frozen=True)
class Derivative:
    """The derivative of ``of`` with respect to ``variable``; partial where others are held."""

    of: Expression
    variable: str
    partial: bool = False


@dataclass(frozen=True)
class Named:
    """A quantity by its name, such as f″(2) or ∇f, in text and in LaTeX."""

    text: str
    latex: str


Subject = Derivative | Named | Expression
"""What the lines of a step are equal to."""


@dataclass(frozen=True)
class Line:
    """One of the expressions that a step shows to be equal, and why it follows.

    ``shape`` is that of an array, with letters where there are any: ("n", "k").
    """

    expression: Expression
    reason: str
    shape: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Let:
    """A name for an expression: let u = 3x + 1."""

    name: str
    expression: Expression


Cell = Expression | Named | str
"""What a place of a table holds; a string is words."""


@dataclass(frozen=True)
class Table:
    """Numbers or formulas in columns, with a line of headings."""

    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Reference:
    """A sub-derivation that was shown before, as the step of this number."""

    number: int
    subject: Derivative
    result: Expression


@dataclass(frozen=True)
class Step:
    """One rule applied.

    Attributes:
        rule: its textbook name.
        law: the rule as a formula: ``(sin u)′ = cos(u) · u′``; None where there is none.
        subject: what the lines are equal to.
        lines: equal expressions; the last is the simplest.
        lets: the substitutions that the rule uses.
        children: the derivations that this step needs, in the order in which it needs them.
        notes: what else has to be said: a convention at a kink, a condition.
        number: its number in the explanation, or None for a part of another step.
        named: whether the rule has a name; a step of a primitive without one is shown as it is.
        folded: how many further steps are left out here.
        table: what is best read in columns; it stands after the lines.
    """

    rule: str
    subject: Subject
    lines: tuple[Line, ...]
    law: Named | None = None
    lets: tuple[Let, ...] = ()
    children: tuple[Step | Reference, ...] = ()
    notes: tuple[str, ...] = ()
    number: int | None = None
    named: bool = True
    folded: int = 0
    table: Table | None = None

    @property
    def result(self) -> Expression:
        """The last line."""
        return self.lines[-1].expression


def walk(step: Step) -> Iterator[Step]:
    """A step and all steps inside it, in reading order."""
    stack: list[Step | Reference] = [step]
    while stack:
        found = stack.pop()
        if isinstance(found, Step):
            yield found
            stack.extend(reversed(found.children))


# -- JSON ------------------------------------------------------------------------------------------


def subject_to_json(subject: Subject) -> dict[str, Any]:
    if not isinstance(subject, (Named, Derivative)):
        return {"kind": "expression", "expression": to_json(subject)}
    if isinstance(subject, Named):
        return {"kind": "named", "text": subject.text, "latex": subject.latex}
    return {
        "kind": "derivative",
        "of": to_json(subject.of),
        "variable": subject.variable,
        "partial": subject.partial,
    }


def subject_from_json(data: Mapping[str, Any]) -> Subject:
    if data["kind"] == "expression":
        return from_json(data["expression"])
    if data["kind"] == "named":
        return Named(data["text"], data["latex"])
    return Derivative(from_json(data["of"]), data["variable"], data["partial"])


def cell_to_json(cell: Cell) -> Any:
    if isinstance(cell, str):
        return cell
    return subject_to_json(cell) if isinstance(cell, Named) else to_json(cell)


def cell_from_json(data: Any) -> Cell:
    if isinstance(data, str):
        return data
    return Named(data["text"], data["latex"]) if isinstance(data, dict) else from_json(data)


def table_to_json(table: Table) -> list[list[Any]]:
    return [[cell_to_json(cell) for cell in row] for row in (table.header, *table.rows)]


def table_from_json(data: list[list[Any]]) -> Table:
    header, *rows = (tuple(map(cell_from_json, row)) for row in data)
    return Table(header, tuple(rows))


def _line_to_json(line: Line) -> list[Any]:
    shape = [] if line.shape is None else [list(line.shape)]
    return [to_json(line.expression), line.reason, *shape]


def _read_line(data: Sequence[Any]) -> Line:
    expression, reason, *shape = data
    return Line(from_json(expression), reason, tuple(shape[0]) if shape else None)


def step_to_json(step: Step | Reference) -> dict[str, Any]:
    """A step as plain dictionaries and lists."""
    if isinstance(step, Reference):
        subject = subject_to_json(step.subject)
        return {"see": step.number, "subject": subject, "result": to_json(step.result)}
    return {
        "rule": step.rule,
        "law": None if step.law is None else subject_to_json(step.law),
        "subject": subject_to_json(step.subject),
        "lines": [_line_to_json(line) for line in step.lines],
        "lets": [[let.name, to_json(let.expression)] for let in step.lets],
        "children": [step_to_json(child) for child in step.children],
        "notes": list(step.notes),
        "number": step.number,
        "named": step.named,
        "folded": step.folded,
        "table": None if step.table is None else table_to_json(step.table),
    }


def step_from_json(data: Mapping[str, Any]) -> Step:
    """The step that `step_to_json` wrote.

    Raises:
        NotationError: if the data are no step.
    """
    found = _read(data)
    if isinstance(found, Reference):
        raise NotationError("a reference is no step")
    return found


def _read(data: Mapping[str, Any]) -> Step | Reference:
    try:
        subject = subject_from_json(data["subject"])
        law = data.get("law")
        if "see" in data and isinstance(subject, Derivative):
            return Reference(data["see"], subject, from_json(data["result"]))
        return Step(
            rule=data["rule"],
            law=None if law is None else Named(law["text"], law["latex"]),
            subject=subject,
            lines=tuple(map(_read_line, data["lines"])),
            lets=tuple(Let(name, from_json(e)) for name, e in data["lets"]),
            children=tuple(_read(child) for child in data["children"]),
            notes=tuple(data["notes"]),
            number=data["number"],
            named=data["named"],
            folded=data["folded"],
            table=None if data["table"] is None else table_from_json(data["table"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotationError(f"this is no step of an explanation: {error!r}") from None
