"""Where a picture looks, if nobody says: far enough to see the shape, near enough for the point."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError
from chainrule.pictures.subject import Subject, Values

__all__ = ["chosen_width", "span", "visible"]

_TURNS = 4  # of a curve that is still easy to follow
_SAMPLES = 401


def chosen_width(subject: Subject, width: float | None, wide: bool = False) -> float:
    """Half the width of the picture: as asked, or as the function suggests.

    Args:
        subject: the function and the point.
        width: what was asked for, or None.
        wide: whether to look twice as far where the function does not grow much there.

    Raises:
        ArgumentError: if it is not a positive number.
    """
    if width is not None:
        if not (isinstance(width, Real) and np.isfinite(float(width)) and width > 0):
            raise ArgumentError(
                f"{subject.picture}: width is half the width of the picture, a positive number, "
                f"not {width!r}"
            )
        return float(width)
    found = max(2.0, float(np.max(np.abs(subject.point))))
    lines = [_line(subject, axis) for axis in range(len(subject.point))]
    while found > 1e-6 and any(_turns(line, found) > _TURNS for line in lines):
        found /= 2
    if wide and all(_turns(line, 2 * found) <= _TURNS for line in lines):
        near, far = (max(span(line(_steps(w))) for line in lines) for w in (found, 2 * found))
        if far <= 2.5 * near:
            found *= 2
    return found


def _line(subject: Subject, axis: int) -> Callable[[Values], Values]:
    def along(steps: Values) -> Values:
        coordinates: list[Any] = list(subject.point)
        coordinates[axis] = subject.point[axis] + steps
        return subject.values(*coordinates)

    return along


def _steps(width: float) -> Values:
    return np.linspace(-width, width, _SAMPLES)


def _turns(line: Callable[[Values], Values], width: float) -> int:
    """How often the curve changes between rising and falling."""
    values = line(_steps(width))
    moves = np.diff(values[np.isfinite(values)])
    signs = np.sign(moves[np.abs(moves) > 1e-9 * max(span(values), 1e-300)])
    return int(np.sum(signs[1:] != signs[:-1]))


def span(values: Values) -> float:
    """The largest minus the smallest value; 0 if there are none."""
    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) if finite.size else 0.0


def visible(values: Values, room: float = 3.0) -> tuple[float, float]:
    """Limits for an axis of values: all of them, unless those far from the point run away.

    Args:
        values: along an axis with the point in the middle.
        room: how many times the span of the inner quarter is shown above and below it.
    """
    eighth = len(values) // 8
    inner = values[3 * eighth : len(values) - 3 * eighth]
    inner, every = inner[np.isfinite(inner)], values[np.isfinite(values)]
    least, most = np.quantile(inner, [0.02, 0.98])  # the rest may belong to a pole
    size = float(most - least) or max(1.0, abs(float(most)))
    low = max(float(least) - room * size, float(every.min()))
    high = min(float(most) + room * size, float(every.max()))
    margin = 0.08 * max(high - low, 0.5 * size)
    return low - margin, high + margin
