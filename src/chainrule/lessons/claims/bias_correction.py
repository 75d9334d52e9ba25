"""Bias correction makes the first steps of Adam as large as the learning rate.

Both running means of Adam begin at 0 and are too small at first, the one of squares more so. With
the correction a gradient that does not change gives steps of the learning rate from the first one
on. Without it the first would be 3 times as large (0.1/√0.001), and it takes hundreds of steps
until that has worn off.
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
)

RATE, STEPS = 0.01, 1000
B1, B2 = 0.9, 0.999


def experiment(rng: Rng) -> Findings:
    gradient = rng.normal() * 10 ** rng.uniform(-2, 2)
    optimizer = cr.optim.adam(RATE, b1=B1, b2=B2)
    w = cr.tensor(0.0)
    state = optimizer.init(w)
    steps, bare = [], []
    m = v = 0.0
    for _ in range(STEPS):
        update, state = optimizer.update(cr.tensor(gradient), state, w)
        steps.append(abs(update.item()) / RATE)
        m, v = B1 * m + (1 - B1) * gradient, B2 * v + (1 - B2) * gradient**2
        bare.append(abs(m) / np.sqrt(v))  # the same without correction
    yield measured("first step / learning rate", steps[0], about(1, within=1e-4))
    yield measured("largest of 1,000 steps / learning rate", max(steps), about(1, within=1e-4))
    yield measured(
        "first step without correction / learning rate", bare[0], about(3.162, within=0.01)
    )
    yield measured("largest step without correction / learning rate", max(bare), above(5))

    def draw(axes):
        axes.semilogx(range(1, STEPS + 1), steps, label="with correction")
        axes.semilogx(range(1, STEPS + 1), bare, "--", label="without")
        axes.set_xlabel("step")
        axes.set_ylabel("size of the step / learning rate")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "Step sizes for a constant gradient: level at 1 with the correction; without it they "
        "begin at 3, rise to over 6 and come down within a thousand steps.",
    )


claim = Claim(
    title="Adam's bias correction",
    statement="Without bias correction the first steps of Adam have the wrong size.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
)
