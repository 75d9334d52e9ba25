"""Explanations as HTML: formulas in MathML, which browsers show without any library."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from chainrule.core.errors import DomainError, MissingExtraError
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.printers.outline import Atom, Entry, Row, headline, outline
from chainrule.explaining.printers.speech import said_row
from chainrule.explaining.printers.text import written
from chainrule.explaining.steps import Cell, Derivative, Named, Table
from chainrule.explaining.styles import MATHML
from chainrule.explaining.writing import FRACTION

__all__ = ["to_fragment", "to_page"]

_STYLE = """
.cr-explain { font: 16px/1.7 system-ui, sans-serif; max-width: 56em; }
.cr-explain details { margin: .1em 0 .1em .4em; padding-left: .9em;
  border-left: 2px solid color-mix(in srgb, currentColor 20%, transparent); }
.cr-explain p { margin: .1em 0 .1em .4em; padding-left: .9em; }
.cr-explain summary { cursor: pointer; }
.cr-explain p, .cr-explain summary { padding-block: .12em; }
.cr-explain .rule { font-weight: 600; }
.cr-explain .words, .cr-explain .law { opacity: .7; font-size: .9em; margin-left: 1em; }
.cr-explain .note { font-style: italic; }
.cr-explain table { margin: .3em 0 .3em 1.4em; border-collapse: collapse; }
.cr-explain th { font-weight: inherit; border-bottom: 1px solid; }
.cr-explain th, .cr-explain td { padding: .1em 1.2em .1em 0; text-align: left; }
.cr-explain + figure { margin: 1em 0; }
.cr-explain + figure img { max-width: 100%; }
.cr-explain .result { font-size: 1.15em; margin-top: .8em; }
"""


def to_page(found: Explanation, limit: int | None = None) -> str:
    """A whole page."""
    title = escape(written(headline(found)))
    head = f'<meta charset="utf-8"><title>{title}</title>'
    body = f"<main>{to_fragment(found, limit)}{_figure(found)}</main>\n"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}</body>\n</html>\n'
    )


def _figure(found: Explanation) -> str:
    try:
        picture = found.picture()
    except (MissingExtraError, DomainError):
        return ""  # the page is whole without it
    if picture is None:
        return ""
    return f"<figure>{picture.html()}</figure>\n"


def to_fragment(found: Explanation, limit: int | None = None) -> str:
    """The explanation alone, to be put into a page or a notebook."""
    lines = "\n".join(_lines(found, limit))
    return f'<div class="cr-explain"><style>{_STYLE}</style>\n{lines}\n</div>\n'


def _lines(found: Explanation, limit: int | None) -> Iterator[str]:
    open_depths: list[int] = []
    for entry in outline(found, limit):
        while open_depths and entry.depth <= open_depths[-1]:
            open_depths.pop()
            yield "</details>"
        if entry.kind == "step":
            open_depths.append(entry.depth)
            yield f'<details open="open"><summary>{_entry(entry)}</summary>'
        elif entry.kind == "section":
            yield f"<h3>{_entry(entry)}</h3>"
        elif entry.table is not None:
            yield _table(entry.table)
        else:
            yield f'<p class="{entry.kind}">{_entry(entry)}</p>'
    yield from ["</details>"] * len(open_depths)


def _table(table: Table) -> str:
    head = "".join(f"<th>{_cell(cell)}</th>" for cell in table.header)
    rows = ("".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in table.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: Cell) -> str:
    return escape(cell) if isinstance(cell, str) else _formula((cell,))


def _entry(entry: Entry) -> str:
    math = _formula(entry.row) if entry.row else ""
    number = f"{entry.number}. " if entry.number is not None and entry.kind != "see" else ""
    law = f'<span class="law">{escape(entry.law.text)}</span>' if entry.law is not None else ""
    words = escape(entry.words)
    match entry.kind:
        case "function" | "section" | "result" | "value":
            return math
        case "note" | "folded":
            return words
        case "step":
            return f'{number}<span class="rule">{words}</span>: {math}{law}'
        case "let":
            return f"let {math}"
        case "see":
            return f'{math}<span class="words">as in {words}</span>'
        case "claim":
            return f'{number}{math}<span class="words">{words}</span>{law}'
        case _:
            return f'{math}<span class="words">{words}</span>'


def _formula(row: Row) -> str:
    words = escape(said_row(row), quote=True)
    inner = "".join(map(_atom, row))
    return f'<math displaystyle="true" alttext="{words}"><mrow>{inner}</mrow></math>'


def _atom(atom: Atom) -> str:
    if isinstance(atom, str):
        if not atom:
            return ""
        return f"<mtext>&nbsp;{escape(atom)}&nbsp;</mtext>" if " " in atom else f"<mo>{atom}</mo>"
    if isinstance(atom, Named):
        return f"<mtext>{escape(atom.text)}</mtext>"
    if isinstance(atom, Derivative):
        d = f"<mi>{'∂' if atom.partial else 'd'}</mi>"
        below = f"<mrow>{d}{MATHML.symbol(atom.variable)}</mrow>"
        space = '<mspace width=".17em"></mspace>'
        return f"<mfrac>{d}{below}</mfrac>{space}{MATHML.within(atom.of, FRACTION)}"
    return MATHML(atom)
