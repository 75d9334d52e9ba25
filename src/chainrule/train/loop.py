"""The training loop."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import random
from chainrule.calculus import value_and_grad
from chainrule.core.errors import DomainError, GradientError
from chainrule.data.dataset import Dataset, as_dataset, batches
from chainrule.nn.module import Module
from chainrule.optim.transform import Optimizer, apply_updates
from chainrule.tensor import Tensor, no_grad
from chainrule.train.guard import check_step
from chainrule.train.progress import ProgressBar
from chainrule.train.run import Callback, Epoch, Run

__all__ = ["Step", "evaluate", "fit", "make_step"]

Loss = Callable[[Any, Any], Tensor]
Metric = Callable[[Any, Any], Any]
Parameters = dict[str, Tensor]


class Step(NamedTuple):
    """What one training step gives: the next parameters and state, and what was seen on the way."""

    parameters: Parameters
    state: Any
    loss: Tensor
    outputs: Any
    gradients: Parameters


def make_step(
    model: Module, loss: Loss, optimizer: Optimizer
) -> Callable[[Parameters, Any, Tensor, Tensor], Step]:
    """The pure training step ``(parameters, state, inputs, targets) -> Step``.

    The model gives the structure; its own parameters are neither read nor changed.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0))
    >>> optimizer = cr.optim.sgd(0.1)
    >>> step = cr.train.make_step(model, cr.nn.mse, optimizer)
    >>> parameters = {"weight": cr.tensor([[1.0]]), "bias": cr.tensor([0.0])}
    >>> after = step(
    ...     parameters, optimizer.init(parameters), cr.tensor([[1.0]]), cr.tensor([[3.0]])
    ... )
    >>> after.loss, after.parameters["weight"]
    (tensor(4.), tensor([[1.4]]))
    """

    def objective(parameters: Parameters, inputs: Tensor, targets: Tensor) -> Any:
        outputs = model.replace(parameters)(inputs)
        return loss(outputs, targets), outputs

    differentiate = value_and_grad(objective, has_aux=True)

    def step(parameters: Parameters, state: Any, inputs: Tensor, targets: Tensor) -> Step:
        (value, outputs), gradients = differentiate(parameters, inputs, targets)
        updates, state = optimizer.update(gradients, state, parameters)
        return Step(apply_updates(parameters, updates), state, value, outputs, gradients)

    return step


def fit(
    model: Module,
    loss: Loss,
    data: Any,
    *,
    optimizer: Optimizer,
    epochs: int = 10,
    batch_size: int = 32,
    validation: Any = None,
    metrics: Sequence[Metric] = (),
    callbacks: Sequence[Callback] = (),
    key: Tensor | None = None,
    progress: bool = True,
) -> Run:
    """Train a network in place, and leave it in the mode for use (`Module.eval`).

    A keyboard interrupt ends the run early and keeps what was learned; so does an error.

    Args:
        model: the network.
        loss: ``loss(model(inputs), targets)`` is a scalar.
        data: a `data.Dataset` or a pair (inputs, targets). Floating-point arrays are cast to the
            dtype of the parameters, so that float64 data do not widen a float32 network.
        optimizer: from `cr.optim`.
        epochs: passes over the data.
        batch_size: examples a step.
        validation: data of the same kind, measured after every epoch and never trained on.
        metrics: functions ``metric(outputs, targets)``, shown under their names.
        callbacks: objects that take part; see `Callback`.
        key: of the shuffling, by default ``cr.random.key(0)``.
        progress: whether to show progress.

    Raises:
        NonFiniteError: if the loss or a gradient becomes NaN or infinite.
        GradientError: if the model has no parameters or the loss is not a scalar.
        DomainError: if ``epochs`` or ``batch_size`` is below 1, or the data hold a NaN.
        ShapeError: if inputs and targets differ in length, or there are none.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0))
    >>> x = cr.tensor([[-1.0], [0.0], [1.0]])
    >>> run = cr.train.fit(
    ...     model, cr.nn.mse, (x, 3 * x + 2), optimizer=cr.optim.sgd(0.1), epochs=100,
    ...     progress=False,
    ... )
    >>> round(model(cr.tensor([[2.0]])).item(), 3), run.ended
    (8.0, 'finished')
    """
    if epochs < 1 or batch_size < 1:
        raise DomainError(
            f"fit: epochs and batch_size are at least 1, not {epochs} and {batch_size}"
        )
    parameters = {path: p.detach() for path, p in model.parameters().items()}
    if not parameters:
        raise GradientError(f"fit: {type(model).__name__} has no parameter to train")
    dtype = next(iter(parameters.values())).dtype
    examples = _cast(as_dataset(data, "training data"), dtype)
    held_out = None if validation is None else as_dataset(validation, "validation data")
    key = random.key(0) if key is None else key
    listeners = [*([ProgressBar()] if progress else []), *callbacks]
    step = make_step(model, loss, optimizer)

    run = Run(model, epochs, -(-len(examples) // batch_size), state=optimizer.init(parameters))
    start = time.perf_counter()
    try:
        for listener in listeners:
            listener.started(run)
        for number in range(1, epochs + 1):
            model.train()
            began = time.perf_counter()
            sums: defaultdict[str, float] = defaultdict(float)
            seen = 0
            for inputs, targets in batches(examples, batch_size, key=random.fold_in(key, number)):
                with np.errstate(all="ignore"):  # check_step says it better
                    done = step(parameters, run.state, inputs, targets)
                check_step(
                    model,
                    parameters,
                    inputs,
                    done.loss,
                    done.gradients,
                    done.parameters,
                    run.steps + 1,
                )
                parameters, run.state, run.gradients = done.parameters, done.state, done.gradients
                run.steps += 1
                measured = _measure(done.loss, done.outputs, targets, metrics)
                for name, value in measured.items():
                    sums[name] += value * len(targets)
                seen += len(targets)
                for listener in listeners:
                    listener.stepped(run, measured)
                if run.ended != "running":
                    break
            seconds = time.perf_counter() - began
            _assign(model, parameters)
            epoch = Epoch(
                number,
                seconds,
                {name: total / seen for name, total in sums.items()},
                {} if held_out is None else evaluate(model, loss, held_out, metrics=metrics),
            )
            run.history.append(epoch)
            for listener in listeners:
                listener.epoch_ended(run, epoch)
            if run.ended != "running":
                break
        else:
            run.ended = "finished"
    except KeyboardInterrupt:
        run.ended = "interrupted"
    finally:
        _assign(model, parameters)
        model.eval()
        run.seconds = time.perf_counter() - start
        for listener in listeners:
            listener.ended(run)
    return run


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
    training = {id(module): module.training for _, module in model.modules()}
    model.eval()
    dtype = next((p.dtype for p in model.parameters().values()), np.dtype("float32"))
    examples = _cast(as_dataset(data), dtype)
    sums: defaultdict[str, float] = defaultdict(float)
    try:
        with no_grad():
            for inputs, targets in batches(examples, batch_size):
                outputs = model(inputs)
                value = loss(outputs, targets)
                for name, mean in _measure(value, outputs, targets, metrics).items():
                    sums[name] += mean * len(targets)
    finally:
        for _, module in model.modules():
            module.training = training[id(module)]
    return {name: total / len(examples) for name, total in sums.items()}


def _measure(
    loss: Tensor, outputs: Any, targets: Tensor, metrics: Sequence[Metric]
) -> dict[str, float]:
    return {"loss": loss.item()} | {m.__name__: float(m(outputs, targets)) for m in metrics}


def _assign(model: Module, parameters: Mapping[str, Tensor]) -> None:
    own = model.parameters()
    for path, value in parameters.items():
        own[path].assign_(value)


def _cast(data: Dataset, dtype: Any) -> Dataset:
    """The data with floating-point arrays in this dtype."""

    def cast(values: np.ndarray) -> np.ndarray:
        return values.astype(dtype, copy=False) if values.dtype.kind == "f" else values

    return Dataset(cast(data.inputs), cast(data.targets), data.name)
