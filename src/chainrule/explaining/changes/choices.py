"""Choices: conditions simplified, choices inside choices joined.

At single points, where two sides of a comparison are equal, the branch taken may change; there the
convention of the primitive says what is taken.
"""

from __future__ import annotations

from fractions import Fraction

from chainrule.explaining.changes.expand import expanded
from chainrule.explaining.collect import collected
from chainrule.explaining.expression import (
    ONE,
    Apply,
    Constant,
    Expression,
    Number,
    Sum,
    rebuilt,
    total,
    walk,
)
from chainrule.explaining.factors import coefficient, opposite, scaled

__all__ = ["chosen"]

_TRUE, _FALSE = Constant("true"), Constant("false")
_TURNED = {
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
}
_NOT = {
    "less": "greater_equal",
    "less_equal": "greater",
    "greater": "less_equal",
    "greater_equal": "less",
}


def chosen(e: Expression) -> Expression:
    """``e`` with simpler choices."""
    if not any(isinstance(part, Apply) and part.function == "where" for part in walk(e)):
        return e
    e = rebuilt(e, chosen)
    match e:
        case Apply("where", (condition, a, b)):
            return _choice(_condition(condition), a, b)
    return e


def _choice(condition: Expression, a: Expression, b: Expression) -> Expression:
    a, b = _assuming(a, condition, 0), _assuming(b, condition, 1)
    if condition in (_TRUE, _FALSE) or a == b:
        return b if condition == _FALSE else a
    match a:
        case Apply("where", (inner, c, d)) if d == b:
            return Apply("where", (_both(inner, condition), c, b))
        case Apply("where", (inner, c, d)) if c == b and (turned := _negated(inner)):
            return Apply("where", (_both(turned, condition), d, b))
    match b:
        case Apply("where", (inner, c, d)) if d == a and (turned := _negated(condition)):
            return Apply("where", (_both(inner, turned), c, a))
    return Apply("where", (condition, a, b))


def _assuming(e: Expression, condition: Expression, branch: int) -> Expression:
    """``e`` where the condition is known: inside, choices by it are made."""
    match e:
        case Apply("where", operands) if operands[0] == condition:
            return _assuming(operands[1 + branch], condition, branch)
    return rebuilt(e, lambda part: _assuming(part, condition, branch))


def _both(a: Expression, b: Expression) -> Expression:
    """Both conditions, the lower bound first."""
    if isinstance(a, Apply) and a.function.startswith("less"):
        a, b = b, a
    return Apply("logical_and", (a, b))


def _negated(condition: Expression) -> Expression | None:
    match condition:
        case Apply(name, operands) if name in _NOT:
            return Apply(_NOT[name], operands)
    return None


# -- comparisons -----------------------------------------------------------------------------------


def _condition(e: Expression) -> Expression:
    match e:
        case Apply("logical_and", (a, b)):
            if _FALSE in (a, b):
                return _FALSE
            return b if a == _TRUE else a if b == _TRUE else e
        case Apply(name, (a, b)) if name in _TURNED:
            return _comparison(name, a, b)
    return e


def _comparison(name: str, a: Expression, b: Expression) -> Expression:
    """A comparison solved for what stands alone on one side."""
    if isinstance(a, Number) and isinstance(b, Number):
        larger = a.value > b.value if name.startswith("greater") else a.value < b.value
        return _TRUE if larger else _FALSE
    if isinstance(a, Number) and not isinstance(b, Number):
        name, a, b = _TURNED[name], b, a
    bounded = _of_bounded(name, a, b)
    if bounded is not None:
        return bounded
    apart = expanded(collected(total([a, opposite(b)])))
    terms = apart.terms if isinstance(apart, Sum) else (apart,)
    moving = [term for term in terms if not isinstance(term, Number)]
    still = [term for term in terms if isinstance(term, Number)]
    scale, first = coefficient(moving[0]) if moving else (Fraction(0), ONE)
    if len(moving) == 2 and not still and abs(coefficient(moving[1])[0]) == abs(scale):
        other = collected(scaled(-1 / scale, moving[1]))
        negative = coefficient(other)[0] < 0  # a + b > 0 stays
        return Apply(name, (a, b)) if negative else _oriented(name, scale, first, other)
    if len(moving) == 1 and isinstance(scale, Fraction):
        value = still[0].value if still else Fraction(0)
        solved = _oriented(name, scale, first, Number(-value / scale))
        return solved if isinstance(value, Fraction) else Apply(name, (a, b))
    return Apply(name, (a, b))


def _oriented(
    name: str, scale: Fraction | float, left: Expression, right: Expression
) -> Expression:
    """left ⋛ right after a division by ``scale``; with the plus sign on the left."""
    if scale < 0:
        name = _TURNED[name]
    if not isinstance(right, Number) and scale < 0:
        return Apply(_TURNED[name], (right, left))
    return Apply(name, (left, right))


def _of_bounded(name: str, a: Expression, b: Expression) -> Expression | None:
    """max(u, p) < q and its like, for numbers p and q, as u < q, or true or false."""
    match a:
        case Apply("maximum" | "minimum" as kind, (u, v)) if isinstance(b, Number):
            bound, other = (u, v) if isinstance(u, Number) else (v, u)
        case _:
            return None
    if not isinstance(bound, Number) or isinstance(other, Number):
        return None
    open_side = name.startswith("less") == (kind == "maximum")  # both parts have to satisfy it
    holds = bound.value < b.value if name.startswith("less") else bound.value > b.value
    if open_side:
        return _comparison(name, other, b) if holds else _FALSE
    return _TRUE if holds else _comparison(name, other, b)
