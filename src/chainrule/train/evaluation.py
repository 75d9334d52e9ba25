"""Measuring a network on data that it is not trained on."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiling import Compiled
from chainrule.compiling import compile as compile_
from chainrule.core.errors import DomainError, DTypeError
from chainrule.core.types import as_dtype
from chainrule.data.dataset import Dataset, as_dataset, batches
from chainrule.lift import to_numpy
from chainrule.nn.module import Module, static_parts
from chainrule.tensor import Tensor, no_grad
from chainrule.train.fallback import warn
from chainrule.train.guard import at_example
from chainrule.train.native import as_row
from chainrule.train.step import Loss, Metric, Tensors, after_call

__all__ = ["Evaluation", "evaluate", "examples_of", "named_metrics"]

FIELDS = ("inputs", "targets")


def evaluate(
    model: Module, loss: Loss, data: Any, *, metrics: Sequence[Metric] = (), batch_size: int = 1024
) -> dict[str, float]:
    """The mean loss and metrics over all examples, in evaluation mode and without gradients.

    Metrics are averaged over batches, weighted by their size.

    Args:
        model, loss, data, metrics: as for `fit`.
        batch_size: how many examples to run at a time.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0))
    >>> cr.train.evaluate(model, cr.nn.mse, (cr.tensor([[0.0]]), cr.tensor([[2.0]])))
    {'loss': 4.0}
    """
    return Evaluation(model, loss, data, named_metrics(metrics), batch_size)()


class Evaluation:
    """The mean loss and metrics on some data, to be measured again and again.

    Args:
        model, loss, batch_size: as for `evaluate`.
        data: the examples.
        metrics: by name.
        name: what the data are called in messages, unless they have a name.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        data: Any,
        metrics: Mapping[str, Metric],
        batch_size: int = 1024,
        name: str = "data",
    ) -> None:
        dtype = next((p.dtype for p in model.parameters().values()), np.dtype("float32"))
        self._model = model
        self._loss = loss
        self._metrics = metrics
        examples = examples_of(data, name, dtype)
        self._name = examples.name
        self._batches = list(batches(examples, batch_size))
        self._static: dict[str, Any] = {}
        self._compiled: Compiled | None = None
        self._possible = True
        self._obstacle: Exception | None = None

    def __call__(self, native: bool = False) -> dict[str, float]:
        """Measure the model as it is now; in native code if possible and wanted."""
        model = self._model
        training = {id(module): module.training for _, module in model.modules()}
        model.eval()
        total = np.zeros(1 + len(self._metrics))
        try:
            first = 0
            for inputs, targets in self._batches:
                row = self._natively(inputs, targets) if native and self._possible else None
                if row is None:
                    row = self._in_python(inputs, targets, first)
                    if self._obstacle is not None:
                        warn("the validation", self._obstacle)
                        self._obstacle = None
                total += len(targets) * row
                first += len(targets)
        finally:
            for _, module in model.modules():
                module.training = training[id(module)]
        total /= sum(len(targets) for _, targets in self._batches)
        return dict(zip(("loss", *self._metrics), total.tolist(), strict=True))

    def _in_python(self, inputs: Tensor, targets: Tensor, first: int) -> np.ndarray:
        with no_grad():
            outputs = self._model(inputs)
            try:
                values = [self._loss(outputs, targets)]
            except DomainError as error:
                rows = range(first, first + len(targets))
                raise at_example(
                    error, self._loss, outputs, targets, rows, self._name
                ) from error.__cause__
            values += [metric(outputs, targets) for metric in self._metrics.values()]
        return np.array([float(value) for value in values])

    def _natively(self, inputs: Tensor, targets: Tensor) -> np.ndarray | None:
        """The values of a batch, or None if they are to be measured in Python."""
        model = self._model
        static = static_parts(model)
        if self._compiled is None or static != self._static:
            self._compiled, self._static = compile_(self._measured), static
        parameters = {path: value.detach() for path, value in model.parameters().items()}
        buffers = model.buffers()
        try:
            row, after = self._compiled(parameters, buffers, inputs, targets)
        except Exception as error:  # where it is the user's, Python will raise it again
            self._possible, self._obstacle = False, error
            return None
        for path, value in after.items():
            buffers[path].assign_(value)
        values: np.ndarray = row.numpy()
        return values

    def _measured(
        self, parameters: Tensors, buffers: Tensors, inputs: Tensor, targets: Tensor
    ) -> Any:
        network = self._model.replace(parameters | buffers)
        outputs = network(inputs)
        values = [self._loss(outputs, targets)]
        values += [metric(outputs, targets) for metric in self._metrics.values()]
        return as_row(values), after_call(self._model, network, parameters, buffers)


def named_metrics(metrics: Sequence[Metric]) -> dict[str, Metric]:
    """The metrics by names of their own, none of them "loss"."""
    named: dict[str, Metric] = {}
    taken = Counter(["loss"])
    for metric in metrics:
        function = metric
        while isinstance(function, functools.partial):
            function = function.func
        name = getattr(function, "__name__", type(function).__name__)
        taken[name] += 1
        named[name if taken[name] == 1 else f"{name} {taken[name]}"] = metric
    return named


def examples_of(data: Any, name: str, dtype: Any) -> Dataset:
    """The data set, with floating-point arrays in this dtype.

    Raises:
        DTypeError: if inputs or targets are no numbers.
        ShapeError, DomainError: as `as_dataset`.
    """
    if isinstance(data, (tuple, list)) and len(data) == 2:
        data = [_numbers(v, what, name) for v, what in zip(data, FIELDS, strict=True)]
    found = as_dataset(data, name)
    arrays = [_numbers(getattr(found, what), what, found.name) for what in FIELDS]
    inputs, targets = (
        values.astype(dtype, copy=False) if values.dtype.kind == "f" else values
        for values in arrays
    )
    return Dataset(inputs, targets, found.name)


def _numbers(values: Any, what: str, name: str) -> np.ndarray:
    try:
        found = values if isinstance(values, np.ndarray) else to_numpy(values)
        as_dtype(found.dtype)
    except DTypeError as error:
        message = str(error).splitlines()[0]
        hint = " Classes are integers from 0: np.unique(labels, return_inverse=True)[1]."
        raise DTypeError(
            f"{name}: the {what} are no numbers to compute with: {message}."
            + (hint if what == "targets" else "")
        ) from None
    return found
