"""JAX's contestants: everything inside one ``jit``, with donated state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.native.agreement import changes
from bench.native.workload import Numbers, Runner

space = SimpleNamespace(
    **{name: getattr(jnp, name) for name in dir(jnp) if not name.startswith("_")}
)
space.gelu = partial(jax.nn.gelu, approximate=False)
space.log_softmax, space.softmax = jax.nn.log_softmax, jax.nn.softmax
space.logsumexp = jax.scipy.special.logsumexp


wait: Any = jax.block_until_ready


def zeros(params: Any) -> Any:
    """The state of Adam at the start."""
    return (
        jnp.zeros((), jnp.int32),
        jax.tree.map(jnp.zeros_like, params),
        jax.tree.map(jnp.zeros_like, params),
    )


def adam(params: Any, grads: Any, state: Any, rate: float) -> tuple[Any, Any]:
    """One step of Adam; Kingma and Ba 2015, algorithm 1.

    1 − βᵗ is taken through expm1: in float32 the difference would have four digits.
    """
    count, m, v = state
    count = count + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    first = -jnp.expm1(count * np.log(0.9))
    second = jnp.sqrt(-jnp.expm1(count * np.log(0.999)))
    params = jax.tree.map(
        lambda p, m, v: p - rate * (m / first) / (jnp.sqrt(v) / second + 1e-8), params, m, v
    )
    return params, (count, m, v)


def train(
    arrays: Numbers, loss: Callable[..., Any], batch: Sequence[np.ndarray], rate: float
) -> Runner:
    """Steps of Adam for ``loss(params, *batch)``.

    Steps follow one another without waiting, as in a training loop; the wait is at the end.
    """

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, *batch: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, *batch)
        return *adam(params, grads, state, rate), value

    inputs = tuple(jnp.asarray(array) for array in batch)
    params: Any = None
    state: Any = None
    value: Any = None

    def reset() -> None:
        nonlocal params, state
        params = {name: jnp.array(array, copy=True) for name, array in arrays.items()}
        state = zeros(params)
        wait((params, state))

    def call() -> None:
        nonlocal params, state, value
        params, state, value = step(params, state, *inputs)

    def numbers() -> Numbers:
        found = {name: np.asarray(leaf) for name, leaf in params.items()}
        return {"loss": np.asarray(value), **changes(arrays, found)}

    return Runner(call, numbers, reset, lambda: wait((params, value)))


def function(
    f: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    names: Sequence[str],
    double: bool = False,
) -> Runner:
    """Calls of a function with a flat tuple of results; each call waits for its results."""
    context = (lambda: jax.enable_x64(True)) if double else nullcontext
    run = jax.jit(f)
    with context():
        inputs = tuple(jnp.asarray(array) for array in arrays)
    results: Any = None

    def call() -> None:
        nonlocal results
        results = wait(run(*inputs))

    return Runner(
        call,
        lambda: {name: np.asarray(r) for name, r in zip(names, results, strict=True)},
        context=context,
    )
