"""Peak memory of the gradient of a deep chain, stored whole and with √n checkpoints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import chainrule as cr
from bench.common import Row, interleaved, peak_bytes

SIZE = 50_000  # elements of each activation, float64
DEPTHS = (25, 100, 400)


def stretch(x: Any, layers: int) -> Any:
    """``layers`` layers: each keeps one activation for the reverse pass."""
    for _ in range(layers):
        x = cr.tanh(x)
    return x


def plain(depth: int) -> Any:
    """The gradient of the whole chain, every activation stored."""
    return cr.grad(lambda x: stretch(x, depth).sum())


def checkpointed(depth: int) -> Any:
    """The same with √depth stretches, each computed again when its gradient is due."""
    segment = math.isqrt(depth)

    def f(x: Any) -> Any:
        part = cr.checkpoint(lambda x: stretch(x, segment))
        for _ in range(depth // segment):
            x = part(x)
        return x.sum()

    return cr.grad(f)


def run() -> list[Row]:
    """Peak memory in activations, time, and whether both gradients are equal to the last bit."""
    x = cr.tensor(np.linspace(-2.0, 2.0, SIZE))
    rows: list[Row] = []
    for depth in DEPTHS:
        ways = {"stored": plain(depth), "checkpointed": checkpointed(depth)}
        found = interleaved({w: lambda g=g: g(x) for w, g in ways.items()}, rounds=5)
        stored, again = (gradient(x).numpy() for gradient in ways.values())
        for way, gradient in ways.items():
            rows.append(
                {
                    "layers": depth,
                    "way": way,
                    "peak activations": peak_bytes(lambda g=gradient: g(x)) / (8 * SIZE),
                    "median ms": found[way].median * 1e3,
                    "same bits": str(stored.tobytes() == again.tobytes()),
                }
            )
    return rows
