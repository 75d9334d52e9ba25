"""Callbacks that end a run or slow it down."""

from __future__ import annotations

import math
import time
from typing import Any

from chainrule.core.errors import DomainError
from chainrule.data.checks import at_least
from chainrule.train.monitor import Mode, monitor_of
from chainrule.train.run import Callback, Epoch, Run

__all__ = ["EarlyStopping", "ReduceOnPlateau", "StepLimit", "TimeLimit"]


class EarlyStopping(Callback):
    """Ends a run when what is monitored has not become better for some epochs.

    Args:
        monitor: such as ``"validation accuracy"``; by default that of the run, which is the
            validation loss, or without validation data the loss. If given, it is that of the run.
        patience: so many epochs in a row that are no better end the run.
        min_delta: how much better an epoch has to be to count.
        mode: whether "min" or "max" is better, where the name does not tell.
        restore_best: whether the model gets the tensors of the best epoch in the end.

    Raises:
        DomainError: if ``patience`` is below 1 or ``min_delta`` is negative.

    >>> import chainrule as cr
    >>> cr.train.EarlyStopping(patience=3)
    EarlyStopping(patience=3)
    """

    def __init__(
        self,
        monitor: str | None = None,
        *,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Mode | None = None,
        restore_best: bool = True,
    ) -> None:
        if patience < 1 or not min_delta >= 0:
            raise DomainError(
                "EarlyStopping: patience is at least 1 and min_delta at least 0, not "
                f"{patience} and {min_delta}"
            )
        self.monitor = None if monitor is None else monitor_of(monitor, mode)
        self.patience = patience
        self.min_delta = min_delta
        self.restore_best = restore_best
        self._best: float | None = None
        self._waited = 0

    def __repr__(self) -> str:
        return f"EarlyStopping(patience={self.patience})"

    def started(self, run: Run) -> None:
        if run.steps == 0:
            self._best, self._waited = None, 0
        self._stop_if_due(run)

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        value = run.monitor.value(epoch)
        if run.monitor.is_better(value, self._best, self.min_delta):
            self._best, self._waited = value, 0
        else:
            self._waited += 1
            self._stop_if_due(run)

    def ended(self, run: Run) -> None:
        if self.restore_best and run.best is not None and run.ended != "failed":
            own = run.model.state_dict()
            for path, value in run.best.tensors.items():
                own[path].assign_(value)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best, self._waited = state["best"], state["waited"]

    def _stop_if_due(self, run: Run) -> None:
        if self._waited >= self.patience and run.ended == "running":
            kept = (
                f"; the model is that of epoch {run.best.epoch.number}"
                if self.restore_best and run.best is not None
                else ""
            )
            run.stop(
                f"no better {run.monitor.name} than {self._best:.4g} in {self._waited} epochs{kept}"
                if self._best is not None
                else f"no {run.monitor.name} that is a number in {self._waited} epochs"
            )


class ReduceOnPlateau(Callback):
    """Makes all further updates smaller when what is monitored has not become better for a while.

    The rules, and the names, are those of torch's ReduceLROnPlateau, for a factor on the updates
    that begins at 1. For the training loss of single steps there is `optim.reduce_on_plateau`.

    Args:
        monitor: as for `EarlyStopping`, but that of the run stays what it is.
        factor: by which updates are multiplied, above 0 and below 1.
        patience: so many epochs in a row may be no better.
        threshold: how much better counts, as a part of the best value.
        cooldown: for so many epochs after a reduction none counts as no better.
        min_scale: the product of all factors never gets below.
        mode: as for `EarlyStopping`.

    Raises:
        DomainError: for values out of range.

    >>> import chainrule as cr
    >>> cr.train.ReduceOnPlateau(factor=0.5, patience=2)
    ReduceOnPlateau(factor=0.5, patience=2)
    """

    rescales = True

    def __init__(
        self,
        monitor: str | None = None,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_scale: float = 0.0,
        mode: Mode | None = None,
    ) -> None:
        if not 0 < factor < 1:
            raise DomainError(f"ReduceOnPlateau: factor is above 0 and below 1, not {factor}")
        if min(patience, cooldown) < 0 or not (threshold >= 0 and 0 <= min_scale <= 1):
            raise DomainError(
                "ReduceOnPlateau: patience, cooldown and threshold are at least 0 and min_scale is "
                f"from 0 to 1, not {patience}, {cooldown}, {threshold} and {min_scale}"
            )
        self.own_monitor = None if monitor is None else monitor_of(monitor, mode)
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.cooldown = cooldown
        self.min_scale = min_scale
        self._best: float | None = None
        self._waited = self._cooling = 0
        self._scale = 1.0

    def __repr__(self) -> str:
        return f"ReduceOnPlateau(factor={self.factor}, patience={self.patience})"

    def started(self, run: Run) -> None:
        if run.steps == 0:
            self._best, self._waited, self._cooling, self._scale = None, 0, 0, 1.0

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        judge = self.own_monitor or run.monitor
        value = judge.value(epoch)
        margin = 0.0 if self._best is None else self.threshold * abs(self._best)
        if judge.is_better(value, self._best, margin):
            self._best, self._waited = value, 0
        else:
            self._waited += 1
        if self._cooling:
            self._cooling, self._waited = self._cooling - 1, 0
        if self._waited > self.patience and self._scale > self.min_scale:
            wanted = max(self._scale * self.factor, self.min_scale)
            self._scale = run.rescale(wanted / self._scale)
            self._waited, self._cooling = 0, self.cooldown

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self._best,
            "waited": self._waited,
            "cooling": self._cooling,
            "scale": self._scale,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best, self._waited = state["best"], state["waited"]
        self._cooling, self._scale = state["cooling"], state["scale"]


class StepLimit(Callback):
    """Ends a run after so many steps, those before it was resumed included.

    Raises:
        DomainError: if ``steps`` is below 1.
    """

    def __init__(self, steps: int) -> None:
        at_least("StepLimit", 1, steps=steps)
        self.steps = steps

    def started(self, run: Run) -> None:
        self.advanced(run)

    def next_step(self, run: Run) -> int | None:
        return self.steps

    def advanced(self, run: Run) -> None:
        if run.steps >= self.steps and run.ended == "running":
            run.stop(f"the limit of {self.steps:,} steps was reached")


class TimeLimit(Callback):
    """Ends a run after so many seconds; a run that is resumed has them again.

    It is looked at after each native call: of some hundredths of a second, or of one step.

    Raises:
        DomainError: if ``seconds`` is not above 0.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise DomainError(f"TimeLimit: seconds is above 0, not {seconds}")
        self.seconds = seconds
        self._until = math.inf

    def started(self, run: Run) -> None:
        self._until = time.monotonic() + self.seconds

    def advanced(self, run: Run) -> None:
        if time.monotonic() >= self._until and run.ended == "running":
            run.stop(f"the limit of {self.seconds:g} seconds was reached")
