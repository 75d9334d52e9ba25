"""Takes the steps of a run, natively where that is possible, and knows where it stands.

The first step of a run is taken in Python: a mistake of the user's is then reported on the line on
which it is made, and by its values. By which program any other step is taken follows from the shape
of its batch alone, not from where the process began or how many steps a call takes: a resumed run
computes the same bits, and so does a shorter one that is prolonged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, IndexingError
from chainrule.core.tree import map_tree
from chainrule.nn.module import Module, static_parts
from chainrule.optim.transform import Optimizer
from chainrule.tensor import Tensor, no_grad
from chainrule.train.fallback import warn
from chainrule.train.feed import Feed, Given, Picked, Work
from chainrule.train.guard import at_example, check_step
from chainrule.train.native import Carry, MetricError, Native, copied, observed
from chainrule.train.step import Loss, Metric, Penalty, make_step

__all__ = ["Block", "Engine", "Standing"]

FEW = 100
"""So many validations that are light take about as long as the compilation of one."""


class Block(NamedTuple):
    """Steps that were taken together.

    Attributes:
        size: examples in each batch.
        values: what was measured, a row for each step: what `observed` gives, and the metrics
            unless ``measure`` gives them.
        measure: gives the metrics of the only step. They run in Python and may raise anything, and
            the step was taken whatever they do.
    """

    size: int
    values: np.ndarray
    measure: Callable[[], list[float]] | None


class Standing(NamedTuple):
    """Where a run stands that is to go on.

    Attributes:
        steps: that were taken.
        state: of the optimizer.
        light: whether a step was found to be light.
    """

    steps: int
    state: Any
    light: bool


class Engine:
    """The steps of one run.

    Args:
        model: gives the structure, and where the run begins; it is not changed.
        loss, optimizer, penalty: as for `fit`.
        feed: the examples.
        metrics: by name.
        native: whether to compile the step.
        standing: None for a new run.

    Attributes:
        steps: how many were taken.
        taking: seconds in which they were.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        penalty: Penalty | None,
        feed: Feed,
        metrics: Mapping[str, Metric],
        native: bool,
        standing: Standing | None = None,
    ) -> None:
        self._model = model
        self._loss = loss
        self._feed = feed
        self._metrics = metrics
        self._step = make_step(model, loss, optimizer, penalty)
        columns = 2 if penalty is None else 3
        self._native = Native(self._step, metrics, columns, feed.arrays) if native else None
        self._static = static_parts(model)
        self._healthy = True
        self._obstacle: Exception | None = None
        parameters = {path: value.detach() for path, value in model.parameters().items()}
        first = Carry(parameters, optimizer.init(parameters), {}, {})
        if standing is not None and standing.steps:
            empty = map_tree(functions.zeros_like, parameters)
            first = Carry(parameters, standing.state, {}, empty)
            first = copied(first) if native else first
            if self._native is not None:
                self._native.is_light = standing.light
        # the carry before the last block, after `_base` steps, and the one after it
        self._before, self._after = first, first
        self._base = self.steps = standing.steps if standing else 0
        self._work: Work | None = None
        self._seen: dict[tuple[int, str], Any] = {}
        self.taking = 0.0

    def epoch(self, number: int, start: int, most: Callable[[], int]) -> Generator[Block]:
        """Take the steps of an epoch, from its batch ``start`` on, at most ``most()`` in a call."""
        self._look_at_model()
        for work in self._feed.epoch(number, start):
            if isinstance(work, Given):
                yield self._timed(work, 1)
                continue
            while work.number < len(work.rows):
                block = self._timed(work, most())
                work = work._replace(number=work.number + len(block.values))
                yield block

    @property
    def compiling(self) -> float:
        """Seconds spent in making programs."""
        return 0.0 if self._native is None else self._native.compiling

    @property
    def is_light(self) -> bool:
        """Whether a step was found to be light."""
        return self._native is not None and self._native.is_light

    def is_worthwhile(self, epoch: int) -> bool:
        """Whether to compile the validation after an epoch. That does not depend on how many there
        will be, so that a run which is prolonged has measured what a longer one has."""
        return self._native is not None and (epoch >= FEW or not self._native.is_light)

    def look(self, steps: int, part: str) -> Any:
        """A part of the carry after so many steps, of those of the last block: "parameters",
        "state", "buffers" or "gradients". It stays as it is when further steps are taken."""
        key = steps, part
        if key not in self._seen:
            value = getattr(self._at(steps), part)
            self._seen = {at: seen for at, seen in self._seen.items() if at[0] == steps}
            self._seen[key] = value if self._native is None else copied(value)
        return self._seen[key]

    def change_state(self, change: Callable[[Any], Any]) -> None:
        """Replace the state of the optimizer after the last step; structure and dtypes stay."""
        state = change(self.look(self.steps, "state"))
        self._seen.pop((self.steps, "state"))
        self._after = self._after._replace(state=copied(state) if self._native else state)

    @property
    def carry(self) -> Carry:
        """After the last step. Who sets it again takes back a `change_state`."""
        return self._after

    @carry.setter
    def carry(self, carry: Carry) -> None:
        self._after = carry
        self._seen.clear()

    def take_over_buffers(self, steps: int) -> None:
        """Take over what others, such as callbacks or the validation, have changed in the buffers
        of the model, unless more than so many steps were taken since."""
        buffers = self._model.buffers()
        if buffers and steps == self.steps:
            own = copied(buffers) if self._native else buffers
            self.carry = self._after._replace(buffers=own)

    def _at(self, steps: int) -> Carry:
        if steps == self.steps:
            return self._after
        if self._native is None or steps == self._base or not isinstance(self._work, Picked):
            return self._before
        self._native.most = 1  # who looks between the steps of a block will do so again
        rows, number = self._work
        return self._native.replay(self._before, rows, number, steps - self._base)

    def _look_at_model(self) -> None:
        """Take over what others have changed in the model."""
        static = static_parts(self._model)
        if static != self._static and self._native is not None:
            self._native = self._native.anew()
        self._static = static
        self.take_over_buffers(self.steps)

    # -- one block ---------------------------------------------------------------------------------

    def _timed(self, work: Work, most: int) -> Block:
        began, compiled = time.perf_counter(), self.compiling
        block = self._take(work, most)
        self.taking += time.perf_counter() - began - (self.compiling - compiled)
        return block

    def _take(self, work: Work, most: int) -> Block:
        spare = self._before
        self._before, self._base, self._work = self._after, self.steps, work
        if self._native is not None and self._healthy and self.steps > 0:
            try:
                if spare is self._before or not spare.gradients:  # in the memory of the model
                    spare = copied(self._before)
                if isinstance(work, Given):
                    taken = self._native.take_given(spare, self._before, work.batch)
                else:
                    taken = self._native.take(spare, self._before, work.rows, work.number, most)
            except MetricError as error:
                warn("a metric", error.__cause__)
                self._native = self._native.anew(metrics=False)
                return self._take(work, most)
            except Exception as error:
                if isinstance(error, IndexingError) and self._native.most > 1:
                    self._native.most = 1  # to find the step of those in the call
                    return self._take(work, most)
                # whether the user or the compiler is to blame, the step in Python will tell
                self._native, self._obstacle = None, error
            else:
                self._healthy = taken.healthy
                if len(taken.values):
                    targets = self._feed.batch(work)[1] if taken.outputs is not None else None
                    measure = None if targets is None else self._measure(targets, taken.outputs)
                    self._after, self.steps = taken.carry, self._base + len(taken.values)
                    return Block(_size(work), taken.values, measure)
        return self._take_in_python(work)

    def _take_in_python(self, work: Work) -> Block:
        inputs, targets = self._feed.batch(work)
        before = self._before
        with np.errstate(all="ignore"):  # check_step says it better
            try:
                done = self._step(before.parameters, before.state, inputs, targets, before.buffers)
            except DomainError as error:
                raise self._located(error, inputs, targets, work) from error.__cause__
        network = self._model.replace(before.parameters | before.buffers)
        check_step(network, self._loss, inputs, targets, done, self.steps + 1)
        if self._obstacle is not None:
            warn("the step", self._obstacle)
            self._obstacle = None
        after = Carry(done.parameters, done.state, done.buffers, done.gradients)
        self._after = after if self._native is None else copied(after)
        self.steps, self._healthy = self._base + 1, True
        measure = self._measure(targets, done.outputs) if self._metrics else None
        return Block(_size(work), np.array([[x.item() for x in observed(done)]]), measure)

    def _located(
        self, error: DomainError, inputs: Tensor, targets: Tensor, work: Work
    ) -> DomainError:
        network = self._model.replace(self._before.parameters | self._before.buffers)
        try:
            with no_grad():
                outputs = network(inputs)
        except DomainError:  # it is not the loss that raised it
            return error
        if isinstance(work, Given):
            rows, name = list(range(len(targets))), work.name
        else:
            rows, name = work.rows[work.number].tolist(), self._feed.source.name
        return at_example(error, self._loss, outputs, targets, rows, name)

    def _measure(self, targets: Tensor, outputs: Any) -> Callable[[], list[float]]:
        return lambda: [float(metric(outputs, targets)) for metric in self._metrics.values()]


def _size(work: Work) -> int:
    """Examples in each batch."""
    return len(work.batch[1]) if isinstance(work, Given) else work.rows.shape[1]
