"""Residual connections give the gradient a way around each layer.

x + f(x) has the Jacobian I + J: even where J is small, the gradient passes. Thirty layers of tanh
with weights that are too small, with and without the connection. With weights of full size it has
its price: I + J is larger than one on average, and over many layers the gradient grows.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    below,
    between,
    caveat,
    measured,
)

DEPTH, WIDTH, BATCH = 30, 64, 16


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.normal(size=(BATCH, WIDTH)))
    out = cr.tensor(rng.normal(size=(BATCH, WIDTH)))
    draws = rng.normal(size=(DEPTH, WIDTH, WIDTH)) / np.sqrt(WIDTH)

    def share(layer, scale: float) -> float:
        """‖gradient at the input‖ / ‖gradient at the output‖."""

        def network(x):
            for w in draws:
                x = layer(x, cr.tensor(scale * w))
            return cr.sum(x * out)

        return cr.linalg.norm(cr.grad(network)(x)).item() / np.linalg.norm(out.numpy())

    def plain(x, w):
        return cr.tanh(x @ w)

    def skipping(x, w):
        return x + cr.tanh(x @ w)

    def linear(x, w):
        return x + x @ w

    yield measured("share that passes 30 plain layers", share(plain, 0.3), below(1e-8))
    yield measured("… with residual connections", share(skipping, 0.3), between(0.5, 20))
    yield caveat(
        "… of linear layers, weights of full size",
        share(linear, 1.0),
        says=between(0.05, 20),
        rather=above(1e3, "about √2³⁰"),
    )


claim = Claim(
    title="Residual connections",
    statement="Residual connections mend the gradients of deep networks.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
    caveat="They keep gradients from vanishing, not from exploding: branches of full size add up. "
    "That is why residual networks scale or normalise their branches.",
)
