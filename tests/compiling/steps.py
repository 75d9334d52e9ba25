"""What the tests of compiled functions share: small models, and comparisons of pytrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.tree import flatten


def values(tree: Any) -> list[np.ndarray]:
    return [np.asarray(getattr(x, "numpy", lambda x=x: x)()) for x in flatten(tree)[0]]


def close(found: Any, wanted: Any, tolerance: float = 2e-5) -> None:
    """Two pytrees with the same structure and nearly the same numbers; NaN equals nothing."""
    assert flatten(found)[1] == flatten(wanted)[1]
    for x, y in zip(values(found), values(wanted), strict=True):
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        scale = max(1.0, float(np.max(np.abs(y.astype(np.float64)), initial=0.0)))
        assert np.all(np.abs(x.astype(np.float64) - y) <= tolerance * scale), (x, y)


def same_bits(found: Any, wanted: Any) -> None:
    for x, y in zip(values(found), values(wanted), strict=True):
        assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def adam_step(loss: Callable[..., Any], rate: float = 1e-2) -> tuple[Any, Callable[..., Any]]:
    """An optimizer, and a step of training with it: (model, state, *data) to the next ones."""
    optimizer = cr.optim.adam(rate)

    def step(model: Any, state: Any, *data: Any) -> Any:
        value, slope = cr.value_and_grad(loss)(model, *data)
        updates, state = optimizer.update(slope, state, model)
        return cr.optim.apply_updates(model, updates), state, value

    return optimizer, step


def mlp(seed: int = 0) -> Any:
    return cr.nn.MLP(5, [8], 3, key=cr.random.key(seed))


def mlp_loss(model: Any, x: Any, labels: Any) -> Any:
    return cr.nn.cross_entropy(model(x), labels)


def mlp_data() -> tuple[np.ndarray, np.ndarray]:
    return random(4, 5), np.array([0, 2, 1, 1])


# -- models as plain functions of dicts of arrays --------------------------------------------------


def cnn() -> dict[str, Any]:
    return {"k": cr.tensor(0.3 * random(4, 1, 3, 3)), "w": cr.tensor(0.1 * random(3, 4 * 9))}


def cnn_loss(p: Any, x: Any, labels: Any) -> Any:
    x = cr.relu(cr.conv(x, p["k"], padding=1))
    x = x.reshape(x.shape[0], 4, 3, 2, 3, 2).max(axis=(3, 5))
    return cr.nn.cross_entropy(x.reshape(x.shape[0], -1) @ p["w"].T, labels)


def cnn_data() -> tuple[np.ndarray, np.ndarray]:
    return random(5, 1, 6, 6, seed=1), np.array([0, 2, 1, 1, 0])


def lstm() -> dict[str, Any]:
    hidden, inputs = 4, 3
    return {
        "w": cr.tensor(0.5 * random(inputs, 4 * hidden)),
        "u": cr.tensor(0.5 * random(hidden, 4 * hidden, seed=1)),
        "b": cr.tensor(random(4 * hidden, seed=2)),
    }


def lstm_loss(p: Any, xs: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        i, f, g, o = cr.split(x @ p["w"] + h @ p["u"] + p["b"], 4, axis=-1)
        c = cr.sigmoid(f) * c + cr.sigmoid(i) * cr.tanh(g)
        h = cr.sigmoid(o) * cr.tanh(c)
        return (h, c), h

    zero = cr.zeros((xs.shape[1], 4), dtype="float32")
    _, hs = cr.scan(step, (zero, zero), xs)
    return (hs * hs).mean()


def lstm_data() -> tuple[np.ndarray]:
    return (random(6, 2, 3, seed=3),)


def attention() -> dict[str, Any]:
    return {name: cr.tensor(0.4 * random(8, 8, seed=i)) for i, name in enumerate("qkvo")}


def attention_loss(p: Any, x: Any) -> Any:
    def heads(y: Any) -> Any:
        return cr.swapaxes(y.reshape(*y.shape[:-1], 2, 4), -2, -3)

    q, k, v = (heads(x @ p[name]) for name in "qkv")
    weights = cr.softmax(q @ cr.swapaxes(k, -1, -2) / 2.0, axis=-1)
    y = cr.swapaxes(weights @ v, -2, -3).reshape(x.shape) @ p["o"] + x
    y = y - y.mean(axis=-1, keepdims=True)
    y = y / cr.sqrt((y * y).mean(axis=-1, keepdims=True) + 1e-5)
    return cr.gelu(y).sum(axis=-1).var()


def attention_data() -> tuple[np.ndarray]:
    return (random(2, 5, 8, seed=9),)


MODELS: dict[str, tuple[Callable[[], Any], Callable[..., Any], Callable[[], Any]]] = {
    "mlp": (mlp, mlp_loss, mlp_data),
    "cnn": (cnn, cnn_loss, cnn_data),
    "lstm": (lstm, lstm_loss, lstm_data),
    "attention": (attention, attention_loss, attention_data),
}
"""Parameters, loss and data of each model."""
