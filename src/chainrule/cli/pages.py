"""What the commands that write pages share: ``--html`` alone, or with the name of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand

from chainrule.cli.output import console, fail
from chainrule.lessons.rendering.figures import without_pictures

__all__ = ["STDOUT", "PageCommand", "about_pictures", "write"]

STDOUT = "-"


class PageCommand(TyperCommand):
    """A command whose ``--html`` may have the name of a page after it; without it is stdout."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        given = []
        for i, argument in enumerate(args):
            following = args[i + 1] if i + 1 < len(args) else ""
            page = following == STDOUT or Path(following).suffix.lower() in (".html", ".htm")
            given.append(f"--html={STDOUT}" if argument == "--html" and not page else argument)
        return super().parse_args(ctx, given)


def about_pictures() -> None:
    """Say on stderr how to get pictures, where there can be none."""
    if why := without_pictures():
        console(stderr=True).print(f"[yellow]{escape(why)}[/]", soft_wrap=True)


def write(page: str, path: str) -> None:
    """Write a page to a file, or to stdout; say why it has no pictures if it has none.

    Raises:
        typer.Exit: with code 2 if the file cannot be written.
    """
    about_pictures()
    if path == STDOUT:
        typer.echo(page, nl=False)
        return
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")
