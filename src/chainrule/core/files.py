"""Files that are written all or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], Any]) -> Path:
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
    """Flush the renaming itself, where the system can: the file is there and whole in any case, and
    some file systems know no such thing for folders."""
    if os.name == "posix":
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
