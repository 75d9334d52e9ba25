"""Optimizers and the pieces that they are chained from.

Every piece works leaf by leaf, in the dtype of the leaf; factors such as a learning rate and bias
corrections are computed in float64 first, and what is accumulated for a float16 leaf in float32.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.optim.common import (
    call_text,
    checked,
    checked_rate,
    in_dtype_of,
    number_text,
    square,
    zeros,
)
from chainrule.optim.decay import add_decayed_weights
from chainrule.optim.scaling import LearningRate, scale_by_learning_rate
from chainrule.optim.transform import (
    Optimizer,
    Problem,
    chain,
    map_leaves,
)
from chainrule.tensor import Tensor, tensor

__all__ = [
    "adam",
    "adamw",
    "momentum",
    "scale_by_adam",
    "sgd",
]


def sgd(
    learning_rate: LearningRate,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Stochastic gradient descent: θ ← θ − η·g, or with momentum m ← μ·m + g, θ ← θ − η·m.

    With Nesterov's momentum θ ← θ − η·(g + μ·m). As in PyTorch the learning rate is outside of m,
    unlike in Sutskever et al. 2013 (ICML, equations 1 and 2), where m ← μ·m − η·g; they agree
    while η is constant.

    Args:
        learning_rate: η, a number or a schedule.
        momentum: μ, at least 0 and below 1.
        nesterov: whether the step looks ahead; needs a momentum.
        weight_decay: λ of the penalty λ/2·‖θ‖², whose gradient λ·θ is added to g.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> optim.sgd(0.1, momentum=0.9)
    sgd(0.1, momentum=0.9)
    """
    if nesterov and not momentum:
        raise DomainError("sgd: nesterov=True needs a momentum above 0, for example momentum=0.9")
    pieces = []
    if checked("sgd", "weight_decay", weight_decay):
        pieces.append(add_decayed_weights(weight_decay))
    if momentum:
        pieces.append(_momentum(momentum, nesterov))
    pieces.append(scale_by_learning_rate(learning_rate))
    name = call_text(
        sgd,
        number_text(learning_rate),
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=weight_decay,
    )
    return dataclasses.replace(chain(*pieces), name=name)


def adam(
    learning_rate: LearningRate = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Adam: θ ← θ − η·m̂ / (√v̂ + ε); Kingma and Ba 2015, algorithm 1.

    Args:
        learning_rate: η, a number or a schedule.
        b1, b2: β₁ and β₂, the decay rates of the two moments, at least 0 and below 1.
        eps: ε, outside of the root.
        weight_decay: λ of an L2 penalty, whose gradient λ·θ passes through the moments like any
            other; for decay that does not, see `adamw`.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> optim.adam(1e-3)
    adam(0.001)
    """
    pieces = [scale_by_adam(b1, b2, eps), scale_by_learning_rate(learning_rate)]
    if checked("adam", "weight_decay", weight_decay):
        pieces.insert(0, add_decayed_weights(weight_decay))
    name = call_text(
        adam, number_text(learning_rate), b1=b1, b2=b2, eps=eps, weight_decay=weight_decay
    )
    return dataclasses.replace(chain(*pieces), name=name)


def adamw(
    learning_rate: LearningRate = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> Optimizer:
    """Adam with decoupled weight decay: θ ← θ − η·(m̂ / (√v̂ + ε) + λ·θ).

    Loshchilov and Hutter 2019, algorithm 2, with their schedule multiplier and η taken together,
    as in PyTorch: the learning rate scales the decay too.

    Raises:
        DomainError: for values out of range.

    >>> from chainrule import optim
    >>> optim.adamw(3e-4)
    adamw(0.0003)
    """
    chained = chain(
        scale_by_adam(b1, b2, eps),
        add_decayed_weights(weight_decay),
        scale_by_learning_rate(learning_rate),
    )
    name = call_text(
        adamw, number_text(learning_rate), b1=b1, b2=b2, eps=eps, weight_decay=weight_decay
    )
    return dataclasses.replace(chained, name=name)


# -- pieces ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class MomentumState:
    """The running sum m, one tensor for each parameter."""

    momentum: Any


def momentum(decay: float, nesterov: bool = False) -> Optimizer:
    """m ← μ·m + g, from m = 0; the update is m, or with Nesterov's momentum g + μ·m.

    Raises:
        DomainError: if μ is not at least 0 and below 1.
    """
    checked_rate("momentum", "decay", decay)
    name = call_text(momentum, f"{decay}", nesterov=nesterov)

    def init(params: Any) -> MomentumState:
        return MomentumState(map_leaves(name, zeros, params))

    def step(
        grads: Any, state: MomentumState, params: Any, problem: Problem | None
    ) -> tuple[Any, MomentumState]:
        m = map_leaves(name, lambda m, g: decay * m + g, state.momentum, grads)

        def direction(g: Tensor, m: Tensor) -> Tensor:
            return functions.astype(g + decay * m if nesterov else m, g.dtype)

        return map_leaves(name, direction, grads, m), MomentumState(m)

    return Optimizer(name, init, step)


_momentum = momentum  # `sgd` has an argument of this name


@dataclasses.dataclass(frozen=True)
class AdamState:
    """The number of steps done, and running means of g (first moment) and g² (second moment)."""

    count: Tensor
    first: Any
    second: Any


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """m̂ / (√v̂ + ε), the direction of Adam; Kingma and Ba 2015, algorithm 1.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g², from zero; m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) correct the bias of that start at step t (section 3).

    Raises:
        DomainError: for values out of range.
    """
    checked_rate("adam", "b1", b1)
    checked_rate("adam", "b2", b2)
    checked("adam", "eps", eps)

    def init(params: Any) -> AdamState:
        empty = map_leaves("adam", zeros, params)
        return AdamState(tensor(0), empty, empty)

    def step(
        grads: Any, state: AdamState, params: Any, problem: Problem | None
    ) -> tuple[Any, AdamState]:
        count = state.count + 1
        m = map_leaves("adam", lambda m, g: b1 * m + (1 - b1) * g, state.first, grads)
        v = map_leaves("adam", lambda v, g: b2 * v + (1 - b2) * square(g), state.second, grads)
        first, second = 1 - b1**count, (1 - b2**count) ** 0.5

        def direction(m: Tensor, v: Tensor, g: Tensor) -> Tensor:
            root = functions.sqrt(v) / in_dtype_of(v, second)
            return functions.astype(m / in_dtype_of(m, first) / (root + eps), g.dtype)

        return map_leaves("adam", direction, m, v, grads), AdamState(count, m, v)

    return Optimizer(call_text(scale_by_adam, b1=b1, b2=b2, eps=eps), init, step)
