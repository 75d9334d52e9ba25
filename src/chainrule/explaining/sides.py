"""Where a function has no derivative, or another than the engine takes: what holds on each side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["not_smooth", "one_sided", "rounded"]

Along = Callable[[float], float]
"""A quantity as a function of the signed step away from the point."""

_NEAR, _FAR = 1e-7, 1e-5
_JUMP = 1e-3
_SCALES = (1.0, 1e-3, 1e-6)
_EPSILON = float(np.finfo(np.float64).eps)


def one_sided(value: Along, slope: Along, scale: float = 1.0) -> list[str]:
    """What the function does on the left and on the right of the point.

    Nothing if the slope is its derivative. One line if it has a derivative which the slope at the
    point itself, taken by conventions at kinks, is not; else a line for each side.

    Args:
        value: the function, by the step from the point.
        slope: its derivative as the engine computes it, by the step.
        scale: the size of the variable, by which steps are multiplied.

    >>> import math
    >>> one_sided(abs, lambda t: math.copysign(1.0, t))
    ['the derivative from the left is -1', 'the derivative from the right is 1']
    >>> one_sided(lambda t: t, lambda t: 1.0 if t else 0.0)
    ['the derivative from both sides is 1']
    >>> one_sided(lambda t: math.exp(1e5 * t), lambda t: 1e5 * math.exp(1e5 * t))
    []
    """
    change = abs(slope(0.0)) * scale * _EPSILON
    if np.isfinite(change) and change > _JUMP * max(1.0, abs(value(0.0))):
        return []  # it changes too much from one number to the next for sides to be seen
    found = [_judged(value, slope, scale * shrunk) for shrunk in _SCALES]
    return found[0] if all(found) else []


def _judged(value: Along, slope: Along, scale: float) -> list[str]:
    """The same at one scale, at which a smooth function may still bend too much."""
    middle = value(0.0)
    words, slopes = [], []
    for side, sign in (("left", -scale), ("right", scale)):
        near, far = (slope(sign * step) for step in (_NEAR, _FAR))
        beside = value(sign * _NEAR)
        if not np.isfinite(beside):
            words.append(f"there is no value on the {side}")
            slopes.append(np.nan)
        elif abs(beside - middle) > _JUMP * max(1.0, abs(middle)) and abs(near) < _JUMP / _NEAR:
            words.append(f"the function jumps on the {side}")
            slopes.append(np.inf)
        elif not np.isfinite(near) or abs(near) > 4 * abs(far) + 10:
            words.append(f"the slope on the {side} is infinite")
            slopes.append(np.inf)
        else:
            limit = near + (near - far) * _NEAR / (_FAR - _NEAR)
            words.append(f"the derivative from the {side} is {rounded(limit)}")
            slopes.append(limit)
    left, right = slopes
    smooth = np.isfinite(left) and np.isfinite(right)
    if smooth and abs(left - right) <= 1e-4 * max(1.0, abs(left), abs(right)):
        meets = abs(slope(0.0) - right) <= 1e-4 * max(1.0, abs(right))
        return [] if meets else [f"the derivative from both sides is {rounded(right)}"]
    return words


def not_smooth(words: Sequence[str]) -> str:
    """What the words of `one_sided` come to, after "the function".

    >>> not_smooth(["the derivative from both sides is 1"])
    'has a derivative that conventions at kinks do not give'
    """
    if len(words) == 1:
        return "has a derivative that conventions at kinks do not give"
    return "is not differentiable"


def rounded(value: float) -> str:
    """Six digits; what is rounding alone is 0."""
    text = f"{value:.6g}"
    return "0" if text in ("-0", "0") or abs(value) < 1e-6 else text
