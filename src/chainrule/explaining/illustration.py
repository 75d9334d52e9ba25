"""What an explanation is about, drawn: the picture that its page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.expression import symbols
from chainrule.explaining.styles import TEXT
from chainrule.notation import Formula, parse

if TYPE_CHECKING:
    from chainrule.pictures import Picture

__all__ = ["illustrated"]


def illustrated(found: Explanation) -> Picture | None:
    """The picture of an explanation; None where there is none.

    * a directional derivative of two variables at a point: the slope in every direction;
    * the limit definition at a point: secants that close in on the tangent;
    * a Taylor polynomial of one variable: those up to its order, fanning out.

    Raises:
        MissingExtraError: without matplotlib.
    """
    draw = _DRAWN.get((found.kind, len(found.variables)))
    if draw is None or not found.point:
        return None
    if symbols(found.function).keys() - set(found.variables):
        return None  # too long to be written as one formula
    f = parse(TEXT(found.function), names=found.variables)
    return draw(f, dict(found.point), found)


def _directions(f: Formula, at: dict[str, float], found: Explanation) -> Picture:
    from chainrule import pictures  # matplotlib is slow to import

    return pictures.directions(f, at, found.direction)


def _tangent(f: Formula, at: dict[str, float], found: Explanation) -> Picture:
    from chainrule import pictures

    return pictures.tangent(f, at)


def _taylor(f: Formula, at: dict[str, float], found: Explanation) -> Picture:
    from chainrule import pictures

    return pictures.taylor(f, at, found.order)


_DRAWN: Mapping[tuple[str, int], Callable[[Formula, dict[str, float], Explanation], Picture]] = {
    ("directional", 2): _directions,
    ("limit", 1): _tangent,
    ("taylor", 1): _taylor,
}
"""By kind and number of variables."""
