"""What the commands on formulas share: their options, reading the point and names of variables."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import typer
from typer.core import TyperCommand

from chainrule.cli.output import fail, message
from chainrule.core.errors import ChainRuleError
from chainrule.notation import canonical, functions, parse
from chainrule.notation.names import GREEK

__all__ = ["At", "Wrt", "decimal_point", "formula_command", "read_names", "read_point"]

At = Annotated[
    list[str] | None,
    typer.Option(
        help="The point: a value for every variable, such as x=1,y=pi/2.",
        metavar="NAME=VALUE,…",
        show_default=False,
    ),
]
Wrt = Annotated[
    str,
    typer.Option(
        help="The variables to differentiate with respect to; by default all.",
        metavar="NAME,…",
        show_default=False,
    ),
]

_PAIR = re.compile(r"[,;\s]\s*(?=[^,;=\s]+\s*=)")
_OPTION = re.compile(r"(--[a-z]{3}[a-z-]*)(=.*)?")
_DECIMAL_COMMA = re.compile(r"\b([0-9]+),([0-9]+)")
_WORD = re.compile(r"(?<![A-Za-z_\\])[A-Za-z]{3,}")


class FormulaCommand(TyperCommand):
    """A command whose argument may begin with minus signs, but not look like a misspelt option."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        known = [name for param in self.get_params(ctx) for name in param.opts]
        for argument in args[: args.index("--")] if "--" in args else args:
            match = _OPTION.fullmatch(argument)
            if match is not None and match.group(1) not in known:
                near = difflib.get_close_matches(match.group(1), known, n=1)
                offer = (
                    f"; did you mean {near[0]}?"
                    if near
                    else f"; see chainrule {ctx.info_name} --help"
                )
                fail(f"no such option: {match.group(1)}{offer}")
        return super().parse_args(ctx, args)


def formula_command(
    app: typer.Typer, name: str | None = None, *, epilog: str
) -> Callable[..., Any]:
    """Decorates a command of ``app`` whose argument is a formula."""
    settings = {"ignore_unknown_options": True}  # a formula may begin with a minus sign
    return app.command(name, cls=FormulaCommand, context_settings=settings, epilog=epilog)


def read_point(
    pairs: Sequence[str], names: Sequence[str], formula: str, option: str = "--at"
) -> list[float]:
    """The value of each name in ``formula``, from texts such as ``x=1,y=2``."""
    found: dict[str, float] = {}
    for pair in [part for text in pairs for part in _PAIR.split(text.strip(" ,;")) if part]:
        written, equals, text = pair.partition("=")
        name = canonical(written)
        if not equals:
            fail(f"{option} {pair!r}: write NAME=VALUE, such as x=1,y=2")
        if name not in names:
            words = _products(formula, names)
            fail(f"{option}: the formula has no variable {name!r}; {_variables(names)}{words}")
        if name in found:
            fail(f"{option}: {name} is given twice")
        found[name] = _value(name, text, option)
    missing = [name for name in names if name not in found]
    if missing:
        example = ",".join(f"{name}=…" for name in missing)
        what = "the point" if option == "--at" else "them"
        fail(
            f"no value for {', '.join(missing)}; give {what} with {option} {example}"
            + _products(formula, names)
        )
    return [found[name] for name in names]


def _products(formula: str, names: Sequence[str]) -> str:
    """A remark on the first word of the formula that was read as a product of letters."""
    for word in _WORD.findall(formula):
        known = functions.lookup(word) is not None or word in functions.CONSTANTS or word in GREEK
        if not known and set(word) <= {*names, "e"}:
            return f" (letters are multiplied: {word} is {'*'.join(word)})"
    return ""


def decimal_point(text: str) -> str:
    """A remark on a number with a comma in it, or nothing."""
    match = _DECIMAL_COMMA.search(text)
    return f"for a decimal number write a point: {match[1]}.{match[2]}" if match else ""


def _value(name: str, text: str, option: str) -> float:
    if not text.strip():
        fail(f"{option}: {name} has no value; write {name}=1")
    if hint := decimal_point(text):
        fail(f"{option}: the value of {name} is no number but {text.strip()!r}; {hint}")
    try:
        formula = parse(text)
    except ChainRuleError as error:
        fail(f"{option}: the value of {name} is no number: {message(error)}")
    if formula.names:
        fail(f"{option}: the value of {name} is no number but {text.strip()!r}")
    with np.errstate(all="ignore"):
        value = float(formula())
    if not np.isfinite(value):
        fail(f"{option}: the value of {name} is {value}; it must be finite")
    return value


def read_names(wrt: str, names: Sequence[str]) -> list[str]:
    """The names in ``wrt``, or all of them."""
    chosen = [canonical(name) for name in re.split(r"[,;\s]+", wrt.strip()) if name]
    for name in chosen:
        if name not in names:
            fail(f"--wrt: the formula has no variable {name!r}; {_variables(names)}")
    return list(dict.fromkeys(chosen)) or list(names)


def _variables(names: Sequence[str]) -> str:
    return f"its variables are {', '.join(names)}" if names else "it has no variables"
