"""RMSProp takes steps of one size in steep and in flat directions.

A quadratic with curvatures from 0.01 to 100, started at 1 in each direction. Plain descent goes ten
thousand times as far in the steepest direction as in the flattest; RMSProp divides each gradient by
its own running size. The price: near the minimum the steps do not shrink by themselves.
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
    at_most,
    caveat,
    descend,
    measured,
)

CURVATURES = np.array([0.01, 1.0, 100.0])


def experiment(rng: Rng) -> Findings:
    start = cr.tensor(rng.choice([-1.0, 1.0], 3))

    def loss(w):
        return cr.sum(cr.tensor(CURVATURES) * w**2) / 2

    def moved(optimizer) -> np.ndarray:
        """How far 20 steps go in each direction."""
        return np.abs((descend(loss, start, optimizer, 20) - start).numpy())

    plain, scaled = moved(cr.optim.sgd(1e-4)), moved(cr.optim.rmsprop(1e-3))
    yield measured(
        "plain: way in the steepest / flattest direction", plain[2] / plain[0], above(5e3)
    )
    yield measured("RMSProp: the same", scaled[2] / scaled[0], about(1, within=0.1))
    end = np.abs(descend(loss, start, cr.optim.rmsprop(0.01), 2000).numpy()).max()
    yield caveat(
        "distance from the minimum after 2,000 steps", end, says=at_most(1e-6), rather=above(1e-3)
    )


claim = Claim(
    title="RMSProp",
    statement="RMSProp goes equally fast in steep and in flat directions, and so reaches the "
    "minimum.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
    caveat="It reaches its surroundings: steps keep their size as gradients shrink, so that a "
    "constant rate leaves it jumping about the minimum. The rate has to decay.",
)
