"""AdamW is not Adam with an L2 penalty.

A penalty adds λw to the gradient; decay shrinks the weight itself. For plain descent that is the
same. Adam divides the gradient, penalty and all, by its size: a weight with large gradients hardly
feels the penalty. Two weights get gradients of alternating sign, which cancel, one a hundred times
as large as the other; what is left of each weight shows how much it decayed.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, about, above, at_most, measured

STEPS, RATE, DECAY = 500, 0.01, 0.1


def experiment(rng: Rng) -> Findings:
    size = np.array([1.0, 100.0]) * rng.uniform(0.5, 2)

    def left(optimizer, penalty: float = 0.0) -> np.ndarray:
        """What is left of two weights that began as 1."""
        w = cr.ones(2)
        state = optimizer.init(w)
        for step in range(STEPS):
            gradient = cr.tensor(size * (-1) ** step) + penalty * w
            updates, state = optimizer.update(gradient, state, w)
            w = cr.optim.apply_updates(w, updates)
        return w.numpy()

    decayed, penalised = (
        left(cr.optim.sgd(RATE, weight_decay=DECAY)),
        left(cr.optim.sgd(RATE), DECAY),
    )
    yield measured(
        "plain: largest difference of decay and penalty",
        np.abs(decayed - penalised).max(),
        at_most(1e-9),
    )

    decoupled = left(cr.optim.adamw(RATE, weight_decay=DECAY))
    small, large = left(cr.optim.adam(RATE), DECAY)
    expected = (1 - RATE * DECAY) ** STEPS
    yield measured("AdamW: left of the first weight", decoupled[0], about(expected, relative=0.05))
    yield measured("AdamW: second / first", decoupled[1] / decoupled[0], about(1, within=0.01))
    yield measured("Adam with L2: second / first", large / small, above(1.1))


claim = Claim(
    title="AdamW and L2",
    statement="AdamW's weight decay is something else than Adam with an L2 penalty.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
)
