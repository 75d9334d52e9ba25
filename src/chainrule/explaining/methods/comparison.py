"""Ways to a derivative side by side: the result of `compare_methods`, and the forms it has."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import ArgumentError, GradientError, MissingExtraError
from chainrule.explaining.methods.differences import Scheme, StepSizes, sweep
from chainrule.explaining.methods.problem import Problem, Values, read_problem
from chainrule.explaining.methods.swell import Swell, swell
from chainrule.explaining.methods.units import as_bytes, as_error, as_seconds, as_value
from chainrule.explaining.methods.verdict import judged
from chainrule.explaining.methods.ways import (
    Method,
    automatic,
    numerical,
    reference_of,
    symbolic,
)
from chainrule.explaining.sides import not_smooth, one_sided

if TYPE_CHECKING:
    from chainrule.pictures import Picture

__all__ = ["MethodComparison", "compare_methods"]

_LONG = 100  # letters of a formula that fits into a line


@dataclass(frozen=True, eq=False, repr=False)
class MethodComparison:
    """Symbolic, numerical, forward and reverse differentiation of one function at one point.

    Attributes:
        function: what was differentiated, such as ``f(x) = sin(x^2)``.
        place: the point, such as ``x = 1``.
        inputs: how many numbers go in, n.
        outputs: how many come out, m.
        dtype: of the computation.
        reference: what the errors are measured against.
        methods: symbolic, forward differences, central differences, forward mode, reverse mode.
        steps: error against step size.
        swell: the size of the derivative as a formula and as a graph.
        recommended: the name of the method that is right for this shape.
        verdict: why, in sentences.
    """

    function: str
    place: str
    inputs: int
    outputs: int
    dtype: str
    reference: str
    methods: tuple[Method, ...]
    steps: StepSizes
    swell: Swell
    recommended: str
    verdict: tuple[str, ...]

    def __getitem__(self, name: str) -> Method:
        for method in self.methods:
            if method.name == name:
                return method
        known = ", ".join(method.name for method in self.methods)
        raise ArgumentError(f"no method is called {name!r}; there are {known}")

    # -- forms -------------------------------------------------------------------------------------

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The headings, and a row of text for each method."""
        single = self.inputs == self.outputs == 1
        headings = (
            "method",
            *(["value"] if single else []),
            "largest error" if not single else "error",
            "calls of f",
            "passes",
            "time",
            "peak memory",
        )
        return headings, [self._row(method, single) for method in self.methods]

    def _row(self, method: Method, single: bool) -> tuple[str, ...]:
        if method.value is None or method.seconds is None or method.memory is None:
            return (method.name, *["–"] * (6 if single else 5))
        share = "" if method.done == method.total else f" (of {method.total:,})"
        shown = "–" if method.error is None else as_error(method.error)
        return (
            method.name,
            *([as_value(method.value.item())] if single else []),
            shown,
            f"{method.calls:,}",
            f"{method.passes:,}{share}" if method.passes else "–",
            ("≈ " if share else "") + as_seconds(method.seconds),
            as_bytes(method.memory),
        )

    def remarks(self) -> list[str]:
        """What there is to know of each method."""
        return [f"{method.name}: {method.remark}" for method in self.methods if method.remark]

    def curve(self) -> list[str]:
        """The best step of each kind of difference: measured, and by theory."""
        return [
            f"{scheme.name}: best step found {scheme.best:.1e}, error {as_error(scheme.error)}; "
            + _theory(scheme, sign)
            for scheme, sign in ((self.steps.forward, "√ε"), (self.steps.central, "∛ε"))
        ]

    def heading(self) -> list[str]:
        """The function, the point and the reference."""
        space = f"ℝ{_power(self.inputs)} → ℝ{_power(self.outputs)}, {self.dtype}"
        formula = self["symbolic"].formula
        shown = [] if formula is None or len(formula) > _LONG else [f"derivative: {formula}"]
        return [
            self.function if len(self.function) <= _LONG else self.function[:_LONG] + " …",
            f"at {self.place}: {space}",
            *shown,
            f"errors are against {self.reference}; peak memory is what Python and NumPy took",
        ]

    def text(self) -> str:
        """A table and what follows from it, as plain text."""
        headings, rows = self.table()
        parts = [
            "\n".join(self.heading()),
            _aligned(headings, rows),
            "\n".join(self.remarks()),
            "error against step size\n" + "\n".join(f"  {line}" for line in self.curve()),
            "\n".join(self.verdict),
        ]
        return "\n\n".join(parts)

    def html(self) -> str:
        """A page that needs nothing else; with the V-shaped curve, if matplotlib is installed."""
        head = f'<meta charset="utf-8"><title>{escape(self.function)}</title>'
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n'
            f"{self._repr_html_()}</body>\n</html>\n"
        )

    def plot(self, path: str | os.PathLike[str] | None = None, ax: Any = None) -> Picture:
        """The V-shaped curve of error against step size.

        Args:
            path: of a PNG or SVG file to write, if any.
            ax: axes of matplotlib to draw into; by default a new figure.

        Raises:
            MissingExtraError: without matplotlib.
        """
        from chainrule.pictures.steps import draw_steps

        picture = draw_steps(self.steps, self.function, self.place, ax)
        if path is not None:
            picture.save(path)
        return picture

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"MethodComparison({self.function} at {self.place}; recommended: {self.recommended})"

    def _repr_html_(self) -> str:
        headings, rows = self.table()
        head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
        body = "".join(
            f'<tr{_chosen(row[0] == self.recommended)}><th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>\n"
            for row in rows
        )
        lists = [*self.remarks(), *self.curve()]
        try:
            picture = self.plot().html()
        except MissingExtraError:
            picture = ""
        return (
            f'<div class="cr-methods"><style>{_STYLE}</style>\n'
            + "".join(f"<p>{escape(line)}</p>\n" for line in self.heading())
            + f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"
            + f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lists)}</ul>\n"
            + "".join(f"<p>{escape(line)}</p>\n" for line in self.verdict)
            + f"{picture}</div>\n"
        )


_STYLE = """
.cr-methods { font: 16px/1.6 system-ui, sans-serif; max-width: 60em; }
.cr-methods table { border-collapse: collapse; }
.cr-methods th, .cr-methods td { padding: .2em .8em; text-align: right; }
.cr-methods th:first-child { text-align: left; font-weight: 400; }
.cr-methods thead th { border-bottom: 2px solid; font-weight: 600; }
.cr-methods .chosen th { font-weight: 700; }
.cr-methods img { max-width: 100%; }
"""


def _chosen(is_it: bool) -> str:
    return ' class="chosen"' if is_it else ""


def _power(count: int) -> str:
    return "" if count == 1 else str(count).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _theory(scheme: Scheme, sign: str) -> str:
    general = f"theory says {sign} = {scheme.rule:.1e}"
    if scheme.predicted is not None:
        return f"{general}, and {scheme.predicted:.1e} with this function's derivatives"
    if scheme.truncation is not None and not scheme.truncation[1]:
        return "here they are exact but for rounding, so the longer the step the better"
    return general


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


# -- comparing -------------------------------------------------------------------------------------


def compare_methods(f: Any, *args: Any, at: Any = None, budget: float = 0.5) -> MethodComparison:
    """Three ways to a derivative, side by side: symbolic, numerical, automatic in both modes.

    Every way computes the same derivative of f: ℝⁿ → ℝᵐ at one point, a number, a gradient or a
    Jacobian. Its error, its calls of f and its passes are counted, its time and memory measured.

    Args:
        f: a formula as text, several with commas between them, or a Python function of numbers,
            arrays or pytrees. Arrays of integers among its arguments are held fixed.
        args: the point: an argument for each parameter.
        at: the point, instead of ``args``: a number, an array, a tuple, or ``{"x": 1.0}``.
        budget: seconds for each measurement; a way that takes longer is broken off, and its time
            scaled up.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if there is no point, or it does not fit, or the Jacobian is too large.
        DTypeError: if no argument is floating-point.
        NonFiniteError: if the point, or the value there, is not finite.
        GradientError: if the result is an integer, or has no derivative at the point; it says what
            holds on each side.

    >>> import chainrule as cr
    >>> found = cr.compare_methods("sin(x^2)", 1.0)
    >>> [(method.name, method.calls) for method in found.methods]
    [('symbolic', 0), ('forward differences', 2), ('central differences', 2),
     ('forward mode', 1), ('reverse mode', 1)]
    >>> found["symbolic"].formula, round(float(found["reverse mode"].value), 6)
    ('2x cos(x²)', 1.080605)
    >>> found["central differences"].error < 1e-9 < found["forward differences"].error
    True
    >>> cr.compare_methods(lambda x: (x**2).sum(), cr.ones(20)).recommended
    'reverse mode'
    """
    if not (isinstance(budget, (int, float)) and budget > 0):
        raise ArgumentError(f"budget: a positive number of seconds is needed, not {budget!r}")
    problem = read_problem(f, args, at)
    exact = problem.in_float64()
    reference, described = reference_of(exact)
    _require_derivative(exact, reference)
    sizes = swell(problem)
    formula, sizes = symbolic(problem, reference, sizes, budget)
    methods = (
        formula,
        *numerical(problem, reference, budget),
        *automatic(problem, reference, budget),
    )
    steps = sweep(problem, exact)
    chosen, verdict = judged(problem, {method.name: method for method in methods}, steps)
    return MethodComparison(
        function=problem.label,
        place=problem.place,
        inputs=problem.n,
        outputs=problem.m,
        dtype=problem.dtype.name,
        reference=described,
        methods=methods,
        steps=steps,
        swell=sizes,
        recommended=chosen,
        verdict=verdict,
    )


_CHECKED = 24  # axes on which kinks are looked for


def _require_derivative(exact: Problem, reference: Values) -> None:
    """Refuse points without a derivative.

    Raises:
        GradientError: it says what holds on each side.
    """
    count = min(exact.n, _CHECKED)
    axes = sorted(np.random.default_rng(0).choice(exact.n, count, replace=False))
    for i in axes:
        unit = np.zeros(exact.n)
        unit[i] = 1.0
        value, slope = _remembered(exact, unit)
        scale = max(1.0, abs(float(exact.x[i])))
        for row in range(exact.m):
            words = one_sided(partial(value, row), partial(slope, row), scale)
            finite = bool(np.isfinite(reference[row, i]))
            if words or not finite:
                along = f" in {exact.names[i]}" if exact.n > 1 else ""
                which = f" (result {row + 1} of {exact.m})" if exact.m > 1 else ""
                sides = "; ".join(words) or f"the engine's derivative is {reference[row, i]}"
                raise GradientError(
                    f"compare_methods: the function {not_smooth(words)}{along} at "
                    f"{exact.place}{which}: {sides}. Choose another point."
                )


def _remembered(
    exact: Problem, unit: Values
) -> tuple[Callable[[int, float], float], Callable[[int, float], float]]:
    """Values and slopes along an axis, by row and step; each step is taken once for all rows."""

    @cache
    def values(step: float) -> Values:
        return exact.value(exact.x + step * unit)

    @cache
    def slopes(step: float) -> Values:
        return exact.pushed(exact.x + step * unit, unit)

    return lambda row, step: float(values(step)[row]), lambda row, step: float(slopes(step)[row])
