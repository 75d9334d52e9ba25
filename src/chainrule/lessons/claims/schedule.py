"""A rate that decays gets below the noise at which a constant one stays.

Descent with noisy gradients on a bowl: with a constant rate it ends up wandering at a distance that
the rate decides. A rate that falls to zero averages the noise away. Much too small from the start
is no help: that crawls. In between there is a constant rate that just gets there in so many steps;
of three such rates the best is compared as well.
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
    below,
    caveat,
    measured,
)

STEPS, RUNS = 1000, 200
BETWEEN = (0.02, 0.01, 0.007)


def loss(w):
    return cr.sum(w**2) / 2


def experiment(rng: Rng) -> Findings:
    evaluated = cr.compile(cr.vmap(cr.value_and_grad(loss)))

    def run(schedule) -> np.ndarray:
        """The mean loss of all runs, over the steps."""
        w = cr.tensor(np.full((RUNS, 2), 10.0))
        losses = []
        for step in range(STEPS):
            values, gradient = evaluated(w)
            losses.append(values.numpy().mean())
            w = w - float(schedule(step)) * (gradient + rng.normal(size=(RUNS, 2)))
        return np.array(losses)

    constant = run(cr.optim.constant(0.3))
    decaying = run(cr.optim.cosine_decay(0.3, STEPS))
    tiny = run(cr.optim.constant(0.001))
    floor = constant[-200:].mean()
    yield measured("loss at the end, decaying / constant", decaying[-1] / floor, below(0.2))
    yield measured("loss at the end, tiny from the start / constant", tiny[-1] / floor, above(5))
    best = min(run(cr.optim.constant(rate))[-1] for rate in BETWEEN)
    yield caveat(
        "loss at the end, decaying / the best constant rate",
        decaying[-1] / best,
        says=below(0.5),
        rather=above(0.7),
    )

    def draw(axes):
        for name, path in (("constant", constant), ("decaying", decaying), ("tiny", tiny)):
            axes.semilogy(path, label=name)
        axes.set_xlabel("steps")
        axes.set_ylabel("loss")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "Loss over 1,000 noisy steps: constant, it falls fast and stays level; decaying, it falls "
        "as fast and goes on falling; tiny, it is still on its way.",
    )


claim = Claim(
    title="Decaying the learning rate",
    statement="A schedule that lowers the learning rate reaches a lower loss than a constant rate.",
    experiment=experiment,
    chapter=Chapter.DESCENT,
    caveat="Than the rate that it begins with. A constant rate that is chosen for just this number "
    "of steps gets as low; a schedule does without that choice.",
)
