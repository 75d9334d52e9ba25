"""Full batch, one example, mini-batch: the same gradient on average, at another price.

A linear model has one gradient for each of 512 examples. The gradients of random batches are drawn
many times over; their mean should be that of all examples, whatever the size of the batch. In one
pass over the data the full batch takes one step, batches of 32 take 16, single examples 512: that
is how much further the small ones come, until their noise holds them up.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_most,
    below,
    chance,
    measured,
    tail,
)

EXAMPLES, FEATURES, DRAWS = 512, 5, 4000


def loss(w, x, y):
    return cr.mean((y - x @ w) ** 2)


def experiment(rng: Rng) -> Findings:
    x = rng.normal(size=(EXAMPLES, FEATURES))
    y = x @ rng.normal(size=FEATURES) + 0.1 * rng.normal(size=EXAMPLES)
    start = cr.zeros(FEATURES)
    gradient = cr.compile(cr.grad(loss))
    each = cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(start, cr.tensor(x), cr.tensor(y)).numpy()
    whole = gradient(start, x, y).numpy()
    for size in (1, 32):
        rows = rng.integers(EXAMPLES, size=(DRAWS, size))
        means = each[rows].mean(axis=1)
        spread = means.std(axis=0) / np.sqrt(DRAWS)
        off = np.abs((means.mean(axis=0) - whole) / spread).max()
        yield measured(f"batches of {size}: mean − whole, in standard errors", off, at_most(5))
    yield chance(2 * FEATURES * tail(5.0), "that a mean is off by five standard errors")

    def after_one_pass(size: int) -> float:
        """The loss after one pass over the data / at the start."""
        w, order = start, rng.permutation(EXAMPLES)
        for rows in order.reshape(-1, size):
            w = w - 0.02 * gradient(w, x[rows], y[rows])
        return loss(w, x, y).item() / loss(start, x, y).item()

    full, some, single = (after_one_pass(size) for size in (EXAMPLES, 32, 1))
    yield measured("one pass: loss with batches of 32 / full batch", some / full, below(0.8))
    yield measured("one pass: loss with single examples / batches of 32", single / some, below(0.8))


claim = Claim(
    title="Three forms of descent",
    statement="Mini-batches give the gradient of all examples on average, for a fraction of its "
    "price.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
)
