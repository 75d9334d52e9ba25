"""What several experiments share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.lessons.evidence import Rng
from chainrule.rules.flops import flops

__all__ = ["angle", "descend", "key", "operations", "steps_of", "tail"]


def key(rng: Rng) -> cr.Tensor:
    """A key for `cr.random` and for layers."""
    return cr.random.key(int(rng.integers(2**31)))


def angle(a: Any, b: Any) -> float:
    """The angle between two vectors, in degrees; exact also where it is tiny.

    >>> angle([1.0, 0.0], [0.0, 2.0])
    90.0
    """
    a, b = (np.asarray(v, dtype=float) / np.linalg.norm(v) for v in (a, b))
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))


def steps_of(
    loss: Callable[[Any], cr.Tensor], start: Any, optimizer: cr.optim.Optimizer
) -> Iterator[Any]:
    """The parameters of a descent, one after the other and without end; the first is the start."""
    params, state = start, optimizer.init(start)
    gradient = cr.grad(loss)
    while True:
        yield params
        updates, state = optimizer.update(gradient(params), state, params)
        params = cr.optim.apply_updates(params, updates)


def descend(
    loss: Callable[[Any], cr.Tensor], start: Any, optimizer: cr.optim.Optimizer, steps: int
) -> Any:
    """The parameters after ``steps`` steps.

    >>> import chainrule as cr
    >>> descend(lambda w: (w - 3) ** 2, cr.tensor(0.0), cr.optim.sgd(0.5), steps=1)
    tensor(3.)
    """
    return next(islice(steps_of(loss, start, optimizer), steps, None))


def operations(f: Callable[..., Any], *args: Any) -> int:
    """How many floating-point operations a function takes, counted in its graph.

    >>> import chainrule as cr
    >>> operations(lambda a, b: a @ b, cr.ones((2, 3)), cr.ones((3, 4)))
    48
    """
    return sum(flops(node) for node in cr.trace(f, *args).graph.nodes)


def tail(deviations: float) -> float:
    """The probability that a normal variable is off its mean by so many standard deviations.

    >>> round(tail(1.96), 3)
    0.05
    """
    return math.erfc(deviations / math.sqrt(2))
