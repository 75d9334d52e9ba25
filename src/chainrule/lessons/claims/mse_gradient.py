"""The gradient of the squared error of a linear model: error times input.

For ŷ = wx + b and L = (y − ŷ)² the two derivatives are −2x(y − ŷ) and −2(y − ŷ). They are compared
with what the engine computes from the loss, and with central differences, at random numbers.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, at_most, measured

POINTS, H = 500, 1e-6


def loss(w, b, x, y):
    return (y - (w * x + b)) ** 2


def experiment(rng: Rng) -> Findings:
    w, b, x, y = rng.normal(size=(4, POINTS))
    by_w, by_b = cr.vmap(cr.grad(loss, argnums=(0, 1)))(*map(cr.tensor, (w, b, x, y)))
    error = y - (w * x + b)
    yield measured(
        "largest |∂L/∂w + 2x(y − ŷ)|", np.abs(by_w.numpy() + 2 * x * error).max(), at_most(1e-12)
    )
    yield measured(
        "largest |∂L/∂b + 2(y − ŷ)|", np.abs(by_b.numpy() + 2 * error).max(), at_most(1e-12)
    )
    numerical = (loss(w + H, b, x, y) - loss(w - H, b, x, y)) / (2 * H)
    yield measured(
        "deviation from differences", np.abs(by_w.numpy() - numerical).max(), at_most(1e-6)
    )


claim = Claim(
    title="Error times input",
    statement="For L = (y − (wx + b))² the derivatives are −2x(y − ŷ) and −2(y − ŷ).",
    experiment=experiment,
    chapter=Chapter.LOSSES,
)
