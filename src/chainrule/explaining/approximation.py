"""How far a Taylor polynomial is from its function: the remainder, and errors measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.explaining.check import evaluate
from chainrule.explaining.derive import tangent_of
from chainrule.explaining.explanation import Result, Section
from chainrule.explaining.expression import Symbol, negated, power, total
from chainrule.explaining.function import Function
from chainrule.explaining.naming import Naming, lowered, superscript
from chainrule.explaining.reading import constant
from chainrule.explaining.rounding import Values
from chainrule.explaining.steps import Cell, Named, Step, Table
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.ops.shape import zeros_like

__all__ = ["accuracy"]

_AWAY = (0.1, 0.5, 1.0)
"""How far from the centre the error is measured where no place is given."""
_GRID = 2001
"""At how many places between centre and x the next derivative is computed."""


def accuracy(
    function: Function,
    order: int,
    result: Result,
    naming: Naming,
    where: Mapping[str, float],
) -> list[Section]:
    """The remainder in Lagrange's form, and what the polynomial is off by.

    Args:
        function: with the centre as its point.
        order: of the polynomial.
        result: the polynomial.
        naming: of the function.
        where: the place at which the error is asked for; may be empty.
    """
    steps = [_remainder(function, order, naming)]
    places = [where] if where else [_moved(function.point, t) for t in _AWAY]
    measured = _measured(function, result, places, order)
    if measured is not None:
        steps.append(measured)
    if where and len(function.names) == 1:
        steps += _intermediate(function, order, result, where)
    title = Named("remainder", r"\text{remainder}")
    return [Section(title, tuple(steps))]


def _moved(centre: Mapping[str, float], distance: float) -> dict[str, float]:
    return {name: value + distance for name, value in centre.items()}


def _remainder(function: Function, order: int, naming: Naming) -> Step:
    index = lowered(order)
    called = naming.called(f"R{index}", f"R_{{{order}}}")
    f, polynomial = naming.called(), naming.called(f"T{index}", f"T_{{{order}}}")
    subject = Named(
        f"{called.text} = {f.text} - {polynomial.text}",
        f"{called.latex} = {f.latex} - {polynomial.latex}",
    )
    if len(function.names) > 1:
        notes = (f"smaller than every multiple of ‖d‖{superscript(order)} as d → 0",)
        return Step("remainder", subject, (), notes=notes)
    (name,) = function.names
    x, centre = Symbol(name), constant(function.point[name])
    away = power(total([x, negated(centre)]), order + 1)
    between = f"ξ between {TEXT(centre)} and {TEXT(x)}"
    law = Named(
        f"R{index} = f⁽{superscript(order + 1)}⁾(ξ)/{order + 1}! {TEXT.within(away, 6)}, {between}",
        rf"R_{{{order}}} = \frac{{f^{{({order + 1})}}(\xi)}}{{{order + 1}!}} "
        rf"{LATEX.within(away, 6)}, \quad \xi \text{{ between }} {LATEX(centre)} \text{{ and }} "
        + LATEX(x),
    )
    return Step("Lagrange's form of the remainder", subject, (), law=law)


def _measured(
    function: Function, result: Result, places: Sequence[Mapping[str, float]], order: int
) -> Step | None:
    """f, polynomial and difference at some places; nothing where f has no value at any."""
    rows: list[tuple[Cell, ...]] = []
    for place in places:
        value = _at(function, function.output, [place])[0]
        found = _polynomial(result, place)
        if np.isfinite(value):
            where = ", ".join(f"{place[name]:.10g}" for name in function.names)
            cell = where if len(function.names) == 1 else f"({where})"
            rows.append((cell, f"{value:.10g}", f"{found:.10g}", f"{value - found:.3g}"))
    if not rows:
        return None
    index = lowered(order)
    name = ", ".join(map(TEXT.symbol, function.names))
    typeset = ", ".join(map(LATEX.symbol, function.names))
    header = (
        Named(name if len(function.names) == 1 else f"({name})", f"({typeset})"),
        Named(f"f({name})", f"f({typeset})"),
        Named(f"T{index}({name})", f"T_{{{order}}}({typeset})"),
        "error",
    )
    return Step("measured", Named("", ""), (), table=Table(header, tuple(rows)))


def _polynomial(result: Result, place: Mapping[str, float]) -> float:
    names = {name: np.array([value]) for name, value in place.items()}
    return float(evaluate(result.expression, names)[0])


def _at(function: Function, node: Node, places: Sequence[Mapping[str, float]]) -> Values:
    """The values of a node at places."""
    graph = Graph(function.holes, [node])
    found = []
    with np.errstate(all="ignore"):
        for place in places:
            (value,) = graph.evaluate([np.float64(place[name]) for name in function.names])
            found.append(float(np.reshape(value, ())))
    return np.array(found)


def _intermediate(
    function: Function, order: int, result: Result, where: Mapping[str, float]
) -> list[Step]:
    """The bound that Lagrange's form gives at the place, and the ξ for which it is exact."""
    (name,) = function.names
    derivative = function.output
    for _ in range(order + 1):
        tangent = tangent_of(derivative, function.hole[name])
        derivative = zeros_like(derivative) if tangent is None else tangent
    centre, x = function.point[name], where[name]
    grid = np.linspace(centre, x, _GRID)
    factor = (x - centre) ** (order + 1) / math.factorial(order + 1)
    course = _at(function, derivative, [{name: t} for t in grid]) * factor
    value = _at(function, function.output, [where])[0]
    off = value - _polynomial(result, where)
    if not np.all(np.isfinite(course)) or not np.isfinite(off):
        return []
    high = superscript(order + 1)
    bound = float(np.max(np.abs(course)))
    notes = [
        f"between {centre:g} and {x:g} the largest |f⁽{high}⁾(ξ)| gives |R| ≤ {bound:.4g}"
        f" (found at {_GRID} places); the error is {abs(off):.4g}"
    ]
    crossing = np.flatnonzero(np.diff(np.sign(course - off)))
    if len(crossing) and abs(off) > 1e-10 * abs(value):
        k = int(crossing[0])
        a, b = course[k] - off, course[k + 1] - off
        xi = grid[k] + (grid[k + 1] - grid[k]) * a / (a - b)
        notes.append(f"with ξ = {xi:.4g} Lagrange's form is the error itself")
    return [Step("bound of the error", Named("", ""), (), notes=tuple(notes))]
