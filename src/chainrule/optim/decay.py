"""Weight decay."""

from __future__ import annotations

from typing import Any

from chainrule.optim.common import checked
from chainrule.optim.groups import Mask, check_mask, chosen, mask_text
from chainrule.optim.transform import Optimizer, Problem, map_leaves
from chainrule.tensor import Tensor

__all__ = ["add_decayed_weights"]


def add_decayed_weights(weight_decay: float, mask: Mask | None = None) -> Optimizer:
    """g + λ·θ: before the moments an L2 penalty, after them decoupled weight decay.

    Args:
        weight_decay: λ.
        mask: which parameters decay: a pattern of paths, several of them, or a function of path
            and tensor; None for all of them. Biases and gains usually do not.

    Raises:
        DomainError: if λ is negative.
        ArgumentError: if the mask is none.

    >>> import chainrule as cr
    >>> piece = cr.optim.add_decayed_weights(0.5, mask=lambda path, tensor: tensor.ndim > 1)
    >>> params = {"bias": cr.tensor([2.0]), "weight": cr.tensor([[2.0]])}
    >>> zero = {"bias": cr.tensor([0.0]), "weight": cr.tensor([[0.0]])}
    >>> piece.update(zero, piece.init(params), params)[0]
    {'bias': tensor([0.]), 'weight': tensor([[1.]])}
    """
    weight_decay = checked("add_decayed_weights", "weight_decay", weight_decay)
    name = f"add_decayed_weights({weight_decay})"
    if mask is not None:
        check_mask("add_decayed_weights", mask)
        name = f"add_decayed_weights({weight_decay}, mask={mask_text(mask)})"

    def init(params: Any) -> tuple[()]:
        if mask is not None:
            chosen("add_decayed_weights", mask, params)
        return ()

    def decayed(g: Tensor, p: Tensor, decays: bool = True) -> Tensor:
        return g + weight_decay * p.detach() if decays else g

    def step(grads: Any, state: Any, params: Any, problem: Problem | None) -> tuple[Any, Any]:
        which = [] if mask is None else [chosen("add_decayed_weights", mask, params)]
        return map_leaves(name, decayed, grads, params, *which), state

    return Optimizer(name, init, step)
