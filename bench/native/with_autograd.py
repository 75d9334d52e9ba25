"""HIPS autograd's contestants: NumPy, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import autograd
import autograd.numpy as anp
import autograd.scipy.special as special
import numpy as np

from bench.native.agreement import changes
from bench.native.workload import Numbers, Runner


def _log_softmax(x: Any, axis: int = -1) -> Any:
    return x - special.logsumexp(x, axis=axis, keepdims=True)


def _take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    """Along the last axis, for which autograd has no rule."""
    grid = np.indices(indices.shape)[:-1]
    return x[(*grid, indices)]


space = SimpleNamespace(
    **{name: getattr(anp, name) for name in dir(anp) if not name.startswith("_")}
)
space.gelu = lambda x: 0.5 * x * (1.0 + special.erf(x * np.float32(0.5**0.5)))
space.log_softmax = _log_softmax
space.softmax = lambda x, axis=-1: anp.exp(_log_softmax(x, axis))
space.logsumexp = special.logsumexp
space.take_along_axis = _take_along_axis


def train(
    arrays: Numbers, loss: Callable[..., Any], batch: Sequence[np.ndarray], rate: float
) -> Runner:
    """Steps of Adam, in NumPy and in place."""
    objective = autograd.value_and_grad(loss)
    params: Numbers = {}
    moments: list[Numbers] = []
    count = 0
    value: Any = None

    def reset() -> None:
        nonlocal params, moments, count
        params = {name: array.copy() for name, array in arrays.items()}
        moments = [{name: np.zeros_like(p) for name, p in params.items()} for _ in range(2)]
        count = 0

    def call() -> None:
        nonlocal count, value
        value, grads = objective(params, *batch)
        count += 1
        first, second = 1 - 0.9**count, (1 - 0.999**count) ** 0.5
        for name, p in params.items():
            g, m, v = grads[name], moments[0][name], moments[1][name]
            m *= 0.9
            m += 0.1 * g
            v *= 0.999
            v += 0.001 * (g * g)
            p -= rate * (m / first) / (np.sqrt(v) / second + 1e-8)

    return Runner(call, lambda: {"loss": np.asarray(value), **changes(arrays, params)}, reset)


def function(f: Callable[..., Any], arrays: Sequence[np.ndarray], names: Sequence[str]) -> Runner:
    """Calls of a function with a flat tuple of results."""
    results: Any = None

    def call() -> None:
        nonlocal results
        results = f(*arrays)

    return Runner(
        call, lambda: {name: np.asarray(r) for name, r in zip(names, results, strict=True)}
    )


def value_and_grad(f: Callable[..., Any], count: int) -> Callable[..., tuple[Any, ...]]:
    """Value and gradients with respect to the first ``count`` arguments."""
    objective = autograd.value_and_grad(f, argnum=tuple(range(count)))

    def both(*args: Any) -> tuple[Any, ...]:
        value, grads = objective(*args)
        return value, *grads

    return both
