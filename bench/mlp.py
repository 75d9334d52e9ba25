"""A multilayer perceptron as a plain function, for the measurements that need one."""

from __future__ import annotations

from typing import Any

import numpy as np

LAYERS, WIDTH, BATCH = 10, 256, 128


def parameters(rng: np.random.Generator, layers: int = LAYERS, width: int = WIDTH) -> list[Any]:
    """Pairs (weight, bias) with unit-variance scaling, float32."""
    return [
        (
            (rng.normal(size=(width, width)) / np.sqrt(width)).astype(np.float32),
            np.zeros(width, np.float32),
        )
        for _ in range(layers)
    ]


def inputs(rng: np.random.Generator, batch: int = BATCH, width: int = WIDTH) -> np.ndarray:
    """A batch of normal random inputs, float32."""
    return rng.normal(size=(batch, width)).astype(np.float32)


def loss(space: Any, weights: Any, x: Any) -> Any:
    """Mean of the squared outputs after tanh layers; ``space`` has ``tanh``."""
    for weight, bias in weights:
        x = space.tanh(x @ weight + bias)
    return (x * x).mean()
