"""Batches from a generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from chainrule import random
from chainrule.core.errors import ArgumentError, DomainError, DTypeError, ShapeError
from chainrule.data.checks import at_least
from chainrule.data.prefetch import prefetched
from chainrule.data.source import Batch, Source, Transform, as_batch, check_options, described
from chainrule.lift import to_numpy
from chainrule.tensor import Tensor

__all__ = ["Stream"]


class Stream(Source):
    """Batches that a function makes anew for every epoch, such as a generator function.

    Args:
        make: called with the number of the epoch, from 1; gives pairs (inputs, targets). The same
            number has to give the same pairs, else a resumed run sees other data. An epoch that is
            started in the middle is made from the beginning, and what comes before is left out.
        batch_size: examples in a batch, if the pairs are single examples; None if each pair is a
            batch already, with one row an example.
        steps: batches in an epoch. Then no more are taken, so that ``make`` may go on for ever,
            and it is an error if there are fewer. None takes them all.
        drop_last: leave out a last batch of fewer examples; only with ``batch_size``.
        key: of the transform, by default ``cr.random.key(0)``; batch b of epoch e is transformed
            with ``fold_in(fold_in(key, e), b)``.
        transform: ``transform(key, inputs)`` gives the changed inputs of a batch, an array as they
            are; such as those of `data.augment`.
        prefetch: how many batches a thread makes ahead of the one in use; 0 for no thread.
        name: what the data are called in messages.

    Raises:
        ArgumentError: if ``make`` or ``transform`` is no function, or ``drop_last`` comes without
            ``batch_size``.
        DomainError: if ``batch_size`` or ``steps`` is below 1, or ``prefetch`` below 0.

    >>> import numpy as np
    >>> from chainrule import data
    >>> def waves(epoch):
    ...     rng = np.random.default_rng(epoch)
    ...     for _ in range(3):
    ...         x = rng.uniform(-3, 3, size=(16, 1))
    ...         yield x, np.sin(x)
    >>> stream = data.Stream(waves)
    >>> [x.shape for x, y in stream.epoch(1)]
    [(16, 1), (16, 1), (16, 1)]
    """

    def __init__(
        self,
        make: Callable[[int], Iterable[Any]],
        *,
        batch_size: int | None = None,
        steps: int | None = None,
        drop_last: bool = False,
        key: Tensor | None = None,
        transform: Transform | None = None,
        prefetch: int = 0,
        name: str = "stream",
    ) -> None:
        if not callable(make):
            raise ArgumentError(
                f"Stream: give a function of the number of the epoch that makes the batches, not a "
                f"{type(make).__name__}, which could be read once; such as "
                "data.Stream(lambda epoch: batches)"
            )
        check_options("Stream", 1 if batch_size is None else batch_size, prefetch, transform)
        if steps is not None:
            at_least("Stream", 1, steps=steps)
        if drop_last and batch_size is None:
            raise ArgumentError(
                "Stream: drop_last is for single examples, from which it makes batches; give "
                "batch_size too, or leave short batches out of what the function gives"
            )
        self.make = make
        self.batch_size = batch_size
        self.steps = steps
        self.drop_last = drop_last
        self.key = random.key(0) if key is None else key
        self.transform = transform
        self.prefetch = prefetch
        self.name = name

    def __repr__(self) -> str:
        return f"Stream({getattr(self.make, '__qualname__', repr(self.make))}, steps={self.steps})"

    @property
    def steps_per_epoch(self) -> int | None:
        return self.steps

    def epoch(self, number: int, start: int = 0, dtype: Any = None) -> Iterator[Batch]:
        made = self._epoch(number, start, dtype)
        return prefetched(made, self.prefetch) if self.prefetch else made

    def fingerprint(self) -> dict[str, Any]:
        return {
            "stream": getattr(self.make, "__qualname__", type(self.make).__qualname__),
            "batch_size": self.batch_size,
            "steps": self.steps,
            "drop_last": self.drop_last,
            "key": self.key.tolist(),
            "transform": described(self.transform),
        }

    def _epoch(self, number: int, start: int, dtype: Any) -> Iterator[Batch]:
        key = random.fold_in(self.key, number)
        count = 0
        for index, given in enumerate(islice(self._pairs(number), self.steps)):
            count += 1
            if index < start:
                continue
            where = f"{self.name}: batch {index} of epoch {number}"
            pair = _pair(given, where)
            # copies, so that the function may fill the same arrays again
            inputs, targets = (np.array(v) if isinstance(v, np.ndarray) else v for v in pair)
            if self.transform is not None:
                inputs = self.transform(random.fold_in(key, index), np.asarray(inputs))
            yield as_batch(inputs, targets, where, dtype)
        if count < (self.steps or 1):
            raise DomainError(
                f"{self.name}: epoch {number} ended after {count} batches, expected "
                f"{self.steps or 'at least one'}. Does the function give the same iterator again, "
                "which is used up?"
            )

    def _pairs(self, number: int) -> Iterator[Any]:
        """The inputs and targets of each batch."""
        if self.batch_size is None:
            yield from self._made(number)
            return
        examples = self._made(number)
        first = 0
        while (batch := self._stacked(examples, number, first)) is not None:
            size = len(batch[0])
            if size == self.batch_size or not self.drop_last:
                yield batch
            first += size

    def _made(self, number: int) -> Iterator[Any]:
        made = self.make(number)
        try:
            return iter(made)
        except TypeError:
            raise ArgumentError(
                f"{self.name}: the function gave {type(made).__name__} for epoch {number}, and not "
                "something to iterate over; make it a generator function, or return a list"
            ) from None

    def _stacked(
        self, examples: Iterator[Any], number: int, first: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """One array of inputs and one of targets from the next examples, ``first`` the number of
        the one at the beginning; None where there are no more."""
        columns: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for place, example in enumerate(islice(examples, self.batch_size)):
            here = f"{self.name}: example {first + place} of epoch {number}"
            for column, value in zip(columns, _pair(example, here), strict=True):
                try:
                    column.append(to_numpy(value))
                except (DTypeError, ShapeError) as error:
                    reason = str(error).splitlines()[0]
                    raise type(error)(f"{here} is no array of numbers: {reason}") from None
                if column[-1].shape != column[0].shape:
                    raise ShapeError(
                        f"{here} has the shape {column[-1].shape}, another in its batch "
                        f"{column[0].shape}; pad them to one shape"
                    )
        return (np.stack(columns[0]), np.stack(columns[1])) if columns[0] else None


def _pair(given: Any, where: str) -> tuple[Any, Any]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ShapeError(
            f"{where}: expected a pair (inputs, targets), got a {type(given).__name__}"
            + (f" of {len(given)}" if isinstance(given, (tuple, list)) else "")
        )
    return given[0], given[1]
