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
from chainrule.explaining.rounding import Measured, is_pointwise, measure
from chainrule.explaining.sides import not_smooth, one_sided
from chainrule.explaining.steps import Line, Named, Step

__all__ = ["along", "at_point", "kinks", "place", "put_in", "second_derivative_test", "value_at"]

Entry = tuple[tuple[str, ...], Node, Expression]


def at_point(
    function: Function,
    entries: Sequence[Entry],
    engine: Mapping[tuple[str, ...], Node],
    name: Callable[[tuple[str, ...]], Named],
) -> tuple[Section, list[float | None]]:
    """The values of the derivatives at the point; where there is none, what holds on each side.

    Args:
        function: with the point.
        entries: the derivatives.
        engine: those and all of lower order as the engine computes them.
        name: what a derivative is called at the point.

    Raises:
        DomainError: if the function has no finite value there.
    """
    here = value_at(function, function.output)
    if not np.isfinite(here):
        what = "not a number" if np.isnan(here) else "infinite, or too large for a float64"
        raise DomainError(f"the function has no finite value at {place(function)}: it is {what}")
    steps, values = [], []
    for wrt, node, expression in entries:
        value = value_at(function, node)
        remarks = kinks(function, engine, wrt)
        values.append(None if remarks or not np.isfinite(value) else value)
        lines = () if remarks else put_in(function, expression, node, value)
        rule = "put in the values"
        if remarks:
            rule = "no derivative here" if len(remarks) > 2 else "a convention only"
            remarks.append(f"the engine takes {value:.10g}, by convention")
        steps.append(Step(rule, name(wrt), lines, notes=tuple(remarks)))
    title = Named(f"at {place(function)}", rf"\text{{at }} {place(function)}")
    return Section(title, tuple(steps)), values


def place(function: Function) -> str:
    """x = 1, y = 2."""
    return ", ".join(f"{name} = {value:g}" for name, value in function.point.items())


def put_in(
    function: Function, expression: Expression, engine: Node, value: float
) -> tuple[Line, ...]:
    """The formula with the values put in, and what it comes to."""
    if not np.isfinite(value):
        return ()
    here = np.array([list(function.point.values())])
    engine_there = values_at(function.holes, [engine], here)[engine]
    digits = _digits(value, float(engine_there.errors[0]))
    rounded = constant(float(f"{value:.{_DIGITS}g}"))
    doubt = "" if digits == _DIGITS else f"; digits that rounding leaves certain: {digits}"
    last = Line(rounded, f"the value of the derivative{doubt}")
    if symbols(expression).keys() - function.point.keys():
        return (last,)
    filled = substitute(expression, {n: constant(v) for n, v in function.point.items()})
    found = measured(filled, {})
    if not np.isfinite(found.values[0] + found.errors[0]):  # 0/0, say
        return (Line(rounded, "by the engine; the formula has no value here, such as 0/0"),)
    wrong, _ = compared(found, engine_there)
    if np.any(wrong):
        raise ClaimError(
            f"at {place(function)} the derived formula is {found.values[0]:.10g}, the engine "
            f"computed {value:.10g}; this is a bug of chainrule, please report the function"
        )
    if isinstance(expression, Number) or filled == rounded:
        return (last,)
    return (Line(filled, "put in the values"), last)


_DIGITS = 12


def _digits(value: float, error: float) -> int:
    """How many digits of a value are known, with this bound on its error; at least one."""
    if not error or not value or not np.isfinite(error):
        return _DIGITS
    return int(np.clip(np.floor(-np.log10(error / abs(value))), 1, _DIGITS))


def value_at(function: Function, node: Node) -> float:
    """The value of a node at the point."""
    return _value(function, node, list(function.point.values()))


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


def kinks(
    function: Function, engine: Mapping[tuple[str, ...], Node], wrt: tuple[str, ...]
) -> list[str]:
    """Why the engine's value at the point is no derivative: a jump, or what holds on each side."""
    known = {**engine, (): function.output}
    for count, name in enumerate(wrt):
        scale = max(1.0, abs(function.point[name]))
        nodes = known[wrt[:count]], known[wrt[: count + 1]]
        value, slope = (along(function, node, name) for node in nodes)
        words = one_sided(value, slope, scale)
        if words:
            what = "the function" if not count else f"the derivative of order {count}"
            direction = f" in {name}" if len(function.names) > 1 else ""
            return [f"{what} {not_smooth(words)}{direction} at {place(function)}", *words]
    return []


# -- the second-derivative test --------------------------------------------------------------------


def second_derivative_test(
    function: Function,
    variables: Sequence[str],
    engine: Mapping[tuple[str, ...], Node],
    exist: bool,
) -> Section:
    """Minimum, maximum or saddle, from the signs of the second derivatives at the point.

    Args:
        function: with the point.
        variables: those of the test; the others are held constant.
        engine: the derivatives up to the second.
        exist: whether all the second derivatives exist at the point.
    """
    keys = [(a, b) for i, a in enumerate(variables) for b in variables[i:]]
    nodes = [engine[(name,)] for name in variables]
    found = _near(function, [*nodes, *(engine[key] for key in keys)])
    slopes = Measured(*(part[: len(nodes)] for part in (found.values, found.errors)))
    count = len(variables)
    places = {key: len(nodes) + k for k, key in enumerate(keys)}
    index = [
        [places[variables[min(i, j)], variables[max(i, j)]] for j in range(count)]
        for i in range(count)
    ]
    hessian = Measured(found.values[index], found.errors[index])
    notes = _verdict(function, variables, slopes, hessian, exist)
    title = Named("second-derivative test", r"\text{second-derivative test}")
    step = Step("second-derivative test", Named("", ""), (), notes=tuple(notes))
    return Section(title, (step,))


def _near(function: Function, nodes: Sequence[Node]) -> Measured:
    """Nodes at the point, which is known as well as a float can hold it: π is 3.14…793."""
    point = np.array(list(function.point.values()))
    if is_pointwise(nodes, dict.fromkeys(function.holes)):
        errors = np.finfo(np.float64).eps * np.abs(point)
        known = {
            hole: Measured(point[k : k + 1], errors[k : k + 1])
            for k, hole in enumerate(function.holes)
        }
        found = measure(nodes, known)
    else:
        found = values_at(function.holes, nodes, point[None, :])
    values, errors = (
        np.array([float(getattr(found[node], part)[0]) for node in nodes])
        for part in ("values", "errors")
    )
    return Measured(values, errors)


def _verdict(
    function: Function,
    variables: Sequence[str],
    slopes: Measured,
    hessian: Measured,
    exist: bool,
) -> list[str]:
    where = place(function)
    gradient, matrix = slopes.values, hessian.values
    if not exist or not np.all(np.isfinite(gradient)) or not np.all(np.isfinite(matrix)):
        return [f"the test does not apply at {where}: there a derivative does not exist"]
    away = 1e-9 * max(1.0, *map(abs, function.point.values()))  # a point of nine digits will do
    if np.any(np.abs(gradient) > slopes.errors + away * np.abs(matrix).max()):
        found = ", ".join(f"{slope:.6g}" for slope in gradient)
        what = "the derivative is" if len(gradient) == 1 else "the gradient is"
        return [f"{where} is no critical point: {what} {found}, not 0"]
    margin = float(np.linalg.norm(hessian.errors)) + 1e-14 * float(np.linalg.norm(matrix))
    also = [name for name in function.names if name not in variables]
    held = f" (with {', '.join(also)} held constant)" if also else ""
    if len(gradient) == 1:
        value = matrix[0, 0]
        if abs(value) <= margin:
            return ["f′ = 0 and f″ = 0: the test does not decide"]
        kind, sign = ("minimum", ">") if value > 0 else ("maximum", "<")
        return [f"f′ = 0 and f″ = {value:.6g} {sign} 0: a local {kind}{held}"]
    eigenvalues = np.linalg.eigvalsh(matrix)
    listed = ", ".join("0" if abs(v) <= margin else f"{v:.6g}" for v in eigenvalues)
    head = f"the gradient is 0, and the Hessian has the eigenvalues {listed}"
    if len(gradient) == 2:
        product = 0.0 if np.any(np.abs(eigenvalues) <= margin) else np.prod(eigenvalues)
        head = f"the gradient is 0, det H = {product:.6g}, "
        head += f"and H has the eigenvalues {listed}"
    if np.all(eigenvalues > margin):
        return [f"{head}: all positive, a local minimum{held}"]
    if np.all(eigenvalues < -margin):
        return [f"{head}: all negative, a local maximum{held}"]
    if eigenvalues[0] < -margin and eigenvalues[-1] > margin:
        return [f"{head}: of both signs, a saddle point{held}"]
    return [f"{head}: one is 0, the test does not decide"]
