"""Momentum as it is coded is a sum of gradients, not their average.

With a gradient that does not change, a running average would give steps of the learning rate. The
usual form m ← μm + g adds up to g/(1 − μ): ten times as much for μ = 0.9. Only with a dampening of
μ is it an average.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    about,
    counterexample,
    measured,
)

RATE, STEPS = 0.1, 200


def experiment(rng: Rng) -> Findings:
    gradient = cr.tensor(rng.normal(size=3))

    def last_step(optimizer) -> float:
        """The size of the last of 200 steps / (learning rate × gradient)."""
        w = cr.zeros(3)
        state = optimizer.init(w)
        for _ in range(STEPS):
            update, state = optimizer.update(gradient, state, w)
        return (cr.linalg.norm(update) / (RATE * cr.linalg.norm(gradient))).item()

    damped = last_step(cr.optim.sgd(RATE, momentum=0.9, dampening=0.9))
    yield measured("step with dampening / step without momentum", damped, about(1, within=1e-6))
    for decay in (0.9, 0.99):
        yield counterexample(
            f"step with momentum {decay} / step without",
            last_step(cr.optim.sgd(RATE, momentum=decay)),
            says=about(1, within=1e-6),
            rather=about(1 / (1 - decay), relative=0.15, why="1/(1 − μ)"),
        )


claim = Claim(
    title="Is momentum an average?",
    statement="Momentum takes steps along a running average of the gradients.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
    right="As usually coded it is a decaying sum of them: in a steady direction steps grow to "
    "1/(1 − μ) times the learning rate, which is then to be chosen smaller.",
)
