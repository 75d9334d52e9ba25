"""Gauss-Newton and Levenberg-Marquardt, with the whole matrix Jᵀ Hₗ J (see `curvature`)."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import numpy as np

from chainrule import functions
from chainrule.control import while_loop
from chainrule.core.errors import DomainError
from chainrule.optim.common import call_text, checked, checked_count, checked_positive, number_text
from chainrule.optim.curvature import ggn_matrix, spectrum
from chainrule.optim.line_search import LineSearch, check_line_search, search
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem
from chainrule.optim.vector import (
    choose,
    inner,
    needed,
    rate_of,
    ravel,
    ravel_as,
    value_at,
    vector_function,
)
from chainrule.tensor import Tensor, tensor

__all__ = [
    "GaussNewtonState",
    "LevenbergMarquardtState",
    "Scaling",
    "gauss_newton",
    "levenberg_marquardt",
]

Scaling = Literal["diagonal", "identity"]


@dataclasses.dataclass(frozen=True)
class GaussNewtonState:
    """The number of steps done."""

    count: Tensor


def gauss_newton(
    learning_rate: LearningRate = 1.0,
    line_search: LineSearch | None = "backtracking",
    damping: float = 0.0,
) -> Optimizer:
    """Gauss-Newton: θ ← θ − t·(Jᵀ Hₗ J + δ·I)⁻¹g; Nocedal & Wright 2006, section 10.3.

    For outputs that are linear in θ it is Newton's method, and it is a descent method wherever the
    loss is convex in the outputs. Along directions that no output depends on, where the matrix has
    no inverse, nothing moves. A plain function, without outputs, has its Hessian for a matrix, of
    which negative eigenvalues are left out; take `newton` there.

    Args:
        learning_rate: the step length without a line search, with one the first length tried.
        line_search: with one no step ascends.
        damping: δ, constant; for one that adapts see `levenberg_marquardt`.

    Raises:
        DomainError: for values out of range.

    Raises (the step):
        GradientError: if the problem is not given.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.0, 1.0, 2.0, 3.0])
    >>> y = 2.0 * cr.exp(-0.5 * x)
    >>> model = lambda p: p[0] * cr.exp(p[1] * x) - y
    >>> found = cr.optim.least_squares(model, cr.tensor([1.0, 0.0]), cr.optim.gauss_newton())
    >>> found.x.numpy().round(6).tolist()
    [2.0, -0.5]
    """
    check_line_search("gauss_newton", line_search)
    damping = checked("gauss_newton", "damping", damping)
    rate = rate_of("gauss_newton", learning_rate)
    name = call_text(
        gauss_newton, number_text(learning_rate), line_search=line_search, damping=damping
    )

    def init(params: Any) -> GaussNewtonState:
        ravel(params)
        return GaussNewtonState(tensor(0))

    def step(
        grads: Any, state: GaussNewtonState, params: Any, problem: Problem | None
    ) -> tuple[Any, GaussNewtonState]:
        x, unravel = ravel(params)
        gradient, _ = ravel_as(name, params, grads)
        found = spectrum(ggn_matrix(needed(name, problem), x, unravel))
        kept = functions.where(found.values > found.noise, found.values, 0.0)
        direction = -found.solve(kept + damping, gradient)
        first = functions.astype(rate(state.count), x.dtype)
        length = search(name, line_search, problem, params, direction, gradient, first)
        return unravel(length * direction), GaussNewtonState(state.count + 1)

    return Optimizer(name, init, step)


@dataclasses.dataclass(frozen=True)
class LevenbergMarquardtState:
    """What adapts from step to step.

    Attributes:
        damping: λ, 0 before the first step.
        growth: ν, the factor by which a failure raises λ.
        scale: the largest diagonal of the matrix so far, shape (n,); 1 for "identity".
    """

    damping: Tensor
    growth: Tensor
    scale: Tensor


def levenberg_marquardt(
    damping: float = 1e-3, scaling: Scaling = "diagonal", max_tries: int = 20
) -> Optimizer:
    """Levenberg-Marquardt: θ ← θ − (Jᵀ Hₗ J + λ·D)⁻¹g, with a λ that follows the gain ratio.

    The gain ratio ρ is the decrease of the loss over that of its quadratic model. A step with
    ρ > 0 is taken and λ ← λ·max(1/3, 1 − (2ρ − 1)³), else λ ← λ·ν, ν ← 2ν, and the step is tried
    again (Nielsen 1999, Damping parameter in Marquardt's method, section 3; there ρ is the same).
    So no step ascends, and λ = 0 is Gauss-Newton, a large λ a short step down the slope.

    Args:
        damping: λ at the start, relative to the largest diagonal element of D⁻¹·Jᵀ Hₗ J.
        scaling: "diagonal" for D the largest diagonal of the matrix met so far (Marquardt 1963;
            Moré 1978, section 6), with which the units of the parameters do not matter; "identity"
            for D = I.
        max_tries: how often λ grows in one step. If nothing lower is found the step is 0, and the
            next goes on from the λ reached.

    Raises:
        DomainError: for values out of range.

    Raises (the step):
        GradientError: if the problem is not given.

    >>> import chainrule as cr
    >>> cr.optim.levenberg_marquardt(scaling="identity")
    levenberg_marquardt(scaling='identity')
    """
    damping = checked_positive("levenberg_marquardt", "damping", damping)
    max_tries = checked_count("levenberg_marquardt", "max_tries", max_tries)
    if scaling not in get_args(Scaling):
        raise DomainError(
            f'levenberg_marquardt: scaling is "diagonal" or "identity", not {scaling!r}'
        )
    name = call_text(levenberg_marquardt, damping=damping, scaling=scaling, max_tries=max_tries)

    def init(params: Any) -> LevenbergMarquardtState:
        x, _ = ravel(params)
        zero = functions.zeros((), dtype=x.dtype)
        scale = functions.zeros_like(x) if scaling == "diagonal" else functions.ones_like(x)
        return LevenbergMarquardtState(zero, zero + 2.0, scale)

    def step(
        grads: Any, state: LevenbergMarquardtState, params: Any, problem: Problem | None
    ) -> tuple[Any, LevenbergMarquardtState]:
        problem = needed(name, problem)
        x, unravel = ravel(params)
        gradient, _ = ravel_as(name, params, grads)
        matrix = ggn_matrix(problem, x, unravel)
        value = value_at(problem, params, x.dtype)
        of = vector_function(problem, unravel, x.dtype)
        scale = state.scale
        if scaling == "diagonal":
            scale = functions.maximum(scale, functions.diagonal(matrix))
        # with θ = D^(−1/2)·u the damping is λ·I, and one spectrum serves every λ
        # with 1 for parameters that no output depends on
        unit = 1.0 / functions.sqrt(functions.where(scale > 0, scale, 1.0))
        found = spectrum(unit[:, None] * matrix * unit)
        values = functions.maximum(found.values, 0.0)
        start = damping * functions.diagonal(unit[:, None] * matrix * unit).max()
        rate = functions.where(state.damping > 0, state.damping, start)
        bent = unit * gradient

        # λ neither dies out nor runs away, from where it would take many steps to come back
        least, most = float(np.finfo(x.dtype).tiny), float(np.finfo(x.dtype).max) ** 0.5

        def body(now: _Trial) -> _Trial:
            u = -found.solve(values + now.damping, bent)
            # L(0) − L(u) of the model is −bᵀu − uᵀAu/2 = (λ‖u‖² − bᵀu)/2
            predicted = (now.damping * inner(u, u) - inner(bent, u)) / 2.0
            after = of(x + unit * u)
            lower = functions.isfinite(after) & (after < value) & (predicted > 0)
            gain = (value - functions.where(lower, after, value)) / choose(
                lower, predicted, functions.ones_like(predicted)
            )
            capped = functions.minimum(gain, 1.0)  # from there on the factor is 1/3
            eased = now.damping * functions.maximum(1.0 / 3.0, 1.0 - (2.0 * capped - 1.0) ** 3)
            return _Trial(
                now.tries + 1,
                lower,
                unit * u,
                functions.clip(
                    functions.where(lower, eased, now.damping * now.growth), least, most
                ),
                functions.where(lower, 2.0, functions.minimum(2.0 * now.growth, 2.0**10)),
            )

        ended = while_loop(
            lambda now: ~now.lower & (now.tries < max_tries),
            body,
            _Trial(tensor(0), tensor(False), functions.zeros_like(x), rate, state.growth),
        )
        moved = functions.where(ended.lower, ended.step, 0.0 * gradient)
        return unravel(moved), LevenbergMarquardtState(ended.damping, ended.growth, scale)

    return Optimizer(name, init, step)


@dataclasses.dataclass(frozen=True)
class _Trial:
    """A try of one step: how many there were, whether it goes lower, and λ and ν for the next."""

    tries: Tensor
    lower: Tensor
    step: Tensor
    damping: Tensor
    growth: Tensor
