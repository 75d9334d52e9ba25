"""Newton's method is drawn to saddles, descent is not.

A Newton step goes to the stationary point of the local quadratic, be it a minimum or not. Started
around the saddle of x²/2 − y²/2 + y⁴/4, Newton's method should end in it, descent in one of the two
minima.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, at_least, at_most, measured

STARTS, STEPS = 50, 200


def f(p):
    x, y = p
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def experiment(rng: Rng) -> Findings:
    start = rng.uniform(-0.4, 0.4, (STARTS, 2))
    start[:, 1] = np.sign(start[:, 1]) * np.maximum(np.abs(start[:, 1]), 1e-3)
    gradient = cr.compile(cr.vmap(cr.grad(f)))
    hessian = cr.compile(cr.vmap(cr.hessian(f)))

    w = cr.tensor(start)
    for _ in range(20):
        w = w - cr.linalg.solve(hessian(w), gradient(w)[..., None])[..., 0]
    yield measured(
        "Newton: share that ends in the saddle",
        (np.abs(w.numpy()[:, 1]) < 1e-6).mean(),
        at_least(1),
    )

    w = cr.tensor(start)
    for _ in range(STEPS):
        w = w - 0.1 * gradient(w)
    ends = w.numpy()
    yield measured(
        "descent: share that ends in the saddle", (np.abs(ends[:, 1]) < 0.5).mean(), at_most(0)
    )
    in_minima = np.abs(np.abs(ends[:, 1]) - 1) < 1e-3
    yield measured("descent: share that ends in a minimum", in_minima.mean(), at_least(1))


claim = Claim(
    title="Newton and saddles",
    statement="Newton's method is attracted by saddles, gradient descent is not.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
)
