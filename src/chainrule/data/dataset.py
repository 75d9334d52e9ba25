"""Arrays of examples: splitting them by class, and giving them out in batches."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from chainrule import random
from chainrule.core.errors import DomainError, ShapeError
from chainrule.data.checks import at_least
from chainrule.data.frames import columns_of
from chainrule.data.mapped import is_mapped, open_npy, rows_of
from chainrule.data.splitting import held_out
from chainrule.lift import to_numpy
from chainrule.tensor import Tensor, tensor

__all__ = ["Dataset", "as_dataset", "batches"]


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class Dataset:
    """Inputs and targets, one example a row.

    Args:
        inputs: n examples, shape (n, …): an array, or a tensor or nested lists, which become one.
            A mapped array (``np.memmap``) stays on the disk, and its rows are read when needed.
        targets: what is to be predicted for each, shape (n, …), likewise.
        name: a word for messages.

    Raises:
        ShapeError: if the lengths differ, there is no example, or a list is ragged.
        DTypeError: if a list holds what is no number.
        DomainError: if a value is NaN or infinite; of mapped arrays when it is read.

    >>> import numpy as np
    >>> from chainrule import data
    >>> data.Dataset(np.zeros((3, 2)), np.array([0, 1, 1]))
    Dataset(data: 3 examples, inputs (2,) float64, targets () int64)
    """

    inputs: np.ndarray
    targets: np.ndarray
    name: str = "data"

    def __post_init__(self) -> None:
        for what in ("inputs", "targets"):
            values = getattr(self, what)
            if not is_mapped(values) and not isinstance(values, np.ndarray):
                values = to_numpy(values)
                object.__setattr__(self, what, values)
            if values.ndim == 0:
                raise ShapeError(
                    f"{self.name}: {what} hold one number; expected one row an example"
                )
            if is_mapped(values) or values.dtype.kind != "f":
                continue  # what is on the disk is looked at when it is read
            if not np.isfinite(values).all():
                row = int(np.argwhere(~np.isfinite(values))[0, 0])
                raise DomainError(
                    f"{self.name}: {what} hold a NaN or an infinity, first in example {row}. "
                    "Drop or fill such values before training."
                )
        if len(self.inputs) != len(self.targets):
            raise ShapeError(
                f"{self.name}: {len(self.inputs)} inputs but {len(self.targets)} targets"
            )
        if not len(self.inputs):
            raise ShapeError(f"{self.name}: there is no example")

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        x, y = self.inputs, self.targets
        return (
            f"Dataset({self.name}: {len(self):,} examples, inputs {x.shape[1:]} {x.dtype.name}, "
            f"targets {y.shape[1:]} {y.dtype.name})"
        )

    @classmethod
    def from_files(
        cls, inputs: str | os.PathLike[str], targets: str | os.PathLike[str], name: str = "data"
    ) -> Dataset:
        """The examples in two .npy files, which are not read before a batch needs them.

        What is not finite is found when it is read: give the data set to a `Loader`. For files of
        bare numbers use ``Dataset(np.memmap(…), np.memmap(…))``.

        Raises:
            DTypeError, DomainError: as `open_npy`.
            ShapeError: if the lengths differ, or there is no example.
        """
        return cls(open_npy(inputs), open_npy(targets), name)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        target: Hashable | list[Hashable],
        inputs: Sequence[Hashable] | None = None,
        dtype: Any = None,
        name: str = "data",
    ) -> Dataset:
        """The rows of a data frame of pandas or Polars, in which every column holds numbers.

        Args:
            frame: the data frame.
            target: the column that is to be predicted; a list for several.
            inputs: the columns to predict it from, by default all others.
            dtype: of the inputs, a floating-point one; by default that which NumPy promotes the
                columns to, and float64 where they all are whole numbers.
            name: a word for messages.

        Raises:
            ArgumentError: if this is no data frame.
            DTypeError: if a column holds categories, text, times or other objects, or ``dtype`` is
                no floating-point one.
            DomainError: if there is no such column, or a value is missing or infinite.

        >>> import polars as pl  # doctest: +SKIP
        >>> frame = pl.read_csv("houses.csv")  # doctest: +SKIP
        >>> houses = data.Dataset.from_frame(frame, target="price")  # doctest: +SKIP
        """
        return cls(*columns_of(frame, target, inputs, dtype), name)

    @property
    def is_mapped(self) -> bool:
        """Whether inputs or targets are on the disk, to be read batch by batch."""
        return is_mapped(self.inputs) or is_mapped(self.targets)

    def take(self, rows: Any, name: str | None = None) -> Dataset:
        """The examples in these rows, in this order; those of mapped files are not read yet."""
        return Dataset(rows_of(self.inputs, rows), rows_of(self.targets, rows), name or self.name)

    @overload
    def split(
        self,
        test: float = ...,
        seed: int = ...,
        *,
        validation: None = ...,
        stratify: bool | None = ...,
    ) -> tuple[Dataset, Dataset]: ...

    @overload
    def split(
        self, test: float = ..., seed: int = ..., *, validation: float, stratify: bool | None = ...
    ) -> tuple[Dataset, Dataset, Dataset]: ...

    def split(
        self,
        test: float = 0.2,
        seed: int = 0,
        *,
        validation: float | None = None,
        stratify: bool | None = None,
    ) -> tuple[Dataset, ...]:
        """Sets (training, test) or (training, validation, test), the same for one seed.

        Args:
            test: the share that is held out, between 0 and 1.
            seed: which of the many splits. It decides the test set whatever ``validation`` is.
            validation: the share of a validation set, between 0 and 1; None for no such set.
            stratify: whether each set has the same share of each class, up to one example. None
                does so where there is one integer target an example.

        Raises:
            DomainError: if a share is not between 0 and 1, or the shares leave a set empty.
            DTypeError: if ``stratify`` is True and the targets are no classes (integers).

        >>> from chainrule import data
        >>> train, test = data.load_digits().split(test=0.2, seed=0)
        >>> len(train), len(test)
        (1438, 359)
        >>> train, validation, test = data.load_digits().split(test=0.2, validation=0.1)
        >>> len(train), len(validation), len(test)
        (1258, 180, 359)
        """
        shares = {"test": test} | ({} if validation is None else {"validation": validation})
        masks = held_out(self.targets, shares, random.key(seed), stratify)
        names = ("training", "test") if validation is None else ("training", "validation", "test")
        return tuple([self.take(masks[what], f"{self.name}, {what}") for what in names])


def as_dataset(data: Any, name: str = "data") -> Dataset:
    """The data set meant by a `Dataset` or a pair (inputs, targets) of arrays or tensors.

    Raises:
        ShapeError: if it is neither, or the lengths differ, or it is empty.
        DomainError: if a value is NaN or infinite.
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ShapeError(
            f"{name}: expected a data.Dataset or a pair (inputs, targets), got a "
            f"{type(data).__name__}{_instead(data)}"
        )
    inputs, targets = data
    return Dataset(inputs, targets, name)


def _instead(data: Any) -> str:
    """What is to be given in place of something that is no data set."""
    if isinstance(data, float):  # a share
        return "; hold a share out by training, test = dataset.split(test=0.2)"
    if isinstance(data, Iterator):
        return "; give data.Stream the function that makes it"
    return ""


def batches(
    data: Any, batch_size: int, key: Tensor | None = None, drop_last: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of tensors (inputs, targets) with up to ``batch_size`` examples, each example once.

    Args:
        data: a `Dataset` or a pair (inputs, targets).
        batch_size: examples in a batch; the last batch may have fewer.
        key: shuffles the examples, always in the same way for the same key; None keeps their order.
        drop_last: leave out a last batch with fewer examples.

    Raises:
        DomainError: if ``batch_size`` is no whole number of at least 1.

    >>> from chainrule import data
    >>> [x.shape for x, y in data.batches(([[1.0], [2.0], [3.0]], [0, 1, 1]), batch_size=2)]
    [(2, 1), (1, 1)]
    """
    at_least("batches", 1, batch_size=batch_size)
    return _batches(as_dataset(data), batch_size, key, drop_last)


def _batches(
    data: Dataset, batch_size: int, key: Tensor | None, drop_last: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    count = len(data)
    order = np.arange(count) if key is None else random.permutation(key, count).numpy()
    end = count - count % batch_size if drop_last else count
    for start in range(0, end, batch_size):
        rows = order[start : start + batch_size]
        yield tensor(data.inputs[rows]), tensor(data.targets[rows])
