"""The course of a run: its epochs, what is counted on the way, and how it is taken up again."""

from __future__ import annotations

import copy
import dataclasses
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from chainrule._version import __version__
from chainrule.core.node import array
from chainrule.optim.scaling import FactorState
from chainrule.tensor import Tensor, tensor
from chainrule.train.checkpoint import (
    BEST,
    MODEL,
    Checkpoint,
    CheckpointWarning,
    read_checkpoint,
    state_into,
)
from chainrule.train.engine import Block, Engine
from chainrule.train.evaluation import Evaluation
from chainrule.train.fallback import warn_user
from chainrule.train.files import SavedModelError
from chainrule.train.metrics.kinds import finished
from chainrule.train.monitor import Monitor
from chainrule.train.native import MOST
from chainrule.train.run import Best, Callback, Epoch, GradientNorms, Place, Run, Snapshot
from chainrule.train.step import Metric

__all__ = ["Course", "Plan"]

NORM = "gradient norm"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is decided before a run starts.

    Attributes:
        names: of what is measured in every step, in the order in which the engine gives it.
        metrics: all, by name.
        validation: measures the held-out data, or None.
        monitor: what is best.
        schedule: the factor on the updates by the number of steps done, or None.
        is_scaled: whether the last piece of the optimizer is `optim.scale_by_factor`.
        max_norm: the norm to which gradients are clipped, or None.
        settings: what a run that goes on must have in common with this one.
    """

    names: Sequence[str]
    metrics: Mapping[str, Metric]
    validation: Evaluation | None
    monitor: Monitor
    schedule: Callable[[Tensor], Any] | None
    is_scaled: bool
    max_norm: float | None
    settings: Mapping[str, Any]


class Count(NamedTuple):
    """What has been done, replaced as a whole so that an interrupt finds it consistent.

    Attributes:
        place: the epoch, and its batches done.
        steps: of the run.
        examples: of the epoch.
        sums: over these, of what is measured in each step.
    """

    place: Place
    steps: int
    examples: int
    sums: np.ndarray


class Course:
    """The course of one run.

    Args:
        run: its record.
        plan: what was decided.
        engine: takes the steps.
        listeners: are told.
        resumed: where the run goes on, or None for a new one.
    """

    def __init__(
        self,
        run: Run,
        plan: Plan,
        engine: Engine,
        listeners: Sequence[Callback],
        resumed: Checkpoint | None = None,
    ) -> None:
        self._run = run
        self._plan = plan
        self._engine = engine
        self._listeners = listeners
        self._stepped = [x.stepped for x in listeners if _overrides(x, "stepped")]
        self._advanced = [x.advanced for x in listeners if _overrides(x, "advanced")]
        self._limits = [x.next_step for x in listeners if _overrides(x, "next_step")]
        self._shown = [i for i, name in enumerate(plan.names) if name != NORM]
        self._count = Count(Place(1, 0), 0, 0, np.zeros(len(plan.names)))
        self._norms: list[np.ndarray] = []
        self._closed = False
        self._saved: list[dict[str, Any]] = []  # the whole epochs of the history, for snapshots
        if resumed is not None:
            self._take_up(resumed)

    def go(self) -> None:
        """From here to the end, whatever it is."""
        run = self._run
        while run.ended == "running" and self._count.place.epoch <= run.epochs:
            run.model.train()
            began = time.perf_counter()
            whole = self._steps()
            seconds = time.perf_counter() - began
            self.assign()
            self._end_epoch(seconds, whole)
        if run.ended == "running":
            run.ended = "finished"

    def close(self) -> None:
        """Bring the model and what a checkpoint would hold together, before anybody who is told of
        the end changes the model."""
        if self._count.place.batch == 0:
            self._engine.take_over_buffers(self._count.steps)
        self.assign()
        self._run.steps = self._count.steps
        self._closed = True

    def assign(self) -> None:
        """Give the model what the run has come to."""
        own = self._run.model.state_dict()
        for path, value in (self.part("parameters") | self.part("buffers")).items():
            if own[path].node is not value.node:
                own[path].assign_(value)

    # -- steps -------------------------------------------------------------------------------------

    def _steps(self) -> bool:
        """Take the steps of the epoch that are left; returns whether all were taken."""
        run, timings = self._run, self._run.timings
        number, start = self._count.place
        with closing(self._engine.epoch(number, start, self._most)) as blocks:
            for block in self._timed(blocks):
                if block.measure is None and not self._stepped:
                    self._advance(block.size, block.values)
                else:
                    self._tell(block)
                timings.steps, timings.compile = self._engine.taking, self._engine.compiling
                for tell in self._advanced:
                    tell(run)
                if run.ended != "running":
                    return self._count.place.batch == run.steps_per_epoch
        return True

    def _timed(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The blocks; what they take beside steps and compilation is waiting for data."""
        engine, timings = self._engine, self._run.timings
        while True:
            began = time.perf_counter() - engine.taking - engine.compiling
            block = next(blocks, None)
            timings.data += time.perf_counter() - engine.taking - engine.compiling - began
            if block is None:
                return
            yield block

    def _most(self) -> int:
        """How many steps the next call may take."""
        wanted = [limit(self._run) for limit in self._limits]
        return max(1, min([MOST, *(w - self._count.steps for w in wanted if w is not None)]))

    def _tell(self, block: Block) -> None:
        """Count the steps one by one and tell the listeners, up to the one at which one of them
        stopped the run."""
        run = self._run
        names = [self._plan.names[i] for i in self._shown]
        for row in block.values.tolist():
            if block.measure is not None:
                row += self._measured(block)
            self._advance(block.size, np.array([row]))
            for tell in self._stepped:
                tell(run, dict(zip(names, (row[i] for i in self._shown), strict=True)))
            if run.ended != "running":
                break

    def _measured(self, block: Block) -> list[float]:
        assert block.measure is not None
        try:
            return block.measure()
        except Exception:  # the step was taken
            missing = len(self._plan.names) - block.values.shape[1]
            self._advance(block.size, np.append(block.values, [[np.nan] * missing], axis=1))
            raise

    def _advance(self, size: int, values: np.ndarray) -> None:
        count, steps = self._count, len(values)
        # one after the other, so that how many steps a call takes does not matter
        sums = np.cumsum(np.vstack([count.sums, size * values]), axis=0)[-1]
        self._norms.append(values[:, self._plan.names.index(NORM)])
        place = Place(count.place.epoch, count.place.batch + steps)
        self._count = Count(place, count.steps + steps, count.examples + size * steps, sums)
        self._run.steps = self._count.steps

    # -- epochs ------------------------------------------------------------------------------------

    def _end_epoch(self, seconds: float, whole: bool) -> None:
        run, plan, count = self._run, self._plan, self._count
        validation: dict[str, float] = {}
        if plan.validation is not None:
            began = time.perf_counter()
            validation = plan.validation(self._engine.is_worthwhile(count.place.epoch))
            run.timings.validation += time.perf_counter() - began
        means = (count.sums / max(1, count.examples)).tolist()
        epoch = Epoch(
            count.place.epoch,
            seconds,
            {
                name: finished(plan.metrics[name], mean) if name in plan.metrics else mean
                for name, mean in zip(plan.names, means, strict=True)
                if name != NORM
            },
            validation,
            self._factor(),
            self._gradients(),
        )
        run.history.append(epoch)
        before, norms, carry = count, self._norms, self._engine.carry
        states = copy.deepcopy(self._states())
        try:
            if whole:
                value = plan.monitor.value(epoch)
                if plan.monitor.is_better(value, None if run.best is None else run.best.value):
                    run.best = Best(epoch, value, self._tensors())
                place = Place(epoch.number + 1, 0)
                self._count = Count(place, count.steps, 0, np.zeros(len(plan.names)))
                self._norms = []
            for listener in self._listeners:
                listener.epoch_ended(run, epoch)
        except KeyboardInterrupt:
            # some were told and others not: a run that goes on from here ends the epoch once more
            self._count, self._norms, self._engine.carry = before, norms, carry
            for listener, (_, state) in zip(self._listeners, states, strict=True):
                listener.load_state_dict(state)
            raise

    def _factor(self) -> float:
        """By which updates were multiplied in the last step."""
        schedule, factor = self._plan.schedule, 1.0
        if schedule is not None:
            factor = float(schedule(tensor(max(0, self._count.steps - 1))))
        if self._plan.is_scaled:
            factor *= self.part("state")[-1].factor.item()
        return factor

    def _gradients(self) -> GradientNorms | None:
        norms = self._epoch_norms()
        if not len(norms):
            return None
        limit = self._plan.max_norm
        clipped = None if limit is None else float((norms > limit).mean())
        return GradientNorms(float(np.median(norms)), float(norms.max()), clipped)

    def _epoch_norms(self) -> np.ndarray:
        """Of the steps that are counted; an interrupt may have left more."""
        return np.concatenate([np.empty(0), *self._norms])[: self._count.place.batch]

    def _tensors(self) -> dict[str, Tensor]:
        """The model after an epoch. The validation may have changed buffers, and the next epoch
        begins with them as they are."""
        buffers = {path: value.detach() for path, value in self._run.model.buffers().items()}
        tensors: dict[str, Tensor] = self.part("parameters") | buffers
        return tensors

    # -- what a run asks ---------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        """Where the run is."""
        return self._count.place

    def part(self, name: str) -> Any:
        """A part of the carry after the last step; see `Engine.look`."""
        return self._engine.look(self._count.steps, name)

    def rescale(self, factor: float) -> float:
        """Multiply all further updates by one more factor; returns the product of all so far."""
        total: float = factor * self.part("state")[-1].factor.item()
        self._engine.change_state(lambda state: (*state[:-1], FactorState(tensor(total))))
        return total

    def snapshot(self) -> Snapshot:
        """All that a run needs to go on from here, with the tensors of the best epoch."""
        run, count = self._run, self._count
        model = run.model.state_dict()  # with every path of a tensor that stands in several places
        between = count.place.batch == 0 and not self._closed
        mine = self._tensors() if between else self.part("parameters") | self.part("buffers")
        own = {id(model[path]): value for path, value in mine.items()}
        arrays = {f"{MODEL}{path}": own[id(leaf)].numpy() for path, leaf in model.items()}
        words = state_into(self.part("state"), arrays)
        arrays["epoch/norms"] = self._epoch_norms()
        whole = run.history[: count.place.epoch - 1]
        self._saved += [dataclasses.asdict(epoch) for epoch in whole[len(self._saved) :]]
        best = run.best if run.best and run.best.epoch.number < count.place.epoch else None
        if best is not None:
            arrays |= {f"{BEST}{path}": value.numpy() for path, value in best.tensors.items()}
        description = {
            "architecture": repr(run.model),
            "metadata": {"steps": count.steps, "epoch": count.place.epoch, "ended": run.ended},
            "versions": {"chainrule": __version__, "numpy": np.__version__}
            | {"python": platform.python_version()},
            "settings": dict(self._plan.settings),
            "position": {
                "epoch": count.place.epoch,
                "batch": count.place.batch,
                "steps": count.steps,
                "examples": count.examples,
                "sums": count.sums.tolist(),
                "light": self._engine.is_light,
            },
            "words": words,
            "best": None
            if best is None
            else {"epoch": best.epoch.number, "value": best.value, "file": None},
            "callbacks": self._states(),
            "history": self._saved[: len(whole)],
        }
        return Snapshot(arrays, description)

    def _states(self) -> list[list[Any]]:
        """Of the listeners, each with its class."""
        return [[type(x).__name__, x.state_dict()] for x in self._listeners]

    def _take_up(self, checkpoint: Checkpoint) -> None:
        run, found = self._run, checkpoint.description
        position = found["position"]
        self._count = Count(
            Place(position["epoch"], position["batch"]),
            position["steps"],
            position["examples"],
            np.array(position["sums"]),
        )
        self._norms = [checkpoint.arrays["epoch/norms"]]
        run.history.extend(_epoch(saved) for saved in found["history"])
        run.steps = run.resumed_at = position["steps"]
        run.checkpoint = checkpoint.path
        run.best = _best(checkpoint, run.history)
        states = [(name, state) for name, state in found["callbacks"]]
        for listener in self._listeners:
            name = type(listener).__name__
            place = next((i for i, (other, _) in enumerate(states) if other == name), None)
            if place is not None:
                listener.load_state_dict(states.pop(place)[1])


def _epoch(saved: dict[str, Any]) -> Epoch:
    norms = saved["gradients"]
    return Epoch(**(saved | {"gradients": norms and GradientNorms(**norms)}))


def _best(checkpoint: Checkpoint, history: Sequence[Epoch]) -> Best | None:
    """The best epoch up to a checkpoint, whose tensors are in a checkpoint of its own."""
    best = checkpoint.description["best"]
    if best is None:
        return None
    arrays = checkpoint.part(BEST)
    if best["file"] is not None:
        path = checkpoint.path.with_name(best["file"])
        try:
            source = checkpoint if path == checkpoint.path else read_checkpoint(path)
        except (OSError, SavedModelError) as error:
            warn_user(
                f"the best model so far, of epoch {best['epoch']}, is lost: {error}",
                CheckpointWarning,
            )
            return None
        arrays = source.part(MODEL)
    tensors = {path: Tensor(array(value)) for path, value in arrays.items()}
    return Best(history[best["epoch"] - 1], best["value"], tensors)


def _overrides(listener: Callback, method: str) -> bool:
    return getattr(type(listener), method, None) is not getattr(Callback, method)
