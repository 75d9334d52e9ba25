"""Fractions inside fractions cleared, common denominators, common factors cancelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from chainrule.explaining.collect import collected_power, collected_product, collected_sum
from chainrule.explaining.expression import (
    ONE,
    Apply,
    Expression,
    Number,
    Sum,
    Symbol,
    power,
    total,
    walk,
)
from chainrule.explaining.factors import base_and_exponent, coefficient, factors_of, is_numeric

__all__ = ["cleared", "reduced"]


def cleared(e: Expression) -> Expression:
    """Sums of fractions over one denominator: 1 + 1/x as (x + 1)/x, also inside a product."""
    if isinstance(e, Sum):
        return _over_one(e)
    inner = []
    for factor in factors_of(e):
        base, exponent = base_and_exponent(factor)
        if isinstance(base, Sum) and isinstance(exponent, Number) and exponent.value in _WHOLE:
            inner.append(collected_power(_over_one(base), exponent))
        else:
            inner.append(factor)
    return e if tuple(inner) == factors_of(e) else collected_product(inner)


_WHOLE = frozenset(range(-4, 5))


def _over_one(e: Sum) -> Expression:
    """A sum as one fraction."""
    below: dict[Expression, Fraction] = {}
    numbers = 1
    for term in e.terms:
        value, rest = coefficient(term)
        if isinstance(value, Fraction):
            numbers = math.lcm(numbers, value.denominator)
        for factor in factors_of(rest):
            base, exponent = base_and_exponent(factor)
            if is_numeric(base):  # √(2/π) stays
                continue
            if isinstance(exponent, Number) and isinstance(exponent.value, Fraction):
                below[base] = max(below.get(base, Fraction(0)), -exponent.value)
    lifted = [power(base, n) for base, n in below.items() if n > 0]
    if not lifted and (numbers == 1 or numbers > 1000):
        return e
    scale = [Number(Fraction(numbers)), *lifted]
    above = collected_sum([collected_product([*scale, term]) for term in e.terms])
    return collected_product([above, *(collected_power(s, Number(Fraction(-1))) for s in scale)])


# -- common factors --------------------------------------------------------------------------------

Coefficients = dict[int, Fraction]


def reduced(e: Expression) -> Expression:
    """A polynomial above the bar divided by one below, where nothing remains."""
    factors = list(factors_of(e))
    for below, factor in enumerate(factors):
        base, exponent = base_and_exponent(factor)
        if not (isinstance(base, Sum) and isinstance(exponent, Number) and exponent.value <= -1):
            continue
        for above, other in enumerate(factors):
            if above == below or not isinstance(other, Sum):
                continue
            divided = _quotient(other, base)
            if divided is not None:
                rest = [f for k, f in enumerate(factors) if k not in (above, below)]
                left = power(base, Fraction(exponent.value) + 1) if exponent.value != -1 else ONE
                return collected_product([*rest, divided, left])
    return e


def _quotient(above: Sum, below: Sum) -> Expression | None:
    """above/below, if both are polynomials in one thing, and nothing remains."""
    atoms = {part for e in (above, below) for part in walk(e) if isinstance(part, (Symbol, Apply))}
    inner = {part for atom in atoms if isinstance(atom, Apply) for part in walk(atom)} - {
        atom for atom in atoms if isinstance(atom, Apply)
    }
    outer = atoms - inner
    if len(outer) != 1:
        return None
    (atom,) = outer
    numerator, divisor = _coefficients(above.terms, atom), _coefficients(below.terms, atom)
    if numerator is None or divisor is None:
        return None
    found: list[Expression] = []
    degree = max(divisor)
    while numerator:
        top = max(numerator)
        if top < degree:
            return None
        scale = numerator[top] / divisor[degree]
        found.append(collected_product([Number(scale), collected_power(atom, _n(top - degree))]))
        for n, value in divisor.items():
            at = n + top - degree
            numerator[at] = numerator.get(at, Fraction(0)) - scale * value
            if not numerator[at]:
                del numerator[at]
    return total(found)


def _n(value: int) -> Number:
    return Number(Fraction(value))


def _coefficients(terms: Sequence[Expression], atom: Expression) -> Coefficients | None:
    """The coefficient of each power of ``atom``."""
    found: Coefficients = {}
    for term in terms:
        value, rest = coefficient(term)
        base, exponent = base_and_exponent(rest)
        if rest == ONE:
            degree = 0
        elif base == atom and isinstance(exponent, Number) and exponent.value in range(1, 33):
            degree = int(exponent.value)
        else:
            return None
        if not isinstance(value, Fraction):
            return None
        found[degree] = found.get(degree, Fraction(0)) + value
    return found
