"""A network that solves Burgers' equation: `chainrule train burgers`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from bench.tasks.loop import scheduled, with_weights_of
from bench.tasks.task import Course, Ready, Task, defaults
from chainrule import nn, optim, random
from chainrule.cli.train import burgers
from chainrule.cli.train.options import widths_of

OPTIONS = defaults(burgers.burgers)
POINTS, RATE, VISCOSITY = OPTIONS["batch_size"], OPTIONS["learning_rate"], OPTIONS["viscosity"]
WIDTHS = widths_of(OPTIONS["hidden"])
EVERY = 250


def network(seed: int) -> nn.MLP:
    """What both begin with."""
    return burgers.network(random.split(random.key(seed))[0], WIDTHS)


def relative_error(values: np.ndarray) -> float:
    """Of values at `burgers.grid`, against the exact solution, root mean square."""
    wanted = burgers.exact(*burgers.grid(), VISCOSITY)
    return float(np.linalg.norm(values - wanted) / np.linalg.norm(wanted))


def ours(steps: int, seed: int) -> Course:
    net: Any = network(seed)
    key = random.split(random.key(seed))[1]
    course = Course(lambda: relative_error(burgers.values(net, *burgers.grid())))
    with course.timed():
        optimizer = optim.adam(optim.cosine_decay(RATE, steps))
        state: Any = optimizer.init(net)
        step = burgers.make_step(optimizer, VISCOSITY, POINTS)
        for number in range(steps):
            net, state, loss = step(net, state, random.fold_in(key, number))
            loss.item()
            if (number + 1) % EVERY == 0 or number + 1 == steps:
                course.look(number + 1)
    return course


def twin(net: nn.MLP) -> torch.nn.Module:
    """The same network."""
    layers: list[torch.nn.Module] = []
    before = 2
    for width in WIDTHS:
        layers += [torch.nn.Linear(before, width), torch.nn.Tanh()]
        before = width
    return with_weights_of(net, torch.nn.Sequential(*layers, torch.nn.Linear(before, 1)))


def solution(net: Any, x: torch.Tensor, t: torch.Tensor) -> Any:
    """As `burgers.solution`."""
    found = net(torch.stack([x, t], dim=-1))[..., 0]
    return -torch.sin(math.pi * x) + t * (1 - x**2) * found


def residual(net: Any, x: torch.Tensor, t: torch.Tensor) -> Any:
    """As `burgers.residual`, by gradients of sums, as physics-informed networks are written."""
    u = solution(net, x, t)
    u_x, u_t = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
    (u_xx,) = torch.autograd.grad(u_x.sum(), x, create_graph=True)
    return u_t + u * u_x - VISCOSITY * u_xx


def theirs(steps: int, seed: int, ready: Ready) -> Course:
    torch.manual_seed(seed)
    start = twin(network(seed))
    optimizer = torch.optim.Adam(start.parameters(), RATE, fused=True)
    schedule = scheduled(optimizer, optim.cosine_decay(1.0), steps)
    places = [torch.tensor(part, dtype=torch.float32) for part in burgers.grid()]

    @torch.no_grad()
    def score() -> float:
        return relative_error(solution(net, *places).numpy())

    course = Course(score)
    with course.timed():
        net = ready(start)
        for number in range(1, steps + 1):
            x = torch.empty(POINTS).uniform_(-1, 1).requires_grad_()
            t = torch.rand(POINTS, requires_grad=True)
            optimizer.zero_grad()
            loss = residual(net, x, t).square().mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss.item()
            if number % EVERY == 0 or number == steps:
                course.look(number)
    return course


TASKS = (
    Task(
        name="burgers",
        title="Burgers' equation, network of derivatives up to the second",
        measure="relative error",
        better="below",
        target=0.02,
        length=OPTIONS["steps"],
        unit="steps",
        quick=10,
        ours=ours,
        theirs=theirs,
        note="torch.compile cannot differentiate twice through a network",
    ),
)
