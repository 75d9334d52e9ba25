"""Minima of f(w) + λ·Σ|wⱼ| for a smooth convex f."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve  # scikit-learn needs it, so that it is there

__all__ = ["Ended", "Smooth", "lasso", "newton", "proximal_newton", "quadratic"]

LINE = 40
"""At most so many halvings in a line search."""

MODEL_STEPS = 10_000
"""At most so many steps for the minimum of a quadratic model."""

ROUNDING = 1e-10
"""A fall of the value below this share of it is lost in rounding."""


class Smooth(NamedTuple):
    """A smooth convex function of a vector w, shape (p,).

    Attributes:
        value: f(w).
        slope: f(w) and its gradient.
        curvature: the Hessian at w, shape (p, p).
    """

    value: Callable[[np.ndarray], float]
    slope: Callable[[np.ndarray], tuple[float, np.ndarray]]
    curvature: Callable[[np.ndarray], np.ndarray]


class Ended(NamedTuple):
    """Where a minimisation ended, after how many steps, and whether the conditions of a minimum
    hold within the tolerance."""

    w: np.ndarray
    steps: int
    converged: bool


def quadratic(matrix: np.ndarray, linear: np.ndarray) -> Smooth:
    """½ wᵀA w − bᵀw."""

    def slope(w: np.ndarray) -> tuple[float, np.ndarray]:
        product = matrix @ w
        return float(w @ (0.5 * product - linear)), product - linear

    return Smooth(lambda w: slope(w)[0], slope, lambda w: matrix)


def newton(f: Smooth, w: np.ndarray, tol: float, max_steps: int) -> Ended:
    """Newton's method with halved steps where f does not fall enough (Armijo's rule).

    Nocedal & Wright 2006, algorithm 3.2. It ends where no entry of the gradient is above ``tol``,
    or rounding hides any further fall.
    """
    value, slope = f.slope(w)
    for step in range(max_steps):
        if np.abs(slope).max() <= tol:
            return Ended(w, step, True)
        direction = -_solved(f.curvature(w), slope)
        decrease = float(slope @ direction)
        length = 1.0
        for _ in range(LINE):
            after = w + length * direction
            reached = f.value(after)
            if reached <= value + 1e-4 * length * decrease:
                break
            length /= 2
        else:  # nothing lower: the value is exact to rounding
            return Ended(w, step, abs(decrease) <= ROUNDING * max(1.0, abs(value)))
        w = after
        value, slope = f.slope(w)
    return Ended(w, max_steps, bool(np.abs(slope).max() <= tol))


def lasso(
    f: Smooth,
    w: np.ndarray,
    penalties: np.ndarray,
    lipschitz: float,
    tol: float,
    max_steps: int,
) -> Ended:
    """The minimum of f(w) + Σ λⱼ|wⱼ|, by accelerated proximal gradients that are made exact.

    FISTA (Beck and Teboulle 2009, section 4) with the restarts of O'Donoghue and Candès 2015
    (equation 12) finds which coefficients are 0 and the signs of the others. Every now and then
    Newton's method minimises f + Σ λⱼ sⱼ wⱼ over the others; where the signs stay, and the
    slopes of those at 0 stay within λ, that is the minimum.

    Args:
        f: the smooth part.
        w: where to begin, shape (p,).
        penalties: λ, shape (p,); 0 for what is not penalised.
        lipschitz: a bound of the largest eigenvalue of the Hessian.
        tol: how far a slope may miss the condition of a minimum.
        max_steps: most steps of FISTA.
    """
    step, ahead, momentum = 1.0 / lipschitz, w, 1.0
    pause = 10
    last = 0
    for number in range(1, max_steps + 1):
        slope = f.slope(ahead)[1]
        after = shrunk(ahead - step * slope, step * penalties)
        if (ahead - after) @ (after - w) > 0:  # it swings back: begin anew from here
            momentum = 1.0
        larger = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = after + (momentum - 1) / larger * (after - w)
        w, momentum = after, larger
        if number - last == pause or number == max_steps:
            last, pause = number, 2 * pause
            exact = _exact(f, w, penalties, tol)
            for found in (exact, w):
                if _violation(f, found, penalties) <= tol:
                    return Ended(found, number, True)
    return Ended(w, max_steps, False)


def proximal_newton(
    f: Smooth, w: np.ndarray, penalties: np.ndarray, tol: float, max_steps: int
) -> Ended:
    """The minimum of f(w) + Σ λⱼ|wⱼ|, by those of its second-order models.

    Lee, Sun and Saunders 2014, algorithm 1: `lasso` minimises the model, and a step is halved where
    the function does not fall enough (equation 2.20).

    Args:
        f, w, penalties, tol: as for `lasso`.
        max_steps: most models.
    """

    def whole(w: np.ndarray) -> float:
        return f.value(w) + float(penalties @ np.abs(w))

    for step in range(max_steps):
        if (missed := _violation(f, w, penalties)) <= tol:
            return Ended(w, step, True)
        slope, matrix = f.slope(w)[1], f.curvature(w)
        model = quadratic(matrix, matrix @ w - slope)
        inner = min(0.1 * missed, tol)
        target = lasso(model, w, penalties, _largest(matrix), inner, MODEL_STEPS).w
        direction, value, length = target - w, whole(w), 1.0
        decrease = float(slope @ direction + penalties @ (np.abs(target) - np.abs(w)))
        for _ in range(LINE):
            if whole(w + length * direction) <= value + 1e-4 * length * decrease:
                break
            length /= 2
        else:  # nothing lower: the value is exact to rounding
            return Ended(w, step, abs(decrease) <= ROUNDING * max(1.0, abs(value)))
        w = w + length * direction
    return Ended(w, max_steps, _violation(f, w, penalties) <= tol)


def shrunk(w: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Each entry moved towards 0 by so much, at most to 0: the proximal map of Σ λⱼ|wⱼ|."""
    moved: np.ndarray = np.sign(w) * np.maximum(np.abs(w) - by, 0)
    return moved


def _violation(f: Smooth, w: np.ndarray, penalties: np.ndarray) -> float:
    """How far w misses 0 ∈ ∇f(w) + λ ∂|w|, the condition of a minimum."""
    slope = f.slope(w)[1]
    at_zero = np.maximum(np.abs(slope) - penalties, 0)
    elsewhere = np.abs(slope + penalties * np.sign(w))
    return float(np.where((w == 0) & (penalties > 0), at_zero, elsewhere).max())


def _exact(f: Smooth, w: np.ndarray, penalties: np.ndarray, tol: float) -> np.ndarray:
    """The minimum over w with the zeros and signs of this one, which need not keep them."""
    free = np.flatnonzero((w != 0) | (penalties == 0))
    if not len(free):
        return w
    linear = penalties[free] * np.sign(w[free])

    def full(inner: np.ndarray) -> np.ndarray:
        outer = np.zeros_like(w)
        outer[free] = inner
        return outer

    def slope(inner: np.ndarray) -> tuple[float, np.ndarray]:
        value, found = f.slope(full(inner))
        return value + float(linear @ inner), found[free] + linear

    part = Smooth(
        lambda inner: f.value(full(inner)) + float(linear @ inner),
        slope,
        lambda inner: f.curvature(full(inner))[np.ix_(free, free)],
    )
    return full(newton(part, w[free], 0.1 * tol, 20).w)


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x with A x = b for a positive semidefinite A, the shortest one where A is singular."""
    try:
        found: np.ndarray = cho_solve(cho_factor(matrix), right)
    except np.linalg.LinAlgError:
        found = np.linalg.lstsq(matrix, right, rcond=None)[0]
    return found


def _largest(matrix: np.ndarray) -> float:
    """The largest eigenvalue, or a little above 0 where all are 0."""
    return max(float(np.linalg.eigvalsh(matrix)[-1]), float(np.finfo(np.float64).tiny))
