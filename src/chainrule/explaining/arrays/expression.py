"""Expressions of arrays as people write them: X W + 1 bᵀ, A ⊙ B, ‖x‖², A⁻¹, each with its shape.

A `Term` is one operation on other terms. The builders check shapes as NumPy does and change
nothing else; what is simplified is simplified by `simplify`, as a line that is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import NotationError, ShapeError
from chainrule.explaining.expression import Notation

if TYPE_CHECKING:
    from chainrule.explaining.writing import Piece, Style

__all__ = [
    "ONE",
    "ZERO",
    "Shape",
    "Term",
    "apply",
    "call",
    "cotangent",
    "literal",
    "matmul",
    "number",
    "plus",
    "power",
    "repeat",
    "reshaped",
    "size",
    "substitute",
    "symbol",
    "term_from_json",
    "times",
    "total",
    "transpose",
    "walk",
]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Term(Notation):
    """An array expression.

    Attributes:
        kind: what it is: ``symbol``, ``sum``, ``product`` (elementwise), ``matmul``, …; all kinds
            are in `values.EVALUATE`.
        operands: what it is made of.
        argument: names, numbers, axes.
        shape: of its value.
    """

    kind: str
    operands: tuple[Term, ...] = ()
    argument: tuple[Any, ...] = ()
    shape: Shape = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __add__(self, other: Any) -> Term:
        return plus(self, as_term(other))

    def __radd__(self, other: Any) -> Term:
        return plus(as_term(other), self)

    def __sub__(self, other: Any) -> Term:
        return plus(self, -as_term(other))

    def __rsub__(self, other: Any) -> Term:
        return plus(as_term(other), -self)

    def __neg__(self) -> Term:
        return times(number(-1), self)

    def __mul__(self, other: Any) -> Term:
        return times(self, as_term(other))

    def __rmul__(self, other: Any) -> Term:
        return times(as_term(other), self)

    def __truediv__(self, other: Any) -> Term:
        return times(self, power(as_term(other), -1))

    def __rtruediv__(self, other: Any) -> Term:
        return times(as_term(other), power(self, -1))

    def __pow__(self, exponent: Any) -> Term:
        return power(self, exponent)

    def __matmul__(self, other: Term) -> Term:
        return matmul(self, other)

    @property
    def T(self) -> Term:  # noqa: N802 - the mathematical name
        """The transpose."""
        return transpose(self)

    def written(self, style: Style) -> Piece:
        """The term in one of the styles."""
        from chainrule.explaining.arrays.notation import write

        return write(self, style)

    def to_json(self) -> Any:
        """Nested lists that `term_from_json` reads back."""
        return [
            self.kind,
            list(self.shape),
            _plain(self.argument),
            [operand.to_json() for operand in self.operands],
        ]


def as_term(value: Any) -> Term:
    return value if isinstance(value, Term) else number(value)


# -- leaves ----------------------------------------------------------------------------------------


def number(value: Any) -> Term:
    """A number; integers become fractions."""
    found = float(value) if isinstance(value, (float, np.floating)) else Fraction(value)
    if isinstance(found, float) and found.is_integer() and abs(found) < 1e9:
        found = Fraction(int(found))
    return Term("number", (), (found,))


ZERO = number(0)
ONE = number(1)


def symbol(name: str, shape: Shape = ()) -> Term:
    """An array by its name."""
    return Term("symbol", (), (name,), shape)


def cotangent(result: str, name: str, shape: Shape = ()) -> Term:
    """∂L/∂Z by its name."""
    return Term("cotangent", (), (result, name), shape)


def literal(values: Any) -> Term:
    """An array of numbers."""
    found = np.asarray(values)
    return Term("literal", (), (_nested(found.tolist()), found.dtype.kind), found.shape)


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


# -- operations ------------------------------------------------------------------------------------


def _together(shapes: Iterable[Shape]) -> Shape:
    shapes = list(shapes)
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"shapes {', '.join(map(str, shapes))} do not fit in one term") from None


def _wide(parts: Iterable[Term]) -> tuple[list[Term], Shape]:
    """Vectors beside matrices are repeated explicitly: 1 bᵀ."""
    parts = list(parts)
    shape = _together(part.shape for part in parts)
    if len(shape) == 2:
        parts = [repeat(p, shape) if p.shape != shape and p.shape else p for p in parts]
    return parts, shape


def plus(*terms: Term) -> Term:
    """A sum; sums inside are opened."""
    found: list[Term] = []
    for term in terms:
        found.extend(term.operands if term.kind == "sum" else [term])
    found, shape = _wide(found)
    return found[0] if len(found) == 1 else Term("sum", tuple(found), (), shape)


def times(*factors: Term) -> Term:
    """An elementwise product; products inside are opened."""
    found: list[Term] = []
    for factor in factors:
        found.extend(factor.operands if factor.kind == "product" else [factor])
    found, shape = _wide(found)
    return found[0] if len(found) == 1 else Term("product", tuple(found), (), shape)


def power(base: Term, exponent: Any) -> Term:
    """``base`` to a number, elementwise."""
    exponent = Fraction(exponent) if not isinstance(exponent, float) else exponent
    return base if exponent == 1 else Term("power", (base,), (exponent,), base.shape)


def apply(function: str, *operands: Term, argument: tuple[Any, ...] = ()) -> Term:
    """An elementwise function by its name."""
    shape = _together(operand.shape for operand in operands)
    return Term("apply", operands, (function, *argument), shape)


def matmul(*factors: Term) -> Term:
    """A matrix product as NumPy's ``@``; products inside are opened where that changes nothing."""
    found: list[Term] = []
    for place, factor in enumerate(factors, 1):
        inner = factor.operands if factor.kind == "matmul" else ()
        matrices = inner if place < len(factors) else inner[:-1]
        open_ = inner and all(part.ndim >= 2 for part in matrices)
        found.extend(inner if open_ else [factor])
    shape = found[0].shape
    for factor in found[1:]:
        shape = _product_shape(shape, factor.shape)
    return found[0] if len(found) == 1 else Term("matmul", tuple(found), (), shape)


def _product_shape(a: Shape, b: Shape) -> Shape:
    if not a or not b or a[-1] != b[-2:][0]:
        raise ShapeError(f"a matrix product of shapes {a} and {b}")
    lead = np.broadcast_shapes(a[:-2], b[:-2])
    return (*lead, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def transpose(x: Term) -> Term:
    """The last two axes exchanged; vectors stay as they are."""
    if x.ndim < 2:
        return x
    return Term("transpose", (x,), (), (*x.shape[:-2], x.shape[-1], x.shape[-2]))


def repeat(x: Term, shape: Shape) -> Term:
    """``x`` broadcast to ``shape``."""
    return x if x.shape == shape else Term("repeat", (x,), (), shape)


def reshaped(x: Term, shape: Shape) -> Term:
    """The same elements in another shape."""
    return x if x.shape == shape else Term("reshape", (x,), (), shape)


def total(x: Term, axes: Shape | None = None, keepdims: bool = False) -> Term:
    """The sum over axes; by default over all."""
    axes = tuple(range(x.ndim)) if axes is None else tuple(axes)
    return x if not axes else call("total", x, argument=(axes, keepdims))


def folded_shape(shape: Shape, axes: Shape, keepdims: bool) -> Shape:
    """The shape after a reduction."""
    if keepdims:
        return tuple(1 if a in axes else n for a, n in enumerate(shape))
    return tuple(n for a, n in enumerate(shape) if a not in axes)


def call(kind: str, *operands: Term, argument: tuple[Any, ...] = ()) -> Term:
    """Another kind of operation; its shape is that of its value."""
    from chainrule.explaining.arrays.values import EVALUATE

    blank = [np.ones(operand.shape) for operand in operands]
    if kind in ("inv", "det", "log_det"):
        shape = operands[0].shape if kind == "inv" else operands[0].shape[:-2]
    else:
        with np.errstate(all="ignore"):
            shape = np.shape(EVALUATE[kind](argument, (), *blank))
    return Term(kind, operands, argument, shape)


# -- walking ---------------------------------------------------------------------------------------


def walk(term: Term) -> Iterator[Term]:
    """A term and everything inside it."""
    stack = [term]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(found.operands))


def size(term: Term) -> int:
    """How many names, numbers and operations a term is written with."""
    return sum(1 for part in walk(term) if part.kind not in ("repeat", "reshape"))


def substitute(term: Term, values: Mapping[Term, Term]) -> Term:
    """``term`` with other terms in place of some inside it."""
    if term in values:
        return values[term]
    if not term.operands:
        return term
    return rebuilt(term, [substitute(operand, values) for operand in term.operands])


def rebuilt(term: Term, operands: Iterable[Term]) -> Term:
    """The same operation on other operands of the same shapes."""
    found = tuple(operands)
    if found == term.operands:
        return term
    builder = {"sum": plus, "product": times, "matmul": matmul}.get(term.kind)
    if builder is not None:
        return builder(*found)
    return Term(term.kind, found, term.argument, term.shape)


# -- JSON ------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    match value:
        case tuple():
            return [_plain(item) for item in value]
        case Fraction():
            return {"fraction": str(value)}
        case np.dtype():
            return {"dtype": value.name}
        case _:
            return value


def _read(value: Any) -> Any:
    match value:
        case list():
            return tuple(map(_read, value))
        case {"fraction": text}:
            return Fraction(text)
        case {"dtype": text}:
            return np.dtype(text)
        case _:
            return value


def term_from_json(data: Any) -> Term:
    """The term that ``to_json`` wrote.

    Raises:
        NotationError: if the data are no term.
    """
    match data:
        case [str(kind), [*shape], [*argument], [*operands]]:
            return Term(
                kind,
                tuple(map(term_from_json, operands)),
                tuple(map(_read, argument)),
                tuple(shape),
            )
    raise NotationError(f"this is no array expression: {str(data)[:80]}")
