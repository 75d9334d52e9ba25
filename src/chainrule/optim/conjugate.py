"""Conjugate gradients: for linear equations, and for minimising."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from chainrule import functions
from chainrule.control import while_loop
from chainrule.core.errors import ArgumentError, DomainError
from chainrule.core.tree import map_tree
from chainrule.lift import as_node
from chainrule.optim.common import call_text, checked, checked_count, number_text
from chainrule.optim.line_search import LineSearch, check_line_search, search
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem
from chainrule.optim.vector import choose, inner, rate_of, ravel, ravel_as
from chainrule.tensor import Tensor, tensor

__all__ = ["Beta", "ConjugateState", "Solution", "cg", "conjugate_gradient", "iterate"]

Beta = Literal["polak_ribiere", "fletcher_reeves", "hager_zhang"]

CURVATURE = 0.1  # c₂; above 1/2 Fletcher-Reeves may ascend (Nocedal & Wright 2006, lemma 5.6)
TRUNCATION = 0.01  # η of Hager & Zhang


class Solution(NamedTuple):
    """The end of a linear solve.

    Attributes:
        x: the solution, a pytree like the right-hand side.
        residual_norm: ‖b − A·x‖₂.
        steps: how many products with A it took.
        converged: whether the residual is within the tolerance; false after ``max_steps``, and
            where A turned out not to be positive definite.
    """

    x: Any
    residual_norm: Tensor
    steps: Tensor
    converged: Tensor


def cg(
    matvec: Callable[[Any], Any],
    b: Any,
    x0: Any = None,
    *,
    tol: float = 1e-6,
    max_steps: int | None = None,
) -> Solution:
    """The solution of A·x = b for a symmetric positive definite A that is known by its products.

    Conjugate gradients (Nocedal & Wright 2006, algorithm 5.2); ends in n steps but for rounding,
    and much earlier if the eigenvalues of A cluster. Traceable, so that it can be part of a
    compiled program. It stops where pᵀAp ≤ 0.

    Args:
        matvec: v ↦ A·v, linear, for pytrees like ``b``.
        b: a pytree of floating-point tensors.
        x0: where to start, by default from 0.
        tol: it has converged where ‖b − A·x‖ ≤ tol·‖b‖.
        max_steps: at most so many products, by default 10 times the size of b.

    Raises:
        DomainError: for options out of range.
        TreeError: if the product, or ``x0``, has another structure than ``b``.

    >>> import chainrule as cr
    >>> A = cr.tensor([[4.0, 1.0], [1.0, 3.0]])
    >>> found = cr.optim.cg(lambda v: A @ v, cr.tensor([1.0, 2.0]))
    >>> found.x.numpy().round(6).tolist(), found.steps.item()
    ([0.090909, 0.636364], 2)
    """
    tol = checked("cg", "tol", tol)
    if max_steps is not None:
        max_steps = checked_count("cg", "max_steps", max_steps, least=0)
    if not callable(matvec):
        raise ArgumentError(f"cg: matvec is a function v ↦ A·v, such as A.__matmul__, not {matvec}")
    b = map_tree(lambda leaf: Tensor(as_node(leaf)), b)
    right, unravel = ravel(b)
    start = functions.zeros_like(right)
    if x0 is not None:
        start, _ = ravel_as("cg", b, map_tree(lambda leaf: Tensor(as_node(leaf)), x0))
    steps = 10 * right.size if max_steps is None else max_steps
    limit = tol * functions.sqrt(inner(right, right))
    ended = iterate(
        lambda v: ravel_as("cg", b, matvec(unravel(v)))[0], right, start, limit, steps, None
    )
    size = functions.sqrt(ended.squared)
    return Solution(unravel(ended.x), size, ended.steps, size <= limit)


@dataclasses.dataclass(frozen=True)
class Iterate:
    """Where the iteration is: x, the residual r = b − A·x and its ‖r‖², the direction p.

    ``progress`` is φ(x) = xᵀAx/2 − bᵀx after every step, where it is asked for; ``bad`` says that
    the curvature along p was not positive.
    """

    x: Tensor
    residual: Tensor
    squared: Tensor
    direction: Tensor
    steps: Tensor
    bad: Tensor
    progress: Tensor


def iterate(
    product: Callable[[Tensor], Tensor],
    b: Tensor,
    start: Tensor,
    limit: Tensor,
    max_steps: int,
    progress: float | None,
) -> Iterate:
    """Conjugate gradients on vectors, until ‖r‖ ≤ limit.

    With ``progress`` ε they also end after step i if φ(x) < 0 and φ fell by less than k·ε·|φ| in
    the last k = max(10, i/10) steps; Martens 2010, section 4.4.
    """
    r = b - product(start)
    squared = inner(r, r)
    length = 1 if progress is None else max_steps + 1

    def value(x: Tensor, r: Tensor) -> Tensor:
        return -inner(x, b + r) / 2.0  # since A·x = b − r

    def go_on(now: Iterate) -> Tensor:
        more = ~now.bad & (now.steps < max_steps) & (now.squared > limit * limit)
        if progress is None:
            return more
        k = functions.maximum(10, now.steps // 10)
        here = now.progress[now.steps]
        there = now.progress[functions.maximum(now.steps - k, 0)]
        small = (here < 0) & (there - here < progress * k * functions.abs(here))
        return more & ~((now.steps > k) & small)

    def body(now: Iterate) -> Iterate:
        p = now.direction
        image = product(p)
        bend = inner(p, image)
        bad = ~(bend > 0)
        alpha = functions.where(bad, 0.0, now.squared / functions.where(bad, 1.0, bend))
        x, r = now.x + alpha * p, now.residual - alpha * image
        squared = inner(r, r)
        steps = now.steps + 1
        seen = now.progress
        if progress is not None:
            seen = functions.where(functions.arange(length) == steps, value(x, r), seen)
        return Iterate(x, r, squared, r + squared / now.squared * p, steps, bad, seen)

    first = functions.zeros(length, dtype=b.dtype)
    if progress is not None:
        first = functions.where(functions.arange(length) == 0, value(start, r), first)
    ended: Iterate = while_loop(
        go_on, body, Iterate(start, r, squared, r, tensor(0), tensor(False), first)
    )
    return ended


@dataclasses.dataclass(frozen=True)
class ConjugateState:
    """What is known from the step before, as vectors of all parameters.

    Attributes:
        count: the number of steps done.
        gradient: the gradient g.
        direction: the direction d.
        length: the step length t.
    """

    count: Tensor
    gradient: Tensor
    direction: Tensor
    length: Tensor


def conjugate_gradient(
    learning_rate: LearningRate = 1.0,
    beta: Beta = "polak_ribiere",
    line_search: LineSearch | None = "strong_wolfe",
    max_evaluations: int = 25,
) -> Optimizer:
    """Nonlinear conjugate gradients: d ← −g + β·d, θ ← θ + t·d.

    Three numbers of the size of the parameters are kept, whatever the problem. With y the change of
    the gradient g₋ in the step before, β is one of

    * "polak_ribiere": max(0, gᵀy / g₋ᵀg₋), which restarts by itself (Nocedal & Wright 2006,
      equations 5.44 and 5.45);
    * "fletcher_reeves": gᵀg / g₋ᵀg₋ (Fletcher & Reeves 1964);
    * "hager_zhang": (y − 2d·yᵀy/dᵀy)ᵀg / dᵀy, and at least −1 / (‖d‖·min(0.01, ‖g₋‖)), which
      descends in any line search (Hager & Zhang 2005, equations 1.3 to 1.6).

    Where d does not lead down it starts anew with −g. The first length tried is that which would
    lower the loss as the step before (equation 3.60), in the first step 1/‖g‖₁ or 1.

    Args:
        learning_rate: a factor of the first length tried; the length without a line search.
        beta: which β.
        line_search: "strong_wolfe", with c₂ = 0.1, keeps directions conjugate; "backtracking" is
            a poor choice but for "hager_zhang".
        max_evaluations: of the loss in one line search.

    Raises:
        DomainError: for values out of range.

    Raises (the step):
        GradientError: if there is a line search and the problem is not given.

    >>> import chainrule as cr
    >>> bowl = lambda x: x[0] ** 2 + 10 * (x[1] - 1) ** 2
    >>> found = cr.optim.minimize(bowl, cr.tensor([5.0, 5.0]), cr.optim.conjugate_gradient())
    >>> found.x.numpy().round(5).tolist()
    [0.0, 1.0]
    """
    check_line_search("conjugate_gradient", line_search)
    max_evaluations = checked_count("conjugate_gradient", "max_evaluations", max_evaluations)
    if beta not in get_args(Beta):
        known = ", ".join(f'"{known}"' for known in get_args(Beta))
        raise DomainError(f"conjugate_gradient: beta is one of {known}, not {beta!r}")
    rate = rate_of("conjugate_gradient", learning_rate)
    name = call_text(
        conjugate_gradient,
        number_text(learning_rate),
        beta=beta,
        line_search=line_search,
        max_evaluations=max_evaluations,
    )

    def init(params: Any) -> ConjugateState:
        x, _ = ravel(params)
        zeros = functions.zeros_like(x)
        return ConjugateState(tensor(0), zeros, zeros, functions.zeros((), dtype=x.dtype))

    def step(
        grads: Any, state: ConjugateState, params: Any, problem: Problem | None
    ) -> tuple[Any, ConjugateState]:
        g, unravel = ravel_as(name, params, grads)
        d = -g + _beta(beta, g, state) * state.direction
        going = (state.count > 0) & (state.length > 0) & (inner(g, d) < 0)
        d = functions.where(going, d, -g)
        first = functions.astype(rate(state.count), g.dtype)
        if line_search is not None:
            slope, before = inner(g, d), inner(state.gradient, state.direction)
            usual = state.length * before / functions.where(slope < 0, slope, 1.0)
            start = 1.0 / functions.maximum(1.0, functions.abs(g).sum())
            first = functions.where(going & (usual > 0), usual, start) * first
        length = search(
            name, line_search, problem, params, d, g, first,
            curvature=CURVATURE, max_evaluations=max_evaluations,
        )  # fmt: skip
        return unravel(length * d), ConjugateState(state.count + 1, g, d, length)

    return Optimizer(name, init, step)


def _beta(beta: Beta, g: Tensor, state: ConjugateState) -> Tensor:
    """β; 0 where it is not defined."""
    before, d = state.gradient, state.direction
    squared = inner(before, before)
    if beta == "hager_zhang":
        y = g - before
        bend = inner(d, y)
        share = 1.0 / functions.where(bend == 0, 1.0, bend)
        value: Tensor = inner(y - 2.0 * inner(y, y) * share * d, g) * share
        tiny = float(np.finfo(g.dtype).tiny)
        size = functions.minimum(TRUNCATION, functions.sqrt(squared))
        least = -1.0 / functions.maximum(functions.sqrt(inner(d, d)) * size, tiny)
        return choose(bend == 0, functions.zeros_like(bend), functions.maximum(value, least))
    change = g if beta == "fletcher_reeves" else g - before
    value = inner(g, change) / functions.where(squared == 0, 1.0, squared)
    if beta == "polak_ribiere":
        value = functions.maximum(value, 0.0)
    return choose(squared == 0, functions.zeros_like(squared), value)
