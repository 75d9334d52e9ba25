"""Line searches: how far to go along a direction. They are traceable, and run natively.

Both look for a step length t along a direction d with gᵀd < 0 that lowers φ(t) = f(x + t·d). A
trial where the value or the slope is NaN or infinite counts as too far. A search that finds
nothing returns the length 0, so that no method built on one ascends by more than rounding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from chainrule import functions
from chainrule.calculus import value_and_grad
from chainrule.control import while_loop
from chainrule.core.errors import DomainError
from chainrule.optim.transform import Problem
from chainrule.optim.vector import choose, inner, largest, needed, ravel, value_at, vector_function
from chainrule.tensor import Tensor, tensor

__all__ = [
    "LineSearch",
    "Searched",
    "backtracking",
    "check_line_search",
    "search",
    "strong_wolfe",
]

LineSearch = Literal["strong_wolfe", "backtracking"]

SUFFICIENT_DECREASE = 1e-4  # c₁, Nocedal & Wright 2006, section 3.1
CURVATURE = 0.9  # c₂, for Newton and quasi-Newton directions, same place

ROUNDING = 4.0  # differences of the loss below so many units in its last place say nothing

BRACKETING, ZOOMING, DONE = 0, 1, 2


class Searched(NamedTuple):
    """The end of a search: the length t, and value and gradient at x + t·d (at x for t = 0)."""

    length: Tensor
    value: Tensor
    gradient: Tensor


@dataclasses.dataclass(frozen=True)
class _End:
    """One end of the bracket: t, φ(t) and φ′(t)."""

    length: Tensor
    value: Tensor
    slope: Tensor


@dataclasses.dataclass(frozen=True)
class _Search:
    """Where a search is.

    ``low`` is the best end of the bracket, with the gradient there, and meets the first Wolfe
    condition. While bracketing ``high`` means nothing yet. ``crept`` says that the trial before
    stayed close to an end of the bracket.
    """

    phase: Tensor
    evaluations: Tensor
    trial: Tensor
    low: _End
    gradient: Tensor
    high: _End
    crept: Tensor


def check_line_search(name: str, line_search: str | None) -> None:
    """Raise unless this is the name of a line search, or None."""
    if line_search is not None and line_search not in get_args(LineSearch):
        known = ", ".join(f'"{known}"' for known in get_args(LineSearch))
        raise DomainError(f"{name}: line_search is {known} or None, not {line_search!r}")


def strong_wolfe(
    function: Callable[[Tensor], tuple[Tensor, Tensor]],
    x: Tensor,
    direction: Tensor,
    value: Tensor,
    gradient: Tensor,
    first: Tensor,
    *,
    decrease: float = SUFFICIENT_DECREASE,
    curvature: float = CURVATURE,
    max_evaluations: int = 25,
) -> Searched:
    """A step that meets the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5, 3.6).

    These are φ(t) ≤ φ(0) + c₁·t·φ′(0) and |φ′(t)| ≤ c₂·|φ′(0)|. The trial inside a bracket is the
    minimiser of the cubic through both ends (equation 3.59), kept a tenth of the bracket away from
    an end that it has come close to twice; beyond the bracket, of the cubic through the last two.
    Close to a minimum rounding hides what f does; there the second condition alone decides (Hager
    & Zhang 2005, SIAM J. Optim. 16, the approximate Wolfe conditions, section 1).

    Args:
        function: f and its gradient, of a vector.
        x, direction: x and d, shape (n,).
        value, gradient: f(x) and its gradient.
        first: the first length to try.
        decrease, curvature: c₁ < c₂, between 0 and 1.
        max_evaluations: at most so many trials. If none meets both conditions the best that meets
            the first is taken.
    """
    start_slope = inner(gradient, direction)
    reach = largest(direction)
    origin = _End(functions.zeros_like(value), value, start_slope)
    resolution = float(np.finfo(x.dtype).eps) * largest(x)
    rounding = ROUNDING * float(np.finfo(x.dtype).eps) * functions.abs(value)

    def body(search: _Search) -> _Search:
        t, low, high = search.trial, search.low, search.high
        zooming = search.phase == ZOOMING
        f, g = function(x + t * direction)
        new = _End(t, f, inner(g, direction))
        flat = functions.abs(new.slope) <= -curvature * start_slope
        # written so that a NaN fails: such a trial is too far
        lower = (f <= value + decrease * t * start_slope) & (f < low.value)
        lower |= flat & (functions.abs(f - value) <= rounding)
        lower &= functions.isfinite(new.slope - f)
        # the minimum is between the old low end and the new one if the slope changes sign there
        ahead = functions.where(zooming, high.length - low.length, 1.0)
        passed = new.slope * ahead >= 0
        next_high = choose(~lower, new, choose(passed, low, high))
        next_low = choose(lower, new, low)
        phase = functions.where(
            lower & flat,
            DONE,
            functions.where(zooming | ~lower | passed, ZOOMING, BRACKETING),
        )
        inside, crept = _inside(next_low, next_high, search.crept)
        beyond = _cubic(low, new, t + 0.01 * (t - low.length), 10.0 * t)
        narrow = functions.abs(next_high.length - next_low.length) * reach <= resolution
        phase = functions.where((phase == ZOOMING) & narrow, DONE, phase)
        return _Search(
            phase,
            search.evaluations + 1,
            functions.where(phase == BRACKETING, beyond, inside),
            next_low,
            functions.where(lower, g, search.gradient),
            next_high,
            functions.where(phase == ZOOMING, crept, search.crept),
        )

    found = while_loop(
        lambda search: (search.phase != DONE) & (search.evaluations < max_evaluations),
        body,
        _Search(
            functions.where(start_slope < 0, BRACKETING, DONE),
            tensor(0),
            first,
            origin,
            gradient,
            origin,
            tensor(False),
        ),
    )
    return Searched(found.low.length, found.low.value, found.gradient)


def _cubic(a: _End, b: _End, lowest: Tensor, highest: Tensor) -> Tensor:
    """The minimiser of the cubic through two ends (equation 3.59), kept between two bounds.

    The middle between the bounds where there is no minimiser, or an end is not finite.
    """
    swap = a.length > b.length
    a, b = choose(swap, b, a), choose(swap, a, b)
    finite = functions.isfinite(b.value + b.slope + a.value + a.slope) & (a.length < b.length)
    width = functions.where(finite, b.length - a.length, 1.0)
    rise = functions.where(finite, b.value - a.value, 0.0)
    left, right = (functions.where(finite, end.slope, 1.0) for end in (a, b))
    d1 = left + right - 3.0 * rise / width
    square = d1 * d1 - left * right
    d2 = functions.sqrt(functions.maximum(square, 0.0))
    below = right - left + 2.0 * d2
    exists = finite & (square >= 0) & (below != 0) & functions.isfinite(square)
    t = b.length - width * ((right + d2 - d1) / functions.where(exists, below, 1.0))
    inside = functions.minimum(functions.maximum(t, lowest), highest)
    return choose(exists, inside, (lowest + highest) / 2.0)


def _inside(low: _End, high: _End, crept: Tensor) -> tuple[Tensor, Tensor]:
    """The next trial between two ends, and whether it is close to one of them."""
    left = functions.minimum(low.length, high.length)
    right = functions.maximum(low.length, high.length)
    t = _cubic(low, high, left, right)
    margin = 0.1 * (right - left)
    close = functions.minimum(right - t, t - left) < margin
    move = close & (crept | (t >= right) | (t <= left))
    moved = functions.where(
        functions.abs(t - right) < functions.abs(t - left), right - margin, left + margin
    )
    return functions.where(move, moved, t), close & ~move


def backtracking(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    direction: Tensor,
    value: Tensor,
    slope: Tensor,
    first: Tensor,
    *,
    decrease: float = SUFFICIENT_DECREASE,
    max_evaluations: int = 25,
) -> tuple[Tensor, Tensor]:
    """The first length of a shrinking sequence with φ(t) ≤ φ(0) + c₁·t·φ′(0) (Armijo's condition).

    The next trial is the minimiser of the parabola through φ(0), φ′(0) and φ(t), kept between t/10
    and t/2 (Nocedal & Wright 2006, equation 3.58 and the text below it).

    Args:
        function: f of a vector.
        x, direction: x and d, shape (n,).
        value, slope: φ(0) and φ′(0).
        first: the first length to try.
        decrease: c₁, between 0 and 1.
        max_evaluations: after so many trials the length is 0.

    Returns:
        The length t, and φ(t).
    """

    def accepted(t: Tensor, f: Tensor) -> Tensor:
        # strictly lower, else a step that rounding swallows would pass
        return (f <= value + decrease * t * slope) & (f < value)

    def body(state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        t, f, evaluations = state
        excess = functions.where(functions.isfinite(f), f - value - slope * t, 0.0)
        parabola = -slope * t * t / (2.0 * functions.where(excess > 0, excess, 1.0))
        shorter = functions.minimum(functions.maximum(parabola, 0.1 * t), 0.5 * t)
        t = functions.where(excess > 0, shorter, 0.5 * t)
        return t, function(x + t * direction), evaluations + 1

    t: Tensor
    t, f, _ = while_loop(
        lambda state: ~accepted(state[0], state[1]) & (state[2] < max_evaluations),
        body,
        (first, function(x + first * direction), tensor(1)),
    )
    return choose(accepted(t, f) & (slope < 0), (t, f), (functions.zeros_like(t), value))


def search(
    name: str,
    line_search: LineSearch | None,
    problem: Problem | None,
    params: Any,
    direction: Tensor,
    gradient: Tensor,
    first: Tensor,
    *,
    curvature: float = CURVATURE,
    max_evaluations: int = 25,
) -> Tensor:
    """The length of the step along ``direction``; ``first`` itself without a line search.

    Args:
        name: of the optimizer, for its errors.
        line_search: which one, or None.
        problem: what is made smaller; only a line search needs it.
        params: the pytree that the vectors belong to.
        direction, gradient: vectors of all parameters.
        first: the first length to try.
        curvature: c₂ of the strong Wolfe conditions.
        max_evaluations: of the loss, at most.

    Raises:
        GradientError: if there is a line search and no problem.
    """
    if line_search is None:
        return first
    problem = needed(name, problem)
    x, unravel = ravel(params)
    value = value_at(problem, params, x.dtype)
    of = vector_function(problem, unravel, x.dtype)
    if line_search == "strong_wolfe":
        return strong_wolfe(
            value_and_grad(of), x, direction, value, gradient, first,
            curvature=curvature, max_evaluations=max_evaluations,
        ).length  # fmt: skip
    slope = inner(gradient, direction)
    return backtracking(of, x, direction, value, slope, first, max_evaluations=max_evaluations)[0]
