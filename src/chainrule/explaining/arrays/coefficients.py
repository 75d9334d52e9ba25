"""Numbers and scalars in front of terms."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from chainrule.explaining.arrays.expression import ONE, ZERO, Term, number, repeat, times

__all__ = ["Count", "is_value", "scalars_of", "scaled", "split"]

Count = Callable[[int], Term]
"""The extent of an axis as a term: a letter where there is one."""


def split(term: Term) -> tuple[Any, Term]:
    """A numeric coefficient, and the rest."""
    if term.kind == "number":
        return term.argument[0], ONE
    if term.kind == "product":
        numbers = [factor.argument[0] for factor in term.operands if factor.kind == "number"]
        rest = tuple(factor for factor in term.operands if factor.kind != "number")
        if numbers and rest:
            whole = rest[0] if len(rest) == 1 else Term("product", rest, (), term.shape)
            if whole.shape == term.shape:
                return math.prod(numbers, start=Fraction(1)), whole
    return Fraction(1), term


def scaled(coefficient: Any, term: Term) -> Term:
    """A number times a term."""
    if coefficient == 1:
        return term
    if coefficient == 0:
        return repeat(ZERO, term.shape)
    return times(number(coefficient), term)


def scalars_of(term: Term) -> tuple[list[Term], Term]:
    """The scalar factors of a term, and what is left."""
    if term.kind == "product" and term.shape:
        front = [factor for factor in term.operands if not factor.shape]
        rest = [factor for factor in term.operands if factor.shape]
        if front and rest:
            whole = rest[0] if len(rest) == 1 else Term("product", tuple(rest), (), term.shape)
            if whole.shape == term.shape:
                return front, whole
    if term.kind == "repeat" and not term.operands[0].shape and term.operands[0] != ONE:
        return [term.operands[0]], repeat(ONE, term.shape)
    return [], term


def is_value(term: Term, value: int) -> bool:
    while term.kind == "repeat":
        term = term.operands[0]
    return term.kind == "number" and term.argument[0] == value
