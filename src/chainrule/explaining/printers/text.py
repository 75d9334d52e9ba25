"""Explanations as plain text: one line for each entry, indented by depth."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.printers.boxes import block, middle, table_lines
from chainrule.explaining.printers.outline import Atom, Entry, Row, outline
from chainrule.explaining.steps import Derivative, Named
from chainrule.explaining.styles import TEXT
from chainrule.explaining.writing import FRACTION

__all__ = ["segments", "to_text"]

Segment = tuple[str, str]
"""What a piece of a line is (``rule``, ``formula``, …), and its text."""

INDENT = "  "
GAP = 3
WIDTH = 44  # to where reasons are moved, if the formula is not longer


def to_text(found: Explanation, limit: int | None = None) -> str:
    """The explanation as lines of text."""
    lines = ["".join(text for _, text in line) for line in segments(found, limit)]
    return "\n".join(line.rstrip() for line in lines)


def segments(found: Explanation, limit: int | None = None) -> Iterator[list[Segment]]:
    """The lines, each as pieces that a terminal may colour."""
    for entry in outline(found, limit):
        if entry.kind in ("section", "result", "folded"):
            yield []
        yield from _lines(entry)


def _lines(entry: Entry) -> Iterator[list[Segment]]:
    """The lines of an entry; a table has several, and a formula with a matrix."""
    if entry.table is not None:
        for cells in table_lines(entry.table, written):
            yield [("", INDENT * entry.depth), *cells]
        return
    line = _line(entry)
    formula = block(entry.row, written)
    if len(formula) == 1:
        yield line
        return
    place = next(k for k, (_, text) in enumerate(line) if text == written(entry.row))
    indent = sum(len(text) for _, text in line[:place])
    for index, row in enumerate(formula):
        if index == middle(formula):
            after = [(kind, text) for kind, text in line[place + 1 :]]
            yield [*line[:place], (line[place][0], row), *after]
        else:
            yield [("", " " * indent), (line[place][0], row)]


def _line(entry: Entry) -> list[Segment]:
    indent = ("", INDENT * entry.depth)
    number = [] if entry.number is None else [("number", f"{entry.number}. ")]
    formula = ("formula", written(entry.row))
    law = [("law", f"  [{entry.law.text}]")] if entry.law is not None else []
    match entry.kind:
        case "function" | "result" | "value":
            return [("result", written(entry.row))]
        case "section":
            return [("section", written(entry.row))]
        case "note" | "folded":
            return [indent, ("note", entry.words)]
        case "step":
            return [indent, *number, ("rule", entry.words), ("", ": "), formula, *law]
        case "let":
            return [indent, ("let", "let "), formula]
        case "see":
            return [indent, formula, _reason(entry, f"as in {entry.words}")]
        case "claim":
            return [indent, *number, formula, _reason(entry, entry.words), *law]
        case _:
            return [indent, formula, _reason(entry, entry.words)]


def _reason(entry: Entry, words: str) -> Segment:
    label = 0 if entry.number is None or entry.kind == "see" else len(f"{entry.number}. ")
    used = len(INDENT) * entry.depth + label + len(block(entry.row, written)[0])
    return ("reason", " " * max(GAP, WIDTH - used) + words)


def written(row: Row) -> str:
    """A formula in one line."""
    text = ""
    for atom in row:
        part = _atom(atom)
        text += part if not text or part == "," else f" {part}"
    return text


def _atom(atom: Atom) -> str:
    if isinstance(atom, str):
        return atom
    if isinstance(atom, Named):
        return atom.text
    if isinstance(atom, Derivative):
        d = "∂" if atom.partial else "d"
        return f"{d}/{d}{TEXT.symbol(atom.variable)} {TEXT.within(atom.of, FRACTION + 1)}"
    return TEXT(atom)
