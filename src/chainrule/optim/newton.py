"""Newton's method with the whole Hessian, for problems of up to a few thousand parameters."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.optim.common import call_text, checked, number_text
from chainrule.optim.curvature import Spectrum, hessian_matrix, spectrum
from chainrule.optim.line_search import LineSearch, check_line_search, search
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem
from chainrule.optim.vector import choose, needed, rate_of, ravel, ravel_as
from chainrule.tensor import Tensor, tensor

__all__ = ["Curvature", "NewtonState", "newton"]

Curvature = Literal["absolute", "shift"]


@dataclasses.dataclass(frozen=True)
class NewtonState:
    """The number of steps done."""

    count: Tensor


def newton(
    learning_rate: LearningRate = 1.0,
    line_search: LineSearch | None = "backtracking",
    curvature: Curvature = "absolute",
    damping: float = 0.0,
) -> Optimizer:
    """Newton's method: θ ← θ − t·A⁻¹g, with A the Hessian made positive definite.

    Where the Hessian is positive definite A is the Hessian, the steps do not change under affine
    maps of the parameters, and convergence is quadratic (Nocedal & Wright 2006, theorem 3.5). Near
    saddles and maxima −H⁻¹g leads towards them. There the eigenvalues λ of H are replaced by |λ|,
    which turns back from saddles (Dauphin et al. 2014, algorithm 1, with all directions), or all of
    them raised by 2·|λ₁| if the least, λ₁, is negative, which so becomes |λ₁|; that H + τ·I is
    positive definite is the idea of Nocedal & Wright, section 3.4.

    A step forms H, of n² numbers, and its eigenvectors.

    Args:
        learning_rate: the step length without a line search, with one the first length tried.
        line_search: with one no step ascends.
        curvature: "absolute" or "shift", what becomes of negative eigenvalues.
        damping: added to all eigenvalues; takes affine invariance away.

    Raises:
        DomainError: for values out of range.

    Raises (the step):
        GradientError: if the problem is not given.

    >>> import chainrule as cr
    >>> saddle = lambda x: x[0] ** 4 - x[0] ** 2 + x[1] ** 2
    >>> found = cr.optim.minimize(saddle, cr.tensor([0.01, 1.0]), cr.optim.newton())
    >>> abs(found.x.numpy()).round(6).tolist(), found.steps < 15
    ([0.707107, 0.0], True)
    """
    check_line_search("newton", line_search)
    if curvature not in get_args(Curvature):
        raise DomainError(f'newton: curvature is "absolute" or "shift", not {curvature!r}')
    damping = checked("newton", "damping", damping)
    rate = rate_of("newton", learning_rate)
    name = call_text(
        newton,
        number_text(learning_rate),
        line_search=line_search,
        curvature=curvature,
        damping=damping,
    )

    def init(params: Any) -> NewtonState:
        ravel(params)
        return NewtonState(tensor(0))

    def step(
        grads: Any, state: NewtonState, params: Any, problem: Problem | None
    ) -> tuple[Any, NewtonState]:
        x, unravel = ravel(params)
        gradient, _ = ravel_as(name, params, grads)
        found = spectrum(hessian_matrix(needed(name, problem), x, unravel))
        values = _positive(found, curvature) + damping
        direction = -found.solve(values, gradient)
        first = functions.astype(rate(state.count), x.dtype)
        length = search(name, line_search, problem, params, direction, gradient, first)
        return unravel(length * direction), NewtonState(state.count + 1)

    return Optimizer(name, init, step)


def _positive(found: Spectrum, curvature: Curvature) -> Tensor:
    """Eigenvalues above rounding; 1 if all of them are 0, which leaves the gradient."""
    values = functions.abs(found.values)
    if curvature == "shift":
        values = found.values + functions.maximum(-2.0 * found.values[0], 0.0)
    bent = functions.maximum(values, found.noise)
    return choose(found.noise > 0, bent, functions.ones_like(bent))
