"""`chainrule train NAME`: networks trained on real data, each by one command.

A task is a module here: a function of its options with the name of the task, and an ``EXAMPLE``.
"""

from __future__ import annotations

import typer

from chainrule.cli.train import adding, burgers, cartpole, digits, mnist, shakespeare, tabular

__all__ = ["app"]

TASKS = {
    "digits": digits,
    "mnist": mnist,
    "tabular": tabular,
    "shakespeare": shakespeare,
    "adding": adding,
    "burgers": burgers,
    "cartpole": cartpole,
}

app = typer.Typer(
    help="Train a network on real data.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
)


@app.callback()
def _group() -> None:
    """Train a network on real data."""


for _name, _module in TASKS.items():
    app.command(_name, epilog=f"Example: `{_module.EXAMPLE}`")(getattr(_module, _name))
