"""A network of two layers is not convex.

Exchanging two hidden units gives other weights with the same loss. For a convex loss the middle of
the two would be no worse than either. And training from different starts ends in different places,
not all equally good.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, above, at_most, measured

EXAMPLES, HIDDEN, STARTS, STEPS = 64, 3, 24, 3000


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.uniform(-2, 2, (EXAMPLES, 1)))
    y = cr.sin(3 * x[:, 0])

    def loss(w):
        first, bias, second = w
        return cr.mean((cr.tanh(x @ first + bias) @ second - y) ** 2)

    w = [
        cr.tensor(rng.normal(0, 2, (STARTS, 1, HIDDEN))),
        cr.tensor(rng.normal(0, 2, (STARTS, HIDDEN))),
        cr.tensor(rng.normal(0, 1, (STARTS, HIDDEN))),
    ]
    optimizer = cr.optim.adam(0.02)

    def step(w, state):
        updates, state = optimizer.update(cr.vmap(cr.grad(loss))(w), state, w)
        return cr.optim.apply_updates(w, updates), state

    step, state = cr.compile(step), optimizer.init(w)
    for _ in range(STEPS):
        w, state = step(w, state)
    ends = cr.vmap(loss)(w).numpy()
    yield measured("worst final loss / best", ends.max() / ends.min(), above(2))

    one = [part[ends.argmin()] for part in w]
    order = np.roll(np.arange(HIDDEN), 1)
    other = [one[0][:, order], one[1][order], one[2][order]]
    middle = [(a + b) / 2 for a, b in zip(one, other, strict=True)]
    apart = abs(loss(one) - loss(other)).item()
    yield measured("loss of the best − with its units exchanged", apart, at_most(1e-12))
    yield measured("loss halfway between them / loss of each", loss(middle) / loss(one), above(2))


claim = Claim(
    title="Networks are not convex",
    statement="A network of two layers is not convex: where training ends depends on where it "
    "starts.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
)
