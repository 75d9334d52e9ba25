"""Writing expressions: one walk, and a style for each kind of output.

A style says how names, numbers, sums, products, fractions, powers and functions look; which parts
need brackets, and where a factor may stand beside the next without a sign, is decided here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from chainrule.explaining.expression import (
    HALF,
    Apply,
    Array,
    Chain,
    Constant,
    Expression,
    Notation,
    Number,
    Partial,
    Power,
    Product,
    Sum,
    Symbol,
    Vector,
    is_number,
    matrix_rows,
    negated,
)

__all__ = [
    "ATOM",
    "COMPARISON",
    "FRACTION",
    "POWER",
    "PRODUCT",
    "SUM",
    "Piece",
    "Style",
    "decimal",
    "split",
]

LOGIC, COMPARISON, SUM, SIGN, PRODUCT, FRACTION, POWER, ATOM = range(8)
"""How tightly expressions bind."""

LOGICAL = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor"}
COMPARISONS = {
    "equal": "=",
    "not_equal": "≠",
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
}
SQUARED = frozenset(["sin", "cos", "tan", "sinh", "cosh", "tanh"])
"""Functions whose powers are written as sin²(x)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Written markup and how tightly it binds."""

    text: str
    level: int = ATOM


class Style(ABC):
    """How the parts of an expression are written."""

    @abstractmethod
    def symbol(self, name: str) -> str:
        """A variable."""

    @abstractmethod
    def constant(self, name: str) -> str:
        """A constant such as ``pi``."""

    @abstractmethod
    def digits(self, text: str) -> Piece:
        """A positive number, as Python writes it."""

    @abstractmethod
    def brackets(self, inner: str) -> str:
        """Round brackets."""

    @abstractmethod
    def minus(self, inner: str) -> str:
        """A sign in front."""

    @abstractmethod
    def infix(self, sign: str, a: str, b: str) -> str:
        """Two operands with one of ``+ - ·``, a comparison, ``and``, ``or`` or ``xor`` between."""

    @abstractmethod
    def beside(self, a: str, b: str, first: Expression, second: Expression) -> str:
        """A product without a sign."""

    @abstractmethod
    def fraction(self, above: Piece, below: Piece) -> Piece:
        """A quotient."""

    @abstractmethod
    def raised(self, base: str, exponent: Piece) -> str:
        """A power; the base has its brackets already."""

    @abstractmethod
    def root(self, inner: Piece) -> str:
        """A square root."""

    @abstractmethod
    def exponential(self, exponent: Piece) -> str:
        """e to a power."""

    @abstractmethod
    def function(self, name: str, argument: Sequence[int], operands: Sequence[str]) -> Piece:
        """A primitive by its name."""

    @abstractmethod
    def function_power(self, name: str, exponent: Piece, operand: str) -> str:
        """sin²(x)."""

    @abstractmethod
    def cases(self, condition: str, then: str, otherwise: str) -> Piece:
        """A choice between two expressions."""

    @abstractmethod
    def absolute(self, inner: str) -> str:
        """An absolute value."""

    @abstractmethod
    def partial(self, of: str, by: str, d: str) -> Piece:
        """A derivative as a quantity, from two names and the sign ``∂`` or ``d``."""

    @abstractmethod
    def vector(self, entries: Sequence[str]) -> str:
        """Several expressions as one vector."""

    @abstractmethod
    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """Expressions in rows and columns."""

    @abstractmethod
    def array(self, shape: Sequence[int], norm: str) -> Piece:
        """A value by its shape and norm."""

    def __call__(self, e: Expression) -> str:
        return self.piece(e).text

    # -- the walk ----------------------------------------------------------------------------------

    def piece(self, e: Expression) -> Piece:
        """``e`` written, and how tightly it binds."""
        match e:
            case Number(value):
                return self._number(value)
            case Constant(name):
                return Piece(self.constant(name))
            case Symbol(name):
                return Piece(self.symbol(name))
            case Sum(terms):
                return self._sum(terms)
            case Product(factors):
                return self._product(factors)
            case Power():
                return self._power(e)
            case Apply(name, operands, argument):
                return self._apply(name, operands, argument)
            case Vector() if rows := matrix_rows(e):
                return Piece(self.matrix([[self(entry) for entry in row] for row in rows]))
            case Vector(entries):
                return Piece(self.vector([self(entry) for entry in entries]))
            case Notation():
                return e.written(self)
            case Partial(of, by, is_total):
                return self.partial(self.symbol(of), self.symbol(by), "d" if is_total else "∂")
            case Chain(factors):
                return self._separate(factors)
            case Array(shape, norm):
                return self.array(shape, self._number(norm).text)

    def within(self, e: Expression, level: int) -> str:
        """``e`` in brackets if it binds less tightly than ``level``."""
        written = self.piece(e)
        return written.text if written.level >= level else self.brackets(written.text)

    def _number(self, value: Fraction | float) -> Piece:
        if value < 0:
            inner = self._number(-value)
            return Piece(self.minus(inner.text), SIGN)
        if isinstance(value, Fraction):
            if value.denominator != 1 and decimal(value) is None:
                above, below = (self.digits(str(n)) for n in value.as_integer_ratio())
                return self.fraction(above, below)
            return self.digits(decimal(value) or str(value))
        return self.digits(repr(value).removesuffix(".0"))

    def _sum(self, terms: Sequence[Expression]) -> Piece:
        text = self.within(terms[0], SUM + 1) if terms else "0"
        for term in terms[1:]:
            negative = _is_negative(term)
            if isinstance(term, Chain):
                part = self._separate(term.factors, PRODUCT).text
            else:
                part = self.within(negated(term) if negative else term, PRODUCT)
            text = self.infix("-" if negative else "+", text, part)
        return Piece(text, SUM)

    def _product(self, factors: Sequence[Expression]) -> Piece:
        if is_number(factors[0], 1) or any(isinstance(factor, Product) for factor in factors):
            return self._separate(factors)
        first = factors[0]
        if isinstance(first, Number) and first.value < 0:
            rest = factors[1:] if first.value == -1 else (negated(first), *factors[1:])
            inner = self.piece(rest[0] if len(rest) == 1 else Product(tuple(rest)))
            bare = inner.level >= PRODUCT
            return Piece(self.minus(inner.text if bare else self.brackets(inner.text)), SIGN)
        above, below = split(factors)
        if sum(isinstance(factor, Number) for factor in factors) > 1:
            above, below = _values_in_place(factors)
        top = self._adjacent(above)
        return top if not below else self.fraction(top, self._adjacent(below))

    def _separate(self, factors: Sequence[Expression], first: int = SIGN) -> Piece:
        """Each factor by itself, with dots between: a line before it is simplified."""
        texts = []
        for index, factor in enumerate(factors):
            level = first if index == 0 else PRODUCT
            texts.append(self.within(factor, level))
        text = texts[0]
        for other in texts[1:]:
            text = self.infix("·", text, other)
        return Piece(text, PRODUCT)

    def _adjacent(self, factors: Sequence[Expression]) -> Piece:
        if not factors:
            return self.digits("1")
        if len(factors) == 1:
            return self.piece(factors[0])
        text = self.within(factors[0], PRODUCT)
        for before, factor in pairwise(factors):
            part = self.within(factor, FRACTION + 1)
            if _begins_with_digit(factor) or factor == before:
                text = self.infix("·", text, part)
            else:
                text = self.beside(text, part, before, factor)
        return Piece(text, PRODUCT)

    def _power(self, e: Power) -> Piece:
        base, exponent = e.base, e.exponent
        if isinstance(exponent, Number) and exponent.value < 0:
            inverse = Number(-exponent.value)
            below = base if inverse.value == 1 else Power(base, inverse)
            return self.fraction(self.digits("1"), self.piece(below))
        if exponent == HALF:
            return Piece(self.root(self.piece(base)), POWER)
        raised = self._exponent(exponent)
        if isinstance(base, Apply) and base.function in SQUARED and _is_natural(exponent):
            operand = self(base.operands[0])
            return Piece(self.function_power(base.function, raised, operand), POWER)
        return Piece(self.raised(self.within(base, ATOM), raised), POWER)

    def _exponent(self, e: Expression) -> Piece:
        """An exponent: fifths are written as fractions there."""
        if isinstance(e, Number) and isinstance(e.value, Fraction) and e.value.denominator == 5:
            return self.fraction(*(self.digits(str(n)) for n in e.value.as_integer_ratio()))
        return self.piece(e)

    def _apply(self, name: str, operands: Sequence[Expression], argument: Sequence[int]) -> Piece:
        if name == "exp":
            return Piece(self.exponential(self.piece(operands[0])), POWER)
        if name == "abs":
            return Piece(self.absolute(self(operands[0])))
        if name in COMPARISONS:
            a, b = (self.within(operand, SUM) for operand in operands)
            return Piece(self.infix(COMPARISONS[name], a, b), COMPARISON)
        if name in LOGICAL:
            a, b = (self.within(operand, COMPARISON) for operand in operands)
            return Piece(self.infix(LOGICAL[name], a, b), LOGIC)
        texts = [self(operand) for operand in operands]
        if name == "where":
            return self.cases(*texts)
        return self.function(name, argument, texts)


@lru_cache(maxsize=1024)
def decimal(value: Fraction) -> str | None:
    """The fraction as a decimal, where people would write one: tenths and their like."""
    below = value.denominator
    for prime in (2, 5):
        while below % prime == 0:
            below //= prime
    if below != 1 or (value.denominator % 5 and value.denominator <= 16):
        return None
    text = repr(float(value))
    return text if Fraction(text) == value and len(text) <= 17 else None


def _is_negative(e: Expression) -> bool:
    head = e
    while isinstance(head, Product):
        head = head.factors[0]
    if isinstance(e, Product) and isinstance(e.factors[0], Product):
        return False  # a line before it is simplified keeps its factors as they are
    return isinstance(head, Number) and head.value < 0


def _is_natural(e: Expression) -> bool:
    return isinstance(e, Number) and isinstance(e.value, Fraction) and e.value.denominator == 1


def split(
    factors: Sequence[Expression],
) -> tuple[list[Expression], list[Expression]]:
    """What stands above and below the bar of a fraction."""
    above: list[Expression] = []
    below: list[Expression] = []
    for factor in factors:
        match factor:
            case Power(base, Number(exponent)) if exponent < 0:
                below.append(base if exponent == -1 else Power(base, Number(-exponent)))
            case Number(Fraction() as value) if value.denominator != 1 and decimal(value) is None:
                top, bottom = value.as_integer_ratio()
                above.extend([Number(Fraction(top))] if top != 1 else [])
                below.append(Number(Fraction(bottom)))
            case _:
                above.append(factor)
    return above, below


def _values_in_place(
    factors: Sequence[Expression],
) -> tuple[list[Expression], list[Expression]]:
    """As :func:`split`, but 1/2 · 2 stays so: numbers that were put in are not yet multiplied."""
    above: list[Expression] = []
    below: list[Expression] = []
    for factor in factors:
        top, bottom = ([factor], []) if isinstance(factor, Number) else split([factor])
        above += top
        below += bottom
    return above, below


def _begins_with_digit(e: Expression) -> bool:
    while isinstance(e, (Power, Product)):
        if isinstance(e, Power):
            if e.exponent == HALF:
                return False
            e = e.base
        else:
            e = e.factors[0]
    return isinstance(e, Number) or is_number(e, 0)
