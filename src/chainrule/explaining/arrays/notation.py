r"""Writing array expressions: ``X W + 1 bᵀ`` in text, LaTeX and MathML.

A vector is a column. `repeat` shows as a product with the vector 1 of ones, sums along an axis
likewise: the rows of G added up are Gᵀ 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.explaining.arrays.expression import Term
from chainrule.explaining.arrays.looks import (
    bare,
    is_one,
    is_product,
    is_wide,
    is_zero,
    opposite,
    parted,
    power_of,
)
from chainrule.explaining.arrays.parts import index_of, more_of
from chainrule.explaining.arrays.signs import (
    FUNCTIONS,
    LATEX_SIGNS,
    MATHML_SIGNS,
    NAMES,
    TEXT_SIGNS,
    Signs,
)
from chainrule.explaining.styles import LATEX, MATHML
from chainrule.explaining.writing import COMPARISONS, Piece, Style

__all__ = ["shape_text", "write"]

SUM, HADAMARD, PRODUCT, POWER, ATOM = 2, 3, 4, 6, 7
"""How tightly terms bind, on the scale of `writing`."""

MOST_NUMBERS = 36
"""So many numbers are shown; longer arrays are shown by their corners."""


_SIGNS: list[tuple[Style, Signs]] = [(LATEX, LATEX_SIGNS), (MATHML, MATHML_SIGNS)]


def write(term: Term, style: Style) -> Piece:
    """A term in a style."""
    signs = next((signs for known, signs in _SIGNS if known is style), TEXT_SIGNS)
    return _Writer(style, signs).piece(term)


def shape_text(shape: tuple[str, ...], times: str = "×") -> str:
    """(n×k), (k), or scalar."""
    return f"({times.join(shape)})" if shape else "scalar"


class _Writer:
    def __init__(self, style: Style, signs: Signs) -> None:
        self.style = style
        self.signs = signs

    def piece(self, term: Term) -> Piece:
        found = _WRITE.get(term.kind)
        return found(self, term) if found else self.named(term)

    def __call__(self, term: Term) -> str:
        return self.piece(term).text

    def within(self, term: Term, level: int) -> str:
        found = self.piece(term)
        return found.text if found.level >= level else self.style.brackets(found.text)

    def named(self, term: Term) -> Piece:
        """An operation shown as a function of its operands."""
        name = NAMES.get(term.kind, term.kind)
        if term.kind in ("apply", "primitive"):
            name = FUNCTIONS.get(term.argument[0], term.argument[0])
        operands = [self(operand) for operand in term.operands]
        return Piece(self.signs.called(name, operands), ATOM)

    def primitive(self, term: Term) -> Piece:
        """What moves or picks elements: X[0:2], permute(X; 1, 0)."""
        index = index_of(term)
        if index is None:
            name = FUNCTIONS.get(term.argument[0], term.argument[0])
            operands = [self(operand) for operand in term.operands]
            more = more_of(term)
            if more:
                operands[-1] += self.signs.aside(more)
            return Piece(self.signs.called(name, operands), ATOM)
        inner = self.signs.verbatim(index) if index else self(term.operands[1])
        left, right = self.signs.brackets
        return Piece(self.within(term.operands[0], ATOM) + left + inner + right, ATOM)

    # -- leaves ------------------------------------------------------------------------------------

    def number(self, term: Term) -> Piece:
        from chainrule.explaining.expression import Number

        (value,) = term.argument
        return self.style.piece(Number(value))

    def symbol(self, term: Term) -> Piece:
        return Piece(self.style.symbol(term.argument[0]), ATOM)

    def cotangent(self, term: Term) -> Piece:
        result, name = (self.style.symbol(part) for part in term.argument)
        return Piece(self.signs.partial(result, name), ATOM)

    def literal(self, term: Term) -> Piece:
        values = np.reshape(np.array(term.argument[0]), term.shape)
        if values.ndim == 0:
            return Piece(self.digits(values[()]), ATOM)
        if values.ndim > 2 or values.size > MOST_NUMBERS:
            return Piece(self.signs.called("array", [shape_text(tuple(map(str, term.shape)))]))
        rows = [[self.digits(entry) for entry in row] for row in np.atleast_2d(values)]
        if values.ndim == 1 and self.signs is not TEXT_SIGNS:
            rows = [[entry] for entry in rows[0]]
        return Piece(self.signs.rows(rows), ATOM)

    def digits(self, value: Any) -> str:
        """A number to four digits."""
        if isinstance(value, (bool, np.bool_)):
            return str(int(value))
        text = f"{value:.4g}"
        if "e" in text and self.signs is not TEXT_SIGNS:
            mantissa, _, exponent = text.partition("e")
            times = r"\cdot 10^" if self.signs is LATEX_SIGNS else "·10^"
            return f"{mantissa}{times}{{{int(exponent)}}}"
        return text if self.signs is LATEX_SIGNS else text.replace("-", "-")

    # -- sums and elementwise products -------------------------------------------------------------

    def sum(self, term: Term) -> Piece:
        text = self.within(term.operands[0], SUM + 1)
        for part in term.operands[1:]:
            other = opposite(part)
            sign = "+" if other is None else "-"
            text = self.style.infix(sign, text, self.within(other or part, SUM + 1))
        return Piece(text, SUM)

    def product(self, term: Term) -> Piece:
        other = opposite(term)
        if other is not None:
            return Piece(self.style.minus(self.within(other, HADAMARD)), SUM + 1)
        above, below, arrays, under = parted(term)
        core = self.hadamard(arrays, under)
        if not above and not below:
            return core or Piece("1")
        if core is None:
            top = self.scalars(above)
            if self.signs is TEXT_SIGNS and any(is_wide(factor) for factor in above):
                top = Piece(self.style.brackets(top.text))
            return top if not below else self.style.fraction(top, self.scalars(below))
        if not above:
            if self.signs is TEXT_SIGNS and HADAMARD < core.level < POWER:
                core = Piece(self.style.brackets(core.text))
            return self.style.fraction(core, self.scalars(below))
        front = self.scalars(above)
        if below and self.signs is TEXT_SIGNS and any(is_wide(factor) for factor in above):
            front = Piece(self.style.brackets(front.text))
        if below:
            front = self.style.fraction(front, self.scalars(below))
        factor = front.text if front.level >= PRODUCT else self.style.brackets(front.text)
        inner = core.text if core.level > HADAMARD else self.style.brackets(core.text)
        return Piece(factor + self.signs.gap + inner, PRODUCT)

    def scalars(self, factors: list[Term]) -> Piece:
        if not factors:
            return self.style.digits("1")
        if len(factors) == 1:
            return self.piece(factors[0])
        wide = self.signs is TEXT_SIGNS
        texts = [
            self.within(factor, ATOM if wide and is_product(factor) else HADAMARD + 1)
            for factor in factors
        ]
        text = texts[0]
        for before, part in zip(factors, texts[1:], strict=False):
            numeric = before.kind == "number" and part[0].isdigit()
            text = self.style.infix("·", text, part) if numeric else text + self.signs.gap + part
        return Piece(text, PRODUCT)

    def hadamard(self, arrays: list[Term], under: list[Term]) -> Piece | None:
        if not arrays and not under:
            return None
        if arrays:
            level = PRODUCT + 1 if len(arrays) > 1 or under else 0
            text = self.signs.hadamard.join(self.within(part, level) for part in arrays)
            bound = self.piece(arrays[0]).level if len(arrays) == 1 else HADAMARD
        else:
            text, bound = self.signs.ones, ATOM
        if under:
            below = self.signs.hadamard.join(self.within(part, PRODUCT + 1) for part in under)
            if len(under) > 1:
                below = self.style.brackets(below)
            return Piece(text + self.signs.quotient + below, HADAMARD)
        return Piece(text, bound)

    def power(self, term: Term) -> Piece:
        (base,), (exponent,) = term.operands, term.argument
        if not base.shape:
            if exponent == Fraction(1, 2):
                return Piece(self.style.root(self.piece(base)), POWER)
            if exponent < 0:
                below = base if exponent == -1 else power_of(base, -exponent)
                return self.style.fraction(self.style.digits("1"), self.piece(below))
            if base.kind == "norm":
                return Piece(self._raised(self(base), exponent), ATOM)
            return Piece(self._raised(self.within(base, ATOM), exponent), POWER)
        if exponent == Fraction(1, 2):
            return Piece(self.style.root(self.piece(base)), POWER)
        if exponent == -1:
            return self.hadamard([], [base]) or Piece("")
        inner = self.within(base, ATOM)
        return Piece(self.signs.raised(inner, self.signs.exponent(str(exponent))), POWER)

    def _raised(self, base: str, exponent: Any) -> str:
        return self.style.raised(base, self.style.digits(str(exponent)))

    # -- matrices ----------------------------------------------------------------------------------

    def matmul(self, term: Term) -> Piece:
        texts = [
            self.within(part, PRODUCT + (index > 0)) for index, part in enumerate(term.operands)
        ]
        if term.operands[0].ndim == 1:
            texts[0] = self.marked(term.operands[0], self.signs.transposed)
        return Piece(self.signs.gap.join(texts), PRODUCT)

    def outer(self, term: Term) -> Piece:
        u, v = term.operands
        right = self.marked(v, self.signs.transposed)
        return Piece(self.within(u, PRODUCT) + self.signs.gap + right, PRODUCT)

    def marked(self, term: Term, mark: str) -> str:
        found = self.piece(term)
        bare = found.level >= ATOM and not (
            term.kind == "cotangent" and self.signs is not MATHML_SIGNS
        )
        inner = found.text if bare else self.style.brackets(found.text)
        return self.signs.raised(inner, mark)

    def transpose(self, term: Term) -> Piece:
        (x,) = term.operands
        if x.kind == "inv":
            return Piece(self.marked(x.operands[0], self.signs.both), ATOM)
        return Piece(self.marked(x, self.signs.transposed), ATOM)

    def inv(self, term: Term) -> Piece:
        return Piece(self.marked(term.operands[0], self.signs.inverse), ATOM)

    def repeat(self, term: Term) -> Piece:
        (x,) = term.operands
        ones = self.signs.ones
        if term.ndim == 1:
            return Piece(ones, ATOM) if is_one(x) else self._beside(x, ones)
        if term.ndim != 2:
            return self.piece(x)
        row = self.signs.raised(ones, self.signs.transposed)
        if x.ndim == 2 and x.shape[0] == term.shape[0] and x.shape[1] == 1:
            return self._beside(x, row)
        if x.ndim and x.shape[-1] == term.shape[1]:
            if x.kind == "total" and x.operands[0].ndim == 2:  # already written with 1ᵀ in front
                inner = row + self.signs.gap + self.within(x.operands[0], PRODUCT + 1)
                return Piece(ones + self.signs.gap + inner, PRODUCT)
            right = self.marked(bare(x), self.signs.transposed)
            return Piece(ones + self.signs.gap + right, PRODUCT)
        both = ones + self.signs.gap + row
        return Piece(both, PRODUCT) if is_one(x) else self._beside(x, both)

    def _beside(self, x: Term, ones: str) -> Piece:
        return Piece(self.within(x, PRODUCT) + self.signs.gap + ones, PRODUCT)

    def reshape(self, term: Term) -> Piece:
        (x,) = term.operands
        if tuple(n for n in x.shape if n != 1) == tuple(n for n in term.shape if n != 1):
            return self.piece(x)
        sizes = [self.style.digits(str(n)).text for n in term.shape]
        return Piece(self.signs.called("reshape", [self(x), *sizes]), ATOM)

    def total(self, term: Term) -> Piece:
        (x,), (axes, keepdims) = term.operands, term.argument
        ones = self.signs.ones
        row = self.signs.raised(ones, self.signs.transposed)
        if x.ndim == 1:
            return Piece(row + self.signs.gap + self.within(x, PRODUCT + 1), PRODUCT)
        if x.ndim == 2 and len(axes) == 2:
            inner = self.within(x, PRODUCT + 1)
            return Piece(self.signs.gap.join([row, inner, ones]), PRODUCT)
        if x.ndim == 2 and axes == (1,):
            return Piece(self.within(x, PRODUCT) + self.signs.gap + ones, PRODUCT)
        if x.ndim == 2 and keepdims:
            return Piece(row + self.signs.gap + self.within(x, PRODUCT + 1), PRODUCT)
        if x.ndim == 2:
            return Piece(self.marked(x, self.signs.transposed) + self.signs.gap + ones, PRODUCT)
        text = self.signs.over(self._axes(axes, x.ndim), self.within(x, HADAMARD))
        return Piece(text, SUM + 1)

    def _axes(self, axes: tuple[int, ...], ndim: int) -> str:
        letters = "ijklmn"
        below = "".join(letters[a] for a in axes) if ndim <= 6 else ",".join(map(str, axes))
        return f"<mi>{below}</mi>" if self.signs is MATHML_SIGNS else below

    def norm(self, term: Term) -> Piece:
        return Piece(self.signs.bars(self(term.operands[0])), ATOM)

    def square_norm(self, term: Term) -> Piece:
        return Piece(self._raised(self.signs.bars(self(term.operands[0])), 2), POWER)

    def inner(self, term: Term) -> Piece:
        a, b = term.operands
        if a.ndim == 1:
            left = self.marked(a, self.signs.transposed)
            right = self.within(b, PRODUCT if b.kind == "matmul" else PRODUCT + 1)
            return Piece(left + self.signs.gap + right, PRODUCT)
        left, comma, right = self.signs.product
        return Piece(f"{left}{self(a)}{comma}{self(b)}{right}", ATOM)

    def identity(self, term: Term) -> Piece:
        return Piece(self.style.symbol("I"), ATOM)

    def prime(self, term: Term) -> Piece:
        name = FUNCTIONS.get(term.argument[0], term.argument[0]).replace("_", " ")
        mark = "'" if self.signs is LATEX_SIGNS else "′"
        return Piece(self.signs.called(name + mark, [self(term.operands[0])]), ATOM)

    def where(self, term: Term) -> Piece:
        condition, a, b = term.operands
        if is_one(a) and is_zero(b):
            opened = {
                LATEX_SIGNS: (r"\mathbf{1}[", "]"),
                MATHML_SIGNS: ("<mn>1</mn><mo>[</mo>", "<mo>]</mo>"),
            }
            left, right = opened.get(self.signs, ("1[", "]"))
            return Piece(f"{left}{self(condition)}{right}", ATOM)
        return self.style.cases(self(condition), self(a), self(b))

    def apply(self, term: Term) -> Piece:
        name = term.argument[0]
        if name in COMPARISONS:
            a, b = (self.within(operand, SUM) for operand in term.operands)
            return Piece(self.style.infix(COMPARISONS[name], a, b), SUM - 1)
        if name == "abs":
            return Piece(self.style.absolute(self(term.operands[0])), ATOM)
        if name == "exp":
            if not term.shape:
                return Piece(self.style.exponential(self.piece(term.operands[0])), POWER)
            return self.named(term)
        return self.named(term)

    def einsum(self, term: Term) -> Piece:
        """Σ_j A[i, j] B[j, k]: a sum of products with indices."""
        *sources, out = term.argument
        letters = "ijklmnopqrst"
        order = [*out, *(label for source in sources for label in source if label not in out)]
        letter = {label: letters[i] for i, label in enumerate(dict.fromkeys(order))}
        parts = []
        for operand, labels in zip(term.operands, sources, strict=True):
            below = "".join(letter[label] for label in labels)
            parts.append(self._indexed(self.within(operand, ATOM), below))
        text = self.signs.gap.join(parts)
        summed = [letter[label] for label in letter if label not in out]
        if summed:
            below = "".join(summed)
            below = f"<mi>{below}</mi>" if self.signs is MATHML_SIGNS else below
            text = self.signs.over(below, text)
        return Piece(text, SUM + 1)

    def _indexed(self, base: str, below: str) -> str:
        if self.signs is MATHML_SIGNS:
            return f"<msub><mrow>{base}</mrow><mi>{below}</mi></msub>"
        return f"{{{base}}}_{{{below}}}" if self.signs is LATEX_SIGNS else f"{base}[{below}]"


_WRITE: Mapping[str, Callable[[_Writer, Term], Piece]] = {
    name: getattr(_Writer, name)
    for name in (
        "number",
        "symbol",
        "cotangent",
        "literal",
        "sum",
        "product",
        "power",
        "matmul",
        "outer",
        "transpose",
        "inv",
        "repeat",
        "reshape",
        "total",
        "norm",
        "square_norm",
        "inner",
        "identity",
        "prime",
        "where",
        "apply",
        "einsum",
        "primitive",
    )
}
