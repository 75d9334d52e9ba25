"""Noise on gradients."""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions, random
from chainrule.core.tree import flatten
from chainrule.optim.common import call_text, checked
from chainrule.optim.transform import Optimizer, Problem
from chainrule.tensor import Tensor, tensor

__all__ = ["NoiseState", "add_noise"]


@dataclasses.dataclass(frozen=True)
class NoiseState:
    """The number of steps done, and the key from which the noise of every step comes."""

    count: Tensor
    key: Tensor


def add_noise(eta: float, gamma: float = 0.55, key: Tensor | None = None) -> Optimizer:
    """g + N(0, σ²) with σ² = η / (1 + t)^γ after t steps.

    Neelakantan et al., Adding gradient noise improves learning for very deep networks, 2015,
    equation 1; they take η from 0.01, 0.3 and 1, and γ = 0.55.

    Args:
        eta: η, the variance of the first step.
        gamma: γ, how fast it falls.
        key: of the noise, by default ``cr.random.key(0)``. It is a part of the state.

    Raises:
        DomainError: if η or γ is negative.

    >>> import chainrule as cr
    >>> noise = cr.optim.add_noise(0.01, key=cr.random.key(1))
    >>> g = cr.zeros((10_000,))
    >>> noisy, state = noise.update(g, noise.init(g), g)
    >>> round(cr.std(noisy).item(), 2)
    0.1
    """
    eta = checked("add_noise", "eta", eta)
    gamma = checked("add_noise", "gamma", gamma)
    name = call_text(add_noise, f"{eta}", gamma=gamma)
    start = random.key(0) if key is None else key

    def init(params: Any) -> NoiseState:
        return NoiseState(tensor(0), start)

    def step(
        grads: Any, state: NoiseState, params: Any, problem: Problem | None
    ) -> tuple[Any, NoiseState]:
        deviation = functions.sqrt(eta / (1.0 + state.count) ** gamma)
        leaves, structure = flatten(grads)
        now = random.fold_in(state.key, state.count)
        noisy = []
        for number, g in enumerate(leaves):
            normal = random.normal(random.fold_in(now, number), g.shape, dtype=g.dtype)
            noisy.append(g + functions.astype(deviation, g.dtype) * normal)
        return structure.build(noisy), NoiseState(state.count + 1, state.key)

    return Optimizer(name, init, step)
