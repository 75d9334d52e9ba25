"""Momentum needs √κ steps where plain descent needs κ.

A long valley: a quadratic whose largest curvature is κ times its smallest. Both forms of descent
get the rate, and momentum its decay, that are best for it in theory. Counted are the steps until
the distance from the minimum is a thousandth, for κ from 10 to 1,000.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    about,
    above,
    measured,
    steps_of,
)

CONDITIONS = (10.0, 100.0, 1000.0)


def experiment(rng: Rng) -> Findings:
    start = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.5, 1, 2)

    def steps(condition: float, optimizer) -> int:
        curvatures = cr.tensor([1.0, condition])
        gradient = steps_of(lambda w: cr.sum(curvatures * w**2) / 2, cr.tensor(start), optimizer)
        for count, w in enumerate(gradient):
            if np.linalg.norm(w.numpy()) < 1e-3 * np.linalg.norm(start):
                return count
        raise AssertionError("descent never ends")

    plain, heavy = [], []
    for condition in CONDITIONS:
        root = np.sqrt(condition)
        plain.append(steps(condition, cr.optim.sgd(2 / (1 + condition))))
        decay = ((root - 1) / (root + 1)) ** 2
        heavy.append(steps(condition, cr.optim.sgd(4 / (1 + root) ** 2, momentum=decay)))

    def exponent(counts: list[int]) -> float:
        return np.polyfit(np.log(CONDITIONS), np.log(counts), 1)[0]

    yield measured("steps of plain descent grow as κ to the power", exponent(plain), about(1, 0.15))
    yield measured("steps with momentum grow as κ to the power", exponent(heavy), about(0.5, 0.15))
    yield measured("κ = 1,000: plain / momentum", plain[-1] / heavy[-1], above(10))

    def draw(axes):
        axes.loglog(CONDITIONS, plain, "o-", label="plain")
        axes.loglog(CONDITIONS, heavy, "s--", label="momentum")
        axes.set_xlabel("condition number κ")
        axes.set_ylabel("steps")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "Steps over the condition number: both are lines; that of momentum rises half as steeply.",
    )


claim = Claim(
    title="Momentum in a long valley",
    statement="Momentum is faster where the curvatures differ: it needs about √κ steps instead of "
    "κ.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
)
