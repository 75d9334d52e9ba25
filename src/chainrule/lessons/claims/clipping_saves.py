"""Clipping saves the training of a recurrent network whose gradient explodes.

A state of 8 numbers is multiplied by the same matrix in each of 40 steps, as in a recurrent network
without activation. Its eigenvalues have a size of 1.3, so the gradient holds factors of 1.3⁴⁰. The
network is to end at a target. The same descent runs with and without clipping.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    above,
    below,
    measured,
    not_finite,
    premise,
    steps_of,
)

STATE, LENGTH, STEPS = 8, 40, 300


def experiment(rng: Rng) -> Findings:
    q, _ = np.linalg.qr(rng.normal(size=(STATE, STATE)))
    start = cr.tensor(rng.normal(size=STATE))
    target = cr.tensor(rng.normal(size=STATE))

    def loss(w):
        h = start
        for _ in range(LENGTH):
            h = w @ h
        return cr.mean((h - target) ** 2)

    first = cr.tensor(1.3 * q)
    norm = cr.linalg.norm(cr.grad(loss)(first)).item()
    yield premise("norm of the first gradient", norm, above(1e6))

    def losses(optimizer) -> list[float]:
        path = steps_of(loss, first, optimizer)
        return [loss(next(path)).item() for _ in range(STEPS)]

    plain = losses(cr.optim.sgd(0.01))
    clip = cr.optim.clip_by_global_norm(1.0)
    clipped = losses(cr.optim.chain(clip, cr.optim.sgd(0.01)))
    yield measured("loss after 300 steps, not clipped", plain[-1], not_finite())
    yield measured(
        "loss after 300 steps, clipped / at the start", clipped[-1] / clipped[0], below(1e-3)
    )

    def draw(axes):
        axes.semilogy(clipped, label="clipped to 1")
        axes.semilogy(plain[:4], "o--", label="not clipped: then not a number")
        axes.set_xlabel("steps")
        axes.set_ylabel("loss")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "The loss over 300 steps: with clipping it falls by orders of magnitude, without it jumps "
        "to infinity within a few steps.",
    )


claim = Claim(
    title="Clipping saves a recurrent network",
    statement="Clipping by norm saves the training of a recurrent network with exploding "
    "gradients.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
