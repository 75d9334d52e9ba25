"""Arrays that stay on the disk until some rows of them are asked for."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from chainrule.core.errors import DomainError, DTypeError
from chainrule.core.types import as_dtype

__all__ = ["Rows", "is_mapped", "open_npy", "rows_of"]


def open_npy(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in a .npy file, mapped into memory read-only: parts are read when they are used.

    Raises:
        DTypeError: if it holds objects, or what are no numbers.
        DomainError: if it is an archive of arrays (.npz), which cannot be mapped, or no such file.

    >>> import numpy as np, os, tempfile
    >>> from chainrule import data
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.npy")
    ...     np.save(path, np.arange(6.0).reshape(3, 2))
    ...     data.open_npy(path)[1].tolist()
    [2.0, 3.0]
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        with open(path, "rb") as file:
            known = file.read(6) == b"\x93NUMPY"
        if known:
            raise DTypeError(
                f"{os.fspath(path)} holds Python objects and no numbers: {error}"
            ) from None
        raise DomainError(
            f"{os.fspath(path)} is no .npy file: {error}. For bare numbers use "
            "np.memmap(path, dtype, 'r', shape=…)."
        ) from None
    if not isinstance(found, np.ndarray):
        found.close()
        raise DomainError(
            f"{os.fspath(path)} is an archive of arrays; save each with np.save, to a file of its "
            "own that can be mapped"
        )
    try:
        as_dtype(found.dtype)
    except DTypeError as error:
        raise DTypeError(f"{os.fspath(path)}: {str(error).splitlines()[0]}") from None
    return found


class Rows:
    """Some rows of a mapped array, in an order of their own, read when they are asked for.

    It is indexed like the array that it stands for; ``np.asarray`` reads all of it.
    """

    def __init__(self, values: np.ndarray, rows: np.ndarray) -> None:
        self._values = values
        self._rows = rows
        self.shape = (len(rows), *values.shape[1:])
        self.dtype = values.dtype
        self.ndim = values.ndim

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, *rest = key if isinstance(key, tuple) else (key,)
        read = np.asarray(self._values[self._rows[first]])
        if rest:
            read = read[(slice(None),) * np.ndim(self._rows[first]) + tuple(rest)]
        return read

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._values[self._rows], dtype)

    def __repr__(self) -> str:
        return f"Rows({self.shape}, {self.dtype.name})"

    def only(self, rows: Any) -> Rows:
        """Some of these rows."""
        return Rows(self._values, self._rows[rows])


def is_mapped(values: Any) -> bool:
    """Whether the values of an array are on the disk."""
    return isinstance(values, (np.memmap, Rows))


def rows_of(values: Any, rows: Any) -> Any:
    """Some rows of an array: a copy, or of a mapped one what reads them when they are asked for."""
    if isinstance(values, Rows):
        return values.only(rows)
    if isinstance(values, np.memmap):
        return Rows(values, np.arange(len(values))[rows])
    return values[rows]
