"""`chainrule compare FORMULA`: symbolic, numerical and automatic differentiation side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from chainrule.cli.formulas import At, formula_command, read_point
from chainrule.cli.output import console, fail, table
from chainrule.core.errors import ChainRuleError
from chainrule.explaining import MethodComparison, compare_methods
from chainrule.notation import parse_many

__all__ = ["app"]

app = typer.Typer(rich_markup_mode="rich", add_completion=False)

EXAMPLES = """
[bold]Examples[/]

chainrule compare 'sin(x^2)' --at x=1

chainrule compare 'x^2 y, x + y' --at x=1,y=2

chainrule compare 'log(1 + e^x)' --at x=2 --plot steps.png
"""


@formula_command(app, epilog=EXAMPLES)
def compare(
    formula: Annotated[
        str,
        typer.Argument(
            help="A formula as in a textbook, or several with commas between them.",
            show_default=False,
        ),
    ],
    at: At = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw error against step size into this PNG or SVG file.", show_default=False
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page with the table and the curve.", show_default=False),
    ] = None,
) -> None:
    """Compare the ways to a derivative: error, time, memory.

    Every way finds the same derivative at the point; what it takes is counted and measured.
    """
    try:
        formulas = parse_many(formula)
        names = formulas[0].names or ("x",)
        values = read_point(at or [], names, formula)
        found = compare_methods(formula, at=dict(zip(names, values, strict=True)))
        _show(found)
        written = [] if plot is None else [found.plot().save(plot)]
        if html is not None:
            html.write_text(found.html(), encoding="utf-8")
            written.append(html)
    except ChainRuleError as error:
        fail(error)
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}")
    for path in written:
        console().print(f"\nwritten to {escape(str(path))}", soft_wrap=True)


def _show(found: MethodComparison) -> None:
    out = console()
    head, *rest = found.heading()
    out.print(f"[bold]{escape(head)}[/]", soft_wrap=True)
    for line in rest:
        out.print(escape(line), soft_wrap=True)
    headings, rows = found.table()
    shown = table(out, *headings)
    for row in rows:
        style = "bold green" if row[0] == found.recommended else None
        shown.add_row(*map(escape, row), style=style)
    out.print()
    out.print(shown)
    for title, lines in (
        ("what it takes", found.remarks()),
        ("error against step size", found.curve()),
        ("verdict", found.verdict),
    ):
        out.print()
        out.print(f"[bold]{title}[/]")
        for line in lines:
            out.print(escape(line), soft_wrap=not out.is_terminal)
