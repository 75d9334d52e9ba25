"""Random search needs vastly more evaluations than descent.

A bowl in 20 dimensions: descent takes 50 gradients, random search draws a hundred thousand points
from the region around the start in which the minimum lies. The best of them should still lie above
what descent has reached, and the gap widens with the dimension.
"""

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


def experiment(rng: Rng) -> Findings:
    def best(n: int) -> tuple[float, float]:
        """The loss of the best random point and that after descent, relative to the start."""
        target = rng.uniform(-1, 1, n)

        def loss(w):
            return cr.sum((w - target) ** 2, axis=-1)

        start = cr.zeros(n)
        draws = loss(cr.tensor(rng.uniform(-1, 1, (DRAWS, n)))).numpy()
        end = descend(loss, start, cr.optim.sgd(0.1), STEPS)
        return draws.min() / loss(start).item(), loss(end).item() / loss(start).item()

    few, _ = best(2)
    many, descended = best(20)
    yield measured("2 variables: best of 100,000 / start", few, below(1e-2))
    yield measured("20 variables: best of 100,000 / start", many, above(0.05))
    yield measured("20 variables: after 50 steps of descent / start", descended, below(1e-3))
    yield chance(1e-3, "that a random point in 20 dimensions is so near; it falls like a volume")


claim = Claim(
    title="Random search",
    statement="Random search needs vastly more evaluations than descent.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
)
