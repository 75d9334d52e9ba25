"""The slope along v is ∇f · v, if v has length one.

At a random point of a function of five variables, slopes along 1,000 random directions are found
from values: how much f changes for each unit of way. They are compared with ∇f · v for unit vectors
v. For a vector three times as long ∇f · v is three times as large, though the slope is the same.
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

DIRECTIONS, H = 1000, 1e-5


def experiment(rng: Rng) -> Findings:
    A = rng.normal(size=(5, 5))

    def f(x):
        return cr.sum(cr.sin(A @ x)) + cr.prod(x)

    at = rng.normal(size=5)
    v = rng.normal(size=(DIRECTIONS, 5))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    value = cr.vmap(f)
    slopes = (value(cr.tensor(at + H * v)) - value(cr.tensor(at - H * v))).numpy() / (2 * H)
    g = cr.grad(f)(cr.tensor(at)).numpy()
    yield measured(
        "1,000 unit vectors: largest |∇f·v − slope|", abs(v @ g - slopes).max(), at_most(1e-7)
    )
    forward = cr.vmap(lambda one: cr.directional_derivative(f, cr.tensor(at), one))(cr.tensor(v))
    yield measured(
        "one forward pass for each, |∇f·v − result|",
        abs(v @ g - forward.numpy()).max(),
        at_most(1e-13),
    )
    steep = abs(slopes).argmax()
    long = cr.directional_derivative(f, cr.tensor(at), 3 * v[steep]).item()
    yield caveat(
        "a vector of length 3: ∇f·v / slope",
        long / slopes[steep],
        says=about(1, within=1e-6),
        rather=about(3, within=1e-6),
    )


claim = Claim(
    title="Slope along a direction",
    statement="The slope of f along v is ∇f · v.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
    caveat="For a unit vector v. Otherwise ∇f · v is the change for each unit of time when moving "
    "with the velocity v, and the slope is that divided by ‖v‖.",
)
