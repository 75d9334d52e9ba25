"""Wrappers that decide when an optimizer steps: after several gradients, or only on good ones."""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.control import cond
from chainrule.core.tree import flatten
from chainrule.optim.common import checked_count, zeros
from chainrule.optim.transform import Optimizer, Problem, map_leaves, widened
from chainrule.tensor import Tensor, tensor

__all__ = ["AccumulateState", "SkipState", "accumulate", "skip_non_finite"]


@dataclasses.dataclass(frozen=True)
class AccumulateState:
    """The number of gradients since the last step, their sum, and the state of the optimizer."""

    count: Tensor
    total: Any
    inner: Any


def accumulate(optimizer: Optimizer, *, every: int) -> Optimizer:
    """A step of ``optimizer`` with the mean of ``every`` gradients; updates of zero in between.

    For losses that are means over a batch this equals steps with batches ``every`` times as large.
    The schedules of ``optimizer`` count its own steps. It is not given the `Problem`, which would
    be that of the last batch alone.

    Args:
        optimizer: what takes the steps.
        every: how many gradients there are to a step.

    Raises:
        DomainError: if ``every`` is no integer above 0.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.accumulate(cr.optim.sgd(1.0), every=2)
    >>> w = cr.tensor([5.0])
    >>> state = optimizer.init(w)
    >>> for g in (1.0, 3.0):
    ...     updates, state = optimizer.update(cr.tensor([g]), state, w)
    ...     print(updates)
    tensor([0.])
    tensor([-2.])
    """
    every = checked_count("accumulate", "every", every)
    name = f"accumulate({optimizer!r}, every={every})"

    def init(params: Any) -> AccumulateState:
        return AccumulateState(tensor(0), map_leaves(name, zeros, params), optimizer.init(params))

    def step(
        grads: Any, state: AccumulateState, params: Any, problem: Problem | None
    ) -> tuple[Any, AccumulateState]:
        total = map_leaves(name, lambda t, g: t + widened(g), state.total, grads)

        def taken(total: Any, inner: Any) -> tuple[Any, Any, Any]:
            mean = map_leaves(name, lambda t, g: functions.astype(t / every, g.dtype), total, grads)
            updates, inner = optimizer.update(mean, inner, params)
            return updates, inner, map_leaves(name, functions.zeros_like, total)

        def waited(total: Any, inner: Any) -> tuple[Any, Any, Any]:
            return map_leaves(name, functions.zeros_like, grads), inner, total

        count = state.count + 1
        updates, inner, total = cond(count == every, taken, waited, total, state.inner)
        return updates, AccumulateState(count % every, total, inner)

    return Optimizer(name, init, step)


@dataclasses.dataclass(frozen=True)
class SkipState:
    """How many steps were skipped, in a row up to now and in all, and the optimizer's state."""

    consecutive: Tensor
    skipped: Tensor
    inner: Any


def skip_non_finite(optimizer: Optimizer, *, max_consecutive: int = 10) -> Optimizer:
    """``optimizer``, except that a gradient with a NaN or an infinity changes nothing.

    Without it such a gradient goes on into the parameters, and `train.fit` stops: a NaN is a
    mistake to be found. Skipping is for the few batches whose gradient overflows, as with float16.
    After ``max_consecutive`` steps skipped in a row the next bad gradient is let through, so that a
    run that is lost fails loudly; a loss that is itself no number still ends a `train.fit`.

    Args:
        optimizer: what takes the other steps. Its state, schedules and moments among it, stays
            as it is when a step is skipped.
        max_consecutive: how many steps in a row may be skipped.

    Raises:
        DomainError: if ``max_consecutive`` is no integer above 0.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.skip_non_finite(cr.optim.sgd(1.0), max_consecutive=1)
    >>> w = cr.tensor([1.0])
    >>> state = optimizer.init(w)
    >>> for g in (float("nan"), 2.0, float("inf"), float("inf")):
    ...     updates, state = optimizer.update(cr.tensor([g]), state, w)
    ...     print(updates.item(), state.skipped.item())
    0.0 1
    -2.0 1
    0.0 2
    -inf 2
    """
    max_consecutive = checked_count("skip_non_finite", "max_consecutive", max_consecutive)
    name = f"skip_non_finite({optimizer!r}, max_consecutive={max_consecutive})"

    def init(params: Any) -> SkipState:
        return SkipState(tensor(0), tensor(0), optimizer.init(params))

    def step(
        grads: Any, state: SkipState, params: Any, problem: Problem | None
    ) -> tuple[Any, SkipState]:
        def taken(inner: Any) -> tuple[Any, Any]:
            updates, inner = optimizer.update(grads, inner, params, problem)
            return updates, inner

        def skipped(inner: Any) -> tuple[Any, Any]:
            return map_leaves(name, functions.zeros_like, grads), inner

        goes = _all_finite(grads) | (state.consecutive >= max_consecutive)
        updates, inner = cond(goes, taken, skipped, state.inner)
        bad = functions.where(goes, 0, 1)
        return updates, SkipState((state.consecutive + 1) * bad, state.skipped + bad, inner)

    return Optimizer(name, init, step)


def _all_finite(grads: Any) -> Tensor:
    finite = tensor(True)
    for leaf in flatten(grads)[0]:
        finite = finite & functions.isfinite(leaf).all()
    return finite
