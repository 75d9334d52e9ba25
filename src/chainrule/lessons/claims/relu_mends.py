"""ReLU lets gradients through where sigmoids do not.

Twenty layers of 64 units, once with sigmoids and once with ReLUs, each with the weights that its
activation is usually started with. The gradient that arrives at the first activations is compared
with that at the last. But ReLU needs its own initialisation: with weights of variance 1/n, each
layer halves what passes.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_least,
    at_most,
    below,
    between,
    caveat,
    measured,
)

DEPTH, WIDTH, BATCH = 20, 64, 32


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.normal(size=(BATCH, WIDTH)))
    draws = rng.normal(size=(DEPTH, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    out = cr.tensor(rng.normal(size=(BATCH, WIDTH)))

    def share(activation, gain: float) -> float:
        """‖gradient at the input‖ / ‖gradient at the output‖ of all layers."""

        def network(x):
            for w in draws:
                x = activation(x @ cr.tensor(gain * w))
            return cr.sum(x * out)

        return cr.linalg.norm(cr.grad(network)(x)).item() / np.linalg.norm(out.numpy())

    yield measured("share that passes 20 layers of sigmoids", share(cr.sigmoid, 1.0), below(1e-8))
    yield measured("… of ReLUs, variance 2/n", share(cr.relu, np.sqrt(2)), between(0.05, 20))
    yield caveat(
        "… of ReLUs, variance 1/n",
        share(cr.relu, 1.0),
        says=at_least(0.05),
        rather=at_most(0.01, "about 2⁻¹⁰"),
    )


claim = Claim(
    title="ReLU against vanishing gradients",
    statement="ReLU mends vanishing gradients: its slope is 1 where it is active.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
    caveat="Half of the units are inactive, so the weights have to make up for it: variance 2/n "
    "(He). With 1/n the gradient halves its square in every layer and vanishes all the same.",
)
