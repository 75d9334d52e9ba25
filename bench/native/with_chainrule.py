"""chainrule's contestants, through its public functions only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr
from bench.native.agreement import changes
from bench.native.workload import Numbers, Runner


def _leaves(model: Any) -> dict[str, Any]:
    return model.state_dict() if isinstance(model, cr.nn.Module) else model


def tensors(arrays: Numbers) -> dict[str, Any]:
    """A dict of tensors with memory of their own, which may be given away."""
    return {name: cr.tensor(np.array(value)) for name, value in arrays.items()}


def train(
    make: Callable[[], Any], loss: Callable[..., Any], batch: Sequence[np.ndarray], rate: float
) -> Runner:
    """Steps of Adam. ``make()`` is the model at the start, ``loss(model, *batch)`` a scalar."""
    optimizer = cr.optim.adam(rate)
    objective = cr.value_and_grad(loss)

    def step(model: Any, state: Any, *batch: Any) -> Any:
        value, grads = objective(model, *batch)
        updates, state = optimizer.update(grads, state, model)
        return cr.optim.apply_updates(model, updates), state, value

    run = cr.compile(step, donate=(0, 1))
    inputs = tuple(cr.tensor(array) for array in batch)
    start = {name: leaf.numpy().copy() for name, leaf in _leaves(make()).items()}
    model: Any = None
    state: Any = None
    value: Any = None

    def reset() -> None:
        nonlocal model, state
        model = make()
        state = optimizer.init(model)

    def call() -> None:
        nonlocal model, state, value
        model, state, value = run(model, state, *inputs)

    def numbers() -> Numbers:
        found = {name: leaf.numpy() for name, leaf in _leaves(model).items()}
        return {"loss": value.numpy(), **changes(start, found)}

    return Runner(call, numbers, reset)


def function(f: Callable[..., Any], arrays: Sequence[np.ndarray], names: Sequence[str]) -> Runner:
    """Calls of a function with a flat tuple of results, which ``names`` names."""
    run = cr.compile(f)
    inputs = tuple(cr.tensor(array) for array in arrays)
    results: Any = None

    def call() -> None:
        nonlocal results
        results = run(*inputs)

    return Runner(call, lambda: {name: r.numpy() for name, r in zip(names, results, strict=True)})
