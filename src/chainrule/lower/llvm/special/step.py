"""What the emitters of this room share: operands of a step, elements in memory, tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

from chainrule.core.node import Node
from chainrule.lower.llvm.ir import Function, Value, lanes, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.plan.index import Affine, Dynamic, Var
from chainrule.lower.llvm.vecmath.casting import memory_type

__all__ = [
    "Emitter",
    "Writer",
    "emit_zeros",
    "load",
    "split_at",
    "store",
    "wide_shuffle",
]

SMALL = 16384
"""Elements below which a kernel is one task: sharing it out would cost more."""

Emitter = Callable[[Settings, str, Frame, Step], Any]
"""``emitter(settings, name, frame, step)``: kernels, or why there are none for this node."""


class Writer:
    """One kernel of a step that is a single node.

    Args:
        settings: what all kernels of the program share.
        name: of the kernel.
        frame: where its operands lie.
        step: the node.

    Attributes:
        f: the kernel.
        node: what it computes.
        sources: addresses of the operands, which are contiguous.
        result: the address of the result.
    """

    def __init__(self, settings: Settings, name: str, frame: Frame, step: Step) -> None:
        self.settings = settings
        self.machine = settings.machine
        self.name = name
        self.node: Node = step.group.members[0]
        self.f: Function = kernel_function(settings.module, name)
        self.sources = [self._source(frame, source) for source in self.node.sources]
        place = frame.place(self.node)
        assert place is not None
        self.result = place.pointer(self.f)

    def _source(self, frame: Frame, source: Node) -> Value:
        operand = frame.operand(self.node, source)
        place = frame.place(operand.base)
        assert place is not None
        return place.pointer(self.f).offset(operand.offset, memory_type(source.dtype))

    def lanes(self, extent: int, size: int) -> int:
        """Lanes of a vector of elements of ``size`` bytes; no more than an axis has use for."""
        count = max(self.machine.vector_bytes // size, 1)
        while count > 1 and count // 2 >= extent:
            count //= 2
        return count

    @contextmanager
    def tasks(self) -> Iterator[Value]:
        """The number of a task, for all tasks of the call."""
        with self.f.loop(self.f.params[1], self.f.params[2]) as loop:
            yield loop.index

    @contextmanager
    def all_of(self, size: int, work: int) -> Iterator[Value]:
        """Numbers below ``size``: one task each, or all of them in one if there is little work.

        The kernel is then finished by `done` with the same arguments.
        """
        if work < SMALL:
            with self.f.loop(0, size) as loop:
                yield loop.index
        else:
            with self.tasks() as task:
                yield task

    def done(self, size: int, work: int) -> list[Kernel]:
        """The kernel, with as many tasks as `all_of` counted on."""
        self.f.ret()
        touched = sum(n.type.size * n.dtype.itemsize for n in (self.node, *self.node.sources))
        tasks = 1 if work < SMALL else size
        return [Kernel(self.name, tasks, work, touched)]

    def checked(self, source: Node, value: Value, extent: int) -> Value:
        """A place on an axis of ``extent``, from an element of an index array.

        Negative ones count from the end. One that is outside sets the status word and becomes 0, so
        that nothing outside is touched.
        """
        f = self.f
        wide = value.cast("zext" if source.dtype.kind == "u" else "sext", "i64")
        place = wide.lt(0).select(wide + extent, wide)
        outside = place.compare("", "uge", extent)
        index = tuple(Affine.of(Var(n)) for n in source.shape)
        code = self.settings.code(Dynamic(source, index, extent))
        word = self.settings.status.pointer(f)
        f.store(f.i64(code), outside.select(word, word.offset(8)))
        return outside.select(f.i64(0), place)


def load(
    f: Function, dtype: Any, pointer: Value, count: int = 0, mask: Value | None = None
) -> Value:
    """An element, or ``count`` of them, as they are held in registers."""
    type = vector(count, memory_type(dtype))
    value = f.load(type, pointer) if mask is None else f.masked_load(type, pointer, mask)
    return value.ne(0) if dtype.kind == "b" else value


def store(f: Function, dtype: Any, value: Value, pointer: Value, mask: Value | None = None) -> None:
    """Write what `load` reads."""
    if dtype.kind == "b":
        value = value.cast("zext", "i8")
    if mask is None:
        f.store(value, pointer)
    else:
        f.masked_store(value, pointer, mask)


def split_at(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """How many elements lie before, along, and after an axis.

    >>> split_at((2, 3, 4, 5), 1)
    (2, 3, 20)
    """
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])


def emit_zeros(settings: Settings, name: str, frame: Frame, step: Step, byte: int = 0) -> Kernel:
    """A kernel that fills the result with one byte."""
    w = Writer(settings, name, frame, step)
    f = w.f
    size = w.node.type.size * w.node.dtype.itemsize
    chunk = 1 << 16
    f.module.declare("llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1"])
    with w.tasks() as task:
        start = task * chunk
        rest = size - start
        length = rest.lt(chunk).select(rest, f.i64(chunk))
        f.line(
            f"call void @llvm.memset.p0.i64(ptr {w.result.offset(start).text}, i8 {byte}, "
            f"i64 {length.text}, i1 false)"
        )
    f.ret()
    return Kernel(name, -(-size // chunk), 0, size)


def wide_shuffle(values: Sequence[Value], order: Sequence[int]) -> Value:
    """Lanes of several vectors of one type, counted through, in the given order."""
    count = lanes(values[0].type)
    joined = list(values)
    while len(joined) > 1:
        if len(joined) % 2:
            joined.append(joined[-1])
        count = lanes(joined[0].type)
        joined = [
            a.shuffle(range(2 * count), b) for a, b in zip(joined[::2], joined[1::2], strict=True)
        ]
    return joined[0].shuffle(order)
