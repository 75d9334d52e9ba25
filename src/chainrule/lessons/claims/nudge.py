"""A small nudge h moves f by about f′(x) h.

The change of a function of one variable and of a loss of 50 weights is compared with what the
derivative predicts for it. What is left should fall with the square of the nudge: a tenth of the
nudge leaves a hundredth. At a stationary point the prediction is 0, and all of the change is left.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    about,
    above,
    at_most,
    caveat,
    measured,
)


def experiment(rng: Rng) -> Findings:
    a, b = rng.uniform(0.5, 1.5, 2)
    x = rng.uniform(0.2, 1)

    def f(x):
        return cr.exp(a * x) + b * x**2

    def left(h: float) -> float:
        """What the derivative does not explain of the change, relative to h."""
        return abs((f(x + h) - f(x)).item() - cr.grad(f)(x).item() * h) / h

    yield measured("nudge of 0.001: left over, per unit of it", left(1e-3), at_most(0.01))
    yield measured(
        "a tenth of the nudge divides it by", left(1e-3) / left(1e-4), about(10, relative=0.02)
    )

    data, labels = rng.normal(size=(20, 50)), rng.normal(size=20)

    def loss(w):
        return cr.mean((cr.tanh(data @ w) - labels) ** 2)

    w, direction = cr.tensor(0.1 * rng.normal(size=50)), rng.normal(size=50)
    direction /= np.linalg.norm(direction)
    h = 1e-3
    change = (loss(w + h * direction) - loss(w)).item()
    predicted = h * (cr.grad(loss)(w) @ direction).item()
    yield measured(
        "50 weights nudged at once: change − ∇L · h", abs(change - predicted), at_most(1e-5)
    )

    def bowl(x):
        return b * (x - a) ** 2

    predicted = h * cr.grad(bowl)(a).item()
    yield caveat(
        "in the middle of a bowl: predicted / real change",
        predicted / bowl(a + h).item(),
        says=above(0.9),
        rather=about(0, within=1e-12),
    )


claim = Claim(
    title="A nudge",
    statement="A small change h of x changes f by about f′(x) h.",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
    caveat="What is left falls with h². Where f′ is 0 that is all there is, and the prediction "
    "says nothing.",
)
