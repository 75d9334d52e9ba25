"""Simplifying an expression as a teacher would write it, in named stages.

``simplified(e)`` gives the lines that follow ``e``: numbers multiplied and like terms collected;
then whatever makes it shorter, one named change after the other. Every stage keeps the value
wherever the expression has one; whoever shows a line evaluates it (see `check`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from chainrule.explaining.changes.choices import chosen
from chainrule.explaining.changes.expand import expanded, tidied
from chainrule.explaining.changes.factor import factored
from chainrule.explaining.changes.identities import cancelled, pythagorean, squared, tangents
from chainrule.explaining.changes.quotients import cleared, reduced
from chainrule.explaining.collect import (
    collected,
    collected_power,
    collected_product,
    collected_sum,
)
from chainrule.explaining.expression import (
    HALF,
    Apply,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    parts,
)
from chainrule.explaining.writing import decimal, split

__all__ = ["cost", "simplified"]

Change = Callable[[Expression], Expression]

COLLECT = "collect numbers, like terms and powers"
EXPAND = "expand and collect"
FACTOR = "factor out what is common"
CHANGES: Mapping[Change, str] = {
    factored: FACTOR,
    tidied: EXPAND,
    expanded: EXPAND,
    cancelled: "multiply above and below by the exponential",
    cleared: "common denominator",
    reduced: "cancel what is common above and below the bar",
    squared: "1 + tan² = 1/cos², 1 - tanh² = 1/cosh²",
    tangents: "tan = sin/cos",
    pythagorean: "sin² + cos² = 1, cosh² - sinh² = 1",
    chosen: "simplify the conditions",
}
FIRST = (expanded, tidied, cleared, factored)
"""Changes that may lengthen an expression, and yet lead to a shorter one."""

LARGE = 48
"""The cost of an expression for which only one way is tried, one change at a time."""

HUGE = 90
"""The cost of an expression that is only collected: nobody reads what would be made of it."""


def simplified(e: Expression) -> list[tuple[Expression, str]]:
    """The lines that follow ``e``, each with the name of what was done; the last is simplest."""
    lines: list[tuple[Expression, str]] = []
    first = collected(e)
    if first != e:
        lines.append((first, COLLECT))
    return [*lines, *_improvements(first)]


Line = tuple[Expression, str]


def _improvements(e: Expression, breadth: int = 3) -> list[Line]:
    """Changes one after the other, each of which makes it shorter; of some ways the best."""
    if cost(e) > HUGE:
        return []
    options = _shorter(e)[: breadth if cost(e) < LARGE else 1]
    ways = [[(after, reason), *_improvements(after, 1)] for after, reason in options]
    return min(ways, key=lambda lines: (cost(lines[-1][0]), len(lines)), default=[])


def _shorter(e: Expression) -> list[Line]:
    """What a change makes shorter, the shortest first; two changes where one alone does not."""
    least = cost(e)
    tried = {change: _everywhere(change, e) for change in CHANGES}
    found = [
        (after, CHANGES[change])
        for change, after in tried.items()
        if after is not e and cost(after) < least
    ]
    if not found and least < LARGE:
        found = [
            (after, ", ".join(dict.fromkeys([CHANGES[one], CHANGES[other]])))
            for one in FIRST
            if tried[one] is not e and cost(tried[one]) < 2 * least
            for other in CHANGES
            if cost(after := _everywhere(other, tried[one])) < least
        ]
    return sorted(found, key=lambda option: cost(option[0]))


def _everywhere(change: Change, e: Expression) -> Expression:
    """The change made in the terms, factors and branches of ``e``, then in ``e`` itself."""
    inner = _inside(change, e)
    if inner is not e and cost(inner) >= cost(e):
        inner = e
    after = change(inner)
    if after is inner or change in FIRST:
        return after
    return after if cost(after) < cost(inner) else inner


def _inside(change: Change, e: Expression) -> Expression:
    match e:
        case Sum(old) | Product(old):
            new = tuple([_everywhere(change, part) for part in old])
            if new == old:
                return e
            return collected_sum(new) if isinstance(e, Sum) else collected_product(new)
        case Power(base, exponent) if change not in (expanded, tidied, factored) and parts(base):
            new_base = _everywhere(change, base)
            return e if new_base == base else collected_power(new_base, exponent)
        case Apply("where", (condition, *branches)):
            changed = [_everywhere(change, branch) for branch in branches]
            return e if changed == branches else collected(Apply("where", (condition, *changed)))
    return e


def _has_two_sums(e: Expression) -> bool:
    return isinstance(e, Product) and sum(isinstance(f, Sum) for f in e.factors) > 1


def cost(e: Expression) -> int:
    """How long an expression looks: its numbers, names, functions, roots and bars."""
    match e:
        case Number(value):
            bar = isinstance(value, Fraction) and value.denominator != 1 and not decimal(value)
            return 3 if bar else 1
        case Product(factors):
            above, below = split(factors)
            if above and isinstance(above[0], Number) and above[0].value == -1:
                above = above[1:]
            return max(1, sum(map(cost, above))) + sum(map(cost, below)) + bool(below)
        case Power(base, Number(exponent)):
            if exponent < 0:
                return 2 + cost(base if exponent == -1 else Power(base, Number(-exponent)))
            simple = exponent == HALF.value or exponent == int(exponent)
            return cost(base) + (1 if simple else 2)
        case Apply(_, operands):
            return 1 + sum(map(cost, operands))
        case Sum(terms):  # x² - 4x + 2 rather than (1 - x)(2 - x) - x
            return sum(map(cost, terms)) + any(map(_has_two_sums, terms))
    return sum(map(cost, parts(e))) or 1
