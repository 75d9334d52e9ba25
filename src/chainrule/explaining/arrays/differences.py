"""Derivatives held against finite differences, along random directions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.explaining.explanation import Explanation
from chainrule.tensor import tensor

__all__ = ["worst_difference"]

_STEP = 1e-5


def worst_difference(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    wrt: Sequence[str],
    found: Explanation,
    seed: Any = None,
) -> float:
    """The largest relative error of the results against central differences.

    For each argument of ``wrt``, in the order of the results, along three random directions.
    """
    rng = np.random.default_rng(0)
    names = list(inspect.signature(function).parameters)
    weight = 1.0 if seed is None else np.asarray(seed)
    worst = 0.0
    for name, result in zip(wrt, found.results, strict=True):
        place = names.index(name)
        x, gradient = np.asarray(arguments[place], np.float64), np.asarray(result.value)

        def value(moved: Any, place: int = place) -> float:
            given = [*arguments[:place], moved, *arguments[place + 1 :]]
            y = function(*[tensor(np.asarray(one)) for one in given])
            return float(np.sum(weight * y.numpy()))

        for _ in range(3):
            direction = rng.normal(size=x.shape)
            ahead, behind = (value(x + h * direction) for h in (_STEP, -_STEP))
            slope = float(np.sum(gradient * direction))
            size = float(np.sum(np.abs(gradient * direction))) + 1e-3
            worst = max(worst, abs((ahead - behind) / (2 * _STEP) - slope) / size)
    return worst
