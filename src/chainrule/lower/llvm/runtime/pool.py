"""Threads for native programs: workers, launches, barriers.

A program is a native function ``void program(ptr table, i64 tid, i64 threads, ptr team)``. All
threads run it at once, each does its share of the work, and they meet in barriers; with one thread
it is the same program without waiting. A program gives the same bits for any number of threads, so
a launch may use fewer than were asked for.

What runs here is native code of our own (`lower.llvm.pool_code`). It holds no lock of Python.
"""

from __future__ import annotations

import ctypes
import os

from chainrule.lower.llvm.ir import Module
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.runtime.jit import cached_object, load
from chainrule.lower.llvm.runtime.pool_code import (
    ALIGNMENT,
    ALIVE,
    MAX_THREADS,
    STATE_BYTES,
    TEAM,
    runtime,
    write_barrier,
)
from chainrule.lower.llvm.runtime.pool_policy import POLICY_BYTES

__all__ = ["MAX_THREADS", "POLICY_BYTES", "Pool", "emit_barrier", "pool"]


def emit_barrier(module: Module) -> str:
    """The name of ``void barrier(ptr team, i64 tid, i64 threads)``, written where it is missing.

    No thread returns before all ``threads`` of the team have called it, and what each wrote before
    is seen by all afterwards. With one thread it returns at once; ``team`` may then be null.
    """
    return module.shared("barrier", lambda: write_barrier(module))


class Pool:
    """The workers of this process, none at first; a launch creates those it needs.

    Attributes:
        state_address: the memory of the pool.
        launch_address: ``i64 launch(ptr state, ptr program, ptr table, i64 threads)`` runs a
            program and returns the number of threads that ran it: 1 if the workers were in use by
            another launch or could not be created.
        launch_adaptive_address: ``void launch_adaptive(ptr state, ptr program, ptr table,
            i64 threads, ptr policy)`` runs it with ``threads`` or with one, whichever was faster of
            late. ``policy`` is memory of the program: `POLICY_BYTES`, aligned to 8 bytes, zeros at
            first, and not for two launches at once.
    """

    def __init__(self) -> None:
        machine = host()
        self._code = load(cached_object(runtime(machine), machine))
        self.launch_address = self._code.address("launch")
        self.launch_adaptive_address = self._code.address("launch_adaptive")
        # never given back: workers look at it until the process has ended
        memory = ctypes.c_void_p()
        size = ctypes.c_size_t(STATE_BYTES)
        if ctypes.CDLL(None).posix_memalign(ctypes.byref(memory), ctypes.c_size_t(ALIGNMENT), size):
            raise MemoryError("no memory for the state of the thread pool")
        assert memory.value is not None
        self.state_address: int = memory.value
        self.reset()

    def reset(self) -> None:
        """Forget all workers: those of the parent do not exist in a forked child."""
        ctypes.memset(self.state_address, 0, STATE_BYTES)
        wait = ctypes.c_void_p.from_address(self.state_address + TEAM)
        wait.value = self._code.address("wait")

    @property
    def workers(self) -> int:
        """How many there are now, beside the thread that launches."""
        return ctypes.c_int64.from_address(self.state_address + ALIVE).value

    def launch(self, program: int, table: int, threads: int, policy: int | None = None) -> None:
        """Run the program at an address, adaptively if there is the address of a policy.

        Native code has no need of this; it calls the function at `launch_address`.
        """
        if policy is None:
            _LAUNCH(self.launch_address)(self.state_address, program, table, threads)
        else:
            _LAUNCH_ADAPTIVE(self.launch_adaptive_address)(
                self.state_address, program, table, threads, policy
            )


_LAUNCH = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
)
_LAUNCH_ADAPTIVE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p
)
_pools: dict[str, Pool] = {}


def pool() -> Pool:
    """The pool of this process."""
    if "pool" not in _pools:
        _pools.setdefault("pool", Pool())  # where two threads come here at once, one pool is kept
    return _pools["pool"]


def _after_fork() -> None:
    for known in _pools.values():
        known.reset()


os.register_at_fork(after_in_child=_after_fork)
