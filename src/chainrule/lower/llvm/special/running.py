"""Running along an axis: cumsum, cumprod, linear_recurrence.

Each element follows from the one before in the order of the reference, so the bits are the same.
Vectors lie across the axis; along the last axis several rows run side by side instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.lower.llvm.elementwise import Context, emit_elementwise
from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.kernel import Kernel
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.special.step import SMALL, Emitter, Writer, load, split_at, store
from chainrule.lower.llvm.vecmath.casting import memory_type

__all__ = ["cumprod", "cumsum", "linear_recurrence"]

SIDE = 8
"""Rows or vectors that run side by side, to hide how long one step takes."""

Following = Callable[[Writer, Value, Sequence[Value]], Value]
"""``following(w, the value before, the elements of the sources)``"""


class _Runs:
    """The loops around one step; ``first`` is the source of the first element."""

    def __init__(self, w: Writer, following: Following, first: int) -> None:
        self.w = w
        self.following = following
        self.first = first
        axis, self.reverse = w.node.argument
        self.outer, self.extent, self.inner = split_at(w.node.shape, axis)
        self.scalar = memory_type(w.node.dtype)

    def run(self, starts: Sequence[Value], count: int, mask: Value | None) -> None:
        """Run from these positions of first elements, side by side."""
        f, dtype = self.w.f, self.w.node.dtype
        step = -self.inner if self.reverse else self.inner
        base = (self.extent - 1) * self.inner if self.reverse else 0
        starts = [start + base for start in starts]

        def sources(start: Value) -> list[Value]:
            return [
                load(f, dtype, source.offset(start, self.scalar), count, mask)
                for source in self.w.sources
            ]

        def put(start: Value, value: Value) -> None:
            store(f, dtype, value, self.w.result.offset(start, self.scalar), mask)

        values = []
        for start in starts:
            first = self.w.sources[self.first].offset(start, self.scalar)
            values.append(load(f, dtype, first, count, mask))
            put(start, values[-1])
        if self.extent == 1:
            return
        with f.loop(1, self.extent, 1, values) as loop:
            moved = loop.index * step
            now = []
            for start, before in zip(starts, loop.values, strict=True):
                now.append(self.following(self.w, before, sources(start + moved)))
            for start, value in zip(starts, now, strict=True):
                put(start + moved, value)
            loop.carry(*now)

    def along_rows(self) -> list[Kernel]:
        """The axis is the last one."""
        w, f = self.w, self.w.f
        blocks, rest = divmod(self.outer, SIDE)
        with w.all_of(blocks + bool(rest), w.node.type.size) as block:
            row = block * SIDE
            with f.when(block.lt(blocks)):
                self.run([(row + i) * self.extent for i in range(SIDE)], 0, None)
            if rest:
                with f.when(block.eq(blocks)):
                    self.run([(row + i) * self.extent for i in range(rest)], 0, None)
        return w.done(blocks + bool(rest), w.node.type.size)

    def across(self) -> list[Kernel]:
        """Vectors of neighbouring elements, which lie after the axis."""
        w, f = self.w, self.w.f
        count = w.lanes(self.inner, w.node.dtype.itemsize)
        vectors = -(-self.inner // count)
        side = min(SIDE, vectors)
        if w.node.type.size >= SMALL and self.outer < 8:
            side = min(side, 4)  # enough tasks for threads
        width = side * count
        whole, rest = divmod(self.inner, width)
        blocks = whole + bool(rest)
        lanes = count if count > 1 else 0
        with w.all_of(self.outer * blocks, w.node.type.size) as task:
            row = f.emit("i64", f"udiv i64 {task.text}, {blocks}")
            block = f.emit("i64", f"urem i64 {task.text}, {blocks}")
            start = row * (self.extent * self.inner) + block * width
            with f.when(block.lt(whole)):
                self.run([start + i * count for i in range(side)], lanes, None)
            if rest:
                with f.when(block.eq(whole)):
                    full = rest // count
                    if full:
                        self.run([start + i * count for i in range(full)], lanes, None)
                    if rest % count:
                        self.run([start + full * count], lanes, f.mask(count, rest % count))
        return w.done(self.outer * blocks, w.node.type.size)


def _emit(following: Following, first: int) -> Emitter:
    def emit(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
        runs = _Runs(Writer(settings, name, frame, step), following, first)
        return runs.along_rows() if runs.inner == 1 else runs.across()

    return emit


def _folded(name: str, boolean: str) -> Following:
    def following(w: Writer, before: Value, sources: Sequence[Value]) -> Value:
        context = Context(w.f, w.node.dtype, w.machine)
        operation = boolean if w.node.dtype.kind == "b" else name
        return emit_elementwise(context, operation, [before, sources[0]])

    return following


def _recurrence(w: Writer, before: Value, sources: Sequence[Value]) -> Value:
    context = Context(w.f, w.node.dtype, w.machine)
    factor, drive = sources
    grown = emit_elementwise(context, "mul", [factor, before])
    return emit_elementwise(context, "add", [drive, grown])


cumsum = _emit(_folded("add", "logical_or"), 0)
cumprod = _emit(_folded("mul", "logical_and"), 0)
linear_recurrence = _emit(_recurrence, 1)
