"""What the writer of array expressions asks of terms: signs, quotients, what needs brackets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from chainrule.explaining.arrays.coefficients import is_value
from chainrule.explaining.arrays.expression import Term

__all__ = ["bare", "is_one", "is_product", "is_wide", "is_zero", "opposite", "parted", "power_of"]


def power_of(base: Term, exponent: Any) -> Term:
    """``base`` to a positive exponent."""
    return base if exponent == 1 else Term("power", (base,), (exponent,), base.shape)


def is_product(term: Term) -> bool:
    """Whether a term is written with factors side by side."""
    return term.kind in ("total", "inner", "matmul")


def is_wide(term: Term) -> bool:
    """Whether a scalar is written as a product of arrays."""
    return is_product(term) or term.kind == "cotangent"


def is_one(term: Term) -> bool:
    """Whether a term is 1 everywhere."""
    return is_value(term, 1)


def is_zero(term: Term) -> bool:
    """Whether a term is 0 everywhere."""
    return is_value(term, 0)


def bare(term: Term) -> Term:
    """A vector that was given further axes, without them."""
    while term.kind == "reshape" and term.operands[0].ndim <= 1:
        term = term.operands[0]
    return term


def opposite(term: Term) -> Term | None:
    """-term, if the term has a minus sign in front."""
    if term.kind == "number" and term.argument[0] < 0:
        return Term("number", (), (-term.argument[0],))
    if term.kind != "product":
        return None
    head, *rest = term.operands
    if head.kind != "number" or head.argument[0] >= 0:
        return None
    if head.argument[0] != -1:
        rest = [Term("number", (), (-head.argument[0],)), *rest]
    return rest[0] if len(rest) == 1 else Term("product", tuple(rest), (), term.shape)


def parted(term: Term) -> tuple[list[Term], list[Term], list[Term], list[Term]]:
    """Scalar factors above and below the bar, and array factors likewise."""
    above: list[Term] = []
    below: list[Term] = []
    arrays: list[Term] = []
    under: list[Term] = []
    for factor in term.operands:
        (over, beneath) = (arrays, under) if factor.shape else (above, below)
        if factor.kind == "number" and isinstance(factor.argument[0], Fraction):
            top, bottom = factor.argument[0].as_integer_ratio()
            above.extend([Term("number", (), (Fraction(top),))] if top != 1 else [])
            below.extend([Term("number", (), (Fraction(bottom),))] if bottom != 1 else [])
        elif factor.kind == "power" and factor.argument[0] < 0:
            beneath.append(power_of(factor.operands[0], -factor.argument[0]))
        else:
            over.append(factor)
    return above, below, arrays, under
