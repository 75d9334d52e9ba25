"""A program in memory: its code, its arena, its table, and how the reference is called from it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.plan.table import ARENA, REFERENCE, STATUS
from chainrule.lower.llvm.program import FAILED, Program
from chainrule.lower.llvm.runtime.jit import cached_object, load
from chainrule.lower.llvm.runtime.lock import Lock
from chainrule.lower.llvm.runtime.pool import POLICY_BYTES, pool

__all__ = ["Bound"]

LONG = 20.0
"""Microseconds from which a run releases the GIL."""

_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
_TYPES = (None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_PROGRAM = ctypes.CFUNCTYPE(*_TYPES)
_SHORT_PROGRAM = ctypes.PYFUNCTYPE(*_TYPES)  # keeps the GIL


class Bound:
    """A program that can run.

    Args:
        program: the program.
        machine: the processor at hand.

    Attributes:
        program: what it was made from.
        address: of the function ``program``.
        table: base pointers; 0 for inputs and outputs, which are different in every call.
        lock: held while the program runs, where that takes long enough to release the GIL, or
            where the reference may release it; else None, and the GIL is kept.
    """

    def __init__(self, program: Program, machine: Machine) -> None:
        self.program = program
        self._code = load(cached_object(program.text, machine))
        self.address = self._code.address("program")
        self._memory = np.empty(program.arena + 64, np.uint8)
        self._callback = _CALLBACK(self._reference)
        self._constants = list(program.constants.values())
        self._local = threading.local()
        table = [0] * program.slots
        table[ARENA] = -(-self._memory.ctypes.data // 64) * 64
        table[REFERENCE] = ctypes.cast(self._callback, ctypes.c_void_p).value or 0
        for slot, value in program.constants.items():
            table[slot] = value.ctypes.data
        self.table = tuple(table)
        long = program.microseconds > LONG or program.threads > 1
        self.lock = Lock() if long or program.fallbacks else None
        self._policy = (ctypes.c_int64 * (POLICY_BYTES // 8))()

    @property
    def threads(self) -> int:
        return self.program.threads

    @property
    def policy(self) -> int:
        """The address of the memory in which launches learn how many threads are faster."""
        return ctypes.addressof(self._policy)

    def run(self, arrays: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        """Run on contiguous arrays of the right types; outputs that take over an input overwrite
        it. The caller holds the lock, if there is one.

        Raises:
            StatusError: if the program ended early.
        """
        program = self.program
        table = (ctypes.c_void_p * program.slots)(*self.table)
        by_slot: dict[int, np.ndarray[Any, Any]] = {}
        for slot, value in zip(program.inputs, arrays, strict=True):
            by_slot[slot] = value
        results = []
        for slot, node in zip(program.outputs, program.frame.graph.outputs, strict=True):
            if slot not in by_slot:
                by_slot[slot] = np.empty(node.shape, node.dtype)
            results.append(by_slot[slot])
        for slot, value in by_slot.items():
            table[slot] = value.ctypes.data
        status = np.zeros(2, np.int64)  # of this call: others may run before it is looked at
        table[STATUS] = status.ctypes.data
        address = ctypes.addressof(table)
        if self.threads > 1:
            pool().launch(self.address, address, self.threads, self.policy)
        else:
            call = _SHORT_PROGRAM if self.lock is None else _PROGRAM
            call(self.address)(address, 0, 1, None)
        if status[0]:
            raise StatusError(int(status[0]))
        return results

    def take_error(self) -> BaseException | None:
        """What the reference raised in the last run of this thread, and forget it."""
        error, self._local.error = getattr(self._local, "error", None), None
        return error

    def _reference(self, table: int, number: int) -> None:
        """Called by the program: evaluate a node that has no native code."""
        try:
            fallback = self.program.fallbacks[number]
            pointers = (ctypes.c_void_p * self.program.slots).from_address(table)
            values = [_view(pointers, buffer, node) for buffer, node in fallback.sources]
            node = fallback.node
            with np.errstate(all="ignore"):
                found = node.primitive.evaluate(*values, *node.argument)
            for buffer, result in fallback.results:
                part = found[result.argument[0]] if result.primitive.name == "item" else found
                _view(pointers, buffer, result)[...] = part
        except BaseException as error:  # it must not pass through native code
            self._local.error = error  # the caller's own thread is here
            status = ctypes.c_int64.from_address(pointers[STATUS] or 0)
            status.value = FAILED


class StatusError(Exception):
    """A program ended with a status other than 0."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _view(table: Any, buffer: Buffer, node: Node) -> np.ndarray[Any, Any]:
    """The array that lies in a buffer."""
    size = node.type.size * node.dtype.itemsize
    if size == 0:
        return np.empty(node.shape, node.dtype)
    raw: Any = (ctypes.c_uint8 * size).from_address(table[buffer.slot] + buffer.offset)
    found: np.ndarray[Any, Any] = np.frombuffer(raw, node.dtype).reshape(node.shape)
    return found
