"""Files that are written all or not at all, and whose damage is found."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule._version import __version__
from chainrule.core.errors import ChainRuleError
from chainrule.core.files import write_atomically
from chainrule.train import safetensors

__all__ = [
    "DamagedFileError",
    "Described",
    "SavedModelError",
    "finite",
    "read_described",
    "write_described",
]

VERSION = 1
"""Of all formats here; a file of another version is refused."""


class Described(NamedTuple):
    """What is in a file of `write_described`."""

    kind: str
    arrays: dict[str, np.ndarray]
    description: dict[str, Any]


class SavedModelError(ChainRuleError, ValueError):
    """A file that holds no model, a damaged one, or one of another architecture."""


class DamagedFileError(SavedModelError):
    """A file whose content is not what was written."""


def write_described(
    path: str | os.PathLike[str],
    kind: str,
    arrays: Mapping[str, np.ndarray],
    description: Mapping[str, Any],
) -> Path:
    """Write arrays and what they are to a safetensors file.

    Args:
        path: of the file.
        kind: a word for what it holds.
        arrays: by name.
        description: what JSON can hold, by name.

    Raises:
        TypeError: if JSON cannot hold the description.
        OSError: if the file cannot be written; then nothing has changed.
    """
    metadata = {
        "format": kind,
        "version": f"{VERSION}",
        "chainrule": __version__,
        "description": json.dumps(description),
    }
    return write_atomically(path, lambda file: safetensors.write(file, arrays, metadata))


def read_described(
    path: str | os.PathLike[str], kinds: Mapping[str, Mapping[str, type]]
) -> Described:
    """What is in a file of `write_described`.

    Args:
        path: of the file.
        kinds: the kinds that are expected, each with what its description holds, in the types that
            JSON gives it.

    Raises:
        DamagedFileError: if the file is damaged.
        SavedModelError: if it is of another kind or version.
        OSError: if it cannot be read.
    """
    with open(path, "rb") as file:  # what fails here is no fault of the content
        try:
            arrays, metadata = safetensors.read(file)
            description = json.loads(metadata.get("description", "null"))
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise DamagedFileError(
                f"{path} is damaged, or was not written by chainrule ({error}); use an earlier copy"
            ) from None
    kind, version = metadata.get("format", ""), metadata.get("version", "")
    if kind not in kinds or version != f"{VERSION}":
        raise SavedModelError(
            f"{path} has format {kind!r}, version {version!r}; expected was {' or '.join(kinds)}, "
            f"and this is chainrule {__version__}, which reads version {VERSION}"
        )
    for name, expected in kinds[kind].items():
        if not isinstance(description, dict) or not isinstance(description.get(name), expected):
            raise DamagedFileError(f"{path} is damaged: its description has no {name}")
    return Described(kind, arrays, description)


def finite(value: Any) -> Any:
    """The same for JSON, with null for numbers that are not finite, which JSON does not have."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
