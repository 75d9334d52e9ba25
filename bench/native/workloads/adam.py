"""The optimizer alone: Adam over ten million parameters with given gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.agreement import changes
from bench.native.workload import OWN, Contestants, Numbers, Runner, Steady, Work

COUNT, RATE = 10_000_000, 1e-3


def contestants() -> Contestants:
    rng = np.random.default_rng(0)
    start = {"x": rng.standard_normal(COUNT, np.float32)}
    gradient = rng.standard_normal(COUNT, np.float32)

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        optimizer = cr.optim.adam(RATE)

        def step(x: Any, state: Any, g: Any) -> Any:
            updates, state = optimizer.update(g, state, x)
            return cr.optim.apply_updates(x, updates), state

        run = cr.compile(step, donate=(0, 1))
        g = cr.tensor(gradient)
        x: Any = None
        state: Any = None

        def reset() -> None:
            nonlocal x, state
            x = with_chainrule.tensors(start)["x"]
            state = optimizer.init(x)

        def call() -> None:
            nonlocal x, state
            x, state = run(x, state, g)

        return Runner(call, lambda: changes(start, {"x": x.numpy()}), reset)

    def torch() -> Runner:
        import torch as library

        from bench.native import with_torch

        (g,) = with_torch.tensors([gradient])
        x: Any = None
        optimizer: Any = None

        def reset() -> None:
            nonlocal x, optimizer
            (x,) = with_torch.tensors([start["x"]])
            x.requires_grad_().grad = g
            optimizer = library.optim.Adam([x], RATE, fused=True)

        return Runner(
            lambda: optimizer.step(), lambda: changes(start, {"x": x.detach().numpy()}), reset
        )

    def torch_compiled() -> Runner:
        import torch as library

        from bench.native import with_torch

        (g,) = with_torch.tensors([gradient])

        def step(x: Any, state: Any) -> Any:
            return with_torch.adam({"x": x}, {"x": g}, state, RATE)

        run = library.compile(step, fullgraph=True, dynamic=False, options=with_torch.OPTIONS)
        x: Any = None
        state: Any = None

        def reset() -> None:
            nonlocal x, state
            (x,) = with_torch.tensors([start["x"]])
            state = with_torch.zeros({"x": x})

        def call() -> None:
            nonlocal state
            state = run(x, state)

        return Runner(call, lambda: changes(start, {"x": x.numpy()}), reset)

    def jax() -> Runner:
        import jax as library

        from bench.native import with_jax

        g = library.numpy.asarray(gradient)
        run = library.jit(
            lambda x, state, g: with_jax.adam(x, g, state, RATE), donate_argnums=(0, 1)
        )
        x: Any = None
        state: Any = None

        def reset() -> None:
            nonlocal x, state
            x = library.numpy.array(start["x"], copy=True)
            state = with_jax.wait(with_jax.zeros(x))

        def call() -> None:
            nonlocal x, state
            x, state = run(x, state, g)

        def numbers() -> Numbers:
            return changes(start, {"x": np.asarray(x)})

        return Runner(call, numbers, reset, lambda: with_jax.wait((x, state)))

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
    }


WORKLOADS = (
    Steady(
        "adam",
        "Adam alone over 10 M parameters",
        1.2,
        contestants=contestants,
        work=Work(12 * COUNT, 28 * COUNT),  # four arrays read, three written
        calls=3,
    ),
)
