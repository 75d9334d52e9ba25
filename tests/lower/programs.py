"""Native programs as functions of NumPy arrays, without the door: what the tests call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.program import Program, write_program
from chainrule.lower.llvm.runtime.jit import compile_object, load
from chainrule.lower.llvm.runtime.pool import pool

Array = np.ndarray[Any, Any]


class Native:
    """``native(*arrays)``: the outputs of a graph.

    Args:
        graph: what to compute.
        threads: how many share its steps.

    Attributes:
        program: what was compiled.
        status: the status word of the last call.
    """

    def __init__(self, graph: Graph, threads: int = 1) -> None:
        self.graph = graph
        self.threads = threads
        self.program: Program = write_program(graph, host(), threads=threads)
        self._code = load(compile_object(self.program.text, host()))
        self._reference = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(self._evaluate)
        self._arena = np.zeros(self.program.arena + 64, np.uint8)
        self._status = np.zeros(2, np.int64)
        self._table = (ctypes.c_void_p * self.program.slots)()
        self._table[0] = -(-self._arena.ctypes.data // 64) * 64
        self._table[1] = self._status.ctypes.data
        self._table[2] = ctypes.cast(self._reference, ctypes.c_void_p).value
        for slot, value in self.program.constants.items():
            self._table[slot] = value.ctypes.data
        self.error: Exception | None = None

    def __call__(self, *values: Array) -> list[Array]:
        inputs = [np.ascontiguousarray(value) for value in values]
        outputs = [np.empty(node.shape, node.dtype) for node in self.graph.outputs]
        for slot, value in zip(self.program.inputs, inputs, strict=True):
            self._table[slot] = value.ctypes.data
        for slot, value in zip(self.program.outputs, outputs, strict=True):
            self._table[slot] = value.ctypes.data
        self._status[:] = 0
        table = ctypes.addressof(self._table)
        pool().launch(self._code.address("program"), table, self.threads)
        if self.error is not None:
            raise self.error
        return outputs

    @property
    def status(self) -> int:
        return int(self._status[0])

    @property
    def kinds(self) -> list[str]:
        """The kinds of the steps, in order."""
        return [step.group.kind for step in self.program.frame.steps]

    def _view(self, buffer: Buffer, node: Node) -> Array:
        if node.type.size == 0:
            return np.empty(node.shape, node.dtype)
        address = self._table[buffer.slot] + buffer.offset
        size = node.type.size * node.dtype.itemsize
        found = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_uint8)), (size,))
        return found.view(node.dtype).reshape(node.shape)

    def _evaluate(self, table: Any, number: int) -> None:
        """The reference, for a node that has no native code."""
        fallback = self.program.fallbacks[number]
        node = fallback.node
        try:
            sources = [self._view(buffer, source) for buffer, source in fallback.sources]
            with np.errstate(all="ignore"):
                found = node.primitive.evaluate(*sources, *node.argument)
            for buffer, result in fallback.results:
                own = found[result.argument[0]] if result.primitive.name == "item" else found
                self._view(buffer, result)[...] = own
        except Exception as error:
            self.error = error
            self._status[0] = 1


def native(graph: Graph, values: Sequence[Array]) -> list[Array]:
    """The outputs of a graph for these inputs."""
    return Native(graph)(*values)
