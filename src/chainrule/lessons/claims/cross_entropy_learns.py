"""Cross-entropy learns from confident mistakes, the squared error of a sigmoid does not.

A sigmoid unit starts sure of the wrong class, with z between −8 and −7. The same descent, with the
same rate, is run on both losses. Counted are the steps until the unit is right.
"""

from itertools import islice

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    above,
    at_most,
    measured,
    steps_of,
)

RATE, MOST = 0.5, 3000


def squared(z):
    return (cr.sigmoid(z) - 1) ** 2


def cross_entropy(z):
    return cr.softplus(-z)


def experiment(rng: Rng) -> Findings:
    start = cr.tensor(-rng.uniform(7, 8))

    def path(loss) -> list[float]:
        points = steps_of(loss, start, cr.optim.sgd(RATE))
        return [z.item() for z in islice(points, MOST)]

    paths = {"cross-entropy": path(cross_entropy), "squared error": path(squared)}
    until = {
        name: next((step for step, z in enumerate(zs) if z > 0), MOST) for name, zs in paths.items()
    }
    yield measured("cross-entropy: steps until right", until["cross-entropy"], at_most(20))
    ratio = until["squared error"] / until["cross-entropy"]
    yield measured("squared error / cross-entropy, in steps", ratio, above(20))

    def draw(axes):
        for name, zs in paths.items():
            axes.plot(zs[:400], label=name)
        axes.axhline(0, linestyle=":", color="black")
        axes.set_xlabel("steps")
        axes.set_ylabel("z")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "With cross-entropy z climbs at once and crosses zero within twenty steps; with the "
        "squared error it hardly moves for hundreds.",
    )


claim = Claim(
    title="Learning from confident mistakes",
    statement="With a sigmoid, cross-entropy learns from confident mistakes; the squared error "
    "does not.",
    experiment=experiment,
    chapter=Chapter.LOSSES,
)
