"""The slope of a curve at one of its points, or why it has none there; its tangent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.errors import ClaimError
from chainrule.core.node import Node
from chainrule.explaining.check import compared, measured
from chainrule.explaining.derive import tangent_of
from chainrule.explaining.expression import (
    Expression,
    Product,
    Sum,
    Symbol,
    negated,
    substitute,
    symbols,
    total,
)
from chainrule.explaining.function import Function
from chainrule.explaining.lines import distinct, simplified_lines
from chainrule.explaining.point import kinks, place, value_at
from chainrule.explaining.reading import constant
from chainrule.explaining.rounding import Measured
from chainrule.explaining.sides import one_sided
from chainrule.explaining.steps import Line, Named, Step
from chainrule.explaining.styles import TEXT
from chainrule.ops.shape import zeros_like

__all__ = ["Curve", "slope_at", "tangent_at"]

_DIGITS = 1e-11  # what twelve digits leave open


@dataclass(frozen=True)
class Curve:
    """F = 0, at the point of ``function``.

    Attributes:
        function: its variables and the point.
        dependent: the variable that is a function of the others.
        both: F.
        in_dependent: ∂F/∂(dependent).
    """

    function: Function
    dependent: str
    both: Node
    in_dependent: Node


def slope_at(
    curve: Curve,
    variable: str,
    expression: Expression,
    engine: Node,
    name: Named,
    before: Node | None = None,
) -> tuple[Step, float | None]:
    """The derivative at the point, or why there is none.

    Args:
        curve: with the point.
        variable: in which it is differentiated.
        expression: the derivative as it was derived.
        engine: the same as the engine computes it.
        name: what it is called there.
        before: of a second derivative the first.

    Raises:
        ClaimError: if the formula has another value than the engine's.
    """
    function = curve.function
    across = tangent_of(curve.both, function.hole[variable])
    across = zeros_like(curve.both) if across is None else across
    notes = _kinks(curve, variable, across) or _vertical(curve, variable, across)
    if not notes and before is not None:
        notes = _bend(curve, variable, before, engine)
    if notes:
        return Step("no derivative here", name, (), notes=notes), None
    value = value_at(function, engine)
    last = Line(constant(float(f"{value:.12g}")), "the value of the derivative")
    filled = substitute(expression, {n: constant(v) for n, v in function.point.items()})
    found = float(measured(filled, {}).values[0])
    if not np.isfinite(found):
        return Step("put in the values", name, (replace(last, reason="by the engine"),)), value
    first = Line(filled, "put in the point, which lies on the curve")
    if abs(found - value) > _DIGITS * max(1.0, abs(value)):
        if before is None:
            raise ClaimError(
                f"at {place(function)} the derived formula is {found:.10g}, the engine computed "
                f"{value:.10g}; this is a bug of chainrule, please report the equation"
            )
        # the equation may have shortened the formula, and the point is near the curve only
        return Step("put in the values", name, (last,)), value
    return Step("put in the values", name, distinct([first, last])), value


def _kinks(curve: Curve, variable: str, across: Node) -> tuple[str, ...]:
    """Where F itself jumps or has a kink."""
    whole = replace(curve.function, outputs=(curve.both,))
    engine: dict[tuple[str, ...], Node] = {(variable,): across}
    engine[(curve.dependent,)] = curve.in_dependent
    for wrt in engine:
        words = kinks(whole, engine, wrt)
        if words:
            sides = "F, the left side less the right side"
            return tuple(word.replace("the function", sides, 1) for word in words)
    return ()


def _vertical(curve: Curve, variable: str, across: Node) -> tuple[str, ...]:
    """Where the formula would divide by 0."""
    function = curve.function
    y, x = TEXT.symbol(curve.dependent), TEXT.symbol(variable)
    along, down = (value_at(function, node) for node in (across, curve.in_dependent))
    size = max(1.0, abs(along), abs(down))
    if abs(down) > 1e-9 * size:
        return ()
    first = f"∂F/∂{y} = 0 at {place(function)}: the formula divides by 0"
    if abs(along) <= 1e-9 * size:
        return (
            first,
            f"∂F/∂{x} = 0, too: the curve may cross itself or have a corner here, and {y} need "
            f"not be a function of {x}",
        )
    value = f"∂F/∂{x} = {along:.6g} is not 0"
    if len(function.names) > 2:
        return (first, f"{value}: the surface is vertical here")
    return (first, f"{value}: the tangent is vertical, {x} = {function.point[variable]:g}")


def _bend(curve: Curve, variable: str, before: Node, engine: Node) -> tuple[str, ...]:
    """Where the first derivative has a kink or jumps, along the tangent."""
    function = curve.function
    slope = value_at(function, before)

    def moved(node: Node, step: float) -> float:
        point = dict(function.point)
        point[variable] += step
        point[curve.dependent] += slope * step
        return value_at(replace(function, point=point), node)

    scale = max(1.0, abs(function.point[variable]))
    words = one_sided(lambda t: moved(before, t), lambda t: moved(engine, t), scale)
    head = f"the first derivative is not differentiable at {place(function)}"
    return (head, *words) if words else ()


def tangent_at(curve: Curve, variable: str, slope: float | None) -> list[Step]:
    """The tangent at the point as a line; nothing where there is no slope.

    Raises:
        ClaimError: if a line is another one than that through the point with this slope.
    """
    if slope is None:
        return []
    point = curve.function.point
    y, x = (constant(point[n]) for n in (curve.dependent, variable))
    away = total([Symbol(variable), negated(x)])
    whole = Sum((y, Product((constant(float(f"{slope:.12g}")), away))))
    lines = simplified_lines(whole, "point and slope")
    places = point[variable] + np.linspace(-2.0, 2.0, 5)
    rise = slope * (places - point[variable])
    sizes = abs(point[curve.dependent]) + abs(slope) * (np.abs(places) + abs(point[variable]))
    expected = Measured(point[curve.dependent] + rise, _DIGITS * sizes)
    for line in lines:
        names = {variable: Measured.exact(places)} if symbols(line.expression) else {}
        wrong, _ = compared(measured(line.expression, names), expected)
        if np.any(wrong):
            raise ClaimError(
                f"the line {TEXT(line.expression)} is not the tangent at {place(curve.function)}; "
                "this is a bug of chainrule, please report the equation"
            )
    return [Step("tangent", Symbol(curve.dependent), lines)]
