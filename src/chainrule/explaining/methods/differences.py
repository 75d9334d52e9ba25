"""Differences: error against step size, the V-shaped curve, and what theory says of the best step.

A forward difference is off by h|f″|/2, which shrinks with the step h, and by about ε|f|/h, the
rounding of two values, which grows; so the best step is near √ε. For central differences the first
is h²|f‴|/6 and the best step near ∛ε. (Press et al., Numerical Recipes, 3rd edition, section 5.7.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.calculus import taylor
from chainrule.core.errors import ChainRuleError
from chainrule.core.tree import flatten
from chainrule.explaining.methods.problem import Problem, Values
from chainrule.functions import concatenate, reshape
from chainrule.lift import as_node
from chainrule.tensor import Tensor, no_grad

__all__ = ["Scheme", "StepSizes", "central_differences", "forward_differences", "sweep"]

STEPS = 10.0 ** -np.arange(1, 15.25, 0.5)


@dataclass(frozen=True, eq=False)
class Scheme:
    """A kind of difference: its error at each step, measured and by theory.

    Attributes:
        name: "forward differences" or "central differences".
        errors: the absolute error at each step, the largest over all results; NaN where a step
            leaves the domain.
        best: the step of the smallest error, judged together with its two neighbours, so that a
            chance hit among roundings does not count.
        error: the error there.
        rule: √ε or ∛ε, the step that theory names when nothing is known of the function.
        predicted: the step that theory names with the function's own derivatives; None where they
            are zero or not known.
        truncation: (power, factor): the part of the error that is factor·h^power.
        rounding: the part of the error that is rounding/h.
    """

    name: str
    errors: Values
    best: float
    error: float
    rule: float
    predicted: float | None
    truncation: tuple[int, float] | None
    rounding: float

    def theory(self, steps: Values) -> Values | None:
        """The error that theory expects at each step."""
        if self.truncation is None:
            return None
        power, factor = self.truncation
        expected: Values = factor * steps**power + self.rounding / steps
        return expected


@dataclass(frozen=True, eq=False)
class StepSizes:
    """Error against step size of both kinds of differences; see `compare_methods`.

    Attributes:
        steps: the step sizes h.
        forward: (f(x + h v) − f(x)) / h.
        central: (f(x + h v) − f(x − h v)) / (2h).
        direction: v, a unit vector; the only axis for a function of one number.
        size: the largest |f′| along it.
        epsilon: the distance from 1 to the next number of the dtype.
        dtype: of the computation.
    """

    steps: Values
    forward: Scheme
    central: Scheme
    direction: Values
    size: float
    epsilon: float
    dtype: str


def forward_differences(problem: Problem) -> Iterator[Values]:
    """(f(x + h eᵢ) − f(x)) / h with h = √ε max(1, |xᵢ|): n + 1 values of f."""
    here = problem.value(problem.x)
    for i in range(problem.n):
        (above,), h = _moved(problem, i, _epsilon(problem) ** (1 / 2), (1,))
        yield (problem.value(above) - here) / h


def central_differences(problem: Problem) -> Iterator[Values]:
    """(f(x + h eᵢ) − f(x − h eᵢ)) / (2h) with h = ∛ε max(1, |xᵢ|): 2n values of f."""
    for i in range(problem.n):
        (above, below), width = _moved(problem, i, _epsilon(problem) ** (1 / 3), (1, -1))
        yield (problem.value(above) - problem.value(below)) / width


def _epsilon(problem: Problem) -> float:
    return float(np.finfo(problem.dtype).eps)


def _moved(
    problem: Problem, i: int, step: float, signs: tuple[int, ...]
) -> tuple[list[Values], float]:
    """The point moved along an axis, and the distance as it is after rounding."""
    points = []
    for sign in signs:
        moved = problem.x.copy()
        moved[i] = problem.dtype.type(moved[i] + sign * step * max(1.0, abs(moved[i])))
        points.append(moved)
    last = points[1] if len(points) > 1 else problem.x
    return points, float(points[0][i] - last[i])


def sweep(problem: Problem, exact: Problem) -> StepSizes:
    """The errors of differences along one direction, from step 0.1 to 10⁻¹⁵.

    Args:
        problem: the function in its own dtype.
        exact: the same in float64, whose derivative the differences are compared with.
    """
    direction = np.ones(1)
    if problem.n > 1:
        direction = np.random.default_rng(0).normal(size=problem.n)
        direction /= np.linalg.norm(direction)
    slope = exact.pushed(exact.x, direction)
    here = problem.value(problem.x)
    forward, central = [], []
    for h in STEPS:
        above = problem.value(problem.x + h * direction)
        below = problem.value(problem.x - h * direction)
        forward.append(np.max(np.abs((above - here) / h - slope)))
        central.append(np.max(np.abs((above - below) / (2 * h) - slope)))
    epsilon = _epsilon(problem)
    second, third = _higher(exact, direction)
    size = float(np.max(np.abs(slope)))
    moved = size * float(np.max(np.abs(problem.x * direction)))
    rounding = epsilon * float(np.max(np.abs(here))) + epsilon / 2 * moved
    return StepSizes(
        STEPS,
        _scheme("forward differences", 1, second, 2, rounding, epsilon, forward),
        _scheme("central differences", 2, third, 6, rounding / 2, epsilon, central),
        direction,
        size,
        epsilon,
        problem.dtype.name,
    )


def _scheme(
    name: str,
    power: int,
    derivative: float | None,
    divisor: int,
    rounding: float,
    epsilon: float,
    errors: list[float],
) -> Scheme:
    """A scheme with the error a·hᵖ + r/h, which is least at h = (r / (p a))^(1/(p+1))."""
    found = np.array(errors)
    padded = np.concatenate([[-np.inf], np.where(np.isfinite(found), found, np.inf), [-np.inf]])
    around = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    place = int(np.argmin(around))
    truncation, predicted = None, None
    if derivative is not None:
        factor = derivative / divisor
        truncation = (power, factor)
        if factor > 0 and rounding > 0:
            predicted = float((rounding / (power * factor)) ** (1 / (power + 1)))
    return Scheme(
        name,
        found,
        float(STEPS[place]),
        float(found[place]),
        float(epsilon ** (1 / (power + 1))),
        predicted,
        truncation,
        rounding,
    )


def _higher(exact: Problem, direction: Values) -> tuple[float | None, float | None]:
    """The largest |f″| and |f‴| along the direction, by a power series of the function."""
    start, ahead = exact.leaves(exact.x), exact.leaves(direction)

    def along(t: Tensor) -> Tensor:
        results, _ = flatten(exact.called(*(a + t * b for a, b in zip(start, ahead, strict=True))))
        flat = [reshape(Tensor(as_node(result)), (-1,)) for result in results]
        return concatenate(flat)

    try:
        with no_grad(), np.errstate(all="ignore"):
            _, _, second, third = taylor(along, 0.0, 3).coefficients
    except ChainRuleError:
        return None, None
    largest = [float(np.max(np.abs(np.asarray(c)))) * k for c, k in ((second, 2), (third, 6))]
    return (
        largest[0] if np.isfinite(largest[0]) else None,
        largest[1] if np.isfinite(largest[1]) else None,
    )
