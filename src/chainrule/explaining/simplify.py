"""Simplifying an expression as a teacher would write it, in named stages.

``simplified(e)`` gives the lines that follow ``e``: numbers multiplied and like terms collected;
then, if that is shorter, a product expanded or a common factor put in front. Every stage keeps the
value wherever the expression has one; whoever shows a line evaluates it (see `check`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction

from chainrule.explaining.collect import (
    base_and_exponent,
    coefficient,
    collected,
    collected_power,
    collected_product,
    collected_sum,
    factors_of,
    opposite,
)
from chainrule.explaining.expression import (
    HALF,
    MINUS_ONE,
    Apply,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    Vector,
    parts,
    power,
    product,
    walk,
)

__all__ = ["cost", "simplified"]

COLLECT = "collect numbers, like terms and powers"
EXPAND = "expand and collect"
FACTOR = "factor out what is common"
CANCEL = "multiply above and below by the exponential"

_LARGEST = 24  # terms of an expanded product


def simplified(e: Expression) -> list[tuple[Expression, str]]:
    """The lines that follow ``e``, each with the name of what was done; the last is simplest."""
    lines: list[tuple[Expression, str]] = []
    first = collected(e)
    if first != e:
        lines.append((first, COLLECT))
    first_out = ((_factored, FACTOR), (_tidied, EXPAND), (_expanded, EXPAND), (_cancelled, CANCEL))
    first_in = ((_tidied, EXPAND), (_expanded, EXPAND), (_factored, FACTOR), (_cancelled, CANCEL))
    found = [_improved(first, (*changes, *changes)) for changes in (first_out, first_in)]
    chosen = min(found, key=lambda more: cost(more[-1][0]) if more else cost(first))
    if not chosen:  # longer at first, yet shorter when what is common is put in front
        both = _factored(_expanded(first))
        if cost(both) < cost(first):
            chosen = [(both, f"{EXPAND}, {FACTOR}")]
    return [*lines, *chosen]


def _improved(
    e: Expression, changes: Sequence[tuple[Callable[[Expression], Expression], str]]
) -> list[tuple[Expression, str]]:
    """Each change that makes the expression shorter, with its name."""
    lines: list[tuple[Expression, str]] = []
    for change, reason in changes:
        after = change(e)
        if cost(after) < cost(e):
            lines.append((after, reason))
            e = after
    return lines


def cost(e: Expression) -> int:
    """How long an expression looks: its numbers, names and functions."""
    found = 0
    for part in walk(e):
        match part:
            case Number(value):
                found += 2 if isinstance(value, Fraction) and value.denominator > 1 else 1
            case Product(factors):
                found -= factors[0] == MINUS_ONE  # a sign
            case Sum() | Vector():
                pass
            case Power(_, exponent):
                found += -1 if exponent in (MINUS_ONE, HALF) else 0
            case _:
                found += 1
    return found


# -- products expanded -------------------------------------------------------------------------


def _tidied(e: Expression) -> Expression:
    """The sums among the factors expanded, each by itself."""
    inner = [_expanded(f) if isinstance(f, Sum) else f for f in factors_of(e)]
    return e if isinstance(e, Sum) else collected_product(inner)


def _expanded(e: Expression) -> Expression:
    """Products of sums above the bar multiplied out, where that stays small."""
    if isinstance(e, Sum):
        return collected_sum([_expanded(term) for term in e.terms])
    sums, others = [], []
    for factor in factors_of(e):
        base, exponent = base_and_exponent(factor)
        whole = isinstance(exponent, Number) and exponent.value in (1, 2, 3)
        if isinstance(base, Sum) and whole and isinstance(exponent, Number):
            inner = _expanded_inside(base)
            sums.extend([inner] * int(exponent.value))
        else:
            others.append(factor)
    count = math.prod(len(s.terms) if isinstance(s, Sum) else 1 for s in sums)
    if not sums or count > _LARGEST:
        return e
    below = [f for f in others if _is_below(f)]
    terms: list[Expression] = [product(f for f in others if not _is_below(f))]
    for inner in sums:
        terms = [collected_product([a, b]) for a in terms for b in _terms(inner)]
    return collected_product([collected_sum(terms), *below])


def _expanded_inside(e: Sum) -> Expression:
    return collected_sum([_expanded(term) for term in e.terms])


def _terms(e: Expression) -> tuple[Expression, ...]:
    return e.terms if isinstance(e, Sum) else (e,)


def _is_below(e: Expression) -> bool:
    return isinstance(e, Power) and isinstance(e.exponent, Number) and e.exponent.value < 0


# -- exponentials ------------------------------------------------------------------------------


def _cancelled(e: Expression) -> Expression:
    """e^(-u)/(1 + e^(-u)) as 1/(e^u + 1)."""
    factors = factors_of(e)
    for index, factor in enumerate(factors):
        match factor:
            case Apply("exp", (inner,)):
                up = Apply("exp", (opposite(inner),))
            case _:
                continue
        for other, below in enumerate(factors):
            match below:
                case Power(Sum(terms), Number(n)) if n == -1:
                    opened = collected_sum(
                        [collected_product([up, term]) for term in reversed(terms)]
                    )
                    rest = [f for k, f in enumerate(factors) if k not in (index, other)]
                    return collected_product([*rest, collected_power(opened, MINUS_ONE)])
    return e


# -- common factors ----------------------------------------------------------------------------


def _factored(e: Expression) -> Expression:
    """What all terms of a sum share put in front; polynomials stay as they are."""
    match e:
        case Product(factors):
            below = {base_and_exponent(factor)[0] for factor in factors if _is_below(factor)}
            inner = [
                (_put_in_front(f.terms, below) or f) if isinstance(f, Sum) else f for f in factors
            ]
            return collected_product(inner) if tuple(inner) != factors else e
        case Sum(terms):
            return _put_in_front(terms) or e
    return e


def _put_in_front(
    terms: Sequence[Expression], below: AbstractSet[Expression] = frozenset()
) -> Expression | None:
    """What is common to the terms, times the rest; ``below`` cancels what it meets."""
    tables = [_numeric_powers(term) for term in terms]
    common: dict[Expression, Fraction] = {}
    for base in dict.fromkeys(base for table in tables for base in table):
        least = min(table.get(base, Fraction(0)) for table in tables)
        if least and (least < 0 or all(base in table for table in tables)):
            common[base] = least
    if not any(least < 0 or parts(base) or base in below for base, least in common.items()):
        return None
    outer = [power(base, least) for base, least in common.items()]
    inverse = [power(base, -least) for base, least in common.items()]
    return collected_product(
        [*outer, collected_sum([collected_product([term, *inverse]) for term in terms])]
    )


def _numeric_powers(term: Expression) -> dict[Expression, Fraction]:
    """The exponent of each base of a term, where it is a fraction."""
    found: dict[Expression, Fraction] = {}
    for factor in factors_of(coefficient(term)[1]):
        base, exponent = base_and_exponent(factor)
        if isinstance(exponent, Number) and isinstance(exponent.value, Fraction):
            found[base] = exponent.value
        else:
            found[factor] = Fraction(1)
    return found
