"""What a native program is made of: kernels over a table of base pointers.

A kernel is a function ``void kernel(ptr table, i64 first, i64 last, ptr scratch)``. It does the
tasks ``first`` to ``last - 1`` of its ``tasks``; tasks are independent, and how they are shared out
among threads does not change a bit of the result. ``table`` holds base pointers (the arena, the
inputs, the outputs, constants); ``scratch`` is memory of the calling thread, aligned to 64 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.lower.llvm.ir import Function, Module, Value

__all__ = ["Buffer", "Kernel", "digits", "kernel_function"]


@dataclass(frozen=True)
class Buffer:
    """Where an array lies: a slot of the table, and bytes from there."""

    slot: int
    offset: int = 0

    def pointer(self, f: Function) -> Value:
        """Emits the address, in a kernel or program whose first parameter is the table."""
        base = f.load("ptr", f.params[0].offset(self.slot, "ptr"))
        return base.offset(self.offset)


@dataclass(frozen=True)
class Kernel:
    """A kernel that was written.

    Attributes:
        function: its name.
        tasks: how many independent tasks it has.
        flops: floating-point operations of all tasks together.
        bytes: bytes that all tasks together read and write.
        scratch: bytes of thread memory that it needs.
    """

    function: str
    tasks: int
    flops: int = 0
    bytes: int = 0
    scratch: int = 0


def kernel_function(module: Module, name: str) -> Function:
    """A function with the parameters of a kernel."""
    return module.function(
        name,
        [("table", "ptr"), ("first", "i64"), ("last", "i64"), ("scratch", "ptr")],
        attributes="noinline",
    )


def digits(f: Function, value: Value, extents: Sequence[int]) -> list[Value]:
    """A position among ``extents`` as one number for each."""
    found: list[Value] = []
    for extent in reversed(extents[1:]):
        if extent == 1:
            found.append(f.i64(0))
            continue
        found.append(f.emit("i64", f"urem i64 {value.text}, {extent}"))
        value = f.emit("i64", f"udiv i64 {value.text}, {extent}")
    return [value, *reversed(found)] if extents else []
