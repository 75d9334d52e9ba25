"""Gradient descent, plain and with momentum."""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.optim.common import call_text, checked, checked_rate, in_dtype_of, zeros
from chainrule.optim.groups import Mask
from chainrule.optim.method import method
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem, map_leaves, stateless
from chainrule.tensor import Tensor, tensor

__all__ = ["MomentumState", "momentum", "sgd"]


def sgd(
    learning_rate: LearningRate,
    momentum: float = 0.0,
    *,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Gradient descent: θ ← θ − η·g, or with momentum m ← μ·m + (1 − τ)·g, θ ← θ − η·m.

    Its three forms differ in what g is the gradient of, the ``batch_size`` of `train.fit`: all
    examples (full batch), one (stochastic; Robbins and Monro 1951), or some (mini-batch).

    The momentum is Polyak's (1964). With Nesterov's θ ← θ − η·(g + μ·m). As in PyTorch the
    learning rate is outside of m, unlike in Sutskever et al. 2013 (ICML, equations 1 to 4), where
    m ← μ·m − η·g; they agree while η is constant, and for Nesterov's after a change of variables
    from θ to the point θ + μ·m at which its gradient is taken (Bengio et al. 2013, equation 7).

    Args:
        learning_rate: η, a number or a schedule.
        momentum: μ, at least 0 and below 1.
        dampening: τ; the first gradient is not dampened, as in PyTorch.
        nesterov: whether the step looks ahead; needs a momentum, and no dampening.
        weight_decay: λ of the penalty λ/2·‖θ‖², whose gradient λ·θ is added to g.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> import chainrule as cr
    >>> cr.optim.sgd(0.1, momentum=0.9)
    sgd(0.1, momentum=0.9)
    >>> x = cr.random.normal(cr.random.key(0), (64, 1), dtype="float32")
    >>> for batch_size in (64, 1, 16):  # full batch, stochastic, mini-batch
    ...     model = cr.nn.Linear(1, 1, key=cr.random.key(1))
    ...     run = cr.train.fit(
    ...         model, cr.nn.mse, (x, 3 * x + 2), optimizer=cr.optim.sgd(0.05), epochs=100,
    ...         batch_size=batch_size, progress=False,
    ...     )
    ...     print(run.steps, abs(model.bias.item() - 2) < 0.01)
    100 True
    6400 True
    400 True
    """
    direction = _plain
    if nesterov and (not momentum or dampening):
        raise DomainError(
            "sgd: nesterov=True needs a momentum above 0, for example momentum=0.9, and no "
            "dampening"
        )
    if momentum:
        direction = _momentum(momentum, dampening=dampening, nesterov=nesterov)
    dampening = checked("sgd", "dampening", dampening)
    return method(
        sgd,
        learning_rate,
        direction,
        {"momentum": momentum, "dampening": dampening, "nesterov": nesterov},
        weight_decay=weight_decay,
        maximize=maximize,
        mask=mask,
    )


_plain = stateless("the gradient", lambda grads, params: grads)


@dataclasses.dataclass(frozen=True)
class MomentumState:
    """The running sum m, one tensor for each parameter.

    Attributes:
        momentum: m.
        count: the number of steps done, where the first is another (dampening), else None.
    """

    momentum: Any
    count: Tensor | None = None


def momentum(decay: float, *, dampening: float = 0.0, nesterov: bool = False) -> Optimizer:
    """m ← μ·m + (1 − τ)·g, at first m ← g; the update is m, or with Nesterov's g + μ·m.

    Raises:
        DomainError: if μ is not at least 0 and below 1, or τ negative.

    >>> import chainrule as cr
    >>> piece = cr.optim.momentum(0.5)
    >>> g = cr.tensor([1.0])
    >>> state = piece.init(g)
    >>> for _ in range(3):
    ...     updates, state = piece.update(g, state, g)
    ...     print(updates)
    tensor([1.])
    tensor([1.5])
    tensor([1.75])
    """
    decay = checked_rate("momentum", "decay", decay)
    dampening = checked("momentum", "dampening", dampening)
    name = call_text(momentum, f"{decay}", dampening=dampening, nesterov=nesterov)

    def init(params: Any) -> MomentumState:
        return MomentumState(map_leaves(name, zeros, params), tensor(0) if dampening else None)

    def step(
        grads: Any, state: MomentumState, params: Any, problem: Problem | None
    ) -> tuple[Any, MomentumState]:
        count = state.count
        if count is None:
            m = map_leaves(name, lambda m, g: decay * m + g, state.momentum, grads)
        else:
            part = functions.where(count == 0, 1.0, 1.0 - dampening)
            m = map_leaves(
                name, lambda m, g: decay * m + in_dtype_of(g, part) * g, state.momentum, grads
            )
            count = count + 1

        def direction(g: Tensor, m: Tensor) -> Tensor:
            return functions.astype(g + decay * m if nesterov else m, g.dtype)

        return map_leaves(name, direction, grads, m), MomentumState(m, count)

    return Optimizer(name, init, step)


_momentum = momentum  # `sgd` has an argument of this name
