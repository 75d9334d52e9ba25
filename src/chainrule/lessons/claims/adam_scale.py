"""Adam does not see the scale of a gradient; plain descent does.

A loss whose coordinates have curvatures from 1 to 10,000 is minimised, and one where all are 1.
Adam divides each gradient by its own size, so that both have the same path. Plain descent
diverges on the first with the rate that is right for the second. But Adam's steps have the size of
the rate in the units of the parameter: in units that are smaller, they are shorter.
"""

from itertools import islice

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_most,
    below,
    caveat,
    descend,
    measured,
    not_finite,
    steps_of,
)

STEPS = 200


def experiment(rng: Rng) -> Findings:
    scales = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])
    start = cr.tensor(rng.uniform(1, 2, 5))

    def loss(curvatures):
        return lambda w: cr.sum(cr.tensor(curvatures) * w**2) / 2

    even, uneven = loss(np.ones(5)), loss(scales)
    adam, plain = cr.optim.adam(0.05), cr.optim.sgd(0.1)
    paths = zip(steps_of(even, start, adam), steps_of(uneven, start, adam), strict=True)
    apart = max(abs(one - other).max().item() for one, other in islice(paths, STEPS))
    yield measured("Adam: largest distance of the two paths", apart, at_most(1e-3))
    yield measured(
        "plain, even: loss / at the start",
        even(descend(even, start, plain, STEPS)) / even(start),
        below(1e-6),
    )
    end = uneven(descend(uneven, start, plain, STEPS)) / uneven(start)
    yield measured("plain, uneven: loss / at the start", end, not_finite())

    def moved(unit: float) -> float:
        """The share of the way that the first 10 steps go, with the parameter in other units."""
        scaled = descend(lambda u: even(unit * u), start / unit, adam, 10)
        return (1 - (unit * scaled / start)).mean().item()

    yield caveat(
        "share of the way in 10 steps, in thousandths / in ones",
        moved(1e-3) / moved(1.0),
        says=above(0.5),
        rather=below(0.01),
    )


claim = Claim(
    title="Adam and scale",
    statement="Adam is insensitive to the scale of a parameter; plain descent is not.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
    caveat="It is insensitive to the scale of the gradient. The learning rate is a length in the "
    "units of the parameter: where those are a thousand times as small, a step goes a thousandth "
    "of the way.",
)
