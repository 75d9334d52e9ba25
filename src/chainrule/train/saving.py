"""Models in files: arrays and their description, never pickle, written all or not at all.

A file is a NumPy ``.npz`` archive with one array for each path of `Module.state_dict`, and a JSON
description; the archive keeps a checksum of each.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from chainrule._version import __version__
from chainrule.core.errors import ArgumentError, ChainRuleError, TreeError
from chainrule.nn.module import Module

__all__ = ["SavedModelError", "load", "read_metadata", "save", "write_atomically"]

FORMAT = "chainrule-model"
VERSION = 1
_DESCRIPTION = "__description__"

Network = TypeVar("Network", bound=Module)


class SavedModelError(ChainRuleError, ValueError):
    """A file that holds no model, a damaged one, or one of another architecture."""


def save(
    model: Module, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write all tensors of a model to a file; an older file there stays whole until the end.

    Args:
        model: the model.
        path: of the file, usually ending in ``.npz``.
        metadata: anything JSON can hold, read back by `read_metadata`.

    Returns:
        The path.

    Raises:
        TypeError: if JSON cannot hold the metadata.
        ArgumentError: if model and path are exchanged, or no such things.
        OSError: if the file cannot be written; then nothing has changed.
    """
    _check("save", model, path)
    description = {
        "format": FORMAT,
        "version": VERSION,
        "chainrule": __version__,
        "architecture": repr(model),
        "metadata": dict(metadata or {}),
    }
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    arrays[_DESCRIPTION] = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)

    def write(file: BinaryIO) -> None:
        # what np.savez writes, which would take an array called "file" for its own argument
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    return write_atomically(path, write)


def load(model: Network, path: str | os.PathLike[str]) -> Network:
    """Give a model the tensors of a file; if anything does not fit, the model stays as it is.

    Args:
        model: of the same architecture as the one saved.
        path: a file written by `save`.

    Returns:
        The model.

    Raises:
        SavedModelError: if the file is damaged, no model of chainrule, or the architecture
            differs; then every difference is listed.
        ArgumentError: if model and path are exchanged, or no such things.
        FileNotFoundError: if there is no such file.

    >>> import chainrule as cr, tempfile, os
    >>> model = cr.nn.Linear(2, 1, key=cr.random.key(0))
    >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
    >>> other = cr.nn.Linear(2, 1, key=cr.random.key(1))
    >>> _ = cr.train.load(other, cr.train.save(model, path))
    >>> bool((other.weight == model.weight).all())
    True
    """
    _check("load", model, path)
    arrays, description = _read(path)
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
    return dict(_read(path)[1]["metadata"])


def _check(function: str, model: Any, path: Any) -> None:
    if not isinstance(model, Module) or not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(
            f"{function}(model, path) takes a module and then the path of its file, got "
            f"{_kind(model)} and {_kind(path)}"
        )


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with open(path, "rb") as file:  # what fails here is no fault of the content
        try:
            arrays = _arrays(file)
            description = json.loads(arrays.pop(_DESCRIPTION).tobytes())
        except _DAMAGE as error:
            raise SavedModelError(
                f"{path} is damaged or no saved model ({error}); use an earlier copy"
            ) from None
    if not isinstance(description, dict):
        raise SavedModelError(
            f"{path} is no model saved by chainrule: its description is no object"
        )
    if description.get("format") != FORMAT or description.get("version") != VERSION:
        raise SavedModelError(
            f"{path} has format {description.get('format')!r}, version "
            f"{description.get('version')!r}; this is chainrule {__version__}, which reads "
            f"{FORMAT!r}, version {VERSION}"
        )
    for name, kind in (("architecture", str), ("metadata", dict)):
        if not isinstance(description.get(name), kind):
            raise SavedModelError(f"{path} is damaged: its description has no {name}")
    return arrays, description


_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, LookupError, RuntimeError)
"""What reading a damaged archive raises; RuntimeError for one that now says it is encrypted, and
as NotImplementedError for one that says it needs a later version or another compression."""


def _arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    """The arrays in an archive by name; each is read whole, so that its checksum is compared,
    before it is made sense of."""
    with zipfile.ZipFile(file) as archive:
        return {
            member.removesuffix(".npy"): np.lib.format.read_array(
                io.BytesIO(archive.read(member)), allow_pickle=False
            )
            for member in archive.namelist()
        }


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], None]) -> Path:
    """Let ``write(file)`` fill a binary file that appears under ``path`` only once it is complete.

    It is written beside the target, flushed to the disk and then renamed over it, which file
    systems do all or not at all; so after a crash there is the old file or the new one.

    Raises:
        OSError: if that fails; the old file, if any, is untouched and no partial file stays.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.urandom(8).hex()}.part")
    try:
        with open(partial, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException as error:
        with suppress(OSError):  # also what a disk that is read-only says about no file
            partial.unlink()
        if isinstance(error, OSError) and str(error.filename) == str(partial):
            # of the same class, by the number, but about the file that the caller knows
            raise OSError(error.errno, error.strerror, str(target)) from None
        raise
    _sync_folder(target.parent)
    return target


def _sync_folder(folder: Path) -> None:
    """Flush the renaming itself, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
