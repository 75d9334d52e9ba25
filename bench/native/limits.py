"""What the machine can do at most: multiply-adds a second, bytes a second from each memory.

The probes are loops written for this purpose, run on all threads at once. They are code of the
native target, but neither its planner nor its kernels take part.
"""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from threading import Barrier, Thread
from time import perf_counter

import numpy as np

from bench.native import THREADS
from bench.native.workload import Work
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.machine import Machine, host
from chainrule.lower.llvm.runtime.jit import compile_object, load

CHAINS = 16
"""Independent chains of multiply-adds: enough to hide the latency of two units."""
Figure = Callable[[list[float]], float]
"""The least of some times, or their median."""


@dataclass(frozen=True)
class Level:
    """A memory that holds so many bytes, and bytes a second to and from it."""

    name: str
    capacity: float
    bandwidth: float


@dataclass(frozen=True)
class Limits:
    """Operations a second in both precisions, and the memories from the fastest on."""

    single: float
    double: float
    levels: tuple[Level, ...]

    def seconds(self, work: Work) -> tuple[float, str]:
        """The least time for some work, and what it is limited by.

        The larger of flops over peak and compulsory bytes over the bandwidth of the smallest
        memory that holds them: a working set that stays in a cache is read from there.
        """
        arithmetic = work.flops / (self.double if work.double else self.single)
        level = next(
            (level for level in self.levels if work.bytes <= level.capacity), self.levels[-1]
        )
        traffic = work.bytes / level.bandwidth
        return (arithmetic, "arithmetic") if arithmetic > traffic else (traffic, level.name)


def slowdown(limits: Limits) -> float:
    """How many times slower arithmetic on all threads is now than at best: 1 on a quiet machine.

    Rounds long enough that other processes get their turns meanwhile.
    """
    return limits.single / _probes().peak("float", 1_000_000, 9, statistics.median)


def measure() -> Limits:
    """Peaks and bandwidths with all threads."""
    machine = host()
    probes = _probes()
    l3 = _l3_bytes()
    levels = [("L2", 0.75 * THREADS * machine.l2, THREADS * machine.l2 // 2)]
    if l3 > THREADS * machine.l2:
        levels.append(("L3", 0.75 * l3, max(l3 // 4, 2 * THREADS * machine.l2)))
    levels.append(("memory", float("inf"), 1 << 29))
    return Limits(
        probes.peak("float"),
        probes.peak("double"),
        tuple(Level(name, capacity, probes.bandwidth(size)) for name, capacity, size in levels),
    )


class _Probes:
    def __init__(self, machine: Machine) -> None:
        module = Module()
        self._lanes = {}
        for scalar in ("float", "double"):
            self._lanes[scalar] = machine.lanes(scalar)
            _write_peak(module, scalar, machine)
        _write_stream(module, machine)
        self._code = load(compile_object(str(module), machine))

    def peak(
        self, scalar: str, turns: int = 100_000, rounds: int = 60, figure: Figure = min
    ) -> float:
        """Operations a second, by some figure of the times; a multiply-add is two."""
        kernel = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(
            self._code.address(f"peak_{scalar}")
        )
        sinks = [np.zeros(64) for _ in range(THREADS)]
        seconds = _together(lambda i: kernel(turns, sinks[i].ctypes.data), rounds, figure)
        return 2.0 * turns * CHAINS * self._lanes[scalar] * THREADS / seconds

    def bandwidth(self, size: int) -> float:
        """Bytes a second, read and written, of x ← a·x + y over arrays of ``size`` bytes in all.

        Two arrays are read and one of them is written, much as an optimizer does it.
        """
        part = size // (2 * THREADS) // 1024 * 1024
        turns = max(1, (1 << 24) // size)
        kernel = ctypes.CFUNCTYPE(
            None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p
        )(self._code.address("stream"))
        arrays = [[np.ones(part // 4 + 16, np.float32) for _ in "xy"] for _ in range(THREADS)]
        starts = [[-(-a.ctypes.data // 64) * 64 for a in pair] for pair in arrays]
        seconds = _together(lambda i: kernel(turns, part // 4, *starts[i]))
        return 3.0 * part * THREADS * turns / seconds


@cache
def _probes() -> _Probes:
    return _Probes(host())


def _write_peak(module: Module, scalar: str, machine: Machine) -> None:
    f = module.function(f"peak_{scalar}", [("turns", "i64"), ("sink", "ptr")], internal=False)
    type = vector(machine.lanes(scalar), scalar)
    factor = f.load(type, f.params[1])
    with f.loop(0, f.params[0], carried=[f.constant(type, 0.0)] * CHAINS) as loop:
        loop.carry(*(_multiply_add(f, machine, v, factor) for v in loop.values))
    total = loop.results[0]
    for value in loop.results[1:]:
        total = total + value
    f.store(total, f.params[1])
    f.ret()


def _multiply_add(f: Function, machine: Machine, value: Value, factor: Value) -> Value:
    if machine.fma:
        return f.fma(value, factor, factor)
    return value * factor + factor


def _write_stream(module: Module, machine: Machine) -> None:
    f = module.function(
        "stream", [("turns", "i64"), ("count", "i64"), ("x", "ptr"), ("y", "ptr")], internal=False
    )
    turns, count, x, y = f.params
    lanes = machine.lanes("float")
    type = vector(lanes, "float")
    with f.loop(0, turns), f.loop(0, count, 4 * lanes) as loop:
        for unrolled in range(4):
            place = loop.index + unrolled * lanes
            target = x.offset(place, "float")
            value = f.load(type, target, 64) * 0.5 + f.load(type, y.offset(place, "float"), 64)
            f.store(value, target, 64)
    f.ret()


def _together(work: Callable[[int], object], rounds: int = 60, figure: Figure = min) -> float:
    """A figure of several times in which all threads did their part; ctypes frees the GIL."""
    seconds = [[0.0] * rounds for _ in range(THREADS)]
    barrier = Barrier(THREADS)

    def run(index: int) -> None:
        for turn in range(rounds):
            barrier.wait()
            start = perf_counter()
            work(index)
            seconds[index][turn] = perf_counter() - start

    threads = [Thread(target=run, args=(index,)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return figure([max(turn) for turn in zip(*seconds, strict=True)])


def _l3_bytes() -> int:
    """Bytes of third-level cache, 0 where the system does not say."""
    try:
        with open("/sys/devices/system/cpu/cpu0/cache/index3/size") as size:
            return int(size.read().strip().rstrip("K")) << 10
    except (OSError, ValueError):
        return 0
