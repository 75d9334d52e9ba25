"""Choosing the largest has no gradient; softmax is its smooth stand-in.

A threshold and the value picked by argmax are flat between their jumps: small changes of the scores
change nothing, and the derivative is zero, however wrong the choice is. Softmax with a temperature
is smooth; as the temperature falls it tends to the choice itself, and its gradient to zero almost
everywhere as well.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_most,
    equal,
    measured,
)

SCORES = 5


def experiment(rng: Rng) -> Findings:
    scores = cr.tensor(rng.permutation(SCORES) + rng.uniform(-0.2, 0.2, SCORES))
    values = cr.tensor(rng.normal(size=SCORES))

    def hard(scores):
        return values[cr.argmax(scores)]

    def soft(scores, temperature: float):
        return cr.softmax(scores / temperature) @ values

    nudged = scores + cr.tensor(rng.uniform(-0.01, 0.01, (1000, SCORES)))
    moved = abs(cr.vmap(hard)(nudged) - hard(scores)).max()
    yield measured("change of the chosen value by 1,000 nudges of the scores", moved, equal(0))
    yield measured("gradient of the chosen value", cr.linalg.norm(cr.grad(hard)(scores)), equal(0))
    step = cr.vmap(cr.grad(lambda x: cr.where(x > 0, 1.0, 0.0)))
    slopes = step(cr.tensor(rng.normal(size=1000)))
    yield measured("largest slope of a threshold at 1,000 places", abs(slopes).max(), equal(0))
    warm = cr.linalg.norm(cr.grad(lambda s: soft(s, 1.0))(scores))
    yield measured("gradient of softmax at temperature 1", warm, above(1e-3))
    cold = soft(scores, 0.02).item()
    chosen = values.numpy()[np.argmax(scores.numpy())]
    yield measured("|softmax at 0.02 − the chosen value|", abs(cold - chosen), at_most(1e-6))
    frozen = cr.linalg.norm(cr.grad(lambda s: soft(s, 0.02))(scores))
    yield measured("gradient of softmax at 0.02", frozen, at_most(1e-6))


claim = Claim(
    title="argmax and softmax",
    statement="Hard choices such as argmax and thresholds give no gradient; softmax does.",
    experiment=experiment,
    chapter=Chapter.LOSSES,
)
