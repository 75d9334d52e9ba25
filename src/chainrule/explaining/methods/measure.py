"""Measuring a way to a derivative: calls, passes, time, memory."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chainrule.explaining.methods.problem import Problem, Values

__all__ = ["Measurement", "Way", "measured"]

Way = Callable[[Problem], Iterator[Values]]
"""Yields the columns or the rows of the Jacobian, one after the other."""

_REPEATS = 25


@dataclass(frozen=True)
class Measurement:
    """What a way yielded and what it took.

    Attributes:
        pieces: the columns or rows that came within the budget.
        calls: how often the function was run for them.
        passes: how many forward or reverse passes were made.
        seconds: for all pieces: the median of repeats, or scaled up from those within the budget.
        memory: the largest number of bytes that Python and NumPy held beyond those before.
    """

    pieces: list[Values]
    calls: int
    passes: int
    seconds: float
    memory: int


def measured(way: Way, problem: Problem, total: int, budget: float) -> Measurement:
    """Run a way until it ends or ``budget`` seconds are over; then time it, then its memory."""
    calls, passes = problem.calls, problem.passes
    start = time.perf_counter()
    pieces = _within(way, problem, budget)
    seconds = time.perf_counter() - start
    calls, passes = problem.calls - calls, problem.passes - passes
    if len(pieces) == total:
        times: list[float] = []
        end = time.perf_counter() + budget
        while len(times) < _REPEATS and (time.perf_counter() < end or not times):
            start = time.perf_counter()
            for _ in way(problem):
                pass
            times.append(time.perf_counter() - start)
        seconds = statistics.median(times)
    return Measurement(
        pieces, calls, passes, seconds * total / len(pieces), _memory(way, problem, budget)
    )


def _within(way: Way, problem: Problem, budget: float) -> list[Values]:
    end = time.perf_counter() + budget
    pieces = []
    for piece in way(problem):
        pieces.append(piece)
        if time.perf_counter() > end:
            break
    return pieces


def _memory(way: Way, problem: Problem, budget: float) -> int:
    """The peak of a run of its own, since watching memory takes time."""
    watched = tracemalloc.is_tracing()
    if not watched:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        _within(way, problem, budget)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not watched:
            tracemalloc.stop()
    return peak - before
