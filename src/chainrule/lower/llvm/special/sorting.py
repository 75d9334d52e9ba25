"""Sorting along an axis: sort and argsort, stable, NaN last.

A row is copied into thread memory. Runs of a vector are sorted by counting for each element how
many belong before it; then runs are merged, two by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from chainrule.lower.llvm.ir import Function, Value, element, is_float, vector
from chainrule.lower.llvm.kernel import Kernel
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.special.order import less
from chainrule.lower.llvm.special.step import Emitter, Writer, split_at
from chainrule.lower.llvm.vecmath.casting import half_to_float, memory_type
from chainrule.lower.target import NotDefined

__all__ = ["argsort", "sort"]

RUN = 16
"""Elements that are sorted as one vector."""

SCRATCH = 1 << 19
"""Bytes of thread memory that a row may take."""


def _turned(value: Value, dtype: Any) -> Value:
    """A key in the opposite order, exactly; NaN stays NaN. Twice gives the value again."""
    if is_float(value.type):
        return -value
    return value ^ 1 if dtype.kind == "b" else ~value


def _compared(w: Writer, value: Value) -> Value:
    return half_to_float(value, w.machine) if element(value.type) == "half" else value


class _Row:
    """A row in thread memory: its keys and, for argsort, their places.

    Args:
        f: the kernel.
        scalar: the type of a key.
        keys: where they lie.
        places: where the places lie, or None.
    """

    def __init__(self, f: Function, scalar: str, keys: Value, places: Value | None) -> None:
        self.f = f
        self.scalar = scalar
        self.keys = keys
        self.places = places

    def key(self, at: Value, count: int = 0) -> Value:
        return self.f.load(vector(count, self.scalar), self.keys.offset(at, self.scalar))

    def place(self, at: Value) -> Value:
        assert self.places is not None
        return self.f.load("i32", self.places.offset(at, "i32"))

    def put(self, at: Value, key: Value, place: Value | None) -> None:
        self.f.store(key, self.keys.offset(at, self.scalar))
        if self.places is not None and place is not None:
            self.f.store(place, self.places.offset(at, "i32"))

    def scatter(self, start: Value, ranks: Value, keys: Value, places: Value, active: int) -> None:
        """Put a vector of elements where their ranks say, counted from ``start``."""
        mask = self.f.mask(RUN, active)
        self.f.scatter(keys, self.keys.offset(start, self.scalar), ranks, mask)
        if self.places is not None:
            self.f.scatter(places, self.places.offset(start, "i32"), ranks, mask)


def _emit(
    places: bool, settings: Settings, name: str, frame: Frame, step: Step
) -> list[Kernel] | NotDefined:
    first = step.group.members[0]
    x = first.sources[0]
    axis, descending = first.argument
    outer, extent, inner = split_at(x.shape, axis)
    size = x.dtype.itemsize
    keys_room = -(-(extent + RUN) * size // 64) * 64  # whole vectors are read, and one past the end
    room = keys_room + places * (-(-(extent + 1) * 4 // 64) * 64)
    if 2 * room > SCRATCH:
        return NotDefined("rows that do not fit into thread memory are sorted by NumPy")
    w = Writer(settings, name, frame, step)
    f, scalar = w.f, memory_type(x.dtype)
    rows = []
    for i in range(2):
        base = f.params[3].offset(i * room)
        rows.append(_Row(f, scalar, base, base.offset(keys_room) if places else None))
    work = x.type.size * max(extent.bit_length(), 1) * 8
    with w.all_of(outer * inner, work) as task:
        row = f.emit("i64", f"udiv i64 {task.text}, {inner}")
        column = f.emit("i64", f"urem i64 {task.text}, {inner}")
        start = row * (extent * inner) + column
        with f.loop(0, extent) as loop:
            value = f.load(scalar, w.sources[0].offset(start + loop.index * inner, scalar))
            rows[0].put(loop.index, _turned(value, x.dtype) if descending else value, None)
        result = _sorted(w, rows, extent, x.dtype)
        with f.loop(0, extent) as loop:
            target = start + loop.index * inner
            if places:
                found = result.place(loop.index).cast("sext", "i64")
                f.store(found, w.result.offset(target, "i64"))
            else:
                value = result.key(loop.index)
                value = _turned(value, x.dtype) if descending else value
                f.store(value, w.result.offset(target, scalar))
    (kernel,) = w.done(outer * inner, work)
    return [Kernel(kernel.function, kernel.tasks, kernel.flops, kernel.bytes, 2 * room)]


def _sorted(w: Writer, rows: Sequence[_Row], extent: int, dtype: Any) -> _Row:
    """Sort the keys of the first row; returns the row in which the result lies."""
    f = w.f
    source, target = rows
    whole = extent - extent % RUN
    with f.loop(0, whole, RUN) as runs:
        _sort_run(w, source, target, runs.index, RUN, dtype)
    if extent % RUN:
        _sort_run(w, source, target, f.i64(whole), extent % RUN, dtype)
    width = RUN
    while width < extent:
        source, target = target, source
        with f.loop(0, extent, 2 * width) as runs:
            low = runs.index
            middle, high = (
                end.lt(extent).select(end, f.i64(extent)) for end in (low + width, low + 2 * width)
            )
            _merge(w, source, target, (low, middle, high), dtype)
        width *= 2
    return target


def _sort_run(w: Writer, source: _Row, target: _Row, start: Value, length: int, dtype: Any) -> None:
    """Rank by counting: an element goes behind the smaller ones, and the equal ones before it."""
    f = w.f
    keys = source.key(start, RUN)
    values = _compared(w, keys)
    lanes = f.constants("i32", list(range(RUN)))
    ranks = f.constant(lanes.type, 0)
    for j in range(length):
        one = values.shuffle([j] * RUN)
        comes_later = f.constants("i1", [lane > j for lane in range(RUN)])
        before = comes_later.select(~less(values, one, dtype), less(one, values, dtype))
        ranks = ranks - before.cast("sext", "i32")
    places = start.cast("trunc", "i32").splat(RUN) + lanes
    target.scatter(start, ranks, keys, places, length)


def _merge(
    w: Writer, source: _Row, target: _Row, ends: tuple[Value, Value, Value], dtype: Any
) -> None:
    """Two sorted runs become one. Elements one past a run are read, but not chosen."""
    f = w.f
    low, middle, high = ends
    with f.loop(low, high, 1, [low, middle]) as loop:
        i, j = loop.values
        left, right = source.key(i), source.key(j)
        behind = less(_compared(w, right), _compared(w, left), dtype) | i.ge(middle)
        take = behind & j.lt(high)
        place = None
        if source.places is not None:
            place = take.select(source.place(j), source.place(i))
        target.put(loop.index, take.select(right, left), place)
        loop.carry(i + (~take).cast("zext", "i64"), j + take.cast("zext", "i64"))


sort: Emitter = partial(_emit, False)
argsort: Emitter = partial(_emit, True)
