"""Schedules: learning rates as functions of the number of steps done, and their succession.

A schedule stands wherever a learning rate is asked for, ``optim.adam(optim.cosine_decay(1e-3,
10_000))``. It counts from 0 and is computed in float64, from the number of steps alone, so that a
run may be continued anywhere.

With ``steps=None`` a schedule takes the whole training, whose length `Schedule.over` tells it. As
a factor on the updates, in `train.fit`, schedules have their default ``value`` of 1.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule import functions
from chainrule.core.errors import ArgumentError, DomainError
from chainrule.optim.common import call_text, checked, checked_count, number_text
from chainrule.optim.scaling import LearningRate
from chainrule.tensor import Tensor, tensor

__all__ = ["Schedule", "constant", "join", "linear_warmup", "rising", "whole_training"]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A learning rate, or a factor, as a function of the number of steps done.

    Args:
        name: what is shown, such as ``"cosine_decay(0.1, steps=100)"``.
        function: from the number of steps, a float64 tensor of shape (), to the rate; traceable.
            None if the schedule has to be told first how long the training is.
        fitted: the schedule for a training of so many steps; None if it does not depend on that.

    >>> from chainrule import optim
    >>> schedule = optim.cosine_decay(0.1, steps=100)
    >>> schedule, schedule(0), round(schedule(50), 12), schedule(100)
    (cosine_decay(0.1, steps=100), 0.1, 0.05, 0.0)
    """

    name: str
    function: Callable[[Tensor], Any] | None = dataclasses.field(repr=False)
    fitted: Callable[[int], Schedule] | None = dataclasses.field(default=None, repr=False)

    def __call__(self, step: Any) -> Any:
        """The value after ``step`` steps: of an int a float, of a tensor a float64 tensor (or a
        float, where it depends on no step).

        Raises:
            DomainError: if the length of the training is not known yet.
        """
        if self.function is None:
            raise DomainError(
                f"{self.name} takes the whole training, whose length it does not know: give it "
                "steps=…, or use its .over(steps)"
            )
        if isinstance(step, Tensor):
            return self.function(functions.astype(step, "float64"))
        return float(self.function(tensor(float(step))))

    def over(self, steps: int) -> Schedule:
        """The schedule for a training of so many steps; itself if it has a length of its own.

        Raises:
            DomainError: if ``steps`` is no integer above 0, or not more than a warm-up takes.

        >>> from chainrule import optim
        >>> optim.linear_warmup(10, then=optim.cosine_decay()).over(100)
        linear_warmup(10, then=cosine_decay(1.0, steps=90))
        """
        checked_count(self.name, "the number of steps of the training", steps)
        return self if self.fitted is None else self.fitted(steps)

    def __repr__(self) -> str:
        return self.name


def whole_training(name: str, fitted: Callable[[int], Schedule]) -> Schedule:
    """A schedule that takes the whole training, from what it is in one of so many steps."""
    return Schedule(name, None, fitted)


def constant(value: float = 1.0) -> Schedule:
    """η(t) = ``value``.

    Raises:
        DomainError: if the value is negative or not finite.

    >>> from chainrule import optim
    >>> optim.constant(0.1)(7)
    0.1
    """
    value = checked("constant", "value", value)
    return Schedule(call_text(constant, f"{value}"), lambda t: value)


# -- one after the other ---------------------------------------------------------------------------


def linear_warmup(steps: int, then: LearningRate = 1.0, *, start: float = 0.0) -> Schedule:
    """η(t) = ``then``(0)·(``start`` + (1 − ``start``)·t / ``steps``), from ``steps`` on ``then``.

    Goyal et al., Accurate, large minibatch SGD, 2017, section 2.2. The schedule that follows
    counts from the end of the warm-up.

    Args:
        steps: how long the warm-up is.
        then: what follows: a schedule, another function of the number of steps, or a number.
        start: the factor at step 0; torch's ``start_factor`` of LinearLR.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> schedule = optim.linear_warmup(10, then=optim.polynomial_decay(1.0, 100))
    >>> [schedule(t) for t in (0, 5, 10, 60)]
    [0.0, 0.5, 1.0, 0.5]
    >>> optim.linear_warmup(10, then=optim.cosine_decay()).over(1000)
    linear_warmup(10, then=cosine_decay(1.0, steps=990))
    """
    steps = checked_count("linear_warmup", "steps", steps)
    start = checked("linear_warmup", "start", start)
    after = _as_schedule(then)
    shown = then if isinstance(then, (int, float)) else after
    name = call_text(linear_warmup, f"{steps}", then=shown, start=start)
    if after.function is None:
        return whole_training(
            name,
            lambda n: linear_warmup(steps, after.over(_rest(name, n, steps)), start=start),
        )

    def rate(t: Tensor) -> Any:
        rising = start + (1 - start) * t / steps
        peak = after(tensor(0.0))
        return functions.where(t < steps, peak * rising, after(functions.maximum(t - steps, 0)))

    return Schedule(name, rate)


def join(schedules: Sequence[LearningRate], boundaries: Sequence[int]) -> Schedule:
    """One schedule after the other, the next one from each boundary on; each counts from 0.

    Torch's SequentialLR. One without a length takes all the steps up to the next boundary, or to
    the end of the training.

    Raises:
        ArgumentError: if there is not one boundary between each two schedules.
        DomainError: if the boundaries do not rise from 1 at least.

    >>> from chainrule import optim
    >>> schedule = optim.join([0.1, optim.cosine_decay(1.0), 0.0], boundaries=[10, 20])
    >>> schedule
    join([0.1, cosine_decay(1.0, steps=10), 0.0], [10, 20])
    >>> [round(schedule(t), 12) for t in (9, 10, 15, 20)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if len(schedules) != len(boundaries) + 1:
        raise ArgumentError(
            f"join takes one boundary between each two schedules: {len(schedules)} schedules, "
            f"{len(boundaries)} boundaries"
        )
    places = rising("join", "boundaries", boundaries)
    starts = [0, *places]
    parts = [_as_schedule(schedule) for schedule in schedules]
    for number, place in enumerate(places):
        parts[number] = parts[number].over(place - starts[number])
    shown = [
        given if isinstance(given, (int, float)) else part
        for given, part in zip(schedules, parts, strict=True)
    ]
    name = call_text(join, f"{shown}", f"{places}")
    last = parts[-1]
    if last.function is None:
        return whole_training(
            name,
            lambda n: join([*parts[:-1], last.over(_rest(name, n, starts[-1]))], places),
        )

    def rate(t: Tensor) -> Any:
        found = parts[0](t)
        for part, start in zip(parts[1:], places, strict=True):
            found = functions.where(t < start, found, part(functions.maximum(t - start, 0)))
        return found

    return Schedule(name, rate)


# -- helpers ---------------------------------------------------------------------------------------


def _as_schedule(rate: LearningRate | Schedule) -> Schedule:
    if isinstance(rate, Schedule):
        return rate
    if callable(rate):
        return Schedule(number_text(rate), rate)
    return constant(rate)


def _rest(name: str, steps: int, before: int) -> int:
    if steps <= before:
        raise DomainError(
            f"{name}: the first {before} steps leave nothing of a training of {steps} steps"
        )
    return steps - before


def rising(function: str, what: str, places: Sequence[int]) -> list[int]:
    """The places, if they are integers that rise from 1 at least."""
    found = [checked_count(function, f"each of the {what}", place) for place in places]
    if any(a >= b for a, b in itertools.pairwise(found)):
        raise DomainError(f"{function}: the {what} must rise, they are {found}")
    return found
