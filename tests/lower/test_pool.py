import ctypes
import faulthandler
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from chainrule.lower.llvm.ir import Function, Module
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.lower.llvm.runtime import pool_code
from chainrule.lower.llvm.runtime.jit import Code, compile_object, load
from chainrule.lower.llvm.runtime.pool import MAX_THREADS, POLICY_BYTES, emit_barrier, pool

LINE = 128
PROGRAM = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
ROUNDS = 30
N = 3001
LONG = 400_000_000


def sum_below(n: int) -> int:
    """The sum of the squares below n."""
    return (n - 1) * n * (2 * n - 1) // 6


SUM = sum_below(N)


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """Threads that wait for each other forever must not hang the tests."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def program(module: Module, name: str) -> Function:
    return module.function(
        name,
        [("table", "ptr"), ("tid", "i64"), ("threads", "i64"), ("team", "ptr")],
        internal=False,
    )


def meet(f: Function) -> None:
    f.call(emit_barrier(f.module), "void", f.params[3], f.params[1], f.params[2])


def write_rounds(module: Module) -> None:
    """Each thread writes the round into its line, all meet, each counts the lines of others that
    differ. In its line: round, errors, threads, launches."""
    f = program(module, "rounds")
    table, tid, threads, _ = f.params
    own = table.offset(tid * LINE)
    with f.loop(1, ROUNDS + 1) as turn:
        f.store(turn.index, own)
        meet(f)
        with f.loop(0, threads) as other:
            differs = f.load("i64", table.offset(other.index * LINE)).ne(turn.index)
            f.store(f.load("i64", own.offset(8)) + differs.cast("zext", "i64"), own.offset(8))
        meet(f)
    f.store(threads, own.offset(16))
    f.store(f.load("i64", own.offset(24)) + 1, own.offset(24))
    f.ret()


def write_sum(module: Module, name: str = "sum", n: int = N) -> None:
    """Squares below n, every threads-th by each thread; thread 0 adds up and writes the sum."""
    f = program(module, name)
    table, tid, threads, _ = f.params
    with f.loop(tid, n, threads, [f.i64(0)]) as loop:
        loop.carry(loop.values[0] + loop.index * loop.index)
    f.store(loop.results[0], table.offset(tid * LINE + 8))
    meet(f)
    with f.when(tid.eq(0)):
        with f.loop(0, threads, 1, [f.i64(0)]) as loop:
            part = f.load("i64", table.offset(loop.index * LINE + 8))
            loop.carry(loop.values[0] + part)
        f.store(loop.results[0], table)
        f.store(f.load("i64", table.offset(16)) + 1, table.offset(16))
    f.ret()


def write_slow(module: Module) -> None:
    """Takes 5 ms longer where it runs with several threads, or with one if the flag at 0 is set.
    Counts at 8 the launches with one thread, at 16 those with several."""
    module.declare("usleep", "i32", ["i32"])
    f = program(module, "slow")
    table, tid, threads, _ = f.params
    several = threads.gt(1)
    with f.when(tid.eq(0)):
        with f.when(several.cast("zext", "i64").ne(f.load("i64", table))):
            f.call("usleep", "i32", f.constant("i32", 5000))
        place = table.offset(several.select(f.i64(16), 8))
        f.store(f.load("i64", place) + 1, place)
    f.ret()


@cache
def code() -> Code:
    module = Module()
    write_rounds(module)
    write_sum(module)
    write_sum(module, "long_sum", LONG)
    write_slow(module)
    return load(compile_object(str(module), host()))


class Table:
    """Memory of programs, one line for each thread."""

    def __init__(self) -> None:
        self.lines = ((ctypes.c_int64 * (LINE // 8)) * MAX_THREADS)()

    def run(self, name: str, threads: int, policy: int | None = None) -> None:
        pool().launch(code().address(name), ctypes.addressof(self.lines), threads, policy)

    def column(self, index: int, count: int) -> list[int]:
        return [self.lines[tid][index] for tid in range(count)]


def check_rounds(threads: int) -> None:
    table = Table()
    table.run("rounds", threads)
    assert table.column(1, threads) == [0] * threads
    assert table.column(2, threads) == [threads] * threads
    assert table.column(3, MAX_THREADS) == [1] * threads + [0] * (MAX_THREADS - threads)


def check_sum(threads: int = 2) -> None:
    table = Table()
    table.run("sum", threads)
    assert table.lines[0][0] == SUM
    assert table.lines[0][2] == 1


# -- barriers and launches ---------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7, 16, 64])
def test_threads_meet_in_barriers(threads: int) -> None:
    check_rounds(threads)
    assert pool().workers >= threads - 1


def test_teams_of_changing_size() -> None:
    sizes = random.Random(0)
    for _ in range(40):
        check_rounds(sizes.randint(1, 5))


def test_more_threads_than_there_can_be() -> None:
    table = Table()
    table.run("sum", 1000)
    assert table.lines[0][0] == SUM
    assert pool().workers == MAX_THREADS - 1


def test_workers_are_woken_whenever_they_fall_asleep() -> None:
    gaps = random.Random(0)
    for _ in range(300):  # about as long as workers spin, so that some are just about to sleep
        time.sleep(gaps.uniform(0.0, 0.0003))
        check_sum(3)


def test_one_thread_needs_no_team() -> None:
    table = Table()
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(
        code().address("rounds")
    )
    call(ctypes.addressof(table.lines), 0, 1, None)
    assert table.column(1, 1) == [0]
    assert table.column(3, 2) == [1, 0]


def test_python_threads_launch_at_once() -> None:
    done = []

    def work() -> None:
        for _ in range(300):
            check_sum()
        done.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == [True] * 4


def test_a_program_may_launch_another() -> None:
    seen: list[tuple[int, int]] = []
    inner = Table()

    def outer(table: int, tid: int, threads: int, team: int) -> None:
        if tid == 0:
            inner.run("rounds", 2)
        seen.append((tid, threads))

    native = PROGRAM(outer)
    address = ctypes.cast(native, ctypes.c_void_p).value
    assert address is not None
    pool().launch(address, 0, 2)
    assert sorted(seen) == [(0, 2), (1, 2)]
    assert inner.column(2, 2) == [1, 0]  # alone, as the workers were in use


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_machine_has_the_code(machine: Machine) -> None:
    assert compile_object(pool_code.runtime(machine), machine)
    module = Module()
    write_rounds(module)
    write_sum(module)
    assert str(module).count("define internal void @barrier") == 1
    assert compile_object(str(module), machine)


# -- one thread or several ---------------------------------------------------------------------


def test_adaptive_launches_take_the_faster_way_and_change_it() -> None:
    table = Table()
    policy = ctypes.create_string_buffer(POLICY_BYTES)

    def run(times: int) -> tuple[int, int]:
        before = table.lines[0][1], table.lines[0][2]
        for _ in range(times):
            table.run("slow", 2, ctypes.addressof(policy))
        return table.lines[0][1] - before[0], table.lines[0][2] - before[1]

    one, several = run(300)  # several threads are slow
    assert one + several == 300
    assert 2 <= several < one
    table.lines[0][0] = 1  # now one is
    deadline = time.monotonic() + 30
    while run(50)[1] < 49:
        assert time.monotonic() < deadline


def test_adaptive_launches_compute_the_same() -> None:
    table = Table()
    policy = ctypes.create_string_buffer(POLICY_BYTES)
    for turn in range(1, 1500):
        table.lines[0][0] = 0
        table.run("sum", 2, ctypes.addressof(policy))
        assert table.lines[0][0] == SUM
        assert table.lines[0][2] == turn


# -- faults, each in a process of its own ------------------------------------------------------

ROOT = Path(__file__).parents[2]
BEGIN = """
import ctypes, os, resource, signal, sys, threading, time
from tests.lower.test_pool import LONG, SUM, Table, check_rounds, check_sum, code, sum_below
from chainrule.lower.llvm.runtime.pool import pool
signal.alarm(60)
"""


def in_a_process(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        cwd=ROOT,
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_a_forked_child_has_workers_of_its_own() -> None:
    script = """
check_rounds(3)
for turn in range(10):
    if turn % 2:
        time.sleep(0.001)  # workers sleep
    child = os.fork()
    if child == 0:
        assert pool().workers == 0
        check_rounds(3)
        check_rounds(2)
        os._exit(pool().workers)
    check_rounds(3)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), end=" ")
"""
    assert in_a_process(script) == " ".join(["2"] * 10)


def test_fork_while_another_thread_launches() -> None:
    script = """
stop = False
def work():
    while not stop:
        check_sum()
thread = threading.Thread(target=work)
thread.start()
codes = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        check_rounds(2)
        os._exit(pool().workers)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop = True
thread.join()
print(set(codes))
"""
    assert in_a_process(script) == "{1}"


def test_an_interrupt_waits_for_the_program() -> None:
    script = """
check_sum()
table = Table()
launched = time.monotonic()
threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    table.run("long_sum", 2)
    while True:  # a fast machine was done before
        time.sleep(0.01)
except KeyboardInterrupt:
    print((table.lines[0][0] - sum_below(LONG)) % 2**64)
check_rounds(2)
"""
    assert in_a_process(script) == "0"


@pytest.mark.parametrize("pause", [0.0, 0.01], ids=["spinning", "sleeping"])
def test_exit_with_workers(pause: float) -> None:
    assert in_a_process(f"check_rounds(4); time.sleep({pause}); print('end')") == "end"


@pytest.mark.parametrize("name", ["sum", "long_sum"])
@pytest.mark.parametrize("times", ["2", "10**9"], ids=["ends", "daemon"])
def test_exit_while_a_thread_launches(name: str, times: str) -> None:
    script = f"""
table = Table()
started = threading.Event()
def work():
    started.set()
    for _ in range({times}):
        table.run({name!r}, 2)
threading.Thread(target=work, daemon={times != "2"}).start()
started.wait()
time.sleep(0.02)
print("end")
"""
    assert in_a_process(script) == "end"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is not kept elsewhere")
def test_without_memory_for_workers_one_thread_does_it() -> None:
    script = """
code()
pool()
table = Table()
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), -1))
table.run("sum", 4)
assert table.lines[0][0] == SUM
print(pool().workers)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
check_sum(4)
print(pool().workers)
"""
    assert in_a_process(script).split() == ["0", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_take_no_signals() -> None:
    script = """
def blocking(task):
    with open(f"/proc/self/task/{task}/status") as status:
        mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk"))
    return bool(mask >> signal.SIGINT - 1 & 1)

before = set(os.listdir("/proc/self/task"))
check_sum(4)
print([blocking(task) for task in set(os.listdir("/proc/self/task")) - before])
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
    assert in_a_process(script).splitlines() == ["[True, True, True]", "set()"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_woken_workers_may_run_where_the_process_may() -> None:
    script = """
before = set(os.listdir("/proc/self/task"))
for _ in range(40):
    check_sum(4)
    time.sleep(0.002)  # they sleep, are woken, and get out of the way
allowed = os.sched_getaffinity(0)
workers = set(os.listdir("/proc/self/task")) - before
print([os.sched_getaffinity(int(task)) == allowed for task in workers])
os.sched_setaffinity(0, {min(allowed)})  # now they have nowhere to go
check_sum(4)
"""
    assert in_a_process(script).splitlines() == ["[True, True, True]"]
