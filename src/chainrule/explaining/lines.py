"""The lines of a step: a formula as a rule gives it, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chainrule.explaining.expression import Expression
from chainrule.explaining.factors import arranged
from chainrule.explaining.simplify import simplified
from chainrule.explaining.steps import Line
from chainrule.explaining.styles import TEXT

__all__ = ["distinct", "simplified_lines"]


def simplified_lines(
    raw: Expression, reason: str, place: Mapping[str, int] | None = None
) -> tuple[Line, ...]:
    """``raw`` and its simplification, without lines that look the same.

    Args:
        raw: the line as the rule gives it.
        reason: the name of the rule.
        place: the order of letters in products (see `factors.order_of_letters`).

    >>> from chainrule.explaining.expression import Product, Symbol, number
    >>> [TEXT(line.expression) for line in simplified_lines(
    ...     Product((number(4), Product((Symbol("x"), number(3))))), "chain rule")]
    ['4 · x · 3', '12x']
    """
    lines = [Line(arranged(e, place) if place else e, why) for e, why in simplified(raw)]
    return distinct([Line(raw, reason), *lines])


def distinct(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines without those that look like the one before; its reason stays."""
    found: list[Line] = []
    for line in lines:
        if found and _looks(line.expression) == _looks(found[-1].expression):
            found[-1] = Line(line.expression, found[-1].reason)
        else:
            found.append(line)
    return tuple(found)


def _looks(e: Expression) -> str:
    """The text of a line, whichever way its products are written."""
    return TEXT(e).replace(" · ", "").replace(" ", "")
