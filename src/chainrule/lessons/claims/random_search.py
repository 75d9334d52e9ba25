"""Random search needs vastly more evaluations than descent.

A bowl in 20 dimensions: descent takes 50 gradients, random search draws a hundred thousand points
from the region around the start in which the minimum lies. The best of them should still lie above
what descent has reached, and the gap widens with the dimension.
"""

import math

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    below,
    chance,
    descend,
    measured,
)

DRAWS, STEPS = 100_000, 50
NEAR = 0.05


def ball(n: int, radius: float) -> float:
    """The volume of a ball in n dimensions."""
    return math.pi ** (n / 2) / math.gamma(n / 2 + 1) * radius**n


def experiment(rng: Rng) -> Findings:
    def best(n: int) -> tuple[float, float, float]:
        """The loss of the best random point, that after descent, and at the start."""
        target = rng.choice([-1.0, 1.0], n) * rng.uniform(0.5, 1, n)

        def loss(w):
            return cr.sum((w - target) ** 2, axis=-1)

        start = cr.zeros(n)
        draws = loss(cr.tensor(rng.uniform(-1, 1, (DRAWS, n)))).numpy()
        end = descend(loss, start, cr.optim.sgd(0.1), STEPS)
        return draws.min(), loss(end).item(), loss(start).item()

    few, _, first = best(2)
    yield measured("2 variables: best of 100,000 / start", few / first, below(1e-2))
    many, descended, first = best(20)
    yield measured("20 variables: best of 100,000 / start", many / first, above(NEAR))
    yield measured(
        "20 variables: after 50 steps of descent / start", descended / first, below(1e-3)
    )
    yield chance(
        DRAWS * ball(20, math.sqrt(NEAR * first)) / 2**20,
        "that one of the points, drawn from a cube, lies in a ball so small",
    )


claim = Claim(
    title="Random search",
    statement="Random search needs vastly more evaluations than descent.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
)
