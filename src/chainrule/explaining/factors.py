"""Terms and factors taken apart: numbers in front, bases and exponents, the order of factors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import reduce
from itertools import pairwise

from chainrule.explaining.expression import (
    HALF,
    ONE,
    ZERO,
    Apply,
    Constant,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    Symbol,
    negated,
    product,
    rebuilt,
    walk,
)

__all__ = [
    "arranged",
    "base_and_exponent",
    "coefficient",
    "common_number",
    "factors_of",
    "has_both_signs",
    "is_numeric",
    "is_whole",
    "known_base",
    "leads_negative",
    "opened_factors",
    "opposite",
    "order_of_letters",
    "rank",
    "rationalised",
    "roots_joined",
    "scaled",
]


def coefficient(e: Expression) -> tuple[Fraction | float, Expression]:
    """The numbers in front of a collected term, and the rest."""
    if isinstance(e, Number):
        return e.value, ONE
    if isinstance(e, Product) and isinstance(e.factors[0], Number):
        return e.factors[0].value, product(e.factors[1:])
    return Fraction(1), e


def scaled(value: Fraction | float, e: Expression) -> Expression:
    if value == 0:
        return ZERO
    if isinstance(e, Number):
        return Number(value * e.value)
    if isinstance(e, Product) and isinstance(e.factors[0], Number):
        return product([Number(value * e.factors[0].value), *e.factors[1:]])
    return product([Number(value), e])


def opposite(e: Expression) -> Expression:
    value, rest = coefficient(e)
    return scaled(-value, rest)


def factors_of(e: Expression) -> tuple[Expression, ...]:
    return e.factors if isinstance(e, Product) else () if e == ONE else (e,)


def base_and_exponent(e: Expression) -> tuple[Expression, Expression]:
    return (e.base, e.exponent) if isinstance(e, Power) else (e, ONE)


def rationalised(value: Fraction | float, powers: dict[Expression, Expression]) -> Fraction | float:
    """√2/2 as 1/√2, and 2/√2 as √2; changes ``powers``."""
    for base, exponent in powers.items():
        match base, exponent:
            case Number(Fraction(numerator=n, denominator=1)), Number(Fraction() as half) if (
                n > 1 and abs(half) == HALF.value and isinstance(value, Fraction)
            ):
                if half > 0 and value.denominator % n == 0:
                    value, powers[base] = value * n, negated(HALF)
                elif half < 0 and value.numerator % n == 0:
                    value, powers[base] = value / n, HALF
    return value


def roots_joined(powers: Mapping[Expression, Expression]) -> dict[Expression, Expression]:
    """√2 √π as √(2π), above and below the bar."""
    found = dict(powers)
    for exponent in (HALF, negated(HALF)):
        bases = [b for b, e in found.items() if e == exponent and isinstance(b, (Number, Constant))]
        if len(bases) > 1:
            for base in bases:
                del found[base]
            found[product(sorted(bases, key=lambda b: isinstance(b, Constant)))] = exponent
    return found


def known_base(
    base: Sum, exponent: Expression, known: dict[frozenset[Expression], Expression]
) -> tuple[Expression, int]:
    """The base met before that is the same (x + 1, 1 + x) or the opposite (x - 1, 1 - x)."""
    terms = frozenset(base.terms)
    if terms in known:
        return known[terms], 1
    negative = frozenset(opposite(term) for term in base.terms)
    whole = isinstance(exponent, Number) and exponent.value == int(exponent.value)
    if negative in known and whole and isinstance(exponent, Number):
        return known[negative], -1 if int(exponent.value) % 2 else 1
    known[terms] = base
    return base, 1


def is_whole(e: Expression) -> bool:
    return isinstance(e, Number) and isinstance(e.value, Fraction) and e.value.denominator == 1


def has_both_signs(e: Sum) -> bool:
    """Whether terms have both signs."""
    return len({coefficient(term)[0] > 0 for term in e.terms}) == 2


def common_number(e: Sum) -> Fraction:
    values = [coefficient(term)[0] for term in e.terms]
    if not all(isinstance(v, Fraction) and v.denominator == 1 for v in values):
        return Fraction(1)
    common = reduce(math.gcd, (int(v) for v in values))
    return Fraction(-common if all(v < 0 for v in values) else common)


def is_numeric(e: Expression) -> bool:
    return all(isinstance(part, (Number, Constant, Product, Power)) for part in walk(e))


_ORDER = {"sin": "c", "cos": "d", "sinh": "ca", "cosh": "da"}
"""Sines before cosines."""


def rank(e: Expression) -> tuple[int, str]:
    """Where a factor stands: constants, variables by name, powers and functions, sums."""
    base, exponent = base_and_exponent(e)
    numeric = isinstance(exponent, Number)
    if isinstance(base, Symbol) and numeric:
        return 1, base.name
    if numeric and is_numeric(base):
        return 0, ""
    if isinstance(base, Apply) and base.function != "exp":
        return 2, _ORDER.get(base.function, base.function)
    return (3 if isinstance(base, Sum) else 2), ""


def opened_factors(factors: Iterable[Expression]) -> Iterable[Expression]:
    for factor in factors:
        yield from opened_factors(factor.factors) if isinstance(factor, Product) else (factor,)


def leads_negative(e: Expression) -> bool:
    return coefficient(e)[0] < 0


def arranged(e: Expression, place: Mapping[str, int]) -> Expression:
    """``e`` with the letters of each product in the order that ``place`` says."""
    e = rebuilt(e, lambda part: arranged(part, place))
    if not isinstance(e, Product):
        return e
    slots = [(k, name) for k, f in enumerate(e.factors) if (name := _letter(f))]
    letters = sorted(slots, key=lambda slot: place.get(slot[1], len(place)))
    factors = list(e.factors)
    for (to, _), (origin, _) in zip(slots, letters, strict=True):
        factors[to] = e.factors[origin]
    return Product(tuple(factors))


def _letter(factor: Expression) -> str:
    base, exponent = base_and_exponent(factor)
    return base.name if isinstance(base, Symbol) and isinstance(exponent, Number) else ""


def order_of_letters(written: Iterable[Expression]) -> dict[str, int]:
    """The place of each letter among others: as in the products that are written, else by name."""
    before: dict[str, set[str]] = {}
    for e in written:
        for part in walk(e):
            if isinstance(part, Symbol):
                before.setdefault(part.name, set())
            if isinstance(part, Product):
                above = [f for f in part.factors if not leads_negative(base_and_exponent(f)[1])]
                letters = [name for f in above if (name := _letter(f))]
                for first, second in pairwise(dict.fromkeys(letters)):
                    if not _reaches(before, first, second):  # else a product says the opposite
                        before.setdefault(second, set()).add(first)
    place: dict[str, int] = {}
    while len(place) < len(before):
        free = [name for name, sooner in before.items() if name not in place and sooner <= {*place}]
        place[min(free)] = len(place)
    return place


def _reaches(before: Mapping[str, set[str]], name: str, wanted: str) -> bool:
    """Whether ``wanted`` has to stand before ``name``."""
    sooner = before.get(name, set())
    return wanted in sooner or any(_reaches(before, other, wanted) for other in sooner)
