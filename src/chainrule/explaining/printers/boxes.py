"""Formulas in plain text that need several lines: matrices in brackets, and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from chainrule.explaining.expression import Vector, matrix_rows
from chainrule.explaining.printers.outline import Atom, Row
from chainrule.explaining.steps import Cell, Table
from chainrule.explaining.styles import TEXT

__all__ = ["block", "middle", "table_lines"]

GAP = 3  # between the columns of a table

Write = Callable[[Row], str]


def block(row: Row, write: Write) -> list[str]:
    """A formula as lines of one width: one line, or as many as its highest matrix has rows."""
    pieces: list[list[str]] = []
    plain: list[Atom] = []
    for atom in row:
        rows = matrix_rows(atom) if isinstance(atom, Vector) else ()
        if not rows:
            plain.append(atom)
            continue
        pieces += [[write(tuple(plain))]] if plain else []
        plain = []
        pieces.append(_brackets(_aligned([[TEXT(entry) for entry in line] for line in rows])))
    pieces += [[write(tuple(plain))]] if plain else []
    if len(pieces) < 2:
        return pieces[0] if pieces else [""]
    height = max(map(len, pieces))
    return _beside([_raised(piece, height) for piece in pieces])


def middle(lines: Sequence[str]) -> int:
    """The index of the line in which signs and reasons stand."""
    return (len(lines) - 1) // 2


def _raised(piece: Sequence[str], height: int) -> list[str]:
    """A piece with empty lines, so that its middle is that of ``height`` lines."""
    above = (height - 1) // 2 - middle(piece)
    width = max(map(len, piece))
    lines = [" " * width] * above + [line.ljust(width) for line in piece]
    return lines + [" " * width] * (height - len(lines))


def _beside(pieces: Sequence[Sequence[str]]) -> list[str]:
    return [" ".join(parts) for parts in zip(*pieces, strict=True)]


def _brackets(lines: Sequence[str]) -> list[str]:
    if len(lines) == 1:
        return [f"[{lines[0]}]"]
    inner = [("⎢", "⎥")] * (len(lines) - 2)
    sides = [("⎡", "⎤"), *inner, ("⎣", "⎦")]
    return [f"{left}{line}{right}" for (left, right), line in zip(sides, lines, strict=True)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with columns of one width, each cell in its middle."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.center(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def table_lines(table: Table, write: Write) -> Iterator[list[tuple[str, str]]]:
    """A table with columns of one width: for each line its cells, as what they are and their text.

    Cells begin at the left. Headings are of the kind ``heading``, words ``reason``.
    """

    def text(cell: Cell) -> str:
        return cell if isinstance(cell, str) else write((cell,))

    lines = (table.header, *table.rows)
    widths = [max(map(len, map(text, column))) for column in zip(*lines, strict=True)]
    for index, line in enumerate(lines):
        cells = []
        for cell, width in zip(line, widths, strict=True):
            kind = "reason" if isinstance(cell, str) else "formula"
            cells.append(("heading" if index == 0 else kind, text(cell).ljust(width + GAP)))
        yield cells
