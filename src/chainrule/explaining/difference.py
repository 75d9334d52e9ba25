"""Difference quotients worked out algebraically until h cancels, or a known limit remains.

A quotient belongs to a group of terms of the function: its polynomial terms together, every other
term by itself. The lines of a group are equal for all x and h ≠ 0; the last line goes over into the
limit as h → 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from chainrule.explaining.collect import collected
from chainrule.explaining.expression import (
    HALF,
    MINUS_ONE,
    ONE,
    ZERO,
    Apply,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    Symbol,
    contains,
    is_number,
    negated,
    number,
    product,
    rebuilt,
)
from chainrule.explaining.factors import factors_of
from chainrule.explaining.polynomial import Polynomial
from chainrule.explaining.steps import Line

__all__ = ["Quotient", "difference_quotient", "moved", "quotients"]


@dataclass(frozen=True)
class Quotient:
    """The difference quotient of one group of terms.

    Attributes:
        factor: a constant in front of the group.
        function: the group without it.
        lines: the quotient of ``function``, first as it is.
        limit: what the last line goes over into.
        known: the limits that this uses, if h did not cancel.
    """

    factor: Expression
    function: Expression
    lines: tuple[Line, ...]
    limit: Expression
    known: str = ""


def quotients(e: Expression, x: str, h: str) -> tuple[Quotient, ...] | None:
    """The quotients of the groups of ``e``; None where a group has no algebra here."""
    polynomial: list[Expression] = []
    found: list[Quotient] = []
    for term in e.terms if isinstance(e, Sum) else (e,):
        if Polynomial.read(term, [x]) is not None:
            polynomial.append(term)
            continue
        outer = [f for f in factors_of(term) if not contains(f, x)]
        inner = product(f for f in factors_of(term) if contains(f, x))
        worked = _Worker(inner, x, h).run()
        if worked is None:
            return None
        found.append(Quotient(product(outer), *worked))
    if polynomial:
        whole = polynomial[0] if len(polynomial) == 1 else Sum(tuple(polynomial))
        worked = _Worker(whole, x, h).polynomial()
        assert worked is not None
        found.insert(0, Quotient(ONE, whole, *worked[1:]))
    return tuple(found)


Worked = tuple[Expression, tuple[Line, ...], Expression, str]


class _Worker:
    """One group ``g``: g(x), g(x + h), and what is made of their quotient."""

    def __init__(self, g: Expression, x: str, h: str) -> None:
        self.g = g
        self.x, self.h = x, h
        self.step = Symbol(h)
        raw = difference_quotient(self.after(g), g, h)
        self.lines = [Line(raw, "put in")]

    def after(self, e: Expression) -> Expression:
        """``e`` at x + h."""
        return moved(e, self.x, self.h)

    def add(self, e: Expression, reason: str) -> None:
        self.lines.append(Line(e, reason))

    def done(self, limit: Expression, known: str = "") -> Worked:
        return self.g, tuple(self.lines), limit, known

    def run(self) -> Worked | None:
        """The lines by the first way that fits."""
        match self.g:
            case Power(Power(base, Number(Fraction() as n)), Number(Fraction() as m)) if (
                n == HALF.value and m == -1
            ):
                return self.root(base, inverse=True)
            case Power(base, Number(Fraction() as n)) if abs(n) == HALF.value:
                return self.root(base, inverse=n < 0)
            case Power(base, exponent) if not contains(base, self.x):
                return self.exponential(exponent, lambda u: Power(base, u), Apply("log", (base,)))
            case Apply("exp", (inner,)):
                return self.exponential(inner, lambda u: Apply("exp", (u,)), ONE)
            case Apply("log", (inner,)):
                return self.logarithm(inner)
            case Apply("tan", (inner,)):
                return self.tangent(inner)
            case Apply(name, (inner,)) if name in _ADDITION:
                return self.addition(name, inner)
        return self.rational()

    # -- polynomials, fractions of polynomials, roots ----------------------------------------------

    def polynomial(self) -> Worked | None:
        """Multiply out, cancel, take h out and cancel it."""
        before, after = self.read(self.g), self.read(self.after(self.g))
        assert before is not None and after is not None
        rest = self.quotient_of(after.plus(before, -1))
        self.add(
            Product((_difference(self.write(after), self.g), Power(self.step, MINUS_ONE))),
            "multiplied out",
        )
        if not rest.terms:
            self.add(ZERO, "the two terms cancel")
            return self.done(ZERO)
        self.cancel(rest, [], "what is without h cancels")
        return self.done(self.write(rest.at_zero(self.h)))

    def rational(self) -> Worked | None:
        """A common denominator first."""
        above, below = _fraction(self.g, self.x)
        read = [self.read(part) for part in (above, below)]
        after = [self.read(self.after(part)) for part in (above, below)]
        if None in read or None in after:
            return None
        difference = _times(after[0], read[1]).plus(_times(read[0], after[1]), -1)
        if any(p is not None and p.degree(self.x) > _HIGHEST for p in read):
            return None
        bars = [below, self.after(below)]
        crossed = _difference(
            _product([self.after(above), below]), _product([above, self.after(below)])
        )
        self.add(self.over(crossed, bars), "a common denominator")
        rest = self.quotient_of(difference)
        self.cancel(rest, bars, "multiplied out, and what is without h cancels")
        limit = _over(self.write(rest.at_zero(self.h)), [Power(below, number(2))])
        return self.done(limit)

    def root(self, p: Expression, inverse: bool) -> Worked | None:
        """The conjugate: (a - b)(a + b) = a² - b² takes the roots away."""
        before, after = self.read(p), self.read(self.after(p))
        if before is None or after is None:
            return None
        a, b = Power(self.after(p), HALF), Power(p, HALF)
        outer: list[Expression] = [a, b] if inverse else []
        if inverse:
            self.add(self.over(_difference(b, a), outer), "a common denominator")
        first, second = (p, self.after(p)) if inverse else (self.after(p), p)
        both = Sum((a, b))
        self.add(
            self.over(_difference(first, second), [*outer, both]),
            "above and below times the conjugate",
        )
        rest = self.quotient_of(after.plus(before, -1))
        if inverse:
            rest = Polynomial({m: -v for m, v in rest.terms.items()})
        self.cancel(rest, [*outer, both], "what is without h cancels")
        slope = self.write(rest.at_zero(self.h))
        bars: list[Expression] = [p, number(2), b] if inverse else [number(2), b]
        return self.done(_over(slope, bars))

    def quotient_of(self, difference: Polynomial) -> Polynomial:
        """The difference without its factor h."""
        rest = difference.divided(self.h)
        assert rest is not None
        return rest

    def cancel(self, rest: Polynomial, bars: Sequence[Expression], reason: str) -> None:
        """The lines from the difference multiplied out to the one without h below."""
        h = Polynomial.read(self.step, [self.h])
        assert h is not None
        self.add(self.over(self.write(rest.times(h)), bars), reason)
        if len(rest.terms) > 1:
            self.add(self.over(Product((self.step, self.write(rest))), bars), "h taken out")
        self.add(_over(self.write(rest), bars), "h cancels")

    def over(self, above: Expression, bars: Sequence[Expression]) -> Expression:
        """A fraction with h below, beside other factors."""
        return _over(above, [self.step, *bars])

    def read(self, e: Expression) -> Polynomial | None:
        return Polynomial.read(e, [self.x, self.h])

    def write(self, p: Polynomial) -> Expression:
        return p.expression([self.x, self.h])

    # -- known limits ------------------------------------------------------------------------------

    def slope(self, u: Expression) -> Expression | None:
        """a, where u = a x + b."""
        found = Polynomial.read(u, [self.x])
        if found is None or found.degree(self.x) != 1:
            return None
        return collected(found.coefficient(self.x, 1).expression([self.x]))

    def times_h(self, a: Expression) -> Expression:
        return product([a, self.step])

    def per_h(self, e: Expression) -> Expression:
        return Product((e, Power(self.step, MINUS_ONE)))

    def addition(self, name: str, u: Expression) -> Worked | None:
        """sin(u + t) = sin u cos t + cos u sin t, and its like."""
        a = self.slope(u)
        if a is None:
            return None
        other, even, odd, sign = _ADDITION[name]
        t = self.times_h(a)
        f, g = Apply(name, (u,)), Apply(other, (u,))
        c, s = Apply(even, (t,)), Apply(odd, (t,))
        signed = Product((MINUS_ONE, g, s)) if sign < 0 else Product((g, s))
        whole = Sum((Product((f, c)), signed, negated(f)))
        self.add(self.per_h(whole), "addition theorem")
        less = self.per_h(Sum((c, MINUS_ONE)))
        ratio = self.per_h(s)
        last = [MINUS_ONE, g] if sign < 0 else [g]
        self.add(Sum((Product((f, less)), Product((*last, ratio)))), "sorted")
        limit = Sum((Product((f, ZERO)), Product((*last, _bracketed(a)))))
        return self.done(limit, f"{odd}(t)/t → 1 and ({even}(t) - 1)/t → 0 as t → 0")

    def exponential(
        self, u: Expression, f: Callable[[Expression], Expression], rate: Expression
    ) -> Worked | None:
        """a^(u + t) = a^u a^t."""
        a = self.slope(u)
        if a is None:
            return None
        t = self.times_h(a)
        self.add(
            self.per_h(_difference(Product((f(u), f(t))), f(u))), "the power of a sum is a product"
        )
        self.add(Product((f(u), self.per_h(Sum((f(t), MINUS_ONE))))), "taken out")
        limit = Product((f(u), _bracketed(collected(product([a, rate])))))
        known = "(eᵗ - 1)/t → 1 as t → 0" if rate == ONE else "(aᵗ - 1)/t → ln a as t → 0"
        return self.done(limit, known)

    def logarithm(self, u: Expression) -> Worked | None:
        """ln v - ln u = ln(v/u)."""
        a = self.slope(u)
        if a is None:
            return None
        one_over = Power(u, MINUS_ONE)
        self.add(
            self.per_h(Apply("log", (Product((self.after(u), one_over)),))),
            "a difference of logarithms is the logarithm of the quotient",
        )
        inside = Sum((ONE, product([*factors_of(self.times_h(a)), one_over])))
        self.add(self.per_h(Apply("log", (inside,))), "divided")
        return self.done(collected(product([a, one_over])), "ln(1 + t)/t → 1 as t → 0")

    def tangent(self, u: Expression) -> Worked | None:
        """tan v - tan u = sin(v - u)/(cos v cos u)."""
        a = self.slope(u)
        if a is None:
            return None
        cosines = [Apply("cos", (v,)) for v in (self.after(u), u)]
        sine = Apply("sin", (self.times_h(a),))
        self.add(self.over(sine, cosines), "tan v - tan u = sin(v - u)/(cos v cos u)")
        limit = collected(_over(a, [Power(cosines[1], number(2))]))
        return self.done(limit, "sin(t)/t → 1 as t → 0")


_HIGHEST = 4
"""The highest power below a bar."""

_ADDITION: Mapping[str, tuple[str, str, str, int]] = {
    "sin": ("cos", "cos", "sin", 1),
    "cos": ("sin", "cos", "sin", -1),
    "sinh": ("cosh", "cosh", "sinh", 1),
    "cosh": ("sinh", "cosh", "sinh", 1),
}
"""The other function, those of the step, and the sign between."""


def moved(e: Expression, x: str, h: str) -> Expression:
    """``e`` at x + h; where x is a term of a sum, h becomes one, too."""
    if e == Symbol(x):
        return Sum((e, Symbol(h)))
    if not isinstance(e, Sum):
        return rebuilt(e, lambda part: moved(part, x, h))
    terms = (moved(term, x, h) for term in e.terms)
    return Sum(
        tuple(t for term in terms for t in (term.terms if isinstance(term, Sum) else [term]))
    )


def _bracketed(e: Expression) -> Expression:
    """What is to be one factor of a product."""
    return Sum((e,)) if isinstance(e, Product) else e


def difference_quotient(after: Expression, before: Expression, h: str) -> Expression:
    """(after - before)/h, as it is."""
    return Product((_difference(after, before), Power(Symbol(h), MINUS_ONE)))


def _difference(a: Expression, b: Expression) -> Expression:
    """a - b; a sum keeps its brackets after the minus sign."""
    first = a.terms if isinstance(a, Sum) else (a,)
    return Sum((*first, Product((MINUS_ONE, b)) if isinstance(b, Sum) else negated(b)))


def _product(factors: Sequence[Expression]) -> Expression:
    return product(f for f in factors if not is_number(f, 1))


def _over(above: Expression, bars: Sequence[Expression]) -> Expression:
    """A fraction, as it is."""
    below = [factor for bar in bars for factor in factors_of(bar)]
    if not below:
        return above
    numerator = [] if is_number(above, 1) else list(factors_of(above))
    return product([*numerator, *(Power(b, MINUS_ONE) for b in below)])


def _fraction(g: Expression, x: str) -> tuple[Expression, Expression]:
    """Numerator and denominator."""
    above, below = [], []
    for factor in factors_of(g):
        match factor:
            case Power(base, Number(Fraction() as n)) if n < 0 and n.denominator == 1:
                below.append(base if n == -1 else Power(base, Number(-n)))
            case _:
                above.append(factor)
    return _product(above), _product(below)


def _times(a: Polynomial | None, b: Polynomial | None) -> Polynomial:
    assert a is not None and b is not None
    return a.times(b)
