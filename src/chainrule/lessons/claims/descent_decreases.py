"""A small step against the gradient lowers the loss; one along it raises it.

At a hundred random points of a smooth loss with hills and valleys, a step of a thousandth is taken
either way, and once a step that is far too long. To first order the loss changes by ∓η‖∇L‖²; how
long "small" may be is a matter of the curvature.
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
    at_least,
    below,
    caveat,
    measured,
)

POINTS = 100


def loss(w):
    return cr.sum(cr.sin(3 * w)) + cr.sum(w**2) / 2


def experiment(rng: Rng) -> Findings:
    w = cr.tensor(rng.uniform(-2, 2, (POINTS, 4)))
    value = cr.vmap(loss)
    gradient = cr.vmap(cr.grad(loss))(w)
    squares = cr.sum(gradient**2, axis=1).numpy()

    def change(rate: float) -> np.ndarray:
        """How the loss changes by a step of w − rate·∇L, at each point."""
        return (value(w - rate * gradient) - value(w)).numpy()

    small = 1e-3
    yield measured("largest change by a step against it", change(small).max(), below(0))
    yield measured("smallest change by a step along it", change(-small).min(), above(0))
    ratio = np.median(change(1e-5) / (-1e-5 * squares))
    yield measured("change / −η‖∇L‖², for a tiny η", ratio, about(1, within=1e-2))
    yield caveat(
        "share of points where a step of 1 lowers the loss",
        (change(1.0) < 0).mean(),
        says=at_least(1),
        rather=below(0.9),
    )


claim = Claim(
    title="Against the gradient",
    statement="A step against the gradient lowers the loss.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
    caveat="A small enough step. A long one can land higher than it began.",
)
