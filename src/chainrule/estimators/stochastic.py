"""Epochs of stochastic gradient descent, each a native program."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from chainrule import functions
from chainrule.calculus import value_and_grad
from chainrule.compiling import Compiled
from chainrule.compiling import compile as compile_
from chainrule.control import scan
from chainrule.core.node import array
from chainrule.core.tree import map_tree
from chainrule.estimators.objective import Layers, penalised
from chainrule.tensor import Tensor, tensor

__all__ = ["Data", "Epochs", "Method", "is_worthwhile", "wrapped"]

PER_STEP, PER_SECOND, COMPILATION = 1.5e-3, 1e10, 0.4
"""Seconds that a step takes in Python beside its arithmetic, floating-point operations in a second,
and seconds for a compilation: nominal values, for what is decided to be the same everywhere."""


class Method(NamedTuple):
    """What decides the program of an epoch, beside the shapes.

    Attributes:
        activation, loss: names in `objective`.
        solver: "adam" or "sgd".
        momentum, nesterov: of sgd.
        beta_1, beta_2, epsilon: of Adam.
    """

    activation: str
    loss: str
    solver: str
    momentum: float
    nesterov: bool
    beta_1: float
    beta_2: float
    epsilon: float


class Data(NamedTuple):
    """Inputs (n, …), targets (n, …) and, if there are any, weights (n,)."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None

    def rows(self, rows: Tensor) -> Data:
        """Some of the examples."""
        found: Data = map_tree(lambda values: functions.take(values, rows, axis=0), self)
        return found


class Carry(NamedTuple):
    """The layers, the velocity or first moment, the second moment of Adam, and the steps done."""

    layers: Layers
    first: Layers
    second: Layers | None
    done: Tensor


class Epochs:
    """Takes one epoch after the other.

    Args:
        method: the objective and the solver.
        layers: where to begin; they are not changed.
        data: all examples.
        alpha: the strength of the L2 penalty.
        native: whether epochs are compiled; see `is_worthwhile`.
        carry: what another went on with, for its moments; None to begin anew.
    """

    def __init__(
        self,
        method: Method,
        layers: Layers,
        data: Data,
        alpha: float,
        native: bool,
        carry: Carry | None = None,
    ) -> None:
        self._step = _steps(method)
        self._compiled = _compiled(method) if native else None
        self._data = data
        self._alpha = alpha
        if carry is None:
            zeros = map_tree(functions.zeros_like, layers)
            carry = Carry(layers, zeros, zeros if method.solver == "adam" else None, tensor(0))
        self._carry = map_tree(_copied, carry._replace(layers=layers))

    @property
    def carry(self) -> Carry:
        """Layers and moments as they are now; the next epoch may overwrite them."""
        now: Carry = self._carry
        return now

    def take(self, order: np.ndarray, batch_size: int, rate: float) -> float:
        """An epoch over the examples in this order; returns the mean loss of its batches."""
        full = len(order) // batch_size * batch_size
        batches, last = order[:full].reshape(-1, batch_size), order[full:]
        if self._compiled is not None:
            rows = (wrapped(batches), wrapped(last) if len(last) else None)
            self._carry, total = self._compiled(self._carry, self._data, rows, self._alpha, rate)
            return float(total.item()) / len(order)
        sums = 0.0
        for rows in [*batches, *([last] if len(last) else [])]:
            batch = self._data.rows(wrapped(rows))
            self._carry, loss = self._step(self._carry, batch, self._alpha, rate)
            sums += len(rows) * loss.item()
        return sums / len(order)


def is_worthwhile(layers: Layers, batch_size: int, steps: int) -> bool:
    """Whether to compile what will take up to so many steps."""
    multiplications = 3 * batch_size * sum(weight.size for weight, _ in layers)
    return steps * (PER_STEP + 2 * multiplications / PER_SECOND) > COMPILATION


def wrapped(values: np.ndarray) -> Tensor:
    """The array itself as a tensor, where it is contiguous."""
    return Tensor(array(np.ascontiguousarray(values)))


def _copied(leaf: Tensor) -> Tensor:
    return wrapped(np.array(leaf.numpy()))


@cache
def _steps(method: Method) -> Callable[..., tuple[Carry, Tensor]]:
    """The pure step ``(carry, batch, alpha, rate) -> (carry, loss)``."""

    def objective(layers: Layers, batch: Data, alpha: Any) -> Tensor:
        return penalised(layers, *batch, alpha, method.activation, method.loss)

    differentiate = value_and_grad(objective)
    turn = _adam if method.solver == "adam" else _sgd

    def step(carry: Carry, batch: Data, alpha: Any, rate: Any) -> tuple[Carry, Tensor]:
        loss, slopes = differentiate(carry.layers, batch, alpha)
        return turn(method, carry, slopes, rate), loss

    return step


def _sgd(method: Method, carry: Carry, slopes: Layers, rate: Any) -> Carry:
    """v ← μ·v − η·g and θ ← θ + v; Sutskever et al. 2013, equations 1 and 2. With Nesterov's
    momentum θ ← θ + μ·v − η·g."""

    def moved(v: Tensor, g: Tensor) -> Tensor:
        return method.momentum * v - functions.astype(rate, g.dtype) * g

    velocity = map_tree(moved, carry.first, slopes)
    change = map_tree(moved, velocity, slopes) if method.nesterov else velocity
    layers = map_tree(lambda p, c: p + c, carry.layers, change)
    return Carry(layers, velocity, None, carry.done + 1)


def _adam(method: Method, carry: Carry, slopes: Layers, rate: Any) -> Carry:
    """θ ← θ − η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε), the order of computation at the end of section 2
    of Kingma and Ba 2015, in which ε weighs more in the first steps than in `optim.adam`."""
    b1, b2, count = method.beta_1, method.beta_2, carry.done + 1
    m = map_tree(lambda m, g: b1 * m + (1 - b1) * g, carry.first, slopes)
    v = map_tree(lambda v, g: b2 * v + (1 - b2) * g * g, carry.second, slopes)
    factor = rate * (1 - b2**count) ** 0.5 / (1 - b1**count)

    def moved(p: Tensor, m: Tensor, v: Tensor) -> Tensor:
        return p - functions.astype(factor, p.dtype) * m / (functions.sqrt(v) + method.epsilon)

    return Carry(map_tree(moved, carry.layers, m, v), m, v, count)


@cache
def _compiled(method: Method) -> Compiled:
    """An epoch as a native program, kept for all fits of the process."""
    step = _steps(method)

    def epoch(carry: Carry, data: Data, rows: Any, alpha: Tensor, rate: Tensor) -> Any:
        batches, last = rows
        carry, losses = scan(
            lambda carry, rows: step(carry, data.rows(rows), alpha, rate), carry, batches
        )
        total = batches.shape[1] * functions.astype(losses, "float64").sum()
        if last is not None:
            carry, loss = step(carry, data.rows(last), alpha, rate)
            total = total + last.shape[0] * functions.astype(loss, "float64")
        return carry, total

    found: Compiled = compile_(epoch, donate=0)
    return found
