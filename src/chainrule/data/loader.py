"""Batches of a data set: shuffled by a key, changed by an augmentation, prepared ahead."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule import random
from chainrule.core.errors import DomainError
from chainrule.data.dataset import Dataset, as_dataset
from chainrule.data.prefetch import prefetched
from chainrule.data.source import Batch, Source, Transform, as_batch, check_options, described
from chainrule.tensor import Tensor

__all__ = ["Loader"]

SAMPLED = 64
"""So many examples stand for all in a fingerprint, which has to be quick for any data."""


class Loader(Source):
    """Batches of a data set, in an order and with changes that the key and the epoch decide.

    Epoch e has the order ``cr.random.permutation(cr.random.fold_in(key, e), n)``, that of
    `train.fit` on the data set itself; its batch b is transformed with the key
    ``fold_in(fold_in(key, e), b)``. So a batch is the same wherever an epoch is started, and
    whether or not it is prepared ahead.

    Args:
        data: a `Dataset` or a pair (inputs, targets).
        batch_size: examples in a batch; the last batch may have fewer.
        key: of order and transform, by default ``cr.random.key(0)``.
        shuffle: whether each epoch has an order of its own; else it is that of the data.
        drop_last: leave out a last batch with fewer examples.
        transform: ``transform(key, inputs)`` gives the changed inputs of a batch, an array as they
            are; such as those of `data.augment`.
        prefetch: how many batches a thread prepares ahead of the one in use; 0 for no thread. It
            pays with a transform or mapped files, whose work then runs beside native steps.
        name: what the data are called in messages, by default the name of the data set.

    Raises:
        DomainError: if ``batch_size`` is below 1, or ``prefetch`` below 0, or ``drop_last`` leaves
            no batch.
        ArgumentError: if ``transform`` is no function.

    >>> from chainrule import data
    >>> loader = data.Loader(([[1.0], [2.0], [3.0]], [0, 1, 1]), batch_size=2)
    >>> [x.shape for x, y in loader.epoch(1)]
    [(2, 1), (1, 1)]
    """

    def __init__(
        self,
        data: Any,
        batch_size: int = 32,
        *,
        key: Tensor | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        transform: Transform | None = None,
        prefetch: int = 0,
        name: str | None = None,
    ) -> None:
        check_options("Loader", batch_size, prefetch, transform)
        self.data: Dataset = as_dataset(data)
        self.name = name or self.data.name
        self.batch_size = batch_size
        self.key = random.key(0) if key is None else key
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.transform = transform
        self.prefetch = prefetch
        if not self.steps_per_epoch:
            raise DomainError(
                f"Loader: {len(self.data)} examples make no batch of {batch_size}; take a smaller "
                "batch_size, or keep the last one"
            )

    def __repr__(self) -> str:
        return f"Loader({self.data!r}, batch_size={self.batch_size})"

    @property
    def steps_per_epoch(self) -> int:
        count, size = len(self.data), self.batch_size
        return count // size if self.drop_last else -(-count // size)

    def epoch(self, number: int, start: int = 0, dtype: Any = None) -> Iterator[Batch]:
        made = self._epoch(number, start, dtype)
        return prefetched(made, self.prefetch) if self.prefetch else made

    def order(self, number: int) -> np.ndarray:
        """The rows of the data in the order of an epoch, shape (n,)."""
        if not self.shuffle:
            return np.arange(len(self.data))
        key = random.fold_in(self.key, number)
        found: np.ndarray = random.permutation(key, len(self.data)).numpy()
        return found

    def fingerprint(self) -> dict[str, Any]:
        return _content(self.data) | {
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "key": self.key.tolist(),
            "shuffle": self.shuffle,
            "transform": described(self.transform),
        }

    def _epoch(self, number: int, start: int, dtype: Any) -> Iterator[Batch]:
        order, size = self.order(number), self.batch_size
        key = random.fold_in(self.key, number)
        for index in range(start, self.steps_per_epoch):
            rows = order[index * size : (index + 1) * size]
            inputs, targets = self.data.inputs[rows], self.data.targets[rows]
            if self.transform is not None:
                inputs = self.transform(random.fold_in(key, index), inputs)
            where = f"{self.name}: batch {index} of epoch {number}"
            yield as_batch(inputs, targets, where, dtype)


def _content(data: Dataset) -> dict[str, Any]:
    """What a data set is, with a checksum of some examples."""
    rows = np.unique(np.linspace(0, len(data) - 1, SAMPLED).astype(np.int64))
    checksum = 0
    for values in (data.inputs, data.targets):
        checksum = zlib.crc32(values[rows].tobytes(), checksum)
    return {
        "examples": len(data),
        "inputs": f"{data.inputs.shape[1:]} {data.inputs.dtype.name}",
        "targets": f"{data.targets.shape[1:]} {data.targets.dtype.name}",
        "checksum": checksum,
    }
