"""An LSTM that adds two marked numbers of a sequence: `chainrule train adding`."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from bench.tasks.loop import with_weights_of
from bench.tasks.task import Course, Ready, Task, defaults
from chainrule import nn, random, train
from chainrule.cli.train import adding

OPTIONS = defaults(adding.adding)
LENGTH, BATCH, HIDDEN = OPTIONS["length"], OPTIONS["batch_size"], OPTIONS["hidden"]
LSTM = adding.CONTESTANTS[-1]
RATE = 1e-2
EVERY = 50
HELD_OUT = 1000


def network(seed: int) -> Any:
    """What both begin with."""
    return adding.Adder(LSTM.kind, HIDDEN, random.fold_in(random.key(seed), 0))


def held_out(seed: int) -> Any:
    """Sequences that were never learned from."""
    return adding.sequences(random.fold_in(random.key(seed), -1), HELD_OUT, LENGTH)


def ours(steps: int, seed: int) -> Course:
    model, key = network(seed), random.key(seed)
    evaluation = train.evaluation.Evaluation(model, nn.mse, held_out(seed), {})

    def score() -> float:
        model.load_state_dict(now.state_dict())
        return evaluation(native=True)["loss"]

    course = Course(score)
    with course.timed():
        now, state = model.replace(model.parameters()), LSTM.optimizer.init(model)
        step = adding.make_step(LSTM.optimizer, LENGTH, BATCH)
        for number in range(1, steps + 1):
            now, state, loss, _ = step(now, state, random.fold_in(key, number))
            loss.item()
            if number % EVERY == 0 or number == steps:
                course.look(number)
    return course


class Adder(torch.nn.Module):
    """As `adding.Adder` with an LSTM."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.recurrent = torch.nn.LSTM(2, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.recurrent(x)[0][:, -1])[:, 0]


def sequences(count: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """As `adding.sequences`."""
    numbers = torch.rand(count, length)
    half = length // 2
    place = torch.arange(length)
    first = torch.randint(0, half, (count, 1))
    second = torch.randint(half, length, (count, 1))
    marks = ((place == first) | (place == second)).float()
    return torch.stack([numbers, marks], dim=-1), (numbers * marks).sum(dim=1)


def theirs(steps: int, seed: int, ready: Ready) -> Course:
    torch.manual_seed(seed)
    start = with_weights_of(network(seed), Adder(HIDDEN))
    optimizer = torch.optim.Adam(start.parameters(), RATE, fused=True)
    inputs, sums = (torch.tensor(values.numpy()) for values in held_out(seed))

    @torch.no_grad()
    def score() -> float:
        return functional.mse_loss(model(inputs), sums).item()

    course = Course(score)
    with course.timed():
        model = ready(start)
        for number in range(1, steps + 1):
            x, y = sequences(BATCH, LENGTH)
            optimizer.zero_grad()
            loss = functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()
            if number % EVERY == 0 or number == steps:
                course.look(number)
    return course


TASKS = (
    Task(
        name="adding",
        title=f"sum of two marked numbers among {LENGTH}, LSTM",
        measure="mean squared error",
        better="below",
        target=0.03,
        length=OPTIONS["steps"],
        unit="steps",
        quick=10,
        ours=ours,
        theirs=theirs,
        note="both draw new sequences in every step, each with its own generator",
    ),
)
