"""Methods whose steps have one size in every element."""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.optim.common import checked_rate, zeros
from chainrule.optim.groups import Mask
from chainrule.optim.method import method
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem, map_leaves
from chainrule.tensor import Tensor

__all__ = ["LionState", "lion"]


@dataclasses.dataclass(frozen=True)
class LionState:
    """The running mean m of gradients."""

    momentum: Any


def lion(
    learning_rate: LearningRate = 1e-4,
    b1: float = 0.9,
    b2: float = 0.99,
    *,
    weight_decay: float = 0.0,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Lion: θ ← θ − η·(sign(β₁·m + (1 − β₁)·g) + λ·θ), then m ← β₂·m + (1 − β₂)·g.

    Chen et al. 2023, Symbolic discovery of optimization algorithms, algorithm 2; they advise a
    learning rate 3 to 10 times smaller than for `adamw`, and a λ as many times larger.

    Args:
        learning_rate: η, a number or a schedule.
        b1: β₁ of the step, at least 0 and below 1.
        b2: β₂ of the memory, likewise.
        weight_decay: λ, decoupled.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.lion(0.1)
    >>> g = cr.tensor([30.0, -0.01, 0.0])
    >>> optimizer.update(g, optimizer.init(g), g)[0]
    tensor([-0.1,  0.1, -0. ])
    """
    b1 = checked_rate("lion", "b1", b1)
    b2 = checked_rate("lion", "b2", b2)

    def init(params: Any) -> LionState:
        return LionState(map_leaves("lion", zeros, params))

    def direction(m: Tensor, g: Tensor) -> Any:
        return functions.astype(functions.sign(b1 * m + (1 - b1) * g), g.dtype)

    def step(
        grads: Any, state: LionState, params: Any, problem: Problem | None
    ) -> tuple[Any, LionState]:
        m = map_leaves("lion", lambda m, g: b2 * m + (1 - b2) * g, state.momentum, grads)
        return map_leaves("lion", direction, state.momentum, grads), LionState(m)

    return method(
        lion,
        learning_rate,
        Optimizer("the direction of lion", init, step),
        {"b1": b1, "b2": b2},
        weight_decay=weight_decay,
        decoupled=True,
        maximize=maximize,
        mask=mask,
    )
