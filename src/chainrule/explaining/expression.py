"""Expressions as people write them: sums and products of many parts, exact fractions.

A node of a graph applies one primitive to one or two sources; a line of a derivation reads
``4(3x + 1)³ · 3``. These trees are such lines. They are built literally: what is simplified is
simplified by `simplify`, as a step that is shown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from chainrule.core.errors import NotationError

if TYPE_CHECKING:
    from chainrule.explaining.writing import Piece, Style

__all__ = [
    "Apply",
    "Array",
    "Chain",
    "Constant",
    "Expression",
    "Notation",
    "Number",
    "Partial",
    "Power",
    "Product",
    "Sum",
    "Symbol",
    "Vector",
    "contains",
    "divided",
    "entries",
    "from_json",
    "is_number",
    "matrix_rows",
    "negated",
    "number",
    "parts",
    "power",
    "product",
    "rebuilt",
    "size",
    "substitute",
    "symbols",
    "to_json",
    "total",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Number:
    """A number: exact where it is a fraction that people would write, else a float."""

    value: Fraction | float


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant with a name: ``pi``, ``e`` or ``inf``."""

    name: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable, or a part that goes by a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms added in this order; a difference adds a product that begins with -1."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Factors in this order; a quotient multiplies by a power with exponent -1."""

    factors: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Power:
    """``base`` to ``exponent``; the exponent ½ is a square root."""

    base: Expression
    exponent: Expression


@dataclass(frozen=True, slots=True)
class Apply:
    """An elementwise primitive, by its name, applied to operands with its static argument."""

    function: str
    operands: tuple[Expression, ...]
    argument: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Vector:
    """Several expressions: the entries of a gradient; of vectors, the rows of a matrix."""

    entries: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Partial:
    """∂of/∂by as a quantity that goes by this name; d of/d by where it is a total derivative."""

    of: str
    by: str
    total: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """Factors side by side as the chain rule multiplies them, each by itself."""

    factors: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """A value too large to be written: its shape and its norm."""

    shape: tuple[int, ...]
    norm: float


class Notation(ABC):
    """An expression of another algebra that writes itself, such as one of arrays."""

    __slots__ = ()

    @abstractmethod
    def written(self, style: Style) -> Piece:
        """The expression in a style."""

    @abstractmethod
    def to_json(self) -> Any:
        """Nested lists."""


Expression = (
    Number
    | Constant
    | Symbol
    | Sum
    | Product
    | Power
    | Apply
    | Vector
    | Partial
    | Chain
    | Array
    | Notation
)

ZERO = Number(Fraction(0))
ONE = Number(Fraction(1))
MINUS_ONE = Number(Fraction(-1))
HALF = Number(Fraction(1, 2))


def number(value: int | Fraction | float) -> Number:
    """A number; integers become fractions."""
    return Number(Fraction(value) if isinstance(value, int) else value)


def is_number(e: Expression, value: float) -> bool:
    """Whether ``e`` is this number."""
    return isinstance(e, Number) and e.value == value


def total(terms: Iterable[Expression]) -> Expression:
    """The terms as one sum: sums inside are opened, zeros left out."""
    found: list[Expression] = []
    for term in terms:
        found.extend(term.terms if isinstance(term, Sum) else [term])
    found = [term for term in found if not is_number(term, 0)]
    return found[0] if len(found) == 1 else Sum(tuple(found)) if found else ZERO


def product(factors: Iterable[Expression]) -> Expression:
    """The factors as one product: products inside are opened, ones left out; 0 if one is 0."""
    found: list[Expression] = []
    for factor in factors:
        found.extend(factor.factors if isinstance(factor, Product) else [factor])
    if any(is_number(factor, 0) for factor in found):
        return ZERO
    while len(found) > 1 and is_number(found[0], -1) and isinstance(found[1], Number):
        found[:2] = [Number(-found[1].value)]
    found = [factor for factor in found if not is_number(factor, 1)]
    return found[0] if len(found) == 1 else Product(tuple(found)) if found else ONE


def power(base: Expression, exponent: int | Fraction) -> Expression:
    """``base`` to a number, with the base itself for 1."""
    return base if exponent == 1 else Power(base, number(exponent))


def divided(a: Expression, b: Expression) -> Expression:
    """a/b, as one fraction of numbers where both are integers."""
    if isinstance(b, Number) and isinstance(b.value, Fraction) and b.value:
        return product([a, Number(1 / b.value)]) if not is_number(a, 1) else Number(1 / b.value)
    return product([a, Power(b, MINUS_ONE)])


def negated(e: Expression) -> Expression:
    """-e."""
    return Number(-e.value) if isinstance(e, Number) else product([MINUS_ONE, e])


def parts(e: Expression) -> tuple[Expression, ...]:
    """The expressions right inside ``e``."""
    match e:
        case Sum(inner) | Product(inner) | Vector(inner) | Chain(inner) | Apply(_, inner):
            return inner
        case Power(base, exponent):
            return (base, exponent)
        case _:
            return ()


def rebuilt(e: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """``e`` with ``change`` applied to the expressions right inside it."""
    match e:
        case Sum(terms):
            return Sum(tuple(change(term) for term in terms))
        case Product(factors):
            return Product(tuple(change(factor) for factor in factors))
        case Power(base, exponent):
            return Power(change(base), change(exponent))
        case Apply(function, operands, argument):
            return Apply(function, tuple(change(operand) for operand in operands), argument)
        case Vector(entries):
            return Vector(tuple(change(entry) for entry in entries))
        case Chain(factors):
            return Chain(tuple(change(factor) for factor in factors))
        case _:
            return e


def walk(e: Expression) -> Iterator[Expression]:
    """``e`` and everything inside it."""
    stack = [e]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(parts(found))


def substitute(e: Expression, values: Mapping[str, Expression]) -> Expression:
    """``e`` with expressions in place of symbols; nothing else changes."""
    if isinstance(e, Symbol):
        return values.get(e.name, e)
    return rebuilt(e, lambda part: substitute(part, values)) if values else e


def symbols(e: Expression) -> dict[str, None]:
    """The names of the symbols in ``e``."""
    return {part.name: None for part in walk(e) if isinstance(part, Symbol)}


def contains(e: Expression, name: str) -> bool:
    """Whether the symbol ``name`` occurs in ``e``."""
    return any(isinstance(part, Symbol) and part.name == name for part in walk(e))


def size(e: Expression) -> int:
    """How many numbers, names, functions and operators ``e`` is written with."""
    return sum(1 for _ in walk(e))


def matrix_rows(e: Expression) -> tuple[tuple[Expression, ...], ...]:
    """The rows of a matrix, a vector of vectors of one length; of anything else nothing."""
    match e:
        case Vector((Vector(), *_) as rows) if all(isinstance(row, Vector) for row in rows):
            return tuple(parts(row) for row in rows)
    return ()


def entries(e: Expression) -> tuple[Expression, ...]:
    """The entries of a vector or matrix, row by row; of anything else itself."""
    if not isinstance(e, Vector):
        return (e,)
    return tuple(entry for part in e.entries for entry in entries(part))


# -- JSON ------------------------------------------------------------------------------------------

_MANY: Mapping[str, type[Sum] | type[Product] | type[Vector] | type[Chain]] = {
    "sum": Sum,
    "product": Product,
    "vector": Vector,
    "chain": Chain,
}


def to_json(e: Expression) -> Any:
    """Nested lists, each with the kind of expression first; `from_json` reads them back."""
    match e:
        case Number(value):
            return ["number", str(value) if isinstance(value, Fraction) else value]
        case Constant(name):
            return ["constant", name]
        case Symbol(name):
            return ["symbol", name]
        case Partial(of, by, total):
            return ["partial", of, by, total]
        case Array(shape, norm):
            return ["array", list(shape), norm]
        case Power(base, exponent):
            return ["power", to_json(base), to_json(exponent)]
        case Apply(function, operands, argument):
            return ["apply", function, list(argument), *map(to_json, operands)]
        case Notation():
            return ["arrays", e.to_json()]
    kind = type(e).__name__.lower()
    return [kind, *map(to_json, parts(e))]


def from_json(data: Any) -> Expression:
    """The expression that `to_json` wrote.

    Raises:
        NotationError: if the data are no expression.
    """
    match data:
        case ["number", str(text)]:
            return Number(Fraction(text))
        case ["number", float(value)]:
            return Number(value)
        case ["constant", str(name)]:
            return Constant(name)
        case ["symbol", str(name)]:
            return Symbol(name)
        case ["partial", str(of), str(by), bool(is_total)]:
            return Partial(of, by, is_total)
        case ["array", [*shape], float(norm)]:
            return Array(tuple(shape), norm)
        case ["power", base, exponent]:
            return Power(from_json(base), from_json(exponent))
        case ["apply", str(function), [*argument], *operands]:
            return Apply(function, tuple(map(from_json, operands)), tuple(argument))
        case ["arrays", term]:
            from chainrule.explaining.arrays.expression import term_from_json  # knows this module

            return term_from_json(term)
        case [str(kind), *inner] if kind in _MANY:
            return _MANY[kind](tuple(map(from_json, inner)))
    raise NotationError(f"this is no expression: {str(data)[:80]}")
