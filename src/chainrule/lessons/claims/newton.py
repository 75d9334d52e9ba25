"""Newton's method: one step on a quadratic, and what it costs.

On a quadratic with a condition number of 10,000 a Newton step lands in the minimum, wherever it
starts, where descent has hardly begun. Off a quadratic the number of correct digits doubles with
each step, once it is near. The price is the Hessian: n² entries, and about n gradients.
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
    at_most,
    descend,
    equal,
    measured,
    operations,
)

DIMENSIONS = 20


def experiment(rng: Rng) -> Findings:
    q, _ = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))
    H = cr.tensor(q @ np.diag(np.logspace(0, 4, DIMENSIONS)) @ q.T)
    target = cr.tensor(rng.normal(size=DIMENSIONS))

    def loss(w):
        return (w - target) @ H @ (w - target) / 2

    start = cr.zeros(DIMENSIONS)

    def distance(w) -> float:
        return (cr.linalg.norm(w - target) / cr.linalg.norm(target)).item()

    def newton(f, w):
        return w - cr.linalg.solve(cr.hessian(f)(w), cr.grad(f)(w))

    yield measured(
        "distance after one Newton step / before", distance(newton(loss, start)), at_most(1e-8)
    )
    slow = distance(descend(loss, start, cr.optim.sgd(1e-4), 100))
    yield measured("… after 100 steps of descent", slow, above(0.1))

    def bent(w):
        return cr.exp(w) - 2 * w

    w, errors = cr.tensor(np.log(2) + rng.uniform(0.05, 0.1)), []
    for _ in range(3):
        errors.append(abs(w.item() - np.log(2)))
        w = w - cr.grad(bent)(w) / cr.grad(cr.grad(bent))(w)
    order = np.log(errors[2] / errors[1]) / np.log(errors[1] / errors[0])
    yield measured("order of convergence", order, about(2, within=0.2))

    def costs(n: int) -> float:
        """Operations of a Hessian / of a gradient."""

        def f(w):
            return cr.sum(cr.tanh(w)) ** 2

        return operations(cr.hessian(f), cr.ones(n)) / operations(cr.grad(f), cr.ones(n))

    yield measured(
        "Hessian / gradient for 200 variables, / for 50", costs(200) / costs(50), above(2)
    )
    entries = cr.hessian(loss)(start).size
    yield measured("entries of the Hessian / variables", entries / start.size, equal(DIMENSIONS))


claim = Claim(
    title="Newton's method",
    statement="Newton's method reaches the minimum of a quadratic in one step, at the price of n² "
    "second derivatives.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
)
