"""What a task is, and the record of one training: scores, and the seconds until each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

from chainrule.compiling import compiled
from chainrule.compiling.special import specialize

OWN, PLAIN, COMPILED = "chainrule", "torch", "torch.compile"

Ready = Callable[[Any], Any]
"""What is done to a PyTorch module before it is trained: nothing, or ``torch.compile``."""


class Point(NamedTuple):
    """After so many steps, and so many seconds of training, the score."""

    steps: int
    seconds: float
    score: float


@dataclass
class Course:
    """One training, timed but for the moments in which it is scored.

    Args:
        score: measures what has been learned so far.

    Attributes:
        points: in the order in which they were reached.
        compiling: seconds of training in which native programs were made.
    """

    score: Callable[[], float]
    points: list[Point] = field(default_factory=list)
    compiling: float = 0.0
    _seconds: float = 0.0
    _since: float | None = None

    @contextmanager
    def timed(self) -> Iterator[None]:
        """From here the clock runs, except during `look`."""
        with self._compilation_counted():
            self._since = perf_counter()
            yield
            self._stop()

    def look(self, steps: int) -> None:
        """Stop the clock and measure the score."""
        self._stop()
        self.points.append(Point(steps, self._seconds, float(self.score())))
        self._since = perf_counter()

    def _stop(self) -> None:
        assert self._since is not None
        self._seconds += perf_counter() - self._since
        self._since = None

    @contextmanager
    def _compilation_counted(self) -> Iterator[None]:
        """Every program is made by one function, whoever asks for it."""
        make = specialize

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            try:
                return make(*args, **kwargs)
            finally:
                if self._since is not None:
                    self.compiling += perf_counter() - began

        with patch.object(compiled, "specialize", timed):
            yield


@dataclass(frozen=True)
class Task:
    """One line of the comparison.

    Attributes:
        name: for the command line.
        title: for people.
        measure: what the score is.
        better: whether a score is to be above or below the target.
        target: the score to which the time is taken.
        length: how many epochs or steps there are, as ``unit`` says.
        quick: how many, to see that all of it runs.
        ours, theirs: train for a length from a seed, with chainrule and with PyTorch.
        note: what a reader of the result should know.
    """

    name: str
    title: str
    measure: str
    better: Literal["above", "below"]
    target: float
    length: int
    unit: Literal["epochs", "steps"]
    quick: int
    ours: Callable[[int, int], Course]
    theirs: Callable[[int, int, Ready], Course]
    note: str = ""

    def train(self, contestant: str, length: int, seed: int) -> Course:
        """Train with one of the contestants."""
        if contestant == OWN:
            return self.ours(length, seed)
        import torch

        from bench.tasks.loop import prepare

        prepare()
        return self.theirs(length, seed, torch.compile if contestant == COMPILED else _as_it_is)

    def reached(self, points: list[Point]) -> Point | None:
        """The first point at which the score is as good as the target."""
        sign = 1 if self.better == "above" else -1
        return next((p for p in points if sign * p.score >= sign * self.target), None)


def _as_it_is(module: Any) -> Any:
    return module


def defaults(command: Callable[..., Any]) -> dict[str, Any]:
    """The options of a command of ``chainrule train``, which are those of its measurement."""
    return {name: p.default for name, p in inspect.signature(command).parameters.items()}
