"""What an explanation is about, drawn: the picture that its page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.expression import symbols
from chainrule.explaining.styles import TEXT
from chainrule.notation import parse

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
    if not found.point or symbols(found.function).keys() - set(found.variables):
        return None  # at no place, or too long for one formula
    from chainrule import pictures  # matplotlib is slow to import

    f, at = parse(TEXT(found.function), names=found.variables), dict(found.point)
    match found.kind, len(found.variables):
        case "directional", 2:
            return pictures.directions(f, at, found.direction)
        case "limit", 1:
            return pictures.tangent(f, at)
        case "taylor", 1:
            return pictures.taylor(f, at, found.order)
    return None
