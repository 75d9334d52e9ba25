"""One backward pass gives a million derivatives.

A loss with a million parameters counts how often it is evaluated. Backpropagation evaluates it once
for all derivatives; central differences evaluate it twice for each. That the two agree is looked at
for 20 of the parameters.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_most,
    equal,
    measured,
    noted,
    seconds,
)

PARAMETERS, CHECKED, H = 1_000_000, 20, 1e-5


def experiment(rng: Rng) -> Findings:
    target = cr.tensor(rng.normal(size=PARAMETERS))
    calls = 0

    def loss(w):
        nonlocal calls
        calls += 1
        return cr.sum(cr.sin(w) * w + (w - target) ** 2)

    w = rng.normal(size=PARAMETERS)
    gradient = cr.grad(loss)(cr.tensor(w)).numpy()
    yield measured("derivatives", gradient.size, equal(PARAMETERS))
    yield measured("evaluations of the loss for all of them", calls, equal(1))

    calls = 0
    rows = rng.choice(PARAMETERS, CHECKED, replace=False)
    differences = []
    for row in rows:
        ends = []
        for step in (H, -H):
            moved = w.copy()
            moved[row] += step
            ends.append(loss(cr.tensor(moved)).item())
        differences.append((ends[0] - ends[1]) / (2 * H))
    yield measured("evaluations by differences, for each", calls / CHECKED, equal(2))
    error = np.abs(differences - gradient[rows]).max()
    yield measured("largest deviation of the two", error, at_most(1e-2, "rounding of a large sum"))

    one = seconds(lambda: loss(cr.tensor(w)), repeats=2)
    everything = seconds(lambda: cr.grad(loss)(cr.tensor(w)), repeats=2)
    yield noted("one evaluation", 1e3 * one, "ms")
    yield noted("all derivatives by one backward pass", 1e3 * everything, "ms")
    yield noted("all by differences, from the time of one", 2 * PARAMETERS * one / 3600, "hours")


claim = Claim(
    title="A million derivatives at once",
    statement="One backward pass gives a million gradients, where finite differences need a "
    "million passes.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
