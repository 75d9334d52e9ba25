"""Interleaved timing of contestants that agree."""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Mapping
from time import perf_counter, sleep

from bench.native.workload import Outcome, Runner

SAMPLE = 2e-3
"""Seconds that one sample takes at least, so that the clock and a first slow call do not matter."""
PAUSE = 6e-3
"""Seconds between samples, in which the threads of the contestant before go to sleep: those of
OpenMP wait for about 4 ms at full speed."""
WARM = 10e-3
"""Seconds of calls before a sample that are not timed: the threads and caches of who runs on and
on, as a training does, have to find themselves again after the pause."""
LEAST_ROUNDS, MOST_ROUNDS = 7, 300


def once(runner: Runner) -> float:
    """Seconds for one call and the wait for it."""
    start = perf_counter()
    runner.call()
    runner.finish()
    return perf_counter() - start


def _sample(runner: Runner, calls: int) -> float:
    """Seconds for one of several calls in a row, after some that wake the threads."""
    runner.reset()
    sleep(PAUSE)
    warm = perf_counter() + WARM
    once(runner)
    while perf_counter() < warm:
        once(runner)
    call = runner.call
    turns = range(calls)
    start = perf_counter()
    for _ in turns:
        call()
    runner.finish()
    return (perf_counter() - start) / calls


def _calls(runner: Runner) -> int:
    """How many calls make a sample."""
    calls = 1
    while True:
        seconds = _sample(runner, calls) * calls
        if seconds >= SAMPLE:
            return calls
        calls = int(calls * min(10.0, 1.3 * SAMPLE / seconds)) + 1


def interleaved(runners: Mapping[str, Runner], seconds: float) -> dict[str, Outcome]:
    """Times of all contestants, in a new order in every round, for about so many seconds.

    A contestant that fails while it is timed is reported and left out from then on.
    """
    shuffled = random.Random(0)
    calls: dict[str, int] = {}
    samples: dict[str, list[float]] = {}
    failed: dict[str, Outcome] = {}
    gc.collect()
    end = perf_counter() + seconds
    for turn in range(MOST_ROUNDS):
        if turn >= LEAST_ROUNDS and perf_counter() > end:
            break
        order = [name for name in runners if name not in failed]
        shuffled.shuffle(order)
        for name in order:
            runner = runners[name]
            try:
                with runner.context():
                    if name not in calls:
                        calls[name] = _calls(runner)
                    samples.setdefault(name, []).append(_sample(runner, calls[name]))
            except Exception as error:
                failed[name] = Outcome(failed=describe(error))
    timed = {
        name: Outcome(min(found), statistics.median(found))
        for name, found in samples.items()
        if name not in failed
    }
    return {**timed, **failed}


def describe(error: BaseException) -> str:
    """One line about an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
