"""Units that start equal stay equal.

A layer of 8 hidden units with equal weights is trained: each unit gets the same gradient, so that
the layer acts as a single unit. With all weights zero not even that is learnt. Random weights
break the tie.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_most,
    descend,
    equal,
    measured,
)

HIDDEN, EXAMPLES, STEPS = 8, 64, 600


def experiment(rng: Rng) -> Findings:
    x = cr.linspace(-2, 2, EXAMPLES)[:, None]
    y = cr.sin(3 * x[:, 0])

    def loss(p):
        w, b, v = p
        return cr.mean((cr.tanh(x @ w + b) @ v - y) ** 2)

    each = cr.vmap(loss)
    shapes = ((1, HIDDEN), (HIDDEN,), (HIDDEN,))
    starts = [
        [np.full(shape, rng.uniform(0.5, 1.5)) for shape in shapes],
        [np.zeros(shape) for shape in shapes],
        [rng.normal(0, scale, shape) for scale, shape in zip((2, 1, 0.5), shapes, strict=True)],
    ]
    together = tuple(cr.tensor(np.stack(parts)) for parts in zip(*starts, strict=True))
    ends = descend(lambda p: cr.sum(each(p)), together, cr.optim.adam(0.03), STEPS)
    same, zero, random = each(ends).numpy()
    apart = max(np.ptp(part.numpy()[0]) for part in ends)
    yield measured("equal start: largest difference of two units", apart, at_most(1e-12))
    largest = max(np.abs(part.numpy()[1]).max() for part in ends)
    yield measured("zero start: largest weight after training", largest, equal(0))
    yield measured("equal start: loss / loss of a random start", same / random, above(2))
    yield measured("zero start: loss / loss of a random start", zero / random, above(2))


claim = Claim(
    title="Equal starts",
    statement="Weights that start equal stay equal: initialisation has to be random.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
