"""`chainrule grad FORMULA`: partial derivatives, Jacobians and Hessians at a point."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from chainrule.calculus import check_gradient, grad, hessian, jacobian
from chainrule.cli.formulas import At, Wrt, decimal_point, formula_command, read_names, read_point
from chainrule.cli.output import console, fail, number, table
from chainrule.core.errors import ChainRuleError, DomainError
from chainrule.core.node import Node, topological, variable
from chainrule.notation import Formula, parse_many, to_text
from chainrule.tensor import Tensor

__all__ = ["app"]

app = typer.Typer(rich_markup_mode="rich", add_completion=False)

EXAMPLES = """
[bold]Examples[/]

chainrule grad '3x^2 + 2xy + y^3' --at x=1,y=2

chainrule grad 'σ(w x + b)' --at w=2,x=1,b=-1 --wrt w,b

chainrule grad 'x*y, x + y' --jacobian --at x=2,y=3

chainrule grad 'log(1 + e^(-x))' --hessian --at x=0
"""

_POINT = re.compile(r"(.*\S)\s+at\s+(\S+\s*=.*)", re.DOTALL)


@formula_command(app, epilog=EXAMPLES)
def differentiate(
    formula: Annotated[
        str,
        typer.Argument(
            help="A formula as in a textbook: 3x^2 + 2xy, sin^2 x, |x|, σ(w_1 x), or in LaTeX. "
            "With --jacobian several, with commas between them.",
            show_default=False,
        ),
    ],
    at: At = None,
    wrt: Wrt = "",
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
    if (inside := _POINT.fullmatch(formula)) is not None:
        fail(f"the point is an option: chainrule grad '{inside[1]}' --at '{inside[2]}'")
    try:
        formulas = parse_many(formula)
        if len(formulas) > 1 and not as_jacobian:
            hint = decimal_point(formula) or "with --jacobian all are differentiated"
            fail(f"these are {len(formulas)} formulas; {hint}")
        names = formulas[0].names
        task = _Task(formulas, read_point(at or [], names, formula), read_names(wrt, names))
        show = _show_jacobian if as_jacobian else _show_hessian if as_hessian else _show_gradient
        with np.errstate(all="ignore"):  # what is not finite is said in words
            task.check_values()
            out = console()
            task.introduce(out)
            show(out, task) if names else out.print("It has no variables: its derivatives are 0.")
    except ChainRuleError as error:
        fail(error)


# -- what was asked --------------------------------------------------------------------------------


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

    def along(x: object) -> Tensor:
        return formula(*values[:index], x, *values[index + 1 :])

    def value_at(x: float) -> float:
        return float(along(x))

    try:
        report = check_gradient(along, values[index], directions=0)
    except DomainError:
        return "–", "[yellow]the slope is not finite here[/]"
    (found,) = report.comparisons
    if found.verdict == "ok":
        return number(found.numerical), "[green]✓[/]"
    taken = f"{number(found.automatic)} is taken"
    left, right = (_side(value_at, values[index], sign) for sign in (-1.0, 1.0))
    sides = {"left": left, "right": right}
    if "jump" in sides.values():
        return "–", f"[yellow]no slope: the value jumps here, or has a pole; {taken}[/]"
    missing = [name for name, kind in sides.items() if kind == "missing"]
    if len(missing) == 2:
        return "–", "[yellow]the formula has no value on either side of this point[/]"
    remarks = [f"no value on the {name}" for name in missing]
    if "steep" in sides.values():
        remark = "; ".join(["infinite slope here", *remarks, f"{taken} by convention"])
        return "–", f"[yellow]{remark}[/]"
    if missing:
        return "–", f"[yellow]not checked: {remarks[0]}[/]"
    if found.verdict == "kink":
        before, after = found.slopes
        slopes = f"slope {before:.6g} from the left, {after:.6g} from the right"
        return "–", f"[yellow]a kink: {slopes}; {taken}[/]"
    if not np.isfinite(found.numerical):
        return "–", "[yellow]not checked: the formula has no value close to this point[/]"
    if found.verdict in ("unreliable", "jump"):
        error = f"{found.uncertainty:.1e}"
        return number(found.numerical), f"[yellow]too uncertain to judge (± {error})[/]"
    return number(found.numerical), "[bold red]✗ differs[/]"


def _side(f: Callable[[float], float], x: float, sign: float) -> str:
    """What f does on one side of x: "missing", "jump", "steep" (an infinite slope) or "plain".

    Judged from the increments for four steps, each a hundredth of the one before: those of a jump
    stay, and slopes that are infinite go on growing.
    """
    steps = sign * max(1.0, abs(x)) * np.array([1e-3, 1e-5, 1e-7, 1e-9])
    here, beside = f(x), np.array([f(x + step) for step in steps])
    if not np.isfinite(beside[-1]):
        return "missing"
    increments = np.abs(beside - here)
    noise = 1e3 * np.finfo(float).eps * max(1e-300, abs(here), abs(beside[-1]))
    if not np.all(np.isfinite(beside)) or increments[-1] <= noise:
        return "plain"
    if np.all(increments[2:] > 0.9 * increments[1:-1]):
        return "jump"
    slopes = increments / np.abs(steps)
    growth = np.diff(slopes)
    steep = np.all(growth > 0.01 * slopes[1:]) and np.all(growth[1:] > 0.9 * growth[:-1])
    return "steep" if steep else "plain"


def _show_jacobian(out: Console, task: _Task) -> None:
    found = jacobian(task.outputs, argnums=task.argnums)(*task.values)
    _matrix(out, "J", task.labels, task.chosen, np.array(found, dtype=float))
    _verdict(out, task, task.outputs)


def _show_hessian(out: Console, task: _Task) -> None:
    (formula,) = task.formulas
    found = np.array(hessian(formula, argnums=task.argnums)(*task.values), dtype=float)
    _matrix(out, "H", task.chosen, task.chosen, found)
    checked = _verdict(out, task, formula, grad(formula, argnums=task.argnums))
    if np.all(np.isfinite(found)):
        eigenvalues = np.linalg.eigvalsh((found + found.T) / 2)
        meaning = f": {_definite(eigenvalues)}" if checked else ""
        out.print(f"eigenvalues {', '.join(map(number, eigenvalues))}{meaning}")


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


def _verdict(out: Console, task: _Task, *functions: Callable[..., object]) -> bool:
    """One line: whether the derivatives of the functions agree with differences."""
    try:
        reports = [check_gradient(task.at_chosen(f), *task.point) for f in functions]
    except DomainError:
        out.print("numerical check: [yellow]impossible, a derivative is not finite here[/]")
        return False
    found = [comparison for report in reports for comparison in report.comparisons]
    verdicts = {comparison.verdict for comparison in found}
    if "kink" in verdicts:
        said = "[yellow]impossible, the point lies on a kink[/]"
    elif "jump" in verdicts:
        said = "[yellow]impossible, a value jumps here, or has a pole[/]"
    elif not all(np.isfinite(comparison.numerical) for comparison in found):
        said = "[yellow]impossible, there is no value on some side of this point[/]"
    elif "wrong" in verdicts:
        worst = max(report.worst.error for report in reports if not report.ok)
        said = f"[bold red]✗ differs by {worst:.1e}[/]"
    elif "unreliable" in verdicts:
        said = "[yellow]differences are too uncertain to judge[/]"
    else:
        said = "[green]✓ agrees with differences[/]"
    out.print(f"numerical check: {said}")
    return verdicts == {"ok"}
