"""One workload: make its contestants ready, compare their numbers, time those that agree."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from bench.native.agreement import disagreement
from bench.native.timing import describe, interleaved
from bench.native.workload import OWN, Numbers, Outcome, Runner, Steady

PATIENCE = 240
"""Seconds that a contestant has to get ready; some compile for long."""


def measure(workload: Steady, seconds: float, skip: Sequence[str] = ()) -> dict[str, Outcome]:
    """Outcomes by contestant. What the first peer that runs computes is what all must compute."""
    contestants = workload.contestants()
    outcomes = {name: Outcome(failed="skipped") for name in contestants if name in skip}
    ready: dict[str, Runner] = {}
    found: dict[str, Numbers] = {}
    for name, make in contestants.items():
        if name in outcomes:
            continue
        try:
            with _time_limit(PATIENCE):
                ready[name] = make()
                found[name] = _numbers(ready[name], workload.calls)
        except Exception as error:
            outcomes[name] = Outcome(failed=describe(error))
    reference = next((n for n in found if not n.startswith(OWN)), next(iter(found), ""))
    deviations: dict[str, float] = {}
    for name, numbers in found.items():
        deviations[name], text = disagreement(
            numbers, found[reference], workload.tolerance, workload.tolerance_of_change
        )
        if text:
            outcomes[name] = Outcome(deviation=deviations[name], failed=text)
    agreeing = {name: ready[name] for name in found if name not in outcomes}
    for name, outcome in interleaved(agreeing, seconds).items():
        outcomes[name] = replace(outcome, deviation=deviations[name])
    return {name: outcomes[name] for name in contestants}


def _numbers(runner: Runner, calls: int) -> Numbers:
    with runner.context():
        runner.reset()
        for _ in range(calls):
            runner.call()
        runner.finish()
        return {name: array.copy() for name, array in runner.numbers().items()}


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after some time, where the system can."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not ready within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
