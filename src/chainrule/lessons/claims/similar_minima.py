"""Where training ends is hardly worse than the best, if the network is wide.

Networks of 5 and of 100 ReLUs learn a wave, each from 20 random starts, with all examples at every
step. What is left of the variance of the labels is compared. Many of the small ones are stuck far
above the best of them, the wide ones hardly ever.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    above,
    at_most,
    caveat,
    chance,
    measured,
)

EXAMPLES, STARTS, STEPS = 64, 20, 1500
SMALL, WIDE = 5, 100


def experiment(rng: Rng) -> Findings:
    x = rng.uniform(-2, 2, (EXAMPLES, 1))
    y = np.sin(3 * x[:, 0])

    def loss(w):
        """The share of the variance of the labels that is left."""
        first, bias, second = w
        return cr.mean((cr.relu(x @ first + bias) @ second - y) ** 2) / y.var()

    optimizer = cr.optim.adam(0.02)

    @cr.compile
    def step(w, state):
        updates, state = optimizer.update(cr.vmap(cr.grad(loss))(w), state, w)
        return cr.optim.apply_updates(w, updates), state

    def ends(hidden: int) -> np.ndarray:
        """The losses after training from all starts, the lowest first."""
        w = [
            cr.tensor(rng.normal(0, 2, (STARTS, 1, hidden))),
            cr.tensor(rng.normal(0, 2, (STARTS, hidden))),
            cr.tensor(rng.normal(0, 1, (STARTS, hidden)) / hidden**0.5),
        ]
        state = optimizer.init(w)
        for _ in range(STEPS):
            w, state = step(w, state)
        return np.sort(cr.vmap(loss)(w).numpy())

    small, wide = ends(SMALL), ends(WIDE)
    yield measured("100 units: best of 20 starts", wide[0], at_most(0.01))
    yield measured("100 units: what 18 of 20 starts reach", wide[17], at_most(0.1))
    apart = small - small[0]
    yield caveat(
        "5 units: worst of 20 starts − best", apart[-1], says=at_most(0.1), rather=above(0.2)
    )
    yield chance((apart <= 0.2).mean() ** STARTS, "that no small network gets stuck")

    def draw(axes):
        for hidden, found in ((SMALL, small), (WIDE, wide)):
            axes.semilogy(np.arange(1, STARTS + 1), found, "o-", label=f"{hidden} units")
        axes.set_xlabel("starts, the best first")
        axes.set_ylabel("variance left")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "What 20 starts lead to, the best first: the small networks end anywhere between a "
        "hundredth and most of the variance, the wide ones nearly all below a hundredth.",
    )


claim = Claim(
    title="How bad other minima are",
    statement="Where the training of a network ends, its loss is close to the lowest.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    caveat="So it is in networks with far more units than the task needs. With just enough of "
    "them some starts end at a multiple of the lowest loss.",
)
