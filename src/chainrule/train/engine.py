"""Takes the steps of a run, natively where that is possible, and knows where it stands."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiling import CompileWarning
from chainrule.core.source import PACKAGE
from chainrule.data.dataset import Dataset
from chainrule.nn.module import Module, static_parts
from chainrule.optim.transform import Optimizer
from chainrule.tensor import Tensor, tensor
from chainrule.train.guard import check_step
from chainrule.train.native import Carry, MetricError, Native, copied
from chainrule.train.step import Loss, Metric, Tensors, make_step

__all__ = ["Block", "Engine"]


class Block(NamedTuple):
    """Steps that were taken together.

    Attributes:
        size: examples in each batch.
        values: what was measured, a row for each step: the loss, and the metrics unless ``measure``
            gives them.
        measure: gives the metrics of the only step; they run in Python and may raise anything.
    """

    size: int
    values: np.ndarray
    measure: Callable[[], list[float]] | None


class Engine:
    """The steps of one run.

    Args:
        model: gives the structure; it is not changed.
        loss, optimizer, metrics, batch_size: as for `fit`.
        data: the examples in the dtypes of the network.
        native: whether to compile the step.

    Attributes:
        steps: taken so far, those of the last `Block` included.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        data: Dataset,
        batch_size: int,
        metrics: Mapping[str, Metric],
        native: bool,
    ) -> None:
        self.steps = 0
        self._model = model
        self._data = data
        self._batch_size = batch_size
        self._metrics = metrics
        self._step = make_step(model, loss, optimizer)
        self._native = Native(self._step, metrics, data) if native else None
        self._static: dict[str, Any] | None = None
        self._healthy = True
        self._obstacle: Exception | None = None
        parameters, buffers = _constants(model.parameters()), _constants(model.buffers())
        first = Carry(parameters, optimizer.init(parameters), buffers, {})
        # the carry before the last block, the steps taken there, and the carry after the block
        self._before, self._base, self._after = first, 0, first
        self._batches, self._first = np.empty((0, 0), np.int64), 0

    def epoch(self, order: np.ndarray) -> Iterator[Block]:
        """Take the steps of an epoch, on the examples in this order."""
        self._look_at_model()
        full = len(order) // self._batch_size * self._batch_size
        for batches in (order[:full].reshape(-1, self._batch_size), order[full:][None]):
            number = 0
            while batches.size and number < len(batches):
                block = self._take(batches, number)
                number += len(block.values)
                yield block

    def at(self, steps: int) -> Carry:
        """What the step of this number, of those of the last block, has left, to be read before the
        next block."""
        if steps == self.steps:
            return self._after
        if self._native is None or steps == self._base:
            return self._before
        self._native.most = 1  # who looks between the steps will do so again
        return self._native.replay(self._before, self._batches, self._first, steps - self._base)

    # -- one block ---------------------------------------------------------------------------------

    def _take(self, batches: np.ndarray, number: int) -> Block:
        spare = self._before
        self._before, self._base = self._after, self.steps
        self._batches, self._first = batches, number
        size = batches.shape[1]
        if self._native is not None and self._healthy:
            if spare is self._before:
                self._before, spare = _started(self._before), _started(self._before)
            try:
                taken = self._native.take(spare, self._before, batches, number)
            except MetricError as error:
                self._warn("a metric", error.__cause__)
                self._native = Native(self._step, None, self._data)
                self._after = self._before
                return self._take(batches, number)
            except Exception as error:  # the step in Python finds out whether it is our user's
                self._native, self._obstacle = None, error
            else:
                self._healthy = taken.healthy
                if len(taken.values):
                    self._after, self.steps = taken.carry, self._base + len(taken.values)
                    measure = None if taken.outputs is None else self._measure(taken.outputs)
                    return Block(size, taken.values, measure)
        return self._take_in_python(batches[number])

    def _take_in_python(self, rows: np.ndarray) -> Block:
        inputs, targets = tensor(self._data.inputs[rows]), tensor(self._data.targets[rows])
        carry = self._before
        with np.errstate(all="ignore"):  # check_step says it better
            done = self._step(carry.parameters, carry.state, inputs, targets, carry.buffers)
        tensors = carry.parameters | carry.buffers
        check_step(
            self._model,
            tensors,
            inputs,
            done.loss,
            done.gradients,
            done.parameters,
            self.steps + 1,
        )
        after = Carry(done.parameters, done.state, done.buffers, done.gradients)
        self._after = after if self._native is None else copied(after)
        self.steps += 1
        self._healthy = True
        if self._obstacle is not None:
            self._warn("the training step", self._obstacle)
            self._obstacle = None
        return Block(len(rows), np.array([[done.loss.item()]]), self._measure(done.outputs))
