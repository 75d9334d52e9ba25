"""A long short-term memory: one step of Adam for a loss on the last hidden state."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.workload import ELEMENTARY, OWN, Array, Contestants, Numbers, Runner, Steady, Work

STEPS, HIDDEN, INPUTS, BATCH, RATE = 50, 64, 32, 32, 1e-3
ROWS = 4 * HIDDEN
"""Rows of the weights: input, forget, cell and output gate, as in PyTorch."""


def arrays() -> tuple[Numbers, list[np.ndarray]]:
    """Weights and both biases of PyTorch's LSTM; a sequence (steps, batch, inputs) and a target."""
    rng = np.random.default_rng(0)
    bound = 1 / np.sqrt(HIDDEN)
    shapes = {"w_x": (ROWS, INPUTS), "w_h": (ROWS, HIDDEN), "b_x": (ROWS,), "b_h": (ROWS,)}
    params = {
        name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()
    }
    x = rng.normal(size=(STEPS, BATCH, INPUTS)).astype(np.float32)
    return params, [x, rng.normal(size=(BATCH, HIDDEN)).astype(np.float32)]


def work() -> Work:
    """Three products with W_h and two with W_x for each step, and five elementary functions."""
    products = 2 * STEPS * BATCH * ROWS * (3 * HIDDEN + 2 * INPUTS)
    gates = STEPS * BATCH * HIDDEN * (5 * ELEMENTARY + 30)
    count = ROWS * (HIDDEN + INPUTS + 2)
    return Work(products + gates + 12 * count, 4 * (6 * count + STEPS * BATCH * INPUTS))


def _cell(tanh: Any, sigmoid: Any, params: Any, carry: Any, projected: Array) -> Any:
    h, c = carry
    z = projected + h @ params["w_h"].T
    i, f, g, o = (z[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(4))
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return h, c


def _projected(params: Any, x: Array) -> Array:
    """The part of all gates that does not depend on the state, for all steps at once."""
    return x @ params["w_x"].T + (params["b_x"] + params["b_h"])


def contestants() -> Contestants:
    params, data = arrays()

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        def loss(params: Any, x: Array, target: Array) -> Array:
            def step(carry: Any, projected: Array) -> Any:
                return _cell(cr.tanh, cr.sigmoid, params, carry, projected), None

            zero = cr.zeros((BATCH, HIDDEN), dtype="float32")
            (h, _), _ = cr.scan(step, (zero, zero), _projected(params, x))
            return cr.mean((h - target) ** 2)

        return with_chainrule.train(lambda: with_chainrule.tensors(params), loss, data, RATE)

    def torch() -> Runner:
        import torch as library

        from bench.native import with_torch

        zero = library.zeros(1, BATCH, HIDDEN)

        def loss(params: Any, x: Array, target: Array) -> Array:
            weights = [params[name] for name in ("w_x", "w_h", "b_x", "b_h")]
            _, h, _ = library.lstm(x, (zero, zero), weights, True, 1, 0.0, True, False, False)
            return library.nn.functional.mse_loss(h[0], target)

        return with_torch.train(params, loss, data, RATE)

    def torch_compiled() -> Runner:
        import torch as library

        from bench.native import with_torch

        def loss(params: Any, x: Array, target: Array) -> Array:
            h = c = library.zeros(BATCH, HIDDEN)
            for projected in _projected(params, x).unbind(0):
                h, c = _cell(library.tanh, library.sigmoid, params, (h, c), projected)
            return library.nn.functional.mse_loss(h, target)

        return with_torch.train_compiled(params, loss, data, RATE)

    def jax() -> Runner:
        import jax as library

        from bench.native import with_jax

        def loss(params: Any, x: Array, target: Array) -> Array:
            space = with_jax.space

            def step(carry: Any, projected: Array) -> Any:
                return _cell(space.tanh, library.nn.sigmoid, params, carry, projected), None

            zero = space.zeros((BATCH, HIDDEN), np.float32)
            (h, _), _ = library.lax.scan(step, (zero, zero), _projected(params, x))
            return space.mean((h - target) ** 2)

        return with_jax.train(params, loss, data, RATE)

    def autograd() -> Runner:
        from bench.native import with_autograd

        space = with_autograd.space

        def loss(params: Any, x: Array, target: Array) -> Array:
            h = c = np.zeros((BATCH, HIDDEN), np.float32)
            for projected in _projected(params, x):
                h, c = _cell(space.tanh, _sigmoid, params, (h, c), projected)
            return space.mean((h - target) ** 2)

        def _sigmoid(x: Array) -> Array:
            return 0.5 * (space.tanh(0.5 * x) + 1)

        return with_autograd.train(params, loss, data, RATE)

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
        "autograd": autograd,
    }


WORKLOADS = (
    Steady(
        "lstm",
        "LSTM, 50 steps, hidden 64, inputs 32, batch 32; loss on the last state, Adam",
        2.5,
        contestants=contestants,
        work=work(),
        calls=3,
    ),
)
