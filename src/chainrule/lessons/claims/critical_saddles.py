"""In high dimensions random stationary points are mostly saddles.

A random landscape is a sum of waves in all directions. Newton's method, which is drawn to all kinds
of stationary points, finds some hundred of them, and the Hessian says what they are: for a minimum
all eigenvalues have to be positive, and the more there are, the rarer that is. But low points are
not random ones: the lower, the fewer directions lead down from there.
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
    at_least,
    at_most,
    below,
    caveat,
    measured,
    premise,
)

WAVES, STARTS, STEPS = 60, 800, 40
DIMENSIONS = (1, 2, 6, 10)


def stationary_points(rng: Rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a random landscape: their values, and the eigenvalues of their Hessians."""
    k, phase = rng.normal(size=(WAVES, n)), rng.uniform(0, 2 * np.pi, WAVES)

    def f(w):
        return cr.sum(cr.cos(k @ w + phase)) / WAVES**0.5

    gradient = cr.compile(cr.vmap(cr.grad(f)))
    hessian = cr.compile(cr.vmap(cr.hessian(f)))
    w = cr.tensor(rng.uniform(-3, 3, (STARTS, n)))
    for _ in range(STEPS):
        step = cr.linalg.solve(hessian(w), gradient(w)[..., None])[..., 0]
        length = cr.linalg.norm(step, axis=1, keepdims=True)
        w = w - step / cr.maximum(1.0, 2 * length)  # half a unit at most
    arrived = w.numpy()[cr.linalg.norm(gradient(w), axis=1).numpy() < 1e-9]
    w = cr.tensor(np.unique(arrived.round(6), axis=0))  # each once
    return cr.vmap(f)(w).numpy(), np.linalg.eigvalsh(hessian(w).numpy())


def experiment(rng: Rng) -> Findings:
    def share_of_saddles(eigenvalues: np.ndarray) -> float:
        return ((eigenvalues > 0).any(axis=1) & (eigenvalues < 0).any(axis=1)).mean()

    found = {n: stationary_points(rng, n) for n in DIMENSIONS}
    saddles = [share_of_saddles(eigenvalues) for _, eigenvalues in found.values()]
    yield measured("saddles with 1 variable", saddles[0], at_most(0))
    yield measured("saddles with 10 variables", saddles[-1], at_least(0.99))
    values, eigenvalues = found[6]
    yield premise("stationary points found with 6 variables", len(values), at_least(200))
    yield measured("minima among them", (eigenvalues > 0).all(axis=1).mean(), below(0.05))
    lowest = eigenvalues[values.argsort()[: len(values) // 20]]
    yield caveat(
        "directions that lead down, at the lowest twentieth / at all",
        (lowest < 0).mean() / (eigenvalues < 0).mean(),
        says=about(1, within=0.2),
        rather=below(0.6),
    )

    def draw(axes):
        axes.plot(DIMENSIONS, saddles, "o-")
        axes.set_xlabel("variables")
        axes.set_ylabel("share of saddles")
        axes.set_ylim(-0.05, 1.05)

    yield Picture(
        draw,
        "The share of saddles among the stationary points of a random landscape: none with one "
        "variable, about half with two, nearly all from six on.",
    )


claim = Claim(
    title="Saddles in high dimensions",
    statement="In high dimensions random critical points are mostly saddles.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    caveat="Of all of them. The lower one lies, the fewer of its directions lead down; where "
    "training ends is no random one.",
)
