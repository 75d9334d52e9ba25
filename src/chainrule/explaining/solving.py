"""An equation that is linear in one symbol, taken apart."""

from __future__ import annotations

from chainrule.explaining.changes.expand import expanded
from chainrule.explaining.collect import (
    collected,
    collected_sum,
)
from chainrule.explaining.expression import (
    ONE,
    ZERO,
    Expression,
    Sum,
    Symbol,
    contains,
    negated,
    product,
    substitute,
)
from chainrule.explaining.factors import factors_of
from chainrule.explaining.simplify import simplified

__all__ = ["linear_in"]


def linear_in(e: Expression, symbol: Symbol) -> tuple[Expression, Expression]:
    """a and b with ``e`` = a · symbol + b, of an ``e`` that is linear in ``symbol``.

    >>> from chainrule.explaining.expression import Product, number
    >>> x, y = Symbol("x"), Symbol("y")
    >>> linear_in(Sum((Product((x, y)), y, number(3))), y) == (Sum((x, ONE)), number(3))
    True
    """
    slopes: list[Expression] = []
    rest: list[Expression] = []
    terms = _terms(collected(e))
    for term in [t for outer in terms for t in _terms(_opened(outer, symbol))]:
        factors = factors_of(term)
        if not contains(term, symbol.name):
            rest.append(term)
        elif factors.count(symbol) == 1 and not any(
            contains(f, symbol.name) for f in factors if f != symbol
        ):
            slopes.append(product(f for f in factors if f != symbol) or ONE)
        else:
            return _by_values(e, symbol)
    return collected_sum(slopes), collected_sum(rest)


def _terms(e: Expression) -> tuple[Expression, ...]:
    return e.terms if isinstance(e, Sum) else (e,)


def _opened(term: Expression, symbol: Symbol) -> Expression:
    """A term in which the symbol stands inside a bracket, multiplied out."""
    if contains(term, symbol.name) and symbol not in factors_of(term):
        return expanded(term)
    return term


def _by_values(e: Expression, symbol: Symbol) -> tuple[Expression, Expression]:
    """The same from the values for 0 and 1."""
    none, one = (_simplest(substitute(e, {symbol.name: value})) for value in (ZERO, ONE))
    return _simplest(Sum((one, negated(none)))), none


def _simplest(e: Expression) -> Expression:
    lines = simplified(e)
    return lines[-1][0] if lines else e
