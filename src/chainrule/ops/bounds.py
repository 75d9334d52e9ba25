"""What records say about intervals: signs, sides and the curvature that follows from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.ops.record import Curvature, Monotone

Bounds = tuple[Any, Any]
"""Lower and upper bounds of each element."""


def sign_of(interval: Bounds) -> Monotone:
    """How c·x moves with x when c lies in ``interval``; None where the sign of c is open."""
    lo, hi = interval
    if np.all(lo >= 0) and np.all(hi <= 0):
        return "constant"
    if np.all(lo >= 0):
        return "increasing"
    return "decreasing" if np.all(hi <= 0) else None


def flipped(monotone: Monotone) -> Monotone:
    """The monotonicity of -f from that of f."""
    if monotone == "increasing":
        return "decreasing"
    return "increasing" if monotone == "decreasing" else monotone


def excludes_zero(interval: Bounds) -> bool:
    """Whether each element's interval lies on one side of zero."""
    return bool(np.all((interval[0] > 0) | (interval[1] < 0)))


def by_side(below: Curvature, above: Curvature) -> Callable[..., Curvature]:
    """The curvature of a function that bends one way on x ≤ 0 and another way on x ≥ 0."""

    def curvature(x: Bounds, *_: Any) -> Curvature:
        if np.all(x[0] >= 0):
            return above
        return below if np.all(x[1] <= 0) else None

    return curvature
