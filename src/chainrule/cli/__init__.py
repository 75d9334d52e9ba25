"""The command line: `chainrule grad`, `chainrule explain`, `chainrule train`, …

A command is one line in ``COMMANDS``: its name, the module that defines a `typer.Typer` called
``app`` for it, and what the overview says. The module is imported when the command is run, so that
``chainrule --help`` is fast.
"""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from chainrule._version import __version__

__all__ = ["COMMANDS", "app", "main"]

COMMANDS = {
    "claims": ("chainrule.cli.claims", "Put statements of courses to the test."),
    "compare": ("chainrule.cli.compare", "Compare the ways to a derivative: error, time, memory."),
    "explain": ("chainrule.cli.explain", "Derive a derivative step by step."),
    "grad": ("chainrule.cli.grad", "Differentiate a formula at a point."),
    "notes": ("chainrule.cli.notes", "Explain a notion, with an example worked out now."),
    "plot": ("chainrule.cli.plot", "Draw tangents, gradients, planes and Taylor polynomials."),
    "train": ("chainrule.cli.train", "Train a network on real data."),
}


class _Commands(TyperGroup):
    """A group that imports a command when it is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = get_command(import_module(COMMANDS[name][0]).app)
            _untype_flags(command, ctx)
        return name, command, rest

    def get_params(self, ctx: Any) -> Any:
        return _untyped(super().get_params(ctx))


def _untyped(params: Any) -> Any:
    """The parameters; flags among them are shown in the help without a type: they take no value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


def _untype_flags(command: Any, ctx: Any) -> None:
    _untyped(command.get_params(ctx))
    for inner in getattr(command, "commands", {}).values():
        _untype_flags(inner, ctx)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chainrule {__version__}")
        raise typer.Exit


EXAMPLES = """
[bold]Examples[/]

chainrule grad '3x^2 + 2xy + y^3' --at x=1,y=2

chainrule explain 'x^2 sin x'

chainrule notes gradient

chainrule claims learning-rate

chainrule train digits
"""


@app.callback(epilog=EXAMPLES)
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Calculus for deep learning: derivatives of any order, and networks trained with them."""


def _announce(name: str, summary: str) -> None:
    """Put a command into the overview; what it does is in its module."""

    @app.command(name, help=summary)
    def command() -> None: ...


for _name, (_, _summary) in COMMANDS.items():
    _announce(_name, _summary)


def main() -> None:
    """Run the command line; the entry point of the ``chainrule`` script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without ∂ shows ? and goes on
            stream.reconfigure(errors="replace")
    app(prog_name="chainrule")
