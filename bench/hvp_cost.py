"""What a Hessian-vector product costs in gradients, for a 10-layer perceptron."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from bench import mlp
from bench.common import Row, interleaved


def run() -> list[Row]:
    """Time of a gradient, of H·v (forward over reverse), and the ratio."""
    rng = np.random.default_rng(0)
    weights = [(cr.tensor(w), cr.tensor(b)) for w, b in mlp.parameters(rng)]
    direction = [(cr.tensor(w), cr.tensor(b)) for w, b in mlp.parameters(rng)]
    batch = cr.tensor(mlp.inputs(rng))

    def loss(parameters: Any) -> Any:
        return mlp.loss(cr, parameters, batch)

    gradient = cr.grad(loss)
    found = interleaved(
        {
            "gradient": lambda: gradient(weights),
            "H·v": lambda: cr.hvp(loss, (weights,), (direction,)),
        },
        rounds=11,
    )
    own = found["gradient"]
    return [
        {
            "what": name,
            "median ms": timing.median * 1e3,
            "least ms": timing.minimum * 1e3,
            "gradients": timing.median / own.median,
            "gradients (least)": timing.minimum / own.minimum,
        }
        for name, timing in found.items()
    ]
