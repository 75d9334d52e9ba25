"""A policy that balances a pole, by REINFORCE: `chainrule train cartpole`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

import chainrule as cr
from bench.tasks.loop import with_weights_of
from bench.tasks.task import Course, Ready, Task, defaults
from chainrule import nn, optim, random
from chainrule.cli.train import cartpole
from chainrule.cli.train.cartpole import (
    CART,
    FORCE,
    GRAVITY,
    HALF_LENGTH,
    LONGEST,
    POLE,
    SECONDS,
    SOLVED,
)

OPTIONS = defaults(cartpole.cartpole)
EPISODES, RATE, HIDDEN = OPTIONS["episodes"], OPTIONS["learning_rate"], OPTIONS["hidden"]
DISCOUNT = cartpole.Learner.discount
EVERY = 10
TESTED = 100


def network(seed: int) -> nn.MLP:
    """What both begin with."""
    return cartpole.policy(random.split(random.key(seed), 3)[0], HIDDEN)


def ours(steps: int, seed: int) -> Course:
    _, playing_key, test_key = random.split(random.key(seed), 3)
    start = network(seed)
    play = cr.compile(lambda net, key: cartpole.play(net, key, TESTED).up.sum(axis=0))
    course = Course(lambda: play(learner.network, test_key).numpy().mean())
    with course.timed():
        learner = cartpole.Learner(start, optim.adam(RATE), EPISODES)
        for number in range(steps):
            learner.improve(random.fold_in(playing_key, number))
            if (number + 1) % EVERY == 0 or number + 1 == steps:
                course.look(number + 1)
    return course


# -- PyTorch ---------------------------------------------------------------------------------------


def twin(net: nn.MLP) -> torch.nn.Module:
    """The same policy."""
    return with_weights_of(
        net,
        torch.nn.Sequential(
            torch.nn.Linear(4, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, 2)
        ),
    )


def move(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """As `cartpole.move`."""
    _, velocity, angle, spin = state.unbind(-1)
    sine, cosine = angle.sin(), angle.cos()
    force = FORCE * (2 * action.to(state.dtype) - 1)
    pushed = (force + POLE * HALF_LENGTH * spin**2 * sine) / (CART + POLE)
    turning = (GRAVITY * sine - cosine * pushed) / (
        HALF_LENGTH * (4 / 3 - POLE * cosine**2 / (CART + POLE))
    )
    driving = pushed - POLE * HALF_LENGTH * turning * cosine / (CART + POLE)
    return state + SECONDS * torch.stack([velocity, driving, spin, turning], dim=-1)


def is_up(state: torch.Tensor) -> torch.Tensor:
    """As `cartpole.is_up`."""
    return (state[..., 0].abs() <= 2.4) & (state[..., 2].abs() <= np.deg2rad(12))


@torch.no_grad()
def play(net: Any, episodes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States, actions and whether the pole was up, time first, until all poles have fallen."""
    state = torch.empty(episodes, 4).uniform_(-0.05, 0.05)
    up = torch.ones(episodes, dtype=torch.bool)
    played = []
    for _ in range(LONGEST):
        action = torch.distributions.Categorical(logits=net(state), validate_args=False).sample()
        played.append((state, action, up))
        state = move(state, action)
        up = up & is_up(state)
        if not up.any():
            break
    states, actions, ups = (torch.stack(parts) for parts in zip(*played, strict=True))
    return states, actions, ups


def surprise(
    net: Any, states: torch.Tensor, actions: torch.Tensor, up: torch.Tensor
) -> torch.Tensor:
    """As `cartpole.surprise`."""
    alive = up.float()
    returns = torch.zeros_like(alive)
    later = torch.zeros_like(alive[0])
    for at in reversed(range(len(alive))):
        later = alive[at] * (1 + DISCOUNT * later)
        returns[at] = later
    count = alive.sum(dim=1, keepdim=True).clamp(min=1)
    advantage = alive * (returns - (alive * returns).sum(dim=1, keepdim=True) / count)
    advantage = advantage / ((advantage.square().sum() / alive.sum()).sqrt() + 1e-6)
    lost = functional.cross_entropy(
        net(states).flatten(0, 1), actions.flatten(), reduction="none"
    ).view_as(alive)
    return (advantage * lost).sum() / alive.sum()


def theirs(steps: int, seed: int, ready: Ready) -> Course:
    torch.manual_seed(seed)
    start = twin(network(seed))
    optimizer = torch.optim.Adam(start.parameters(), RATE, fused=True)
    course = Course(lambda: play(net, TESTED)[2].sum(dim=0).double().mean().item())
    with course.timed():
        net = ready(start)
        for number in range(1, steps + 1):
            played = play(net, EPISODES)
            optimizer.zero_grad()
            surprise(net, *played).backward()
            optimizer.step()
            if number % EVERY == 0 or number == steps:
                course.look(number)
    return course


TASKS = (
    Task(
        name="cartpole",
        title="a pole on a cart, REINFORCE",
        measure="mean length",
        better="above",
        target=float(SOLVED),
        length=OPTIONS["steps"],
        unit="steps",
        quick=2,
        ours=ours,
        theirs=theirs,
        note="PyTorch stops playing when all poles have fallen; chainrule always plays 500 actions",
    ),
)
