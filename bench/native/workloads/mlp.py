"""Multilayer perceptrons: one step of Adam, from dispatch-bound to bound by arithmetic."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from bench.native.peers import trained
from bench.native.workload import OWN, Array, Contestants, Numbers, Runner, Steady, Work

RATE = 1e-3


def arrays(widths: tuple[int, ...], batch: int) -> tuple[Numbers, list[np.ndarray]]:
    """Parameters under the names and in the layout of `chainrule.nn.MLP`, and one batch.

    One output is a regression, more are classes.
    """
    rng = np.random.default_rng(0)
    params: Numbers = {}
    pairs = list(pairwise(widths))
    for depth, (before, after) in enumerate(pairs):
        scale = np.sqrt(2 / before)
        params[f"layers.{2 * depth}.weight"] = _float(scale * rng.normal(size=(after, before)))
        params[f"layers.{2 * depth}.bias"] = _float(0.1 * rng.normal(size=after))
    x = _float(rng.normal(size=(batch, widths[0])))
    if widths[-1] == 1:
        return params, [x, _float(rng.normal(size=(batch, 1)))]
    return params, [x, rng.integers(widths[-1], size=batch).astype(np.int32)]


def _float(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)


def work(widths: tuple[int, ...], batch: int) -> Work:
    """Three products for each layer but the first, which needs no gradient of its input.

    Parameters and both moments are read and written; gradients need not exist in memory.
    """
    weights = [a * b for a, b in pairwise(widths)]
    count = sum(weights) + sum(widths[1:])
    products = 2 * batch * (3 * sum(weights) - weights[0])
    return Work(products + 12 * count, 4 * (6 * count + batch * (widths[0] + 1)))


def loss(space: Any, params: Any, x: Array, y: Array) -> Array:
    """The same network over a NumPy-like namespace: tanh and squares, or relu and cross-entropy."""
    regression = y.ndim == 2
    last = len(params) // 2 - 1
    for depth in range(last + 1):
        name = f"layers.{2 * depth}"
        x = x @ params[f"{name}.weight"].T + params[f"{name}.bias"]
        if depth < last:
            x = space.tanh(x) if regression else space.maximum(x, 0)
    if regression:
        return space.mean((x - y) ** 2)
    picked = space.take_along_axis(space.log_softmax(x, axis=-1), y[:, None], axis=-1)
    return -space.mean(picked)


def torch_loss(params: Any, x: Array, y: Array) -> Array:
    import torch.nn.functional as F  # noqa: N812

    last = len(params) // 2 - 1
    regression = y.ndim == 2
    for depth in range(last + 1):
        name = f"layers.{2 * depth}"
        x = F.linear(x, params[f"{name}.weight"], params[f"{name}.bias"])
        if depth < last:
            x = x.tanh() if regression else x.relu()
    return F.mse_loss(x, y) if regression else F.cross_entropy(x, y)


def contestants(widths: tuple[int, ...], batch: int) -> Contestants:
    params, data = arrays(widths, batch)

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        activation = "tanh" if widths[-1] == 1 else "relu"
        cost = cr.nn.mse if widths[-1] == 1 else cr.nn.cross_entropy

        def make() -> Any:
            key = cr.random.key(0)
            model = cr.nn.MLP(widths[0], widths[1:-1], widths[-1], key=key, activation=activation)
            model.load_state_dict({name: array.copy() for name, array in params.items()})
            return model

        return with_chainrule.train(make, lambda model, x, y: cost(model(x), y), data, RATE)

    return {OWN: chainrule, **trained(params, loss, torch_loss, data, RATE)}


def _workload(name: str, widths: tuple[int, ...], batch: int, floor: float) -> Steady:
    return Steady(
        name,
        f"MLP {'-'.join(map(str, widths))}, batch {batch}, step with Adam",
        floor,
        contestants=lambda: contestants(widths, batch),
        work=work(widths, batch),
        calls=3,
    )


WORKLOADS = (
    _workload("mlp_tiny", (2, 16, 16, 1), 16, 40),
    _workload("mlp_small", (64, 32, 10), 32, 15),
    _workload("mlp_mid", (784, 256, 128, 10), 128, 2),
    _workload("mlp_large", (784, 1024, 1024, 10), 256, 1.25),
)
