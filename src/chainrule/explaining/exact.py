"""Values as exact as they can be written: fractions, roots, short formulas."""

from __future__ import annotations

from fractions import Fraction

from chainrule.explaining.expression import (
    MINUS_ONE,
    ZERO,
    Expression,
    Number,
    Power,
    Product,
    number,
    product,
    size,
    walk,
)
from chainrule.explaining.reading import constant

__all__ = ["exact_form", "recognised", "with_bar"]

_SHORT = 9  # how long an exact value may be, such as 3/(8√2)
_ROUNDING = 1e-12


def exact_form(written: Expression, value: float) -> Expression:
    """The shortest exact form of a value: a fraction, a root, or the formula; else its digits."""
    if isinstance(written, Number):
        return written
    if value == 0:
        return ZERO
    short = constant(value)
    if not isinstance(short, Number) or not isinstance(short.value, float):
        return short
    return written if _is_plain(written) else constant(float(f"{value:.12g}"))


def _is_plain(e: Expression) -> bool:
    """Whether a formula is short, with integers and simple fractions in it: ln 2, not ln 0.7."""
    numbers = [part.value for part in walk(e) if isinstance(part, Number)]
    return size(e) <= _SHORT and all(
        isinstance(value, Fraction) and value.denominator < 10 for value in numbers
    )


def recognised(value: float) -> Expression:
    """A value that a long computation gave, as the fraction that it is but for rounding."""
    near = Fraction(value).limit_denominator(2000)
    tolerance = _ROUNDING * max(1.0, abs(value))
    return Number(near) if abs(float(near) - value) <= tolerance else Number(value)


def with_bar(e: Expression) -> Expression:
    """A number in front as a fraction with a bar, not as a decimal; others to twelve digits."""
    factors = e.factors if isinstance(e, Product) else (e,)
    match factors[0]:
        case Number(float() as value):
            return product([Number(float(f"{value:.12g}")), *factors[1:]])
        case Number(Fraction() as value) if value.denominator > 1:
            above, below = value.as_integer_ratio()
            bar = Power(number(below), MINUS_ONE)
            return product([number(above), bar, *factors[1:]])
    return e
