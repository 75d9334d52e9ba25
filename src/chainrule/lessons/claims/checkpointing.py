"""Checkpointing trades time for memory.

A chain of 36 layers is cut into 6 pieces, of which only the inputs are kept; the backward pass
computes what is inside of each again. The gradient stays the same, the operations grow by about one
forward pass. A native program that is given little memory recomputes no more than it has to.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_most,
    below,
    between,
    measured,
    noted,
    operations,
)

PIECES, LAYERS, WIDTH, BATCH = 6, 6, 32, 64


def experiment(rng: Rng) -> Findings:
    draws = rng.normal(size=(PIECES, LAYERS, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    weights = [[cr.tensor(w) for w in piece] for piece in draws]
    x = cr.tensor(rng.normal(size=(BATCH, WIDTH)))

    def piece(weights, x):
        for w in weights:
            x = cr.tanh(x @ w)
        return x

    def loss_with(piece):
        def loss(weights, x):
            for part in weights:
                x = piece(part, x)
            return cr.mean(x**2)

        return loss

    plain = cr.grad(loss_with(piece))
    saving = cr.grad(loss_with(cr.checkpoint(piece)))
    apart = max(
        abs(a - b).max().item()
        for one, other in zip(plain(weights, x), saving(weights, x), strict=True)
        for a, b in zip(one, other, strict=True)
    )
    yield measured("largest difference of the gradients", apart, at_most(0))
    forward = operations(loss_with(piece), weights, x)
    more = (operations(saving, weights, x) - operations(plain, weights, x)) / forward
    yield measured("more operations, in forward passes", more, between(0.5, 1.1))
    free = cr.compile(plain).report(weights, x)
    tight = cr.compile(saving, memory="288KiB").report(weights, x)
    yield measured("memory with checkpoints / without", tight.arena / free.arena, below(0.5))
    yield noted("memory without", free.arena / 2**10, "KiB")
    again = (tight.flops - free.flops) / forward
    yield measured(
        "operations of the native program, more", again, between(0.1, 1.3), "forward passes"
    )


claim = Claim(
    title="Checkpointing",
    statement="Gradient checkpointing saves memory and costs about one more forward pass.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
