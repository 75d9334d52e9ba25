"""`chainrule grad FORMULA`: partial derivatives, Jacobians and Hessians at a point."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from chainrule.calculus import GradientCheck, check_gradient, grad, hessian, jacobian
from chainrule.cli.output import console, fail, message, number, table
from chainrule.core.errors import ChainRuleError, DomainError
from chainrule.core.node import Node, topological, variable
from chainrule.notation import Formula, canonical, parse, parse_many, to_text

__all__ = ["app"]

app = typer.Typer(rich_markup_mode="rich", add_completion=False)

EXAMPLES = """
[bold]Examples[/]

chainrule grad '3x^2 + 2xy + y^3' --at x=1,y=2

chainrule grad 'σ(w x + b)' --at w=2,x=1,b=-1 --wrt w,b

chainrule grad 'x*y, x + y' --jacobian --at x=2,y=3

chainrule grad 'log(1 + e^(-x))' --hessian --at x=0
"""

_PAIR = re.compile(r"[,;\s]\s*(?=[^,;=\s]+\s*=)")


@app.command(
    context_settings={"ignore_unknown_options": True},  # a formula may begin with a minus sign
    epilog=EXAMPLES,
)
def differentiate(
    formula: Annotated[
        str,
        typer.Argument(
            help="A formula as in a textbook: 3x^2 + 2xy, sin^2 x, |x|, σ(w_1 x), or in LaTeX. "
            "With --jacobian several, with commas between them.",
            show_default=False,
        ),
    ],
    at: Annotated[
        list[str] | None,
        typer.Option(
            help="The point: a value for every variable, such as x=1,y=pi/2.",
            metavar="NAME=VALUE,…",
            show_default=False,
        ),
    ] = None,
    wrt: Annotated[
        str,
        typer.Option(
            help="The variables to differentiate with respect to; by default all.",
            metavar="NAME,…",
            show_default=False,
        ),
    ] = "",
    as_jacobian: Annotated[
        bool, typer.Option("--jacobian", help="The Jacobian matrix of one or more formulas.")
    ] = False,
    as_hessian: Annotated[
        bool, typer.Option("--hessian", help="The matrix of second derivatives.")
    ] = False,
) -> None:
    """Differentiate a formula at a point, and check the result numerically.

    Prints the value, each partial derivative by reverse-mode differentiation, and beside it the
    same derivative by differences, from values of the formula alone.
    """
    if as_jacobian and as_hessian:
        fail("choose one of --jacobian and --hessian")
    try:
        formulas = parse_many(formula)
        if len(formulas) > 1 and not as_jacobian:
            fail(f"these are {len(formulas)} formulas; with --jacobian all are differentiated")
        names = formulas[0].names
        task = _Task(formulas, _point(at or [], names), _chosen(wrt, names))
        show = _show_jacobian if as_jacobian else _show_hessian if as_hessian else _show_gradient
        with np.errstate(all="ignore"):  # what is not finite is said in words
            task.check_values()
            out = console()
            task.introduce(out)
            show(out, task) if names else out.print("It has no variables: its derivatives are 0.")
    except ChainRuleError as error:
        fail(error)


# -- what was asked --------------------------------------------------------------------------------


def _point(pairs: Sequence[str], names: Sequence[str]) -> list[float]:
    """The value of each name, from texts such as ``x=1,y=2``."""
    found: dict[str, float] = {}
    for pair in [part for text in pairs for part in _PAIR.split(text.strip(" ,;")) if part]:
        written, equals, text = pair.partition("=")
        name = canonical(written)
        if not equals:
            fail(f"--at {pair!r}: write NAME=VALUE, such as x=1,y=2")
        if name not in names:
            fail(f"--at: the formula has no variable {name!r}; {_variables(names)}")
        if name in found:
            fail(f"--at: {name} is given twice")
        found[name] = _value(name, text)
    missing = [name for name in names if name not in found]
    if missing:
        example = ",".join(f"{name}=…" for name in missing)
        fail(f"no value for {', '.join(missing)}; give the point with --at {example}")
    return [found[name] for name in names]


def _value(name: str, text: str) -> float:
    try:
        formula = parse(text)
    except ChainRuleError as error:
        fail(f"--at: the value of {name} is no number: {message(error)}")
    if formula.names:
        fail(f"--at: the value of {name} is no number but {text.strip()!r}")
    with np.errstate(all="ignore"):
        value = float(formula())
    if not np.isfinite(value):
        fail(f"--at: the value of {name} is {value}; it must be finite")
    return value


def _chosen(wrt: str, names: Sequence[str]) -> list[str]:
    """The names in ``wrt``, or all of them."""
    chosen = [canonical(name) for name in re.split(r"[,;\s]+", wrt.strip()) if name]
    for name in chosen:
        if name not in names:
            fail(f"--wrt: the formula has no variable {name!r}; {_variables(names)}")
    return list(dict.fromkeys(chosen)) or list(names)


def _variables(names: Sequence[str]) -> str:
    return f"its variables are {', '.join(names)}" if names else "it has no variables"


class _Task:
    """Formulas, a point, and the variables to differentiate with respect to."""

    def __init__(
        self, formulas: Sequence[Formula], values: Sequence[float], chosen: Sequence[str]
    ) -> None:
        self.formulas = formulas
        self.names = formulas[0].names
        self.values = values
        self.chosen = chosen
        self.argnums = tuple(self.names.index(name) for name in chosen)
        self.point = [values[index] for index in self.argnums]

    def at_chosen(self, f: Callable[..., object]) -> Callable[..., object]:
        """``f`` as a function of the chosen variables alone; the others keep their values."""

        def restricted(*moved: object) -> object:
            full: list[object] = list(self.values)
            for index, value in zip(self.argnums, moved, strict=True):
                full[index] = value
            return f(*full)

        return restricted

    def outputs(self, *values: object) -> list[object]:
        return [formula(*values) for formula in self.formulas]

    def check_values(self) -> None:
        """Refuse conditions, and points where a formula has no finite value.

        Raises:
            DomainError: it names the innermost part that has none.
        """
        leaves = {
            name: variable(np.float64(v)) for name, v in zip(self.names, self.values, strict=True)
        }
        for formula in self.formulas:
            node = formula.node(leaves)
            if not node.type.is_float:
                fail(
                    f"{formula.text!r} is a condition, true or false, and has no derivative; of "
                    "an equation give one side"
                )
            if not np.isfinite(node.value):
                raise DomainError(self._where_it_fails(formula, node, leaves))

    def _where_it_fails(self, formula: Formula, node: Node, leaves: dict[str, Node]) -> str:
        part = next(
            part
            for part in topological([node])
            if part.type.is_float and not np.all(np.isfinite(part.value))
        )
        shown = to_text(part, {leaf: name for name, leaf in leaves.items()}) if part.sources else ""
        what = "not a number" if np.isnan(part.value) else "infinite"
        place = f"at {self.place}" if self.names else "as it stands"
        inner = f": {shown} is {what}" if shown and part is not node else f", it is {what}"
        return f"{formula.text!r} has no finite value {place}{inner}"

    @property
    def place(self) -> str:
        pairs = zip(self.names, self.values, strict=True)
        return ", ".join(f"{name} = {number(value)}" for name, value in pairs)

    @property
    def labels(self) -> list[str]:
        if len(self.formulas) == 1:
            return ["f"]
        return [f"f_{index}" for index in range(1, len(self.formulas) + 1)]

    def introduce(self, out: Console) -> None:
        """Print the formulas, the point and the values."""
        arguments = f"({', '.join(self.names)})" if self.names else ""
        for label, formula in zip(self.labels, self.formulas, strict=True):
            out.print(f"[bold]{label}{arguments}[/] = {escape(formula.text)}", soft_wrap=True)
        if self.names:
            out.print(f"at {self.place}", soft_wrap=True)
        out.print()
        for label, value in zip(self.labels, self.outputs(*self.values), strict=True):
            out.print(f"{label} = {number(float(value))}")  # type: ignore[arg-type]


# -- answers ---------------------------------------------------------------------------------------


def _show_gradient(out: Console, task: _Task) -> None:
    (formula,) = task.formulas
    found = grad(formula, argnums=task.argnums)(*task.values)
    rows = table(out, "partial derivative", "value", "numerically", "")
    for name, derivative, index in zip(task.chosen, found, task.argnums, strict=True):
        value = float(derivative)
        rows.add_row(f"∂f/∂{name}", number(value), *_by_differences(formula, task.values, index))
    out.print()
    out.print(rows)


def _by_differences(formula: Formula, values: Sequence[float], index: int) -> tuple[str, str]:
    """The partial derivative by differences, and how it compares."""

    def along(x: object) -> object:
        return formula(*values[:index], x, *values[index + 1 :])

    try:
        report = check_gradient(along, values[index], directions=0)
    except DomainError:
        return "–", "[yellow]the slope is not finite here[/]"
    (found,) = report.comparisons
    if found.verdict == "kink":
        left, right = found.slopes
        slopes = f"slope {left:.6g} from the left, {right:.6g} from the right"
        return "–", f"[yellow]a kink: {slopes}; {number(found.automatic)} is taken[/]"
    if found.verdict == "ok":
        return number(found.numerical), "[green]✓[/]"
    if not np.isfinite(found.numerical):
        return "–", "[yellow]the formula has no value right beside this point[/]"
    if found.verdict == "unreliable":
        error = f"{found.uncertainty:.1e}"
        return number(found.numerical), f"[yellow]too uncertain to judge (± {error})[/]"
    return number(found.numerical), "[bold red]✗ differs[/]"


def _show_jacobian(out: Console, task: _Task) -> None:
    found = jacobian(task.outputs, argnums=task.argnums)(*task.values)
    _matrix(out, "J", task.labels, task.chosen, np.array(found, dtype=float))
    _verdict(out, task, task.outputs)


def _show_hessian(out: Console, task: _Task) -> None:
    (formula,) = task.formulas
    found = np.array(hessian(formula, argnums=task.argnums)(*task.values), dtype=float)
    _matrix(out, "H", task.chosen, task.chosen, found)
    if np.all(np.isfinite(found)):
        eigenvalues = np.linalg.eigvalsh((found + found.T) / 2)
        out.print(f"eigenvalues {', '.join(map(number, eigenvalues))}: {_definite(eigenvalues)}")
    _verdict(out, task, grad(formula, argnums=task.argnums))


def _definite(eigenvalues: np.ndarray) -> str:
    """What the signs of the eigenvalues of a Hessian say about the shape of the graph."""
    slack = 1e-12 * np.max(np.abs(eigenvalues), initial=0.0)
    if np.all(eigenvalues > slack):
        return "positive definite (curved upwards in every direction)"
    if np.all(eigenvalues < -slack):
        return "negative definite (curved downwards in every direction)"
    if np.any(eigenvalues > slack) and np.any(eigenvalues < -slack):
        return "indefinite (upwards in some directions, downwards in others)"
    return "semidefinite (flat in some direction)"


def _matrix(
    out: Console, corner: str, rows: Sequence[str], columns: Sequence[str], values: np.ndarray
) -> None:
    shown = table(out, corner, *(f"∂/∂{name}" for name in columns))
    for name, row in zip(rows, values, strict=True):
        shown.add_row(f"∂/∂{name}" if corner == "H" else name, *map(number, row))
    out.print()
    out.print(shown)
    out.print()


def _verdict(out: Console, task: _Task, f: Callable[..., object]) -> None:
    """One line: whether the derivatives of ``f`` agree with differences."""
    try:
        report: GradientCheck = check_gradient(task.at_chosen(f), *task.point)
    except DomainError:
        out.print("numerical check: [yellow]impossible, a derivative is not finite here[/]")
        return
    judged = [c for c in report.comparisons if c.verdict in ("ok", "wrong")]
    if not report.ok:
        out.print(f"numerical check: [bold red]✗ differs by {report.worst.error:.1e}[/]")
    elif len(judged) < len(report.comparisons):
        out.print("numerical check: [yellow]the point lies on a kink, or differences scatter[/]")
    else:
        out.print("numerical check: [green]✓ agrees with differences[/]")
