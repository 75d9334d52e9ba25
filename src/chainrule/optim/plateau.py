"""Smaller steps once the loss stops to fall."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

from chainrule import functions
from chainrule.core.errors import ArgumentError, DomainError, GradientError
from chainrule.optim.common import call_text, checked, checked_count
from chainrule.optim.scaling import scaled
from chainrule.optim.transform import Optimizer, Problem
from chainrule.tensor import Tensor, tensor

__all__ = ["PlateauState", "reduce_on_plateau"]


@dataclasses.dataclass(frozen=True)
class PlateauState:
    """What `reduce_on_plateau` remembers; tensors of shape ().

    Attributes:
        scale: what updates are multiplied by.
        best: the best mean seen so far.
        wait: how many means in a row were no better.
        cooldown: for how many means none is counted.
        total: the sum of the losses since the last mean, and ``seen`` their number.
    """

    scale: Tensor
    best: Tensor
    wait: Tensor
    cooldown: Tensor
    total: Tensor
    seen: Tensor


def reduce_on_plateau(
    *,
    mode: Literal["min", "max"] = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: int = 0,
    min_scale: float = 0.0,
    eps: float = 1e-8,
    every: int = 1,
) -> Optimizer:
    """s·u, where s becomes ``factor`` times smaller when the loss is no better ``patience`` times.

    The loss is the mean over ``every`` steps, from ``problem.value``. The rules, and their names,
    are those of torch's ReduceLROnPlateau, stepped with that mean before the optimizer; they act on
    a factor, so that ``min_scale`` and ``eps`` are its ``min_lr`` and ``eps`` for a learning rate
    of 1. It belongs at the end of a chain. For a metric on validation data a callback changes a
    `scale_by_factor` instead.

    Args:
        mode: whether a smaller value is better, "min", or a larger one.
        factor: at least 0 and below 1.
        patience: so many means that are no better are allowed.
        threshold: how much better counts; of the best value ("rel") or as it is ("abs").
        threshold_mode: see there.
        cooldown: after a reduction so many means are not counted.
        min_scale: the scale never gets below.
        eps: a reduction by no more than that is not made.
        every: how many steps there are to a mean.

    Raises:
        DomainError: for values out of range.
        ArgumentError: for another mode.

    Raises (the step):
        GradientError: if the loss is not given.

    >>> import chainrule as cr
    >>> piece = cr.optim.reduce_on_plateau(factor=0.5, patience=1)
    >>> state = piece.init(None)
    >>> loss = cr.optim.Problem(lambda w: w, lambda w: w * w, value=cr.tensor(3.0))
    >>> for _ in range(4):
    ...     updates, state = piece.update(cr.tensor([1.0]), state, None, loss)
    ...     print(updates.item())
    1.0
    1.0
    0.5
    0.5
    """
    own = "reduce_on_plateau"
    if mode not in ("min", "max"):
        raise ArgumentError(f"{own}: mode is 'min' or 'max', not {mode!r}")
    if threshold_mode not in ("rel", "abs"):
        raise ArgumentError(f"{own}: threshold_mode is 'rel' or 'abs', not {threshold_mode!r}")
    if not 0 <= factor < 1:
        raise DomainError(f"{own}: factor is at least 0 and below 1, not {factor!r}")
    patience = checked_count(own, "patience", patience, 0)
    threshold = checked(own, "threshold", threshold)
    cooldown = checked_count(own, "cooldown", cooldown, 0)
    min_scale = checked(own, "min_scale", min_scale)
    eps = checked(own, "eps", eps)
    every = checked_count(own, "every", every)
    name = call_text(
        reduce_on_plateau,
        mode=mode,
        factor=factor,
        patience=patience,
        threshold=threshold,
        threshold_mode=threshold_mode,
        cooldown=cooldown,
        min_scale=min_scale,
        eps=eps,
        every=every,
    )
    sign = 1.0 if mode == "min" else -1.0

    def bound(best: Tensor) -> Tensor:
        """What a value has to be better than."""
        if threshold_mode == "abs":
            return best - sign * threshold
        return best * (1.0 - sign * threshold)

    def init(params: Any) -> PlateauState:
        nothing = tensor(0)
        return PlateauState(
            tensor(1.0), tensor(sign * math.inf), nothing, nothing, tensor(0.0), nothing
        )

    def measured(state: PlateauState, mean: Tensor) -> PlateauState:
        """The state after one mean, as ReduceLROnPlateau.step has it."""
        better = sign * mean < sign * bound(state.best)
        cooling = state.cooldown > 0
        wait = functions.where(better | cooling, 0, state.wait + 1)
        due = wait > patience
        smaller = functions.maximum(state.scale * factor, min_scale)
        return PlateauState(
            functions.where(due & (state.scale - smaller > eps), smaller, state.scale),
            functions.where(better, mean, state.best),
            functions.where(due, 0, wait),
            functions.where(due, cooldown, functions.maximum(state.cooldown - 1, 0)),
            tensor(0.0),
            tensor(0),
        )

    def step(
        grads: Any, state: PlateauState, params: Any, problem: Problem | None
    ) -> tuple[Any, PlateauState]:
        if problem is None or problem.value is None:
            raise GradientError(
                f"{name} needs the loss: give update(…, problem=Problem(…, value=loss)), as "
                "train.fit does"
            )
        total = state.total + functions.astype(problem.value.detach(), "float64")
        seen = state.seen + 1
        waiting = dataclasses.replace(state, total=total, seen=seen)
        after = measured(state, total / every)
        if every > 1:
            after = _chosen(seen == every, after, waiting)
        return scaled(name, after.scale, grads), after

    return Optimizer(name, init, step)


def _chosen(condition: Tensor, a: PlateauState, b: PlateauState) -> PlateauState:
    return PlateauState(
        *(
            functions.where(condition, getattr(a, field.name), getattr(b, field.name))
            for field in dataclasses.fields(PlateauState)
        )
    )
