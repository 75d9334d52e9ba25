"""Momentum rolls off a saddle where plain descent stalls.

x²/2 − y²/2 + y⁴/4 has a saddle at the origin and minima at y = ±1. Both descents start a little off
the line that leads into the saddle, and the steps are counted until |y| is ½. A lower learning rate
only makes that take longer. Exactly on the line the gradient has no part that leads away, and
momentum has nothing to add up.
"""

from itertools import count, islice

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    above,
    below,
    caveat,
    equal,
    measured,
    steps_of,
)

RATE = 0.05


def f(p):
    x, y = p
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def experiment(rng: Rng) -> Findings:
    start = np.array([rng.uniform(0.5, 1.5), 1e-6 * rng.uniform(1, 2)])
    plain, heavy = cr.optim.sgd(RATE), cr.optim.sgd(RATE, momentum=0.9)

    def path(optimizer, start, steps: int) -> np.ndarray:
        points = islice(steps_of(f, cr.tensor(start), optimizer), steps)
        return np.array([p.numpy() for p in points])

    def leaves(optimizer) -> int:
        """After how many steps |y| is ½."""
        points = steps_of(f, cr.tensor(start), optimizer)
        return next(step for step, p in zip(count(), points) if abs(p[1].item()) > 0.5)

    slow, fast = leaves(plain), leaves(heavy)
    yield measured("steps until it is off, plain / momentum", slow / fast, above(2))
    slower = leaves(cr.optim.sgd(RATE / 2)) / slow
    yield measured("steps until it is off, plain with half the rate / plain", slower, above(1.5))
    yield measured(
        "|y| of plain descent then", abs(path(plain, start, fast + 1)[-1, 1]), below(0.01)
    )
    on_the_line = path(heavy, np.array([start[0], 0.0]), 500)[-1, 1]
    yield caveat(
        "|y| after 500 steps from y = 0", abs(on_the_line), says=above(0.5), rather=equal(0)
    )

    def draw(axes):
        grid = np.linspace(-1.5, 1.5, 100)
        axes.contour(grid, grid, f(cr.tensor(np.array(np.meshgrid(grid, grid)))).numpy(), 20)
        axes.plot(*path(plain, start, fast + 1).T, "o", markersize=3, label="plain")
        axes.plot(*path(heavy, start, fast + 1).T, "s", markersize=3, label="momentum")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "Both paths run down into the saddle; after the same number of steps the one with momentum "
        "has turned off towards a minimum, the plain one sits in the saddle.",
    )


claim = Claim(
    title="Momentum at a saddle",
    statement="Momentum leaves a saddle where plain descent stalls.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    caveat="It needs something to build on: exactly on the line that leads into the saddle, "
    "momentum stays there as well.",
)
