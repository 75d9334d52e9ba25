"""The native code of the thread pool.

Waiting spins for a while and then lets others run: where the machine is busy, a spinning thread
would keep the very thread that it waits for from running.

Each thread counts the barriers it reached in a line of memory of its own, which nobody else writes,
and waits until all others have counted as far. A launch tells its count to the workers, so that all
start alike; a worker that has finished counts one more, and so does the launch, which then waits.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chainrule.lower.llvm.ir import Function, Module, Value
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.runtime.pool_policy import write_launch_adaptive

__all__ = [
    "ALIGNMENT",
    "ALIVE",
    "MAX_THREADS",
    "STATE_BYTES",
    "TEAM",
    "runtime",
    "write_barrier",
]

MAX_THREADS = 64

# Two cache lines of x86, which loads them in pairs; one of Apple's processors.
_LINE = ALIGNMENT = 128

# The state of a pool. Counters that different threads write lie in different lines.
_LOCK = 0  # 1 while a launch uses the workers
ALIVE = _LINE  # the number of workers
_FAILED = _LINE + 8  # 1 after a worker could not be created
TEAM = 2 * _LINE  # the address of `wait`, then from the next line on the counts of the threads
_COUNTS = _LINE  # from the team on
_MAILBOXES = TEAM + _COUNTS + MAX_THREADS * _LINE
_MAILBOX_BYTES = 2 * _LINE
STATE_BYTES = _MAILBOXES + MAX_THREADS * _MAILBOX_BYTES

# A mailbox: what a launch writes and the worker reads. At 0, the number of launches.
_PROGRAM, _TABLE, _THREADS, _COUNT = 8, 16, 24, 32
_SLEEPING = 40  # written by the worker
_PROCESSOR = 48  # of the thread that woke it last
_OF_TEAM, _OF_TID = 64, 72  # never change
_MUTEX, _CONDITION = 128, 192  # on which it sleeps

# In nanoseconds. A barrier is near, as all threads have the same amount to do. A worker without
# work spins for about as long as waking it would take.
_SPIN_IN_BARRIER = 50_000
_YIELD_IN_BARRIER = 1_000_000
_NAP = 50_000
_SPIN_WITHOUT_WORK = 200_000


_MOVES = sys.platform == "linux"
_AFFINITY_BYTES = 128  # a set of 1024 processors, as in the C library


def write_barrier(module: Module) -> None:
    f = module.function(
        "barrier", [("team", "ptr"), ("tid", "i64"), ("threads", "i64")], attributes="noinline"
    )
    team, tid, threads = f.params
    with f.when(threads.gt(1)):
        counts = team.offset(_COUNTS)
        own = counts.offset(tid * _LINE)
        reached = _load(f, own, "monotonic") + 1
        _store(f, reached, own, "release")
        with f.loop(0, threads) as loop:
            other = counts.offset(loop.index * _LINE)
            with f.when(_load(f, other, "acquire").lt(reached)):
                # how to wait depends on the machine: the pool knows
                f.call_pointer(f.load("ptr", team), "void", other, reached)
    f.ret()


def runtime(machine: Machine) -> str:
    """IR that exports ``wait``, ``launch`` and ``launch_adaptive``."""
    module = Module()
    for name, parameters in {
        "clock_gettime": ["i32", "ptr"],
        "sched_yield": [],
        "nanosleep": ["ptr", "ptr"],
        "sigfillset": ["ptr"],
        "pthread_sigmask": ["i32", "ptr", "ptr"],
        "pthread_create": ["ptr", "ptr", "ptr", "ptr"],
        "pthread_mutex_init": ["ptr", "ptr"],
        "pthread_mutex_lock": ["ptr"],
        "pthread_mutex_unlock": ["ptr"],
        "pthread_cond_init": ["ptr", "ptr"],
        "pthread_cond_wait": ["ptr", "ptr"],
        "pthread_cond_signal": ["ptr"],
    }.items():
        module.declare(name, "i32", parameters)
    _write_now(module)
    _write_pause(module, machine)
    _write_wait(module)
    if _MOVES:
        _write_step_aside(module)
    _write_receive(module)
    _write_worker(module)
    _write_grow(module)
    _write_launch(module)
    write_launch_adaptive(module)
    return str(module)


# -- waiting ---------------------------------------------------------------------------------------


def _load(f: Function, place: Value, order: str) -> Value:
    return f.emit("i64", f"load atomic i64, ptr {place.text} {order}, align 8")


def _store(f: Function, value: Value | int, place: Value, order: str) -> None:
    text = value.text if isinstance(value, Value) else str(value)
    f.line(f"store atomic i64 {text}, ptr {place.text} {order}, align 8")


def _set(f: Function, place: Value, value: int) -> None:
    f.store(f.i64(value), place)


@contextmanager
def _forever(f: Function, name: str) -> Iterator[str]:
    """A loop that is left by branching to the label given."""
    f.branch(name)
    f.start_block(name)
    yield f"{name}.end"
    f.branch(name)
    f.start_block(f"{name}.end")


def _leave_if(f: Function, condition: Value, label: str) -> None:
    f.branch_if(condition, label, f"not.{label}")
    f.start_block(f"not.{label}")


def _write_now(module: Module) -> None:
    """A monotonic clock in nanoseconds."""
    f = module.function("now", [], "i64", "noinline")
    if sys.platform == "darwin":  # where the other one counts microseconds
        clock = time.CLOCK_UPTIME_RAW
    else:
        clock = time.CLOCK_MONOTONIC
    spec = f.alloca("i64", 2, align=8)
    f.call("clock_gettime", "i32", f.constant("i32", clock), spec)
    f.ret(f.load("i64", spec) * 1_000_000_000 + f.load("i64", spec.offset(8)))


def _write_pause(module: Module, machine: Machine) -> None:
    """Some tens of cycles; the hint "yield" of Arm takes none on most processors."""
    f = module.function("pause", [], attributes="alwaysinline")
    if machine.name == "neon":
        module.declare("llvm.aarch64.isb", "void", ["i32"])
        f.call("llvm.aarch64.isb", "void", f.constant("i32", 15))
    else:
        module.declare("llvm.x86.sse2.pause", "void", [])
        f.call("llvm.x86.sse2.pause", "void")
    f.ret()


def _spin(f: Function, begun: Value, reached: Callable[[], Value], end: str) -> Value:
    """Look 64 times, leaving to ``end``; then the nanoseconds since the first time here, which is
    kept in ``begun``."""
    turns = f.alloca("i64", align=8)
    _set(f, turns, 64)
    with _forever(f, "spin") as tired:
        _leave_if(f, reached(), end)
        f.call("pause", "void")
        left = f.load("i64", turns) - 1
        f.store(left, turns)
        _leave_if(f, left.eq(0), tired)
    now = f.call("now", "i64")
    with f.when(f.load("i64", begun).eq(0)):
        f.store(now, begun)
    return now - f.load("i64", begun)


def _write_wait(module: Module) -> None:
    """``void wait(ptr counter, i64 value)`` returns once the counter has reached the value."""
    f = module.function("wait", [("counter", "ptr"), ("value", "i64")], internal=False)
    counter, value = f.params
    begun, nap = f.alloca("i64", align=8), f.alloca("i64", 2, align=8)
    _set(f, begun, 0)
    with _forever(f, "waiting") as end:
        waited = _spin(f, begun, lambda: _load(f, counter, "acquire").ge(value), end)
        with f.when(waited.gt(_SPIN_IN_BARRIER)):
            f.call("sched_yield", "i32")
        with f.when(waited.gt(_YIELD_IN_BARRIER)):
            _set(f, nap, 0)
            _set(f, nap.offset(8), _NAP)
            f.call("nanosleep", "i32", nap, f.constant("ptr", 0))
    f.ret()


def _write_step_aside(module: Module) -> None:
    """``void step_aside(i64 processor)`` leaves the processor if there is another one to go to.

    Linux likes to wake a thread where the one that wakes it runs. It would stay there, since two
    threads that let each other run look like little work, and a launch would take twice as long.
    """
    module.declare("sched_getcpu", "i32", [])
    for name in ("sched_getaffinity", "sched_setaffinity"):
        module.declare(name, "i32", ["i32", "i64", "ptr"])
    f = module.function("step_aside", [("processor", "i64")], attributes="noinline")
    (processor,) = f.params
    size, this = f.i64(_AFFINITY_BYTES), f.constant("i32", 0)
    every, others = (f.alloca("i8", _AFFINITY_BYTES, align=8) for _ in range(2))
    with f.when(f.call("sched_getcpu", "i32").cast("sext", "i64").eq(processor)):
        known = f.call("sched_getaffinity", "i32", this, size, every).eq(0)
        with f.when(known & processor.compare("", "ult", 8 * _AFFINITY_BYTES)):
            f.call("sched_getaffinity", "i32", this, size, others)
            byte = others.offset(processor.ashr(3))
            bit = f.emit("i64", f"shl i64 1, {(processor & 7).text}").cast("trunc", "i8")
            f.store(f.load("i8", byte) & ~bit, byte)
            # a set without any processor is refused
            f.call("sched_setaffinity", "i32", this, size, others)
            f.call("sched_setaffinity", "i32", this, size, every)
    f.ret()


def _write_receive(module: Module) -> None:
    """``i64 receive(ptr mailbox, i64 before)``: its number of launches, once it is a new one."""
    f = module.function("receive", [("mailbox", "ptr"), ("before", "i64")], "i64")
    mailbox, before = f.params
    mutex, condition = mailbox.offset(_MUTEX), mailbox.offset(_CONDITION)
    begun = f.alloca("i64", align=8)
    _set(f, begun, 0)
    with _forever(f, "idle") as end:
        waited = _spin(f, begun, lambda: _load(f, mailbox, "acquire").ne(before), end)
        with f.when(waited.gt(_SPIN_WITHOUT_WORK)):
            f.call("pthread_mutex_lock", "i32", mutex)
            # A worker writes this and then reads the number of launches; a launch writes the
            # number and then reads this. In a total order, one of them sees the other.
            _store(f, 1, mailbox.offset(_SLEEPING), "seq_cst")
            with _forever(f, "asleep") as awake:
                _leave_if(f, _load(f, mailbox, "seq_cst").ne(before), awake)
                f.call("pthread_cond_wait", "i32", condition, mutex)
            _store(f, 0, mailbox.offset(_SLEEPING), "monotonic")
            f.call("pthread_mutex_unlock", "i32", mutex)
            if _MOVES:
                f.call("step_aside", "void", f.load("i64", mailbox.offset(_PROCESSOR)))
    f.ret(_load(f, mailbox, "acquire"))


# -- workers ---------------------------------------------------------------------------------------


def _write_worker(module: Module) -> None:
    f = module.function("worker", [("mailbox", "ptr")], "ptr")
    (mailbox,) = f.params
    team, tid = f.load("ptr", mailbox.offset(_OF_TEAM)), f.load("i64", mailbox.offset(_OF_TID))
    own = team.offset(_COUNTS).offset(tid * _LINE)
    seen = f.alloca("i64", align=8)
    _set(f, seen, 0)
    with _forever(f, "serving"):
        f.store(f.call("receive", "i64", mailbox, f.load("i64", seen)), seen)
        program, table = (f.load("ptr", mailbox.offset(place)) for place in (_PROGRAM, _TABLE))
        threads, count = (f.load("i64", mailbox.offset(place)) for place in (_THREADS, _COUNT))
        _store(f, count, own, "monotonic")
        f.call_pointer(program, "void", table, tid, threads, team)
        _store(f, _load(f, own, "monotonic") + 1, own, "release")
    f.line("unreachable")


def _write_grow(module: Module) -> None:
    """``void grow(ptr state, i64 wanted)`` creates workers until there are as many as wanted;
    after a failure it never tries again."""
    f = module.function("grow", [("state", "ptr"), ("wanted", "i64")], attributes="noinline")
    state, wanted = f.params
    alive, failed = state.offset(ALIVE), state.offset(_FAILED)
    mask = f.constant("i32", int(signal.SIG_SETMASK))
    null = f.constant("ptr", 0)
    thread, every, before = (f.alloca("i8", 128, align=16) for _ in range(3))
    # a worker starts with the mask of its creator; signals are for the threads of Python
    f.call("sigfillset", "i32", every)
    f.call("pthread_sigmask", "i32", mask, every, before)
    with _forever(f, "creating") as end:
        tid = f.load("i64", alive) + 1
        _leave_if(f, tid.gt(wanted) | f.load("i64", failed).ne(0), end)
        mailbox = state.offset(_MAILBOXES).offset(tid * _MAILBOX_BYTES)
        f.store(state.offset(TEAM), mailbox.offset(_OF_TEAM))
        f.store(tid, mailbox.offset(_OF_TID))
        f.call("pthread_mutex_init", "i32", mailbox.offset(_MUTEX), null)
        f.call("pthread_cond_init", "i32", mailbox.offset(_CONDITION), null)
        worker = Value(f, "ptr", "@worker")
        error = f.call("pthread_create", "i32", thread, null, worker, mailbox).ne(0)
        f.store(error.cast("zext", "i64"), failed)
        f.store(error.select(tid - 1, tid), alive)
    f.call("pthread_sigmask", "i32", mask, before, null)
    f.ret()


def _write_launch(module: Module) -> None:
    f = module.function(
        "launch",
        [("state", "ptr"), ("program", "ptr"), ("table", "ptr"), ("wanted", "i64")],
        "i64",
        internal=False,
    )
    state, program, table, wanted = f.params
    _leave_if(f, wanted.le(1), "alone")
    pair = f.emit(
        "{ i64, i1 }",
        f"cmpxchg ptr {state.offset(_LOCK).text}, i64 0, i64 1 acquire monotonic, align 8",
    )
    taken = f.emit("i1", f"extractvalue {pair.type} {pair.text}, 1")
    f.branch_if(taken, "together", "alone")

    f.start_block("together")
    possible = wanted.lt(MAX_THREADS).select(wanted, MAX_THREADS)
    with f.when((f.load("i64", state.offset(ALIVE)) + 1).lt(possible)):
        f.call("grow", "void", state, possible - 1)
    there = f.load("i64", state.offset(ALIVE)) + 1
    threads = there.lt(possible).select(there, possible)
    team = state.offset(TEAM)
    counts = team.offset(_COUNTS)
    count = _load(f, counts, "monotonic")
    with f.loop(f.i64(1), threads) as loop:
        mailbox = state.offset(_MAILBOXES).offset(loop.index * _MAILBOX_BYTES)
        for place, value in {
            _PROGRAM: program,
            _TABLE: table,
            _THREADS: threads,
            _COUNT: count,
        }.items():
            f.store(value, mailbox.offset(place))
        _store(f, _load(f, mailbox, "monotonic") + 1, mailbox, "seq_cst")
        with f.when(_load(f, mailbox.offset(_SLEEPING), "seq_cst").ne(0)):
            f.call("pthread_mutex_lock", "i32", mailbox.offset(_MUTEX))
            if _MOVES:
                here = f.call("sched_getcpu", "i32").cast("sext", "i64")
                f.store(here, mailbox.offset(_PROCESSOR))
            f.call("pthread_cond_signal", "i32", mailbox.offset(_CONDITION))
            f.call("pthread_mutex_unlock", "i32", mailbox.offset(_MUTEX))
    f.call_pointer(program, "void", table, f.i64(0), threads, team)
    finished = _load(f, counts, "monotonic") + 1
    _store(f, finished, counts, "monotonic")
    with f.loop(f.i64(1), threads) as loop:
        f.call("wait", "void", counts.offset(loop.index * _LINE), finished)
    _store(f, 0, state.offset(_LOCK), "release")
    f.ret(threads)

    f.start_block("alone")
    f.call_pointer(program, "void", table, f.i64(0), f.i64(1), f.constant("ptr", 0))
    f.ret(f.i64(1))
