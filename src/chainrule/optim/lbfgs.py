"""L-BFGS: the BFGS method with a Hessian known by the last few steps."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.control import scan
from chainrule.optim.common import call_text, checked_count, number_text
from chainrule.optim.line_search import LineSearch, check_line_search, search
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem
from chainrule.optim.vector import choose, inner, rate_of, ravel, ravel_as
from chainrule.tensor import Tensor, tensor

__all__ = ["LBFGSState", "lbfgs"]


@dataclasses.dataclass(frozen=True)
class LBFGSState:
    """What is known from the steps so far, as vectors of all parameters.

    Attributes:
        count: the number of steps done.
        steps: the last steps s, shape (memory, n), the newest last.
        differences: how the gradient changed along each, y.
        weights: 1 / sᵀy of each, 0 where there is none yet, shape (memory,).
        scale: sᵀy / yᵀy of the newest.
        gradient: that of the step before.
        step: the step before.
    """

    count: Tensor
    steps: Tensor
    differences: Tensor
    weights: Tensor
    scale: Tensor
    gradient: Tensor
    step: Tensor


def lbfgs(
    learning_rate: LearningRate = 1.0,
    memory: int = 10,
    line_search: LineSearch | None = "strong_wolfe",
    max_evaluations: int = 25,
) -> Optimizer:
    """L-BFGS: θ ← θ − t·H·g, with H from the last steps; Liu and Nocedal 1989.

    H is applied by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), and starts from
    (sᵀy / yᵀy)·I (equation 7.20), in the first step from min(1, 1/‖g‖₁)·I. One call is one
    iteration: PyTorch's ``LBFGS(max_iter=n)`` does n of them in a step, with the same results.
    Unlike there, what is too flat to be remembered is judged relative to yᵀy, so that scaling the
    loss changes nothing.

    It is meant for losses without noise: all of the data in every step. Between steps on other
    examples y is the difference of unlike gradients.

    Args:
        learning_rate: the step length without a line search, with one the first length tried.
        memory: how many steps are remembered.
        line_search: "strong_wolfe" keeps H positive definite by itself; "backtracking" is cheaper
            where the first length is mostly taken; None always takes it, and needs no problem.
        max_evaluations: of the loss in one line search.

    Raises:
        DomainError: for values out of range.
        GradientError: in a step with a line search that is given no problem.

    >>> import chainrule as cr
    >>> def rosenbrock(x):
    ...     return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> found = cr.optim.minimize(rosenbrock, cr.tensor([-1.2, 1.0]), cr.optim.lbfgs())
    >>> found.x.numpy().round(6).tolist(), found.steps < 50
    ([1.0, 1.0], True)
    """
    check_line_search("lbfgs", line_search)
    memory = checked_count("lbfgs", "memory", memory)
    max_evaluations = checked_count("lbfgs", "max_evaluations", max_evaluations)
    rate = rate_of("lbfgs", learning_rate)
    name = call_text(
        lbfgs,
        number_text(learning_rate),
        memory=memory,
        line_search=line_search,
        max_evaluations=max_evaluations,
    )

    def init(params: Any) -> LBFGSState:
        x, _ = ravel(params)
        zeros, table = functions.zeros_like(x), functions.zeros((memory, x.size), dtype=x.dtype)
        weights = functions.zeros(memory, dtype=x.dtype)
        one = functions.ones((), dtype=x.dtype)
        return LBFGSState(tensor(0), table, table, weights, one, zeros, zeros)

    def step(
        grads: Any, state: LBFGSState, params: Any, problem: Problem | None
    ) -> tuple[Any, LBFGSState]:
        gradient, unravel = ravel_as(name, params, grads)
        state = _remember(state, gradient)
        direction = -_two_loops(state, gradient)
        slope = inner(gradient, direction)
        # rounding can spoil a nearly singular H
        direction = functions.where(slope < 0, direction, -gradient)
        start = 1.0 / functions.maximum(1.0, functions.abs(gradient).sum())
        first = functions.astype(rate(state.count), gradient.dtype)
        first = functions.where((state.count == 0) | _failed(state), start, 1.0) * first
        length = search(
            name, line_search, problem, params, direction, gradient, first,
            max_evaluations=max_evaluations,
        )  # fmt: skip
        moved = length * direction
        return unravel(moved), dataclasses.replace(
            state, count=state.count + 1, gradient=gradient, step=moved
        )

    return Optimizer(name, init, step)


def _failed(state: LBFGSState) -> Tensor:
    """Whether the step before did not move."""
    still: Tensor = (state.count > 0) & (state.step == 0).all()
    return still


def _remember(state: LBFGSState, gradient: Tensor) -> LBFGSState:
    """The state with the step before among those remembered, if the slope rose along it.

    After a step that did not move nothing is remembered: what is known leads nowhere.
    """
    y = gradient - state.gradient
    sy, yy = inner(state.step, y), inner(y, y)
    curved = (sy > float(np.finfo(y.dtype).eps) * yy) & (state.count > 0)

    def push(table: Tensor, newest: Tensor) -> Tensor:
        return choose(curved, functions.concat([table[1:], newest[None]]), table)

    failed = _failed(state)
    weights = push(state.weights, 1.0 / functions.where(curved, sy, 1.0))
    scale = functions.where(curved, sy / functions.where(curved, yy, 1.0), state.scale)
    return dataclasses.replace(
        state,
        steps=push(state.steps, state.step),
        differences=push(state.differences, y),
        weights=functions.where(failed, 0.0, weights),
        scale=functions.where(failed, 1.0, scale),
    )


def _two_loops(state: LBFGSState, gradient: Tensor) -> Tensor:
    """H·g, from the newest step to the oldest and back."""
    pairs = (state.steps, state.differences, state.weights)

    def backward(q: Tensor, pair: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        s, y, weight = pair
        share = weight * inner(s, q)
        return q - share * y, share

    def forward(r: Tensor, pair: Any) -> tuple[Tensor, None]:
        (s, y, weight), share = pair
        return r + (share - weight * inner(y, r)) * s, None

    q, shares = scan(backward, gradient, pairs, reverse=True)
    r: Tensor = scan(forward, state.scale * q, (pairs, shares))[0]
    return r
