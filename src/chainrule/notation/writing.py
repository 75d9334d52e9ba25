"""Writing a graph as one formula: what the printers of text and of LaTeX have in common.

A graph has sharing, a formula has not: a shared part is written as often as it is used. The walk
is iterative, and the length of the result is limited.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import NotationError
from chainrule.core.node import Node, topological

__all__ = [
    "ATOM",
    "COMPARISON",
    "INSIDE",
    "LIMIT",
    "POWER",
    "PRODUCT",
    "SUM",
    "Form",
    "Style",
    "Written",
    "write",
]

LIMIT = 20_000
"""How many characters a formula may have by default."""

INSIDE, OR, XOR, AND, NOT, COMPARISON, SUM, PRODUCT, POWER, ATOM = range(10)
"""How tightly expressions bind. INSIDE is what brackets, commas or braces enclose already."""

_TRANSPARENT = frozenset({"alias", "stop_gradient"})
_TRANSPARENT_FOR_ONE = frozenset({"broadcast_to", "reshape", "cast"})


@dataclass(frozen=True, slots=True)
class Written:
    """A written expression and how tightly its outermost operator binds."""

    text: str
    level: int = ATOM


@dataclass(frozen=True, slots=True)
class Form:
    """How an application is written.

    Attributes:
        template: the text, with ``{0}``, ``{1}``, … for the operands.
        level: how tightly the result binds.
        slots: for each operand how tightly it must bind to need no brackets.
    """

    template: str
    level: int = ATOM
    slots: tuple[int, ...] = (INSIDE, INSIDE, INSIDE)


@dataclass(frozen=True)
class Style:
    """A way of writing.

    Attributes:
        name: writes the name of a variable.
        number: writes a finite, non-negative number that has no name.
        constants: names of e, π and ∞, and of the truth values.
        form: how an application of a primitive is written, or None if it has no notation.
        brackets: the template of an expression in brackets.
    """

    name: Callable[[str], str]
    number: Callable[[str], Written]
    constants: Mapping[float | bool, str]
    form: Callable[[Node], Form | None]
    brackets: str


def write(root: Node, names: Mapping[Node, str], style: Style, limit: int = LIMIT) -> str:
    """``root`` as a formula in which the nodes in ``names`` appear under their names.

    Raises:
        NotationError: if a part has no notation, or the formula would be longer than ``limit``.
    """
    order = topological([root], stop=names)
    uses = Counter(source for node in order if node not in names for source in node.sources)
    done: dict[Node, Written] = {}
    for node in order:
        if node in names:
            done[node] = Written(style.name(names[node]))
            continue
        operands = [done[source] for source in node.sources]
        done[node] = written = (
            _application(node, operands, style) if operands else _leaf(node, style)
        )
        if len(written.text) > limit:
            raise NotationError(
                f"written as one formula this graph of {len(order)} nodes has more than {limit} "
                "characters; print the graph itself, or name some of its parts"
            )
        for source in node.sources:  # the texts of a long chain are long: forget used ones
            uses[source] -= 1
            if not uses[source]:
                done.pop(source, None)
    return done[root].text


def _application(node: Node, operands: Sequence[Written], style: Style) -> Written:
    name = node.primitive.name
    if name in _TRANSPARENT:
        return operands[0]
    if name in _TRANSPARENT_FOR_ONE and node.sources[0].type.size == 1:
        return operands[0]
    form = style.form(node)
    if form is None:
        raise NotationError(
            f"{name} has no notation in a formula; formulas are written for elementwise "
            "functions. Print the graph itself, or give this part a name."
        )
    leads = form.template.startswith("{0}")
    texts = []
    for index, operand in enumerate(operands):
        slot = form.slots[index]
        signed = operand.text.startswith("-") and not (leads and index == 0)
        bare = slot == INSIDE or (operand.level >= slot and not signed)
        texts.append(operand.text if bare else style.brackets.format(operand.text))
    parameters = dict(zip(node.primitive.parameters, node.argument, strict=True))
    return Written(form.template.format(*texts, **parameters), form.level)


def _leaf(node: Node, style: Style) -> Written:
    value = node.value
    if value is None or node.tracked or value.size != 1:
        raise NotationError(
            f"a {node.primitive.name} of type {node.type!r} has no name; give every array and "
            "every variable one in names"
        )
    number: Any = value.reshape(()).item() if value.dtype.kind == "b" else value.reshape(())[()]
    return _number(number, style)


def _number(value: Any, style: Style) -> Written:
    if isinstance(value, bool):
        return Written(style.constants[value])
    if math.isnan(value):
        raise NotationError("the formula holds a constant that is not a number (NaN)")
    if value < 0 or (value == 0 and math.copysign(1.0, value) < 0):
        inner = _number(-value, style)
        return Written(f"-{inner.text}", PRODUCT)
    for constant, name in style.constants.items():
        if not isinstance(constant, bool) and value == value.dtype.type(constant) and value > 1:
            return Written(name)
    return style.number(str(value).removesuffix(".0"))
