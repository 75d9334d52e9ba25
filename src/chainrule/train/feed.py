"""Where the examples of a run come from: rows of arrays in memory, or batches of a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from chainrule import random
from chainrule.core.errors import ArgumentError
from chainrule.data.checks import at_least
from chainrule.data.loader import Loader
from chainrule.data.source import Batch, Source
from chainrule.tensor import Tensor, tensor
from chainrule.train.evaluation import examples_of

__all__ = ["Feed", "Given", "Picked", "Work", "feed_of"]

BATCH_SIZE = 32


class Picked(NamedTuple):
    """Batches of one size as rows of arrays in memory.

    Attributes:
        rows: of each batch, shape (batches, batch size).
        number: the batch that comes next.
    """

    rows: np.ndarray
    number: int


class Given(NamedTuple):
    """One batch, and what it is called in messages."""

    batch: Batch
    name: str


Work = Picked | Given


class Feed:
    """The batches of each epoch.

    Args:
        source: gives them out.
        dtype: of the network.

    Attributes:
        arrays: all inputs and targets, where the batches are but rows of them; else empty.
    """

    def __init__(self, source: Source, dtype: Any) -> None:
        self.source = source
        self._dtype = dtype
        self.arrays: tuple[np.ndarray, ...] = ()
        if isinstance(source, Loader) and source.transform is None and not source.data.is_mapped:
            examples = examples_of(source.data, source.name, dtype)
            self.arrays = examples.inputs, examples.targets

    def epoch(self, number: int, start: int) -> Iterator[Work]:
        """What there is to do in an epoch, counted from 1, without the first ``start`` batches.

        Batches of one size come together; whoever takes some of them is given the rest.
        """
        if not self.arrays:
            for place, batch in enumerate(self.source.epoch(number, start, self._dtype), start):
                yield Given(batch, f"{self.source.name}, batch {place} of epoch {number}")
            return
        assert isinstance(self.source, Loader)
        order, size = self.source.order(number), self.source.batch_size
        full = len(order) // size
        if start < full:
            yield Picked(order[: full * size].reshape(full, size), start)
        if full < self.source.steps_per_epoch and start <= full:
            yield Picked(order[full * size :][None], 0)

    def batch(self, work: Work) -> Batch:
        """Inputs and targets of the next batch of some work."""
        if isinstance(work, Given):
            return work.batch
        inputs, targets = (values[work.rows[work.number]] for values in self.arrays)
        return tensor(inputs), tensor(targets)


def feed_of(data: Any, dtype: Any, batch_size: int | None, key: Tensor | None) -> Feed:
    """The feed meant by the arguments of `fit`.

    Raises:
        ArgumentError: if a source, which has its own, comes with a batch size or a key.
        DomainError: if ``batch_size`` is below 1.
    """
    if isinstance(data, Source):
        if batch_size is not None or key is not None:
            raise ArgumentError(
                f"fit: {data!r} has a batch size and a key of its own; leave batch_size and key out"
            )
        return Feed(data, dtype)
    size = BATCH_SIZE if batch_size is None else batch_size
    at_least("fit", 1, batch_size=size)
    examples = examples_of(data, "training data", dtype)
    return Feed(Loader(examples, int(size), key=random.key(0) if key is None else key), dtype)
