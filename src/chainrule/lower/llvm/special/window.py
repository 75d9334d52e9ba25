"""overlap_add where many windows see an element; `windows` has the others, as views and sums."""

from __future__ import annotations

from math import prod

from chainrule.lower.llvm.elementwise import Context, emit_elementwise
from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.kernel import Kernel, digits
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.plan.index import strides_of
from chainrule.lower.llvm.special.step import Writer, emit_zeros, load, store
from chainrule.lower.llvm.vecmath.casting import memory_type

__all__ = ["overlap_add"]


def overlap_add(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """Zeros, to which the windows are added, the last one first: the order of the reference."""
    zeros = emit_zeros(settings, f"{name}_fill", frame, step)
    w = Writer(settings, name, frame, step)
    f, node = w.f, w.node
    shape, axes, strides = node.argument
    windows = node.sources[0]
    sizes = windows.shape[len(shape) :]
    steps, own = strides_of(shape), strides_of(windows.shape)
    others = [axis for axis in range(len(shape)) if axis not in axes]
    scalar = memory_type(node.dtype)
    vectors = steps[axes[-1]] == 1
    count = w.lanes(sizes[-1], node.dtype.itemsize) if vectors else 1
    lanes = count if count > 1 else 0

    def add(source: Value, target: Value, mask: Value | None, lanes: int) -> None:
        at = w.result.offset(target, scalar)
        before = load(f, node.dtype, at, lanes, mask)
        update = load(f, node.dtype, w.sources[0].offset(source, scalar), lanes, mask)
        operation = "logical_or" if node.dtype.kind == "b" else "add"
        context = Context(f, node.dtype, w.machine)
        store(f, node.dtype, emit_elementwise(context, operation, [before, update]), at, mask)

    def window(source: Value, target: Value, place: int) -> None:
        """Add one window: its elements lie last in the source."""
        size = sizes[place]
        if place < len(axes) - 1:
            with f.loop(0, size) as loop:
                moved = source + loop.index * own[len(shape) + place]
                window(moved, target + loop.index * steps[axes[place]], place + 1)
            return
        whole = size - size % count
        if whole:
            with f.loop(0, whole, count) as loop:
                moved = target + loop.index * steps[axes[place]]
                add(source + loop.index, moved, None, lanes)
        if size % count:
            add(source + whole, target + whole, f.mask(count, size % count), lanes)

    def along(source: Value, target: Value, place: int) -> None:
        if place == len(axes):
            window(source, target, 0)
            return
        axis = axes[place]
        last = windows.shape[axis] - 1
        with f.loop(0, last + 1) as loop:
            number = last - loop.index
            moved = target + number * (strides[place] * steps[axis])
            along(source + number * own[axis], moved, place + 1)

    tasks = prod(shape[axis] for axis in others)
    with w.tasks() as task:
        source, target = f.i64(0), f.i64(0)
        numbers = digits(f, task, [shape[axis] for axis in others])
        for axis, number in zip(others, numbers, strict=True):
            source, target = source + number * own[axis], target + number * steps[axis]
        along(source, target, 0)
    f.ret()
    size = windows.type.size
    return [zeros, Kernel(name, tasks, size, 3 * size * node.dtype.itemsize)]
