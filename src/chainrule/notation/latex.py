r"""Graphs as LaTeX, by the templates in the records of the primitives; `parse` reads it back."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.core.node import Node
from chainrule.notation import functions
from chainrule.notation.names import latex_name
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
from chainrule.ops.record import Elementwise

__all__ = ["to_latex"]

# How tightly the results of infix templates bind, and what their operands need. In every other
# template the operands stand inside brackets, braces or commas, and the result is an atom.
_COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
_BINDING: dict[str, tuple[int, tuple[int, ...]]] = {
    "add": (SUM, (SUM, SUM)),
    "sub": (SUM, (SUM, SUM + 1)),
    "neg": (PRODUCT, (PRODUCT,)),
    "mul": (PRODUCT, (PRODUCT, PRODUCT)),
    "div": (POWER, (INSIDE, INSIDE)),
    "integer_pow": (POWER, (ATOM,)),
    "pow": (POWER, (ATOM, INSIDE)),
    "exp": (POWER, (INSIDE,)),
    "log1p": (ATOM, (SUM + 1,)),
    "remainder": (SUM, (PRODUCT + 1, PRODUCT + 1)),
    "logical_or": (OR, (OR, OR + 1)),
    "logical_xor": (XOR, (XOR, XOR + 1)),
    "logical_and": (AND, (AND, AND + 1)),
    "logical_not": (NOT, (NOT,)),
    **dict.fromkeys(_COMPARISONS, (COMPARISON, (COMPARISON + 1, COMPARISON + 1))),
}


def _form(node: Node) -> Form | None:
    record = node.primitive
    if not isinstance(record, Elementwise):
        return None
    inside = (INSIDE,) * len(node.sources)
    if record.latex:
        return Form(record.latex, *_BINDING.get(record.name, (ATOM, inside)))
    if functions.lookup(record.name) is None:
        return None
    slots = ", ".join(f"{{{index}}}" for index in range(len(node.sources)))
    return Form(rf"\operatorname{{{{{record.name}}}}}({slots})", ATOM, inside)


def _number(digits: str) -> Written:
    mantissa, e, exponent = digits.partition("e")
    if not e:
        return Written(digits)
    return Written(rf"{mantissa} \cdot 10^{{{int(exponent)}}}", PRODUCT)


_STYLE = Style(
    name=latex_name,
    number=_number,
    constants={
        math.e: "e",
        math.pi: r"\pi",
        math.inf: r"\infty",
        True: r"\mathrm{true}",
        False: r"\mathrm{false}",
    },
    form=_form,
    brackets=r"\left({0}\right)",
)


def to_latex(node: Node, names: Mapping[Node, str], limit: int = LIMIT) -> str:
    r"""A graph of elementwise primitives as LaTeX.

    Args:
        node: the result.
        names: a name for each variable and array, or for any part that shall appear by name;
            ``w_1`` becomes ``w_{1}``, ``theta`` becomes ``\theta``.
        limit: how many characters the text may have.

    Raises:
        NotationError: if a part has no notation or no name, or the text would be too long.

    >>> import chainrule as cr
    >>> z = cr.tensor(2.0, requires_grad=True)
    >>> print(to_latex(((3 * z + 1) ** 4 / z).node, {z.node: "z_1"}))
    \frac{\left(3 \cdot z_{1} + 1\right)^{4}}{z_{1}}
    """
    return write(node, names, _STYLE, limit)
