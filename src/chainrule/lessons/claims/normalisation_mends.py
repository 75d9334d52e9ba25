"""Normalising activations keeps gradients alive under a bad start.

Thirty layers of 64 units with tanh are started with weights that are too small. Without
normalisation each layer shrinks what passes by the same factor, forwards and backwards. With batch
or layer normalisation in front of the activation the scale of the weights cancels.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, below, between, measured

DEPTH, WIDTH, BATCH = 30, 64, 64


def standardised(z, axis: int):
    mean = z.mean(axis=axis, keepdims=True)
    variance = ((z - mean) ** 2).mean(axis=axis, keepdims=True)
    return (z - mean) / cr.sqrt(variance + 1e-8)


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.normal(size=(BATCH, WIDTH)))
    out = cr.tensor(rng.normal(size=(BATCH, WIDTH)))

    draws = rng.normal(size=(DEPTH, WIDTH, WIDTH)) / np.sqrt(WIDTH)

    def share(normalise) -> float:
        """‖gradient at the input‖ / ‖gradient at the output‖, with weights of 0.3 their size."""

        def network(x):
            for w in draws:
                x = cr.tanh(normalise(x @ cr.tensor(0.3 * w)))
            return cr.sum(x * out)

        return cr.linalg.norm(cr.grad(network)(x)).item() / np.linalg.norm(out.numpy())

    yield measured(
        "share that passes 30 layers, weights too small", share(lambda z: z), below(1e-8)
    )
    batch = share(lambda z: standardised(z, axis=0))
    yield measured("… with batch normalisation", batch, between(0.1, 1e3))
    layer = share(lambda z: standardised(z, axis=1))
    yield measured("… with layer normalisation", layer, between(0.1, 1e3))


claim = Claim(
    title="Normalisation against vanishing gradients",
    statement="Normalisation layers keep gradients from vanishing.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
