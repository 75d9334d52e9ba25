"""Collecting: numbers multiplied, like terms added, powers of one base joined."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from chainrule.explaining.expression import (
    MINUS_ONE,
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
    number,
    product,
    rebuilt,
    total,
    walk,
)
from chainrule.explaining.factors import (
    base_and_exponent,
    coefficient,
    common_number,
    factors_of,
    has_both_signs,
    is_numeric,
    is_whole,
    known_base,
    leads_negative,
    opened_factors,
    opposite,
    rank,
    rationalised,
    roots_joined,
    scaled,
)

__all__ = ["collected", "collected_power", "collected_product", "collected_sum"]


def collected(e: Expression) -> Expression:
    """``e`` with numbers multiplied, like terms and powers of one base joined."""
    match e:
        case Sum(terms):
            return collected_sum([collected(term) for term in terms])
        case Product(factors):
            return collected_product([collected(factor) for factor in factors])
        case Power(base, exponent):
            return collected_power(collected(base), collected(exponent))
        case Apply(function, operands, argument):
            inner = tuple(collected(operand) for operand in operands)
            return _applied(Apply(function, inner, argument))
        case _:
            return rebuilt(e, collected)


def collected_sum(terms: Sequence[Expression]) -> Expression:
    opened: list[Expression] = []
    for term in terms:
        match term:
            case Sum(inner):
                opened.extend(inner)
            case Product((Number(value), Sum(inner))) if value == -1:  # a - (b - c)
                opened.extend(map(opposite, inner))
            case _:
                opened.append(term)
    found: dict[Expression, Fraction | float] = {}
    for term in opened:
        value, rest = coefficient(term)
        found[rest] = found.get(rest, Fraction(0)) + value
    _squares(found)
    kept = _choices([scaled(value, rest) for rest, value in found.items() if value])
    kept = _by_degree(kept)
    positive = next((k for k, term in enumerate(kept) if coefficient(term)[0] > 0), 0)
    if positive:  # a sum begins with a term that has no minus sign
        kept.insert(0, kept.pop(positive))
    return total(kept)


def _by_degree(terms: list[Expression]) -> list[Expression]:
    """A polynomial of three terms or more in one variable with its highest power first."""
    degrees = []
    names = set()
    for term in terms:
        rest = coefficient(term)[1]
        base, exponent = base_and_exponent(rest)
        match base, exponent:
            case _ if rest == ONE:
                degrees.append(Fraction(0))
            case Symbol(name), Number(Fraction() as n):
                names.add(name)
                degrees.append(n)
            case _:
                return terms
    if len(terms) < 3 or len(names) != 1:
        return terms
    order = sorted(range(len(terms)), key=lambda k: -degrees[k])
    return [terms[k] for k in order]


_IDENTITIES = (("sin", "cos", 1), ("cosh", "sinh", -1))
"""sin² + cos² = 1 and cosh² − sinh² = 1."""


def _squares(found: dict[Expression, Fraction | float]) -> None:
    for one, other, sign in _IDENTITIES:
        for rest in list(found):
            value = found.get(rest, 0)
            for index, factor in enumerate(factors_of(rest)):
                match factor:
                    case Power(Apply(name, operands), Number(exponent)) if (
                        name == one and exponent == 2
                    ):
                        square = Power(Apply(other, operands), number(2))
                    case _:
                        continue
                outer = list(factors_of(rest))
                outer.pop(index)
                partner = collected_product([*outer, square])
                if value and found.get(partner) == sign * value:
                    del found[rest], found[partner]
                    left = collected_product(outer)
                    scale, left = coefficient(left)
                    found[left] = found.get(left, Fraction(0)) + value * scale
                    break


def _choices(terms: Sequence[Expression]) -> list[Expression]:
    """Choices by the same condition added case by case."""
    kept: list[Expression] = []
    for term in terms:
        if isinstance(term, Apply) and term.function == "where":
            condition, a, b = term.operands
            for index, other in enumerate(kept):
                match other:
                    case Apply("where", (same, c, d)) if same == condition:
                        both = (condition, collected_sum([c, a]), collected_sum([d, b]))
                        kept[index] = _applied(Apply("where", both))
                        break
            else:
                kept.append(term)
        else:
            kept.append(term)
    return kept


def collected_product(factors: Iterable[Expression]) -> Expression:
    value: Fraction | float = Fraction(1)
    powers: dict[Expression, Expression] = {}
    known: dict[frozenset[Expression], Expression] = {}
    exponents: list[Expression] = []
    opened = list(opened_factors(factors))
    for factor in opened:  # a sum below the bar is written as it stands there
        match factor:
            case Power(Sum(terms) as below, Number(n)) if n < 0:
                known.setdefault(frozenset(terms), below)
    for factor in opened:
        if isinstance(factor, Number):
            value = value * factor.value
            continue
        base, exponent = _flat(factor)
        if isinstance(base, Apply) and base.function == "exp" and isinstance(exponent, Number):
            exponents.append(collected_product([exponent, base.operands[0]]))
        else:
            if isinstance(base, Sum):
                base, sign = known_base(base, exponent, known)
                value = value * sign
            powers[base] = collected_sum([powers[base], exponent]) if base in powers else exponent
    if value == 0:
        return ZERO
    value = rationalised(value, powers)
    found = [collected_power(base, exponent) for base, exponent in roots_joined(powers).items()]
    if exponents:
        if len(exponents) > 1:  # in one order, so that like terms are alike
            exponents.sort(key=repr)
        found.append(_applied(Apply("exp", (collected_sum(exponents),))))
    if any(isinstance(factor, (Number, Product)) for factor in found):
        return collected_product([Number(value), *found])
    value, found = _turned(*_content(value, _signs(found)))
    chosen = _into_choice(value, found)
    if chosen is not None:
        return chosen
    ordered = sorted((factor for factor in found if factor != ONE), key=rank)
    return scaled(value, product(ordered))


def _flat(factor: Expression) -> tuple[Expression, Expression]:
    """Base and exponent; (a^b)² is a^(2b)."""
    base, exponent = base_and_exponent(factor)
    match base:
        case Power(inner, raised) if is_whole(exponent) and not isinstance(raised, Number):
            return inner, collected_product([exponent, raised])
    return base, exponent


def _signs(factors: Sequence[Expression]) -> list[Expression]:
    """|u| sgn(u) is u, u sgn(u) is |u|, and sgn(u)/|u| is 1/u."""
    found = list(factors)
    for factor in factors:
        if isinstance(factor, Apply) and factor.function == "sign":
            size = Apply("abs", factor.operands)
            (inner,) = factor.operands
            for base, other in ((size, inner), (inner, size)):
                for exponent in (ONE, MINUS_ONE):
                    if collected_power(base, exponent) not in found:
                        continue
                    at = found.index(collected_power(base, exponent))
                    found[at] = collected_power(other, exponent)
                    found.remove(factor)
                    return list(factors_of(collected_product(found)))
    return found


def _content(
    value: Fraction | float, factors: Sequence[Expression]
) -> tuple[Fraction | float, list[Expression]]:
    """Integers common to all terms of a sum put in front of the product."""
    if len(factors) + (abs(value) != 1) < 2:
        return value, list(factors)
    found = []
    for factor in factors:
        base, exponent = base_and_exponent(factor)
        if isinstance(base, Sum) and exponent in (ONE, MINUS_ONE):
            common = common_number(base)
            if common != 1:
                inner = collected_sum([scaled(1 / common, term) for term in base.terms])
                value = value * (common if exponent == ONE else 1 / common)
                factor = collected_power(inner, exponent)
        found.append(factor)
    return value, found


def _turned(
    value: Fraction | float, factors: list[Expression]
) -> tuple[Fraction | float, list[Expression]]:
    """-(a - b) as b - a, and a - b as -(b - a) where b - a stands in the other factors too."""
    for index, factor in enumerate(factors):
        base, exponent = base_and_exponent(factor)
        if (
            not isinstance(base, Sum)
            or exponent not in (ONE, MINUS_ONE)
            or not has_both_signs(base)
        ):
            continue
        others = [*factors[:index], *factors[index + 1 :]]
        inside = [part for other in others for part in walk(other) if isinstance(part, Sum)]
        turned = collected_sum([opposite(term) for term in base.terms])
        usual = others and isinstance(base.terms[0], Number)  # 1 - u stays
        unusual = others and _is_usual(turned)
        if unusual or turned in inside or (value < 0 and not usual and base not in inside):
            made = [*factors[:index], collected_power(turned, exponent), *others[index:]]
            return (-value, made) if unusual or turned in inside else _turned(-value, made)
    return value, factors


def _is_usual(e: Expression) -> bool:
    """1 - σ(u) or 1 - tanh²(u)."""
    match e:
        case Sum((Number(one), Product((Number(sign), inner)))) if (one, sign) == (1, -1):
            base = base_and_exponent(inner)[0]
            return isinstance(base, Apply) and base.function in ("sigmoid", "tanh")
    return False


def _into_choice(value: Fraction | float, factors: Sequence[Expression]) -> Expression | None:
    """A product with a choice between numbers, as a choice between products."""
    for index, factor in enumerate(factors):
        match factor:
            case Apply("where", (condition, a, b)) if len(factors) + (value != 1) > 1:
                rest = [*factors[:index], *factors[index + 1 :]]
                if not rest or isinstance(a, Number) or isinstance(b, Number):
                    a, b = (collected_product([Number(value), branch, *rest]) for branch in (a, b))
                    return _applied(Apply("where", (condition, a, b)))
    return None


def collected_power(base: Expression, exponent: Expression) -> Expression:
    match base, exponent:
        case _, Number(n) if n == 0:
            return ONE
        case _, Number(n) if n == 1:
            return base
        case Number(Fraction() as b), Number(Fraction() as n) if n.denominator == 1:
            if not b and n > 0:
                return ZERO
            if b and abs(n) <= 64 and max(map(abs, b.as_integer_ratio())) ** abs(n) < 10**15:
                return Number(b ** int(n))
        case Number(Fraction() as b), Number(Fraction() as n) if n.denominator == 2 and b > 0:
            roots = [math.isqrt(k) for k in b.as_integer_ratio()]
            if [root**2 for root in roots] == list(b.as_integer_ratio()):
                return collected_power(Number(Fraction(*roots)), Number(n * 2))
        case Constant("e"), _:
            return _applied(Apply("exp", (exponent,)))
        case Apply("exp", (inner,)), Number():
            return _applied(Apply("exp", (collected_product([exponent, inner]),)))
        case Apply("abs", (inner,)), Number(n) if n == 2:
            return collected_power(inner, exponent)
        case Product(factors), Number(Fraction() as n) if n.denominator == 1 and (
            n > 0 or not is_numeric(base)
        ):
            return collected_product([collected_power(factor, exponent) for factor in factors])
        case Power(Apply(name) as inner, Number(m)), Number(n) if name in _POSITIVE:
            return collected_power(inner, Number(m * n))
        case Power(inner, raised), Number() if is_whole(exponent) and not isinstance(
            raised, Number
        ):
            return collected_power(inner, collected_product([exponent, raised]))
        case Power(inner, Number(Fraction() as m)), Number(Fraction() as n):
            if n.denominator == 1 or m.denominator == 2:
                return collected_power(inner, Number(m * n))
    return Power(base, exponent)


_POSITIVE = frozenset(["cosh", "sigmoid", "softplus", "abs"])
_AT_ZERO = {"exp": ONE, "sin": ZERO, "cos": ONE, "tan": ZERO, "sinh": ZERO, "cosh": ONE}
_ODD = frozenset(["sin", "tan", "sinh", "tanh", "asin", "atan", "asinh", "atanh", "erf", "sign"])
_EVEN = frozenset(["cos", "cosh", "abs"])


def _applied(e: Apply) -> Expression:
    match e:
        case Apply(name, (Number(value),)) if value == 0 and name in _AT_ZERO:
            return _AT_ZERO[name]
        case Apply("exp", (Number(value),)) if value == 1:
            return Constant("e")
        case Apply("log", (Number(value),)) if value == 1:
            return ZERO
        case Apply("log", (Constant("e"),)):
            return ONE
        case Apply("exp", (Apply("log", (u,)),)) | Apply("log", (Apply("exp", (u,)),)):
            return u
        case Apply("exp", (Product((Number() as n, Apply("log", (u,)))),)):
            return collected_power(u, n)
        case Apply("where", (_, a, b)) if a == b:
            return a
        case Apply("where", (condition, Apply("where", (same, a, _)), b)) if same == condition:
            return _applied(Apply("where", (condition, a, b)))
        case Apply("where", (condition, a, Apply("where", (same, _, b)))) if same == condition:
            return _applied(Apply("where", (condition, a, b)))
        case Apply("abs", (Number(value),)):
            return Number(value if value >= 0 else -value)
        case Apply(name, (u,)) if name in _ODD and leads_negative(u):
            return negated(Apply(name, (opposite(u),)))
        case Apply(name, (u,)) if name in _EVEN and leads_negative(u):
            return Apply(name, (opposite(u),))
    return e
