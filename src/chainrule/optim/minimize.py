"""Minimising plain functions of pytrees."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from chainrule import functions
from chainrule.calculus import value_and_grad
from chainrule.compiling import compile as compile_
from chainrule.control import while_loop
from chainrule.core.errors import ArgumentError, DomainError, NonFiniteError
from chainrule.core.tree import flatten, map_tree
from chainrule.lift import as_node
from chainrule.optim.bound import BoundOptimizer
from chainrule.optim.gauss_newton import levenberg_marquardt
from chainrule.optim.lbfgs import lbfgs
from chainrule.optim.transform import Optimizer, Problem, apply_updates
from chainrule.optim.vector import choose, inner, largest, ravel
from chainrule.tensor import Tensor, tensor

__all__ = ["Minimum", "Reason", "least_squares", "minimize"]

Reason = Literal["gradient", "step", "no decrease", "not finite", "max_steps", "callback"]
Function = Callable[..., Tensor]
Callback = Callable[[int, Any, float], Any]

CHUNK = 50
"""Steps in one call of the native program, between which the interpreter can be interrupted."""

MESSAGES: dict[Reason, str] = {
    "gradient": "the gradient is within the tolerance",
    "step": "the step is within step_tolerance",
    "no decrease": "no lower value was found along the direction",
    "not finite": "the value or its gradient became NaN or infinite",
    "max_steps": "the largest number of steps was reached",
    "callback": "the callback asked to stop",
}
CODES: tuple[Reason, ...] = ("gradient", "step", "no decrease", "not finite")


@dataclasses.dataclass(frozen=True, repr=False)
class Minimum:
    """Where a minimisation ended.

    Attributes:
        x: the best point found, a pytree like the start.
        value: the function there.
        gradient_norm: the largest absolute entry of the gradient there, ‖∇f‖∞.
        steps: how many steps were done.
        converged: whether the gradient or the step came within its tolerance.
        reason: why it ended: "gradient", "step", "no decrease" (the line search found nothing
            lower: rounding is reached, or the gradient is wrong), "not finite", "max_steps" or
            "callback".
        trace: the value at the start and after every step, shape (steps + 1,).
    """

    x: Any
    value: float
    gradient_norm: float
    steps: int
    converged: bool
    reason: Reason
    trace: np.ndarray

    def __repr__(self) -> str:
        head = "converged" if self.converged else "not converged"
        return (
            f"Minimum(value={self.value:.10g}, gradient_norm={self.gradient_norm:.2g}, "
            f"{head} after {self.steps} steps: {MESSAGES[self.reason]})"
        )


@dataclasses.dataclass(frozen=True)
class _Run:
    """A minimisation on its way; ``reason`` is -1 or an index of CODES.

    ``moved`` says whether the last step moved at all; a method may recover from one that did not
    (it restarts with the slope, or dampens more), not from two.
    """

    x: Any
    state: Any
    value: Tensor
    gradient: Any
    size: Tensor
    moved: Tensor
    reason: Tensor
    done: Tensor
    trace: Tensor


def minimize(
    function: Function,
    x0: Any,
    optimizer: Optimizer | None = None,
    *,
    args: tuple[Any, ...] = (),
    max_steps: int = 1000,
    tolerance: float = 1e-6,
    step_tolerance: float = 0.0,
    callback: Callback | None = None,
    compile: bool = True,
) -> Minimum:
    """A local minimum of ``function(x, *args)`` near ``x0``.

    Args:
        function: from a pytree of floating-point tensors, and ``args``, to a scalar; made of
            chainrule's functions, so that it can be differentiated and compiled.
        x0: the start: a pytree of tensors, arrays or numbers, whose dtypes are kept. A vector is a
            tensor or an array; a list of numbers is a pytree, and given to the function as such.
        optimizer: any method of `chainrule.optim`; by default `lbfgs`.
        args: further arguments, a pytree of what stays constant, such as the data.
        max_steps: the largest number of steps.
        tolerance: it has converged where no entry of the gradient is larger than this.
        step_tolerance: it has converged where ‖step‖∞ ≤ step_tolerance · ‖x‖∞; 0 is never.
        callback: ``callback(step, x, value)`` after every step; if it returns true, that is
            the end.
        compile: whether steps run as a native program. To make one takes some tenths of a second
            in every call; False is quicker where the whole search takes less.

    Raises:
        GradientError: if the function is not scalar.
        DTypeError: if a leaf of ``x0`` is not floating-point.
        NonFiniteError: if ``x0``, the value or the gradient there is NaN or infinite.
        DomainError: for options out of range.

    >>> import chainrule as cr
    >>> found = cr.optim.minimize(
    ...     lambda p: (p["a"] - 3.0) ** 2 + (p["b"] ** 2).sum(), {"a": 0.0, "b": cr.ones(2)}
    ... )
    >>> found.x["a"].item(), found.converged, found.reason
    (3.0, True, 'gradient')
    """
    parts = _Parts(_same, function)
    return _minimize(
        "minimize", parts, x0, lbfgs() if optimizer is None else optimizer, args, max_steps,
        tolerance, step_tolerance, callback, compile,
    )  # fmt: skip


def least_squares(
    residuals: Callable[..., Any],
    x0: Any,
    optimizer: Optimizer | None = None,
    *,
    args: tuple[Any, ...] = (),
    max_steps: int = 1000,
    tolerance: float = 1e-6,
    step_tolerance: float = 0.0,
    callback: Callback | None = None,
    compile: bool = True,
) -> Minimum:
    """A local minimum of ½·Σ rᵢ², where r = ``residuals(x, *args)``.

    As `minimize`, but with the residuals at hand methods know the curvature from first
    derivatives: JᵀJ. The value of the result is ½·Σ rᵢ².

    Args:
        residuals: from a pytree of floating-point tensors to an array, or a pytree of arrays.
        x0, args, max_steps, tolerance, step_tolerance, callback, compile: as for `minimize`.
        optimizer: by default `levenberg_marquardt`; or `gauss_newton`, or any other.

    Raises:
        As `minimize`.

    >>> import chainrule as cr
    >>> t = cr.tensor([0.0, 1.0, 2.0, 3.0])
    >>> y = 2.0 * cr.exp(-0.5 * t)
    >>> found = cr.optim.least_squares(
    ...     lambda p, t, y: p["size"] * cr.exp(-p["rate"] * t) - y,
    ...     {"size": 1.0, "rate": 0.1},
    ...     args=(t, y),
    ... )
    >>> round(found.x["size"].item(), 6), round(found.x["rate"].item(), 6)
    (2.0, 0.5)
    """

    def half_squares(r: Any, *args: Any) -> Tensor:
        vector, _ = ravel(r)
        return inner(vector, vector) / 2.0

    return _minimize(
        "least_squares", _Parts(residuals, half_squares), x0,
        levenberg_marquardt() if optimizer is None else optimizer, args, max_steps, tolerance,
        step_tolerance, callback, compile,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Parts:
    """``loss(outputs(x, *args), *args)``."""

    outputs: Callable[..., Any]
    loss: Callable[..., Tensor]

    def __call__(self, x: Any, *args: Any) -> Tensor:
        return self.loss(self.outputs(x, *args), *args)


def _same(x: Any, *args: Any) -> Any:
    return x


def _minimize(
    name: str,
    function: _Parts,
    x0: Any,
    optimizer: Optimizer,
    args: tuple[Any, ...],
    max_steps: int,
    tolerance: float,
    step_tolerance: float,
    callback: Callback | None,
    compile: bool,
) -> Minimum:
    _check(name, optimizer, max_steps, tolerance, step_tolerance)
    start = map_tree(_constant, x0)
    given = map_tree(_constant, args)
    value, gradient = value_and_grad(function)(start, *given)
    _check_start(name, start, value, gradient)
    chunk = 1 if callback is not None else CHUNK
    advance = _advance(function, optimizer, chunk, tolerance, step_tolerance)
    if compile:
        advance = compile_(advance)
    run = _Run(
        start,
        optimizer.init(start),
        value,
        gradient,
        _size(gradient),
        tensor(True),
        tensor(0 if _size(gradient).item() <= tolerance else -1),
        tensor(0),
        functions.zeros(chunk, dtype=value.dtype),
    )
    steps, traces, stopped = 0, [value.numpy()[None]], False
    while run.reason.item() < 0 and steps < max_steps and not stopped:
        limit = min(chunk, max_steps - steps)
        run = advance(dataclasses.replace(run, done=tensor(0)), tensor(limit), *given)
        done = run.done.item()
        steps += done
        traces.append(run.trace.numpy()[:done])
        if callback is not None:
            stopped = bool(callback(steps, run.x, run.value.item()))
    code = run.reason.item()
    reason: Reason = CODES[code] if code >= 0 else "callback" if stopped else "max_steps"
    return Minimum(
        run.x,
        run.value.item(),
        run.size.item(),
        steps,
        reason in ("gradient", "step"),
        reason,
        np.concatenate(traces),
    )


def _advance(
    function: _Parts, optimizer: Optimizer, chunk: int, tolerance: float, step_tolerance: float
) -> Callable[..., _Run]:
    """Up to ``limit`` steps, as a pure function ``(run, limit, *args) -> run``."""
    differentiate = value_and_grad(function)

    def step(run: _Run, args: tuple[Any, ...]) -> _Run:
        problem = Problem(
            lambda x: function.outputs(x, *args), lambda out: function.loss(out, *args), run.value
        )
        updates, state = optimizer.update(run.gradient, run.state, run.x, problem)
        x = apply_updates(run.x, updates)
        value, gradient = differentiate(x, *args)
        size = _size(gradient)
        moved = largest(ravel(map_tree(lambda a, b: a - b, x, run.x))[0])
        reach = largest(ravel(x)[0])
        finite = functions.isfinite(value) & functions.isfinite(size) & functions.isfinite(moved)
        small = (moved <= step_tolerance * reach) & (moved > 0)
        reason = functions.where(
            ~finite,
            CODES.index("not finite"),
            functions.where(
                size <= tolerance,
                CODES.index("gradient"),
                functions.where(
                    small,
                    CODES.index("step"),
                    functions.where((moved > 0) | run.moved, -1, CODES.index("no decrease")),
                ),
            ),
        )

        kept = (run.x, run.value, run.gradient, run.size)  # the last point where all is well
        x, seen, gradient, size = choose(finite, (x, value, gradient, size), kept)
        trace = functions.where(functions.arange(chunk) == run.done, value, run.trace)
        return _Run(x, state, seen, gradient, size, moved > 0, reason, run.done + 1, trace)

    def advance(run: _Run, limit: Tensor, *args: Any) -> _Run:
        ended: _Run = while_loop(
            lambda run: (run.reason < 0) & (run.done < limit), lambda run: step(run, args), run
        )
        return ended

    return advance


def _size(gradient: Any) -> Tensor:
    return largest(ravel(gradient)[0])


def _constant(leaf: Any) -> Tensor:
    return Tensor(as_node(leaf)).detach()


def _check(
    name: str, optimizer: Any, max_steps: int, tolerance: float, step_tolerance: float
) -> None:
    if isinstance(optimizer, BoundOptimizer) or not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"{name}: the optimizer is made by a function of cr.optim, such as cr.optim.lbfgs(), "
            f"and not bound; got {optimizer!r}"
        )
    if max_steps < 0:
        raise DomainError(f"{name}: max_steps is at least 0, not {max_steps}")
    for what, value in (("tolerance", tolerance), ("step_tolerance", step_tolerance)):
        if not value >= 0:
            raise DomainError(f"{name}: {what} is at least 0, not {value}")


def _check_start(name: str, start: Any, value: Tensor, gradient: Any) -> None:
    for what, tree in (("x0", start), ("the value at x0", value), ("the gradient at x0", gradient)):
        for leaf in flatten(tree)[0]:
            bad = leaf.numpy()[~np.isfinite(leaf.numpy())]
            if bad.size:
                raise NonFiniteError(f"{name}: {what} is {bad[0]}; start where all is finite")
