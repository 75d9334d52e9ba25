"""Progress: a bar on a terminal or in a notebook, in the end one line; else one line an epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from chainrule.train.run import Callback, Epoch, Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["ProgressBar"]

PAUSE = 0.05
"""Seconds between two updates of the bar: short steps would wait for it, and nobody can tell."""


class ProgressBar(Callback):
    """Shows loss and metrics while a run goes on.

    Args:
        console: where to write; by default the standard output.
        held_out: what the validation data are called.
    """

    def __init__(self, console: Console | None = None, held_out: str = "validation") -> None:
        self.console = console
        self.held_out = held_out
        self._bar: Progress | None = None
        self._validation = ""
        self._shown = 0.0

    def started(self, run: Run) -> None:
        # rich takes its time to import, and only those who train need it
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self.console = self.console or Console()
        self._validation = ""
        # in a notebook a bar is a widget; without these it is a line an epoch, as in a file
        widgets = self.console.is_jupyter and find_spec("ipywidgets") is not None
        if not (self.console.is_terminal or widgets):
            return
        room = len(_epoch(run, run.epochs))
        self._bar = Progress(
            # on a narrow terminal the measured is cut off, and not the number of the epoch
            TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=room)),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[measured]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
        )
        each = run.steps_per_epoch
        self._bar.add_task(
            _epoch(run, run.place.epoch),
            total=None if each is None else run.epochs * each,
            completed=run.steps,
            measured="",
        )
        self._bar.start()

    def stepped(self, run: Run, measured: dict[str, float]) -> None:
        now = time.perf_counter()
        last = run.place.batch == run.steps_per_epoch
        if self._bar is None or (now - self._shown < PAUSE and not last):
            return
        self._shown = now
        self._bar.update(
            self._bar.task_ids[0],
            completed=run.steps,
            description=_epoch(run, run.place.epoch),
            measured=_measured(measured) + self._validation,
        )

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        if self._bar is None:
            self._print(run, epoch)
            return
        # beside the bar there is little room: a metric says more than the loss
        held_out = {k: v for k, v in epoch.validation.items() if k != "loss"} or epoch.validation
        self._validation = self._of_held_out(held_out)

    def ended(self, run: Run) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            if run.history:  # the bar showed the last batch, this is the whole epoch
                self._print(run, run.history[-1])
        if run.ended in ("interrupted", "stopped"):
            self._line(run.reason if run.ended == "interrupted" else f"stopped: {run.reason}")

    def _print(self, run: Run, epoch: Epoch) -> None:
        line = f"{_epoch(run, epoch.number)}  {_measured(epoch.training)}"
        self._line(f"{line}{self._of_held_out(epoch.validation)}  {epoch.seconds:.2f} s")

    def _line(self, text: str) -> None:
        if self.console is not None:  # names of metrics are anything, and no markup
            self.console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def _of_held_out(self, measured: Mapping[str, float]) -> str:
        return f"  {self.held_out} {_measured(measured)}" if measured else ""


def _epoch(run: Run, number: int) -> str:
    return f"epoch {number:{len(str(run.epochs))}}/{run.epochs}"


def _measured(values: Mapping[str, float]) -> str:
    return "  ".join(
        f"{name} {value:.4f}" if name == "loss" else f"{name} {value:.3f}"
        for name, value in values.items()
    )
