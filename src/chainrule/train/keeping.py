"""The callback that writes checkpoints."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from chainrule.core.errors import ArgumentError, DomainError
from chainrule.train.checkpoint import (
    BEST,
    CheckpointWarning,
    checkpoints_in,
    name_of,
    steps_of,
    write_checkpoint,
)
from chainrule.train.fallback import warn_user
from chainrule.train.run import Callback, Epoch, Run, Snapshot

__all__ = ["Checkpoints"]


class Checkpoints(Callback):
    """Writes checkpoints, from which `fit` goes on with ``resume=True``.

    One is written after every epoch that is the best so far, where a callback stops the run or the
    keyboard interrupts it, and as often as is asked for. A file that cannot be written, on a full
    disk for example, is warned of once; the run goes on, the older ones stay, and the next one is
    tried.

    Args:
        folder: of the files, by default the folder ``checkpoints`` in that of the run.
        every_epochs, every_steps, every_seconds: how often; None for not at all.
        keep: so many are kept, the newest, and beside them that of the best epoch.

    Raises:
        DomainError: if a number is not above 0.

    >>> import chainrule as cr
    >>> cr.train.Checkpoints(every_steps=1000)
    Checkpoints(every_epochs=1, every_steps=1000, every_seconds=None, keep=3)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        every_seconds: float | None = None,
        keep: int = 3,
    ) -> None:
        numbers = (every_epochs, every_steps, every_seconds, keep)
        if any(number is not None and not number > 0 for number in numbers):
            raise DomainError(f"Checkpoints: all numbers are above 0, not {numbers}")
        self.folder = None if folder is None else Path(folder)
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self.keep = keep
        self._last = time.monotonic()
        self._written: int | None = None
        self._best: tuple[int, str] | None = None  # the best epoch that has a file, and the file
        self._files: dict[str, str | None] = {}  # of each checkpoint that of the best epoch then
        self._warned = False

    def __repr__(self) -> str:
        return (
            f"Checkpoints(every_epochs={self.every_epochs}, every_steps={self.every_steps}, "
            f"every_seconds={self.every_seconds}, keep={self.keep})"
        )

    def place(self, run_folder: Path | None) -> Path:
        """The folder of the files in a run with this folder.

        Raises:
            ArgumentError: if there is neither.
        """
        if self.folder is not None:
            return self.folder
        if run_folder is None:
            raise ArgumentError(
                'Checkpoints: say where to write, by Checkpoints("folder") or fit(folder="…")'
            )
        return run_folder / "checkpoints"

    def started(self, run: Run) -> None:
        self._last = time.monotonic()
        self._written = run.steps if run.checkpoint is not None else None
        folder = self.place(run.folder)
        if not run.steps or (run.checkpoint and not _same(run.checkpoint.parent, folder)):
            self._best, self._files = None, {}
        self._warned = False
        with suppress(OSError):  # whoever cannot remove files will hear it when one is written
            for part in folder.glob(".*.part"):  # what a killed run was writing
                part.unlink(missing_ok=True)

    def next_step(self, run: Run) -> int | None:
        if self.every_steps is None:
            return None
        return (run.steps // self.every_steps + 1) * self.every_steps

    def advanced(self, run: Run) -> None:
        due = self.every_steps is not None and run.steps % self.every_steps == 0
        if self.every_seconds is not None:
            due = due or time.monotonic() - self._last >= self.every_seconds
        if due or run.ended != "running":
            self._write(run)

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        if run.place.batch:  # a part of an epoch, whose checkpoint is written
            return
        best = run.best is not None and run.best.epoch.number == epoch.number
        due = self.every_epochs is not None and epoch.number % self.every_epochs == 0
        if best or due or run.ended != "running" or epoch.number == run.epochs:
            self._write(run, is_best=best)

    def ended(self, run: Run) -> None:
        if run.ended == "interrupted" and run.steps != self._written:
            self._write(run)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "files": self._files}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best = None if state["best"] is None else tuple(state["best"])
        self._files = dict(state["files"])

    def _write(self, run: Run, is_best: bool = False) -> None:
        began = time.perf_counter()
        folder = self.place(run.folder)
        try:
            run.checkpoint = self._written_to(folder, run, is_best)
        except OSError as error:
            if not self._warned:
                self._warned = True
                kept = f"the last one is {run.checkpoint}" if run.checkpoint else "so far without"
                warn_user(
                    f"the checkpoint after step {run.steps} could not be written ({error}); the "
                    f"run goes on and will try again, {kept}",
                    CheckpointWarning,
                )
        else:
            self._written, self._warned = run.steps, False
        self._last = time.monotonic()
        run.timings.checkpoints += time.perf_counter() - began

    def _written_to(self, folder: Path, run: Run, is_best: bool) -> Path:
        name, before = name_of(run.steps), (self._best, self._files)
        if is_best and run.best is not None:
            self._best = run.best.epoch.number, name
        best = None if run.best is None else self._file_of(folder, run.best.epoch.number, name)
        self._files = self._files | {name: best}
        try:
            arrays, description = run.snapshot()
            if best is not None:  # else the tensors stay in this one
                description["best"]["file"] = best
                arrays = {n: value for n, value in arrays.items() if not n.startswith(BEST)}
            path = write_checkpoint(folder, run.steps, Snapshot(arrays, description))
        except BaseException:
            self._best, self._files = before
            raise
        with suppress(OSError):  # they are pruned with the next one
            self._prune(folder, run.steps)
        return path

    def _file_of(self, folder: Path, epoch: int, name: str) -> str | None:
        """The file with the model after this epoch, if there is one or ``name`` is to become it."""
        if self._best is None or self._best[0] != epoch:
            return None
        file = self._best[1]
        return file if file == name or (folder / file).exists() else None

    def _prune(self, folder: Path, steps: int) -> None:
        # what is beyond these steps was left when the run went back to an older checkpoint: it may
        # be damaged, and must not push out what is written now
        found = [file for file in checkpoints_in(folder) if steps_of(file) <= steps]
        kept = [file.name for file in found[: self.keep]]
        needed = {*kept, *(self._files.get(file) for file in kept)}
        for old in found:
            if old.name not in needed:
                old.with_suffix(".json").unlink(missing_ok=True)
                old.unlink(missing_ok=True)
        self._files = {name: best for name, best in self._files.items() if name in needed}


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
