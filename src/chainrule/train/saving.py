"""Models in files: arrays and their description, never pickle, written all or not at all.

A file has the safetensors format, with one array for each path of `Module.state_dict`, and a JSON
description and a checksum among its metadata.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from chainrule.core.errors import ArgumentError, TreeError
from chainrule.nn.module import Module
from chainrule.train.checkpoint import CHECKPOINT, MODEL
from chainrule.train.files import SavedModelError, read_described, write_described

__all__ = ["load", "read_metadata", "save"]

FORMAT = "chainrule-model"
KINDS = {FORMAT: {"architecture": str, "metadata": dict}} | CHECKPOINT

Network = TypeVar("Network", bound=Module)


def save(
    model: Module, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write all tensors of a model to a file; an older file there stays whole until the end.

    Args:
        model: the model.
        path: of the file, usually ending in ``.safetensors``.
        metadata: anything JSON can hold, read back by `read_metadata`.

    Returns:
        The path.

    Raises:
        TypeError: if JSON cannot hold the metadata.
        ArgumentError: if model and path are exchanged, or no such things.
        OSError: if the file cannot be written; then nothing has changed.
    """
    _check("save", model, path)
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    description = {"architecture": repr(model), "metadata": dict(metadata or {})}
    return write_described(path, FORMAT, arrays, description)


def load(model: Network, path: str | os.PathLike[str]) -> Network:
    """Give a model the tensors of a file; if anything does not fit, the model stays as it is.

    Args:
        model: of the same architecture as the one saved.
        path: a file written by `save`, or a checkpoint of `Checkpoints`.

    Returns:
        The model.

    Raises:
        SavedModelError: if the file is damaged, no model of chainrule, or the architecture
            differs; then every difference is listed.
        ArgumentError: if model and path are exchanged, or no such things.
        FileNotFoundError: if there is no such file.

    >>> import chainrule as cr, tempfile, os
    >>> model = cr.nn.Linear(2, 1, key=cr.random.key(0))
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> other = cr.nn.Linear(2, 1, key=cr.random.key(1))
    >>> _ = cr.train.load(other, cr.train.save(model, path))
    >>> bool((other.weight == model.weight).all())
    True
    """
    _check("load", model, path)
    kind, arrays, description = read_described(path, KINDS)
    if kind in CHECKPOINT:
        arrays = {
            name.removeprefix(MODEL): value
            for name, value in arrays.items()
            if name.startswith(MODEL)
        }
    own = model.state_dict()
    mistyped = [
        f"{name}: {array.dtype} in the file, {own[name].dtype} in the model"
        for name, array in arrays.items()
        if name in own and array.dtype != own[name].dtype
    ]
    if mistyped:
        listed = "\n  ".join(mistyped)
        raise SavedModelError(f"{path} holds other dtypes than the model:\n  {listed}")
    try:
        return model.load_state_dict(arrays)
    except TreeError as error:
        raise SavedModelError(
            f"{path} was saved from another architecture: {error}\nIt holds\n"
            f"{description['architecture']}"
        ) from None


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata given to `save`.

    Raises:
        SavedModelError: if the file is damaged or no model of chainrule.
    """
    return dict(read_described(path, KINDS).description["metadata"])


def _check(function: str, model: Any, path: Any) -> None:
    if not isinstance(model, Module) or not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(
            f"{function}(model, path) takes a module and then the path of its file, got "
            f"{_kind(model)} and {_kind(path)}"
        )


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
