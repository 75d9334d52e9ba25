"""In high dimensions random stationary points are mostly saddles.

At a stationary point the Hessian decides. A cubic with random coefficients has one at the origin,
and its Hessian there is a symmetric random matrix; the engine computes it. For a minimum all
eigenvalues have to be positive, and the more there are, the rarer that is. But low points of a
landscape are not random ones: shift the Hessian upwards, as it is low down, and most are minima
again.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    at_least,
    at_most,
    below,
    caveat,
    measured,
)

POINTS = 1000
DIMENSIONS = (1, 2, 3, 5, 10)


def experiment(rng: Rng) -> Findings:
    def eigenvalues(n: int) -> np.ndarray:
        """Of the Hessians at the origin of random functions."""
        cubic = rng.normal(size=(n, n, n))

        def f(w, quadratic):
            return w @ quadratic @ w / 2 + cr.einsum("ijk,i,j,k->", cubic, w, w, w)

        hessians = cr.vmap(cr.hessian(f), in_axes=(None, 0))
        found = hessians(cr.zeros(n), cr.tensor(rng.normal(size=(POINTS, n, n))))
        return np.linalg.eigvalsh(found.numpy())

    def shares(found: np.ndarray) -> tuple[float, float]:
        """Of saddles, and of minima."""
        minima = (found > 0).all(axis=1)
        maxima = (found < 0).all(axis=1)
        return 1 - minima.mean() - maxima.mean(), minima.mean()

    found = {n: eigenvalues(n) for n in DIMENSIONS}
    saddles = [shares(found[n])[0] for n in DIMENSIONS]
    yield measured("saddles with 1 variable", saddles[0], at_most(0))
    yield measured("saddles with 10 variables", saddles[-1], at_least(0.99))
    yield measured("minima with 5 variables", shares(found[5])[1], below(0.02))
    low = found[10] + 2 * np.abs(found[10]).max()
    yield caveat(
        "saddles with 10 variables, low in the landscape",
        shares(low)[0],
        says=at_least(0.99),
        rather=at_most(0.01),
    )

    def draw(axes):
        axes.plot(DIMENSIONS, saddles, "o-")
        axes.set_xlabel("variables")
        axes.set_ylabel("share of saddles")
        axes.set_ylim(-0.05, 1.05)

    yield Picture(
        draw,
        "The share of saddles among random stationary points: none with one variable, "
        "more than half with two, nearly all from five on.",
    )


claim = Claim(
    title="Saddles in high dimensions",
    statement="In high dimensions random critical points are mostly saddles.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    caveat="Of all of them. Those with a low value, where training ends, have Hessians with mostly "
    "positive eigenvalues.",
)
