"""Elementwise code as a function of NumPy arrays: what the tests and measurements call."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from chainrule.lower.llvm import elementwise
from chainrule.lower.llvm.ir import Module, Value, vector
from chainrule.lower.llvm.machine import Machine, host
from chainrule.lower.llvm.runtime.jit import Code, compile_object, load
from chainrule.lower.llvm.vecmath import Accuracy

Array = np.ndarray[Any, Any]
Write = Callable[[elementwise.Context, Sequence[Value]], Value]


def module_text(
    write: Write,
    sources: Sequence[Any],
    result: Any,
    machine: Machine,
    lanes: int = 16,
    accuracy: Accuracy = "default",
    source: Any = None,
) -> str:
    """IR of ``run(ptr result, ptr a, ptr b, ptr c, i64 n)``, a loop over vectors."""
    m = Module()
    names = ["y", "a", "b", "c"]
    f = m.function("run", [(n, "ptr") for n in names] + [("n", "i64")], internal=False)
    dtype = np.dtype(sources[-1] if source is None else source)
    c = elementwise.Context(f, dtype, machine, accuracy)
    with f.loop(0, f.params[4], max(lanes, 1)) as loop:
        values = []
        for pointer, of in zip(f.params[1:], map(np.dtype, sources), strict=False):
            memory = elementwise.memory_type(of)
            value = f.load(vector(lanes, memory), pointer.offset(loop.index, memory))
            values.append(value.ne(0) if of.kind == "b" else value)
        y = write(c, values)
        memory = elementwise.memory_type(result)
        assert y.type == vector(lanes, elementwise.ir_type(result)), (y.type, result)
        if np.dtype(result).kind == "b":
            y = y.cast("zext", memory)
        f.store(y, f.params[0].offset(loop.index, memory))
    f.ret()
    return str(m)


class Native:
    """``native(*arrays)``: the code on arrays of one size, and where it was loaded."""

    def __init__(self, text: str, result: Any, lanes: int, machine: Machine) -> None:
        self._code: Code = load(compile_object(text, machine))
        self._call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64)(
            self._code.address("run")
        )
        self._result = np.dtype(result)
        self._lanes = max(lanes, 1)

    def __call__(self, *arrays: Array) -> Array:
        n = arrays[0].size
        padded = -(-n // self._lanes) * self._lanes
        if padded != n:
            arrays = tuple(np.concatenate([a, np.ones(padded - n, a.dtype)]) for a in arrays)
        y = np.empty(padded, self._result)
        self.into(y, *arrays)
        return y[:n]

    def into(self, y: Array, *arrays: Array) -> None:
        pointers = [y.ctypes.data, *(np.ascontiguousarray(a).ctypes.data for a in arrays), 0, 0]
        self._call(*pointers[:4], y.size)


@cache
def native(
    name: str,
    dtype: str,
    argument: tuple[Any, ...] = (),
    result: str | None = None,
    arity: int = 1,
    lanes: int = 16,
    accuracy: Accuracy = "default",
    machine: Machine | None = None,
) -> Native:
    """A primitive on arrays of ``dtype``; the first source of ``where`` is boolean."""
    machine = machine or host()
    sources = [dtype] * arity
    if name == "where":
        sources[0] = "bool"

    def write(c: elementwise.Context, values: Sequence[Value]) -> Value:
        return elementwise.emit_elementwise(c, name, values, argument)

    result = result or dtype
    text = module_text(write, sources, result, machine, lanes, accuracy)
    return Native(text, result, lanes, machine)
