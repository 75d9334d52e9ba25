"""The memory of training grows with depth: activations wait for the backward pass.

The native program of a gradient holds its activations in one arena, whose size the compiler
reports. For perceptrons of 4 to 16 layers it should be a line through the depth. Without a backward
pass each activation is dropped once the next is there.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    about,
    at_most,
    measured,
    noted,
)

WIDTH, BATCH = 32, 64
DEPTHS = (4, 8, 16)


def experiment(rng: Rng) -> Findings:
    draws = rng.normal(size=(max(DEPTHS), WIDTH, WIDTH)) / np.sqrt(WIDTH)
    x = cr.tensor(rng.normal(size=(BATCH, WIDTH)))

    def arena(function, depth: int) -> int:
        """The bytes that the compiled function needs beside its arguments and results."""

        def loss(weights, x):
            for w in weights:
                x = cr.tanh(x @ w)
            return cr.mean(x**2)

        weights = [cr.tensor(w) for w in draws[:depth]]
        compiled = cr.compile(function(loss))
        compiled(weights, x)
        return compiled.report(weights, x).arena

    kept = [arena(cr.grad, depth) for depth in DEPTHS]
    forward = [arena(lambda loss: loss, depth) for depth in DEPTHS]
    activation = 8 * WIDTH * BATCH
    per_layer = np.polyfit(DEPTHS, kept, 1)[0] / activation
    yield measured("training: activations kept for each layer", per_layer, about(1, within=0.3))
    growth = (forward[-1] - forward[0]) / activation
    yield measured("prediction: more activations for 16 layers than for 4", growth, at_most(0))
    yield noted("arena of 16 layers, training", kept[-1] / 2**10, "KiB")
    yield noted("arena of 16 layers, prediction", forward[-1] / 2**10, "KiB")


claim = Claim(
    title="Activations and memory",
    statement="Training keeps the activations of every layer: memory grows with depth.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
