"""What is measured: contestants that compute the same numbers, and how little work that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Numbers = dict[str, np.ndarray]
Array = Any
"""An array of whichever library a function is given."""

OWN = "chainrule"
"""What the names of chainrule's contestants begin with; the others are peers."""

ELEMENTARY = 16
"""Operations counted for exp, log or erf: a polynomial of eight multiply-adds, about the least
that comes close to the last bit."""


def nothing() -> None:
    """What a contestant without state does to start again, or to finish."""


@dataclass(frozen=True)
class Runner:
    """One contestant, ready to run.

    Attributes:
        call: one execution. It may return before the work is done; then ``finish`` waits for it.
        numbers: what came out of the calls since the last reset.
        reset: start again from the agreed parameters. It is never timed.
        finish: wait until everything that was called is done.
        context: entered around calls, for settings of a library that are not arguments.
    """

    call: Callable[[], object]
    numbers: Callable[[], Numbers]
    reset: Callable[[], object] = nothing
    finish: Callable[[], object] = nothing
    context: Callable[[], AbstractContextManager[Any]] = nullcontext


Contestants = Mapping[str, Callable[[], Runner]]
"""How each contestant is made ready, by its name; an import that fails is that contestant's."""


@dataclass(frozen=True)
class Work:
    """The least that any program has to do, for the physical limit.

    Attributes:
        flops: additions and multiplications; `ELEMENTARY` for each exp, log or erf.
        bytes: compulsory traffic: every input read once, every output written once.
        double: whether the arithmetic is float64.
    """

    flops: float
    bytes: float
    double: bool = False


@dataclass(frozen=True)
class Workload:
    """One line of the comparison.

    Attributes:
        name: for the command line.
        title: for people.
        floor: how many times faster than the best peer chainrule has to be.
        at_most: or within how many seconds.
        note: what a reader of the result should know.
    """

    name: str
    title: str
    floor: float | None = None
    at_most: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Steady(Workload):
    """A program that runs many times; only the time of a warm call counts.

    Attributes:
        contestants: made ready by calling this.
        work: the least that has to be done in one call.
        calls: after how many calls the numbers are compared.
        tolerance: relative, of values; in the Euclidean norm of each array.
        tolerance_of_change: relative, of what training changed. Adam divides each gradient by its
            own size, so a gradient that is nearly zero comes out with few digits.
    """

    contestants: Callable[[], Contestants] = field(kw_only=True)
    work: Work = field(kw_only=True)
    calls: int = 1
    tolerance: float = 1e-5
    tolerance_of_change: float = 1e-2


@dataclass(frozen=True)
class Fresh(Workload):
    """Something that happens once in a process; every measurement starts a new one.

    Attributes:
        commands: arguments for the Python interpreter, by contestant.
        inside: whether the seconds are those that the process reports, else all of them from its
            start until it reports.
        rounds: how many processes there are for each contestant.
        tolerance: relative, of the number that each process prints.
    """

    commands: Callable[[], Mapping[str, tuple[str, ...]]] = field(kw_only=True)
    inside: bool = False
    rounds: int = 7
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Outcome:
    """What became of a contestant: seconds, or the reason why there are none."""

    minimum: float = 0.0
    median: float = 0.0
    deviation: float = 0.0
    failed: str = ""
