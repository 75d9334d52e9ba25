"""At a point: values, one-sided derivatives at kinks, the second-derivative test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ClaimError, DomainError
from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.explaining.check import compared, measured, values_at
from chainrule.explaining.explanation import Section
from chainrule.explaining.expression import Expression, Number, substitute, symbols
from chainrule.explaining.function import Function
from chainrule.explaining.reading import constant
from chainrule.explaining.sides import one_sided, rounded
from chainrule.explaining.steps import Line, Named, Step

__all__ = ["along", "at_point", "second_derivative_test"]

Entry = tuple[tuple[str, ...], Node, Expression]


def at_point(
    function: Function, entries: Sequence[Entry], name: Callable[[tuple[str, ...]], Named]
) -> tuple[Section, list[float | None]]:
    """The values of the derivatives at the point; where there is none, what holds on each side.

    Raises:
        DomainError: if the function has no finite value there.
    """
    point = list(function.point.values())
    here = _value(function, function.output, point)
    if not np.isfinite(here):
        what = "not a number" if np.isnan(here) else "infinite"
        raise DomainError(f"the function has no finite value at {place(function)}: it is {what}")
    steps, values = [], []
    for wrt, engine, expression in entries:
        value = _value(function, engine, point)
        remarks = _sides(function, wrt, engine) if len(wrt) == 1 else []
        values.append(None if remarks or not np.isfinite(value) else value)
        lines = _lines(function, expression, engine, value, bool(remarks))
        rule = "no derivative here" if remarks else "put in the values"
        if remarks:
            remarks.append(f"the engine takes {value:.10g}, by convention")
        steps.append(Step(rule, name(wrt), lines, notes=tuple(remarks)))
    title = Named(f"at {place(function)}", rf"\text{{at }} {place(function)}")
    return Section(title, tuple(steps)), values


def place(function: Function) -> str:
    """x = 1, y = 2."""
    return ", ".join(f"{name} = {value:g}" for name, value in function.point.items())


def _lines(
    function: Function, expression: Expression, engine: Node, value: float, kink: bool
) -> tuple[Line, ...]:
    """The formula with the values put in, and what it comes to."""
    if kink or not np.isfinite(value):
        return ()
    rounded = constant(float(f"{value:.12g}"))
    last = Line(rounded, "the value of the derivative")
    if symbols(expression).keys() - function.point.keys():
        return (last,)
    filled = substitute(expression, {n: constant(v) for n, v in function.point.items()})
    found = measured(filled, {})
    if not np.isfinite(found.values[0] + found.errors[0]):  # 0/0, say
        return (Line(rounded, "by the engine; the formula has no value here, such as 0/0"),)
    here = np.array([list(function.point.values())])
    wrong, _ = compared(found, values_at(function.holes, [engine], here)[engine])
    if np.any(wrong):
        raise ClaimError(
            f"at {place(function)} the derived formula is {found.values[0]:.10g}, the engine "
            f"computed {value:.10g}; this is a bug of chainrule, please report the function"
        )
    if isinstance(expression, Number) or filled == rounded:
        return (last,)
    return (Line(filled, "put in the values"), last)


def _value(function: Function, node: Node, point: Sequence[Any]) -> float:
    graph = Graph(function.holes, [node])
    with np.errstate(all="ignore"):
        (found,) = graph.evaluate([np.float64(value) for value in point])
    return float(np.reshape(found, ()))


def along(function: Function, node: Node, name: str) -> Callable[[float], float]:
    """A node as a function of the step from the point, in one variable."""
    index = function.names.index(name)

    def beside(step: float) -> float:
        point = list(function.point.values())
        point[index] += step
        return _value(function, node, point)

    return beside


def _sides(function: Function, wrt: tuple[str, ...], engine: Node) -> list[str]:
    """Where the point has no derivative: the jump, or the one-sided derivatives."""
    scale = max(1.0, abs(function.point[wrt[0]]))
    value, slope = (along(function, node, wrt[0]) for node in (function.output, engine))
    words = one_sided(value, slope, scale)
    if not words:
        return []
    direction = f" in {wrt[0]}" if len(function.names) > 1 else ""
    return [f"the function is not differentiable{direction} at {place(function)}", *words]


# -- the second-derivative test --------------------------------------------------------------------


def second_derivative_test(
    function: Function,
    variables: Sequence[str],
    gradient: Sequence[Node],
    second: Mapping[tuple[str, ...], Node],
) -> Section:
    """Minimum, maximum or saddle, from the signs of the second derivatives at the point."""
    point = list(function.point.values())
    slopes = np.array([_value(function, node, point) for node in gradient])
    count = len(variables)
    hessian = np.array(
        [
            [
                _value(function, second[(variables[min(i, j)], variables[max(i, j)])], point)
                for j in range(count)
            ]
            for i in range(count)
        ]
    )
    notes = _verdict(function, variables, slopes, hessian)
    title = Named("second-derivative test", r"\text{second-derivative test}")
    step = Step("second-derivative test", Named("", ""), (), notes=tuple(notes))
    return Section(title, (step,))


def _verdict(function: Function, variables: Sequence[str], slopes: Any, hessian: Any) -> list[str]:
    where = place(function)
    size = max(1.0, float(np.abs(hessian).max()))
    if not np.all(np.isfinite(slopes)) or not np.all(np.isfinite(hessian)):
        return [f"the test does not apply at {where}: a derivative is not finite"]
    if np.any(np.abs(slopes) > 1e-9 * size):
        found = ", ".join(f"{slope:.6g}" for slope in slopes)
        what = "the derivative is" if len(slopes) == 1 else "the gradient is"
        return [f"{where} is no critical point: {what} {found}, not 0"]
    also = [name for name in function.names if name not in variables]
    held = f" (with {', '.join(also)} held constant)" if also else ""
    if len(slopes) == 1:
        value = hessian[0, 0]
        if abs(value) <= 1e-12:
            return ["f′ = 0 and f″ = 0: the test does not decide"]
        kind, sign = ("minimum", ">") if value > 0 else ("maximum", "<")
        return [f"f′ = 0 and f″ = {value:.6g} {sign} 0: a local {kind}{held}"]
    eigenvalues = np.linalg.eigvalsh(hessian)
    listed = ", ".join(rounded(v) for v in eigenvalues)
    head = f"the gradient is 0, and the Hessian has the eigenvalues {listed}"
    if len(slopes) == 2:
        head = f"the gradient is 0, det H = {rounded(np.linalg.det(hessian))}, "
        head += f"and H has the eigenvalues {listed}"
    margin = 1e-12 * size
    if np.all(eigenvalues > margin):
        return [f"{head}: all positive, a local minimum{held}"]
    if np.all(eigenvalues < -margin):
        return [f"{head}: all negative, a local maximum{held}"]
    if eigenvalues[0] < -margin and eigenvalues[-1] > margin:
        return [f"{head}: of both signs, a saddle point{held}"]
    return [f"{head}: one is 0, the test does not decide"]
