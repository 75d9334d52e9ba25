"""Adam and its family: running means of g, the first moment, and of g², the second."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.optim.common import (
    call_text,
    checked,
    checked_rate,
    in_dtype_of,
    square,
    zeros,
)
from chainrule.optim.groups import Mask
from chainrule.optim.method import method
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem, map_leaves
from chainrule.tensor import Tensor, tensor

__all__ = ["AdamState", "NAdamState", "adam", "adamw", "nadam", "radam", "scale_by_adam"]


def adam(
    learning_rate: LearningRate = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Adam: θ ← θ − η·m̂ / (√v̂ + ε); Kingma and Ba 2015, algorithm 1.

    Args:
        learning_rate: η, a number or a schedule.
        b1, b2: β₁ and β₂, the decay rates of the two moments, at least 0 and below 1.
        eps: ε, outside of the root.
        weight_decay: λ of an L2 penalty, whose gradient λ·θ passes through the moments like any
            other; for decay that does not, see `adamw`.
        amsgrad: whether the largest v so far takes the place of v, so that steps do not grow
            (Reddi, Kale and Kumar 2018, algorithm 2; they do not correct the bias, PyTorch does:
            v̂ is max v / (1 − β₂ᵗ)).
        decoupled_weight_decay: whether it is `adamw` after all.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.adam(1e-3)
    adam(0.001)
    """
    return method(
        adam,
        learning_rate,
        scale_by_adam(b1, b2, eps, amsgrad=amsgrad),
        {
            "b1": b1,
            "b2": b2,
            "eps": eps,
            "amsgrad": amsgrad,
            "decoupled_weight_decay": decoupled_weight_decay,
        },
        weight_decay=weight_decay,
        decoupled=decoupled_weight_decay,
        maximize=maximize,
        mask=mask,
    )


def adamw(
    learning_rate: LearningRate = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Adam with decoupled weight decay: θ ← θ − η·(m̂ / (√v̂ + ε) + λ·θ).

    Loshchilov and Hutter 2019, algorithm 2, with their schedule multiplier and η taken together,
    as in PyTorch: the learning rate scales the decay too.

    The difference from an L2 penalty is that of adding λ·θ after m̂ / √v̂ or before. Before, it is
    divided by √v̂ like every gradient, so that weights with large gradients hardly decay. Of the two
    weights below only the second has a gradient, and its sign alternates: it should decay too.

    Args:
        weight_decay: λ.
        learning_rate, b1, b2, eps, amsgrad, maximize, mask: as for `adam`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> import chainrule as cr
    >>> def after_100_steps(optimizer):
    ...     w = cr.tensor([1.0, 1.0])
    ...     state = optimizer.init(w)
    ...     for step in range(100):
    ...         g = cr.tensor([0.0, 100.0 * (-1) ** step])
    ...         updates, state = optimizer.update(g, state, w)
    ...         w = cr.optim.apply_updates(w, updates)
    ...     return [round(x, 2) for x in w.numpy().tolist()]
    >>> after_100_steps(cr.optim.adamw(1e-2, b1=0.0, weight_decay=0.5))  # both decay by half a %
    [0.61, 0.61]
    >>> after_100_steps(cr.optim.adam(1e-2, b1=0.0, weight_decay=0.5))
    [0.27, 1.0]
    """
    return method(
        adamw,
        learning_rate,
        scale_by_adam(b1, b2, eps, amsgrad=amsgrad),
        {"b1": b1, "b2": b2, "eps": eps, "amsgrad": amsgrad},
        weight_decay=weight_decay,
        decoupled=True,
        maximize=maximize,
        mask=mask,
    )


@dataclasses.dataclass(frozen=True)
class AdamState:
    """The number of steps done, and running means of g (first moment) and g² (second moment).

    Attributes:
        count: t.
        first: m.
        second: v.
        largest: the largest v so far, for AMSGrad; else None.
    """

    count: Tensor
    first: Any
    second: Any
    largest: Any = None


def scale_by_adam(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, *, amsgrad: bool = False
) -> Optimizer:
    """m̂ / (√v̂ + ε), the direction of Adam; Kingma and Ba 2015, algorithm 1.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g², from zero; m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) correct the bias of that start at step t (section 3).

    Raises:
        DomainError: for values out of range.

    >>> import chainrule as cr
    >>> piece = cr.optim.scale_by_adam(eps=0.0)
    >>> g = cr.tensor([30.0, -0.01])
    >>> piece.update(g, piece.init(g), g)[0]
    tensor([ 1., -1.])
    """
    b1, b2, eps = _checked_moments("adam", b1, b2, eps)

    def init(params: Any) -> AdamState:
        empty = map_leaves("adam", zeros, params)
        return AdamState(tensor(0), empty, empty, empty if amsgrad else None)

    def step(
        grads: Any, state: AdamState, params: Any, problem: Problem | None
    ) -> tuple[Any, AdamState]:
        count, m, v = _moments("adam", b1, b2, grads, state)
        largest = map_leaves("adam", functions.maximum, state.largest, v) if amsgrad else None
        first, second = 1 - b1**count, (1 - b2**count) ** 0.5

        def direction(m: Tensor, v: Tensor, g: Tensor) -> Tensor:
            root = functions.sqrt(v) / in_dtype_of(v, second)
            return functions.astype(m / in_dtype_of(m, first) / (root + eps), g.dtype)

        updates = map_leaves("adam", direction, m, largest if amsgrad else v, grads)
        return updates, AdamState(count, m, v, largest)

    return Optimizer(call_text(scale_by_adam, b1=b1, b2=b2, eps=eps, amsgrad=amsgrad), init, step)


@dataclasses.dataclass(frozen=True)
class NAdamState:
    """As `AdamState`, with the product of the momentum coefficients μ₁ … μₜ."""

    count: Tensor
    first: Any
    second: Any
    product: Tensor


def nadam(
    learning_rate: LearningRate = 2e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    momentum_decay: float = 4e-3,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Adam with Nesterov's momentum: m̂ looks one step ahead.

    θ ← θ − η·(μₜ₊₁·m / (1 − Πₜ₊₁) + (1 − μₜ)·g / (1 − Πₜ)) / (√v̂ + ε), where Πₜ = μ₁·…·μₜ and
    μₜ = β₁·(1 − ½·0.96^(t·ψ)). Dozat 2016 (ICLR workshop), algorithm 2, with the coefficients of
    its section 3.2, as in PyTorch; m is Adam's, with the constant β₁.

    Args:
        momentum_decay: ψ.
        learning_rate, b1, b2, eps, weight_decay, decoupled_weight_decay, maximize, mask: as for
            `adam`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.nadam(1e-3)
    nadam(0.001)
    """
    b1, b2, eps = _checked_moments("nadam", b1, b2, eps)
    momentum_decay = checked("nadam", "momentum_decay", momentum_decay)

    def init(params: Any) -> NAdamState:
        empty = map_leaves("nadam", zeros, params)
        return NAdamState(tensor(0), empty, empty, tensor(1.0))

    def coefficient(count: Tensor) -> Tensor:
        return b1 * (1.0 - 0.5 * 0.96 ** (count * momentum_decay))

    def step(
        grads: Any, state: NAdamState, params: Any, problem: Problem | None
    ) -> tuple[Any, NAdamState]:
        count, m, v = _moments("nadam", b1, b2, grads, state)
        now, ahead = coefficient(count), coefficient(count + 1)
        product = state.product * now
        of_gradient = (1.0 - now) / (1.0 - product)
        of_moment = ahead / (1.0 - product * ahead)
        second = 1 - b2**count

        def direction(m: Tensor, v: Tensor, g: Tensor) -> Tensor:
            root = functions.sqrt(v / in_dtype_of(v, second)) + eps
            mean = in_dtype_of(m, of_gradient) * g + in_dtype_of(m, of_moment) * m
            return functions.astype(mean / root, g.dtype)

        return map_leaves("nadam", direction, m, v, grads), NAdamState(count, m, v, product)

    return method(
        nadam,
        learning_rate,
        Optimizer("the direction of nadam", init, step),
        {
            "b1": b1,
            "b2": b2,
            "eps": eps,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
        },
        weight_decay=weight_decay,
        decoupled=decoupled_weight_decay,
        maximize=maximize,
        mask=mask,
    )


def radam(
    learning_rate: LearningRate = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Rectified Adam: without v̂ while too few gradients were seen, then θ ← θ − η·r·m̂ / √v̂.

    Liu et al. 2020 (ICLR), algorithm 2: ρₜ = ρ∞ − 2t·β₂ᵗ / (1 − β₂ᵗ) with ρ∞ = 2 / (1 − β₂) − 1,
    and r² = (ρₜ − 4)(ρₜ − 2)·ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)·ρₜ). As in PyTorch the step is adaptive where
    ρₜ > 5, where the paper has 4; and 1 / √v̂, in which the paper has no ε, is
    √(1 − β₂ᵗ) / (√v + ε), so that ε is added before the bias is corrected.

    Args:
        learning_rate, b1, b2, eps, weight_decay, decoupled_weight_decay, maximize, mask: as for
            `adam`; β₂ above 0.6, since the step is never adaptive otherwise.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> from chainrule import optim
    >>> optim.radam(1e-3)
    radam(0.001)
    """
    b1, b2, eps = _checked_moments("radam", b1, b2, eps)
    longest = 2 / (1 - b2) - 1
    if longest <= 4:
        raise DomainError(f"radam: b2 is above 0.6, so that ρ∞ = 2 / (1 − β₂) − 1 > 4; not {b2!r}")

    def init(params: Any) -> AdamState:
        empty = map_leaves("radam", zeros, params)
        return AdamState(tensor(0), empty, empty)

    def step(
        grads: Any, state: AdamState, params: Any, problem: Problem | None
    ) -> tuple[Any, AdamState]:
        count, m, v = _moments("radam", b1, b2, grads, state)
        power = b2**count
        length = longest - 2 * count * power / (1 - power)
        ready = length > 5
        known = functions.maximum(length, 5.0)  # so that the branch not taken has a root
        rectifier = functions.sqrt((known - 4) * (known - 2) / known) * math.sqrt(
            longest / ((longest - 4) * (longest - 2))
        )
        factor = rectifier * functions.sqrt(1 - power)
        first = 1 - b1**count

        def direction(m: Tensor, v: Tensor, g: Tensor) -> Tensor:
            mean = m / in_dtype_of(m, first)
            adapted = mean * in_dtype_of(m, factor) / (functions.sqrt(v) + eps)
            return functions.astype(functions.where(ready, adapted, mean), g.dtype)

        return map_leaves("radam", direction, m, v, grads), AdamState(count, m, v)

    return method(
        radam,
        learning_rate,
        Optimizer("the direction of radam", init, step),
        {"b1": b1, "b2": b2, "eps": eps, "decoupled_weight_decay": decoupled_weight_decay},
        weight_decay=weight_decay,
        decoupled=decoupled_weight_decay,
        maximize=maximize,
        mask=mask,
    )


# -- helpers ---------------------------------------------------------------------------------------


def _moments(
    name: str, b1: float, b2: float, grads: Any, state: AdamState | NAdamState
) -> tuple[Tensor, Any, Any]:
    """The number of this step and the moments after it."""
    m = map_leaves(name, lambda m, g: b1 * m + (1 - b1) * g, state.first, grads)
    v = map_leaves(name, lambda v, g: b2 * v + (1 - b2) * square(g), state.second, grads)
    return state.count + 1, m, v


def _checked_moments(name: str, b1: float, b2: float, eps: float) -> tuple[float, float, float]:
    return checked_rate(name, "b1", b1), checked_rate(name, "b2", b2), checked(name, "eps", eps)
