"""Formulas in words, to be read aloud: each can be heard in one way only.

What is said binds from the tightest: letters side by side (``2 x squared``), ``over`` between such,
functions (``sine of 2 x``) and powers, ``times``, ``plus`` and ``minus``. Where that does not say
enough, a part is enclosed: ``the quantity … end quantity``, ``the fraction … all over …, end
fraction``; what is enclosed says so where it begins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from chainrule.explaining.expression import (
    HALF,
    Apply,
    Chain,
    Constant,
    Expression,
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
from chainrule.explaining.steps import Derivative, Named
from chainrule.explaining.styles import TEXT
from chainrule.explaining.writing import COMPARISONS, LOGICAL, SQUARED, decimal, split
from chainrule.notation.names import LETTERS

__all__ = ["said", "said_row", "spoken"]

CHOICE, SUM, PRODUCT, FACTOR, FUNCTION, LETTERED, SIMPLE = range(7)
"""How tightly phrases bind; what is simple has no power."""

_FUNCTIONS: Mapping[str, str] = {
    "log": "natural log",
    "log2": "log base 2",
    "log10": "log base 10",
    "sin": "sine",
    "cos": "cosine",
    "tan": "tangent",
    "asin": "arc sine",
    "acos": "arc cosine",
    "atan": "arc tangent",
    "sinh": "hyperbolic sine",
    "cosh": "hyperbolic cosine",
    "tanh": "hyperbolic tangent",
    "asinh": "inverse hyperbolic sine",
    "acosh": "inverse hyperbolic cosine",
    "atanh": "inverse hyperbolic tangent",
    "sigmoid": "sigmoid",
    "sign": "sign",
    "erf": "error function",
    "erfc": "complementary error function",
    "erfinv": "inverse error function",
    "lgamma": "log gamma",
    "stop_gradient": "stopped value",
    "ceil": "ceiling",
}
_SEVERAL: Mapping[str, str] = {
    "maximum": "maximum",
    "minimum": "minimum",
    "remainder": "remainder",
    "atan2": "angle",
}
_RELATIONS: Mapping[str, str] = {
    "=": "equals",
    "≠": "is not equal to",
    "<": "is less than",
    "≤": "is at most",
    ">": "is greater than",
    "≥": "is at least",
}
_PARTS: Mapping[Fraction, str] = {
    Fraction(1, 2): "one half",
    Fraction(1, 3): "one third",
    Fraction(2, 3): "two thirds",
    Fraction(1, 4): "one quarter",
    Fraction(3, 4): "three quarters",
}
_POWERS: Mapping[Fraction, str] = {Fraction(2): "squared", Fraction(3): "cubed"}


@dataclass(frozen=True)
class _Phrase:
    words: str
    level: int = SIMPLE

    def within(self, level: int) -> str:
        """The words, enclosed if they bind less tightly than ``level``."""
        return self.words if self.level >= level else f"the quantity {self.words} end quantity"


def said(e: Expression) -> str:
    """An expression in words.

    >>> from chainrule.explaining.expression import Power, Symbol, number, total
    >>> said(Power(total([Symbol("x"), number(1)]), number(2)))
    'the quantity x plus 1 end quantity squared'
    """
    match e:
        case Apply("where", (condition, then, otherwise)):
            return _choice(condition, then, otherwise)
    return _phrase(e).words


def _phrase(e: Expression) -> _Phrase:
    match e:
        case Number(value):
            return _number(value)
        case Constant(name):
            return _Phrase({"inf": "infinity"}.get(name, name))
        case Symbol(name):
            return _Phrase(_symbol(name))
        case Sum(terms):
            return _sum(terms)
        case Product(factors):
            return _product(factors)
        case Power(base, exponent):
            return _power(base, exponent)
        case Apply():
            return _apply(e)
        case Vector():
            return _vector(e)
        case Partial(of, by, total):
            kind = "derivative" if total else "partial derivative"
            words = f"the {kind} of {_symbol(of)} with respect to {_symbol(by)}"
            return _Phrase(words, FUNCTION)
        case Chain(factors):
            return _Phrase(" times ".join(_phrase(f).within(FACTOR) for f in factors), PRODUCT)
    return _Phrase(spoken(TEXT(e)), SUM)


def _symbol(name: str) -> str:
    """``w_1`` as w sub 1, ``y_hat`` as y hat."""
    base, *below = name.split("_")
    marks = [part for part in below if part in ("hat", "bar", "tilde", "dot")]
    inner = [part for part in below if part not in marks]
    words = " ".join([base, *marks, *(["sub", *inner] if inner and base else [])])
    return words.replace("′", " prime")


def _number(value: Fraction | float) -> _Phrase:
    if value < 0:
        return _Phrase(f"minus {_number(-value).words}", SUM)
    if isinstance(value, Fraction):
        if value in _PARTS:
            return _Phrase(_PARTS[value])
        if value.denominator != 1 and decimal(value) is None:
            return _Phrase(f"{value.numerator} over {value.denominator}", FACTOR)
    text = (decimal(value) if isinstance(value, Fraction) else None) or repr(value)
    text = str(value) if isinstance(value, Fraction) and value.denominator == 1 else text
    mantissa, e, exponent = text.removesuffix(".0").partition("e")
    if not e:
        return _Phrase(mantissa)
    power = f"10 to the power {int(exponent)}".replace("-", "minus ")
    if mantissa == "1":
        return _Phrase(power, FACTOR)
    return _Phrase(f"{mantissa} times {power}", PRODUCT)


def _sum(terms: Sequence[Expression]) -> _Phrase:
    words = "0" if not terms else ""
    for index, term in enumerate(terms):
        negative = _is_negative(term)
        inner = _phrase(negated(term) if negative else term).within(PRODUCT)
        sign = "minus " if negative else "plus " if index else ""
        words += (" " if index else "") + sign + inner
    return _Phrase(words, SUM)


def _is_negative(e: Expression) -> bool:
    head = e.factors[0] if isinstance(e, Product) else e
    return isinstance(head, Number) and head.value < 0


# -- products and fractions ------------------------------------------------------------------------


def _product(factors: Sequence[Expression]) -> _Phrase:
    first = factors[0]
    if isinstance(first, Number) and first.value < 0:
        rest = factors[1:] if first.value == -1 else (negated(first), *factors[1:])
        inner = _phrase(rest[0]) if len(rest) == 1 else _product(rest)
        return _Phrase(f"minus {inner.within(PRODUCT)}", SUM)
    if is_number(first, 1) or any(isinstance(factor, Product) for factor in factors):
        return _Phrase(" times ".join(map(_separate, factors)), PRODUCT)
    above, below = split(factors)
    top = _beside(above)
    single = len(below) == 1 and not isinstance(below[0], Product)
    return top if not below else _fraction(top, _beside(below), single)


def _separate(factor: Expression) -> str:
    """A factor of a line before it is simplified."""
    return _phrase(factor).words if isinstance(factor, Number) else _phrase(factor).within(PRODUCT)


def _fraction(above: _Phrase, below: _Phrase, single: bool) -> _Phrase:
    if above.level >= LETTERED and below.level >= LETTERED and single:
        return _Phrase(f"{above.words} over {below.words}", FACTOR)
    words = f"the fraction {above.words}, all over {below.words}, end fraction"
    return _Phrase(words, FUNCTION)


def _beside(factors: Sequence[Expression]) -> _Phrase:
    """Factors one after the other: letters side by side, ``times`` between others."""
    if not factors:
        return _Phrase("1")
    runs: list[_Phrase] = []
    for index, factor in enumerate(factors):
        found = _phrase(factor)
        letter = found.level >= LETTERED and not (isinstance(factor, Number) and index)
        if letter and runs and runs[-1].level >= LETTERED and index:
            joined = f"{runs[-1].words} {found.words}"
            runs[-1] = _Phrase(joined, min(runs[-1].level, found.level))
        else:
            runs.append(found)
    if len(runs) == 1:
        return runs[0]
    return _Phrase(" times ".join(run.within(FACTOR) for run in runs), PRODUCT)


# -- powers and functions --------------------------------------------------------------------------


def _power(base: Expression, exponent: Expression) -> _Phrase:
    if exponent == HALF:
        return _called("the square root", base)
    if isinstance(exponent, Number) and exponent.value < 0:
        below = base if exponent.value == -1 else Power(base, Number(-exponent.value))
        return _fraction(_Phrase("1"), _phrase(below), not isinstance(below, Product))
    name = _POWERS.get(Fraction(exponent.value)) if isinstance(exponent, Number) else None
    if isinstance(base, Apply) and base.function in SQUARED and name:
        return _called(f"{_FUNCTIONS[base.function]} {name}", base.operands[0])
    plain = isinstance(base, (Symbol, Constant, Number))
    words = _phrase(base).within(SIMPLE) if plain else f"the quantity {said(base)} end quantity"
    if name:
        letters = isinstance(base, (Symbol, Constant))
        return _Phrase(f"{words} {name}", LETTERED if letters else FUNCTION)
    return _Phrase(f"{words} to the power {_exponent(exponent)}", FUNCTION)


def _exponent(e: Expression) -> str:
    inner = negated(e) if _is_negative(e) else e
    return _phrase(e).words if _phrase(inner).level == SIMPLE else _quantity(e)


def _called(name: str, e: Expression) -> _Phrase:
    found = _phrase(e)
    direct = found.level >= FUNCTION and not (isinstance(e, Power) and found.level == FUNCTION)
    return _Phrase(f"{name} of {found.words if direct else _quantity(e)}", FUNCTION)


def _quantity(e: Expression) -> str:
    return f"the quantity {said(e)} end quantity"


def _apply(e: Apply) -> _Phrase:
    name, operands = e.function, e.operands
    if name == "exp":
        return _power(Constant("e"), operands[0])
    if name == "abs":
        return _called("the absolute value", operands[0])
    if name in COMPARISONS:
        a, b = (_phrase(operand).within(SUM) for operand in operands)
        return _Phrase(f"{a} {_RELATIONS[COMPARISONS[name]]} {b}", CHOICE)
    if name in LOGICAL:
        a, b = (_phrase(operand).words for operand in operands)
        return _Phrase(f"{a} {LOGICAL[name]} {b}", CHOICE)
    if name == "where":
        return _Phrase(f"the case {_choice(*operands)}, end case", FUNCTION)
    if name == "polygamma":
        order = ("digamma", "trigamma")[e.argument[0]] if e.argument[0] < 2 else ""
        return _called(order or f"polygamma of order {e.argument[0]}", operands[0])
    if len(operands) == 1:
        return _called(_FUNCTIONS.get(name, name.replace("_", " ")), operands[0])
    name = _SEVERAL.get(name, name.replace("_", " "))
    inner = " and ".join(_phrase(operand).words for operand in operands)
    return _Phrase(f"the {name} of {inner}, end {name}", FUNCTION)


def _choice(condition: Expression, then: Expression, otherwise: Expression) -> str:
    words = _phrase(then).words
    return f"{words} if {_phrase(condition).words}, otherwise {_phrase(otherwise).words}"


def _vector(e: Vector) -> _Phrase:
    rows = matrix_rows(e)
    if rows:
        inner = "; ".join("row " + ", ".join(map(said, row)) for row in rows)
        return _Phrase(f"the matrix with {inner}; end matrix", FUNCTION)
    return _Phrase(
        f"the vector with entries {', '.join(map(said, e.entries))}; end vector", FUNCTION
    )


# -- whole lines -----------------------------------------------------------------------------------


def said_row(row: Sequence[Expression | Derivative | Named | str], equals: str = "equals") -> str:
    """A formula of an explanation, with its signs, in words."""
    words = (equals if atom == "=" else _atom(atom) for atom in row)
    return " ".join(filter(None, words)).replace(" ,", ",")


def _atom(atom: Expression | Derivative | Named | str) -> str:
    if isinstance(atom, str):
        return {"+": "plus", "≈": "is about"}.get(atom) or spoken(atom)
    if isinstance(atom, Named):
        return spoken(atom.text)
    if isinstance(atom, Derivative):
        kind = "partial derivative" if atom.partial else "derivative"
        return f"the {kind} of {said(atom.of)} with respect to {_symbol(atom.variable)}"
    return said(atom)


_ORDERS = {"²": "second ", "³": "third "}
_SIGNS: Sequence[tuple[str, str]] = (
    ("∇f", "the gradient of f"),
    ("′", " prime"),
    ("″", " double prime"),
    ("‴", " triple prime"),
    ("·", " times "),
    ("≈", " is about "),
    ("≤", " is at most "),
    ("≥", " is at least "),
    ("≠", " is not equal to "),
    ("=", " equals "),
    (">", " is greater than "),
    ("<", " is less than "),
    ("²", " squared"),
    ("³", " cubed"),
    ("√", "the square root of "),
    ("∞", "infinity"),
    ("→", " goes to "),
    ("×", " by "),
    (" + ", " plus "),
    (" - ", " minus "),
    ("|", " "),
)
_PARTIAL = re.compile(r"∂([²³]?)(\w+)/((?:∂\w[²³₀-₉]*)+)")
_CALL = re.compile(r"(?<=[\w′″‴₀-₉])\(([^()]*)\)")
_MINUS = re.compile(r"(?<![\w)])-(?=[\d\w(])")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def spoken(text: str) -> str:
    """Words with signs among them, such as f″(2) or ``det H = -4``, as words.

    >>> spoken("∂²f/∂x∂y (1, 2)"), spoken("f″(2)")
    ('the second partial derivative of f with respect to x and y at 1, 2', 'f double prime of 2')
    """
    text = _PARTIAL.sub(_partial, text)
    text = re.sub(r"(with respect to [\w ]+?) ?\(([^()]*)\)", r"\1 at \2", text)
    text = _CALL.sub(r" of \1", text)
    text = _MINUS.sub("minus ", text)
    for sign, words in _SIGNS:
        text = text.replace(sign, words)
    text = re.sub(r"(\w)([₀-₉]+)", lambda m: f"{m[1]} sub {m[2].translate(_SUBSCRIPTS)}", text)
    for letter, name in LETTERS.items():
        text = text.replace(letter, name)
    return re.sub(r"\s+", " ", text).strip()


def _partial(match: re.Match[str]) -> str:
    names = [part for part in match[3].split("∂") if part]
    below = " and ".join(re.sub("[²³]", lambda m: _POWERS_SAID[m[0]], name) for name in names)
    order = _ORDERS.get(match[1], "")
    return f"the {order}partial derivative of {match[2]} with respect to {below}"


_POWERS_SAID = {"²": " twice", "³": " three times"}
