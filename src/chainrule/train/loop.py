"""The training loop."""

from __future__ import annotations

import functools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import random
from chainrule.calculus import value_and_grad
from chainrule.core.errors import DomainError, GradientError, TreeError
from chainrule.data.dataset import Dataset, as_dataset, batches
from chainrule.nn.module import Module, static_parts
from chainrule.optim.transform import Optimizer, apply_updates
from chainrule.tensor import Tensor, no_grad
from chainrule.train.guard import check_step
from chainrule.train.progress import ProgressBar
from chainrule.train.run import Callback, Epoch, Run

__all__ = ["Step", "evaluate", "fit", "make_step"]

Loss = Callable[[Any, Any], Tensor]
Metric = Callable[[Any, Any], Any]
Tensors = dict[str, Tensor]
Parameters = Tensors


class Step(NamedTuple):
    """What one training step gives: the next parameters and state, and what was seen on the way.

    ``buffers`` are those of `Module.buffers` as the call of the network left them.
    """

    parameters: Parameters
    state: Any
    loss: Tensor
    outputs: Any
    gradients: Parameters
    buffers: Tensors


def make_step(model: Module, loss: Loss, optimizer: Optimizer) -> Callable[..., Step]:
    """The pure training step ``(parameters, state, inputs, targets, buffers=None) -> Step``.

    The model gives the structure, and the buffers where none are given; it is not changed. A
    network that sets buffers when it is called, such as running means, leaves them in
    ``Step.buffers``, to be given to the next step.

    Raises (the step):
        GradientError: if the loss depends on no parameter, or the network sets a parameter.
        TreeError: if the network sets an attribute that is no tensor, which would be lost.

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

    def objective(parameters: Parameters, buffers: Tensors, inputs: Tensor, targets: Tensor) -> Any:
        network = model.replace(parameters | buffers)
        outputs = network(inputs)
        value = loss(outputs, targets)
        if not isinstance(value, Tensor) or not (value.requires_grad or value.is_traced):
            raise GradientError(
                "the loss does not depend on any parameter of the model. Compute it from the "
                "outputs by differentiable functions of tensors, without .detach(), .numpy() or "
                "argmax on the way."
            )
        return value, (outputs, _after_call(model, network, parameters, buffers))

    differentiate = value_and_grad(objective, has_aux=True)

    def step(
        parameters: Parameters,
        state: Any,
        inputs: Tensor,
        targets: Tensor,
        buffers: Tensors | None = None,
    ) -> Step:
        buffers = model.buffers() if buffers is None else buffers
        (value, (outputs, buffers)), gradients = differentiate(parameters, buffers, inputs, targets)
        updates, state = optimizer.update(gradients, state, parameters)
        return Step(apply_updates(parameters, updates), state, value, outputs, gradients, buffers)

    return step


def _after_call(model: Module, used: Module, parameters: Parameters, buffers: Tensors) -> Tensors:
    """The buffers of ``used``, a copy of ``model`` that was called, if nothing else has changed."""
    before, after = static_parts(model), static_parts(used)
    if before != after:
        changed = [name for name in before | after if [before.get(name)] != [after.get(name)]]
        raise TreeError(
            f"{', '.join(changed) or 'an attribute'} changed when the network was called. In "
            "training the call is made on a copy, of which only tensors are kept: make it a tensor "
            "from the start, such as self.count = cr.tensor(0) in __init__."
        )
    own = used.state_dict()
    for path, given in parameters.items():
        if own[path] is not given:
            raise GradientError(
                f"the network set its parameter {path} when it was called; parameters are changed "
                "by the optimizer alone. Use the new value without assigning it."
            )
    for path, buffer in buffers.items():
        if own[path].node.type is not buffer.node.type:
            raise TreeError(
                f"the buffer {path} was {buffer.node.type!r} and became {own[path].node.type!r} "
                "when the network was called; a buffer keeps its shape and dtype"
            )
    return {path: own[path] for path in buffers}


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

    A keyboard interrupt ends the run early and keeps what was learned; so does an error. Buffers
    that the network sets when it is called, such as running means, are kept like parameters.

    Args:
        model: the network.
        loss: ``loss(model(inputs), targets)`` is a scalar.
        data: a `data.Dataset` or a pair (inputs, targets). Floating-point arrays are cast to the
            dtype of the parameters, so that float64 data do not widen a float32 network.
        optimizer: from `cr.optim`.
        epochs: passes over the data.
        batch_size: examples a step.
        validation: data of the same kind, measured after every epoch and never trained on.
        metrics: functions ``metric(outputs, targets)``, shown under their names. A name that is
            taken, such as that of the loss, gets a number: ``"loss 2"``.
        callbacks: objects that take part; see `Callback`.
        key: of the shuffling, by default ``cr.random.key(0)``.
        progress: whether to show progress.

    Raises:
        NonFiniteError: if the loss or a gradient becomes NaN or infinite.
        GradientError: if the model has no parameters, or the loss is not a scalar or depends on
            none of them.
        TreeError: if the network, when it is called, sets an attribute that is no tensor.
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
    parameters = _constants(model.parameters())
    if not parameters:
        raise GradientError(f"fit: {type(model).__name__} has no parameter to train")
    dtype = next(iter(parameters.values())).dtype
    examples = _cast(as_dataset(data, "training data"), dtype)
    held_out = None if validation is None else as_dataset(validation, "validation data")
    key = random.key(0) if key is None else key
    named = _named(metrics)
    listeners = [*([ProgressBar()] if progress else []), *callbacks]
    step = make_step(model, loss, optimizer)

    run = Run(model, epochs, -(-len(examples) // batch_size), state=optimizer.init(parameters))
    buffers = _constants(model.buffers())
    start = time.perf_counter()
    try:
        for listener in listeners:
            listener.started(run)
        for number in range(1, epochs + 1):
            if run.ended != "running":
                break
            model.train()
            buffers = _constants(model.buffers())  # the validation may have set some, too
            began = time.perf_counter()
            sums: defaultdict[str, float] = defaultdict(float)
            seen = 0
            for inputs, targets in batches(examples, batch_size, key=random.fold_in(key, number)):
                with np.errstate(all="ignore"):  # check_step says it better
                    done = step(parameters, run.state, inputs, targets, buffers)
                check_step(
                    model,
                    parameters | buffers,
                    inputs,
                    done.loss,
                    done.gradients,
                    done.parameters,
                    run.steps + 1,
                )
                parameters, buffers = done.parameters, done.buffers
                run.state, run.gradients = done.state, done.gradients
                run.steps += 1
                measured = _measure(done.loss, done.outputs, targets, named)
                for name, value in measured.items():
                    sums[name] += value * len(targets)
                seen += len(targets)
                for listener in listeners:
                    listener.stepped(run, measured)
                if run.ended != "running":
                    break
            seconds = time.perf_counter() - began
            _assign(model, parameters | buffers)
            epoch = Epoch(
                number,
                seconds,
                {name: total / seen for name, total in sums.items()},
                {} if held_out is None else evaluate(model, loss, held_out, metrics=metrics),
            )
            run.history.append(epoch)
            for listener in listeners:
                listener.epoch_ended(run, epoch)
        if run.ended == "running":
            run.ended = "finished"
    except KeyboardInterrupt:
        run.ended = "interrupted"
    except BaseException as error:
        run.ended, run.reason = "failed", str(error)
        raise
    finally:
        _assign(model, parameters | buffers)
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
    named = _named(metrics)
    try:
        with no_grad():
            for inputs, targets in batches(examples, batch_size):
                outputs = model(inputs)
                value = loss(outputs, targets)
                for name, mean in _measure(value, outputs, targets, named).items():
                    sums[name] += mean * len(targets)
    finally:
        for _, module in model.modules():
            module.training = training[id(module)]
    return {name: total / len(examples) for name, total in sums.items()}


def _measure(
    loss: Tensor, outputs: Any, targets: Tensor, metrics: Mapping[str, Metric]
) -> dict[str, float]:
    measured = {name: float(metric(outputs, targets)) for name, metric in metrics.items()}
    return {"loss": loss.item()} | measured


def _named(metrics: Sequence[Metric]) -> dict[str, Metric]:
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


def _constants(tensors: Tensors) -> Tensors:
    return {path: value.detach() for path, value in tensors.items()}


def _assign(model: Module, tensors: Tensors) -> None:
    own = model.state_dict()
    for path, value in tensors.items():
        if own[path].node is not value.node:
            own[path].assign_(value)


def _cast(data: Dataset, dtype: Any) -> Dataset:
    """The data with floating-point arrays in this dtype."""

    def cast(values: np.ndarray) -> np.ndarray:
        return values.astype(dtype, copy=False) if values.dtype.kind == "f" else values

    return Dataset(cast(data.inputs), cast(data.targets), data.name)
