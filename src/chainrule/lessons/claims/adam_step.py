"""Adam's first step has the size of the learning rate, whatever the gradient.

Gradients of sizes from a ten-thousandth to a million give the first step; later steps are bounded
too, as long as gradients are of one kind. Where they contradict each other, which is measured for
200 parameters with random ones, the steps are shorter: the mean in the numerator cancels, the one
in the denominator does not. A gradient that was tiny for long and then is large makes the longest
step there can be, (1 − β₁)/√(1 − β₂), about three times the rate. And below ε, which is added to
the size that is divided by, gradients make smaller steps again.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    about,
    at_most,
    caveat,
    measured,
)

RATE = 0.01


def steps(gradients) -> np.ndarray:
    """The sizes of the steps for these gradients, one after the other, in learning rates."""
    optimizer = cr.optim.adam(RATE)
    w = cr.tensor(0.0)
    state = optimizer.init(w)
    sizes = []
    for gradient in gradients:
        update, state = optimizer.update(cr.tensor(float(gradient)), state, w)
        sizes.append(abs(update.item()) / RATE)
    return np.array(sizes)


def experiment(rng: Rng) -> Findings:
    for size in (1e-4, 1.0, 1e6):
        first = steps([size * rng.uniform(1, 2)])[0]
        yield measured(f"first step for a gradient of about {size:g}", first, about(1, 1e-3), "η")
    noisy = steps(rng.normal(size=500))
    yield measured("longest of 500 steps, random gradients", noisy.max(), at_most(1.01), "η")
    optimizer, w = cr.optim.adam(RATE), cr.zeros(200)
    state = optimizer.init(w)
    for gradient in rng.normal(size=(100, 200)):
        update, state = optimizer.update(cr.tensor(gradient), state, w)
    yield caveat(
        "typical step where gradients are noise alone",
        np.sqrt(np.mean(update.numpy() ** 2)) / RATE,
        says=about(1, within=0.1),
        rather=about(np.sqrt(0.1 / 1.9), relative=0.25, why="√((1 − β₁)/(1 + β₁))"),
        unit="η",
    )
    rare = steps([1e-6] * 3000 + [1.0])
    yield caveat(
        "a large gradient after 3,000 tiny ones",
        rare[-1],
        says=at_most(1.01),
        rather=about(0.1 / np.sqrt(0.001), relative=0.1, why="(1 − β₁)/√(1 − β₂)"),
        unit="η",
    )
    yield caveat(
        "first step for a gradient of ε/100",
        steps([1e-10])[0],
        says=about(1, 1e-3),
        rather=about(0.01, relative=0.02, why="g/(g + ε)"),
        unit="η",
    )


claim = Claim(
    title="The size of Adam's steps",
    statement="A step of Adam is about as long as the learning rate, whatever the size of the "
    "gradient.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
    caveat="Where gradients agree. Noise alone gives about a quarter of it, and after a long calm "
    "a sudden large gradient makes a step of up to three times the rate. Gradients smaller than ε "
    "make steps that are as much smaller.",
)
