"""Methods for large batches: steps in proportion to the norm of each tensor of parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.optim.adam import scale_by_adam
from chainrule.optim.common import (
    call_text,
    checked,
    checked_positive,
    checked_rate,
    in_dtype_of,
    number_text,
)
from chainrule.optim.decay import add_decayed_weights
from chainrule.optim.descent import momentum as momentum_
from chainrule.optim.groups import Mask
from chainrule.optim.method import method
from chainrule.optim.scaling import LearningRate, scale_by_learning_rate
from chainrule.optim.transform import Optimizer, Problem, chain, global_norm, map_leaves, stateless
from chainrule.tensor import Tensor

__all__ = ["lamb", "lars", "scale_by_trust_ratio"]


def scale_by_trust_ratio() -> Optimizer:
    """u·‖θ‖ / ‖u‖ for each tensor; where one of the norms is 0, u as it is.

    You et al. 2020, algorithm 2, with φ(z) = z.

    >>> import chainrule as cr
    >>> piece = cr.optim.scale_by_trust_ratio()
    >>> w = cr.tensor([3.0, 4.0])
    >>> piece.update(cr.tensor([0.0, 100.0]), piece.init(w), w)[0]
    tensor([0., 5.])
    """
    name = "scale_by_trust_ratio()"

    def scaled(u: Tensor, p: Tensor) -> Any:
        return u * in_dtype_of(u, _ratio(global_norm(p.detach()), global_norm(u)))

    return stateless(name, lambda grads, params: map_leaves(name, scaled, grads, params))


def _ratio(over: Tensor, under: Tensor) -> Any:
    """The quotient, or 1 where one of the two is 0."""
    quotient = over / functions.where(under == 0, 1.0, under)
    return functions.where((over == 0) | (under == 0), 1.0, quotient)


def lamb(
    learning_rate: LearningRate = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    *,
    weight_decay: float = 0.0,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """LAMB: θ ← θ − η·‖θ‖ / ‖u‖·u for each tensor, with u = m̂ / (√v̂ + ε) + λ·θ.

    You et al. 2020 (ICLR), Large batch optimization for deep learning, algorithm 2, with φ(z) = z.
    A tensor of zeros, such as a new bias, is moved by η·u.

    Args:
        learning_rate: η, a number or a schedule.
        b1, b2: β₁ and β₂ of Adam's moments, at least 0 and below 1.
        eps: ε, outside of the root.
        weight_decay: λ, decoupled from the moments.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.lamb(1e-2, weight_decay=0.1)
    lamb(0.01, weight_decay=0.1)
    """
    return method(
        lamb,
        learning_rate,
        scale_by_adam(b1, b2, eps),
        {"b1": b1, "b2": b2, "eps": eps},
        weight_decay=weight_decay,
        decoupled=True,
        after=scale_by_trust_ratio(),
        maximize=maximize,
        mask=mask,
    )


def lars(
    learning_rate: LearningRate,
    momentum: float = 0.9,
    *,
    trust_coefficient: float = 1e-3,
    weight_decay: float = 0.0,
    mask: Mask | None = None,
) -> Optimizer:
    """LARS: m ← μ·m + η·λₗ·(g + β·θ), θ ← θ − m, with λₗ = c·‖θ‖ / (‖g‖ + β·‖θ‖) for each tensor.

    You, Gitman and Ginsburg 2017, Large batch training of convolutional networks, equation 6 and
    algorithm 1. The learning rate is inside of m, as there. A tensor of zeros has λₗ = 1; biases
    and gains are usually left out, by `partition`.

    Args:
        learning_rate: η, a number or a schedule.
        momentum: μ, at least 0 and below 1.
        trust_coefficient: c, above 0.
        weight_decay: β.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.partition({"*.bias": optim.sgd(0.1), "*": optim.lars(1.0, weight_decay=1e-4)})
    partition({'*.bias': sgd(0.1), '*': lars(1.0, weight_decay=0.0001)})
    """
    momentum = checked_rate("lars", "momentum", momentum)
    trust_coefficient = checked_positive("lars", "trust_coefficient", trust_coefficient)
    weight_decay = checked("lars", "weight_decay", weight_decay)
    decay = add_decayed_weights(weight_decay, mask)
    name = call_text(
        lars,
        number_text(learning_rate),
        momentum=momentum,
        trust_coefficient=trust_coefficient,
        weight_decay=weight_decay,
        mask=mask,
    )

    def scaled(g: Tensor, penalty: Tensor, p: Tensor) -> Any:
        size, under = global_norm(p.detach()), global_norm(g) + global_norm(penalty)
        usual = (size > 0) & (under > 0)
        ratio = functions.where(usual, trust_coefficient, 1.0) * _ratio(size, under)
        return (g + penalty) * in_dtype_of(g, ratio)

    def step(grads: Any, state: Any, params: Any, problem: Problem | None) -> tuple[Any, Any]:
        still = map_leaves(name, functions.zeros_like, grads)
        penalty, state = decay.update(still, state, params)
        return map_leaves(name, scaled, grads, penalty, params), state

    layerwise = Optimizer("the direction of lars", decay.init, step)
    last = [momentum_(momentum)] if momentum else []
    return dataclasses.replace(
        chain(layerwise, scale_by_learning_rate(learning_rate), *last), name=name
    )
