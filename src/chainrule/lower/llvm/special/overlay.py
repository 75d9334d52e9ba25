"""overlay: the same along every line of an array, but for a few elements laid over it."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.lower.llvm.ir import Value, vector
from chainrule.lower.llvm.kernel import Kernel
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.special.step import Writer

__all__ = ["overlay"]

UNROLLED = 16
"""Vectors, or elements over them, up to which a row is written without a loop."""

CHUNK = 4096
"""Elements over the ground that one task writes."""


def overlay(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """Row after row, while it is in the first-level cache; where lines run across the rows, the
    ground first and then the elements over it."""
    _, _, _, after = step.group.members[0].argument
    if after == 1:
        return _rows(Writer(settings, name, frame, step))
    ground = Writer(settings, f"{name}_ground", frame, step)
    return [*_ground(ground), *_elements(Writer(settings, name, frame, step))]


def _bits(w: Writer) -> str:
    return f"i{8 * w.node.dtype.itemsize}"


def _rows(w: Writer) -> list[Kernel]:
    """Each row is one line: a number, and elements over it."""
    f, scalar = w.f, _bits(w)
    _, places = w.node.sources
    _, rows, length, _ = w.node.argument
    lanes = _lanes(w, length)
    with w.all_of(rows, w.node.type.size) as row:
        number = f.load(scalar, w.sources[0].offset(row, scalar))
        ground = number.splat(lanes) if lanes else number
        target = w.result.offset(row * length, scalar)
        _fill(w, length, lanes, lambda place: f.store(ground, target.offset(place, scalar)))

        def lay(number: Value | int) -> None:
            own = row + number * rows
            place = f.load("i64", w.sources[1].offset(own, "i64"))
            value = f.load(scalar, w.sources[0].offset(own + rows, scalar))
            f.store(value, w.result.offset(place, scalar))

        _repeat(w, places.shape[0], 1, lay)
    return w.done(rows, w.node.type.size)


def _ground(w: Writer) -> list[Kernel]:
    """Each row is the same part of the ground as the other rows of its block."""
    f, scalar = w.f, _bits(w)
    _, before, extent, length = w.node.argument
    lanes = _lanes(w, length)
    with w.all_of(before * extent, w.node.type.size) as row:
        block = f.emit("i64", f"udiv i64 {row.text}, {extent}")
        source = w.sources[0].offset(block * length, scalar)
        target = w.result.offset(row * length, scalar)

        def copy(place: Value | int) -> None:
            value = f.load(vector(lanes, scalar), source.offset(place, scalar))
            f.store(value, target.offset(place, scalar))

        _fill(w, length, lanes, copy)
    return w.done(before * extent, w.node.type.size)


def _elements(w: Writer) -> list[Kernel]:
    """What lies over the ground, in any order: no place is there twice."""
    f, scalar = w.f, _bits(w)
    x, places = w.node.sources
    size = places.type.size
    with w.tasks() as task:
        start = task * CHUNK
        stop = start + CHUNK
        with f.loop(start, stop.lt(size).select(stop, f.i64(size))) as loop:
            place = f.load("i64", w.sources[1].offset(loop.index, "i64"))
            own = loop.index + (x.type.size - size)
            value = f.load(scalar, w.sources[0].offset(own, scalar))
            f.store(value, w.result.offset(place, scalar))
    f.ret()
    moved = size * (8 + 2 * w.node.dtype.itemsize)
    return [Kernel(w.name, -(-size // CHUNK), 0, moved)]


def _lanes(w: Writer, length: int) -> int:
    """Lanes of a vector that fits into a row; 0 for single numbers."""
    count = w.lanes(length, w.node.dtype.itemsize)
    count = count // 2 if count > length else count
    return count if count > 1 else 0


def _fill(w: Writer, length: int, lanes: int, write: Callable[[Value | int], None]) -> None:
    """Write a row by vectors; the last ones may overlap."""
    count = max(lanes, 1)
    whole = length - length % count
    _repeat(w, whole, count, write)
    if whole < length:
        write(length - count)


def _repeat(w: Writer, stop: int, step: int, run: Callable[[Value | int], None]) -> None:
    if stop <= UNROLLED * step:
        for number in range(0, stop, step):
            run(number)
    else:
        with w.f.loop(0, stop, step) as loop:
            run(loop.index)
