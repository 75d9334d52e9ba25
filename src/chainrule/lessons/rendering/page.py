"""Lessons as one HTML page that needs nothing else: no network, no script.

Formulas are MathML, pictures SVG, answers fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from chainrule.explaining.printers.html import to_fragment
from chainrule.lessons import blocks as kinds
from chainrule.lessons.blocks import Block
from chainrule.lessons.formula import to_mathml
from chainrule.lessons.rendering.figures import to_svg, without_pictures

__all__ = ["to_page"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 17px/1.6 system-ui, sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em; }
h1 { margin-top: 2em; border-top: 1px solid #8886; padding-top: .6em; }
h1:first-of-type { border: 0; margin-top: 0; }
table { border-collapse: collapse; margin: 1em 0; font-size: .9em; }
th, td { text-align: left; vertical-align: top; padding: .2em .9em .2em 0;
  border-bottom: 1px solid #8884; }
.short { white-space: nowrap; }
figure { margin: 1em 0; }
figure svg { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figcaption { font-size: .85em; opacity: .8; }
details { margin: .5em 0; } summary { cursor: pointer; font-weight: 600; }
.formula { display: flex; flex-wrap: wrap; align-items: baseline; margin: .6em 0;
  justify-content: space-between; gap: 2em; }
.formula span { opacity: .7; font-size: .85em; }
.label { font-weight: 600; } code { font-size: .9em; }
.holds, .right { color: #18794e; } .caveat { color: #ad5700; }
.fails, .wrong, .error { color: #c62828; } .unclear { color: #8e4ec6; }
.question { font-style: italic; }
"""


def to_page(title: str, blocks: Iterable[Block]) -> str:
    """A whole page."""
    body = "\n".join(line for block in blocks for line in _lines(block))
    why = without_pictures()
    missing = f'<p class="error">{escape(why)}</p>\n' if why else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{missing}{body}\n</body>\n</html>\n"
    )


def _lines(block: Block) -> Iterator[str]:
    match block:
        case kinds.Heading(text=text, level=level):
            yield f"<h{level}>{escape(text)}</h{level}>"
        case kinds.Words(text=text, label=label, tone=tone):
            before = f'<span class="label">{escape(label)}:</span> ' if label else ""
            inner = f'<span class="{tone}">{escape(text)}</span>' if tone else escape(text)
            yield f"<p>{before}{inner}</p>"
        case kinds.Display(equation=equation, name=name):
            note = f"<span>{escape(name)}</span>" if name else ""
            yield f'<div class="formula">{to_mathml(equation.latex)}{note}</div>'
        case kinds.Steps(found=found):
            yield to_fragment(found)
        case kinds.Figure():
            yield _figure(block)
        case kinds.Rows(headings=headings, rows=rows):
            yield from _table(headings, rows)
        case kinds.Hidden(ask=ask, answer=answer):
            yield f"<details><summary>{escape(ask)}</summary><p>{escape(answer)}</p></details>"
        case kinds.Links(label=label, kind=kind, keys=keys):
            names = ", ".join(f"<code>chainrule {kind} {key}</code>" for key in keys)
            yield f'<p><span class="label">{escape(label)}:</span> {names}</p>'


def _figure(block: kinds.Figure) -> str:
    text = escape(block.picture.text)
    if without_pictures():
        return f"<figure><figcaption>{text}</figcaption></figure>"
    svg = to_svg(block.picture, block.key)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{text}" ', 1)
    return f"<figure>{svg}<figcaption>{text}</figcaption></figure>"


def _table(headings: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    yield "<table>"
    if any(headings):
        yield "<tr>" + "".join(f"<th>{escape(one)}</th>" for one in headings) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(map(_cell, row)) + "</tr>"
    yield "</table>"


def _cell(text: str) -> str:
    """Numbers such as 4.16e-05 stay on one line."""
    short = ' class="short"' if len(text) <= 12 else ""
    return f"<td{short}>{escape(text)}</td>"
