"""Takes the steps of a run, natively where that is possible, and knows where it stands.

The first step of a run is taken in Python: a mistake of the user's is then reported on the line on
which it is made, and by its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.errors import DomainError, IndexingError
from chainrule.data.dataset import Dataset
from chainrule.nn.module import Module, static_parts
from chainrule.optim.transform import Optimizer
from chainrule.tensor import Tensor, no_grad, tensor
from chainrule.train.fallback import warn
from chainrule.train.guard import at_example, check_step
from chainrule.train.native import Carry, MetricError, Native, copied
from chainrule.train.step import Loss, Metric, make_step

__all__ = ["Block", "Engine"]

FEW = 100
"""For fewer epochs, what runs once in each, and is light, takes less time than its compilation."""


class Block(NamedTuple):
    """Steps that were taken together.

    Attributes:
        size: examples in each batch.
        values: what was measured, a row for each step: the loss, and the metrics unless ``measure``
            gives them.
        measure: gives the metrics of the only step. They run in Python and may raise anything, and
            the step was taken whatever they do.
    """

    size: int
    values: np.ndarray
    measure: Callable[[], list[float]] | None


class Engine:
    """The steps of one run.

    Args:
        model: gives the structure; it is not changed.
        loss, optimizer, batch_size: as for `fit`.
        data: the examples, in the dtypes of the network.
        epochs: how many there will be.
        metrics: by name.
        native: whether to compile the step.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        data: Dataset,
        batch_size: int,
        epochs: int,
        metrics: Mapping[str, Metric],
        native: bool,
    ) -> None:
        self._model = model
        self._loss = loss
        self._data = data
        self._batch_size = batch_size
        self._epochs = epochs
        self._metrics = metrics
        self._step = make_step(model, loss, optimizer)
        self._native = Native(self._step, metrics, data) if native else None
        self._static = static_parts(model)
        self._healthy = True
        self._obstacle: Exception | None = None
        parameters = {path: value.detach() for path, value in model.parameters().items()}
        first = Carry(parameters, optimizer.init(parameters), {}, {})
        # the carry before the last block, after `_base` steps, and the one after it
        self._before, self._after = first, first
        self._base = self._steps = 0
        self._batches, self._number = np.empty((0, 0), np.int64), 0
        self._seen: dict[tuple[int, str], Any] = {}

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

    @property
    def is_worthwhile(self) -> bool:
        """Whether to compile what runs once an epoch."""
        return self._native is not None and (self._epochs >= FEW or not self._native.is_light)

    def look(self, steps: int, part: str) -> Any:
        """A part of the carry after so many steps, of those of the last block: "parameters",
        "state", "buffers" or "gradients". It stays as it is when further steps are taken."""
        key = steps, part
        if key not in self._seen:
            value = getattr(self._at(steps), part)
            self._seen = {at: seen for at, seen in self._seen.items() if at[0] == steps}
            self._seen[key] = value if self._native is None else copied(value)
        return self._seen[key]

    def _at(self, steps: int) -> Carry:
        if steps == self._steps:
            return self._after
        if self._native is None or steps == self._base:
            return self._before
        self._native.most = 1  # who looks between the steps of a block will do so again
        return self._native.replay(self._before, self._batches, self._number, steps - self._base)

    def _look_at_model(self) -> None:
        """Take over what others, such as callbacks or the validation, have changed in the model."""
        static = static_parts(self._model)
        if static != self._static and self._native is not None:
            self._native = self._native.anew()
        self._static = static
        buffers = self._model.buffers()
        if buffers:
            own = copied(buffers) if self._native else buffers
            self._after = self._after._replace(buffers=own)
            self._seen.clear()

    # -- one block ---------------------------------------------------------------------------------

    def _take(self, batches: np.ndarray, number: int) -> Block:
        spare = self._before
        self._before, self._base = self._after, self._steps
        self._batches, self._number = batches, number
        natively = self._healthy and self._steps > 0 and (len(batches) > 1 or self.is_worthwhile)
        if self._native is not None and natively:
            try:
                if spare is self._before or not spare.gradients:  # in the memory of the model
                    spare = copied(self._before)
                taken = self._native.take(spare, self._before, batches, number)
            except MetricError as error:
                warn("a metric", error.__cause__)
                self._native = self._native.anew(metrics=None)
                return self._take(batches, number)
            except Exception as error:
                if isinstance(error, IndexingError) and self._native.most > 1:
                    self._native.most = 1  # to find the step of those in the call
                    return self._take(batches, number)
                # whether the user or the compiler is to blame, the step in Python will tell
                self._native, self._obstacle = None, error
            else:
                self._healthy = taken.healthy
                if len(taken.values):
                    outputs = taken.outputs
                    measure = None if outputs is None else self._measure(batches[number], outputs)
                    self._after, self._steps = taken.carry, self._base + len(taken.values)
                    return Block(batches.shape[1], taken.values, measure)
        return self._take_in_python(batches[number])

    def _take_in_python(self, rows: np.ndarray) -> Block:
        inputs, targets = tensor(self._data.inputs[rows]), tensor(self._data.targets[rows])
        before = self._before
        with np.errstate(all="ignore"):  # check_step says it better
            try:
                done = self._step(before.parameters, before.state, inputs, targets, before.buffers)
            except DomainError as error:
                raise self._located(error, inputs, targets, rows) from error.__cause__
        check_step(
            self._model,
            before.parameters | before.buffers,
            inputs,
            done.loss,
            done.gradients,
            done.parameters,
            self._steps + 1,
        )
        if self._obstacle is not None:
            warn("the step", self._obstacle)
            self._obstacle = None
        after = Carry(done.parameters, done.state, done.buffers, done.gradients)
        self._after = after if self._native is None else copied(after)
        self._steps, self._healthy = self._base + 1, True
        measure = self._measure(rows, done.outputs) if self._metrics else None
        return Block(len(rows), np.array([[done.loss.item()]]), measure)

    def _located(
        self, error: DomainError, inputs: Tensor, targets: Tensor, rows: np.ndarray
    ) -> DomainError:
        network = self._model.replace(self._before.parameters | self._before.buffers)
        try:
            with no_grad():
                outputs = network(inputs)
        except DomainError:  # it is not the loss that raised it
            return error
        return at_example(error, self._loss, outputs, targets, rows.tolist(), self._data.name)

    def _measure(self, rows: np.ndarray, outputs: Any) -> Callable[[], list[float]]:
        targets = tensor(self._data.targets[rows])
        return lambda: [float(metric(outputs, targets)) for metric in self._metrics.values()]
