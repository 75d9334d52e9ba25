"""Warmup lets a learning rate work that ruins networks at full size from the start.

Sixteen deep networks of ReLUs are trained with the same rate and momentum, once at full size from
the first step, once with a rate that rises over the first 100. At the start gradients are large and
the loss bends much; steps that are fine later throw the weights to where all units are off, or to
infinity. On a bowl nothing changes on the way, and there warmup only puts off the divergence.
"""

from itertools import pairwise

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_least,
    at_most,
    below,
    caveat,
    chance,
    descend,
    measured,
    tail,
)

NETWORKS, STEPS, RISE = 16, 200, 100
RATE, MOMENTUM = 0.09, 0.9
SIZES = (8, 20, 20, 20, 20, 20, 20, 1)


def experiment(rng: Rng) -> Findings:
    x = rng.normal(size=(48, SIZES[0]))
    y = np.sin(x @ rng.normal(size=SIZES[0]))

    def loss(weights):
        """The share of the variance of the labels that is left."""
        h = x @ weights[0]
        for W in weights[1:]:
            h = cr.relu(h) @ W
        return cr.mean((h[:, 0] - y) ** 2) / y.var()

    start = [
        cr.tensor(rng.normal(size=(NETWORKS, m, n)) * (2 / m) ** 0.5) for m, n in pairwise(SIZES)
    ]

    @cr.compile
    def step(w, velocity, rate):
        velocity = [
            MOMENTUM * v + g for v, g in zip(velocity, cr.vmap(cr.grad(loss))(w), strict=True)
        ]
        return [W - rate * v for W, v in zip(w, velocity, strict=True)], velocity

    def ends(schedule) -> np.ndarray:
        w, velocity = start, [0 * W for W in start]
        for t in range(STEPS):
            w, velocity = step(w, velocity, cr.tensor(float(schedule(t))))
        return cr.vmap(loss)(w).numpy()

    schedules = cr.optim.constant(RATE), cr.optim.linear_warmup(RISE, then=RATE)
    at_once, rising = ((ends(schedule) < 0.5).mean() for schedule in schedules)  # NaN is no end
    yield measured("full rate at once: share of networks that learn", at_once, at_most(0.6))
    yield measured("after a warmup", rising, at_least(0.4))
    yield measured("the difference of the two", rising - at_once, at_least(0.2))
    spread = ((at_once * (1 - at_once) + rising * (1 - rising)) / NETWORKS) ** 0.5
    yield chance(
        tail((rising - at_once - 0.2) / spread), "that the difference is below 0.2, by its spread"
    )

    curvature = rng.uniform(1, 2)
    beyond = cr.optim.linear_warmup(RISE, then=2.6 / curvature)
    left = abs(descend(lambda w: curvature * w**2 / 2, cr.tensor(1.0), cr.optim.sgd(beyond), 600))
    yield caveat("bowl, 2.6/λ after a warmup: |w| at last", left, says=below(1), rather=above(1e6))


claim = Claim(
    title="Warmup",
    statement="Warmup makes a learning rate work that is too large for the start.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
    caveat="Where the loss bends less later on, as it does in networks once the first large "
    "gradients are gone. Beyond 2/λmax of where training ends, warmup is no help.",
)
