"""What gives out examples in batches, and the checks that every batch passes."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from chainrule.core.errors import ArgumentError, DomainError, DTypeError, ShapeError
from chainrule.core.node import array
from chainrule.core.types import as_dtype
from chainrule.data.checks import at_least
from chainrule.lift import to_numpy
from chainrule.tensor import Tensor

__all__ = ["Batch", "Source", "Transform", "as_batch", "check_options", "described"]

Batch = tuple[Tensor, Tensor]
"""Inputs and targets of some examples; both have one row an example."""

Transform = Callable[[Tensor, np.ndarray], np.ndarray]
"""``transform(key, inputs)`` is the changed inputs of a batch, decided by the key alone."""


class Source(ABC):
    """Gives out examples in batches, epoch after epoch; `Loader` and `Stream` are the sources.

    What an epoch holds depends on nothing but its number: a run that is resumed at batch b of
    epoch e goes on with ``source.epoch(e, start=b)`` and sees what it would have seen.

    Attributes:
        name: what the data are called in messages.
    """

    name: str

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int | None:
        """Batches in an epoch, or None where that is not known before its end."""

    @abstractmethod
    def epoch(self, number: int, start: int = 0, dtype: Any = None) -> Iterator[Batch]:
        """The batches of an epoch.

        Args:
            number: of the epoch, counted from 1.
            start: how many batches to leave out at the beginning.
            dtype: what floating-point values are cast to, by default what they are; training gives
                that of the network.

        Raises (while it is read):
            DomainError: if a batch holds a NaN or an infinity.
            ShapeError: if inputs and targets of a batch differ in length, or it is empty.
            DTypeError: if they are no numbers.
        """

    def __iter__(self) -> NoReturn:
        raise ArgumentError(
            f"{self.name}: a source gives the batches of an epoch by its number, which decides "
            "their order: for inputs, targets in source.epoch(number)"
        )

    @abstractmethod
    def fingerprint(self) -> dict[str, Any]:
        """What decides the batches, as values for JSON by name.

        Whoever resumes a run compares it with that of the run, and can say what differs.
        """


def as_batch(inputs: Any, targets: Any, where: str, dtype: Any = None) -> Batch:
    """The tensors of a batch, which must not be changed in the arrays afterwards.

    Args:
        inputs, targets: arrays, tensors or nested lists with one row an example.
        where: which batch it is, for messages.
        dtype: what floating-point values are cast to.

    Raises:
        DomainError, ShapeError, DTypeError: as `Source.epoch`.
    """
    x, y = _array(inputs, "inputs", where, dtype), _array(targets, "targets", where, dtype)
    if len(x) != len(y):
        raise ShapeError(f"{where}: {len(x)} inputs but {len(y)} targets")
    if not len(x):
        raise ShapeError(f"{where} is empty; leave such batches out")
    return Tensor(array(x)), Tensor(array(y))


def _array(values: Any, what: str, where: str, dtype: Any) -> np.ndarray:
    try:
        found = values if isinstance(values, np.ndarray) else to_numpy(values)
        found = np.asarray(found, as_dtype(found.dtype))
    except (DTypeError, ShapeError) as error:
        reason = str(error).splitlines()[0]
        raise type(error)(f"{where}: the {what} are no array of numbers: {reason}") from None
    if found.ndim == 0:
        raise ShapeError(f"{where}: the {what} are one number; expected one row an example")
    if found.dtype.kind != "f":
        return found
    if not np.isfinite(found).all():
        row = int(np.argwhere(~np.isfinite(found))[0, 0])
        raise DomainError(
            f"{where}: the {what} hold a NaN or an infinity, first in row {row} of the batch. "
            "Drop or fill such values before training."
        )
    return found if dtype is None else found.astype(dtype, copy=False)


def check_options(who: str, batch_size: int, prefetch: int, transform: Any) -> None:
    """Raise unless these are sizes and a function.

    Raises:
        DomainError, ArgumentError: naming ``who`` was given them.
    """
    at_least(who, 1, batch_size=batch_size)
    at_least(who, 0, prefetch=prefetch)
    if transform is not None and not callable(transform):
        raise ArgumentError(f"{who}: transform is a function (key, inputs), not {transform!r}")


def described(function: Callable[..., Any] | None) -> str | None:
    """A function in a fingerprint: its name, or how it is shown without the place in memory."""
    if function is None:
        return None
    named: str | None = getattr(function, "__qualname__", None)
    return named or re.sub(r" at 0x[0-9a-f]+", "", repr(function))
