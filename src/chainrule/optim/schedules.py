"""Schedules by name; what they are and how they follow one another is in `schedule`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from chainrule import functions
from chainrule.core.errors import ArgumentError, DomainError
from chainrule.optim.common import call_text, checked, checked_count, checked_positive
from chainrule.optim.schedule import Schedule, rising, whole_training
from chainrule.tensor import Tensor, tensor

__all__ = [
    "cosine_decay",
    "cosine_restarts",
    "exponential_decay",
    "inverse_sqrt",
    "multi_step",
    "one_cycle",
    "polynomial_decay",
    "step_decay",
]


def step_decay(value: float = 1.0, *, every: int, factor: float = 0.1) -> Schedule:
    """η(t) = ``value`` · ``factor``^⌊t / ``every``⌋; `torch.optim.lr_scheduler.StepLR`.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> schedule = optim.step_decay(1.0, every=10, factor=0.5)
    >>> [schedule(t) for t in (0, 9, 10, 25)]
    [1.0, 1.0, 0.5, 0.25]
    """
    value = checked("step_decay", "value", value)
    every = checked_count("step_decay", "every", every)
    factor = checked("step_decay", "factor", factor)
    name = call_text(step_decay, f"{value}", every=every, factor=factor)
    return Schedule(name, lambda t: value * _power(factor, t // every))


def multi_step(value: float = 1.0, *, milestones: Sequence[int], factor: float = 0.1) -> Schedule:
    """η(t) = ``value`` · ``factor``^(number of milestones ≤ t); torch's MultiStepLR.

    Raises:
        DomainError: for values out of range, or milestones that do not rise.

    >>> from chainrule import optim
    >>> schedule = optim.multi_step(1.0, milestones=[30, 80])
    >>> [round(schedule(t), 12) for t in (29, 30, 100)]
    [1.0, 0.1, 0.01]
    """
    value = checked("multi_step", "value", value)
    factor = checked("multi_step", "factor", factor)
    places = rising("multi_step", "milestones", milestones)
    name = call_text(multi_step, f"{value}", milestones=list(milestones), factor=factor)
    return Schedule(name, lambda t: value * _power(factor, (t >= tensor(places)).sum()))


def exponential_decay(
    value: float = 1.0, *, factor: float = 0.01, steps: int | None = None
) -> Schedule:
    """η(t) = ``value`` · ``factor``^(t / ``steps``): by ``factor`` smaller every ``steps`` steps.

    Torch's ExponentialLR is that with ``steps=1``.

    Args:
        value: at the start.
        factor: above 0.
        steps: in how many steps; None for the whole training.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> optim.exponential_decay(1.0, factor=0.25, steps=10)(5)
    0.5
    """
    value = checked("exponential_decay", "value", value)
    factor = checked_positive("exponential_decay", "factor", factor)
    name = call_text(exponential_decay, f"{value}", factor=factor, steps=steps)
    if steps is None:
        return whole_training(name, lambda n: exponential_decay(value, factor=factor, steps=n))
    length = checked_count("exponential_decay", "steps", steps)
    return Schedule(name, lambda t: value * _power(factor, t / length))


def polynomial_decay(
    value: float = 1.0, steps: int | None = None, *, power: float = 1.0, end: float = 0.0
) -> Schedule:
    """η(t) = ``end`` + (``value`` − ``end``)·(1 − t / ``steps``)^``power``, then ``end``.

    With power 1 it is a straight line. Torch's PolynomialLR is that with ``end=0``.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> schedule = optim.polynomial_decay(1.0, 10, power=2.0)
    >>> [schedule(t) for t in (0, 5, 10, 11)]
    [1.0, 0.25, 0.0, 0.0]
    """
    value = checked("polynomial_decay", "value", value)
    power = checked_positive("polynomial_decay", "power", power)
    end = checked("polynomial_decay", "end", end)
    name = call_text(polynomial_decay, f"{value}", steps=steps, power=power, end=end)
    if steps is None:
        return whole_training(name, lambda n: polynomial_decay(value, n, power=power, end=end))
    length = checked_count("polynomial_decay", "steps", steps)

    def rate(t: Tensor) -> Tensor:
        return end + (value - end) * (1.0 - functions.minimum(t, length) / length) ** power

    return Schedule(name, rate)


def cosine_decay(value: float = 1.0, steps: int | None = None, *, end: float = 0.0) -> Schedule:
    """η(t) = ``end`` + (``value`` − ``end``)·(1 + cos(π·t / ``steps``)) / 2, then ``end``.

    Loshchilov and Hutter, SGDR, 2017 (ICLR), equation 5, without restarts; torch's
    CosineAnnealingLR, which however rises again after ``steps``.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> schedule = optim.cosine_decay(0.2, 100, end=0.1)
    >>> [round(schedule(t), 12) for t in (0, 50, 100, 150)]
    [0.2, 0.15, 0.1, 0.1]
    """
    value = checked("cosine_decay", "value", value)
    end = checked("cosine_decay", "end", end)
    name = call_text(cosine_decay, f"{value}", steps=steps, end=end)
    if steps is None:
        return whole_training(name, lambda n: cosine_decay(value, n, end=end))
    length = checked_count("cosine_decay", "steps", steps)
    return Schedule(
        name, lambda t: _annealed("cos", value, end, functions.minimum(t, length) / length)
    )


def cosine_restarts(
    value: float = 1.0, *, steps: int, multiple: int = 1, end: float = 0.0
) -> Schedule:
    """η(t) = ``end`` + (``value`` − ``end``)·(1 + cos(π·s / T)) / 2, s steps after a restart.

    The first period T is ``steps``, each further one ``multiple`` times as long. Loshchilov and
    Hutter, SGDR, 2017 (ICLR), equation 5; torch's CosineAnnealingWarmRestarts.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> schedule = optim.cosine_restarts(1.0, steps=10, multiple=2)
    >>> [round(schedule(t), 12) for t in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    value = checked("cosine_restarts", "value", value)
    steps = checked_count("cosine_restarts", "steps", steps)
    multiple = checked_count("cosine_restarts", "multiple", multiple)
    end = checked("cosine_restarts", "end", end)
    name = call_text(cosine_restarts, f"{value}", steps=steps, multiple=multiple, end=end)

    def rate(t: Tensor) -> Tensor:
        start = t // steps * steps if multiple == 1 else _last(restarts, t)
        # after Σ T·mᵏ steps the next period is T more than m − 1 times that
        period = steps if multiple == 1 else (multiple - 1) * start + steps
        return _annealed("cos", value, end, (t - start) / period)

    restarts = [0]
    while multiple > 1 and restarts[-1] < _COUNTED:
        restarts.append(multiple * restarts[-1] + steps)
    return Schedule(name, rate)


_COUNTED = 2**53
"""The number of steps from which float64 does not count them one by one."""


def inverse_sqrt(value: float = 1.0, *, warmup: int = 1) -> Schedule:
    """η(t) = ``value``·min(n / ``warmup``, √(``warmup`` / n)) at step n = t + 1.

    It rises to ``value`` at step ``warmup`` and falls like 1/√n from there. Vaswani et al.,
    Attention is all you need, 2017, equation 3, where the value is (d·warmup)^−½ for layers of
    width d.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> schedule = optim.inverse_sqrt(1.0, warmup=100)
    >>> schedule(49), schedule(99), schedule(399)
    (0.5, 1.0, 0.5)
    """
    value = checked("inverse_sqrt", "value", value)
    warmup = checked_count("inverse_sqrt", "warmup", warmup)

    def rate(t: Tensor) -> Tensor:
        n = t + 1
        return value * functions.minimum(n / warmup, functions.sqrt(warmup / n))

    return Schedule(call_text(inverse_sqrt, f"{value}", warmup=warmup), rate)


def one_cycle(
    value: float = 1.0,
    steps: int | None = None,
    *,
    pct_start: float = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """Up to ``value`` and down again, once: Smith and Topin, Super-convergence, 2018.

    From ``value / div_factor`` up to ``value`` in the first ``pct_start`` of the steps, then down
    to ``value / div_factor / final_div_factor`` at the last one. In three phases the way down first
    leads back to the start, in as many steps as the way up. The arguments, and the learning rates,
    are those of torch's OneCycleLR, which also moves momentum; here that stays as it is.

    Args:
        value: the peak.
        steps: how many there are; None for the whole training.
        pct_start: which part of them goes up, from 0 to 1; with three phases at most ½.
        anneal_strategy: "cos", half a wave of a cosine, or "linear".
        div_factor, final_div_factor: see above.
        three_phase: whether there are three.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> schedule = optim.one_cycle(1.0, 100, div_factor=10.0)
    >>> [round(schedule(t), 6) for t in (0, 29, 99)]
    [0.1, 1.0, 1e-05]
    """
    value = checked("one_cycle", "value", value)
    most = 0.5 if three_phase else 1.0
    if not 0 <= pct_start <= most:
        raise DomainError(f"one_cycle: pct_start is from 0 to {most}, not {pct_start!r}")
    if anneal_strategy not in ("cos", "linear"):
        raise ArgumentError(
            f"one_cycle: anneal_strategy is 'cos' or 'linear', not {anneal_strategy!r}"
        )
    div_factor = checked_positive("one_cycle", "div_factor", div_factor)
    final_div_factor = checked_positive("one_cycle", "final_div_factor", final_div_factor)
    options: dict[str, Any] = {
        "pct_start": pct_start,
        "anneal_strategy": anneal_strategy,
        "div_factor": div_factor,
        "final_div_factor": final_div_factor,
        "three_phase": three_phase,
    }
    name = call_text(one_cycle, f"{value}", steps=steps, **options)
    if steps is None:
        return whole_training(name, lambda n: one_cycle(value, n, **options))
    last = checked_count("one_cycle", "steps", steps) - 1
    low = value / div_factor
    up = pct_start * steps
    ends = [up - 1, 2 * up - 2, last] if three_phase else [up - 1, last]
    values = [low, value, low, low / final_div_factor] if three_phase else [low, value]
    values = values if three_phase else [*values, low / final_div_factor]

    def rate(t: Tensor) -> Tensor:
        t = functions.minimum(t, last)
        starts = [0.0, *ends[:-1]]
        phases = [
            _annealed(anneal_strategy, values[i], values[i + 1], (t - start) / ((end - start) or 1))
            for i, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]
        found = phases[-1]
        for phase, end in reversed(list(zip(phases[:-1], ends[:-1], strict=True))):
            found = functions.where(t <= end, phase, found)
        return found

    return Schedule(name, rate)


# -- helpers ---------------------------------------------------------------------------------------


def _power(base: float, exponent: Tensor) -> Tensor:
    """baseᵉ in float64; 0⁰ is 1."""
    return functions.astype(tensor(base), "float64") ** functions.astype(exponent, "float64")


def _annealed(strategy: str, start: float, end: float, part: Tensor) -> Tensor:
    """From ``start`` (part 0) to ``end`` (part 1)."""
    if strategy == "linear":
        return start + (end - start) * part
    return end + (start - end) * (1 + functions.cos(math.pi * part)) / 2


def _last(places: Sequence[int], t: Tensor) -> Tensor:
    """The last of the rising places that is not above t."""
    known = functions.astype(tensor(list(places)), "float64")
    found: Tensor = functions.where(known <= t, known, 0.0).max()
    return found
