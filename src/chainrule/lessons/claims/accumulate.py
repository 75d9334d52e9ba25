"""backward() adds to the gradients that are there.

The gradient of a weight is looked at after one, two and three backward passes, and after clearing.
Then a bowl is descended twice, with zero_grad and without. Forgetting it makes each step the sum of
all gradients so far, and descent swings around the minimum without end. What it is good for: small
batches that add up to the gradient of a large one.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_most,
    below,
    measured,
)

STEPS = 100


def gathered(w: cr.Tensor) -> np.ndarray:
    """What is in w.grad."""
    assert w.grad is not None
    return w.grad.numpy()


def experiment(rng: Rng) -> Findings:
    data, labels = rng.normal(size=(32, 4)), rng.normal(size=32)

    def loss(w, rows=slice(None)):
        return cr.sum((data[rows] @ w - labels[rows]) ** 2) / 32

    w = cr.tensor(rng.normal(size=4), requires_grad=True)
    once = cr.grad(loss)(w).numpy()
    for passes in (1, 2, 3):
        loss(w).backward()
        off = abs(gathered(w) - passes * once).max()
        yield measured(f"after {passes}: |w.grad − {passes}∇L|", off, at_most(1e-13))
    w.zero_grad()
    loss(w).backward()
    yield measured(
        "cleared, and one pass more: |w.grad − ∇L|",
        abs(gathered(w) - once).max(),
        at_most(1e-13),
    )

    w.zero_grad()
    for batch in range(4):
        loss(w, slice(8 * batch, 8 * batch + 8)).backward()
    off = abs(gathered(w) - once).max()
    yield measured("four batches of 8 added up: |w.grad − ∇L|", off, at_most(1e-13))

    def farthest(clear: bool) -> float:
        """The largest distance from the minimum in the last half of a descent of x²/2 from 1."""
        x = cr.tensor(1.0, requires_grad=True)
        path = []
        for _ in range(STEPS):
            if clear:
                x.zero_grad()
            (x**2 / 2).backward()
            with cr.no_grad():
                x -= 0.2 * gathered(x)
            path.append(abs(x.item()))
        return max(path[STEPS // 2 :])

    yield measured(
        "with zero_grad: farthest from the minimum, at last", farthest(True), below(1e-4)
    )
    yield measured("without", farthest(False), above(0.9))


claim = Claim(
    title="Gradients add up",
    statement="Gradients add up over backward passes; without zero_grad a descent takes other "
    "steps.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
