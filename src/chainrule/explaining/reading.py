"""Nodes as expressions: what a line of a derivation shows of a graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from chainrule.core.errors import NotationError
from chainrule.core.node import Node, topological
from chainrule.core.types import ArrayType
from chainrule.explaining.expression import (
    HALF,
    ONE,
    ZERO,
    Apply,
    Constant,
    Expression,
    Number,
    Power,
    Product,
    divided,
    negated,
    number,
    product,
    total,
    walk,
)
from chainrule.ops.record import Elementwise

__all__ = ["applied", "constant", "has_notation", "is_scalar", "leaf", "read", "transparent"]

_TRANSPARENT = frozenset({"alias", "broadcast_to", "reshape", "cast"})

_FORMS: Mapping[str, Callable[..., Expression]] = {
    "add": lambda a, b: total([a, b]),
    "sub": lambda a, b: total([a, negated(b)]),
    "neg": negated,
    "mul": lambda a, b: product([b, a] if _is_numeric(b) and not _is_numeric(a) else [a, b]),
    "div": divided,
    "pow": Power,
    "integer_pow": lambda x, n: Power(x, number(n)),
    "sqrt": lambda x: Power(x, HALF),
    "expm1": lambda x: total([Apply("exp", (x,)), number(-1)]),
    "log1p": lambda x: Apply("log", (total([ONE, x]),)),
}
"""Primitives that are written by operators; every other one is written as a function."""


def _is_numeric(e: Expression) -> bool:
    return all(isinstance(part, (Number, Constant, Power, Product)) for part in walk(e))


def is_scalar(node: Node) -> bool:
    """Whether a node is one number."""
    return isinstance(node.type, ArrayType) and node.type.size == 1


def transparent(node: Node) -> bool:
    """Whether a scalar passes through unchanged."""
    if node.primitive.name not in _TRANSPARENT or not is_scalar(node):
        return False
    return is_scalar(node.sources[0]) and node.sources[0].type.is_float


def has_notation(node: Node) -> bool:
    """Whether the application of the node's own primitive can be written."""
    written = isinstance(node.primitive, Elementwise) and all(map(is_scalar, node.sources))
    return transparent(node) or (written and is_scalar(node))


def read(root: Node, known: Mapping[Node, Expression]) -> Expression:
    """``root`` as an expression in which the nodes in ``known`` appear as given there.

    Where an engine guards a formula at single points (``where(x = 0, …, …)``) the formula is
    shown; what is taken at those points is stated by the convention of the primitive.

    Raises:
        NotationError: if a part cannot be written.
    """
    done: dict[Node, Expression] = dict(known)
    for node in topological([root], stop=known):
        if node not in done:
            done[node] = applied(node, done) if node.sources else leaf(node)
    return done[root]


def applied(node: Node, done: Mapping[Node, Expression]) -> Expression:
    """The application of a primitive to what its sources are written as.

    Raises:
        NotationError: if it cannot be written.
    """
    operands = [done[source] for source in node.sources]
    name = node.primitive.name
    if name == "cast" and node.sources[0].type.dtype.kind == "b":
        return Apply("where", (operands[0], ONE, ZERO))
    if transparent(node):
        return operands[0]
    if not has_notation(node):
        raise NotationError(f"{name} of type {node.type!r} cannot be written in a formula")
    if name == "where" and operands[0] == Constant("true"):
        return operands[1]
    if name == "where" and _at_single_points(operands[0]):
        return operands[2]
    if name in _FORMS:
        return _FORMS[name](*operands, *node.argument)
    return Apply(name, tuple(operands), tuple(node.argument))


def _at_single_points(condition: Expression) -> bool:
    """Whether a condition holds at single points only, or never: an equation, or such together."""
    match condition:
        case Apply("equal") | Constant("false"):
            return True
        case Apply("logical_or", operands):
            return all(map(_at_single_points, operands))
        case Apply("logical_and", operands):
            return any(map(_at_single_points, operands))
    return False


def leaf(node: Node) -> Expression:
    """A constant.

    Raises:
        NotationError: if the node has no value, or more than one.
    """
    value = node.value
    if value is None or not is_scalar(node):
        raise NotationError(f"a {node.primitive.name} of type {node.type!r} has no name")
    item: Any = value.reshape(()).item()
    if isinstance(item, bool):
        return Constant("true" if item else "false")
    return constant(float(item))


# -- numbers ---------------------------------------------------------------------------------------

_LN2, _LN10 = (Apply("log", (number(n),)) for n in (2, 10))
_PI = Constant("pi")
_FAMILIAR: tuple[tuple[float, Expression], ...] = (
    (math.sqrt(2 / math.pi), Power(product([number(2), Power(_PI, number(-1))]), HALF)),
    (math.pi, _PI),
    (math.pi**2, Power(_PI, number(2))),
    (math.e, Constant("e")),
    (math.sqrt(math.pi), Power(_PI, HALF)),
    (math.sqrt(2), Power(number(2), HALF)),
    (math.sqrt(3), Power(number(3), HALF)),
    (math.sqrt(2 * math.pi), Power(product([number(2), _PI]), HALF)),
    (math.log(math.pi), Apply("log", (_PI,))),
    (math.log(2), _LN2),
    (math.log(10), _LN10),
)
_PRECISE = 4e-16  # a few roundings


def constant(value: float) -> Expression:
    """A float as people would write it: 1/3, 0.1, 2/√π, ln 10; or the float itself."""
    if math.isinf(value):
        return Constant("inf") if value > 0 else negated(Constant("inf"))
    if math.isnan(value):
        raise NotationError("the formula holds a constant that is not a number (NaN)")
    exact = _fraction(value)
    if exact is not None:
        return Number(exact)
    shifted = _shifted(value) or _logarithm(value)
    if shifted is not None:
        return shifted
    forms: list[tuple[int, Expression]] = []
    for unit, written in _FAMILIAR:
        for quotient, inverse in ((value / unit, False), (value * unit, True)):
            found = Fraction(quotient).limit_denominator(12)
            if not found or abs(found.numerator) > 100:
                continue
            again = float(found) * (1 / unit if inverse else unit)
            if abs(again - value) <= _PRECISE * abs(value):
                factor = Power(written, number(-1)) if inverse else written
                above, below = found.as_integer_ratio()
                forms.append((abs(above) * below, product([Number(found), factor])))
    return min(forms, key=lambda form: form[0])[1] if forms else Number(value)


def _shifted(value: float) -> Expression | None:
    """π − 1 and its like, which exponents become."""
    roots = [(math.sqrt(n), Power(number(n), HALF)) for n in (2, 3)]
    units: list[tuple[float, Expression]] = [(math.pi, _PI), (math.e, Constant("e")), *roots]
    for unit, written in units:
        for shift in (1, 2, 3):
            if value == unit - shift:
                return total([written, number(-shift)])
    return None


def _logarithm(value: float) -> Expression | None:
    """ln n, or 1/ln n, for a small integer n."""
    for size, exponent in ((abs(value), 1), (1 / abs(value) if value else 0.0, -1)):
        if not 0.6 < size < 5:
            continue
        n = round(math.exp(size))
        if abs(math.log(n) - size) <= _PRECISE * size:
            found = Apply("log", (number(n),))
            written = found if exponent == 1 else Power(found, number(-1))
            return written if value > 0 else negated(written)
    return None


def _fraction(value: float) -> Fraction | None:
    """The simple fraction or short decimal that this float is."""
    simple = Fraction(value).limit_denominator(1000)
    if simple and float(simple) == value and abs(simple.numerator) < 10**6:
        return simple
    third = Fraction(value).limit_denominator(16)
    if third and abs(value) < 1e6 and abs(float(third) - value) <= _PRECISE * abs(value):
        return third  # 2/3 - 1 differs from -1/3 by a rounding
    if value == int(value) and abs(value) < 2**53:
        return Fraction(int(value))
    digits = repr(value)
    mantissa = digits.partition("e")[0].replace(".", "").replace("-", "").strip("0")
    return Fraction(digits) if len(mantissa) <= 9 and 1e-5 <= abs(value) < 1e15 else None
