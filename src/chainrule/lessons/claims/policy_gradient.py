"""A reward without derivative still has a gradient in the policy.

Four actions have rewards that are just looked up; the policy is a softmax over four numbers. The
gradient of the expected reward is computed exactly, from all actions. The score-function estimate
reward × ∇ log p(action) needs only sampled actions, and should have it as its mean. It is noisy:
the mean reward as a baseline makes it less so, without moving the mean.
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

ACTIONS, SAMPLES = 4, 100_000


def experiment(rng: Rng) -> Findings:
    rewards = 10 + rng.normal(size=ACTIONS)
    preferences = cr.tensor(rng.normal(size=ACTIONS))

    def expected(theta):
        return cr.softmax(theta) @ cr.tensor(rewards)

    def log_probability(theta, action):
        return cr.log_softmax(theta)[action]

    exact = cr.grad(expected)(preferences).numpy()
    scores = np.array([cr.grad(log_probability)(preferences, a).numpy() for a in range(ACTIONS)])
    actions = rng.choice(ACTIONS, SAMPLES, p=cr.softmax(preferences).numpy())
    plain = rewards[actions][:, None] * scores[actions]
    based = (rewards[actions] - rewards[actions].mean())[:, None] * scores[actions]
    for name, samples in (("estimate", plain), ("with a baseline", based)):
        errors = samples.std(axis=0) / np.sqrt(SAMPLES)
        off = np.abs((samples.mean(axis=0) - exact) / errors).max()
        yield measured(f"{name}: deviation of the mean, in standard errors", off, at_most(5))
    yield chance(2 * ACTIONS * tail(5.0), "that a mean is off by five standard errors")
    yield measured("variance with a baseline / without", based.var() / plain.var(), below(0.1))


claim = Claim(
    title="Policy gradients",
    statement="Policy gradients give the gradient of the expected reward, though the reward "
    "itself is not differentiable.",
    experiment=experiment,
    chapter=Chapter.LOSSES,
)
