"""Cost of running a native program on two threads: fork-join, barrier, waking; busy processors.

Empty programs are launched from native code, many in a row; the rows are the least of many rounds.
The last rows share the processors with a process that spins on each of them.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable

from bench.common import Row
from chainrule.lower.llvm.ir import Module
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.runtime.jit import Code, cached_object, load
from chainrule.lower.llvm.runtime.pool import POLICY_BYTES, emit_barrier, pool

BARRIERS = 100
LAUNCHES = 200
ROUNDS = 200
WORK = 40_000  # turns of a chain of additions that the threads share: about 20 µs on one thread

_REPEAT = ctypes.CFUNCTYPE(
    None, *[ctypes.c_void_p] * 4, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64
)


def _code() -> Code:
    """Programs ``empty``, ``barriers``, ``work``, and ``repeat`` to launch one many times."""
    module = Module()
    parameters = [("table", "ptr"), ("tid", "i64"), ("threads", "i64"), ("team", "ptr")]
    module.function("empty", parameters, internal=False).ret()

    f = module.function("barriers", parameters, internal=False)
    with f.loop(0, BARRIERS):
        f.call(emit_barrier(module), "void", f.params[3], f.params[1], f.params[2])
    f.ret()

    f = module.function("work", parameters, internal=False)
    share = f.emit("i64", f"sdiv i64 {WORK}, {f.params[2].text}")
    with f.loop(0, share, carried=[f.i64(1)]) as loop:
        loop.carry(loop.values[0] * 3 + loop.index)
    own = f.params[0].offset(f.params[1] * 128)
    f.store(loop.results[0], own)
    f.call(emit_barrier(module), "void", f.params[3], f.params[1], f.params[2])
    f.ret()

    f = module.function(
        "repeat",
        [(name, "ptr") for name in ("launch", "state", "program", "table")]
        + [("threads", "i64"), ("policy", "ptr"), ("times", "i64")],
        internal=False,
    )
    launch, state, program, table, threads, policy, times = f.params
    with f.loop(0, times):
        # `launch` takes one argument less and does not see the policy
        f.call_pointer(launch, "void", state, program, table, threads, policy)
    f.ret()
    machine = host()
    return load(cached_object(str(module), machine))


def run() -> list[Row]:
    """Microseconds of each."""
    code, workers = _code(), pool()
    table = ctypes.create_string_buffer(64 * 128)
    repeat = _REPEAT(code.address("repeat"))

    def launching(program: str, threads: int, adaptive: bool = False) -> Callable[[int], float]:
        launch = workers.launch_adaptive_address if adaptive else workers.launch_address
        memory, address = ctypes.addressof(table), code.address(program)
        policy = ctypes.create_string_buffer(POLICY_BYTES)

        def measure(times: int) -> float:
            start = time.perf_counter()
            repeat(
                launch,
                workers.state_address,
                address,
                memory,
                threads,
                ctypes.addressof(policy),
                times,
            )
            return (time.perf_counter() - start) / times * 1e6

        return measure

    candidates = {
        "launch on one thread": launching("empty", 1),
        "fork and join": launching("empty", 2),
        "fork and join, adaptive": launching("empty", 2, adaptive=True),
        "work on one thread": launching("work", 1),
        "work on two": launching("work", 2),
        "work, adaptive": launching("work", 2, adaptive=True),
        f"{BARRIERS} barriers": launching("barriers", 2),
    }
    least = {
        name: min(measure(LAUNCHES) for _ in range(ROUNDS)) for name, measure in candidates.items()
    }
    rows: list[Row] = [{"what": name, "least µs": value} for name, value in least.items()]
    per_barrier = (least[f"{BARRIERS} barriers"] - least["fork and join"]) / BARRIERS
    rows.append({"what": "one barrier", "least µs": per_barrier})
    rows.append({"what": "waking a worker that sleeps", "least µs": _waking(launching("empty", 2))})
    return rows + _busy(
        {
            "one thread": launching("work", 1),
            "two threads": launching("work", 2),
            "adaptive": launching("work", 2, adaptive=True),
        }
    )


def _waking(measure: Callable[[int], float]) -> float:
    def after_a_pause() -> float:
        time.sleep(0.005)
        return measure(1)

    return min(after_a_pause() for _ in range(50))


def _busy(candidates: dict[str, Callable[[int], float]]) -> list[Row]:
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        totals = dict.fromkeys(candidates, 0.0)
        rounds = 10
        for _ in range(rounds):
            for name, measure in candidates.items():
                totals[name] += measure(2000) / rounds
    finally:
        for other in others:
            other.kill()
            other.wait()
    return [{"what": f"busy machine, work: {name}", "mean µs": t} for name, t in totals.items()]
