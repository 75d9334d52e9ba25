"""Adafactor: a second moment in the memory of its row and column means."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.core.tree import flatten, flatten_as
from chainrule.optim.common import (
    call_text,
    checked,
    checked_positive,
    in_dtype_of,
    number_text,
    square,
    zeros,
)
from chainrule.optim.decay import add_decayed_weights
from chainrule.optim.groups import Mask, check_mask
from chainrule.optim.scaling import LearningRate, scaled
from chainrule.optim.transform import Optimizer, Problem, map_leaves, widened
from chainrule.tensor import Tensor, tensor

__all__ = ["AdafactorState", "adafactor"]


@dataclasses.dataclass(frozen=True)
class Factors:
    """The second moment of one parameter: means of g² over rows and over columns, or all of g².

    ``rows`` and ``columns`` keep an axis of extent 1; for vectors and numbers ``columns`` is None
    and ``rows`` has the shape of the parameter.
    """

    rows: Tensor
    columns: Tensor | None


@dataclasses.dataclass(frozen=True)
class AdafactorState:
    """The number of steps done, and the `Factors` of each parameter."""

    count: Tensor
    second: Any


def adafactor(
    learning_rate: LearningRate = 1e-2,
    *,
    beta2_decay: float = -0.8,
    eps: tuple[float | None, float] = (None, 1e-3),
    d: float = 1.0,
    weight_decay: float = 0.0,
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Adafactor: θ ← θ − α·u / max(1, RMS(u) / d), with u = g / √v and v from means of g².

    Shazeer and Stern 2018 (ICML), algorithm 4 for matrices and 5 for vectors, with
    α = max(ε₂, RMS(θ))·min(η, 1/√t) and β₂ₜ = 1 − t^``beta2_decay``. For a matrix v is
    rows·columnsᵀ / mean(rows), of means r and c of g² over each row and each column; a tensor of
    more axes is a stack of matrices of its last two.

    As in PyTorch, ε₁ bounds mean(rows) and √v from below, where the paper adds it to g²; η is the
    largest relative step, 10⁻² in the paper; and weights decay by η·λ·θ.

    Args:
        learning_rate: η, a number or a schedule.
        beta2_decay: the exponent above, at most 0.
        eps: ε₁, by default the machine epsilon of the dtype, and ε₂.
        d: the largest root mean square of an update, at least 1.
        weight_decay: λ, decoupled.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.adafactor()
    >>> second = optimizer.init({"w": cr.zeros((100, 50))}).second["w"]
    >>> second.rows.size + second.columns.size
    150
    """
    if not beta2_decay <= 0:
        raise DomainError(f"adafactor: beta2_decay is at most 0, not {beta2_decay!r}")
    d = checked_positive("adafactor", "d", d)
    if d < 1:
        raise DomainError(f"adafactor: d is at least 1, not {d!r}")
    eps1, eps2 = eps
    if eps1 is not None:
        eps1 = checked("adafactor", "the first eps", eps1)
    eps2 = checked("adafactor", "the second eps", eps2)
    rate = learning_rate
    if not callable(rate):
        rate = checked("adafactor", "learning_rate", rate)
    weight_decay = checked("adafactor", "weight_decay", weight_decay)
    if mask is not None:
        check_mask("adafactor", mask)
    decay = add_decayed_weights(weight_decay, mask)
    name = call_text(
        adafactor,
        number_text(learning_rate),
        beta2_decay=beta2_decay,
        eps=eps,
        d=d,
        weight_decay=weight_decay,
        maximize=maximize,
        mask=mask,
    )

    def init(params: Any) -> AdafactorState:
        decay.init(params)
        return AdafactorState(tensor(0), map_leaves(name, _factors, params))

    def direction(g: Tensor, p: Tensor, factors: Factors, step_size: Tensor, old: Tensor) -> Any:
        """The update of one parameter, and its second moment."""
        least = float(np.finfo(p.dtype).eps) if eps1 is None else eps1
        new = _updated(factors, square(g), in_dtype_of(factors.rows, old))
        v = new.rows
        if new.columns is not None:
            mean = new.rows.mean(axis=-2, keepdims=True)
            v = new.rows * new.columns / functions.maximum(mean, least)
        u = widened(g) / functions.sqrt(functions.maximum(v, least * least))
        size = functions.maximum(_rms(p.detach()), eps2)
        u = u * (in_dtype_of(u, step_size) * size) / functions.maximum(_rms(u) / d, 1.0)
        return functions.astype(u, g.dtype), new

    def step(
        grads: Any, state: AdafactorState, params: Any, problem: Problem | None
    ) -> tuple[Any, AdafactorState]:
        eta = rate(state.count) if callable(rate) else rate
        count = state.count + 1
        old = 1.0 - functions.astype(count, "float64") ** beta2_decay
        step_size = functions.minimum(1.0 / functions.sqrt(count), eta)
        leaves, structure = flatten(map_leaves(name, lambda g, p: g, grads, params))
        rows = zip(leaves, flatten(params)[0], flatten_as(structure, state.second), strict=True)
        found = [
            direction(-g if maximize else g, p, factors, step_size, old) for g, p, factors in rows
        ]
        updates = structure.build([u for u, _ in found])
        if weight_decay:
            still = map_leaves(name, functions.zeros_like, updates)
            decayed = scaled(name, eta, decay.update(still, (), params)[0])
            updates = map_leaves(name, lambda u, own: u + own, updates, decayed)
        after = AdafactorState(count, structure.build([new for _, new in found]))
        return map_leaves(name, lambda u: -u, updates), after

    return Optimizer(name, init, step)


def _factors(p: Tensor) -> Factors:
    if p.ndim < 2:
        return Factors(zeros(p), None)
    whole = zeros(p)
    return Factors(
        functions.zeros((*p.shape[:-1], 1), dtype=whole.dtype),
        functions.zeros((*p.shape[:-2], 1, p.shape[-1]), dtype=whole.dtype),
    )


def _updated(factors: Factors, squared: Tensor, old: Any) -> Factors:
    """The running means after one more g²."""

    def mean(before: Tensor, now: Tensor) -> Any:
        return old * before + (1 - old) * now

    if factors.columns is None:
        return Factors(mean(factors.rows, squared), None)
    return Factors(
        mean(factors.rows, squared.mean(axis=-1, keepdims=True)),
        mean(factors.columns, squared.mean(axis=-2, keepdims=True)),
    )


def _rms(x: Tensor) -> Any:
    """√mean x²; 0 of nothing."""
    wide = widened(x)
    return functions.sqrt((wide * wide).sum() / max(x.size, 1))
