"""Adam is faster than plain descent where scales differ, and only there.

Two quadratics in 10 dimensions: one with curvatures from 1 to 10,000, one with curvatures between 1
and 2. Both optimizers get the best of eight learning rates on each, and 100
steps.
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
    caveat,
    descend,
    measured,
)

DIMENSIONS, STEPS = 10, 100
RATES = 4.0 ** np.arange(-7, 1)


def experiment(rng: Rng) -> Findings:
    start = cr.tensor(rng.choice([-1.0, 1.0], DIMENSIONS) * rng.uniform(0.5, 1, DIMENSIONS))

    def best(make, curvatures) -> float:
        """The lowest loss with any of the rates / at the start."""

        def loss(w):
            return cr.sum(cr.tensor(curvatures) * w**2) / 2

        ends = [loss(descend(loss, start, make(rate), STEPS)).item() for rate in RATES]
        return max(np.nanmin(ends) / loss(start).item(), 1e-30)

    uneven, even = np.logspace(0, 4, DIMENSIONS), rng.uniform(1, 2, DIMENSIONS)
    ratio = best(cr.optim.adam, uneven) / best(cr.optim.sgd, uneven)
    yield measured("curvatures from 1 to 10,000: loss of Adam / plain", ratio, below(0.1))
    yield caveat(
        "curvatures between 1 and 2: loss of plain / Adam",
        best(cr.optim.sgd, even) / best(cr.optim.adam, even),
        says=above(1),
        rather=below(0.1),
    )


claim = Claim(
    title="Adam or plain descent",
    statement="Adam converges faster than plain gradient descent.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
    caveat="Where parameters have different scales. On an evenly curved loss, plain descent with "
    "a good rate converges geometrically, and Adam's steps keep their size.",
)
