"""Polynomials in a few letters: multiplied out, with a letter cancelled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from chainrule.explaining.expression import (
    ZERO,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    Symbol,
    power,
    product,
    symbols,
)
from chainrule.explaining.styles import TEXT

__all__ = ["Polynomial"]

Monomial = tuple[tuple[Expression, int], ...]
"""Atoms and their exponents, in the order in which they are written."""

_HIGHEST = 8


class Polynomial:
    """A polynomial: the coefficient of each monomial.

    What holds none of the letters, such as √2 or a parameter, is an atom of its own.

    >>> x, h = Symbol("x"), Symbol("h")
    >>> cube = Polynomial.read(Power(Sum((x, h)), Number(Fraction(3))), ["x", "h"])
    >>> TEXT(cube.expression(["x", "h"]))
    'x³ + 3x² h + 3x h² + h³'
    """

    def __init__(self, terms: Mapping[Monomial, Fraction | float]) -> None:
        self.terms = {monomial: value for monomial, value in terms.items() if value}

    @classmethod
    def read(cls, e: Expression, letters: Collection[str]) -> Polynomial | None:
        """``e`` as a polynomial in the letters; None if it is none, or of a high degree."""
        match e:
            case Number(value):
                return cls({(): value})
            case Sum(terms):
                found = cls({})
                for term in terms:
                    other = cls.read(term, letters)
                    if other is None:
                        return None
                    found = found.plus(other)
                return found
            case Product(factors):
                found = cls({(): Fraction(1)})
                for factor in factors:
                    other = cls.read(factor, letters)
                    if other is None:
                        return None
                    found = found.times(other)
                return found
            case Power(base, Number(Fraction() as n)) if n.denominator == 1 and 0 < n <= _HIGHEST:
                inner = cls.read(base, letters)
                if inner is None:
                    return None
                found = cls({(): Fraction(1)})
                for _ in range(int(n)):
                    found = found.times(inner)
                return found
        if isinstance(e, Symbol) or not symbols(e).keys() & set(letters):
            return cls({((e, 1),): Fraction(1)})
        return None

    def plus(self, other: Polynomial, factor: int = 1) -> Polynomial:
        """The sum; with the factor -1 the difference."""
        terms = dict(self.terms)
        for monomial, value in other.terms.items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + factor * value
        return Polynomial(terms)

    def times(self, other: Polynomial) -> Polynomial:
        """The product."""
        terms: dict[Monomial, Fraction | float] = {}
        for a, u in self.terms.items():
            for b, v in other.terms.items():
                monomial = _joined(a, b)
                terms[monomial] = terms.get(monomial, Fraction(0)) + u * v
        return Polynomial(terms)

    def degree(self, letter: str) -> int:
        """The highest exponent of a letter."""
        return max((_exponent(monomial, letter) for monomial in self.terms), default=0)

    def divided(self, letter: str) -> Polynomial | None:
        """The polynomial without one factor of a letter; None where a term has none."""
        terms = {}
        for monomial, value in self.terms.items():
            if not _exponent(monomial, letter):
                return None
            terms[_joined(monomial, ((Symbol(letter), -1),))] = value
        return Polynomial(terms)

    def at_zero(self, letter: str) -> Polynomial:
        """What remains where a letter is 0."""
        return Polynomial({m: v for m, v in self.terms.items() if not _exponent(m, letter)})

    def coefficient(self, letter: str, exponent: int) -> Polynomial:
        """The coefficient of a power of a letter."""
        inverse = ((Symbol(letter), -exponent),)
        return Polynomial(
            {
                _joined(monomial, inverse): value
                for monomial, value in self.terms.items()
                if _exponent(monomial, letter) == exponent
            }
        )

    def expression(self, letters: Collection[str]) -> Expression:
        """Written out: falling powers of the first letter, rising ones of the others."""
        first, *others = letters

        def place(monomial: Monomial) -> tuple[int, ...]:
            rest = [_exponent(monomial, letter) for letter in others]
            return (*reversed(rest), -_exponent(monomial, first))

        order = {letter: k for k, letter in enumerate(letters)}
        terms = []
        for monomial in sorted(self.terms, key=place):
            factors = sorted(
                monomial,
                key=lambda pair: order.get(pair[0].name, -1) if isinstance(pair[0], Symbol) else -1,
            )
            value = self.terms[monomial]
            terms.append(product([Number(value), *(power(atom, n) for atom, n in factors)]))
        if not terms:
            return ZERO
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _exponent(monomial: Monomial, letter: str) -> int:
    return next((n for atom, n in monomial if atom == Symbol(letter)), 0)


def _joined(a: Monomial, b: Monomial) -> Monomial:
    found = dict(a)
    for atom, n in b:
        found[atom] = found.get(atom, 0) + n
    kept = [(atom, n) for atom, n in found.items() if n]
    return tuple(sorted(kept, key=lambda pair: TEXT(pair[0])))
