"""`chainrule train cartpole`: a policy that balances a pole, by the policy gradient alone.

The dynamics cannot be differentiated through the choice of an action; REINFORCE differentiates the
probability of the choices instead: ∇E[R] = E[Σ_t ∇log π(a_t|s_t)·R_t], with R_t what came after.
"""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

import chainrule as cr
from chainrule import nn, optim, random, train
from chainrule.cli import output
from chainrule.cli.train.options import LearningRate, Out, Plots, Seed, guarded
from chainrule.cli.train.pictures import draw, lines
from chainrule.tensor import Tensor

__all__ = ["EXAMPLE", "Learner", "cartpole", "move", "play", "policy"]

EXAMPLE = "chainrule train cartpole --episodes 64 --seed 1"

LONGEST = 500
"""Steps after which an episode ends well, 10 s; as in the benchmark CartPole-v1."""
SOLVED = 475
"""The mean length of 100 episodes from which that benchmark counts as solved."""


# -- the world -------------------------------------------------------------------------------------

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02


def move(state: Tensor, action: Any) -> Tensor:
    """The state 0.02 s later, by Euler's method.

    A. G. Barto, R. S. Sutton, C. W. Anderson 1983 (IEEE Transactions on Systems, Man and
    Cybernetics 13), appendix, without friction.

    Args:
        state: position (m), velocity, angle (rad, 0 is upright) and angular velocity, (…, 4).
        action: 0 pushes the cart to the left and 1 to the right with 10 N, shape (…).
    """
    velocity, angle, spin = state[..., 1], state[..., 2], state[..., 3]
    sine, cosine = cr.sin(angle), cr.cos(angle)
    force = FORCE * (2 * cr.tensor(action).astype(state.dtype) - 1)
    pushed = (force + POLE * HALF_LENGTH * spin**2 * sine) / (CART + POLE)
    turning = (GRAVITY * sine - cosine * pushed) / (
        HALF_LENGTH * (4 / 3 - POLE * cosine**2 / (CART + POLE))
    )
    driving = pushed - POLE * HALF_LENGTH * turning * cosine / (CART + POLE)
    rates = cr.stack([velocity, driving, spin, turning], axis=-1)
    after: Tensor = state + SECONDS * rates
    return after


def is_up(state: Tensor) -> Tensor:
    """Whether the cart is within 2.4 m of the middle and the pole within 12° of upright."""
    up: Tensor = (abs(state[..., 0]) <= 2.4) & (abs(state[..., 2]) <= np.deg2rad(12))
    return up


# -- the policy and its gradient -------------------------------------------------------------------


def policy(key: Tensor, hidden: int = 32) -> nn.MLP:
    """A network from the four numbers of a state to the scores of the two actions."""
    return nn.MLP(4, (hidden,), 2, key=key, activation="tanh")


class Episodes(NamedTuple):
    """What was played, time first.

    Attributes:
        states: before each action, shape (steps, episodes, 4).
        actions: shape (steps, episodes).
        up: whether the pole had not fallen yet, shape (steps, episodes).
    """

    states: Tensor
    actions: Tensor
    up: Tensor


def play(network: nn.Module, key: Tensor, episodes: int, greedy: bool = False) -> Episodes:
    """Let a network act from random starts near upright, for all episodes side by side.

    Args:
        network: from states to scores of actions.
        key: decides the starts and the actions.
        episodes: how many.
        greedy: whether the likelier action is taken, instead of one drawn at random.
    """
    start_key, key = random.split(key)
    start = random.uniform(start_key, (episodes, 4), low=-0.05, high=0.05, dtype="float32")

    def act(now: Any, number: Tensor) -> Any:
        state, up = now
        scores = network(state)
        chosen = (
            cr.argmax(scores, axis=-1)
            if greedy
            else random.categorical(random.fold_in(key, number), scores)
        )
        after = move(state, chosen)
        return (after, up & is_up(after)), Episodes(state, chosen, up)

    first = (start, cr.ones((episodes,), dtype="bool"))
    played: Episodes = cr.scan(act, first, cr.arange(LONGEST))[1]
    return played


def surprise(network: nn.Module, played: Episodes, discount: float) -> Tensor:
    """A loss whose gradient is that of the policy: −log π(a_t|s_t)·A_t, averaged over
    all actions before a fall.

    A_t is the discounted number of steps that follow, less its mean over the episodes at that time,
    over its standard deviation. A baseline of the state changes no expectation, only the noise:
    R. J. Williams 1992 (Machine Learning 8), section 3 and theorem 1.
    """
    alive = played.up.astype("float32")

    def back(later: Tensor, now: Tensor) -> Any:
        total = now * (1 + discount * later)
        return total, total

    _, returns = cr.scan(back, cr.zeros_like(alive[0]), alive, reverse=True)
    count = cr.maximum(alive.sum(axis=1, keepdims=True), 1.0)
    advantage = alive * (returns - (alive * returns).sum(axis=1, keepdims=True) / count)
    advantage = advantage / (cr.sqrt((advantage**2).sum() / alive.sum()) + 1e-6)
    lost = nn.cross_entropy(network(played.states), played.actions, reduction="none")
    total: Tensor = (cr.stop_gradient(advantage) * lost).sum() / alive.sum()
    return total


@dataclasses.dataclass
class Learner:
    """A policy that learns: one call of `improve` plays and takes one optimizer step, natively.

    Args:
        network: trained; replaced by its successor in each step.
        optimizer: the optimizer.
        episodes: played for each step.
        discount: weight of a reward one step later.
    """

    network: nn.Module
    optimizer: optim.Optimizer
    episodes: int = 32
    discount: float = 0.99

    def __post_init__(self) -> None:
        self._state = self.optimizer.init(self.network)
        self._step = cr.compile(self._improved)

    def improve(self, key: Tensor) -> np.ndarray:
        """The lengths of the episodes played, from which the network then has learned."""
        self.network, self._state, lengths = self._step(self.network, self._state, key)
        found: np.ndarray = lengths.numpy()
        return found

    def _improved(self, network: nn.Module, state: Any, key: Tensor) -> Any:
        played = cr.stop_gradient(play(network, key, self.episodes))
        gradient = cr.grad(surprise)(network, played, self.discount)
        updates, state = self.optimizer.update(gradient, state, network)
        network = optim.apply_updates(network, updates)
        return network, state, played.up.sum(axis=0)


# -- the command -----------------------------------------------------------------------------------


def cartpole(
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 150,
    episodes: Annotated[int, typer.Option(min=2, help="Episodes played for each step.")] = 32,
    learning_rate: LearningRate = 1e-2,
    hidden: Annotated[int, typer.Option(min=1, help="Width of the hidden layer.")] = 32,
    seed: Seed = 0,
    out: Out = Path("runs/cartpole"),
    plots: Plots = True,
) -> None:
    """Balance a pole on a cart by REINFORCE.

    A network sees position and angle with their velocities and pushes the cart to the left or to
    the right, 50 times a second. It is rewarded for every step before the pole falls, and learns by
    the policy gradient, from nothing but that. Shows how long the pole stays up, tests the policy
    on 100 new episodes, and saves it with the learning curve.
    """
    with guarded(out):
        _cartpole(output.console(), steps, episodes, learning_rate, hidden, seed, out, plots)


def _cartpole(
    console: Console,
    steps: int,
    episodes: int,
    learning_rate: float,
    hidden: int,
    seed: int,
    out: Path,
    plots: bool,
) -> None:
    weights_key, playing_key, test_key = random.split(random.key(seed), 3)
    learner = Learner(policy(weights_key, hidden), optim.adam(learning_rate), episodes)
    console.print(
        f"[bold]world[/]     a pole on a cart, 50 actions a second, at most {LONGEST} of them\n"
        f"[bold]policy[/]    4 → {hidden} → 2, tanh\n"
        f"[bold]training[/]  REINFORCE, {learner.optimizer}, {episodes} episodes a step, "
        f"seed {seed}"
    )
    means: list[float] = []
    start = time.perf_counter()
    try:
        for number in range(steps):
            means.append(learner.improve(random.fold_in(playing_key, number)).mean())
            if (number + 1) % max(1, steps // 15) == 0:
                console.print(f"step {number + 1:4}/{steps}  up for {means[-1]:5.1f} actions")
    except KeyboardInterrupt:
        console.print(f"[yellow]interrupted after {len(means)} steps; what was learned is kept[/]")
    seconds = time.perf_counter() - start
    lengths = play(learner.network, test_key, 100).up.sum(axis=0).numpy()
    solved = lengths.mean() >= SOLVED
    console.print(
        f"[bold]test               {lengths.mean():.1f} of {LONGEST} actions[/] (mean of 100 new "
        f"episodes; solved is {SOLVED}: {'yes' if solved else 'no'})"
    )
    console.print(f"time               {seconds:.1f} s, {len(means)} steps")
    path = train.save(
        learner.network,
        out / "model.safetensors",
        {"task": "cartpole", "hidden": hidden, "seed": seed, "test_length": float(lengths.mean())},
    )
    if plots and means:
        numbers = list(range(1, len(means) + 1))
        curve = partial(
            lines,
            out / "curve.png",
            {"mean of the episodes": (numbers, means)},
            title="How long the pole stays up while the policy learns",
            x="optimizer steps",
            y="actions before it falls",
            level=(SOLVED, f"solved: {SOLVED}"),
        )
        draw(console, curve)
    console.print(f"model              {escape(str(path))}")
    if len(means) < steps:
        raise typer.Exit(130)
