"""Factors above one explode, and what has exploded ends as NaN.

A chain of layers multiplies the gradient by the factor of each. In single precision, 300 factors of
about 2 are beyond the largest number. A step along such a gradient makes the weights infinite, and
the next value of the loss is not a number. What counts is the product: 100 factors of 1.01 are
harmless.
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
    caveat,
    measured,
    not_finite,
)


def chain(weights, x):
    for w in weights:
        x = w * x
    return x


def experiment(rng: Rng) -> Findings:
    factors = rng.uniform(1.5, 2.5, 60)
    slope = cr.grad(lambda x: chain(factors, x))(1.0)
    yield measured("gradient through 60 factors", slope, above(1e10))
    yield measured("… / their product", slope / np.prod(factors), about(1, relative=1e-9))

    def loss(weights):
        return (chain([weights[i] for i in range(300)], cr.tensor(1.0, dtype="float32")) - 1) ** 2

    weights = cr.tensor(rng.uniform(1.5, 2.5, 300).astype(np.float32))
    gradient = cr.grad(loss)(weights)
    yield measured("largest entry after 300 factors", abs(gradient).max(), not_finite())
    for _ in range(2):
        weights = weights - 0.01 * cr.grad(loss)(weights)
    yield measured("the loss after two steps", loss(weights), not_finite())

    mild = cr.grad(lambda x: chain([1.01] * 100, x))(1.0)
    yield caveat(
        "gradient through 100 factors of 1.01",
        mild,
        says=above(1e3),
        rather=about(1.01**100, relative=1e-9),
    )


claim = Claim(
    title="Exploding gradients",
    statement="Factors above one make the gradient explode, up to NaN.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
    caveat="It is the product that explodes: factors just above one need a great depth.",
)
