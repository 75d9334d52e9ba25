"""What all measurements share: interleaved timing, peak memory, a description of the machine."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import random
import statistics
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

Row = dict[str, str | int | float]
PEERS = ("torch", "jax", "autograd", "casadi", "scikit-learn")


@dataclass(frozen=True)
class Timing:
    """Seconds for one call: the median of the rounds, and the least of them."""

    median: float
    minimum: float


def interleaved(
    candidates: Mapping[str, Callable[[], Any]], rounds: int = 15, calls: int = 1
) -> dict[str, Timing]:
    """Time each candidate in every round, in a random order, so that a busy moment of the machine
    hits all alike. Garbage collection stays on: programs pay for it too."""
    for call in candidates.values():  # first calls import, allocate and fill caches
        call()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    order = list(candidates)
    shuffle = random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            call = candidates[name]
            start = perf_counter()
            for _ in range(calls):
                call()
            seconds[name].append((perf_counter() - start) / calls)
    return {name: Timing(statistics.median(s), min(s)) for name, s in seconds.items()}


def peak_bytes(call: Callable[[], Any]) -> int:
    """The most memory that Python and NumPy held at once during the call, beyond what was held."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def peer(name: str) -> Any | None:
    """The module of a peer, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def machine() -> dict[str, str]:
    """Processor, threads, and the versions of what is compared."""
    import chainrule

    described = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": platform.system(),
        "threads": os.environ["OMP_NUM_THREADS"],
        "python": platform.python_version(),
        "chainrule": chainrule.__version__,
    }
    for name in ("numpy", *PEERS):
        try:
            described[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            described[name] = "not installed"
    return described


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """The slope of log(seconds) over log(sizes), by least squares: 1 is linear, 2 quadratic."""
    import numpy as np

    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
