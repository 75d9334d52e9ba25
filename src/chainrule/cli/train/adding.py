"""`chainrule train adding`: how gradients explode through time, and two ways to mend it.

Each sequence holds random numbers, two of which are marked; the answer is their sum. To find it, a
network has to carry the first across all steps in between.

S. Hochreiter, J. Schmidhuber 1997 (Neural Computation 9), section 5.4, with numbers from 0 to 1.
"""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import typer
from rich.console import Console

import chainrule as cr
from chainrule import nn, optim, random
from chainrule.cli import output
from chainrule.cli.train.options import BatchSize, Out, Plots, Seed, guarded
from chainrule.cli.train.pictures import draw, lines
from chainrule.tensor import Tensor

__all__ = [
    "CONTESTANTS",
    "EXAMPLE",
    "Adder",
    "Contestant",
    "adding",
    "learn",
    "make_step",
    "sequences",
]

EXAMPLE = "chainrule train adding --length 40 --steps 800"

GUESSING = 1 / 6
"""Mean squared error of the constant answer 1: the variance of the sum of two such numbers."""


def sequences(key: Tensor, count: int, length: int) -> tuple[Tensor, Tensor]:
    """Random sequences and their answers.

    Returns:
        Numbers and marks, shape (count, length, 2), one mark in each half; and the sums (count,).
    """
    numbers_key, marks_key = random.split(key)
    numbers = random.uniform(numbers_key, (count, length), dtype="float32")
    half = length // 2
    first = random.randint(marks_key, (count, 1), 0, half)
    second = random.randint(random.fold_in(marks_key, 1), (count, 1), half, length)
    place = cr.arange(length)
    marks = ((place == first) | (place == second)).astype("float32")
    return cr.stack([numbers, marks], axis=-1), (numbers * marks).sum(axis=1)


class Adder(nn.Module):
    """A recurrent network whose last output gives the sum.

    Args:
        kind: "rnn" with relu, which begins with the identity as recurrent weights (Q. V. Le,
            N. Jaitly, G. E. Hinton 2015, arXiv:1504.00941), so that numbers stay; or "lstm".
        hidden: width.
        key: of the initial weights.
    """

    def __init__(self, kind: Literal["rnn", "lstm"], hidden: int, key: Tensor) -> None:
        recurrent_key, head_key = random.split(key)
        self.recurrent: nn.RNN | nn.LSTM
        if kind == "lstm":
            self.recurrent = nn.LSTM(2, hidden, key=recurrent_key)
        else:
            self.recurrent = nn.RNN(2, hidden, nonlinearity="relu", key=recurrent_key)
            self.recurrent.cells[0][0].weight_hh.assign_(np.eye(hidden, dtype=np.float32))
        self.head = nn.Linear(hidden, 1, key=head_key)

    def __call__(self, x: Tensor) -> Tensor:
        outputs, _ = self.recurrent(x)
        answer: Tensor = self.head(outputs[:, -1])[:, 0]
        return answer


class Contestant(NamedTuple):
    """A network and how it is trained."""

    name: str
    kind: Literal["rnn", "lstm"]
    optimizer: optim.Optimizer


CONTESTANTS = (
    Contestant("RNN, gradient descent", "rnn", optim.sgd(0.01)),
    Contestant("RNN, Adam", "rnn", optim.adam(1e-3)),
    Contestant(
        "RNN, Adam, clipped",
        "rnn",
        optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-3)),
    ),
    Contestant("LSTM, Adam", "lstm", optim.adam(1e-2)),
)


def make_step(optimizer: optim.Optimizer, length: int, batch_size: int) -> Any:
    """The native step ``(network, state, key) -> (network, state, loss, norm)`` on new sequences,
    with the norm of the gradient."""

    def step(network: nn.Module, state: Any, key: Tensor) -> Any:
        inputs, sums = sequences(key, batch_size, length)

        def loss(network: nn.Module) -> Tensor:
            return nn.mse(network(inputs), sums)

        value, gradient = cr.value_and_grad(loss)(network)
        updates, state = optimizer.update(gradient, state, network)
        norm = optim.global_norm(gradient)
        return optim.apply_updates(network, updates), state, value, norm

    return cr.compile(step)


class Course(NamedTuple):
    """The loss and the norm of the gradient at each step; both end where they are not finite."""

    losses: list[float]
    norms: list[float]
    network: nn.Module
    interrupted: bool = False


def learn(
    contestant: Contestant, *, length: int, hidden: int, steps: int, batch_size: int, key: Tensor
) -> Course:
    """Train on new sequences in every step, each step one native call.

    An interrupt ends the course, and what was learned is kept.
    """
    network: nn.Module = Adder(contestant.kind, hidden, random.fold_in(key, 0))
    native = make_step(contestant.optimizer, length, batch_size)
    state = contestant.optimizer.init(network)
    course = Course([], [], network)
    interrupted = False
    try:
        for number in range(1, steps + 1):
            after, state, value, norm = native(network, state, random.fold_in(key, number))
            course.losses.append(value.item())
            course.norms.append(norm.item())
            if not math.isfinite(course.losses[-1]):
                break
            network = after
    except KeyboardInterrupt:
        interrupted = True
    return course._replace(network=network, interrupted=interrupted)


# -- the command -----------------------------------------------------------------------------------


def adding(
    length: Annotated[int, typer.Option(min=2, help="Numbers in a sequence.")] = 80,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps of each network.")] = 1500,
    batch_size: BatchSize = 64,
    hidden: Annotated[int, typer.Option(min=1, help="Width of the networks.")] = 32,
    seed: Seed = 0,
    out: Out = Path("runs/adding"),
    plots: Plots = True,
) -> None:
    """Add two marked numbers of a sequence, and see gradients explode.

    A plain recurrent network multiplies its gradient by the same matrix once for every time step,
    so that it grows or fades like a power. Trained as it is, it explodes or learns nothing; with
    clipped gradients it learns; an LSTM, whose cell adds instead of multiplying, needs no clipping.
    """
    with guarded(out):
        _adding(output.console(), length, steps, batch_size, hidden, seed, out, plots)


def _adding(
    console: Console,
    length: int,
    steps: int,
    batch_size: int,
    hidden: int,
    seed: int,
    out: Path,
    plots: bool,
) -> None:
    console.print(
        f"[bold]task[/]      the sum of two marked numbers among {length}, each from 0 to 1\n"
        f"[bold]networks[/]  {hidden} units, {steps:,} steps of {batch_size} new sequences, "
        f"seed {seed}\n"
        f"[bold]guessing[/]  always 1 has a mean squared error of {GUESSING:.4f}\n"
    )
    table = output.table(
        console, "network", "error", "largest ‖∂L/∂θ‖", "median ‖∂L/∂θ‖", "steps", ""
    )
    courses: dict[str, Course] = {}
    for contestant in CONTESTANTS:
        start = time.perf_counter()
        course = learn(
            contestant,
            length=length,
            hidden=hidden,
            steps=steps,
            batch_size=batch_size,
            key=random.key(seed),
        )
        if course.losses:
            courses[contestant.name] = course
            table.add_row(contestant.name, *_result(course))
        if course.interrupted:
            done = len(course.losses)
            console.print(
                f"[yellow]interrupted after {done:,} steps of {contestant.name}; what was learned "
                "is shown[/]"
            )
            break
        console.print(f"trained    {contestant.name}, {time.perf_counter() - start:.1f} s")
    console.print()
    console.print(table)
    if plots and courses:
        draw(
            console,
            partial(
                _curves,
                out / "loss.png",
                {name: course.losses for name, course in courses.items()},
                "mean squared error (mean of 25 steps)",
                (GUESSING, "guessing"),
            ),
            partial(
                _curves,
                out / "gradients.png",
                {name: course.norms for name, course in courses.items()},
                "norm of the gradient (mean of 25 steps)",
                None,
            ),
        )
    if course.interrupted:
        raise typer.Exit(130)


def _result(course: Course) -> tuple[str, ...]:
    """A row of the table: the mean loss of the last tenth of the steps, the largest and the median
    norm, the steps, and what to think of it."""
    steps = len(course.losses)
    finite = [norm for norm in course.norms if math.isfinite(norm)] or [math.inf]
    norms = f"{max(finite):.2e}", f"{np.median(finite):.2e}", f"{steps:,}"
    if not math.isfinite(course.losses[-1]):
        return "–", *norms, f"exploded in step {steps}"
    error = float(np.mean(course.losses[-max(1, steps // 10) :]))
    if error < GUESSING / 3:
        verdict = "learned"
    else:
        verdict = "better than guessing" if error < 0.9 * GUESSING else "no better than guessing"
    return f"{error:.4f}", *norms, verdict


def _curves(
    path: Path, courses: dict[str, list[float]], y: str, level: tuple[float, str] | None
) -> Path:
    smooth = {
        name: (np.arange(0, len(values), 25) + 1, _means(values))
        for name, values in courses.items()
    }
    title = "Two marked numbers are to be added"
    return lines(path, smooth, title=title, x="optimizer steps", y=y, logarithmic=True, level=level)


def _means(values: list[float]) -> list[float]:
    finite = [value if math.isfinite(value) else np.nan for value in values]
    return [float(np.mean(finite[at : at + 25])) for at in range(0, len(values), 25)]
