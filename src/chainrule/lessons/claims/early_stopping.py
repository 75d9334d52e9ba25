"""Stopping on validation beats stopping on the gradient's norm.

A linear model of 40 features is fitted to 40 noisy examples by descent. The gradient grows ever
smaller, the error on other examples falls and rises again: the fit learns the noise. Stopping
where the validation error is least, and where the gradient is nearly zero, are compared on a third
set.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    below,
    measured,
    premise,
)

FEATURES, TRAIN, STEPS = 40, 40, 4000


def experiment(rng: Rng) -> Findings:
    true = rng.normal(size=FEATURES) / np.sqrt(FEATURES)

    def sample(count: int) -> tuple[cr.Tensor, cr.Tensor]:
        x = rng.normal(size=(count, FEATURES))
        return cr.tensor(x), cr.tensor(x @ true + 1.0 * rng.normal(size=count))

    train, validation, test = sample(TRAIN), sample(400), sample(2000)

    def loss(w, data):
        x, y = data
        return cr.mean((x @ w - y) ** 2)

    @cr.compile
    def step(w):
        gradient = cr.grad(loss)(w, train)
        return w - 0.1 * gradient, cr.linalg.norm(gradient), loss(w, validation), loss(w, test)

    w, rows = cr.zeros(FEATURES), []
    for _ in range(STEPS):
        w, *row = step(w)
        rows.append([part.item() for part in row])
    norms, validated, tested = np.transpose(rows)
    best = validated.argmin()
    flat = norms.argmin()
    yield premise("gradient at the end / at the start", norms[flat] / norms[0], below(0.01))
    yield measured(
        "test error, stopped on validation / on the norm", tested[best] / tested[flat], below(0.8)
    )
    yield measured("steps, stopped on validation / on the norm", best / flat, below(0.5))

    def draw(axes):
        axes.loglog(norms / norms[0], label="norm of the gradient / at the start")
        axes.loglog(validated, "--", label="validation error")
        axes.axvline(best + 1, linestyle=":", color="black")
        axes.set_xlabel("steps")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "While the norm of the gradient falls all the way, the validation error has its lowest "
        "point early, marked by a line, and rises afterwards.",
    )


claim = Claim(
    title="When to stop",
    statement="Stopping on the validation error beats stopping on the norm of the gradient.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
)
