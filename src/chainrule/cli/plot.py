"""`chainrule plot KIND FORMULA`: pictures of the calculus of a function, as PNG or SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from chainrule import pictures
from chainrule.cli.formulas import At, formula_command, read_point
from chainrule.cli.output import console, fail
from chainrule.core.errors import ChainRuleError
from chainrule.notation import parse, parse_many

__all__ = ["app"]

app = typer.Typer(
    help="Draw tangents, gradients, planes and Taylor polynomials.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
)

Text = Annotated[
    str, typer.Argument(metavar="FORMULA", help="As in a textbook.", show_default=False)
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The PNG or SVG file; by default KIND.png."),
]
Width = Annotated[
    float | None,
    typer.Option(help="Half the width of the picture; by default as the function suggests."),
]


@app.callback()
def _group() -> None:
    """Draw tangents, gradients, planes and Taylor polynomials."""


def _command(name: str, example: str) -> Callable[[Any], Any]:
    return formula_command(app, name, epilog=f"Example: `chainrule plot {name} {example}`")


@_command("tangent", "'x^2' --at x=1 -o tangent.svg")
def tangent(formula: Text, at: At = None, output: Output = None, width: Width = None) -> None:
    """Secants that close in on the tangent."""
    _draw(pictures.tangent, formula, at, output or Path("tangent.png"), width=width)


@_command("taylor", "'sin x' --at x=0 --orders 7")
def taylor(
    formula: Text,
    at: At = None,
    output: Output = None,
    width: Width = None,
    orders: Annotated[
        str, typer.Option(help="The highest order, or several such as 1,3,9.", metavar="N,…")
    ] = "5",
) -> None:
    """Taylor polynomials fanning out."""
    found = _numbers("--orders", orders, int)
    wanted = found[0] if len(found) == 1 else found
    path = output or Path("taylor.png")
    _draw(pictures.taylor, formula, at, path, orders=wanted, width=width)


@_command("contour", "'x^2 + 2y^2' --at x=1,y=0.5")
def contour(formula: Text, at: At = None, output: Output = None, width: Width = None) -> None:
    """Level curves, with the gradients at right angles."""
    _draw(pictures.contour, formula, at, output or Path("contour.png"), width=width)


@_command("directions", "'x y' --at x=1,y=2 --direction 1,1")
def directions(
    formula: Text,
    at: At = None,
    output: Output = None,
    width: Width = None,
    direction: Annotated[
        str, typer.Option(help="A vector to look at in particular.", metavar="NUMBER,NUMBER")
    ] = "",
) -> None:
    """The slope in every direction, steepest along the gradient."""
    chosen = _numbers("--direction", direction, float) if direction.strip() else None
    path = output or Path("directions.png")
    _draw(pictures.directions, formula, at, path, direction=chosen, width=width)


@_command("tangent-plane", "'x^2 + y^2' --at x=1,y=0.5")
def tangent_plane(formula: Text, at: At = None, output: Output = None, width: Width = None) -> None:
    """A surface with its tangent plane."""
    path = output or Path("tangent-plane.png")
    _draw(pictures.tangent_plane, formula, at, path, width=width)


@_command("step-sizes", "'sin(x^2)' --at x=1")
def step_sizes(formula: Text, at: At = None, output: Output = None) -> None:
    """The error of differences against the step size."""
    _draw(pictures.step_sizes, formula, at, output or Path("step-sizes.png"))


def _numbers(option: str, text: str, kind: Callable[[str], Any]) -> Sequence[Any]:
    try:
        return [kind(part) for part in text.replace(",", " ").split()]
    except ValueError:
        fail(f"{option}: {text!r} is no list of numbers; write for example 1,3")


def _draw(
    picture: Callable[..., pictures.Picture],
    formula: str,
    at: list[str] | None,
    path: Path,
    **options: Any,
) -> None:
    """Draw, write, and say what is to be seen."""
    try:
        several = parse_many(formula)
        names = several[0].names or ("x",)
        values = read_point(at or [], names, formula)
        function = formula if len(several) > 1 else parse(formula, names=names)
        drawn = picture(function, dict(zip(names, values, strict=True)), **options)
        drawn.save(path)
    except ChainRuleError as error:
        fail(error)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")
    out = console()
    out.print(escape(drawn.alt), soft_wrap=not out.is_terminal)
    out.print(f"\nwritten to {escape(str(path))}", soft_wrap=True)
