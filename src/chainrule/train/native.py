"""Training steps as native programs: one step in a call, or as many as fit into some milliseconds.

The programs are pure functions of what changes from step to step, the `Carry`. They write their
result into the memory of the carry before the last one, so that the last one stays whole: from it
any step of the call can be found again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import functions
from chainrule.compiling import Compiled
from chainrule.compiling import compile as compile_
from chainrule.control import while_loop
from chainrule.core.errors import ChainRuleError
from chainrule.core.node import array
from chainrule.core.tree import flatten, map_tree
from chainrule.core.types import as_dtype
from chainrule.data.source import Batch
from chainrule.lift import to_numpy
from chainrule.optim.transform import global_norm
from chainrule.tensor import Tensor, tensor
from chainrule.train.step import Metric, Step, Tensors

__all__ = ["Carry", "MetricError", "Native", "Taken", "as_row", "copied", "observed"]

MOST = 256
"""At most so many steps in one call: the room for what they measure."""

SECONDS = 0.01
"""How long a call should take, so that an interrupt or a callback does not wait."""

LARGE = 32 << 20
"""Bytes of a carry from which a call takes one step, since a loop copies its result once more."""


LIGHT = 1000.0
"""Microseconds, as estimated from nominal speeds, below which a step is light."""


class Carry(NamedTuple):
    """What one step hands to the next; the gradients are only looked at."""

    parameters: Tensors
    state: Any
    buffers: Tensors
    gradients: Tensors


class Taken(NamedTuple):
    """Steps taken in one call.

    Attributes:
        carry: after the steps.
        values: what `observed` gives of each step and then its metrics, a row for each; without the
            metrics where ``outputs`` are given, from which they are to be measured.
        healthy: whether the step that follows may be taken natively too; where not, it met a NaN
            or an infinity and was not taken.
        outputs: of the network in the last step, or None.
    """

    carry: Carry
    values: np.ndarray
    healthy: bool = True
    outputs: Any = None


class MetricError(Exception):
    """A metric cannot be traced; the cause is its own error."""


def copied(tree: Any) -> Any:
    """The same values in arrays of their own, which may be overwritten."""
    return map_tree(_copied, tree)


def _copied(leaf: Any) -> Any:
    try:
        return Tensor(array(to_numpy(leaf)))
    except ChainRuleError:  # no number: a state may hold anything, as long as it runs in Python
        return leaf


class Native:
    """The native programs of one step function.

    Args:
        step: from `make_step`.
        metrics: by name; None where they cannot be traced, then `Taken.outputs` are given.
        columns: how many numbers `observed` gives.
        arrays: inputs and targets of all examples, from which the programs read rows; none if each
            batch is given.

    Attributes:
        most: how many steps a call may take at most.
        is_light: whether a step was found to be so short that Python itself is most of what it
            takes there.
        compiling: seconds spent in making programs.
    """

    def __init__(
        self,
        step: Callable[..., Step],
        metrics: Mapping[str, Metric] | None,
        columns: int,
        arrays: Sequence[np.ndarray],
    ) -> None:
        self._step = step
        self._metrics = metrics
        self._columns = columns
        self._arrays = tuple(map(_tensor, arrays))
        self._one: Compiled = compile_(self._take_one, donate=0)
        self._many: Compiled = compile_(self._take_many, donate=0)
        self._given: Compiled = compile_(self._take_given, donate=0)
        self.most = MOST
        self.is_light = False
        self.compiling = 0.0
        self._made_for: dict[Any, Any] = {}
        self._pace = 0.0
        self._large: bool | None = None

    def anew(self, metrics: bool = True) -> Native:
        """The same, with nothing compiled yet, and perhaps without ``metrics``."""
        arrays = [values.numpy() for values in self._arrays]
        kept = Native(self._step, self._metrics if metrics else None, self._columns, arrays)
        kept.compiling, kept.is_light = self.compiling, self.is_light
        return kept

    # -- what is compiled --------------------------------------------------------------------------

    def _after(self, carry: Carry, x: Tensor, y: Tensor) -> Any:
        """The carry after a step on a batch, what was measured, whether all of it is finite, and
        the outputs where they are wanted."""
        done = self._step(carry.parameters, carry.state, x, y, carry.buffers)
        measured = observed(done)
        try:
            values = [metric(done.outputs, y) for metric in (self._metrics or {}).values()]
            row = as_row([*measured, *values])
        except Exception as error:  # a metric is any function
            raise MetricError from error
        after = Carry(done.parameters, done.state, done.buffers, done.gradients)
        finite = _finite(measured, done.parameters)
        return after, row, finite, done.outputs if self._metrics is None else ()

    def _picked(self, inputs: Tensor, targets: Tensor, rows: Tensor) -> list[Tensor]:
        return [functions.take(values, rows, axis=0) for values in (inputs, targets)]

    def _take_given(self, spare: Carry, carry: Carry, x: Tensor, y: Tensor) -> Any:
        return self._after(carry, x, y)

    def _take_one(
        self, spare: Carry, carry: Carry, inputs: Tensor, targets: Tensor, rows: Tensor
    ) -> Any:
        return self._after(carry, *self._picked(inputs, targets, rows))

    def _take_many(
        self,
        spare: Carry,
        carry: Carry,
        inputs: Tensor,
        targets: Tensor,
        batches: Tensor,
        first: Tensor,
        last: Tensor,
    ) -> Any:
        places = functions.arange(MOST)

        def goes_on(now: Any) -> Tensor:
            number, finite, _, _ = now
            goes: Tensor = (number < last) & finite
            return goes

        def body(now: Any) -> Any:
            number, _, carry, table = now
            rows = functions.take(batches, number, axis=0)
            carry, row, finite, _ = self._after(carry, *self._picked(inputs, targets, rows))
            here = functions.expand_dims(places == number - first, axis=1)
            return number + 1, finite, carry, functions.where(here, row, table)

        table = functions.zeros((MOST, self._columns + len(self._metrics or {})))
        number, finite, carry, table = while_loop(goes_on, body, (first, True, carry, table))
        return carry, table, number, finite

    # -- calls -------------------------------------------------------------------------------------

    def take(self, spare: Carry, carry: Carry, batches: np.ndarray, first: int, most: int) -> Taken:
        """Steps on the batches from ``first`` on.

        Args:
            spare: is overwritten.
            carry: stays whole.
            batches: the rows of each batch, shape (batches, batch size).
            first: the batch to begin with.
            most: how many steps to take at most.

        Raises:
            MetricError: if a metric cannot be traced.
        """
        if self._large is None:
            self._large = _bytes(carry) >= LARGE
        if self._large or self._metrics is None or len(batches) == 1:
            return self._single(
                self._one, (spare, carry, *self._arrays, Tensor(array(batches[first])))
            )
        args = self._window(spare, carry, batches, first, 1)
        self.is_light = self._made(self._many, args, batches.shape).program.once < LIGHT
        count = min(self._count(), len(batches) - first, most)
        args = self._window(spare, carry, batches, first, count)
        began = time.perf_counter()
        after, table, number, finite = self._many(*args)
        self._pace = (time.perf_counter() - began) / count
        healthy = finite.item()
        if not healthy:
            count = number.item() - first - 1
            after = self.replay(carry, batches, first, count)
        return Taken(after, table.numpy()[:count], healthy)

    def take_given(self, spare: Carry, carry: Carry, batch: Batch) -> Taken:
        """A step on a batch; see `take`."""
        return self._single(self._given, (spare, carry, *batch))

    def _single(self, program: Compiled, args: tuple[Any, ...]) -> Taken:
        self._made(program, args, tuple((leaf.shape, leaf.dtype) for leaf in args[2:]))
        after, row, finite, outputs = program(*args)
        if not finite.item():
            return Taken(args[1], np.empty((0, 1)), healthy=False)
        return Taken(after, row.numpy()[None], outputs=outputs if self._metrics is None else None)

    def _made(self, program: Compiled, args: tuple[Any, ...], known: Any) -> Any:
        """The program for these arguments; the time that it takes to make one is counted."""
        key = program, known
        if key not in self._made_for:
            began = time.perf_counter()
            self._made_for[key] = program.compile(*args)
            self.compiling += time.perf_counter() - began
        return self._made_for[key]

    def replay(self, carry: Carry, batches: np.ndarray, first: int, count: int) -> Carry:
        """The carry after ``count`` steps of those of a call of `take`, in memory of its own."""
        if not count:
            return carry
        args = self._window(copied(carry), carry, batches, first, count)
        after: Carry = self._many(*args)[0]
        return after

    def _window(
        self, spare: Carry, carry: Carry, batches: np.ndarray, first: int, count: int
    ) -> tuple[Any, ...]:
        return spare, carry, *self._arrays, Tensor(array(batches)), first, first + count

    def _count(self) -> int:
        """How many steps to take in the next call."""
        return max(1, min(self.most, int(SECONDS / self._pace))) if self._pace else 1


def observed(done: Step) -> list[Tensor]:
    """What is measured in every step: the loss, the penalty if there is one, and the norm of the
    gradient."""
    penalty = [] if done.penalty is None else [done.penalty]
    return [done.loss, *penalty, global_norm(done.gradients)]


def as_row(values: Sequence[Any]) -> Tensor:
    """Numbers, some of them tensors, as one array of float64."""
    tensors = [v if isinstance(v, Tensor) else tensor(float(v)) for v in values]
    return functions.stack([functions.astype(v, "float64").reshape(()) for v in tensors])


def _finite(*trees: Any) -> Tensor:
    """Whether all values are finite: 0·x is 0 for a finite x, else NaN."""
    total = functions.zeros((), dtype="float32")
    for tree in trees:
        for leaf in flatten(tree)[0]:
            if leaf.dtype.kind == "f":
                total = total + functions.astype((0 * leaf).sum(), "float32")
    finite: Tensor = total == 0
    return finite


def _tensor(values: np.ndarray) -> Tensor:
    """The array itself, not a copy, where the programs can read it."""
    return Tensor(array(np.ascontiguousarray(values, as_dtype(values.dtype))))


def _bytes(carry: Carry) -> int:
    return sum(leaf.node.type.size * leaf.dtype.itemsize for leaf in flatten(carry)[0])
