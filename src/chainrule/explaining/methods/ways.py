"""The ways to a derivative, each measured."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chainrule.core.errors import ArgumentError, ChainRuleError
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.expression import size, symbols
from chainrule.explaining.methods.differences import central_differences, forward_differences
from chainrule.explaining.methods.measure import Way, measured
from chainrule.explaining.methods.problem import Problem, Values
from chainrule.explaining.methods.swell import Swell
from chainrule.explaining.methods.units import as_seconds, plural
from chainrule.explaining.scalar import explain_scalar
from chainrule.explaining.styles import TEXT
from chainrule.notation import Formula, parse

__all__ = ["Method", "automatic", "numerical", "reference_of", "symbolic"]

Family = Literal["symbolic", "numerical", "forward", "reverse"]

LONGEST = 1500  # symbols of a function whose derivative is still written as a formula
MOST = 16  # formulas of a Jacobian


@dataclass(frozen=True, eq=False)
class Method:
    """One way to the derivative, and what it took.

    Attributes:
        name: such as "reverse mode".
        family: "symbolic", "numerical", "forward" or "reverse".
        value: the derivative, of shape (m, n), without the axis of a result or an input that is a
            single number; NaN where the budget ended before. None if there is no such formula.
        error: the largest absolute difference from the reference; None if nothing can be compared.
        calls: how often f was run, counted.
        passes: how many forward or reverse passes were made, counted.
        done: how many columns or rows of the Jacobian were computed.
        total: how many there are; with fewer done, the time is scaled up.
        seconds: the median time of the whole derivative.
        memory: the largest number of bytes held on the way.
        formula: the derivative as text, of the symbolic way.
        remark: what is worth knowing.
    """

    name: str
    family: Family
    value: Values | None = None
    error: float | None = None
    calls: int = 0
    passes: int = 0
    done: int = 0
    total: int = 0
    seconds: float | None = None
    memory: int | None = None
    formula: str | None = None
    remark: str = ""

    @property
    def available(self) -> bool:
        """Whether this way leads to the derivative of this function at all."""
        return self.value is not None


def numerical(problem: Problem, reference: Values, budget: float) -> list[Method]:
    """Forward and central differences, with the steps √ε and ∛ε."""
    found = []
    ways: list[tuple[str, Way, str, str]] = [
        ("forward differences", forward_differences, "√ε", "n + 1"),
        ("central differences", central_differences, "∛ε", "2n"),
    ]
    for name, way, step, calls in ways:
        made = _run(name, "numerical", way, 1, problem, reference, budget)
        count = problem.n + 1 if calls == "n + 1" else 2 * problem.n
        needs = f"{calls} = {count:,} values of f, with steps h = {step}·max(1, |x|)"
        found.append(replace(made, remark=needs + _share(made, "column")))
    return found


def automatic(problem: Problem, reference: Values, budget: float) -> list[Method]:
    """Forward mode, a pass for each input, and reverse mode, a pass for each result."""
    forward = _run("forward mode", "forward", _columns, 1, problem, reference, budget)
    reverse = _run("reverse mode", "reverse", _rows, 0, problem, reference, budget)
    n, m = problem.n, problem.m
    remark = f"a pass for each of the {n:,} inputs" if n > 1 else "one pass, beside the value"
    back = f"f once, then a pass back for each of the {m:,} results" if m > 1 else "f once, then "
    back += "" if m > 1 else "one pass back" + (f" for all {n:,} inputs" if n > 1 else "")
    return [
        replace(forward, remark=remark + _share(forward, "column")),
        replace(reverse, remark=back + _share(reverse, "row")),
    ]


def _share(method: Method, piece: str) -> str:
    if method.done == method.total:
        return ""
    pieces = piece if method.done == 1 else f"{piece}s"
    return f"; only {method.done:,} {pieces} were computed, the time is scaled up"


def _columns(problem: Problem) -> Iterator[Values]:
    for i in range(problem.n):
        unit = np.zeros(problem.n)
        unit[i] = 1.0
        yield problem.pushed(problem.x, unit)


def _rows(problem: Problem) -> Iterator[Values]:
    yield from problem.pulled(problem.x)


def _run(
    name: str,
    family: Family,
    way: Way,
    axis: Literal[0, 1],
    problem: Problem,
    reference: Values,
    budget: float,
) -> Method:
    """Measure a way that yields rows (axis 0) or columns (axis 1)."""
    total = problem.n if axis else problem.m
    found = measured(way, problem, total, budget)
    done = len(found.pieces)
    known = np.stack(found.pieces, axis=axis)
    whole = np.full((problem.m, problem.n), np.nan)
    whole[tuple(slice(None) if a != axis else slice(done) for a in (0, 1))] = known
    part = reference[:, :done] if axis else reference[:done]
    error = float(np.max(np.abs(known - part)))
    return Method(
        name=name,
        family=family,
        value=whole.reshape(problem.shape),
        error=error if np.isfinite(error) else None,
        calls=found.calls,
        passes=found.passes,
        done=done,
        total=total,
        seconds=found.seconds,
        memory=found.memory,
    )


# -- symbolic --------------------------------------------------------------------------------------


def symbolic(
    problem: Problem, reference: Values, sizes: Swell, budget: float
) -> tuple[Method, Swell]:
    """The formula that `explain` derives, evaluated; or why there is none."""
    name: Family = "symbolic"
    swollen = (
        f"written out the derivative has {plural(sizes.written, 'symbol')}, as a graph "
        f"{plural(sizes.graph, 'node')}"
    )
    if problem.scalars is None:
        swollen += ", counting an operation on a whole array once"
    reason = _reason(problem, sizes)
    start = time.perf_counter()
    rows: list[list[Formula]] = []
    simplified = 0
    try:
        for row in range(problem.m if not reason else 0):
            found = explain_scalar(problem.component(row), _point(problem), None, 1, None)
            formulas = _closed(found)
            if formulas is None:
                reason = "the function is too large for a formula"
                break
            rows.append(formulas)
            simplified += sum(size(result.expression) for result in found.results)
    except ChainRuleError as error:
        reason = str(error).splitlines()[0]
    if reason:
        return Method(name, name, remark=f"no formula: {reason}; {swollen}"), sizes
    derived = time.perf_counter() - start

    def evaluated(problem: Problem) -> Iterator[Values]:
        values = [problem.dtype.type(value) for value in problem.x]
        with np.errstate(all="ignore"):
            for formulas in rows:
                yield np.array([float(formula(*values)) for formula in formulas])

    method = _run(name, name, evaluated, 0, problem, reference, budget)
    text = "; ".join(", ".join(str(formula) for formula in formulas) for formulas in rows)
    remark = f"derived in {as_seconds(derived)}; {plural(simplified, 'symbol')}, {swollen}"
    if method.error is None:
        remark += "; it has no value here, such as 0/0"
    return replace(method, formula=text, remark=remark), replace(sizes, simplified=simplified)


def _point(problem: Problem) -> Sequence[float]:
    """Where a Python function decides by values, the formula is that of the branch taken."""
    return () if problem.formulas or problem.scalars is None else problem.scalars


def _reason(problem: Problem, sizes: Swell) -> str:
    """Why no formula is tried; empty if one is."""
    if problem.scalars is None:
        return "the function takes arrays, formulas are of single numbers"
    if not problem.scalar_results:
        return "the function returns an array, formulas are of single numbers"
    if sizes.function > LONGEST or problem.n * problem.m > MOST:
        return "the function is too large for one"
    return ""


def _closed(found: Explanation) -> list[Formula] | None:
    """The derivatives in the variables alone; None if they need names for their parts."""
    formulas = []
    for result in found.results:
        if symbols(result.expression).keys() - set(found.variables):
            return None
        formulas.append(parse(TEXT(result.expression), names=found.variables))
    return formulas


def reference_of(exact: Problem) -> tuple[Values, str]:
    """The Jacobian in float64 by whichever mode needs fewer passes, and how it was found.

    Raises:
        ArgumentError: if it would take too many passes either way.
    """
    if min(exact.n, exact.m) > 1000 or exact.n * exact.m > 10**7:
        raise ArgumentError(
            f"compare_methods: the Jacobian of {exact.n:,} inputs and {exact.m:,} results is too "
            "large to compare; take fewer of either, or a scalar such as the sum of the results"
        )
    if exact.m <= max(exact.n, 100):
        return np.stack(list(_rows(exact))), "reverse mode in float64"
    return np.stack(list(_columns(exact)), axis=1), "forward mode in float64 (n is small beside m)"
