"""The natural gradient: steepest descent in the distributions, not in the parameters."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.optim.common import call_text, checked, checked_count, checked_positive, number_text
from chainrule.optim.conjugate import iterate
from chainrule.optim.curvature import ggn_matrix, ggn_product, spectrum
from chainrule.optim.line_search import LineSearch, check_line_search, search
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem
from chainrule.optim.vector import inner, needed, rate_of, ravel, ravel_as
from chainrule.tensor import Tensor, tensor

__all__ = ["NaturalGradientState", "Solver", "natural_gradient"]

Solver = Literal["dense", "cg"]


@dataclasses.dataclass(frozen=True)
class NaturalGradientState:
    """The number of steps done."""

    count: Tensor


def natural_gradient(
    learning_rate: LearningRate = 1.0,
    damping: float = 1e-3,
    line_search: LineSearch | None = "backtracking",
    max_divergence: float | None = None,
    solver: Solver = "dense",
    max_steps: int = 50,
) -> Optimizer:
    """Natural gradient descent: θ ← θ − η·(F + δ·I)⁻¹g, with F the Fisher information.

    F is that of the model's own distribution, the expectation over targets drawn from the model;
    not the "empirical Fisher" of the gradients at the given targets, which is another matrix
    (Kunstner, Hennig & Balles 2019). For losses whose outputs are the natural parameters of an
    exponential family, as `nn.mse`, `nn.cross_entropy` and `nn.bce_with_logits`, F is the
    generalised Gauss-Newton matrix (Martens 2020, section 9.2), and so it is computed. A loss that
    is the mean over examples has the mean F.

    Without damping and in the limit of small steps the path of distributions does not depend on the
    parameters that describe them (Amari 1998, section 2); under linear maps of the parameters that
    holds for steps of any size.

    Args:
        learning_rate: η, a number or a schedule; with a line search the first length tried.
        damping: δ.
        line_search: with one no step ascends. F says little about the loss far away, so that a
            whole step without one, or without ``max_divergence``, can be much too long.
        max_divergence: if given, the step is shortened where ½·dᵀFd, the Kullback-Leibler
            divergence of the step in second order, would be larger.
        solver: "dense" forms F and its eigenvectors; "cg" solves by conjugate gradients, from
            products with F alone.
        max_steps: of conjugate gradients.

    Raises:
        DomainError: for values out of range.

    Raises (the step):
        GradientError: if the problem is not given.

    >>> import chainrule as cr
    >>> x, y = cr.tensor([[1.0, 0.0], [0.0, 100.0]]), cr.tensor([[1.0], [1.0]])
    >>> problem = cr.optim.Problem(lambda w: x @ w, lambda out: cr.nn.mse(out, y))
    >>> w = cr.tensor([[0.0], [0.0]])
    >>> method = cr.optim.natural_gradient(1.0, damping=0.0)
    >>> updates, _ = method.update(cr.grad(problem)(w), method.init(w), w, problem)
    >>> x @ (w + updates)  # both outputs arrive at once, for all the 100
    tensor([[1.],
            [1.]])
    """
    check_line_search("natural_gradient", line_search)
    damping = checked("natural_gradient", "damping", damping)
    max_steps = checked_count("natural_gradient", "max_steps", max_steps)
    if max_divergence is not None:
        max_divergence = checked_positive("natural_gradient", "max_divergence", max_divergence)
    if solver not in get_args(Solver):
        raise DomainError(f'natural_gradient: solver is "dense" or "cg", not {solver!r}')
    rate = rate_of("natural_gradient", learning_rate)
    name = call_text(
        natural_gradient,
        number_text(learning_rate),
        damping=damping,
        line_search=line_search,
        max_divergence=max_divergence,
        solver=solver,
        max_steps=max_steps,
    )

    def init(params: Any) -> NaturalGradientState:
        ravel(params)
        return NaturalGradientState(tensor(0))

    def solve(problem: Problem, x: Tensor, unravel: Any, g: Tensor) -> Tensor:
        if solver == "dense":
            fisher = spectrum(ggn_matrix(problem, x, unravel))
            kept = functions.where(fisher.values > fisher.noise, fisher.values, 0.0)
            return fisher.solve(kept + damping, g)
        product = ggn_product(problem, x, unravel)
        limit = float(np.finfo(g.dtype).eps) * functions.sqrt(inner(g, g))
        zeros = functions.zeros_like(g)
        found = iterate(lambda v: product(v) + damping * v, g, zeros, limit, max_steps, None)
        return found.x + 0.0 * g  # NaN stays

    def step(
        grads: Any, state: NaturalGradientState, params: Any, problem: Problem | None
    ) -> tuple[Any, NaturalGradientState]:
        problem = needed(name, problem)
        x, unravel = ravel(params)
        g, _ = ravel_as(name, params, grads)
        direction = -solve(problem, x, unravel, g)
        first = functions.astype(rate(state.count), x.dtype)
        if max_divergence is not None:
            whole = first * direction
            spread = inner(whole, ggn_product(problem, x, unravel)(whole)) / 2.0
            over = spread > max_divergence
            shorter = functions.sqrt(max_divergence / functions.where(over, spread, 1.0))
            first = functions.where(over, shorter, 1.0) * first
        length = search(name, line_search, problem, params, direction, g, first)
        return unravel(length * direction), NaturalGradientState(state.count + 1)

    return Optimizer(name, init, step)
