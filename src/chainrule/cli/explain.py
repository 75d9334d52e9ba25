"""`chainrule explain FORMULA`: how a derivative is found, step by step."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.text import Text

from chainrule.cli.formulas import At, Wrt, decimal_point, formula_command, read_names, read_point
from chainrule.cli.output import console, fail
from chainrule.core.errors import ChainRuleError
from chainrule.explaining import Explanation, derivation, derivations, explain
from chainrule.explaining.kinds import KINDS, is_program
from chainrule.explaining.printers.text import segments
from chainrule.notation import Formula, canonical, parse_many

__all__ = ["app"]

app = typer.Typer(rich_markup_mode="rich", add_completion=False)

EXAMPLES = """
[bold]Examples[/]

chainrule explain '(3x + 1)^4'

chainrule explain 'log(1+exp(-y*w*x))' --wrt w --at y=1,w=0.5,x=2

chainrule explain 'x^3 - 3x' --order 2 --at x=1

chainrule explain 'x^2 y' --at x=1,y=2 --direction 3,4

chainrule explain 'z = w x + b, a = tanh z, L = (a - y)^2' --kind graph --at w=1,x=2,b=0,y=1

chainrule explain '(w x - y)^2' --at w=0.5,x=2,y=3 --graph graph.html

chainrule explain 'x^x' --html > page.html

chainrule explain --derivation 'softmax cross-entropy'

chainrule explain --derivations
"""

COLOURS = {
    "section": "bold",
    "heading": "dim",
    "number": "dim",
    "rule": "bold cyan",
    "let": "cyan",
    "reason": "cyan",
    "law": "dim",
    "note": "italic yellow",
    "result": "bold green",
}
"""How the parts of a line look on a terminal; what is not listed has no colour."""


class Form(StrEnum):
    """The form in which an explanation is printed."""

    text = "text"
    words = "words"
    markdown = "markdown"
    latex = "latex"
    html = "html"
    json = "json"


@formula_command(app, epilog=EXAMPLES)
def explain_formula(
    formula: Annotated[
        str,
        typer.Argument(
            help="A formula as in a textbook: x^2 sin x, |x|, σ(w_1 x), or in LaTeX; several "
            "with commas between them; or an equation.",
            show_default=False,
        ),
    ] = "",
    wrt: Wrt = "",
    at: At = None,
    order: Annotated[
        int,
        typer.Option(
            min=1, help="How often to differentiate; 2 and a point: second-derivative test."
        ),
    ] = 1,
    kind: Annotated[
        str | None,
        typer.Option(
            help="The kind of explanation: " + ", ".join(KINDS) + "; by default what fits.",
            metavar="KIND",
            show_default=False,
        ),
    ] = None,
    direction: Annotated[
        list[str] | None,
        typer.Option(
            help="A direction to differentiate in: a value for every variable.",
            metavar="VALUE,…",
            show_default=False,
        ),
    ] = None,
    named: Annotated[
        str,
        typer.Option(
            "--derivation",
            help="Instead of a formula, a derivation of vectors and matrices by its name.",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    listed: Annotated[
        bool, typer.Option("--derivations", help="List the derivations that have names.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Print so many steps at most.", show_default=False),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="The form of the output.")] = Form.text,
    html: Annotated[bool, typer.Option("--html", help="As a page; same as --format html.")] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="As LaTeX; same as --format latex.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file.", show_default=False),
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the computational graph at the point: .svg, or .html to step through.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Derive a derivative step by step.

    Every line was evaluated at many points, and equals what the engine computes.
    """
    if html and latex:
        fail("choose one of --html and --latex")
    form = Form.html if html else Form.latex if latex else form
    if listed or named:
        if formula or wrt or at or kind or direction or graph:
            fail("--derivation and --derivations take no formula and no variables")
        _print_named(named, form, limit, output)
        return
    if not formula.strip():
        fail("give a formula, or a derivation by its name with --derivation NAME")
    try:
        functions = _formulas(formula)
        kind = kind or ("graph" if is_program(functions) else None)
        names = _arguments(functions, kind)
        chosen = read_names(wrt, names) if wrt.strip() and names else None
        point = None
        if at:
            point = dict(zip(names, read_point(at, names, formula), strict=True))
        if graph is not None and point is None and kind != "graph":
            fail(f"--graph: a graph holds values; give the point with --at {names[0]}=…")
        if kind == "directional" and not direction:
            fail("--kind directional needs a direction, such as --direction 3,4")
        along = None
        if direction:
            along = _direction(direction, names, formula)
        with np.errstate(all="ignore"):
            found = explain(
                functions if len(functions) > 1 else functions[0],
                wrt=chosen,
                order=order,
                at=point,
                kind=kind,
                direction=along,
            )
    except ChainRuleError as error:
        fail(error)
    if graph is not None:
        _draw(functions, chosen, point, graph)
    _print(found, form, limit, output)


def _draw(
    functions: list[Formula], wrt: list[str] | None, point: dict[str, float] | None, path: Path
) -> None:
    """The computational graph, as a file."""
    from chainrule.explaining.graph.drawing import draw_graph

    try:
        draw_graph(functions, at=point or (), wrt=wrt).save(path)
    except ChainRuleError as error:
        fail(error)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")


def _print_named(name: str, form: Form, limit: int | None, output: Path | None) -> None:
    """One derivation of the catalogue, or their names by groups."""
    if name:
        try:
            found = derivation(name)
        except ChainRuleError as error:
            fail(error)
        _print(found, form, limit, output)
        return
    out = console()
    for group, names in derivations().items():
        out.print(Text(group, style="bold"))
        width = max(map(len, names)) + 2
        for one, summary in names.items():
            line = Text.assemble("  ", (one.ljust(width), "cyan"), summary)
            out.print(line, soft_wrap=True)


def _direction(given: list[str], names: tuple[str, ...], formula: str) -> list[float]:
    """A direction: values in the order of the variables, or ``x=3,y=4``."""
    values = [part for text in given for part in text.replace(";", ",").split(",")]
    if len(values) == len(names) and not any("=" in value for value in values):
        given = [f"{name}={value}" for name, value in zip(names, values, strict=True)]
    elif not any("=" in value for value in values):
        fail(
            f"--direction: the formula has {len(names)} variables, {', '.join(names)}, and the "
            f"direction has {len(values)}; give one value for each"
        )
    return read_point(given, names, formula, "--direction")


def _formulas(text: str) -> list[Formula]:
    formulas = parse_many(text)
    hint = decimal_point(text)
    if len(formulas) > 1 and hint:
        fail(f"these are {len(formulas)} formulas; {hint}")
    return formulas if formulas[0].names else parse_many(text, names=(canonical("x"),))


def _arguments(functions: list[Formula], kind: str | None) -> tuple[str, ...]:
    """What needs a value; in a graph equations are definitions."""
    if kind != "graph":
        return functions[0].names
    from chainrule.explaining.graph.formulas import Program

    return Program(functions).names


def _print(found: Explanation, form: Form, limit: int | None, output: Path | None) -> None:
    """Write to a file or to the terminal, there with colours."""
    if output is None and form is Form.text:
        out = console()
        for line in segments(found, limit):
            shown = Text()
            for kind, text in line:
                shown.append(text, style=COLOURS.get(kind, ""))
            shown.rstrip()
            out.print(shown, soft_wrap=True)
        return
    text = found.json(indent=1) if form is Form.json else getattr(found, form.value)(limit)
    if output is None:
        typer.echo(text.rstrip("\n"))
        return
    try:
        output.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror}")
