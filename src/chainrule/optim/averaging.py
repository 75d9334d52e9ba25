"""Averages of the parameters over the steps, which often generalise better than the last ones.

They are kept in the state of a piece at the end of a chain, and do not change the training;
`averaged` finds them there. Statistics that a network keeps of its activations, as batch
normalisation does, are those of the last parameters.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.core.errors import ArgumentError, DomainError
from chainrule.optim.common import call_text, checked_count, checked_rate
from chainrule.optim.transform import Optimizer, Problem, map_leaves, widened
from chainrule.tensor import Tensor, tensor

__all__ = ["AverageState", "LookaheadState", "averaged", "ema", "lookahead", "swa"]


@dataclasses.dataclass(frozen=True)
class AverageState:
    """The number of steps done, and the average of the parameters; of float16 ones in float32."""

    count: Tensor
    average: Any


def ema(decay: float = 0.999) -> Optimizer:
    """The exponential moving average a ← d·a + (1 − d)·θ of the parameters after each step.

    Polyak and Juditsky 1992 with weights that decay. It starts at the parameters after the first
    step, as torch's AveragedModel does with get_ema_avg_fn; there is no bias to correct.

    Args:
        decay: d, at least 0 and below 1.

    Raises:
        DomainError: if it is out of range.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0))
    >>> x = cr.tensor([[-1.0], [1.0]])
    >>> run = cr.train.fit(
    ...     model, cr.nn.mse, (x, 3 * x + 2), epochs=400, progress=False,
    ...     optimizer=cr.optim.chain(cr.optim.sgd(0.1), cr.optim.ema(0.9)),
    ... )
    >>> smooth = model.replace(cr.optim.averaged(run.state))
    >>> round(smooth(cr.tensor([[2.0]])).item(), 3)
    8.0
    """
    checked_rate("ema", "decay", decay)
    name = f"ema({decay})"

    def moved(count: Tensor, a: Tensor, now: Tensor) -> Any:
        d = functions.astype(functions.where(count == 0, 0.0, decay), a.dtype)
        return d * a + (1 - d) * now

    return _averaging(name, moved)


def swa(start: int = 0, every: int = 1) -> Optimizer:
    """The mean of the parameters after the steps ``start``, ``start + every``, …

    Stochastic weight averaging, Izmailov et al. 2018 (UAI), algorithm 1: a ← (n·a + θ) / (n + 1),
    usually over the end of a run, with a constant learning rate. Up to then the average is the
    parameters themselves.

    Args:
        start: how many steps are done before the first that counts; 0 for all of them.
        every: so many steps are from one that counts to the next.

    Raises:
        DomainError: if an argument is no integer, or out of range.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.chain(cr.optim.sgd(1.0), cr.optim.swa())
    >>> w = cr.tensor([0.0])
    >>> state = optimizer.init(w)
    >>> for g in (-1.0, -2.0, -3.0):
    ...     updates, state = optimizer.update(cr.tensor([g]), state, w)
    ...     w = cr.optim.apply_updates(w, updates)
    >>> w, cr.optim.averaged(state)  # the mean of 1, 3 and 6
    (tensor([6.]), tensor([3.33333333]))
    """
    checked_count("swa", "start", start, 0)
    checked_count("swa", "every", every)

    def moved(count: Tensor, a: Tensor, now: Tensor) -> Any:
        since = count - start
        n = functions.maximum(since // every, 0)
        part = functions.astype(1.0 / (n + 1), a.dtype)
        return functions.where((since <= 0) | (since % every == 0), a + (now - a) * part, a)

    return _averaging(call_text(swa, start=start, every=every), moved)


def _averaging(name: str, moved: Any) -> Optimizer:
    """A piece that keeps an average, whose next is ``moved(steps before, average, parameter)``."""

    def init(params: Any) -> AverageState:
        return AverageState(tensor(0), map_leaves(name, lambda p: widened(p.detach()), params))

    def step(
        grads: Any, state: AverageState, params: Any, problem: Problem | None
    ) -> tuple[Any, AverageState]:
        def after(a: Tensor, p: Tensor, u: Tensor) -> Any:
            return moved(state.count, a, widened(p.detach() + u))

        average = map_leaves(name, after, state.average, params, grads)
        return grads, AverageState(state.count + 1, average)

    return Optimizer(name, init, step)


def averaged(state: Any) -> Any:
    """The averaged parameters in the state of an optimizer, of the structure of the parameters.

    ``model.replace(averaged(run.state))`` is the network with them; see `ema`.

    Args:
        state: of a chain with `ema` or `swa` in it, such as `train.Run.state`.

    Raises:
        ArgumentError: if there is no average in it, or more than one.
    """
    found = list(_averages(state))
    if len(found) != 1:
        raise ArgumentError(
            f"averaged: the state holds {len(found) or 'no'} averages of parameters; one comes "
            "from optim.ema() or optim.swa() at the end of a chain"
        )
    return found[0].average


def _averages(state: Any) -> Any:
    if isinstance(state, AverageState):
        yield state
    elif isinstance(state, (tuple, list)):
        for part in state:
            yield from _averages(part)
    elif isinstance(state, dict):
        for part in state.values():
            yield from _averages(part)
    elif dataclasses.is_dataclass(state):
        for field in dataclasses.fields(state):
            yield from _averages(getattr(state, field.name))


@dataclasses.dataclass(frozen=True)
class LookaheadState:
    """The number of steps done, the slow weights, and the state of the fast optimizer."""

    count: Tensor
    slow: Any
    inner: Any


def lookahead(optimizer: Optimizer, *, every: int = 5, alpha: float = 0.5) -> Optimizer:
    """``every`` steps of ``optimizer``, then part of the way: φ ← φ + α·(θ − φ), θ ← φ.

    Zhang, Lucas, Hinton and Ba 2019 (NeurIPS), algorithm 1, with k = ``every``. The state of the
    fast optimizer goes on over the synchronisation, as in the paper's experiments.

    Args:
        optimizer: of the fast weights θ.
        every: k.
        alpha: α, above 0 and at most 1.

    Raises:
        DomainError: for values out of range.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.lookahead(cr.optim.sgd(1.0), every=2)
    >>> w = cr.tensor([0.0])
    >>> state = optimizer.init(w)
    >>> for _ in range(4):
    ...     updates, state = optimizer.update(cr.tensor([-2.0]), state, w)
    ...     w = cr.optim.apply_updates(w, updates)
    ...     print(w.item())
    2.0
    2.0
    4.0
    4.0
    """
    checked_count("lookahead", "every", every)
    if not 0 < alpha <= 1:
        raise DomainError(f"lookahead: alpha is above 0 and at most 1, not {alpha!r}")
    name = f"lookahead({optimizer!r}, every={every}, alpha={alpha})"

    def init(params: Any) -> LookaheadState:
        slow = map_leaves(name, lambda p: p.detach(), params)
        return LookaheadState(tensor(0), slow, optimizer.init(params))

    def step(
        grads: Any, state: LookaheadState, params: Any, problem: Problem | None
    ) -> tuple[Any, LookaheadState]:
        updates, inner = optimizer.update(grads, state.inner, params, problem)
        count = state.count + 1
        due = count % every == 0

        def slower(s: Tensor, p: Tensor, u: Tensor) -> Any:
            return functions.where(due, s + alpha * (p.detach() + u - s), s)

        def faster(s: Tensor, p: Tensor, u: Tensor) -> Any:
            return functions.where(due, s - p.detach(), u)

        slow = map_leaves(name, slower, state.slow, params, updates)
        return map_leaves(name, faster, slow, params, updates), LookaheadState(count, slow, inner)

    return Optimizer(name, init, step)
