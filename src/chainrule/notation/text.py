"""Graphs as plain text that `parse` reads back, to the same value to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.core.node import Node
from chainrule.notation import functions
from chainrule.notation.writing import (
    AND,
    ATOM,
    COMPARISON,
    INSIDE,
    LIMIT,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SUM,
    XOR,
    Form,
    Style,
    Written,
    write,
)

__all__ = ["to_text"]


def _infix(symbol: str, level: int) -> Form:
    return Form(f"{{0}} {symbol} {{1}}", level, (level, level + 1))


def _comparison(symbol: str) -> Form:
    return Form(f"{{0}} {symbol} {{1}}", COMPARISON, (COMPARISON + 1, COMPARISON + 1))


_FORMS = {
    "add": _infix("+", SUM),
    "sub": _infix("-", SUM),
    "neg": Form("-{0}", PRODUCT, (PRODUCT,)),
    "mul": Form("{0}*{1}", PRODUCT, (PRODUCT, PRODUCT + 1)),
    "div": Form("{0}/{1}", PRODUCT, (PRODUCT, PRODUCT + 1)),
    "integer_pow": Form("{0}**{n}", POWER, (ATOM,)),
    "pow": Form("{0}**{1}", POWER, (ATOM, POWER)),
    "equal": _comparison("=="),
    "not_equal": _comparison("!="),
    "less": _comparison("<"),
    "less_equal": _comparison("<="),
    "greater": _comparison(">"),
    "greater_equal": _comparison(">="),
    "logical_or": _infix("or", OR),
    "logical_xor": _infix("xor", XOR),
    "logical_and": _infix("and", AND),
    "logical_not": Form("not {0}", NOT, (NOT,)),
    "maximum": Form("max({0}, {1})"),
    "minimum": Form("min({0}, {1})"),
    "polygamma": Form("polygamma({n}, {0})"),
}


def _form(node: Node) -> Form | None:
    name = node.primitive.name
    if name == "integer_pow" and node.argument[0] < 0:
        return Form("{0}**({n})", POWER, (ATOM,))
    known = _FORMS.get(name)
    if known is not None or functions.lookup(name) is None:
        return known
    slots = ", ".join(f"{{{index}}}" for index in range(len(node.sources)))
    return Form(f"{name}({slots})", ATOM, (INSIDE,) * len(node.sources))


_STYLE = Style(
    name=str,
    number=Written,
    constants={math.e: "e", math.pi: "pi", math.inf: "inf", True: "true", False: "false"},
    form=_form,
    brackets="({0})",
)


def to_text(node: Node, names: Mapping[Node, str], limit: int = LIMIT) -> str:
    """A graph of elementwise primitives as one line of infix text.

    Args:
        node: the result.
        names: a name for each variable and array, or for any part that shall appear by name.
        limit: how many characters the text may have.

    Raises:
        NotationError: if a part has no notation or no name, or the text would be too long.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> to_text((12 * (3 * x + 1) ** 3).node, {x.node: "x"})
    '12*(3*x + 1)**3'
    """
    return write(node, names, _STYLE, limit)
