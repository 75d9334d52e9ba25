"""Points on the curve F(x, y) = 0, and what its equation does to formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from chainrule.core.errors import ClaimError
from chainrule.core.node import Node
from chainrule.explaining.changes.expand import expanded
from chainrule.explaining.check import evaluate, values_at
from chainrule.explaining.collect import collected, collected_sum
from chainrule.explaining.expression import (
    MINUS_ONE,
    Expression,
    Number,
    Product,
    Sum,
    negated,
    rebuilt,
    symbols,
)
from chainrule.explaining.factors import coefficient
from chainrule.explaining.rounding import Values
from chainrule.explaining.styles import TEXT

__all__ = ["by_the_equation", "claim_on", "points_on"]

_STARTS = 400
_TURNS = 60


def points_on(
    inputs: Sequence[Node], f: Node, slope: Node, index: int, outputs: Sequence[Node], count: int
) -> Values:
    """Points with f = 0, found by Newton's method in one variable, at which outputs are finite.

    Args:
        inputs: the variables.
        f: the function.
        slope: its derivative with respect to the variable that is solved for.
        index: which variable that is.
        outputs: what has to be finite.
        count: how many points at most.
    """
    rows = np.random.default_rng(0).uniform(-3.0, 3.0, (_STARTS, len(inputs)))
    with np.errstate(all="ignore"):
        for _ in range(_TURNS):
            at = values_at(inputs, [f, slope], rows)
            rows[:, index] -= at[f].values / at[slope].values
        at = values_at(inputs, [f, slope, *outputs], rows)
        known = np.abs(at[f].values) <= 1e-11
        for node in (slope, *outputs):
            size = np.abs(at[node].values)
            known &= np.isfinite(size) & (size < 1e6)
        known &= np.abs(at[slope].values) > 1e-3
    return rows[known][:count]


def claim_on(e: Expression, inputs: Mapping[Node, str], engine: Node, points: Values) -> None:
    """Compare a line that holds on a curve only with what the engine computed at points of it.

    The points are known to some digits only, so that bounds on rounding alone would not do.

    Raises:
        ClaimError: if they differ.
    """
    names = {name: points[:, k] for k, name in enumerate(inputs.values())}
    found, expected = evaluate(e, names), values_at(list(inputs), [engine], points)[engine].values
    if not np.allclose(found, expected, rtol=1e-6, atol=1e-8):
        k = int(np.argmax(np.abs(found - expected)))
        raise ClaimError(
            f"the line {TEXT(e)} is {found[k]:.10g} at a point of the curve, the engine computed "
            f"{expected[k]:.10g}; this is a bug of chainrule, please report the equation"
        )


def by_the_equation(e: Expression, left: Expression, right: Expression) -> Expression:
    """``e`` with the number that the equation gives for a sum that occurs in it.

    >>> from chainrule.explaining.expression import Power, Symbol, number
    >>> from chainrule.explaining.styles import TEXT
    >>> squares = Sum((Power(Symbol("x"), number(2)), Power(Symbol("y"), number(2))))
    >>> TEXT(by_the_equation(Power(squares, number(3)), squares, number(25)))
    '25³'
    """
    whole = expanded(collected(Sum((left, Product((MINUS_ONE, right))))))
    terms = whole.terms if isinstance(whole, Sum) else (whole,)
    moving = {rest: value for value, rest in map(coefficient, terms) if symbols(rest)}
    fixed = [term for term in terms if not symbols(term)]
    number = negated(collected_sum(fixed)) if fixed else Number(Fraction(0))
    if len(moving) < 2 or not isinstance(number, Number):
        return e
    return _replaced(e, moving, number)


def _replaced(
    e: Expression, moving: dict[Expression, Fraction | float], number: Number
) -> Expression:
    e = rebuilt(e, lambda part: _replaced(part, moving, number))
    if not isinstance(e, Sum):
        return e
    found = {rest: value for value, rest in map(coefficient, e.terms)}
    if not all(rest in found for rest in moving):
        return e
    ratios = {found[rest] / value for rest, value in moving.items()}
    if len(ratios) != 1:
        return e
    kept = [term for term in e.terms if coefficient(term)[1] not in moving]
    return collected_sum([*kept, Number(number.value * ratios.pop())])
