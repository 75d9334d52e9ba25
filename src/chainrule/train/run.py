"""What a training run leaves behind, and the hooks by which others take part in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from chainrule.nn.module import Module
from chainrule.tensor import Tensor

__all__ = ["Callback", "Epoch", "Run"]


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One pass over the training data.

    Attributes:
        number: counted from 1.
        seconds: time taken, without validation.
        training: mean over the examples of the loss and each metric, as they were met: each batch
            was measured before the step that it caused.
        validation: loss and metrics on the validation data at the end of the epoch, or empty.
    """

    number: int
    seconds: float
    training: dict[str, float]
    validation: dict[str, float]


def _nothing(part: str) -> dict[str, Tensor]:
    return {}


@dataclasses.dataclass
class Run:
    """The record of one call of `train.fit`.

    Attributes:
        model: the network, trained in place.
        epochs: how many were asked for.
        steps_per_epoch: batches in an epoch.
        history: the epochs completed.
        steps: optimizer steps done.
        seconds: time from start to end.
        ended: "running", "finished" (all epochs done), "stopped" (by a callback), "interrupted"
            (from the keyboard) or "failed" (by an error, which goes on to the caller).
        reason: why a callback stopped the run, in which epoch it was interrupted, or the message of
            the error; else empty.
        part: gives the values after the last step by name, for `gradients` and `state`.
    """

    model: Module
    epochs: int
    steps_per_epoch: int
    history: list[Epoch] = dataclasses.field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0
    ended: Literal["running", "finished", "stopped", "interrupted", "failed"] = "running"
    reason: str = ""
    part: Callable[[str], Any] = dataclasses.field(default=_nothing, repr=False, compare=False)

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
        found: dict[str, Tensor] = self.part("gradients")
        return found

    @property
    def state(self) -> Any:
        """The state of the optimizer after the last step."""
        return self.part("state")

    def stop(self, reason: str) -> None:
        """End the run after the current step, or before the first one; for callbacks."""
        self.ended = "stopped"
        self.reason = reason

    def curve(self, name: str, validation: bool = False) -> list[float]:
        """One number an epoch: the loss (``"loss"``) or a metric, on training or validation data.

        Raises:
            KeyError: if nothing of this name was measured.
        """
        return [(e.validation if validation else e.training)[name] for e in self.history]


class Callback:
    """Takes part in a run; override what is needed. ``run.stop(reason)`` ends the run."""

    def started(self, run: Run) -> None:
        """Before the first step."""

    def stepped(self, run: Run, measured: dict[str, float]) -> None:
        """After each step, with the loss and metrics of its batch."""

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        """After each epoch and its validation."""

    def ended(self, run: Run) -> None:
        """After the last step, however the run ended (also by an error)."""
