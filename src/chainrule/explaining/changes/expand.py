"""Products multiplied out, where that stays small."""

from __future__ import annotations

import math

from chainrule.explaining.collect import collected_product, collected_sum
from chainrule.explaining.expression import Expression, Number, Power, Sum, product
from chainrule.explaining.factors import base_and_exponent, factors_of

__all__ = ["expanded", "tidied"]

_LARGEST = 24  # terms of an expanded product


def tidied(e: Expression) -> Expression:
    """The sums among the factors expanded, each by itself."""
    if isinstance(e, Sum):
        return e
    inner = []
    for factor in factors_of(e):
        base, exponent = base_and_exponent(factor)
        if isinstance(base, Sum) and isinstance(exponent, Number):
            base = expanded(base)
            factor = base if exponent.value == 1 else Power(base, exponent)
        inner.append(factor)
    return e if tuple(inner) == factors_of(e) else collected_product(inner)


def expanded(e: Expression) -> Expression:
    """Products of sums above the bar multiplied out; powers up to the third."""
    if isinstance(e, Sum):
        terms = tuple([expanded(term) for term in e.terms])
        return e if terms == e.terms else collected_sum(terms)
    sums, others = [], []
    for factor in factors_of(e):
        base, exponent = base_and_exponent(factor)
        whole = isinstance(exponent, Number) and exponent.value in (1, 2, 3)
        if isinstance(base, Sum) and whole and isinstance(exponent, Number):
            sums.extend([expanded(base)] * int(exponent.value))
        else:
            others.append(factor)
    count = math.prod(len(s.terms) if isinstance(s, Sum) else 1 for s in sums)
    if not sums or count > _LARGEST:
        return e
    below = [f for f in others if is_below(f)]
    opened: list[Expression] = [product(f for f in others if not is_below(f))]
    for inner in sums:
        opened = [collected_product([a, b]) for a in opened for b in _terms(inner)]
    return collected_product([collected_sum(opened), *below])


def _terms(e: Expression) -> tuple[Expression, ...]:
    return e.terms if isinstance(e, Sum) else (e,)


def is_below(e: Expression) -> bool:
    """Whether a factor stands below the bar."""
    return isinstance(e, Power) and isinstance(e.exponent, Number) and e.exponent.value < 0
