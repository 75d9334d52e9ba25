"""The plain loop in PyTorch, as people write it, and `train.fit` beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from bench.native import THREADS
from bench.tasks.task import Course, Ready, Task
from chainrule import data, nn, optim, train

Batch = tuple[torch.Tensor, torch.Tensor]


def prepare() -> None:
    """Settings of PyTorch for this process."""
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)  # else weights that come to rest make steps many times slower


# -- chainrule -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fitted:
    """What `train.fit` is given.

    Attributes:
        model, loss, source, optimizer, schedule: as for `train.fit`.
        held_out: inputs and targets of the score.
        metric: the score, or None for the loss.
    """

    model: nn.Module
    loss: Callable[..., Any]
    source: data.Loader | data.Stream
    optimizer: optim.Optimizer
    held_out: tuple[Any, Any]
    schedule: optim.Schedule | None = None
    metric: Callable[..., Any] | None = None

    def train(self, epochs: int, callbacks: Sequence[train.Callback] = ()) -> Course:
        """Train, with a look after every epoch."""
        metrics = {} if self.metric is None else {"score": self.metric}
        evaluation = train.evaluation.Evaluation(self.model, self.loss, self.held_out, metrics)
        name = "loss" if self.metric is None else "score"
        course = Course(lambda: evaluation(native=True)[name])
        with course.timed():
            train.fit(
                self.model,
                self.loss,
                self.source,
                optimizer=self.optimizer,
                schedule=self.schedule,
                epochs=epochs,
                callbacks=[_Look(course), *callbacks],
                progress=False,
            )
        return course


class _Look(train.Callback):
    def __init__(self, course: Course) -> None:
        self._course = course

    def epoch_ended(self, run: train.Run, epoch: train.Epoch) -> None:
        self._course.look(run.steps)


# -- PyTorch ---------------------------------------------------------------------------------------


@dataclass
class Twin:
    """The same in PyTorch.

    Attributes:
        model: with our initial weights.
        loss: ``loss(model(inputs), targets)``.
        optimizer: one that is fused, which is as quick as a plain loop gets.
        batches: gives those of an epoch, counted from 1.
        score: of a model, which is in evaluation mode.
        schedule: of the learning rate, a step of it after each of the optimizer.
        max_norm: to which gradients are clipped.
        losses: of the steps.
    """

    model: Any
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    optimizer: torch.optim.Optimizer
    batches: Callable[[int], Iterator[Batch]]
    score: Callable[[Any], float]
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None
    max_norm: float | None = None
    losses: list[float] = field(default_factory=list)

    def train(self, epochs: int, ready: Ready) -> Course:
        """Train, with a look after every epoch."""
        course = Course(lambda: self._scored(model))
        with course.timed():
            model = ready(self.model)
            for epoch in range(1, epochs + 1):
                model.train()
                for inputs, targets in self.batches(epoch):
                    self.optimizer.zero_grad()
                    loss = self.loss(model(inputs), targets)
                    loss.backward()
                    if self.max_norm is not None:
                        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
                    self.optimizer.step()
                    if self.schedule is not None:
                        self.schedule.step()
                    self.losses.append(loss.item())
                course.look(len(self.losses))
        return course

    @torch.no_grad()
    def _scored(self, model: Any) -> float:
        model.eval()
        return self.score(model)


def with_weights_of(ours: nn.Module, theirs: torch.nn.Module) -> torch.nn.Module:
    """The PyTorch module, with our values in its parameters, which come in the same order.

    Raises:
        ValueError: if they differ in number or shape.
    """
    with torch.no_grad():
        for own, other in zip(ours.parameters().values(), theirs.parameters(), strict=True):
            if own.shape != tuple(other.shape):
                raise ValueError(f"a parameter of shape {own.shape} meets {tuple(other.shape)}")
            other.copy_(torch.tensor(own.numpy()))
    return theirs


def scheduled(
    optimizer: torch.optim.Optimizer, schedule: optim.Schedule, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Our factors on the learning rate, which are known before the clock starts."""
    fitted = schedule.over(steps)
    factors = [float(fitted(step)) for step in range(steps + 1)]
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factors[step])


def fitted_task(
    make: Callable[[int, int], Fitted], twin: Callable[[Fitted, int], Twin], **described: Any
) -> Task:
    """A task of `train.fit` and its twin.

    Args:
        make: for so many epochs, from a seed.
        twin: of this, for so many epochs.
        described: the further attributes of the task.
    """
    return Task(
        ours=lambda length, seed: make(length, seed).train(length),
        theirs=lambda length, seed, ready: twin(make(length, seed), length).train(length, ready),
        unit="epochs",
        **described,
    )
