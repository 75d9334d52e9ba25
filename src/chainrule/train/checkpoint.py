"""Checkpoints: all that a run needs to go on as if it had not been interrupted, in one file.

A checkpoint is a safetensors file, written all or not at all, with a checksum over every byte. Its
arrays are the tensors of the model (``model/…``), the state of the optimizer (``optimizer/…``), the
gradient norms of the epoch that is under way, and the tensors after the best epoch (``best/…``)
unless they are in a file of their own; all else is JSON among its metadata. A copy of the JSON
stands beside it for people to read, with the last epoch for the history; nothing reads it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.errors import ArgumentError, TreeError
from chainrule.core.files import write_atomically
from chainrule.core.node import array
from chainrule.core.tree import flatten, paths
from chainrule.nn.module import Module
from chainrule.tensor import Tensor
from chainrule.train.fallback import warn_user
from chainrule.train.files import (
    DamagedFileError,
    SavedModelError,
    finite,
    read_described,
    write_described,
)
from chainrule.train.run import Snapshot

__all__ = [
    "BEST",
    "CHECKPOINT",
    "MODEL",
    "OPTIMIZER",
    "Checkpoint",
    "CheckpointError",
    "CheckpointWarning",
    "check_model",
    "check_settings",
    "checkpoints_in",
    "name_of",
    "newest",
    "read_checkpoint",
    "state_from",
    "state_into",
    "steps_of",
    "write_checkpoint",
]

CHECKPOINT = {
    "chainrule-checkpoint": {
        "architecture": str,
        "metadata": dict,
        "position": dict,
        "history": list,
        "callbacks": list,
        "settings": dict,
    }
}
MODEL, OPTIMIZER, BEST = "model/", "optimizer/", "best/"

_NAME = re.compile(r"step-(\d+)\.safetensors")


class CheckpointError(SavedModelError):
    """A checkpoint that is damaged, or of another run than the one that is to go on."""


class CheckpointWarning(UserWarning):
    """A checkpoint or a log could not be written, or not be read; the run goes on."""


class Checkpoint(NamedTuple):
    """What was in a file.

    Attributes:
        path: of the file.
        arrays, description: as in a `Snapshot`.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    description: dict[str, Any]

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names begin with ``prefix``, by the rest of their names."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.arrays.items()
            if name.startswith(prefix)
        }


def name_of(steps: int) -> str:
    """The name of the file after so many steps."""
    return f"step-{steps:09d}.safetensors"


def write_checkpoint(folder: Path, steps: int, snapshot: Snapshot) -> Path:
    """Write a snapshot as the checkpoint after so many steps.

    Raises:
        ArgumentError: if JSON cannot hold the state of a callback.
        OSError: if it cannot be written; what was there stays.
    """
    path = folder / name_of(steps)
    kind = next(iter(CHECKPOINT))
    try:
        write_described(path, kind, snapshot.arrays, snapshot.description)
    except TypeError:
        for name, state in snapshot.description["callbacks"]:
            _check_state(name, state)
        raise
    shown = snapshot.description | {"history": snapshot.description["history"][-1:]}
    text = json.dumps(finite(shown), indent=2, allow_nan=False).encode()
    with suppress(OSError):  # the checkpoint is there, and nothing reads its copy back
        write_atomically(path.with_suffix(".json"), lambda file: file.write(text))
    return path


def _check_state(name: str, state: Any) -> None:
    try:
        json.dumps(state)
    except TypeError as error:
        raise ArgumentError(
            f"{name}.state_dict() gives what JSON cannot hold ({error}); make it of numbers and "
            "strings, lists and dicts, such as float(x) or x.tolist() of arrays and tensors"
        ) from None


def steps_of(path: Path) -> int:
    """After how many steps a checkpoint of this name was written; -1 for another name."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else -1


def checkpoints_in(folder: Path) -> list[Path]:
    """The files of checkpoints by their steps, the newest first."""
    found = [path for path in folder.glob("*") if steps_of(path) >= 0]
    return sorted(found, key=steps_of, reverse=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """What is in a file.

    Raises:
        CheckpointError: if it is damaged; the checkpoint before it is named.
        SavedModelError: if it is none, or of another version.
        FileNotFoundError: if there is no such file.
    """
    try:
        _, arrays, description = read_described(path, CHECKPOINT)
    except DamagedFileError as error:
        older = [x for x in checkpoints_in(path.parent) if steps_of(x) < steps_of(path)]
        offer = (
            f'To go on from the one before it: resume="{older[0]}"' if older else "It is the first"
        )
        raise CheckpointError(f"{_first_line(error)}. {offer}") from None
    return Checkpoint(path, arrays, description)


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint in a folder that can be read, or None if there is none at all.

    Damaged ones get the ending ``.damaged``, so that they are not taken for good ones later.

    Warns:
        CheckpointWarning: about each that is damaged.

    Raises:
        CheckpointError: if there are checkpoints, but all are damaged.
        SavedModelError: if the newest is of another version of the format: it is not damaged, and
            stays what it is.
        OSError: if the newest cannot be read at all.
    """
    found = checkpoints_in(folder)
    for path in found:
        try:
            _, arrays, description = read_described(path, CHECKPOINT)
        except DamagedFileError as error:
            with suppress(OSError):  # where nothing can be written
                path.rename(path.with_name(f"{path.name}.damaged"))
            warn_user(f"{_first_line(error)}. Trying the one before it.", CheckpointWarning)
        else:
            return Checkpoint(path, arrays, description)
    if found:
        raise CheckpointError(
            f"all {len(found)} checkpoints in {folder} are damaged; start the run anew in another "
            "folder"
        )
    return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


# -- the state of an optimizer by path -------------------------------------------------------------


def state_into(state: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Put the tensors of a state among ``arrays``; returns the rest, words and numbers, by path.

    Raises:
        TreeError: if something in it is neither, or two things have one path.
    """
    words: dict[str, Any] = {}
    for path, leaf in paths(state):
        if f"{OPTIMIZER}{path}" in arrays or path in words:
            raise TreeError(f"the state of the optimizer has two values at {path}")
        if isinstance(leaf, Tensor):
            arrays[f"{OPTIMIZER}{path}"] = leaf.numpy()
        elif isinstance(leaf, (str, bool, int, float)):
            words[path] = leaf
        else:
            raise TreeError(
                f"the state of the optimizer has a {type(leaf).__name__} at {path}, which a "
                "checkpoint cannot hold; make it a tensor, a number or a string"
            )
    return words


def state_from(checkpoint: Checkpoint, like: Any, optimizer: str) -> Any:
    """The state of the optimizer in a checkpoint.

    Args:
        checkpoint: the checkpoint.
        like: a state of the same structure.
        optimizer: its name.

    Raises:
        CheckpointError: if it is that of another optimizer or another model; lists what differs.
    """
    saved: dict[str, Any] = dict(checkpoint.description["words"])
    saved |= checkpoint.part(OPTIMIZER)
    own = dict(paths(like))
    differences = _compared(saved, own)
    if differences:
        listed = "\n  ".join(differences)
        raise CheckpointError(
            f"{checkpoint.path}: the state is not that of {optimizer} for this model:\n  {listed}"
        )
    leaves = [
        Tensor(array(value)) if isinstance(value := saved[path], np.ndarray) else value
        for path in own
    ]
    return flatten(like)[1].build(leaves)


def _compared(saved: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """What differs between arrays in a file and tensors of the same paths, a line for each."""
    lines = [f"{path}: not in the file" for path in own if path not in saved]
    lines += [f"{path}: only in the file" for path in saved if path not in own]
    for path, value in own.items():
        if path in saved and _kind(saved[path]) != _kind(value):
            lines.append(f"{path}: {_kind(saved[path])} in the file, here {_kind(value)}")
    return sorted(lines)


def _kind(value: Any) -> str:
    if isinstance(value, (np.ndarray, Tensor)):
        return f"{value.dtype.name}{list(value.shape)}"
    return "a word" if isinstance(value, str) else "a number"


def check_model(checkpoint: Checkpoint, model: Module) -> None:
    """Raise unless the checkpoint holds the tensors of this model.

    Raises:
        CheckpointError: lists what differs.
    """
    differences = _compared(checkpoint.part(MODEL), model.state_dict())
    if differences:
        listed = "\n  ".join(differences)
        raise CheckpointError(
            f"{checkpoint.path} is of another architecture:\n  {listed}\nIt holds\n"
            f"{checkpoint.description['architecture']}"
        )


def _changed(saved: Mapping[str, Any], own: Mapping[str, Any], within: str = "") -> list[str]:
    """What differs between two nested mappings, a line for each innermost value."""
    lines = []
    for name in sorted(saved.keys() | own.keys()):
        then, now = saved.get(name), own.get(name)
        if isinstance(then, dict) and isinstance(now, dict):
            lines += _changed(then, now, f"{within}{name}, ")
        elif then != now:
            lines.append(f"{within}{name}: {then!r} then, {now!r} now")
    return lines


def check_settings(checkpoint: Checkpoint, own: Mapping[str, Any]) -> None:
    """Raise unless the run was started with these settings: others would give another run.

    Raises:
        CheckpointError: lists what differs.
    """
    saved = checkpoint.description["settings"]
    own = json.loads(json.dumps(own))  # as the file has them
    differences = _changed(saved, own)
    if differences:
        listed = "\n  ".join(differences)
        raise CheckpointError(
            f"{checkpoint.path} is of a run with other settings:\n  {listed}\nTo train on from its "
            "weights, train.load(model, path) and start a run in another folder."
        )
