"""Methods that treat a matrix of weights as a matrix."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

from chainrule import functions
from chainrule.core import tree
from chainrule.core.errors import ArgumentError, DomainError, ShapeError
from chainrule.optim.common import (
    checked_count,
    checked_positive,
    checked_rate,
    zeros,
)
from chainrule.optim.groups import Mask
from chainrule.optim.method import method
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem, global_norm, map_leaves, widened
from chainrule.tensor import Tensor

__all__ = ["MuonState", "muon", "orthogonalized"]

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan et al. 2024: steep at 0, and within 0.7 … 1.2 near 1 for good."""


@dataclasses.dataclass(frozen=True)
class MuonState:
    """The running mean m of gradients."""

    momentum: Any


def muon(
    learning_rate: LearningRate = 1e-3,
    *,
    weight_decay: float = 0.1,
    momentum: float = 0.95,
    nesterov: bool = True,
    ns_coefficients: tuple[float, float, float] = QUINTIC,
    eps: float = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: Literal["original", "match_rms_adamw"] = "original",
    maximize: bool = False,
    mask: Mask | None = None,
) -> Optimizer:
    """Muon: θ ← θ − η·(s·O + λ·θ), O being m ← μ·m + (1 − μ)·g made orthogonal, m ≈ U·S·Vᵀ → U·Vᵀ.

    Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks; O comes from
    `orthogonalized`. With Nesterov's momentum (1 − μ)·g + μ·m is made orthogonal instead of m. The
    factor s of an a × b matrix is √max(1, a/b) ("original"), or 0.2·√max(a, b), with which updates
    are as large as those of AdamW ("match_rms_adamw"; Liu et al. 2025, equation 4).

    It is for matrices; a tensor of more axes, such as a kernel, counts as a matrix of its first
    axis by all others. Vectors, embeddings and the last layer are for another optimizer.

    It is torch.optim.Muon in the dtype of the parameters, where PyTorch makes orthogonal in
    bfloat16.

    Args:
        learning_rate: η, a number or a schedule.
        weight_decay: λ, decoupled.
        momentum: μ, at least 0 and below 1.
        nesterov: see above.
        ns_coefficients, eps, ns_steps: of `orthogonalized`.
        adjust_lr_fn: which s.
        maximize: whether to climb instead.
        mask: of the parameters that decay; see `add_decayed_weights`.

    Raises:
        DomainError: for values out of range.
        ArgumentError: for another ``adjust_lr_fn``, or if the mask is none.

    Raises (at the start):
        ShapeError: if a parameter is no matrix; it is named.

    >>> from chainrule import optim
    >>> optim.partition({"*.weight": optim.muon(0.02), "*": optim.adamw(1e-3)})
    partition({'*.weight': muon(0.02), '*': adamw(0.001)})
    """
    momentum = checked_rate("muon", "momentum", momentum)
    ns_coefficients, eps, ns_steps = _checked_iteration("muon", ns_coefficients, eps, ns_steps)
    if adjust_lr_fn not in ("original", "match_rms_adamw"):
        raise ArgumentError(
            f"muon: adjust_lr_fn is 'original' or 'match_rms_adamw', not {adjust_lr_fn!r}"
        )

    def init(params: Any) -> MuonState:
        _check_matrices(params)
        return MuonState(map_leaves("muon", zeros, params))

    def direction(m: Tensor, g: Tensor) -> Any:
        x = (1 - momentum) * g + momentum * m if nesterov else m
        matrix = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        found = orthogonalized(matrix, ns_steps, coefficients=ns_coefficients, eps=eps)
        a, b = matrix.shape
        if adjust_lr_fn == "original":
            factor = math.sqrt(max(1.0, a / max(b, 1)))
        else:
            factor = 0.2 * math.sqrt(max(a, b))
        return functions.astype(factor * found.reshape(x.shape), g.dtype)

    def step(
        grads: Any, state: MuonState, params: Any, problem: Problem | None
    ) -> tuple[Any, MuonState]:
        m = map_leaves(
            "muon", lambda m, g: momentum * m + (1 - momentum) * g, state.momentum, grads
        )
        return map_leaves("muon", direction, m, grads), MuonState(m)

    return method(
        muon,
        learning_rate,
        Optimizer("the direction of muon", init, step),
        {
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        },
        weight_decay=weight_decay,
        decoupled=True,
        maximize=maximize,
        mask=mask,
    )


def orthogonalized(
    matrix: Tensor,
    steps: int = 5,
    *,
    coefficients: tuple[float, float, float] = QUINTIC,
    eps: float = 1e-7,
) -> Tensor:
    """About U·Vᵀ of a matrix U·S·Vᵀ, by the iteration X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ.

    It starts at X / ‖X‖ and keeps U and V, while each singular value σ becomes aσ + bσ³ + cσ⁵. With
    the default coefficients these get to between 0.7 and 1.2 within 5 steps unless they are tiny,
    and no nearer to 1 (Jordan et al. 2024); with (15/8, −5/4, 3/8) they converge to 1, but later
    (Newton and Schulz; Higham 2008, Functions of matrices, section 8.3).

    Args:
        matrix: shape (m, n), m and n at least 0.
        steps: how many, at least 1.
        coefficients: a, b and c.
        eps: the least norm to divide by, above 0.

    Returns:
        A matrix of the same shape; of a float16 one in float32.

    Raises:
        DomainError: for values out of range.
        ShapeError: if it is no matrix.

    >>> import chainrule as cr
    >>> newton_schulz = (15 / 8, -5 / 4, 3 / 8)
    >>> q = cr.optim.orthogonalized(
    ...     cr.tensor([[3.0, 0.0], [4.0, 5.0]]), 20, coefficients=newton_schulz
    ... )
    >>> abs(q @ q.T - cr.eye(2)).max().item() < 1e-12
    True
    """
    (a, b, c), eps, steps = _checked_iteration("orthogonalized", coefficients, eps, steps)
    if matrix.ndim != 2:
        raise ShapeError(f"orthogonalized takes a matrix, not an array of shape {matrix.shape}")
    rows, columns = matrix.shape
    x = widened(matrix.T if rows > columns else matrix)  # the product of the short sides is smaller
    x = x / functions.maximum(global_norm(x), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if rows > columns else x


def _checked_iteration(
    function: str, coefficients: Any, eps: float, steps: int
) -> tuple[tuple[float, float, float], float, int]:
    if len(coefficients) != 3:
        raise DomainError(f"{function}: there are three coefficients, not {len(coefficients)}")
    a, b, c = map(float, coefficients)
    eps = checked_positive(function, "eps", eps)
    return (a, b, c), eps, checked_count(function, "the number of steps", steps)


def _check_matrices(params: Any) -> None:
    others = [path or "the tensor itself" for path, p in tree.paths(params) if p.ndim < 2]
    if others:
        raise ShapeError(
            f"muon is for matrices; {', '.join(others)} is none. Train vectors by another method: "
            'optim.partition({"*.weight": optim.muon(…), "*": optim.adamw(…)})'
        )
