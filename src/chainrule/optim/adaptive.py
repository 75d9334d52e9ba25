"""Methods that divide each element by a root of its own squared gradients, without momentum of
their own: Adagrad, Adadelta, RMSProp."""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.optim.common import checked, checked_rate, in_dtype_of, square, zeros
from chainrule.optim.descent import momentum as momentum_
from chainrule.optim.groups import Mask
from chainrule.optim.method import method
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem, chain, map_leaves
from chainrule.tensor import Tensor, tensor

__all__ = ["AdadeltaState", "AdagradState", "RMSPropState", "adadelta", "adagrad", "rmsprop"]


@dataclasses.dataclass(frozen=True)
class AdagradState:
    """The sum s of g², and the number of steps done where the learning rate decays, else None."""

    total: Any
    count: Tensor | None


def adagrad(
    learning_rate: LearningRate = 1e-2,
    *,
    lr_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Adagrad: s ← s + g², θ ← θ − η / (1 + t·ρ)·g / (√s + ε) after t steps.

    Duchi, Hazan and Singer 2011 (JMLR), figure 1 with diagonal matrices: ε is their δ, outside of
    the root, as in PyTorch.

    Args:
        learning_rate: η, a number or a schedule.
        lr_decay: ρ, which the paper does without.
        initial_accumulator_value: s at the start.
        eps: ε.
        weight_decay: λ of an L2 penalty, whose gradient λ·θ is added to g.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.adagrad(0.1, lr_decay=1e-3)
    adagrad(0.1, lr_decay=0.001)
    """
    lr_decay = checked("adagrad", "lr_decay", lr_decay)
    start = checked("adagrad", "initial_accumulator_value", initial_accumulator_value)
    eps = checked("adagrad", "eps", eps)

    def init(params: Any) -> AdagradState:
        total = map_leaves("adagrad", lambda p: zeros(p) + start, params)
        return AdagradState(total, tensor(0) if lr_decay else None)

    def step(
        grads: Any, state: AdagradState, params: Any, problem: Problem | None
    ) -> tuple[Any, AdagradState]:
        total = map_leaves("adagrad", lambda s, g: s + square(g), state.total, grads)
        count = state.count

        def direction(s: Tensor, g: Tensor) -> Tensor:
            d = g / (functions.sqrt(s) + eps)
            if count is not None:
                d = d / in_dtype_of(d, 1.0 + lr_decay * count)
            return functions.astype(d, g.dtype)

        after = AdagradState(total, None if count is None else count + 1)
        return map_leaves("adagrad", direction, total, grads), after

    return method(
        adagrad,
        learning_rate,
        Optimizer("the direction of adagrad", init, step),
        {"lr_decay": lr_decay, "initial_accumulator_value": initial_accumulator_value, "eps": eps},
        weight_decay=weight_decay,
        maximize=maximize,
        mask=mask,
    )


@dataclasses.dataclass(frozen=True)
class AdadeltaState:
    """Running means of g² and of the squared updates."""

    gradients: Any
    updates: Any


def adadelta(
    learning_rate: LearningRate = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    *,
    weight_decay: float = 0.0,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Adadelta: Δ = √(u + ε) / √(v + ε)·g, θ ← θ − η·Δ, with running means v of g² and u of Δ².

    Zeiler 2012, algorithm 1: v ← ρ·v + (1 − ρ)·g² before Δ, and u ← ρ·u + (1 − ρ)·Δ² after it. ε
    is inside of both roots (equation 9): it is what the first step is made of. The paper has no
    learning rate, that is η = 1.

    Args:
        learning_rate: η, a number or a schedule.
        rho: ρ, at least 0 and below 1.
        eps: ε.
        weight_decay: λ of an L2 penalty, whose gradient λ·θ is added to g.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.adadelta(rho=0.95)
    adadelta(1.0, rho=0.95)
    """
    rho = checked_rate("adadelta", "rho", rho)
    eps = checked("adadelta", "eps", eps)

    def init(params: Any) -> AdadeltaState:
        empty = map_leaves("adadelta", zeros, params)
        return AdadeltaState(empty, empty)

    def mean(old: Tensor, x: Tensor) -> Tensor:
        return rho * old + (1 - rho) * square(x)

    def direction(v: Tensor, u: Tensor, g: Tensor) -> Any:
        return functions.sqrt(u + eps) / functions.sqrt(v + eps) * g

    def step(
        grads: Any, state: AdadeltaState, params: Any, problem: Problem | None
    ) -> tuple[Any, AdadeltaState]:
        v = map_leaves("adadelta", mean, state.gradients, grads)
        delta = map_leaves("adadelta", direction, v, state.updates, grads)
        u = map_leaves("adadelta", mean, state.updates, delta)
        updates = map_leaves("adadelta", lambda d, g: functions.astype(d, g.dtype), delta, grads)
        return updates, AdadeltaState(v, u)

    return method(
        adadelta,
        learning_rate,
        Optimizer("the direction of adadelta", init, step),
        {"rho": rho, "eps": eps},
        weight_decay=weight_decay,
        maximize=maximize,
        mask=mask,
    )


@dataclasses.dataclass(frozen=True)
class RMSPropState:
    """Running means of g², and of g where it is centred, else None."""

    second: Any
    first: Any


def rmsprop(
    learning_rate: LearningRate = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    *,
    centered: bool = False,
    weight_decay: float = 0.0,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """RMSProp: v ← α·v + (1 − α)·g², θ ← θ − η·g / (√v + ε).

    Tieleman and Hinton, Neural networks for machine learning, lecture 6.5, 2012. Centred, v minus
    the square of a running mean of g takes the place of v, and momentum sums what follows η: Graves
    2013, equations 38 to 41, who has ε inside of the root; here, as in PyTorch, it is outside. v is
    not corrected for its start at 0, so that the first steps are the largest.

    Args:
        learning_rate: η, a number or a schedule.
        alpha: α, at least 0 and below 1.
        eps: ε.
        momentum: μ of m ← μ·m + g / (√v + ε), at least 0 and below 1.
        centered: whether v estimates the variance of g rather than its square.
        weight_decay: λ of an L2 penalty, whose gradient λ·θ is added to g.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.rmsprop(1e-3, momentum=0.9, centered=True)
    rmsprop(0.001, momentum=0.9, centered=True)
    """
    alpha = checked_rate("rmsprop", "alpha", alpha)
    eps = checked("rmsprop", "eps", eps)
    momentum = checked_rate("rmsprop", "momentum", momentum)

    def init(params: Any) -> RMSPropState:
        empty = map_leaves("rmsprop", zeros, params)
        return RMSPropState(empty, empty if centered else None)

    def direction(v: Tensor, g: Tensor) -> Tensor:
        return functions.astype(g / (functions.sqrt(v) + eps), g.dtype)

    def variance(v: Tensor, m: Tensor) -> Any:
        return functions.maximum(v - m * m, 0.0)  # rounding may lead below

    def step(
        grads: Any, state: RMSPropState, params: Any, problem: Problem | None
    ) -> tuple[Any, RMSPropState]:
        def mean(old: Tensor, new: Tensor) -> Tensor:
            return alpha * old + (1 - alpha) * new

        v = map_leaves("rmsprop", lambda v, g: mean(v, square(g)), state.second, grads)
        m, spread = None, v
        if centered:
            m = map_leaves("rmsprop", mean, state.first, grads)
            spread = map_leaves("rmsprop", variance, v, m)
        return map_leaves("rmsprop", direction, spread, grads), RMSPropState(v, m)

    found = Optimizer("the direction of rmsprop", init, step)
    return method(
        rmsprop,
        learning_rate,
        chain(found, momentum_(momentum)) if momentum else found,
        {"alpha": alpha, "eps": eps, "momentum": momentum, "centered": centered},
        weight_decay=weight_decay,
        maximize=maximize,
        mask=mask,
    )
