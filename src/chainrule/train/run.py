"""What a training run leaves behind, and the hooks by which others take part in it."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.core.files import write_atomically
from chainrule.nn.module import Module
from chainrule.tensor import Tensor, tensor
from chainrule.train.monitor import Monitor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Best",
    "Callback",
    "Epoch",
    "GradientNorms",
    "Place",
    "Run",
    "Snapshot",
    "Timings",
    "row_of",
]


@dataclasses.dataclass(frozen=True)
class GradientNorms:
    """The norms ‖g‖ of the gradients of an epoch, over all parameters together, before clipping.

    Attributes:
        median, largest: of the steps.
        clipped: the share of steps whose gradient was clipped, where the optimizer begins with
            `optim.clip_by_global_norm`; else None.
    """

    median: float
    largest: float
    clipped: float | None = None


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One pass over the training data.

    Attributes:
        number: counted from 1.
        seconds: time taken, without validation.
        training: mean over the examples of the loss and each metric, as they were met: each batch
            was measured before the step that it caused. A penalty is listed beside the loss, and is
            no part of it.
        validation: loss and metrics on the validation data at the end of the epoch, or empty.
        factor: by which updates were multiplied in the last step: the value of the schedule of
            `fit`, times what `ReduceOnPlateau` has come to.
        gradients: how large they were.
    """

    number: int
    seconds: float
    training: dict[str, float]
    validation: dict[str, float]
    factor: float = 1.0
    gradients: GradientNorms | None = None


@dataclasses.dataclass(frozen=True)
class Best:
    """The best epoch of a run.

    Attributes:
        epoch: the epoch.
        value: of what is monitored.
        tensors: of the model after it, by path.
    """

    epoch: Epoch
    value: float
    tensors: dict[str, Tensor] = dataclasses.field(repr=False)


@dataclasses.dataclass
class Timings:
    """Seconds in which a run did one thing or the other; with a thread for the data some overlap.

    Attributes:
        steps: in training steps.
        data: waiting for batches.
        compile: making native programs.
        validation: measuring on validation data.
        checkpoints: writing files.
    """

    steps: float = 0.0
    data: float = 0.0
    compile: float = 0.0
    validation: float = 0.0
    checkpoints: float = 0.0


class Place(NamedTuple):
    """Where a run is: in an epoch, counted from 1, after so many of its batches."""

    epoch: int
    batch: int


class Snapshot(NamedTuple):
    """All that a run needs to go on later: arrays by name, and what JSON can hold."""

    arrays: dict[str, np.ndarray]
    description: dict[str, Any]


LOSS = Monitor("loss", "min")


class Inside(Protocol):
    """What a run asks of those who do the work."""

    @property
    def place(self) -> Place: ...

    def part(self, name: str) -> Any: ...

    def snapshot(self) -> Snapshot: ...

    def rescale(self, factor: float) -> float: ...


@dataclasses.dataclass
class Run:
    """The record of one call of `train.fit`.

    Attributes:
        model: the network, trained in place.
        epochs: how many were asked for.
        steps_per_epoch: batches in an epoch, or None where the data do not say.
        history: the epochs completed, those before a resumed run as well.
        steps: optimizer steps done, likewise.
        seconds: time from start to end.
        ended: "running", "finished" (all epochs done), "stopped" (by a callback), "interrupted"
            (from the keyboard) or "failed" (by an error, which goes on to the caller).
        reason: why a callback stopped the run, in which epoch it was interrupted, or the message of
            the error; else empty.
        best: the best epoch by ``monitor``, or None before the first.
        monitor: tells what is best.
        timings: where the time went.
        folder: where the run writes, or None.
        checkpoint: the last one written, or from which the run went on, or None.
        resumed_at: the steps done when this process took the run over; 0 for a new run.
        config: what the run was started with, as words for a log.
    """

    model: Module
    epochs: int
    steps_per_epoch: int | None
    history: list[Epoch] = dataclasses.field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0
    ended: Literal["running", "finished", "stopped", "interrupted", "failed"] = "running"
    reason: str = ""
    best: Best | None = None
    monitor: Monitor = LOSS
    timings: Timings = dataclasses.field(default_factory=Timings)
    folder: Path | None = None
    checkpoint: Path | None = None
    resumed_at: int = 0
    config: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    inside: Inside | None = dataclasses.field(default=None, repr=False, compare=False)
    last: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        text = f"{self.ended}, {len(self.history)} of {self.epochs} epochs, {self.steps} steps"
        if self.history:
            last = self.history[-1]
            text += f", loss {last.training['loss']:.4g}"
            if last.validation:
                text += f", validation loss {last.validation['loss']:.4g}"
        return f"Run({type(self.model).__name__}: {text})"

    @property
    def gradients(self) -> dict[str, Tensor]:
        """The gradient of the last step, by parameter path; empty before the first one."""
        found: dict[str, Tensor] = self._part("gradients")
        return found

    @property
    def state(self) -> Any:
        """The state of the optimizer after the last step. With a schedule, or `ReduceOnPlateau`, it
        is a tuple, whose first item is that of the optimizer given to `fit`."""
        return self._part("state")

    @property
    def place(self) -> Place:
        """Where the run is: after the last batch of an epoch at the beginning of the next one."""
        return Place(1, 0) if self.inside is None else self.inside.place

    @property
    def steps_per_second(self) -> float:
        """Steps of this process by the time that they took, waiting for data included."""
        spent = self.timings.steps + self.timings.data
        return (self.steps - self.resumed_at) / spent if spent else 0.0

    def stop(self, reason: str) -> None:
        """End the run after the current step, or before the first one; for callbacks."""
        self.ended = "stopped"
        self.reason = reason

    def rescale(self, factor: float) -> float:
        """Multiply all further updates by one more factor, for callbacks after an epoch.

        Returns:
            The product of all factors so far.

        Raises:
            DomainError: if the run has not begun, or no callback said by `Callback.rescales` that
                it would do so.
        """
        if self.inside is None:
            raise DomainError("rescale: the run does not go on")
        return self.inside.rescale(factor)

    def snapshot(self) -> Snapshot:
        """All that the run needs to go on from here, in this process or another one.

        Raises:
            DomainError: if the run has ended.
        """
        if self.inside is None:
            raise DomainError("snapshot: the run does not go on")
        return self.inside.snapshot()

    def curve(self, name: str, validation: bool = False) -> list[float]:
        """One number an epoch: the loss (``"loss"``) or a metric, on training or validation data.

        Raises:
            KeyError: if nothing of this name was measured.
        """
        return [(e.validation if validation else e.training)[name] for e in self.history]

    def best_model(self) -> Module:
        """A copy of the model as it was after the best epoch, in the mode for use.

        Raises:
            DomainError: if no epoch was completed.
        """
        if self.best is None:
            raise DomainError("best_model: the run has no completed epoch")
        trained = self.model.parameters()
        tensors = {
            path: tensor(value.numpy().copy(), requires_grad=path in trained)
            for path, value in self.best.tensors.items()
        }
        return self.model.replace(tensors).eval()

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure | Path:
        """Draw loss and metrics over the epochs: a figure, which notebooks show, or a PNG file.

        Raises:
            MissingExtraError: without matplotlib.
            DomainError: if no epoch was completed.
        """
        from chainrule.train.plots import draw_curves, plot_curves

        return draw_curves(self) if path is None else plot_curves(self, path)

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the history as a table, an epoch a row.

        Raises:
            OSError: if the file cannot be written; then nothing has changed.
        """
        rows = [row_of(epoch) for epoch in self.history]
        text = io.StringIO()
        if rows:
            table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
        return write_atomically(path, lambda file: file.write(text.getvalue().encode()))

    def _part(self, name: str) -> Any:
        return self.last.get(name, {}) if self.inside is None else self.inside.part(name)


def row_of(epoch: Epoch) -> dict[str, Any]:
    """An epoch as one row of a table."""
    norms = epoch.gradients or GradientNorms(np.nan, np.nan)
    row = {"epoch": epoch.number, "seconds": epoch.seconds, **epoch.training}
    row |= {f"validation {name}": value for name, value in epoch.validation.items()}
    row |= {
        "factor": epoch.factor,
        "gradient norm": norms.median,
        "largest gradient norm": norms.largest,
    }
    return row if norms.clipped is None else row | {"clipped": norms.clipped}


class Callback:
    """Takes part in a run; override what is needed. ``run.stop(reason)`` ends the run.

    Steps are taken many in one native call. `stepped` is told of each of them, after the call;
    who can do with less overrides `advanced`.

    Attributes:
        rescales: whether it calls `Run.rescale`; the step is then compiled with such a factor.
    """

    rescales: bool = False

    def started(self, run: Run) -> None:
        """Before the first step, of this process if the run is resumed."""

    def stepped(self, run: Run, measured: dict[str, float]) -> None:
        """After each step, with the loss and metrics of its batch."""

    def advanced(self, run: Run) -> None:
        """After each native call, of one or many steps."""

    def next_step(self, run: Run) -> int | None:
        """The number of steps after which `advanced` is to be called at the latest, for example
        ``run.steps + 10``; None if it does not matter."""
        return None

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        """After each epoch and its validation."""

    def ended(self, run: Run) -> None:
        """After the last step, however the run ended (also by an error)."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know, of the kinds that JSON can hold."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, before `started`."""
