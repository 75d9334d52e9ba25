"""Simplifying array expressions: numbers collected, transposes moved inward, like terms together.

Every rule keeps the value exactly (up to rounding); what comes out is checked like every line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from chainrule.explaining.arrays import matrices
from chainrule.explaining.arrays.coefficients import Count, is_value, scalars_of, scaled, split
from chainrule.explaining.arrays.expression import (
    ONE,
    ZERO,
    Shape,
    Term,
    call,
    number,
    plus,
    power,
    rebuilt,
    repeat,
    times,
    total,
)

__all__ = ["expanded", "simplified"]

_ROUNDS = 12


def simplified(term: Term, count: Count = number) -> Term:
    """The term as one would write it."""
    for _ in range(_ROUNDS):
        after = _inside(term, count, {})
        if after == term:
            break
        term = after
    return term


def _inside(term: Term, count: Count, done: dict[Term, Term]) -> Term:
    if term in done:
        return done[term]
    after = term
    if term.operands:
        after = rebuilt(term, [_inside(operand, count, done) for operand in term.operands])
    rule = _RULES.get(after.kind)
    if rule is not None:
        after = rule(after, count)
    done[term] = after
    return after


_MOST = 24
"""So many terms may arise when products are multiplied out."""


def expanded(term: Term, count: Count = number) -> Term:
    """The term with elementwise products multiplied out, and like terms together."""
    for _ in range(_ROUNDS):
        after = simplified(_multiplied_out(simplified(term, count)), count)
        if after == term:
            break
        term = after
    return term


def _multiplied_out(term: Term) -> Term:
    if term.operands:
        term = rebuilt(term, [_multiplied_out(operand) for operand in term.operands])
    if term.kind == "repeat" and term.operands[0].kind == "sum":
        return plus(*[repeat(part, term.shape) for part in term.operands[0].operands])
    if term.kind == "total" and term.operands[0].kind == "sum":
        whole = term.operands[0]
        parts = [repeat(part, whole.shape) for part in whole.operands]
        return plus(*[total(part, *term.argument) for part in parts])
    if term.kind != "product":
        return term
    sums = [factor for factor in term.operands if factor.kind == "sum"]
    quotients = [factor for factor in sums if _has_quotient(factor)]
    sums = quotients or sums  # what may cancel comes first
    made = 1
    for factor in sums:
        made *= len(factor.operands)
    if not sums or made > _MOST:
        return term
    products: list[list[Term]] = [[]]
    for factor in term.operands:
        choices = factor.operands if factor in sums else (factor,)
        products = [[*before, choice] for before in products for choice in choices]
    return plus(*[repeat(times(*factors), term.shape) for factors in products])


def _has_quotient(term: Term) -> bool:
    """Whether a term of a sum is divided by an array."""
    return any(
        factor.kind == "power" and factor.shape and factor.argument[0] < 0
        for part in term.operands
        for factor in (part.operands if part.kind == "product" else (part,))
    )


# -- sums ------------------------------------------------------------------------------------------


def _sum(term: Term, count: Count) -> Term:
    terms: list[Term] = []
    for part in term.operands:
        terms.extend(part.operands if part.kind == "sum" and part.shape == term.shape else [part])
    collected: dict[Term, Any] = {}
    for part in terms:
        coefficient, core = split(part)
        collected[core] = collected.get(core, Fraction(0)) + coefficient
    kept = [(c, core) for core, c in collected.items() if c != 0 and not is_value(core, 0)]
    kept = _numbers_bare(kept, term.shape)
    if not kept:
        return repeat(ZERO, term.shape)
    if all(core.shape != term.shape for _, core in kept):
        return plus(*[scaled(c, core) for c, core in kept]) if len(kept) > 1 else term
    if len(kept) == 1:
        return scaled(*kept[0])
    return _factored([scaled(c, core) for c, core in kept], term.shape)


def _numbers_bare(kept: list[tuple[Any, Term]], shape: Shape) -> list[tuple[Any, Term]]:
    """Numbers beside arrays as they are: x − 1, not x − 1 · 1."""
    whole = [core for _, core in kept if core.shape == shape and not _is_scalar_repeated(core)]
    if not whole:
        return kept
    return [
        (c * split(core.operands[0])[0], split(core.operands[0])[1])
        if _is_scalar_repeated(core)
        else (c, core)
        for c, core in kept
    ]


def _is_scalar_repeated(term: Term) -> bool:
    return term.kind == "repeat" and not term.operands[0].shape


def _factored(terms: Sequence[Term], shape: Shape) -> Term:
    """A sum with the factors that all terms share in front."""
    numbers = [split(part)[0] for part in terms]
    size = abs(numbers[0])
    common: list[Term] = []
    if size != 1 and all(abs(n) == size for n in numbers):
        common.append(number(size))
    elif all(n < 0 for n in numbers) and all(n == numbers[0] for n in numbers):
        common.append(number(-1))
    factors = [_factors(part) for part in terms]
    for factor in factors[0]:
        if factor.kind != "number" and all(factor in other for other in factors[1:]):
            common.append(factor)
            for other in factors:
                other.remove(factor)
    if (
        numbers[0] < 0
        and all(n < 0 for n in numbers)
        and not any(c.kind == "number" for c in common)
    ):
        common.insert(0, number(-1))
    if not common:
        return plus(*_positive_first(terms))
    scale: Any = Fraction(1)
    for factor in common:
        if factor.kind == "number":
            scale = scale * factor.argument[0]
    rest = []
    for (coefficient, _), other in zip(map(split, terms), factors, strict=True):
        left = [factor for factor in other if factor.kind != "number"]
        own = coefficient / scale
        rest.append(times(*([number(own)] if own != 1 or not left else []), *left))
    inside = plus(*_positive_first(rest)) if len(rest) > 1 else rest[0]
    found = times(*sorted(common, key=_place), inside)
    return found if found.shape == shape else plus(*terms)


def _positive_first(terms: Sequence[Term]) -> list[Term]:
    """P − Y rather than −Y + P."""
    if split(terms[0])[0] > 0:
        return list(terms)
    return sorted(terms, key=lambda part: bool(split(part)[0] < 0))


def _factors(term: Term) -> list[Term]:
    return list(term.operands) if term.kind == "product" else [term]


# -- products --------------------------------------------------------------------------------------


def _place(factor: Term) -> int:
    """Numbers first, then scalars, then arrays."""
    return 0 if factor.kind == "number" else 1 if not factor.shape else 2


def _product(term: Term, count: Count) -> Term:
    coefficient: Any = Fraction(1)
    powers: dict[Term, Any] = {}
    ones: list[Term] = []
    pending = list(term.operands)
    while pending:
        factor = pending.pop(0)
        front, rest = scalars_of(factor)
        if front:
            pending[:0] = [*front, rest]
            continue
        if factor.kind == "product":
            pending[:0] = factor.operands
        elif factor.kind == "number":
            coefficient = coefficient * factor.argument[0]
        elif is_value(factor, 1):
            ones.append(factor)
        elif is_value(factor, 0):
            return repeat(ZERO, term.shape)
        else:
            exponent = factor.argument[0] if factor.kind == "power" else Fraction(1)
            base = factor.operands[0] if factor.kind == "power" else factor
            if base.kind == "square_norm":
                base, exponent = call("norm", *base.operands), 2 * exponent
            if base.kind == "product" and exponent == int(exponent):
                pending[:0] = [power(part, exponent) for part in base.operands]
                continue
            if base.kind == "number" and exponent == int(exponent):
                coefficient = coefficient * base.argument[0] ** int(exponent)
                continue
            powers[base] = powers.get(base, Fraction(0)) + exponent
    if coefficient == 0:
        return repeat(ZERO, term.shape)
    factors = [power(base, e) for base, e in powers.items() if e != 0]
    factors.sort(key=_place)
    if coefficient != 1:
        factors.insert(0, number(coefficient))
    found = times(*factors) if factors else ONE
    if found.shape != term.shape:
        if not found.shape and ones:
            return repeat(found, term.shape)
        wide = repeat(ONE, term.shape)
        found = times(*factors, wide) if found.shape else repeat(found, term.shape)
    return _merged(found)


def _merged(term: Term) -> Term:
    """c · (a + b) where a number makes every term simpler: 2 · (½ x) = x."""
    if term.kind != "product" or len(term.operands) != 2 or term.operands[0].kind != "number":
        return term
    coefficient, inner = term.operands[0].argument[0], term.operands[1]
    if inner.kind != "sum":
        return term
    numbers = [split(part)[0] for part in inner.operands]
    scales = [coefficient * n for n in numbers]
    if coefficient == -1 and all(n < 0 for n in numbers[:1]):
        return plus(
            *[scaled(-n, split(part)[1]) for n, part in zip(numbers, inner.operands, strict=True)]
        )
    if not all(n == 1 for n in numbers) and all(abs(s) == 1 for s in scales):
        return plus(*[scaled(s, split(p)[1]) for s, p in zip(scales, inner.operands, strict=True)])
    return term


def _power(term: Term, count: Count) -> Term:
    (base,), (exponent,) = term.operands, term.argument
    if exponent == 0:
        return repeat(ONE, term.shape)
    if is_value(base, 1):
        return repeat(ONE, term.shape)
    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    if base.kind == "number" and whole and (base.argument[0] != 0 or exponent > 0):
        return number(base.argument[0] ** int(exponent))
    if base.kind == "power" and whole:
        return power(base.operands[0], base.argument[0] * exponent)
    if base.kind == "square_norm" and exponent == Fraction(1, 2):
        return call("norm", *base.operands)
    if base.kind == "square_norm" and exponent.denominator == 2:
        return power(call("norm", *base.operands), 2 * exponent)
    if base.kind == "norm" and exponent == 2:
        return call("square_norm", *base.operands)
    if base.kind == "repeat" and not base.operands[0].shape:
        return repeat(power(base.operands[0], exponent), term.shape)
    if base.kind == "product" and whole:
        return times(*[power(factor, exponent) for factor in base.operands])
    return term


_RULES: Mapping[str, Callable[[Term, Count], Term]] = {
    "sum": _sum,
    "product": _product,
    "power": _power,
    "matmul": matrices.matmul_rule,
    "transpose": matrices.transpose_rule,
    "repeat": matrices.repeat_rule,
    "reshape": matrices.reshape_rule,
    "total": matrices.total_rule,
    "apply": matrices.apply_rule,
    "where": matrices.where_rule,
    "inner": matrices.inner_rule,
    "outer": matrices.outer_rule,
    "square_norm": matrices.square_norm_rule,
    "einsum": matrices.einsum_rule,
    "primitive": matrices.primitive_rule,
    "diag": matrices.diag_rule,
    "inv": matrices.inv_rule,
    "diagonal": matrices.linear_rule,
    "trace": matrices.linear_rule,
}
