"""What the commands share in printing: plain text when piped, tables and colours on a terminal."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chainrule.core.errors import ChainRuleError

__all__ = ["console", "fail", "message", "number", "table"]

WIDE = 10_000  # columns of a pipe: nothing is wrapped or cut there

NARROW = 100  # below so many columns the words of a table are wrapped, but not its numbers


def console(*, stderr: bool = False) -> Console:
    """A console that writes to where the standard streams lead now."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=WIDE)


def table(out: Console, *headings: str) -> Table:
    """A table: the first column names the rows, the others hold numbers, or remarks if unnamed."""
    made = Table(box=box.SIMPLE_HEAD if out.is_terminal else None, pad_edge=False)
    for index, heading in enumerate(headings):
        numbers = index > 0 and heading != ""
        if numbers and out.width < NARROW:
            heading = heading.replace(" ", "\n")
        made.add_column(
            escape(heading),
            justify="right" if numbers else "left",
            no_wrap=numbers or out.width >= NARROW,
            overflow="fold",
        )
    return made


def number(value: float) -> str:
    """Ten significant digits, without a sign before zero."""
    return f"{value + 0.0:.10g}"


def message(error: ChainRuleError) -> str:
    """What an error says, without the line of Python: at a shell the user wrote none."""
    return str(error).removesuffix(f"\n  at {error.location}")


def fail(error: ChainRuleError | str) -> NoReturn:
    """Print an error and end with exit code 2.

    Raises:
        typer.Exit: always.
    """
    text = error if isinstance(error, str) else message(error)
    console(stderr=True).print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)
    raise typer.Exit(2)
