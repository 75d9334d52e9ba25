"""Measuring a network on data that it is not trained on."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiling import Compiled
from chainrule.compiling import compile as compile_
from chainrule.core.errors import ArgumentError, DomainError, DTypeError, ShapeError
from chainrule.core.node import array
from chainrule.core.tree import flatten
from chainrule.core.types import as_dtype
from chainrule.data.dataset import Dataset, as_dataset, batches
from chainrule.data.loader import Loader
from chainrule.data.mapped import Rows, is_mapped
from chainrule.data.source import Batch, Source
from chainrule.lift import to_numpy
from chainrule.nn.module import Module, static_parts
from chainrule.tensor import Tensor, no_grad
from chainrule.train.fallback import warn
from chainrule.train.guard import at_example
from chainrule.train.metrics.kinds import batch_part, finished, is_whole
from chainrule.train.native import as_row
from chainrule.train.step import Loss, Metric, Tensors, after_call

__all__ = ["Evaluation", "evaluate", "examples_of", "named_metrics"]

FIELDS = ("inputs", "targets")

EPOCH = 1
"""The one that is taken of a source, so that each evaluation sees the same data."""


def evaluate(
    model: Module, loss: Loss, data: Any, *, metrics: Sequence[Metric] = (), batch_size: int = 1024
) -> dict[str, float]:
    """The mean loss and metrics over all examples, in evaluation mode and without gradients.

    Metrics are averaged over batches, weighted by their size; those marked `whole` are measured on
    the outputs of all batches together, which are kept for them.

    Args:
        model, loss, metrics: as for `fit`.
        data: as for `fit`, or a `data.Loader` or `data.Stream`, of which epoch 1 is taken.
        batch_size: how many examples to run at a time, unless the data come in batches.

    Raises:
        ArgumentError: if a metric is no function.
        DTypeError, ShapeError, DomainError: if the data do not fit, the loss or a metric refuses
            them, or a metric is not one number.

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
        self._dtype = next((p.dtype for p in model.parameters().values()), np.dtype("float32"))
        self._model = model
        self._loss = loss
        self._metrics = metrics
        self._parts = {n: batch_part(m) for n, m in metrics.items() if not is_whole(m)}
        self._whole = {n: m for n, m in metrics.items() if is_whole(m)}
        found = data if isinstance(data, Source) else examples_of(data, name, self._dtype)
        if isinstance(found, Dataset) and found.is_mapped:
            found = Loader(found, batch_size, shuffle=False)
        self._name = found.name
        self._data: Source | list[Batch] = (
            found if isinstance(found, Source) else list(batches(found, batch_size))
        )
        self._static: dict[str, Any] = {}
        self._compiled: Compiled | None = None
        self._possible = True
        self._obstacle: Exception | None = None

    def _batches(self) -> Iterable[Batch]:
        data = self._data
        return data.epoch(EPOCH, dtype=self._dtype) if isinstance(data, Source) else data

    def __call__(self, native: bool = False) -> dict[str, float]:
        """Measure the model as it is now; in native code if possible and wanted."""
        model = self._model
        training = {id(module): module.training for _, module in model.modules()}
        model.eval()
        total = np.zeros(1 + len(self._parts))
        kept: list[tuple[Any, Tensor]] = []
        try:
            seen = 0
            for inputs, targets in self._batches():
                measured = self._natively(inputs, targets) if native and self._possible else None
                if measured is None:
                    measured = self._in_python(inputs, targets, seen)
                    if self._obstacle is not None:
                        warn("the validation", self._obstacle)
                        self._obstacle = None
                row, outputs = measured
                total += len(targets) * row
                seen += len(targets)
                if self._whole:
                    kept.append((outputs, targets))
        finally:
            for _, module in model.modules():
                module.training = training[id(module)]
        means = dict(zip(("loss", *self._parts), (total / seen).tolist(), strict=True))
        return {"loss": means["loss"]} | self._values(means, kept)

    def _values(
        self, means: Mapping[str, float], kept: list[tuple[Any, Tensor]]
    ) -> dict[str, float]:
        """The metrics, from the means over all examples and the outputs of all batches."""
        values = {}
        together = joined(kept) if kept else ((), ())
        for name, metric in self._metrics.items():
            value = metric(*together) if name in self._whole else finished(metric, means[name])
            if np.ndim(value):
                raise ShapeError(
                    f"the metric {name} gives an array of shape {np.shape(value)}, and a metric is "
                    'one number; choose an average over the classes that is not "none", or call it '
                    "on the outputs yourself"
                )
            values[name] = float(value)
        return values

    def _rows(self, first: int, count: int) -> Sequence[int]:
        """The numbers in the data of the examples from place ``first`` on."""
        if isinstance(self._data, Loader):
            order: list[int] = self._data.order(EPOCH)[first : first + count].tolist()
            return order
        return range(first, first + count)

    def _in_python(self, inputs: Tensor, targets: Tensor, first: int) -> tuple[np.ndarray, Any]:
        with no_grad():
            outputs = self._model(inputs)
            try:
                values = [self._loss(outputs, targets)]
            except DomainError as error:
                rows = self._rows(first, len(targets))
                raise at_example(
                    error, self._loss, outputs, targets, rows, self._name
                ) from error.__cause__
            values += [metric(outputs, targets) for metric in self._parts.values()]
        return np.array([float(value) for value in values]), outputs

    def _natively(self, inputs: Tensor, targets: Tensor) -> tuple[np.ndarray, Any] | None:
        """The values of a batch and, where they are wanted, the outputs; or None if they are to be
        measured in Python."""
        model = self._model
        static = static_parts(model)
        if self._compiled is None or static != self._static:
            self._compiled, self._static = compile_(self._measured), static
        parameters = {path: value.detach() for path, value in model.parameters().items()}
        buffers = model.buffers()
        try:
            row, outputs, after = self._compiled(parameters, buffers, inputs, targets)
        except Exception as error:  # where it is the user's, Python will raise it again
            self._possible, self._obstacle = False, error
            return None
        for path, value in after.items():
            buffers[path].assign_(value)
        return row.numpy(), outputs

    def _measured(
        self, parameters: Tensors, buffers: Tensors, inputs: Tensor, targets: Tensor
    ) -> Any:
        network = self._model.replace(parameters | buffers)
        outputs = network(inputs)
        values = [self._loss(outputs, targets)]
        values += [metric(outputs, targets) for metric in self._parts.values()]
        wanted = outputs if self._whole else ()
        return as_row(values), wanted, after_call(self._model, network, parameters, buffers)


def joined(batches: Sequence[tuple[Any, Tensor]]) -> tuple[Any, Any]:
    """The outputs of all batches as one, and the targets."""
    structure = flatten(batches[0])[1]
    leaves = zip(*[flatten(batch)[0] for batch in batches], strict=True)
    pair: tuple[Any, Any] = structure.build(
        Tensor(array(np.concatenate([leaf.numpy() for leaf in parts]))) for parts in leaves
    )
    return pair


def named_metrics(metrics: Sequence[Metric]) -> dict[str, Metric]:
    """The metrics by names of their own, none of them "loss".

    Raises:
        ArgumentError: if these are no functions.
    """
    if callable(metrics) or isinstance(metrics, str):
        raise ArgumentError(
            f"metrics is a list of functions, such as [train.accuracy], not {metrics}"
        )
    named: dict[str, Metric] = {}
    taken = Counter(["loss"])
    for metric in metrics:
        if not callable(metric):
            raise ArgumentError(
                f"a metric is a function (outputs, targets), such as train.accuracy, not {metric!r}"
            )
        function = metric
        while isinstance(function, functools.partial):
            function = function.func
        name = getattr(function, "__name__", type(function).__name__)
        taken[name] += 1
        named[name if taken[name] == 1 else f"{name} {taken[name]}"] = metric
    return named


def examples_of(data: Any, name: str, dtype: Any) -> Dataset:
    """The data set, with floating-point arrays in this dtype unless they are mapped files, whose
    batches are cast when they are read.

    Raises:
        DTypeError: if inputs or targets are no numbers.
        ShapeError, DomainError: as `as_dataset`.
    """
    if isinstance(data, (tuple, list)) and len(data) == 2:
        data = [_numbers(v, what, name) for v, what in zip(data, FIELDS, strict=True)]
    found = as_dataset(data, name)
    arrays = [_numbers(getattr(found, what), what, found.name) for what in FIELDS]
    inputs, targets = (
        values.astype(dtype, copy=False)
        if values.dtype.kind == "f" and not is_mapped(values)
        else values
        for values in arrays
    )
    return Dataset(inputs, targets, found.name)


def _numbers(values: Any, what: str, name: str) -> Any:
    try:
        found = values if isinstance(values, (np.ndarray, Rows)) else to_numpy(values)
        as_dtype(found.dtype)
    except DTypeError as error:
        message = str(error).splitlines()[0]
        hint = " Classes are integers from 0: np.unique(labels, return_inverse=True)[1]."
        raise DTypeError(
            f"{name}: the {what} are no numbers to compute with: {message}."
            + (hint if what == "targets" else "")
        ) from None
    return found
