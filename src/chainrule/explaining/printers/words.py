"""Explanations in words alone, as a teacher would read them aloud."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.printers.outline import Entry, outline
from chainrule.explaining.printers.speech import said_row, spoken
from chainrule.explaining.steps import Cell, Table

__all__ = ["to_words"]

INDENT = "  "


def to_words(found: Explanation, limit: int | None = None) -> str:
    """The explanation as sentences, one for each line."""
    lines: list[str] = []
    for entry in outline(found, limit):
        if entry.kind in ("section", "result", "folded"):
            lines.append("")
        lines.extend(INDENT * entry.depth + line for line in _sentences(entry))
    return "\n".join(lines)


def _sentences(entry: Entry) -> Iterator[str]:
    formula = said_row(entry.row)
    words = spoken(entry.words)
    step = "" if entry.number is None else f"Step {entry.number}"
    match entry.kind:
        case "table" if entry.table is not None:
            yield from _table(entry.table)
        case "function" | "value":
            yield f"{_capital(formula)}."
        case "section":
            yield f"{_capital(formula)}:"
        case "result":
            yield f"Result: {formula}."
        case "note" | "folded":
            yield f"{_capital(words)}."
        case "step":
            yield _capital(f"{step + ', ' if step else ''}{words}: find {formula}.")
        case "let":
            yield f"Let {said_row(entry.row, 'be')}."
        case "see":
            yield f"{_capital(formula)}, as in {words}."
        case "claim":
            yield f"{step + ': ' if step else ''}{_capital(formula)} ({words})."
        case _:
            yield f"It {formula} ({words})."


def _table(table: Table) -> Iterator[str]:
    """Each row with the headings before its cells."""
    for row in table.rows:
        cells = [(_cell(head), _cell(cell)) for head, cell in zip(table.header, row, strict=False)]
        yield "; ".join(f"{head}: {cell}" if head else cell for head, cell in cells if cell) + "."


def _cell(cell: Cell) -> str:
    return spoken(cell) if isinstance(cell, str) else said_row((cell,))


def _capital(words: str) -> str:
    """The first word with a capital, unless it is a letter of the formula."""
    first = words.partition(" ")[0]
    return words[:1].upper() + words[1:] if len(first) > 1 else words
