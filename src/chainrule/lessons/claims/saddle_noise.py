"""The noise of mini-batches pushes descent off a saddle.

The loss is a mean over 64 examples, each with a slope of its own that the mean does not have. All
of them together have a saddle at the origin, and descent with the whole gradient starts on the line
that leads into it, and stays. Batches of 4 have noise in every direction. Where each single
example has a gradient of 0, as in a network whose weights are all 0, there is no noise to help.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    caveat,
    equal,
    measured,
    premise,
)

EXAMPLES, BATCH, STEPS, RATE = 64, 4, 300, 0.1


def loss(p, slopes):
    """The mean over examples of x²/2 − y²/2 + y⁴/4 + (slopes of the example) · (x, y)."""
    x, y = p
    return x**2 / 2 - y**2 / 2 + y**4 / 4 + cr.mean(slopes @ p)


def network(w, xs):
    """A network of two weights, w₁w₂x, that is to give 2x."""
    return cr.mean((2 * xs - w[0] * w[1] * xs) ** 2)


def experiment(rng: Rng) -> Findings:
    slopes = rng.integers(-8, 9, (EXAMPLES // 2, 2)) / 8  # added without rounding
    slopes = np.concatenate([slopes, -slopes])  # their sum is 0
    gradient = cr.grad(loss)

    def descent(start, batch: int) -> np.ndarray:
        p = cr.tensor(start)
        for _ in range(STEPS):
            rows = np.arange(len(slopes))
            if batch < len(slopes):
                rows = rng.choice(len(slopes), batch, replace=False)
            p = p - RATE * gradient(p, cr.tensor(slopes[rows]))
        return p.numpy()

    start = np.array([rng.uniform(0.5, 1.5), 0.0])
    whole = descent(start, len(slopes))
    yield premise(
        "gradient of all examples in y, at the start",
        gradient(cr.tensor(start), slopes)[1],
        equal(0),
    )
    yield measured("|y| after 300 steps with all examples", abs(whole[1]), equal(0))
    yield measured(
        "|y| after 300 steps with batches of 4", abs(descent(start, BATCH)[1]), above(0.4)
    )

    w = cr.zeros(2)
    xs = rng.normal(size=EXAMPLES)
    for _ in range(STEPS):
        w = w - RATE * cr.grad(network)(w, cr.tensor(rng.choice(xs, BATCH)))
    yield caveat(
        "‖w‖ of a network that starts at 0, in batches",
        cr.linalg.norm(w),
        says=above(0.5),
        rather=equal(0),
    )


claim = Claim(
    title="Noise at a saddle",
    statement="The noise of mini-batches takes descent off a saddle where the whole gradient "
    "stalls.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    caveat="There must be noise in a direction that leads away. Weights that all start at 0 have "
    "none: every single example has a gradient of 0 there.",
)
