"""What a gradient costs in evaluations of the function: the cheap gradient principle.

A 10-layer perceptron of width 256 at batch 128, and one layer of 1,000,000 parameters, where
one-sided differences would need 1,000,001 evaluations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from bench import mlp
from bench.common import Row, interleaved, peer


def with_chainrule(weights: Any, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    held = [(cr.tensor(weight), cr.tensor(bias)) for weight, bias in weights]
    batch = cr.tensor(x)
    gradient = cr.value_and_grad(lambda w: mlp.loss(cr, w, batch))
    return {
        "chainrule forward": lambda: mlp.loss(cr, held, batch),
        "chainrule gradient": lambda: gradient(held),
    }


def with_torch(weights: Any, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    torch = peer("torch")
    assert torch is not None
    held = [tuple(torch.tensor(p, requires_grad=True) for p in pair) for pair in weights]
    flat = [p for pair in held for p in pair]
    batch = torch.tensor(x)

    def forward() -> None:
        with torch.no_grad():
            mlp.loss(torch, held, batch)

    return {
        "torch forward": forward,
        "torch gradient": lambda: torch.autograd.grad(mlp.loss(torch, held, batch), flat),
    }


def run() -> list[Row]:
    """Rows by network and library, with the ratio gradient / forward."""
    rng = np.random.default_rng(0)
    networks = {
        "10 layers of 256": (mlp.parameters(rng), mlp.inputs(rng)),
        "1,000,000 parameters": (
            [(weight, np.float32(0)) for weight, _ in mlp.parameters(rng, 1, 1000)],
            mlp.inputs(rng, 64, 1000),
        ),
    }
    rows: list[Row] = []
    for network, (weights, x) in networks.items():
        candidates = with_chainrule(weights, x)
        if peer("torch"):
            candidates |= with_torch(weights, x)
        found = interleaved(candidates, rounds=15)
        for library in ("chainrule", "torch"):
            if f"{library} forward" not in found:
                continue
            forward, gradient = found[f"{library} forward"], found[f"{library} gradient"]
            row: Row = {
                "network": network,
                "library": library,
                "forward ms": forward.median * 1e3,
                "value and gradient ms": gradient.median * 1e3,
                "ratio": gradient.median / forward.median,
                "ratio of least": gradient.minimum / forward.minimum,
            }
            if "parameters" in network:
                row["faster than differences"] = round(1_000_001 * forward.median / gradient.median)
            rows.append(row)
    return rows
