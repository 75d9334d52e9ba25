"""Pictures of the tasks, as PNG files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from chainrule.cli import output
from chainrule.core.errors import MissingExtraError
from chainrule.pictures.figure import BLACK, BLUE, GREEN, VERMILION, new_figure
from chainrule.train.plots import save_figure

__all__ = ["STYLES", "Curves", "draw", "lines"]

STYLES = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (BLACK, ":"))
"""Colours and lines that anybody tells apart (M. Okabe, K. Ito)."""

Curves = dict[str, tuple[Any, Any]]
"""Abscissas and ordinates by the name in the legend."""


def draw(console: Console, *pictures: Callable[[], Path]) -> None:
    """Draw the pictures and say where they are, or why there are none."""
    try:
        paths = [str(picture()) for picture in pictures]
    except MissingExtraError as missing:
        console.print(f"[yellow]no pictures:[/] {escape(output.message(missing))}", soft_wrap=True)
        return
    console.print(f"pictures           {escape(', '.join(paths))}", soft_wrap=True)


def lines(
    path: Path,
    curves: Curves,
    *,
    title: str,
    x: str,
    y: str,
    logarithmic: bool = False,
    level: tuple[float, str] | None = None,
) -> Path:
    """Draw curves, and perhaps a horizontal line with its name."""
    figure = new_figure(7, 4.2)
    axes = figure.subplots()
    for (name, (abscissas, ordinates)), (color, dashes) in zip(
        curves.items(), STYLES, strict=False
    ):
        axes.plot(abscissas, ordinates, dashes, color=color, linewidth=1.6, label=name)
    if level is not None:
        axes.axhline(level[0], color="0.5", linestyle=":", linewidth=1.2, label=level[1])
    if logarithmic:
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1 or level is not None:
        axes.legend(frameon=False)
    return save_figure(figure, path)
