"""What a run writes about itself: JSON lines, a table, event files for TensorBoard."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.core.errors import ArgumentError, MissingExtraError
from chainrule.train.checkpoint import CheckpointWarning
from chainrule.train.fallback import warn_user
from chainrule.train.files import finite
from chainrule.train.run import Callback, Epoch, Run, row_of

__all__ = ["CSVLog", "RunLog", "TensorBoard"]


class RunLog(Callback):
    """Appends one JSON object a line: for the start (or ``"resume"``), each epoch, and the end.

    Each line is handed to the system before the run goes on, so that a run that is killed leaves
    all of its lines. Epochs after the last checkpoint of such a run come once more when it is
    resumed. Numbers that are not finite are null. Lines that cannot be written, on a full disk for
    example, are kept and tried again with the next one, after a warning.

    Args:
        path: of the file, by default ``log.jsonl`` in the folder of the run.

    >>> import chainrule as cr, json, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "log.jsonl")
    >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0))
    >>> run = cr.train.fit(
    ...     model, cr.nn.mse, ([[1.0], [2.0]], [[2.0], [4.0]]), optimizer=cr.optim.sgd(0.1),
    ...     epochs=2, callbacks=[cr.train.RunLog(path)], progress=False,
    ... )
    >>> [json.loads(line)["event"] for line in path.read_text().splitlines()]
    ['start', 'epoch', 'epoch', 'end']
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._file: Path | None = None
        self._waiting: list[str] = []
        self._warned = False

    def started(self, run: Run) -> None:
        self._file = None
        self._file = _place(self.path, run, "log.jsonl")
        self._waiting, self._warned = [], False
        versions = {"chainrule": __version__, "numpy": np.__version__}
        versions["python"] = platform.python_version()
        if run.checkpoint is None:
            self._write("start", versions=versions, config=run.config)
        else:
            said = {"checkpoint": str(run.checkpoint), "steps": run.steps}
            self._write("resume", **said, versions=versions, config=run.config)

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        self._write("epoch", steps=run.steps, **row_of(epoch))

    def ended(self, run: Run) -> None:
        best = None if run.best is None else {"epoch": run.best.epoch.number}
        if best is not None and run.best is not None:
            best[run.monitor.name] = run.best.value  # type: ignore[assignment]
        self._write(
            "end",
            ended=run.ended,
            reason=run.reason,
            steps=run.steps,
            best=best,
            timings=vars(run.timings),
            steps_per_second=run.steps_per_second,
        )

    def _write(self, event: str, **content: Any) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        line = json.dumps(finite({"event": event, "time": now, **content}), allow_nan=False)
        self._waiting.append(line)
        if self._file is None:  # the run failed before it started
            return
        try:
            _append(self._file, self._waiting)
        except OSError as error:
            if not self._warned:
                self._warned = True
                warn_user(
                    f"{self._file} could not be written ({error}); the run goes on, and the lines "
                    "are tried again with the next one",
                    CheckpointWarning,
                )
        else:
            self._waiting, self._warned = [], False


class CSVLog(Callback):
    """Keeps a table of the history, an epoch a row, in a file that is whole at any moment.

    Args:
        path: of the file, by default ``history.csv`` in the folder of the run.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._warned = False

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        path = _place(self.path, run, "history.csv")
        try:
            run.to_csv(path)
        except OSError as error:
            if not self._warned:
                self._warned = True
                warn_user(
                    f"{path} could not be written ({error}); the run goes on and will try again",
                    CheckpointWarning,
                )
        else:
            self._warned = False


class TensorBoard(Callback):
    """Writes loss, metrics, factor and gradient norms of each epoch as events for TensorBoard.

    Args:
        folder: of the event files, by default ``tensorboard`` in the folder of the run.

    Raises (when a run starts):
        MissingExtraError: without tensorboardX, from the extra [interchange].
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._writer: Any = None

    def started(self, run: Run) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboardX", "interchange") from None
        # what a killed run wrote after its last checkpoint comes again
        again = run.steps + 1 if run.steps else None
        self._writer = SummaryWriter(
            str(_place(self.folder, run, "tensorboard")), purge_step=again, write_to_disk=True
        )

    def epoch_ended(self, run: Run, epoch: Epoch) -> None:
        for name, value in epoch.training.items():
            self._writer.add_scalar(f"training/{name}", value, run.steps)
        for name, value in epoch.validation.items():
            self._writer.add_scalar(f"validation/{name}", value, run.steps)
        self._writer.add_scalar("factor", epoch.factor, run.steps)
        if epoch.gradients is not None:
            self._writer.add_scalar("gradient_norm/median", epoch.gradients.median, run.steps)
            self._writer.add_scalar("gradient_norm/largest", epoch.gradients.largest, run.steps)
        self._writer.flush()

    def ended(self, run: Run) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _place(path: Path | None, run: Run, name: str) -> Path:
    if path is not None:
        return path
    if run.folder is None:
        raise ArgumentError(f'say where to write {name}: give its path, or fit(folder="…")')
    return run.folder / name


def _append(path: Path, lines: list[str]) -> None:
    """Append whole lines; of a line that was cut off by the end of its process nothing stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        whole = file.seek(0, os.SEEK_END)
        try:
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
        except OSError:
            with suppress(OSError):  # else some of the lines would come twice
                os.truncate(path, whole)
            raise
