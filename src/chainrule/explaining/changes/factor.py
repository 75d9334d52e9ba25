"""What all terms of a sum share put in front of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction

from chainrule.explaining.changes.expand import is_below
from chainrule.explaining.collect import collected_product, collected_sum
from chainrule.explaining.expression import (
    MINUS_ONE,
    ONE,
    Apply,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    parts,
    power,
)
from chainrule.explaining.factors import (
    base_and_exponent,
    coefficient,
    factors_of,
    is_numeric,
    opposite,
)

__all__ = ["factored"]


def factored(e: Expression) -> Expression:
    """A common factor put in front; polynomials stay as they are."""
    match e:
        case Product(factors):
            below = {base_and_exponent(factor)[0] for factor in factors if is_below(factor)}
            inner = [
                (_put_in_front(f.terms, below, True) or f) if isinstance(f, Sum) else f
                for f in factors
            ]
            return collected_product(inner) if tuple(inner) != factors else e
        case Sum(terms):
            return _put_in_front(terms) or e
    return e


def _put_in_front(
    terms: Sequence[Expression],
    below: AbstractSet[Expression] = frozenset(),
    beside: bool = False,
) -> Expression | None:
    """What is common to the terms, times the rest.

    Args:
        terms: of a sum.
        below: what is cancelled by a common factor.
        beside: whether the sum stands beside other factors.
    """
    known = _Bases(below)
    split = [known.powers(term) for term in terms]
    tables = [table for table, _ in split]
    common: dict[Expression, Fraction] = {}
    for base in dict.fromkeys(base for table in tables for base in table):
        least = min(table.get(base, Fraction(0)) for table in tables)
        if least and (
            all(base in table for table in tables) or (least < 0 and not is_numeric(base))
        ):
            common[base] = least
    if not common or not (beside or _is_worth(common, tables)):
        return None
    outer = [power(base, least) for base, least in common.items()]
    inverse = [power(base, -least) for base, least in common.items()]
    rest = [
        collected_product([front, *_rebuilt(table), *inverse])
        for (table, front), _ in zip(split, terms, strict=True)
    ]
    return collected_product([*outer, collected_sum(rest)])


def _is_worth(
    common: Mapping[Expression, Fraction], tables: Sequence[Mapping[Expression, Fraction]]
) -> bool:
    """Functions and sums are put in front; letters in front of functions, or if squared there."""
    if any(parts(base) or least < 0 for base, least in common.items()):
        return True
    functions = [any(map(parts, table)) for table in tables]
    return all(functions) or (any(functions) and max(common.values()) > 1)


class _Bases:
    """Bases under one writing each: 1 + x is x + 1, and 1 - x is the opposite of x - 1."""

    def __init__(self, first: Iterable[Expression]) -> None:
        self.known: dict[frozenset[Expression], Expression] = {}
        for base in first:
            if isinstance(base, Sum):
                self.known.setdefault(frozenset(base.terms), base)

    def powers(self, term: Expression) -> tuple[dict[Expression, Fraction], Expression]:
        """The exponent of each base of a term, where it is a fraction; and the numbers in front."""
        value, rest = coefficient(term)
        front: Expression = Number(value)
        found: dict[Expression, Fraction] = {}
        for factor in factors_of(rest):
            for base, exponent in _powers(factor):
                if isinstance(base, Sum):
                    base, sign = self._written(base, exponent)
                    front = collected_product([front, sign])
                found[base] = found.get(base, Fraction(0)) + exponent
        return found, front

    def _written(self, base: Sum, exponent: Fraction) -> tuple[Expression, Expression]:
        terms = frozenset(base.terms)
        if terms in self.known:
            return self.known[terms], Number(Fraction(1))
        negative = frozenset(map(opposite, base.terms))
        if negative in self.known and exponent.denominator == 1:
            sign = Number(Fraction(1)) if exponent.numerator % 2 == 0 else MINUS_ONE
            return self.known[negative], sign
        self.known[terms] = base
        return base, Number(Fraction(1))


def _powers(factor: Expression) -> Iterator[tuple[Expression, Fraction]]:
    """A factor as powers with fractions as exponents: e^(2u - v) is (e^u)² over e^v."""
    match factor:
        case Apply("exp", (inner,)):
            for term in inner.terms if isinstance(inner, Sum) else (inner,):
                value, rest = coefficient(term)
                if rest != ONE and isinstance(value, Fraction):
                    yield Apply("exp", (rest,)), value
                else:
                    yield Apply("exp", (term,)), Fraction(1)
        case Power(base, Number(Fraction() as exponent)):
            yield base, exponent
        case Power(base, raised):
            for term in raised.terms if isinstance(raised, Sum) else (raised,):
                value, rest = coefficient(term)
                whole = isinstance(value, Fraction) and value.denominator == 1
                if rest == ONE and isinstance(value, Fraction):
                    yield base, value
                elif isinstance(value, Fraction) and whole:
                    yield Power(base, rest), value
                else:
                    yield Power(base, term), Fraction(1)
        case _:
            yield factor, Fraction(1)


def _rebuilt(table: dict[Expression, Fraction]) -> list[Expression]:
    return [power(base, exponent) for base, exponent in table.items()]
