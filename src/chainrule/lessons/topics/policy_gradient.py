"""Policy gradients: the slope of an expected reward, from samples."""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Derived,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)

REWARDS = np.array([10.0, 12.0, 11.0])
START = cr.tensor([0.5, 0.0, -0.5])


def expected(θ, r):
    return cr.sum(r * cr.softmax(θ))


def log_probability(θ, chosen):
    return cr.sum(chosen * cr.log_softmax(θ))


def estimates(θ, rng, number: int, baseline: bool) -> np.ndarray:
    """One estimate of the gradient for each of so many actions that are tried."""
    actions = rng.choice(3, number, p=cr.softmax(θ).numpy())
    rewards = REWARDS[actions]
    scores = cr.vmap(cr.grad(log_probability), in_axes=(None, 0))(θ, cr.one_hot(actions, 3))
    return (rewards - baseline * rewards.mean())[:, None] * scores.numpy()


def example() -> Example:
    r = cr.tensor(REWARDS)
    yield "Three actions, chosen with probabilities softmax(θ). If the rewards r were known:"
    yield derivation(expected, START, r, wrt="θ")
    yield "They are not, but one can try an action. The slope of its log-probability:"
    yield derivation(log_probability, START, cr.one_hot(1, 3, dtype="float64"), wrt="θ")
    yield "Reward times that slope, averaged over 2,000 tries, estimates the gradient above:"
    rng = np.random.default_rng(0)
    for name, baseline in (("plain", False), ("less the mean reward", True)):
        found = estimates(START, rng, 2000, baseline)
        yield Value(f"{name}: mean", found.mean(axis=0))
        yield Value(f"{name}: standard error", found.std(axis=0) / np.sqrt(2000))
    yield "Ascent by estimates from 20 tries each:"
    θ = START
    yield Value("expected reward at the start", expected(θ, r))
    for _ in range(300):
        θ = θ + 0.2 * estimates(θ, rng, 20, baseline=True).mean(axis=0)
    yield Value("after 300 steps", expected(θ, r))
    yield Value("probabilities", cr.softmax(θ))


def draw(axes):
    rng = np.random.default_rng(0)
    for name, baseline in (("plain", False), ("with a baseline", True)):
        means = [estimates(START, rng, 50, baseline).mean(axis=0)[1] for _ in range(300)]
        axes.hist(means, bins=np.linspace(-2.5, 3.5, 25), alpha=0.6, label=name)
    exact = cr.grad(expected)(START, cr.tensor(REWARDS)).numpy()[1]
    axes.axvline(exact, color="black", linewidth=1, label="the gradient")
    axes.set_xlabel("estimate of one entry of the gradient, from 50 tries")
    axes.legend(frameon=False)


topic = Topic(
    title="Policy gradients",
    chapter=Chapter.LOSSES,
    place=5,
    motivation="""
        Whoever acts gets a reward for what was done, and no slope of it: the action was a choice,
        and the world is no formula. A policy gradient estimates the slope of the expected reward
        from nothing but tries.
    """,
    mental_picture="""
        Learning darts blindfolded, with somebody who calls the points. You throw a little at
        random, and make the throws that brought more than usual more likely, the others less.
    """,
    definition="""
        A policy π chooses action a with probability π(a), which depends smoothly on parameters θ.
        The gradient of the expected reward is the expectation of the reward times the gradient of
        ln π(a). Only the probability is differentiated, never the reward. Any number may be
        subtracted from the reward, since the expectation of ∇ ln π is zero: a good baseline
        lowers the variance and changes no mean.
    """,
    formulas=(
        Formula(
            "policy gradient",
            r"\nabla_\theta \, \mathbb{E} \, R(a) = "
            r"\mathbb{E} \left[ R(a) \, \nabla_\theta \ln \pi_\theta(a) \right]",
        ),
        Formula(
            "with a baseline b",
            r"\mathbb{E} \left[ (R(a) - b) \, \nabla_\theta \ln \pi_\theta(a) \right], \quad "
            r"\mathbb{E} \, \nabla_\theta \ln \pi_\theta(a) = 0",
        ),
        Derived("two actions, the first chosen", "ln(σ(θ))", "θ"),
        Derived("normal policy with mean μ", "-(a - μ)^2 / (2s^2)", "μ"),
    ),
    example=example,
    questions=(
        Question(
            "How can one do gradient ascent on a reward that is not differentiable?",
            """
                Make the choice random, so that the expected reward depends smoothly on the
                probabilities. Its gradient is the mean of the reward times the gradient of the
                logarithm of the probability of what was chosen, which needs only samples.
            """,
        ),
        Question(
            "Where does the logarithm come from?",
            """
                ∇π = π ∇ ln π. The factor π turns the sum over all actions into an expectation, and
                an expectation can be sampled.
            """,
        ),
        Question(
            "What is the baseline for?",
            """
                If all rewards are large, every try makes its own action more likely, and only the
                differences count in the end. Taking off the usual reward leaves those at once, with
                much less noise.
            """,
        ),
        Question(
            "When is it better to reparametrise?",
            """
                Where the reward is differentiable and the noise can be written as an input, such as
                a = μ + s ε: the gradient then passes through the sample, with less variance.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Reinforcement learning needs a differentiable reward.",
            why="The formula contains the reward as a number. It is never differentiated.",
            right="What has to be differentiable is the probability of the action.",
            claim="policy-gradient",
        ),
        Trap(
            wrong="A baseline makes the estimate wrong: it rewards something else.",
            why="The expectation of the slope of ln π is zero, so that a constant times it is too.",
            right="""
                A baseline that does not depend on the action leaves the mean as it is and lowers
                the variance.
            """,
            claim="policy-gradient",
        ),
    ),
    claims=("policy-gradient", "argmax", "batch-noise"),
    related=("non-differentiable", "cross-entropy", "gradient-descent"),
    pictures=(
        Picture(
            draw,
            """
                Two histograms of estimates around the exact gradient: a wide one, and with a
                baseline a narrow one.
            """,
        ),
    ),
)
