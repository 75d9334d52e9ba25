"""Hessian-free optimisation: Newton's method by products with the curvature alone."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.optim.common import call_text, checked_count, checked_positive, checked_rate
from chainrule.optim.conjugate import iterate
from chainrule.optim.curvature import Product, ggn_product, hessian_product
from chainrule.optim.line_search import backtracking
from chainrule.optim.transform import Optimizer, Problem
from chainrule.optim.vector import (
    choose,
    inner,
    needed,
    ravel,
    ravel_as,
    value_at,
    vector_function,
)
from chainrule.tensor import Tensor

__all__ = ["HessianFreeState", "Matrix", "hessian_free"]

Matrix = Literal["gauss_newton", "hessian"]

PROGRESS = 5e-4  # ε of Martens 2010, section 4.4


@dataclasses.dataclass(frozen=True)
class HessianFreeState:
    """The damping λ, and the last solution of the linear equations, from which the next starts."""

    damping: Tensor
    direction: Tensor


def hessian_free(
    damping: float = 1.0,
    matrix: Matrix = "gauss_newton",
    max_steps: int = 250,
    decay: float = 0.95,
) -> Optimizer:
    """Hessian-free optimisation: (B + λ·I)·d = −g by conjugate gradients, θ ← θ + t·d.

    Martens 2010 (ICML). B is met in products only, each for a few times the price of a gradient, so
    that any number of parameters will do. λ follows the gain ratio ρ of the quadratic model as in
    section 4.1: λ ← 3λ/2 if ρ < 1/4, λ ← 2λ/3 if ρ > 3/4. Conjugate gradients start from the last
    solution and end when the model stops improving (sections 4.4 and 4.8); the step is shortened
    until the loss is lower. There is no preconditioner and no backtracking among the iterates.

    For data in batches the gradient and B should be of many examples.

    Args:
        damping: λ at the start.
        matrix: B, "gauss_newton" (see `curvature`), or "hessian", where conjugate gradients end at
            the first direction of negative curvature.
        max_steps: of conjugate gradients in one step.
        decay: how much of the last solution the next one starts from.

    Raises:
        DomainError: for values out of range.

    Raises (the step):
        GradientError: if the problem is not given.

    >>> import chainrule as cr
    >>> model = cr.nn.MLP(2, (8,), 2, key=cr.random.key(0))
    >>> x, y = cr.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), cr.tensor([0, 1, 1, 0])
    >>> opt = cr.optim.hessian_free(damping=0.1).bind(model)
    >>> for _ in range(30):
    ...     loss = opt.step(lambda out: cr.nn.cross_entropy(out, y), outputs=lambda net: net(x))
    >>> loss.item() < 0.01
    True
    """
    damping = checked_positive("hessian_free", "damping", damping)
    max_steps = checked_count("hessian_free", "max_steps", max_steps)
    decay = checked_rate("hessian_free", "decay", decay)
    if matrix not in get_args(Matrix):
        raise DomainError(f'hessian_free: matrix is "gauss_newton" or "hessian", not {matrix!r}')
    name = call_text(hessian_free, damping=damping, matrix=matrix, max_steps=max_steps, decay=decay)

    def init(params: Any) -> HessianFreeState:
        x, _ = ravel(params)
        return HessianFreeState(functions.full((), damping, dtype=x.dtype), functions.zeros_like(x))

    def step(
        grads: Any, state: HessianFreeState, params: Any, problem: Problem | None
    ) -> tuple[Any, HessianFreeState]:
        problem = needed(name, problem)
        x, unravel = ravel(params)
        g, _ = ravel_as(name, params, grads)
        make = ggn_product if matrix == "gauss_newton" else hessian_product
        product = make(problem, x, unravel)
        solved = _solve(product, g, state.damping, decay * state.direction, max_steps)
        d = functions.where(inner(g, solved) < 0, solved, -g)
        slope, value = inner(g, d), value_at(problem, params, x.dtype)
        of = vector_function(problem, unravel, x.dtype)
        length, after = backtracking(of, x, d, value, slope, functions.ones_like(value))
        model = length * slope + length * length * inner(d, product(d)) / 2.0
        gain = functions.where(model < 0, (after - value) / functions.where(model < 0, model, 1), 0)
        poor = (length < 1) | ~(gain >= 0.25)
        eased = functions.where(gain > 0.75, 2.0 / 3.0 * state.damping, state.damping)
        followed = functions.where(poor, 1.5 * state.damping, eased)
        followed = functions.maximum(followed, float(np.finfo(x.dtype).tiny))
        return unravel(length * d), HessianFreeState(followed, solved)

    return Optimizer(name, init, step)


def _solve(product: Product, g: Tensor, damping: Tensor, start: Tensor, max_steps: int) -> Tensor:
    """(B + λ·I)⁻¹(−g), as far as conjugate gradients come."""

    def damped(v: Tensor) -> Tensor:
        return product(v) + damping * v

    limit = float(np.finfo(g.dtype).eps) * functions.sqrt(inner(g, g))
    solved = iterate(damped, -g, start, limit, max_steps, PROGRESS).x
    # a NaN would stay in what the next step starts from
    usable = functions.isfinite(solved).all() & functions.isfinite(g).all()
    return choose(usable, solved, functions.zeros_like(solved))
