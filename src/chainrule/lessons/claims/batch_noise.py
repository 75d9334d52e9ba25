"""Noise of mini-batches falls as one over the root of their size.

A linear model has one gradient for each of its 4,096 examples. Batches of different sizes are drawn
many times; the noise is the distance of their mean gradient from that of all examples. On doubly
logarithmic paper it should fall along a line of slope −½. That is a law of independent draws: an
epoch draws without replacement, and once a batch holds much of the data, it is less noisy still.
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
    caveat,
    chance,
    measured,
    tail,
)

EXAMPLES, FEATURES, DRAWS = 4096, 5, 1000
SIZES = (1, 4, 16, 64, 256)


def loss(w, x, y):
    return (y - x @ w) ** 2


def experiment(rng: Rng) -> Findings:
    x = rng.normal(size=(EXAMPLES, FEATURES))
    y = x @ rng.normal(size=FEATURES) + rng.normal(size=EXAMPLES)
    w = cr.zeros(FEATURES)
    gradients = cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(w, cr.tensor(x), cr.tensor(y)).numpy()
    whole = gradients.mean(axis=0)

    def noise(size: int, replace: bool = True) -> tuple[float, float]:
        """The root mean square distance of batch gradients from the whole one; its rel. error."""
        if replace:
            rows = rng.integers(EXAMPLES, size=(DRAWS, size))
        else:
            rows = np.stack([rng.permutation(EXAMPLES)[:size] for _ in range(DRAWS)])
        squares = ((gradients[rows].mean(axis=1) - whole) ** 2).sum(axis=1)
        return np.sqrt(squares.mean()), squares.std() / squares.mean() / 2 / np.sqrt(DRAWS)

    found, errors = np.transpose([noise(size) for size in SIZES])
    slope = np.polyfit(np.log(SIZES), np.log(found), 1)[0]
    yield measured("exponent of the batch size", slope, about(-0.5, within=0.05))
    yield measured("noise of 64 / noise of 256", found[-2] / found[-1], about(2, relative=0.15))

    half = EXAMPLES // 2
    expected = np.sqrt((gradients.var(axis=0)).sum() / half)
    yield caveat(
        "noise of half the data, drawn without replacement, / (σ/√B)",
        noise(half, replace=False)[0] / expected,
        says=about(1, within=0.1),
        rather=about(np.sqrt(0.5), within=0.1, why="√(1 − B/N)"),
    )
    spread = np.hypot(errors[-2], errors[-1])
    yield chance(tail(0.15 / spread), f"ratio off by 15 %, its standard error is {spread:.1%}")

    def draw(axes):
        axes.loglog(SIZES, found, "o", label="measured")
        axes.loglog(SIZES, found[0] / np.sqrt(SIZES), "-", label="1/√B")
        axes.set_xlabel("batch size B")
        axes.set_ylabel("noise of the gradient")
        axes.legend(frameon=False)

    yield Picture(draw, "Noise over batch size, both logarithmic: the points lie on a line of −½.")


claim = Claim(
    title="Batch size and noise",
    statement="Larger batches give less noisy gradients: the noise falls as 1/√B.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
    caveat="""
        That is for independent draws. Without replacement the noise is smaller by √(1 − B/N),
        and 0 for a batch of all the data.
    """,
)
