"""Pieces that multiply updates by a number: a learning rate, a schedule, a factor in the state."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from chainrule.core.errors import ArgumentError
from chainrule.optim.common import checked, in_dtype_of, number_text
from chainrule.optim.transform import Optimizer, Problem, map_leaves, stateless
from chainrule.tensor import Tensor, tensor

__all__ = [
    "FactorState",
    "LearningRate",
    "ScheduleState",
    "scale_by_factor",
    "scale_by_learning_rate",
    "scale_by_schedule",
    "scaled",
]

LearningRate = float | Callable[[Tensor], Any]
"""A number, or a schedule: the learning rate as a function of the number of steps done."""


@dataclasses.dataclass(frozen=True)
class ScheduleState:
    """The number of steps done."""

    count: Tensor


def scale_by_learning_rate(learning_rate: LearningRate) -> Optimizer:
    """−η·g, the step down the slope; η is a number or a schedule.

    Raises:
        DomainError: if η is negative.

    >>> from chainrule import optim
    >>> halving = optim.sgd(lambda step: 0.1 * 0.5 ** (step // 1000))
    >>> optim.scale_by_learning_rate(optim.cosine_decay(0.1, steps=1000))
    scale_by_learning_rate(cosine_decay(0.1, steps=1000))
    """
    name = f"scale_by_learning_rate({number_text(learning_rate)})"
    if callable(learning_rate):
        return _scheduled(name, lambda count: -learning_rate(count))
    rate = checked("scale_by_learning_rate", "learning_rate", learning_rate)
    return stateless(name, lambda grads, params: map_leaves(name, lambda g: -rate * g, grads))


def scale_by_schedule(schedule: Callable[[Tensor], Any]) -> Optimizer:
    """s(t)·u, updates times a factor that depends on the number t of steps done.

    Raises:
        ArgumentError: if ``schedule`` is no function of the number of steps.

    >>> import chainrule as cr
    >>> piece = cr.optim.scale_by_schedule(cr.optim.linear_warmup(4))
    >>> state = piece.init(None)
    >>> for _ in range(3):
    ...     updates, state = piece.update(cr.tensor([8.0]), state, None)
    ...     print(updates.item())
    0.0
    2.0
    4.0
    """
    if not callable(schedule):
        raise ArgumentError(
            f"scale_by_schedule takes a schedule such as optim.cosine_decay(), not {schedule!r}"
        )
    return _scheduled(f"scale_by_schedule({number_text(schedule)})", schedule)


def _scheduled(name: str, factor: Callable[[Tensor], Any]) -> Optimizer:
    def init(params: Any) -> ScheduleState:
        return ScheduleState(tensor(0))

    def step(
        grads: Any, state: ScheduleState, params: Any, problem: Problem | None
    ) -> tuple[Any, ScheduleState]:
        return scaled(name, factor(state.count), grads), ScheduleState(state.count + 1)

    return Optimizer(name, init, step)


@dataclasses.dataclass(frozen=True)
class FactorState:
    """A number by which updates are multiplied, shape (), float64."""

    factor: Tensor


def scale_by_factor(factor: float = 1.0) -> Optimizer:
    """s·u, updates times a factor s that is kept in the state, where others may replace it.

    So a callback can slow training down without compiling the step anew.

    Raises:
        DomainError: if the factor is negative or not finite.

    >>> import chainrule as cr
    >>> piece = cr.optim.scale_by_factor()
    >>> state = piece.init(None)
    >>> state = cr.optim.FactorState(state.factor * 0.1)
    >>> piece.update(cr.tensor([2.0]), state, None)[0]
    tensor([0.2])
    """
    start = float(checked("scale_by_factor", "factor", factor))
    name = "scale_by_factor()" if start == 1 else f"scale_by_factor({factor})"
    return Optimizer(
        name,
        lambda params: FactorState(tensor(start)),
        lambda grads, state, params, problem: (scaled(name, state.factor, grads), state),
    )


def scaled(name: str, factor: Any, updates: Any) -> Any:
    """All leaves times one number or scalar tensor, in the dtypes of the leaves."""
    return map_leaves(name, lambda u: in_dtype_of(u, factor) * u, updates)
