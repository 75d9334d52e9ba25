"""2/λmax is where descent turns from converging to diverging.

Near a minimum a loss is a quadratic with some Hessian H, of which a random one is taken. Along an
eigenvector of H a step of descent multiplies the distance from the minimum by 1 − ηλ. The largest
λ therefore decides how large η may be: |1 − ηλmax| < 1 means η < 2/λmax. A much smaller η makes the
factor of every direction almost one. On log cosh, whose curvature falls away from the minimum,
steps that are too large do not end at infinity, but jump between two places.
"""

from itertools import islice

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
    at_most,
    below,
    caveat,
    descend,
    measured,
    steps_of,
)

DIMENSIONS, STEPS = 10, 200


def experiment(rng: Rng) -> Findings:
    q, _ = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))
    H = cr.tensor(q @ np.diag(rng.uniform(1, 4, DIMENSIONS)) @ q.T)

    def loss(w):
        return w @ H @ w / 2

    start = cr.tensor(rng.normal(size=DIMENSIONS))
    largest = np.linalg.eigvalsh(cr.hessian(loss)(start).numpy()).max()
    edge = 2 / largest

    def distances(rate: float) -> np.ndarray:
        """From the minimum, after 0, 1, … steps."""
        path = steps_of(loss, start, cr.optim.sgd(rate))
        return np.array([np.linalg.norm(w.numpy()) for w in islice(path, STEPS + 1)])

    paths = {share: distances(share * edge) for share in (1.05, 0.95, 0.001)}
    growth = paths[1.05][-1] / paths[1.05][-2]
    yield measured("a step at 1.05 · 2/λmax multiplies the distance by", growth, about(1.1, 1e-3))
    yield measured("distance after it / at the start", paths[1.05][-1] / paths[1.05][0], above(1e3))
    yield measured("… at 0.95 · 2/λmax", paths[0.95][-1] / paths[0.95][0], below(1e-3))
    yield measured("… at 0.001 · 2/λmax", paths[0.001][-1] / paths[0.001][0], above(0.6))

    bent = descend(lambda w: cr.log(cr.cosh(w)), cr.tensor(1.0), cr.optim.sgd(3.0), STEPS)
    yield caveat(
        "|w| after 200 steps on log cosh, at 1.5 · 2/λmax",
        abs(bent.item()),
        says=above(1e3),
        rather=at_most(3, "η · the largest slope"),
    )

    def draw(axes):
        for share, path in paths.items():
            axes.semilogy(path, label=f"η = {share:g} · 2/λmax")
        axes.set_xlabel("steps")
        axes.set_ylabel("distance from the minimum")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        """
            Distance from the minimum over 200 steps: just above 2/λmax it grows without end,
            just below it falls, and at a thousandth of it hardly changes.
        """,
    )


claim = Claim(
    title="How large a learning rate may be",
    statement="A learning rate above 2/λmax diverges; one far below it crawls.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
    caveat="""
        λmax is the curvature where the steps are. Off a quadratic it changes on the way, and
        steps that are too large may bounce between two places instead of flying off.
    """,
)
