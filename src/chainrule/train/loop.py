"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import random
from chainrule.core.errors import DomainError, GradientError
from chainrule.nn.module import Module
from chainrule.optim.transform import Optimizer
from chainrule.tensor import Tensor
from chainrule.train.engine import Block, Engine
from chainrule.train.evaluation import Evaluation, examples_of, named_metrics
from chainrule.train.metrics.kinds import batch_part, finished, is_whole
from chainrule.train.progress import ProgressBar
from chainrule.train.run import Callback, Epoch, Run
from chainrule.train.step import Loss, Metric

__all__ = ["fit"]


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
    compile: bool = True,
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
            taken, such as that of the loss, gets a number: ``"loss 2"``. Those that are no means
            over the examples (marked `whole`) are measured on the validation data alone.
        callbacks: objects that take part; see `Callback`.
        key: of the shuffling, by default ``cr.random.key(0)``.
        progress: whether to show progress.
        compile: whether steps run natively, many in one call where they are short: then the step
            is traced, so that the network, the loss and the metrics must not branch on values.
            What cannot be traced runs in Python, after a `CompileWarning` that names the line.
            False is for debugging; the numbers are the same up to rounding.

    Raises:
        NonFiniteError: if the loss or a gradient becomes NaN or infinite.
        ArgumentError: if ``optimizer`` is none, or is bound to a model.
        GradientError: if the model has no parameters, or the loss is not a scalar or depends on
            none of them, or on one of them other than through the outputs.
        DTypeError: if the data are no numbers.
        TreeError: if the network, when it is called, sets an attribute that is no tensor.
        DomainError: if ``epochs`` or ``batch_size`` is below 1, the data hold a NaN, or a metric
            of all examples together is asked for without validation data.
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
    parameters = model.parameters()
    if not parameters:
        raise GradientError(f"fit: {type(model).__name__} has no parameter to train")
    dtype = next(iter(parameters.values())).dtype
    examples = examples_of(data, "training data", dtype)
    key = random.key(0) if key is None else key
    named = named_metrics(metrics)
    parts = {name: batch_part(m) for name, m in named.items() if not is_whole(m)}
    if validation is None and len(parts) < len(named):
        missed = [name for name in named if name not in parts]
        raise DomainError(
            f"fit: {', '.join(missed)} is measured on all examples of an epoch together, and so on "
            "validation data alone; give validation=…, or call train.evaluate after training"
        )
    names = ["loss", *parts]
    held_out = None
    if validation is not None:
        held_out = Evaluation(model, loss, validation, named, name="validation data")
    listeners = [*([ProgressBar()] if progress else []), *callbacks]
    stepped = [listener.stepped for listener in listeners if _listens(listener)]
    engine = Engine(model, loss, optimizer, examples, batch_size, epochs, parts, compile)

    run = Run(model, epochs, -(-len(examples) // batch_size))
    run.part = lambda name: engine.look(run.steps, name)
    start = time.perf_counter()
    try:
        for listener in listeners:
            listener.started(run)
        for number in range(1, epochs + 1):
            if run.ended != "running":
                break
            model.train()
            began = time.perf_counter()
            sums = np.zeros(len(names))
            seen = 0
            order = random.permutation(random.fold_in(key, number), len(examples)).numpy()
            for block in engine.epoch(order):
                values = block.values
                if block.measure is None and not stepped:
                    run.steps += len(values)
                else:
                    values = _told(run, names, block, stepped)
                sums += block.size * values.sum(axis=0)
                seen += block.size * len(values)
                if run.ended != "running":
                    break
            seconds = time.perf_counter() - began
            _assign(model, run)
            epoch = Epoch(
                number,
                seconds,
                {
                    name: finished(named[name], mean) if name in named else mean
                    for name, mean in zip(names, (sums / seen).tolist(), strict=True)
                },
                {} if held_out is None else held_out(engine.is_worthwhile),
            )
            run.history.append(epoch)
            for listener in listeners:
                listener.epoch_ended(run, epoch)
        if run.ended == "running":
            run.ended = "finished"
    except KeyboardInterrupt:
        run.ended = "interrupted"
        number = min(len(run.history) + 1, epochs)
        run.reason = f"interrupted in epoch {number}; the model keeps what was learned"
    except BaseException as error:
        run.ended, run.reason = "failed", str(error)
        raise
    finally:
        _assign(model, run)
        run.part = {name: run.part(name) for name in ("state", "gradients")}.__getitem__
        model.eval()
        run.seconds = time.perf_counter() - start
        for listener in listeners:
            listener.ended(run)
    return run


def _listens(listener: Callback) -> bool:
    """Whether it does anything after a step."""
    return getattr(type(listener), "stepped", None) is not Callback.stepped


def _told(
    run: Run, names: Sequence[str], block: Block, stepped: Sequence[Callable[..., None]]
) -> np.ndarray:
    """Count the steps one by one and tell the listeners; returns what was measured in those up to
    the one at which a listener stopped the run."""
    rows = []
    for row in block.values.tolist():
        run.steps += 1
        if block.measure is not None:
            row += block.measure()
        rows.append(row)
        for tell in stepped:
            tell(run, dict(zip(names, row, strict=True)))
        if run.ended != "running":
            break
    return np.array(rows)


def _assign(model: Module, run: Run) -> None:
    """Give the model what the run has come to."""
    own = model.state_dict()
    for path, value in (run.part("parameters") | run.part("buffers")).items():
        if own[path].node is not value.node:
            own[path].assign_(value)
