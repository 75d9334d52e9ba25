"""Writing by index arrays: scatter_add and scatter_index.

The updates are taken in order, so sums are the same from run to run; where the selected rows are
long, tasks share out their columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import Context, emit_elementwise
from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.kernel import Kernel, digits
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.plan.index import strides_of
from chainrule.lower.llvm.special.step import SMALL, Writer, emit_zeros, load, store
from chainrule.lower.llvm.vecmath.casting import memory_type
from chainrule.ops.record import broadcast_shapes

__all__ = ["scatter_add", "scatter_index"]

COLUMNS = 4
"""Vectors of a row that one task takes."""


def _joined(shape: Sequence[int], axes: Sequence[int]) -> list[tuple[int, int]]:
    """Extents and strides of the axes that are not indexed, neighbours joined where they can be."""
    dims: list[tuple[int, int]] = []
    steps = strides_of(shape)
    for axis in reversed(range(len(shape))):
        if axis in axes or shape[axis] == 1:
            continue
        if dims and steps[axis] == dims[0][0] * dims[0][1]:
            dims[0] = (shape[axis] * dims[0][0], dims[0][1])
        else:
            dims.insert(0, (shape[axis], steps[axis]))
    return dims


def _place(w: Writer, position: Value, indices: Sequence[Node], pointers: Sequence[Value]) -> Value:
    """The position in the result of the first element that update number ``position`` goes to."""
    shape, axes = w.node.argument
    selected = broadcast_shapes(w.node.primitive.name, [index.type for index in indices])
    own = digits(w.f, position, selected)
    total: Value | None = None
    for index, pointer, axis in zip(indices, pointers, axes, strict=True):
        if index.shape == selected:
            at = position
        else:
            at = w.f.i64(0)
            numbers = own[len(selected) - index.ndim :]
            for number, n, step in zip(numbers, index.shape, strides_of(index.shape), strict=True):
                if n != 1:
                    at = at + number * step
        scalar = memory_type(index.dtype)
        value = w.f.load(scalar, pointer.offset(at, scalar))
        term = w.checked(index, value, shape[axis]) * strides_of(shape)[axis]
        total = term if total is None else total + term
    assert total is not None
    return total


Write = Callable[[Writer, Value, Value, int, Value | None], None]
"""``write(w, position in the updates, position in the result, lanes, mask)``"""


def _emit(
    settings: Settings,
    name: str,
    frame: Frame,
    step: Step,
    indices: Sequence[Node],
    write: Write,
    fill: int,
) -> list[Kernel]:
    zeros = emit_zeros(settings, f"{name}_fill", frame, step, fill)
    w = Writer(settings, name, frame, step)
    f, node = w.f, w.node
    shape, axes = node.argument
    pointers = w.sources[len(node.sources) - len(indices) :]
    dims = _joined(shape, axes)
    columns = prod(extent for extent, _ in dims)
    updates = prod(broadcast_shapes(node.primitive.name, [index.type for index in indices]))
    contiguous = bool(dims) and dims[-1][1] == 1
    extent = dims[-1][0] if dims else 1
    count = w.lanes(extent, node.dtype.itemsize) if contiguous else 1
    width = count * COLUMNS
    blocks = -(-extent // width) if contiguous and updates * columns >= SMALL else 1

    lanes = count if count > 1 else 0
    tail = extent % count

    def row(number: Value, place: Value, outer: int, low: Value, high: Value) -> None:
        """The part from ``low`` to ``high`` of an update, along all axes that are not indexed."""
        if not dims:
            write(w, number, place, 0, None)
            return
        n, stride = dims[outer]
        start = number * n
        if outer < len(dims) - 1:
            with f.loop(0, n) as loop:
                row(start + loop.index, place + loop.index * stride, outer + 1, low, high)
            return
        end = f.i64(n - tail)
        last = high.lt(end).select(high, end) if tail else high
        with f.loop(low, last, count) as loop:
            write(w, start + loop.index, place + loop.index * stride, lanes, None)
        if tail:
            with f.when(high.eq(n)):
                write(w, start + end, place + end, lanes, f.mask(count, tail))

    with w.tasks() as task:
        low, high = f.i64(0), f.i64(extent)
        if blocks > 1:
            low = task * width
            stop = low + width
            high = stop.lt(extent).select(stop, high)
        with f.loop(0, updates) as loop:
            row(loop.index, _place(w, loop.index, indices, pointers), 0, low, high)
    f.ret()
    moved = 3 * updates * columns * node.dtype.itemsize
    return [zeros, Kernel(name, blocks if updates else 0, updates * columns, moved)]


def _add(w: Writer, source: Value, target: Value, count: int, mask: Value | None) -> None:
    dtype, f = w.node.dtype, w.f
    scalar = memory_type(dtype)
    at = w.result.offset(target, scalar)
    update = load(f, dtype, w.sources[0].offset(source, scalar), count, mask)
    name = "logical_or" if dtype.kind == "b" else "add"
    before = load(f, dtype, at, count, mask)
    total = emit_elementwise(Context(f, dtype, w.machine), name, [before, update])
    store(f, dtype, total, at, mask)


def _number(w: Writer, source: Value, target: Value, count: int, mask: Value | None) -> None:
    value = source
    if count:
        value = source.splat(count) + w.f.constants("i64", list(range(count)))
    store(w.f, w.node.dtype, value, w.result.offset(target, "i64"), mask)


def scatter_add(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """Zeros, to which the updates are added one after another."""
    indices = step.group.members[0].sources[1:]
    return _emit(settings, name, frame, step, indices, _add, 0)


def scatter_index(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """-1, over which the positions of the updates are written one after another."""
    indices = step.group.members[0].sources
    return _emit(settings, name, frame, step, indices, _number, -1)
