"""Arrays of examples: splitting them by class, and giving them out in batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule import random
from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.lift import to_numpy
from chainrule.tensor import Tensor, tensor

__all__ = ["Dataset", "as_dataset", "batches"]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Inputs and targets, one example a row.

    Args:
        inputs: n examples, shape (n, …): an array, or a tensor or nested lists, which become one.
        targets: what is to be predicted for each, shape (n, …), likewise.
        name: a word for messages.

    Raises:
        ShapeError: if the lengths differ, there is no example, or a list is ragged.
        DTypeError: if a list holds what is no number.
        DomainError: if a value is NaN or infinite.

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
            if not isinstance(values, np.ndarray):
                values = to_numpy(values)
                object.__setattr__(self, what, values)
            if values.ndim == 0:
                raise ShapeError(
                    f"{self.name}: {what} hold one number; expected one row an example"
                )
            if values.dtype.kind == "f" and not np.isfinite(values).all():
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

    def take(self, rows: Any, name: str | None = None) -> Dataset:
        """The examples in these rows, in this order."""
        return Dataset(self.inputs[rows], self.targets[rows], name or self.name)

    def split(self, test: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
        """A training and a held-out set with the same share of each class, the same for one seed.

        Args:
            test: the share of each class that is held out, between 0 and 1.
            seed: which of the many splits.

        Raises:
            DomainError: if ``test`` is not between 0 and 1, or leaves one of the two sets empty.
            DTypeError: if the targets are no classes (integers).

        >>> from chainrule import data
        >>> train, test = data.load_digits().split(test=0.2, seed=0)
        >>> len(train), len(test)
        (1438, 359)
        """
        if not 0 < test < 1:
            raise DomainError(f"split: test is the share held out, between 0 and 1, not {test}")
        if self.targets.dtype.kind not in "iub" or self.targets.ndim != 1:
            raise DTypeError(
                f"split: equal shares of each class need one integer target an example, these are "
                f"{self.targets.dtype.name} of shape {self.targets.shape}"
            )
        key = random.key(seed)
        held_out = np.zeros(len(self), dtype=bool)
        for number, label in enumerate(np.unique(self.targets)):
            rows = np.flatnonzero(self.targets == label)
            order = random.permutation(random.fold_in(key, number), len(rows)).numpy()
            held_out[rows[order[: round(test * len(rows))]]] = True
        if held_out.all() or not held_out.any():
            raise DomainError(f"split: test={test} of {len(self)} examples leaves one set empty")
        return (
            self.take(~held_out, f"{self.name}, training"),
            self.take(held_out, f"{self.name}, test"),
        )


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
            f"{type(data).__name__}"
        )
    inputs, targets = data
    return Dataset(inputs, targets, name)


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
        DomainError: if ``batch_size`` is below 1.

    >>> from chainrule import data
    >>> [x.shape for x, y in data.batches(([[1.0], [2.0], [3.0]], [0, 1, 1]), batch_size=2)]
    [(2, 1), (1, 1)]
    """
    if batch_size < 1:
        raise DomainError(f"batches: batch_size is at least 1, not {batch_size}")
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
