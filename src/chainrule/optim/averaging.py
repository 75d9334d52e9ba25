"""Averages of the parameters over the steps, which often generalise better than the last ones.

They are kept in the state of a piece, and do not change the training. The piece looks at the
parameters at which each step begins, so that its place in a chain, and what scales the updates
after it, do not matter; `averaged` adds the parameters at the end. Statistics that a network keeps
of its activations, as batch normalisation does, are those of the last parameters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from chainrule import functions
from chainrule.core import tree
from chainrule.core.errors import ArgumentError, DomainError
from chainrule.optim.common import call_text, checked_count, checked_positive, checked_rate
from chainrule.optim.transform import Optimizer, Problem, map_leaves, widened
from chainrule.tensor import Tensor, tensor

__all__ = ["AverageState", "LookaheadState", "averaged", "ema", "lookahead", "swa"]


@dataclasses.dataclass(frozen=True)
class Exponential:
    """a ← d·a + (1 − d)·θ, from the parameters after the first step."""

    decay: float

    def __call__(self, count: Tensor, a: Tensor, now: Tensor) -> Any:
        """The average after ``count`` steps, from the one before and the parameter now."""
        d = functions.astype(functions.where(count <= 1, 0.0, self.decay), a.dtype)
        return d * a + (1 - d) * now


@dataclasses.dataclass(frozen=True)
class Equal:
    """a ← (n·a + θ) / (n + 1) after the steps ``start``, ``start + every``, …; θ before."""

    start: int
    every: int

    def __call__(self, count: Tensor, a: Tensor, now: Tensor) -> Any:
        """The average after ``count`` steps, from the one before and the parameter now."""
        since = count - self.start
        n = functions.maximum(since // self.every, 0)
        part = functions.astype(1.0 / (n + 1), a.dtype)
        after = functions.where(since % self.every == 0, a + (now - a) * part, a)
        return functions.where(since <= 0, now, after)


@dataclasses.dataclass(frozen=True)
class AverageState:
    """What an average of parameters remembers; see `averaged`.

    Attributes:
        count: the number of steps done.
        average: of the parameters before the last step; of float16 ones in float32.
        rule: how it goes on.
    """

    count: Tensor
    average: Any
    rule: Exponential | Equal = dataclasses.field(metadata={"static": True})

    def including(self, params: Any) -> Any:
        """The average with the parameters of now."""

        def after(a: Tensor, p: Tensor) -> Any:
            return self.rule(self.count, a, widened(p.detach()))

        return map_leaves("an average of parameters", after, self.average, params)


def ema(decay: float = 0.999) -> Optimizer:
    """The exponential moving average a ← d·a + (1 − d)·θ of the parameters after each step.

    Polyak and Juditsky 1992, with weights that decay. It starts at the parameters after the first
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
    >>> smooth = model.replace(cr.optim.averaged(run.state, model.parameters()))
    >>> round(smooth(cr.tensor([[2.0]])).item(), 3)
    8.0
    """
    decay = checked_rate("ema", "decay", decay)
    return _averaging(f"ema({decay})", Exponential(decay))


def swa(start: int = 1, every: int = 1) -> Optimizer:
    """The mean of the parameters after the steps ``start``, ``start + every``, …

    Stochastic weight averaging, Izmailov et al. 2018 (UAI), algorithm 1: a ← (n·a + θ) / (n + 1),
    usually over the end of a run, with a constant learning rate. Before ``start`` the average is
    the parameters themselves.

    Args:
        start: after how many steps the first parameters count; 0 for those at the beginning.
        every: so many steps are from parameters that count to the next.

    Raises:
        DomainError: if an argument is no integer, or out of range.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.chain(cr.optim.sgd(1.0), cr.optim.swa())
    >>> w = cr.tensor([0.0])
    >>> state = optimizer.init(w)
    >>> for g in (-1.0, -2.0, -3.0):
    ...     updates, state = optimizer.update(cr.tensor([g]), state, w)
    ...     w = cr.optim.apply_updates(w, updates)
    >>> w, cr.optim.averaged(state, w)  # the mean of 1, 3 and 6
    (tensor([6.]), tensor([3.33333333]))
    """
    start = checked_count("swa", "start", start, 0)
    every = checked_count("swa", "every", every)
    return _averaging(call_text(swa, start=start, every=every), Equal(start, every))


def _averaging(name: str, rule: Exponential | Equal) -> Optimizer:
    def init(params: Any) -> AverageState:
        start = map_leaves(name, lambda p: widened(p.detach()), params)
        return AverageState(tensor(0), start, rule)

    def step(
        grads: Any, state: AverageState, params: Any, problem: Problem | None
    ) -> tuple[Any, AverageState]:
        return grads, AverageState(state.count + 1, state.including(params), rule)

    return Optimizer(name, init, step)


def averaged(state: Any, params: Any) -> Any:
    """The averaged parameters, of the structure and in the dtypes of ``params``.

    ``model.replace(averaged(run.state, model.parameters()))`` is the network with them; see `ema`.

    Args:
        state: of an optimizer with `ema` or `swa` in it, such as `train.Run.state`.
        params: the parameters now, of which the state does not know yet.

    Returns:
        The averages. Where only a group of a `partition` is averaged, a dict of these by path.

    Raises:
        ArgumentError: if there is no average in the state, or more than one.
        TreeError: if the parameters are those of another model.
    """
    found = list(_averages(state))
    if len(found) != 1:
        raise ArgumentError(
            f"averaged: the state holds {len(found) or 'no'} averages of parameters; one comes "
            "from optim.ema() or optim.swa() in a chain"
        )
    own = params
    if isinstance(found[0].average, dict):
        at = dict(tree.paths(params))
        own = {path: at[path] for path in found[0].average if path in at}
    average = found[0].including(own)
    return map_leaves("averaged", lambda a, p: functions.astype(a, p.dtype), average, own)


def _averages(state: Any) -> Iterator[AverageState]:
    if isinstance(state, AverageState):
        yield state
    elif isinstance(state, (tuple, list)):
        for part in state:
            yield from _averages(part)
    elif isinstance(state, dict):
        yield from _averages(list(state.values()))
    elif dataclasses.is_dataclass(state):
        yield from _averages([getattr(state, field.name) for field in dataclasses.fields(state)])


@dataclasses.dataclass(frozen=True)
class LookaheadState:
    """The number of steps done, the slow weights, and the state of the fast optimizer."""

    count: Tensor
    slow: Any
    inner: Any


def lookahead(optimizer: Optimizer, *, every: int = 5, alpha: float = 0.5) -> Optimizer:
    """``every`` steps of ``optimizer``, then part of the way: φ ← φ + α·(θ − φ), θ ← φ.

    Zhang, Lucas, Hinton and Ba 2019 (NeurIPS), algorithm 1, with k = ``every``. The state of the
    fast optimizer goes on over the synchronisation. What scales updates afterwards, such as the
    ``schedule`` of `train.fit`, would scale the way back too: give the schedule to ``optimizer``.

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
    every = checked_count("lookahead", "every", every)
    alpha = checked_positive("lookahead", "alpha", alpha)
    if alpha > 1:
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
