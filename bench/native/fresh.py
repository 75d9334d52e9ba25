"""Timing of what happens once in a process."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from time import perf_counter

from bench.native import ROOT, environment
from bench.native.workload import Fresh, Outcome

TIMEOUT = 300.0


def measure(workload: Fresh, skip: Sequence[str] = ()) -> dict[str, Outcome]:
    """Start a process for each contestant in every round, in random order."""
    commands = workload.commands()
    samples: dict[str, list[float]] = {name: [] for name in commands}
    results: dict[str, float] = {}
    failed = {name: Outcome(failed="skipped") for name in commands if name in skip}
    order = list(commands)
    shuffle = random.Random(0).shuffle
    with tempfile.TemporaryDirectory() as warm:
        for turn in range(workload.rounds + 1):  # the first fills the caches of files
            shuffle(order)
            for name in [name for name in order if name not in failed]:
                try:
                    times, results[name] = _run(commands[name], _cache(name, warm))
                except (subprocess.SubprocessError, ValueError) as error:
                    failed[name] = Outcome(failed=str(error))
                    continue
                if turn:
                    samples[name].append(times["inside" if workload.inside else "whole"])
            if not turn:
                failed |= _disagreeing(results, workload.tolerance)
    timed = {
        name: Outcome(min(found), statistics.median(found), _deviation(name, results))
        for name, found in samples.items()
        if found
    }
    return {name: {**timed, **failed}[name] for name in commands}


def _cache(name: str, warm: str) -> str | None:
    """The folder of compiled code: one that stays, or None for a new one."""
    return warm if name.endswith("warm cache") else None


def _run(command: tuple[str, ...], cache: str | None) -> tuple[dict[str, float], float]:
    """Seconds from the start of a process to its report, those in the report, and its result."""
    with tempfile.TemporaryDirectory() as empty:
        variables = environment(
            CHAINRULE_CACHE_DIR=cache or empty,
            TORCHINDUCTOR_CACHE_DIR=empty,
            TORCHINDUCTOR_FORCE_DISABLE_CACHES="1",
        )
        start = perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=variables,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        whole = perf_counter() - start
        _, errors = process.communicate(timeout=TIMEOUT)
    if not line:
        raise ValueError((errors.strip().splitlines() or ["no result"])[-1][:200])
    report = json.loads(line)
    return {"whole": whole, "inside": report.get("seconds", whole)}, report["result"]


def _deviation(name: str, results: dict[str, float]) -> float:
    expected = statistics.median(results.values())
    return abs(results[name] - expected) / abs(expected)


def _disagreeing(results: dict[str, float], tolerance: float) -> dict[str, Outcome]:
    """Contestants whose result is not near the median of all."""
    return {
        name: Outcome(failed=f"disagrees: by {_deviation(name, results):.1e}")
        for name in results
        if not _deviation(name, results) <= tolerance
    }
