"""The training loop: what `fit` is given becomes the parts of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from chainrule import optim
from chainrule.core.errors import ArgumentError, DomainError, GradientError
from chainrule.data.checks import at_least
from chainrule.data.loader import Loader
from chainrule.data.source import Source, described
from chainrule.nn.module import Module
from chainrule.optim.transform import Optimizer
from chainrule.tensor import Tensor
from chainrule.train.callbacks import EarlyStopping, StepLimit, TimeLimit
from chainrule.train.checkpoint import (
    MODEL,
    Checkpoint,
    CheckpointError,
    CheckpointWarning,
    check_model,
    check_settings,
    checkpoints_in,
    newest,
    read_checkpoint,
    state_from,
)
from chainrule.train.course import NORM, Course, Plan
from chainrule.train.engine import Engine, Standing
from chainrule.train.evaluation import Evaluation, examples_of, named_metrics
from chainrule.train.fallback import warn_user
from chainrule.train.feed import Feed, feed_of
from chainrule.train.guard import NonFiniteError
from chainrule.train.keeping import Checkpoints
from chainrule.train.logs import RunLog
from chainrule.train.metrics.kinds import batch_part, is_whole
from chainrule.train.monitor import Mode, Monitor, monitor_of
from chainrule.train.native import copied
from chainrule.train.progress import ProgressBar
from chainrule.train.run import Callback, Run
from chainrule.train.saving import save
from chainrule.train.step import Loss, Metric, Penalty, check_loss, check_optimizer

__all__ = ["fit"]


def fit(
    model: Module,
    loss: Loss,
    data: Any,
    *,
    optimizer: Optimizer,
    schedule: Callable[[Tensor], Any] | None = None,
    penalty: Penalty | None = None,
    epochs: int = 10,
    batch_size: int | None = None,
    validation: Any = None,
    metrics: Sequence[Metric] = (),
    monitor: str | None = None,
    mode: Mode | None = None,
    callbacks: Sequence[Callback] = (),
    max_steps: int | None = None,
    max_seconds: float | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool | str | os.PathLike[str] = False,
    key: Tensor | None = None,
    progress: bool = True,
    compile: bool = True,
) -> Run:
    """Train a network in place, and leave it in the mode for use (`Module.eval`).

    A keyboard interrupt ends the run early and keeps what was learned; so does an error. Buffers
    that the network sets when it is called, such as running means, are kept like parameters.

    With a ``folder`` the run writes ``log.jsonl``, an object for its start, each epoch and its end,
    ``checkpoints/``, and in the end ``model.safetensors``. A run that was killed at any moment goes
    on from its last checkpoint when `fit` is called again with the same arguments and
    ``resume=True``, and ends with the same bits as one that was not: model, optimizer, history and
    callbacks. What that takes: a network without state other than its tensors, data that depend on
    nothing but the epoch, and the same machine.

    Args:
        model: the network.
        loss: ``loss(model(inputs), targets)`` is a scalar.
        data: a `data.Dataset` or a pair (inputs, targets), of which many steps are taken in one
            native call; or a `data.Loader` or `data.Stream`, whose batches a thread can prepare
            beside the steps. Floating-point arrays are cast to the dtype of the parameters, so that
            float64 data do not widen a float32 network.
        optimizer: from `cr.optim`.
        schedule: a factor on the updates as a function of the number of steps done, 1 for the
            learning rate of the optimizer: such as ``optim.cosine_decay()``, which takes the whole
            training.
        penalty: ``penalty(parameters)``, a scalar of the parameters by path, is added to the loss
            in each step, such as ``lambda p: 1e-4 * nn.l1_penalty(p)``. It is measured beside the
            loss, not as a part of it.
        epochs: passes over the data.
        batch_size: examples a step, by default 32; a loader has its own.
        validation: data of the same kind, measured after every epoch and never trained on.
        metrics: functions ``metric(outputs, targets)``, shown under their names. A name that is
            taken, such as that of the loss, gets a number: ``"loss 2"``. Those that are no means
            over the examples (marked `whole`) are measured on the validation data alone.
        monitor: what tells the best epoch, such as ``"validation accuracy"``; by default what an
            `EarlyStopping` names, or the loss on the validation data, or without these the loss.
        mode: whether "min" or "max" of it is best, where the name does not tell.
        callbacks: objects that take part; see `Callback`. They are told in this order, and
            checkpoints are written last.
        max_steps, max_seconds: end the run early; see `StepLimit` and `TimeLimit`.
        folder: where the run writes; without it nothing is written. There are `Checkpoints` of each
            epoch unless others are among the callbacks.
        resume: True to go on from the newest checkpoint in the folder that can be read, or to start
            where there is none; or the path of a checkpoint.
        key: of the shuffling, by default ``cr.random.key(0)``; a loader has its own.
        progress: whether to show progress.
        compile: whether steps run natively, many in one call where they are short: then the step
            is traced, so that the network, the loss and the metrics must not branch on values.
            What cannot be traced runs in Python, after a `CompileWarning` that names the line.
            False is for debugging; the numbers are the same up to rounding.

    Warns:
        UnusedParameterWarning: names parameters on which the loss does not depend.
        CheckpointWarning: if a file cannot be written, after which the run goes on, or a damaged
            checkpoint is passed over.

    Raises:
        NonFiniteError: if the loss or a gradient becomes NaN or infinite.
        ArgumentError: if ``optimizer`` is none, or is bound to a model; if ``loss`` is no function
            or a callback none; or of arguments that do not go together.
        CheckpointError: if the checkpoint is damaged, or of another model, optimizer or data; all
            that differs is listed. Or if there are checkpoints, and ``resume`` is False.
        GradientError: if the model has no parameters, or the loss is not a scalar or depends on
            none of them, or on one of them other than through the outputs.
        DTypeError: if the data are no numbers.
        TreeError: if the network, when it is called, sets an attribute that is no tensor.
        DomainError: if ``epochs`` or ``batch_size`` is below 1, the data hold a NaN, or a metric
            of all examples together is asked for without validation data.
        ShapeError: if inputs and targets differ in length, or there are none.
        OSError: if the folder cannot be made.

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
    at_least("fit", 1, epochs=epochs)
    check_optimizer(optimizer)
    check_loss(loss)
    _check_callbacks(callbacks)
    parameters = model.parameters()
    if not parameters:
        raise GradientError(f"fit: {type(model).__name__} has no parameter to train")
    epochs, dtype = int(epochs), next(iter(parameters.values())).dtype  # any kind of whole number
    feed = feed_of(data, dtype, batch_size, key)
    named = named_metrics(metrics)
    parts = _of_steps(named, validation)
    held_out = held = None
    if validation is not None:
        given = isinstance(validation, Source)
        held = validation if given else Loader(examples_of(validation, "validation data", dtype))
        held_out = Evaluation(model, loss, held if given else held.data, named)
    place = None if folder is None else Path(folder)
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    listeners = _listeners(callbacks, progress, place, max_steps, max_seconds)
    judge = _monitor(monitor, mode, listeners, validation is not None)
    fitted = _fitted(schedule, feed, epochs, max_steps)
    scaled = any(listener.rescales for listener in listeners)
    pieces = [
        optimizer,
        *([] if fitted is None else [optim.scale_by_schedule(fitted)]),
        *([optim.scale_by_factor()] if scaled else []),
    ]
    whole = optim.chain(*pieces) if len(pieces) > 1 else optimizer
    settings = {
        "data": feed.source.fingerprint(),
        "validation": None if held is None else held.fingerprint(),
        "loss": described(loss),
        "optimizer": repr(optimizer),
        "schedule": None if fitted is None else described(fitted),
        "penalty": described(penalty),
        "metrics": list(named),
        "monitor": f"{judge.mode} {judge.name}",
        "compiled": compile,
    }
    names = ["loss", *([] if penalty is None else ["penalty"]), NORM, *parts]
    plan = Plan(names, named, held_out, judge, fitted, scaled, optimizer.max_norm, settings)

    resumed = _resumed(resume, place, listeners)
    standing = None if resumed is None else _standing(resumed, model, whole, settings, compile)
    engine = Engine(model, loss, whole, penalty, feed, parts, compile, standing)
    run = Run(model, epochs, feed.source.steps_per_epoch, monitor=judge, folder=place)
    run.config = {"epochs": epochs, "architecture": repr(model)} | settings
    course = Course(run, plan, engine, listeners, resumed)
    _carry_out(run, course, listeners)
    return run


def _carry_out(run: Run, course: Course, listeners: Sequence[Callback]) -> None:
    """From the first step to the last, however the run ends."""
    start = time.perf_counter()
    run.inside = course
    try:
        for listener in listeners:
            listener.started(run)
        course.go()
    except KeyboardInterrupt:
        run.ended = "interrupted"
        run.reason = f"interrupted in epoch {course.place.epoch}; the model keeps what was learned"
    except BaseException as error:
        run.ended, run.reason = "failed", str(error)
        if isinstance(error, NonFiniteError) and run.checkpoint is not None:
            error.checkpoint = run.checkpoint
            error.add_note(f"The last checkpoint is {run.checkpoint}.")
        raise
    finally:
        with ExitStack() as stack:  # all of it, also where a part of it fails
            stack.callback(_left, run, start)
            for listener in reversed(listeners):
                stack.callback(listener.ended, run)
            course.close()
            run.model.eval()
            run.last = {name: course.part(name) for name in ("state", "gradients")}


def _left(run: Run, start: float) -> None:
    run.seconds = time.perf_counter() - start
    run.inside = None


def _check_callbacks(callbacks: Any) -> None:
    if isinstance(callbacks, Callback):
        raise ArgumentError(f"fit: callbacks is a list, such as [{callbacks!r}]")
    for callback in callbacks:
        if isinstance(callback, type) and issubclass(callback, Callback):
            raise ArgumentError(
                f"fit: a callback is an object, this is the class {callback.__name__}; make one by "
                f"{callback.__name__}(…)"
            )
        if not isinstance(callback, Callback):
            raise ArgumentError(
                f"fit: a callback is an object of a subclass of train.Callback, not {callback!r}"
            )


def _of_steps(named: dict[str, Metric], validation: Any) -> dict[str, Metric]:
    """The metrics that are measured in every step."""
    parts = {name: batch_part(metric) for name, metric in named.items() if not is_whole(metric)}
    if validation is None and len(parts) < len(named):
        missed = [name for name in named if name not in parts]
        raise DomainError(
            f"fit: {', '.join(missed)} is measured on all examples of an epoch together, and so on "
            "validation data alone; give validation=…, or call train.evaluate after training"
        )
    return parts


def _listeners(
    callbacks: Sequence[Callback],
    progress: bool,
    folder: Path | None,
    max_steps: int | None,
    max_seconds: float | None,
) -> list[Callback]:
    """All who are told, in order: checkpoints hold what the others have come to, and are last."""
    keepers = [callback for callback in callbacks if isinstance(callback, Checkpoints)]
    if folder is not None and not keepers:
        keepers = [Checkpoints()]
    return [
        *([ProgressBar()] if progress else []),
        *([] if max_steps is None else [StepLimit(max_steps)]),
        *([] if max_seconds is None else [TimeLimit(max_seconds)]),
        *(callback for callback in callbacks if not isinstance(callback, Checkpoints)),
        *([] if folder is None else [RunLog(), _FinalModel()]),
        *keepers,
    ]


class _FinalModel(Callback):
    """Writes the model in the end, to the folder of the run."""

    def ended(self, run: Run) -> None:
        if run.folder is None or run.ended == "failed":
            return
        try:
            save(run.model, run.folder / "model.safetensors", {"steps": run.steps})
        except OSError as error:
            warn_user(f"the model could not be written ({error})", CheckpointWarning)


def _monitor(
    name: str | None, mode: Mode | None, listeners: Sequence[Callback], held_out: bool
) -> Monitor:
    wanted = [] if name is None else [monitor_of(name, mode)]
    wanted += [x.monitor for x in listeners if isinstance(x, EarlyStopping) and x.monitor]
    if len({monitor.name for monitor in wanted}) > 1:
        raise ArgumentError(
            "fit: one number tells which epoch is best, but there are "
            f"{' and '.join(monitor.name for monitor in wanted)}; name one"
        )
    return wanted[0] if wanted else monitor_of("validation loss" if held_out else "loss")


def _fitted(
    schedule: Callable[[Tensor], Any] | None, feed: Feed, epochs: int, max_steps: int | None
) -> Callable[[Tensor], Any] | None:
    """The schedule for a training of this length."""
    if not isinstance(schedule, optim.Schedule):
        if schedule is not None and not callable(schedule):
            raise ArgumentError(
                f"fit: schedule is a function of the number of steps, such as "
                f"optim.cosine_decay(), not {schedule!r}"
            )
        return schedule
    each = feed.source.steps_per_epoch
    lengths = [] if each is None else [epochs * each]
    lengths += [] if max_steps is None else [max_steps]
    if lengths:
        return schedule.over(min(lengths))
    if schedule.function is None:
        raise DomainError(
            f"fit: {schedule} takes the whole training, and {feed.source!r} does not say how long "
            "that is; give it steps=…, or fit max_steps=…"
        )
    return schedule


def _resumed(
    resume: bool | str | os.PathLike[str], folder: Path | None, listeners: Sequence[Callback]
) -> Checkpoint | None:
    """The checkpoint from which the run goes on."""
    places = {x.place(folder) for x in listeners if isinstance(x, Checkpoints)}
    if not isinstance(resume, bool):
        return read_checkpoint(Path(resume))
    if resume:
        if not places:
            raise ArgumentError("fit: resume=True goes on with the run in a folder; give folder=…")
        found = [checkpoint for place in sorted(places) if (checkpoint := newest(place))]
        return max(found, key=lambda one: one.description["position"]["steps"], default=None)
    for place in places:
        if old := checkpoints_in(place):
            raise CheckpointError(
                f"{place} holds the checkpoints of a run, up to {old[0].name}; go on with it by "
                "resume=True, or choose another folder"
            )
    return None


def _standing(
    checkpoint: Checkpoint,
    model: Module,
    optimizer: Optimizer,
    settings: dict[str, Any],
    compile: bool,
) -> Standing:
    """Where the checkpoint stands, after the model got its tensors from it."""
    check_model(checkpoint, model)
    parameters = {path: value.detach() for path, value in model.parameters().items()}
    like = optimizer.init(parameters)
    check_settings(checkpoint, settings)
    state = state_from(checkpoint, copied(like) if compile else like, repr(optimizer))
    model.load_state_dict(checkpoint.part(MODEL))
    position = checkpoint.description["position"]
    return Standing(position["steps"], state, position["light"])
