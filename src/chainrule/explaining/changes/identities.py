"""Identities of exponentials, and of trigonometric and hyperbolic functions."""

from __future__ import annotations

from fractions import Fraction

from chainrule.explaining.collect import collected_power, collected_product, collected_sum
from chainrule.explaining.expression import (
    MINUS_ONE,
    ONE,
    Apply,
    Expression,
    Number,
    Power,
    Sum,
    number,
    power,
)
from chainrule.explaining.factors import base_and_exponent, coefficient, factors_of, opposite

__all__ = ["cancelled", "pythagorean", "squared", "tangents"]


def cancelled(e: Expression) -> Expression:
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


def squared(e: Expression) -> Expression:
    """1 + tan²(u) as 1/cos²(u), 1 - tanh²(u) as 1/cosh²(u), where tan(u) or tanh(u) cancels."""
    factors = list(factors_of(e))
    powers = dict(map(base_and_exponent, factors))
    for index, factor in enumerate(factors):
        base, exponent = base_and_exponent(factor)
        found = _tangent_of_square(base)
        other = powers.get(found) if found is not None else None
        if not (isinstance(other, Number) and isinstance(exponent, Number)):
            continue
        if other.value * exponent.value < 0 and isinstance(found, Apply):
            name = "cos" if found.function == "tan" else "cosh"
            square = Power(Apply(name, found.operands), number(-2))
            factors[index] = collected_power(square, exponent)
            return tangents(collected_product(factors))
    return e


def _tangent_of_square(e: Expression) -> Expression | None:
    """tan(u) if the expression is 1 + tan²(u), tanh(u) if it is 1 - tanh²(u)."""
    match e:
        case Sum((a, b)) if ONE in (a, b):
            sign, square = coefficient(b if a == ONE else a)
        case _:
            return None
    match square:
        case Power(Apply("tan" | "tanh" as name, _) as found, Number(n)) if n == 2:
            return found if sign == (1 if name == "tan" else -1) else None
    return None


_PYTHAGORAS = (
    ("sin", -1, "cos", 1),
    ("cos", -1, "sin", 1),
    ("sinh", 1, "cosh", 1),
    ("cosh", -1, "sinh", -1),
)
"""1 - sin² = cos², 1 - cos² = sin², 1 + sinh² = cosh², 1 - cosh² = -sinh²."""


def pythagorean(e: Expression) -> Expression:
    """1 - sin²(u) as cos²(u), and its like, among the terms of sums and their powers."""
    if isinstance(e, Sum):
        return _joined(e)
    factors = []
    for factor in factors_of(e):
        base, exponent = base_and_exponent(factor)
        made = _joined(base) if isinstance(base, Sum) else base
        factors.append(factor if made is base else collected_power(made, exponent))
    return e if tuple(factors) == factors_of(e) else collected_product(factors)


def _joined(e: Sum) -> Expression:
    for index, term in enumerate(e.terms):
        for k, factor in enumerate(factors_of(term)):
            match factor:
                case Power(Apply(name, operands), Number(n)) if n == 2:
                    outer = collected_product([f for j, f in enumerate(factors_of(term)) if j != k])
                case _:
                    continue
            for one, sign, other, result in _PYTHAGORAS:
                partner = outer if sign == 1 else opposite(outer)
                if name == one and partner in e.terms:
                    square = Power(Apply(other, operands), number(2))
                    kept = [t for j, t in enumerate(e.terms) if j != index and t != partner]
                    made = collected_product([number(result), partner, square])
                    return collected_sum([*kept, made])
    return e


_FAMILIES = (("sin", "cos", "tan"), ("sinh", "cosh", "tanh"))


def tangents(e: Expression) -> Expression:
    """sin(u)/cos(u) as tan(u), and tan(u) cos(u) as sin(u)."""
    factors = list(factors_of(e))
    for names in _FAMILIES:
        found: dict[tuple[Expression, ...], dict[str, Fraction]] = {}
        for factor in factors:
            base, exponent = base_and_exponent(factor)
            if isinstance(base, Apply) and base.function in names and isinstance(exponent, Number):
                table = found.setdefault(base.operands, {})
                table[base.function] = Fraction(exponent.value)
        for operands, table in found.items():
            if len(table) == 1:
                continue
            kept = [f for f in factors if not _is_of(f, names, operands)]
            sine = table.get(names[0], Fraction(0)) + table.get(names[2], Fraction(0))
            cosine = table.get(names[1], Fraction(0)) - table.get(names[2], Fraction(0))
            pairs = [(names[0], sine), (names[1], cosine)]
            if sine == -cosine:
                pairs = [(names[2], sine)]
            made = [power(Apply(name, operands), n) for name, n in pairs if n]
            if len(made) < len(table) or (len(made) == len(table) and names[2] in table):
                factors = [*kept, *made]
    return e if tuple(factors) == factors_of(e) else collected_product(factors)


def _is_of(factor: Expression, names: tuple[str, ...], operands: tuple[Expression, ...]) -> bool:
    base, exponent = base_and_exponent(factor)
    family = isinstance(base, Apply) and base.function in names and base.operands == operands
    return family and isinstance(exponent, Number)
