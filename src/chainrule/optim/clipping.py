"""Keeping gradients within bounds.

A NaN among the gradients is not hidden: the clipped gradients are NaN too.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from chainrule import functions
from chainrule.optim.common import checked_positive, in_dtype_of
from chainrule.optim.transform import Optimizer, global_norm, map_leaves, stateless, widened
from chainrule.tensor import Tensor

__all__ = ["adaptive_grad_clip", "clip_by_global_norm", "clip_by_norm", "clip_by_value"]


def clip_by_value(limit: float) -> Optimizer:
    """Every element into [−c, c]; the direction changes. Mikolov, PhD thesis, 2012, section 3.2.2.

    Raises:
        DomainError: if ``limit`` is not above 0.

    >>> import chainrule as cr
    >>> clip = cr.optim.clip_by_value(1.0)
    >>> clip.update([cr.tensor([3.0, -0.5])], clip.init(None), None)[0]
    [tensor([ 1. , -0.5])]
    """
    limit = checked_positive("clip_by_value", "limit", limit)
    name = f"clip_by_value({limit})"
    return stateless(
        name,
        lambda grads, params: map_leaves(name, lambda g: functions.clip(g, -limit, limit), grads),
    )


def clip_by_norm(max_norm: float) -> Optimizer:
    """g·min(1, c / ‖g‖), each tensor by its own norm; its direction is kept.

    Raises:
        DomainError: if ``max_norm`` is not above 0.

    >>> import chainrule as cr
    >>> clip = cr.optim.clip_by_norm(1.0)
    >>> clip.update([cr.tensor([3.0, 4.0]), cr.tensor([0.5])], clip.init(None), None)[0]
    [tensor([0.6, 0.8]), tensor([0.5])]
    """
    max_norm = checked_positive("clip_by_norm", "max_norm", max_norm)
    name = f"clip_by_norm({max_norm})"

    def clip(g: Tensor) -> Any:
        return g * in_dtype_of(g, max_norm / functions.maximum(global_norm(g), max_norm))

    return stateless(name, lambda grads, params: map_leaves(name, clip, grads))


def clip_by_global_norm(max_norm: float) -> Optimizer:
    """g·min(1, c / ‖g‖), with the norm over all gradients together; direction is kept.

    Pascanu, Mikolov and Bengio 2013 (ICML), algorithm 1.

    Raises:
        DomainError: if ``max_norm`` is not above 0.

    >>> import chainrule as cr
    >>> clip = cr.optim.clip_by_global_norm(1.0)
    >>> clip.update([cr.tensor([3.0, 4.0])], clip.init(None), None)[0]
    [tensor([0.6, 0.8])]
    """
    max_norm = checked_positive("clip_by_global_norm", "max_norm", max_norm)
    name = f"clip_by_global_norm({max_norm})"

    def clip(grads: Any, params: Any) -> Any:
        factor = max_norm / functions.maximum(global_norm(grads), max_norm)
        return map_leaves(name, lambda g: g * in_dtype_of(g, factor), grads)

    return dataclasses.replace(stateless(name, clip), max_norm=max_norm)


def adaptive_grad_clip(clipping: float = 0.01, eps: float = 1e-3) -> Optimizer:
    """gᵢ·min(1, λ·max(‖wᵢ‖, ε) / ‖gᵢ‖) for each unit i: clipped relative to its weights.

    Brock, De, Smith and Simonyan 2021 (ICML), equation 3 (AGC). A unit is a row of a weight matrix,
    in general what index i of the first axis belongs to; a vector or a number is one unit as a
    whole. The authors leave out the last layer; see `masked`.

    Args:
        clipping: λ.
        eps: ε, so that units with weights of zero can move.

    Raises:
        DomainError: if an argument is not above 0.

    >>> import chainrule as cr
    >>> clip = cr.optim.adaptive_grad_clip(0.1)
    >>> w, g = cr.tensor([[3.0, 4.0], [0.6, 0.8]]), cr.tensor([[0.3, 0.4], [0.3, 0.4]])
    >>> clip.update(g, clip.init(w), w)[0]
    tensor([[0.3 , 0.4 ],
            [0.06, 0.08]])
    """
    clipping = checked_positive("adaptive_grad_clip", "clipping", clipping)
    eps = checked_positive("adaptive_grad_clip", "eps", eps)
    name = f"adaptive_grad_clip({clipping}, {eps})"

    def clip(g: Tensor, w: Tensor) -> Any:
        longest = clipping * functions.maximum(_unit_norms(w.detach()), eps)
        return g * in_dtype_of(g, longest / functions.maximum(_unit_norms(g), longest))

    return stateless(name, lambda grads, params: map_leaves(name, clip, grads, params))


def _unit_norms(x: Tensor) -> Tensor:
    """The norm of each unit, with axes of extent 1 in place of those that are summed over."""
    wide = widened(x)
    axes = tuple(range(1, x.ndim)) if x.ndim > 1 else None
    return functions.sqrt((wide * wide).sum(axis=axes, keepdims=True))
