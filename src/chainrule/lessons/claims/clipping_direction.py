"""Clipping by norm shortens the gradient and leaves its direction alone.

Random gradients of several tensors are clipped to a length of 1. A gradient that was longer should
come out with that length and the same direction; a shorter one unchanged. Clipping every entry by
itself is another thing: it turns the gradient.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    about,
    above,
    angle,
    at_most,
    caveat,
    equal,
    measured,
)


def flat(gradients) -> np.ndarray:
    return np.concatenate([g.numpy().ravel() for g in gradients])


def clipped(optimizer, gradients):
    """What the optimizer makes of the gradients of its first step."""
    updates, _ = optimizer.update(gradients, optimizer.init(gradients), gradients)
    return updates


def experiment(rng: Rng) -> Findings:
    long = [cr.tensor(rng.normal(size=shape)) for shape in ((20, 30), (30,), (30, 5))]
    short = [0.5 * g / np.linalg.norm(flat(long)) for g in long]
    by_norm = cr.optim.clip_by_global_norm(1.0)
    after = clipped(by_norm, long)

    yield measured(
        "angle by which clipping by norm turns", angle(flat(long), flat(after)), at_most(1e-5), "°"
    )
    yield measured(
        "length of a clipped gradient", np.linalg.norm(flat(after)), about(1, within=1e-5)
    )
    change = np.abs(flat(clipped(by_norm, short)) - flat(short)).max()
    yield measured("change of a gradient shorter than the limit", change, equal(0))
    by_value = clipped(cr.optim.clip_by_value(0.5), long)
    yield caveat(
        "angle by which clipping by value turns",
        angle(flat(long), flat(by_value)),
        says=at_most(1e-5),
        rather=above(5),
        unit="°",
    )


claim = Claim(
    title="Clipping and direction",
    statement="Gradient clipping shortens a gradient that is too long and keeps its direction.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
    caveat="That is clipping by norm. Clipping by value limits each entry by itself and turns the "
    "gradient.",
)
