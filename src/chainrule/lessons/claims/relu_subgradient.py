"""ReLU at 0: no derivative, and a subgradient that is chosen.

A slope g is a subgradient at 0 if the line g·x lies nowhere above ReLU. That is tried for a
thousand slopes between 0 and 1 and as many outside, each at a thousand places. The engine has to
return one of them and takes 0. A choice for each corner is not yet a derivative of their sum:
relu(x) − relu(−x) is x, whose slope is 1.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, caveat, equal, measured, yes


def experiment(rng: Rng) -> Findings:
    x = rng.normal(size=1000)
    relu = cr.relu(cr.tensor(x)).numpy()

    def are_subgradients(slopes: np.ndarray) -> np.ndarray:
        return (relu >= slopes[:, None] * x).all(axis=1)

    h = 2.0**-20
    right, left = cr.relu(h).item() / h, cr.relu(-h).item() / -h
    yield measured("slope to the right − slope to the left", right - left, equal(1))
    yield measured("slope that the engine takes", cr.grad(cr.relu)(0.0), equal(0))
    yield measured("0 is a subgradient", are_subgradients(np.zeros(1))[0], yes)
    outside = np.concatenate([rng.uniform(-1, -0.01, 500), rng.uniform(1.01, 2, 500)])
    yield measured(
        "subgradients among slopes off [0, 1]", are_subgradients(outside).mean(), equal(0)
    )
    between = are_subgradients(rng.uniform(0, 1, 1000)).mean()
    yield caveat("subgradients among slopes in [0, 1]", between, says=equal(0), rather=equal(1))
    identity = cr.grad(lambda x: cr.relu(x) - cr.relu(-x))(0.0)
    yield caveat(
        "slope of relu(x) − relu(−x) = x, by the engine", identity, says=equal(1), rather=equal(0)
    )


claim = Claim(
    title="ReLU at zero",
    statement="ReLU has no derivative at 0; its subgradient there is 0.",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
    caveat="0 is a convention: every number from 0 to 1 is a subgradient. And conventions do not "
    "add up: that of relu(x) − relu(−x), which is x, is 0 at 0.",
)
