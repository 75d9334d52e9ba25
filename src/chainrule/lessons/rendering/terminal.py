"""Lessons on a terminal: coloured and wrapped there, plain lines when piped."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from chainrule.cli.output import table
from chainrule.explaining.printers.text import segments
from chainrule.lessons import blocks as kinds
from chainrule.lessons.blocks import Block

__all__ = ["TONES", "show"]

TONES = {
    "holds": "bold green",
    "caveat": "bold yellow",
    "fails": "bold red",
    "unclear": "bold magenta",
    "wrong": "red",
    "right": "green",
    "question": "italic",
    "error": "bold red",
}
"""Colours of paragraphs by their tone."""

_STEPS = {"section": "bold", "rule": "cyan", "reason": "dim", "law": "dim", "result": "bold"}
_READABLE = 88  # columns of prose that the eye follows


def show(out: Console, blocks: Iterable[Block]) -> None:
    """Print the blocks."""
    before: Block = kinds.Heading("", 1)
    for block in blocks:
        if _apart(block) and not isinstance(before, kinds.Heading):
            out.print()
        _show(out, block)
        before = block


def _apart(block: Block) -> bool:
    """Whether a block begins something new, without a heading of its own."""
    return isinstance(block, kinds.Hidden) or getattr(block, "tone", "") == "wrong"


def _show(out: Console, block: Block) -> None:
    match block:
        case kinds.Heading(text=text, level=level):
            if level > 1:
                out.print()
            out.print(Text(text, style="bold underline" if level == 1 else "bold"))
        case kinds.Words(text=text, label=label, tone=tone):
            line = Text(f"{label}: " if label else "", style="bold cyan")
            line.append(text, style=TONES.get(tone, "not bold default"))
            _prose(out, line)
        case kinds.Display(equation=equation, name=name):
            line = Text("    " + equation.text, style="bold")
            if name:
                line.append(f"    {name}", style="not bold dim")
            out.print(line, soft_wrap=True)
        case kinds.Steps(found=found):
            for parts in segments(found):
                line = Text("    ")
                for kind, text in parts:
                    line.append(text, style=_STEPS.get(kind, ""))
                line.rstrip()
                out.print(line, soft_wrap=True)
        case kinds.Figure(picture=picture):
            _prose(out, Text(f"[picture: {picture.text}]", style="dim"))
        case kinds.Rows(headings=headings, rows=rows):
            _rows(out, headings, rows)
        case kinds.Hidden(ask=ask, answer=answer):
            _prose(out, Text(ask, style="bold"))
            _prose(out, Text(answer), indent=4)
        case kinds.Links(label=label, kind=kind, keys=keys):
            line = Text(f"{label}: ", style="bold cyan")
            line.append(", ".join(f"chainrule {kind} {key}" for key in keys))
            _prose(out, line)


def _prose(out: Console, line: Text, indent: int = 0) -> None:
    if not out.is_terminal:
        out.print(Text(" " * indent) + line, soft_wrap=True)
        return
    width = max(20, min(out.width, _READABLE))
    out.print(Padding(line, (0, 0, 0, min(indent, width // 4))), width=width)


def _rows(out: Console, headings: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> None:
    used = [any((headings[i], *(row[i] for row in rows))) for i in range(len(headings))]
    filled = [i for i in range(len(headings)) if any(row[i] for row in rows) and used[i]]
    shown = table(out, *(headings[i] for i in filled))
    if not any(headings):
        shown.show_header = False
    for row in rows:
        shown.add_row(*(Text(row[i]) for i in filled))
    out.print(shown)
