"""PyTorch's contestants: eager with a fused optimizer, and whole steps under torch.compile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from bench.native import THREADS
from bench.native.agreement import changes
from bench.native.workload import Numbers, Runner

torch.set_num_threads(THREADS)
torch.set_flush_denormal(True)  # else parameters that come to rest make steps many times slower

Loss = Callable[..., torch.Tensor]
OPTIONS: dict[str, Any] = {
    "cpp_wrapper": True
}  # less work in Python for each call than the default


def tensors(arrays: Sequence[np.ndarray]) -> list[torch.Tensor]:
    """Tensors with memory of their own; indices become int64, which PyTorch asks for."""
    found = [torch.tensor(array) for array in arrays]
    return [t if t.is_floating_point() else t.long() for t in found]


def _numbers(start: Numbers, params: dict[str, torch.Tensor], value: torch.Tensor) -> Numbers:
    found = {name: p.detach().numpy() for name, p in params.items()}
    return {"loss": value.detach().numpy(), **changes(start, found)}


def train(arrays: Numbers, loss: Loss, batch: Sequence[Any], rate: float) -> Runner:
    """Eager steps of ``torch.optim.Adam(fused=True)``."""
    params: dict[str, torch.Tensor] = {}
    optimizer: Any = None
    value: Any = None
    inputs = [item if isinstance(item, torch.Tensor) else tensors([item])[0] for item in batch]

    def reset() -> None:
        nonlocal params, optimizer
        params = {name: torch.tensor(a, requires_grad=True) for name, a in arrays.items()}
        optimizer = torch.optim.Adam(params.values(), rate, fused=True)

    def call() -> None:
        nonlocal value
        optimizer.zero_grad(set_to_none=True)
        value = loss(params, *inputs)
        value.backward()
        optimizer.step()

    return Runner(call, lambda: _numbers(arrays, params, value), reset)


def adam(params: Any, grads: Any, state: Any, rate: float) -> Any:
    """One step of Adam in place, for torch.compile to fuse; gives the new state.

    The count is a result: torch.compile (2.13) loses an update of it in place.
    """
    count, m, v = state
    count = count + 1
    first, second = 1 - 0.9**count, torch.sqrt(1 - 0.999**count)
    for name, p in params.items():
        m[name].lerp_(grads[name], 0.1)
        v[name].mul_(0.999).addcmul_(grads[name], grads[name], value=0.001)
        p.sub_(rate * (m[name] / first) / (v[name].sqrt() / second + 1e-8))
    return count, m, v


def zeros(params: dict[str, torch.Tensor]) -> Any:
    """The state of `adam` at the start."""
    moments = [{name: torch.zeros_like(p) for name, p in params.items()} for _ in range(2)]
    return torch.zeros((), dtype=torch.float64), *moments


def train_compiled(arrays: Numbers, loss: Loss, batch: Sequence[Any], rate: float) -> Runner:
    """Loss, gradient and update as one compiled graph.

    Faster than compiling the loss alone and stepping a fused optimizer, also for small models.
    """
    objective = torch.func.grad_and_value(loss)

    def step(params: Any, state: Any, *batch: Any) -> Any:
        grads, value = objective(params, *batch)
        return adam(params, grads, state, rate), value

    run = torch.compile(step, fullgraph=True, dynamic=False, options=OPTIONS)
    params: dict[str, torch.Tensor] = {}
    state: Any = None
    value: Any = None
    inputs = [item if isinstance(item, torch.Tensor) else tensors([item])[0] for item in batch]

    def reset() -> None:
        nonlocal params, state
        params = {name: torch.tensor(a) for name, a in arrays.items()}
        state = zeros(params)

    @torch.no_grad()
    def call() -> None:
        nonlocal state, value
        state, value = run(params, state, *inputs)

    return Runner(call, lambda: _numbers(arrays, params, value), reset)


def function(f: Callable[..., Any], arrays: Sequence[np.ndarray], names: Sequence[str]) -> Runner:
    """Calls of a function with a flat tuple of results."""
    inputs = tensors(arrays)
    results: Any = None

    def call() -> None:
        nonlocal results
        results = f(*inputs)

    return Runner(
        call,
        lambda: {name: r.detach().numpy() for name, r in zip(names, results, strict=True)},
    )


def function_compiled(
    f: Callable[..., Any], arrays: Sequence[np.ndarray], names: Sequence[str]
) -> Runner:
    """The same, compiled; ``f`` takes its derivatives by torch.func."""
    run = torch.compile(f, fullgraph=True, dynamic=False, options=OPTIONS)
    return function(torch.no_grad()(run), arrays, names)


def value_and_grad(f: Callable[..., Any], count: int) -> Callable[..., tuple[Any, ...]]:
    """Eager value and gradients with respect to the first ``count`` arguments."""

    def both(*args: Any) -> tuple[Any, ...]:
        variables = [a.detach().requires_grad_() for a in args[:count]]
        value = f(*variables, *args[count:])
        return value, *torch.autograd.grad(value, variables)

    return both


def value_and_grad_functional(f: Callable[..., Any], count: int) -> Callable[..., tuple[Any, ...]]:
    """The same as a function that torch.compile takes whole."""
    objective = torch.func.grad_and_value(f, argnums=tuple(range(count)))

    def both(*args: Any) -> tuple[Any, ...]:
        grads, value = objective(*args)
        return value, *grads

    return both
