"""What depends on the order of elements: argmax, argmin, searchsorted.

NaN counts as the largest, and for argmin also as the smallest: it is found first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

from chainrule.lower.llvm.ir import Value, is_float, vector
from chainrule.lower.llvm.kernel import Kernel
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.special.step import Emitter, Writer, split_at, store
from chainrule.lower.llvm.vecmath.casting import half_to_float, memory_type

__all__ = ["argmax", "argmin", "less", "load_key", "searchsorted"]

SIDE = 4
"""Vectors that are compared side by side, to hide how long one comparison takes."""


def load_key(
    w: Writer, dtype: Any, pointer: Value, count: int = 0, mask: Value | None = None
) -> Value:
    """Elements as they are compared: float16 as float, booleans as bytes."""
    type = vector(count, memory_type(dtype))
    value = w.f.load(type, pointer) if mask is None else w.f.masked_load(type, pointer, mask)
    if dtype.kind == "f" and dtype.itemsize == 2:
        return half_to_float(value, w.machine)
    return value


def less(a: Value, b: Value, dtype: Any) -> Value:
    """a < b, where NaN is larger than any number."""
    if not is_float(a.type):
        return a.compare("", "ult" if dtype.kind in "ub" else "slt", b)
    return a.lt(b) | (b.is_nan() & a.eq(a))


# -- argmax and argmin -----------------------------------------------------------------------------

Pair = tuple[Value, Value]


def _better(a: Value, b: Value, dtype: Any, largest: bool) -> Value:
    """Whether ``a`` is to be preferred to ``b``, which comes first."""
    unsigned = "u" if dtype.kind in "ub" else "s"
    if not is_float(a.type):
        return a.compare("", unsigned + ("gt" if largest else "lt"), b)
    return a.compare("ugt" if largest else "ult", "", b) & b.eq(b)


def _chosen(take: Value, a: Pair, b: Pair) -> Pair:
    return take.select(a[0], b[0]), take.select(a[1], b[1])


def _merged(a: Pair, b: Pair, dtype: Any, largest: bool) -> Pair:
    """The better one of two candidates; among equals the one that comes first."""
    worse = _better(a[0], b[0], dtype, largest)
    return _chosen(_better(b[0], a[0], dtype, largest) | (~worse & b[1].lt(a[1])), b, a)


def _emit_place(
    largest: bool, settings: Settings, name: str, frame: Frame, step: Step
) -> list[Kernel]:
    w = Writer(settings, name, frame, step)
    x = w.node.sources[0]
    outer, extent, inner = split_at(x.shape, w.node.argument[0])
    number = "i64" if x.dtype.itemsize == 8 or extent >= 1 << 31 else "i32"
    size = 8 if number == "i64" else 4
    if inner == 1:
        return _place_in_rows(w, largest, outer, extent, number, size)
    return _place_across(w, largest, outer, extent, inner, number, size)


def _place_across(
    w: Writer, largest: bool, outer: int, extent: int, inner: int, number: str, size: int
) -> list[Kernel]:
    """Vectors of neighbouring elements, which lie after the axis."""
    f, x = w.f, w.node.sources[0]
    scalar = memory_type(x.dtype)
    count = w.lanes(inner, size)
    width = count * min(SIDE, -(-inner // count))
    whole, rest = divmod(inner, width)
    blocks = whole + bool(rest)
    lanes = count if count > 1 else 0

    def run(start: Value, target: Value, elements: int) -> None:
        vectors = [
            (start + first, target + first, f.mask(count, elements - first))
            if first + count > elements
            else (start + first, target + first, None)
            for first in range(0, elements, count)
        ]

        def at(start: Value, mask: Value | None, k: Value | int) -> Value:
            return load_key(w, x.dtype, w.sources[0].offset(start + k * inner, scalar), lanes, mask)

        carried = []
        for start, _, mask in vectors:
            carried += [at(start, mask, 0), f.constant(vector(lanes, number), 0)]
        with f.loop(1, extent, 1, carried) as loop:
            here = loop.index.cast("trunc", number).splat(lanes)
            found: list[Value] = []
            for (start, _, mask), best in zip(vectors, _pairs(loop.values), strict=True):
                value = at(start, mask, loop.index)
                take = _better(value, best[0], x.dtype, largest)
                found += _chosen(take, (value, here), best)
            loop.carry(*found)
        for (_, target, mask), best in zip(vectors, _pairs(loop.results), strict=True):
            store(
                f, w.node.dtype, best[1].cast("sext", "i64"), w.result.offset(target, "i64"), mask
            )

    with w.all_of(outer * blocks, x.type.size) as task:
        row = f.emit("i64", f"udiv i64 {task.text}, {blocks}")
        block = f.emit("i64", f"urem i64 {task.text}, {blocks}")
        column = block * width
        start, target = row * (extent * inner) + column, row * inner + column
        if whole:
            with f.when(block.lt(whole)):
                run(start, target, width)
        if rest:
            with f.when(block.eq(whole)):
                run(start, target, rest)
    return w.done(outer * blocks, x.type.size)


def _pairs(values: Sequence[Value]) -> list[Pair]:
    return list(zip(values[::2], values[1::2], strict=True))


def _place_in_rows(
    w: Writer, largest: bool, outer: int, extent: int, number: str, size: int
) -> list[Kernel]:
    """Along the last axis: the best of each lane, then the best lane."""
    f, x = w.f, w.node.sources[0]
    scalar = memory_type(x.dtype)
    count = max(w.machine.vector_bytes // size, 1)
    if extent < 2 * count:
        count = 1
    lanes = count if count > 1 else 0
    side = max(min(SIDE, extent // (2 * count)), 1)
    with w.all_of(outer, x.type.size) as row:
        base = w.sources[0].offset(row * extent, scalar)
        ramp = f.constants(number, list(range(count))) if lanes else f.constant(number, 0)

        def candidate(k: Value) -> Pair:
            here = k.cast("trunc", number).splat(lanes) + ramp
            return load_key(w, x.dtype, base.offset(k, scalar), lanes), here

        carried = [value for i in range(side) for value in candidate(f.i64(i * count))]
        step = side * count
        with f.loop(step, extent - extent % step, step, carried) as loop:
            found: list[Value] = []
            for i, best in enumerate(_pairs(loop.values)):
                now = candidate(loop.index + i * count)
                take = _better(now[0], best[0], x.dtype, largest)
                found += _chosen(take, now, best)
            loop.carry(*found)
        candidates = _pairs(loop.results)
        rest = range(extent - extent % step, extent - count + 1, count)
        candidates += [candidate(f.i64(k)) for k in rest]
        if extent % count:  # once more over elements already seen: that changes nothing
            candidates.append(candidate(f.i64(extent - count)))
        best = candidates[0]
        for other in candidates[1:]:
            best = _merged(best, other, x.dtype, largest)
        while count > 1:
            count //= 2
            low, high = (
                (best[0].shuffle(half), best[1].shuffle(half))
                for half in (range(count), range(count, 2 * count))
            )
            best = _merged(low, high, x.dtype, largest)
        place = best[1].lane(0) if lanes else best[1]
        f.store(place.cast("sext", "i64"), w.result.offset(row, "i64"))
    return w.done(outer, x.type.size)


argmax: Emitter = partial(_emit_place, True)
argmin: Emitter = partial(_emit_place, False)

# -- searching -------------------------------------------------------------------------------------


def searchsorted(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """Bisection without branches, in as many steps as the length has bits."""
    w = Writer(settings, name, frame, step)
    f = w.f
    sequence, values = w.node.sources
    extent = sequence.shape[-1]
    left = w.node.argument[0] == "left"
    scalar = memory_type(values.dtype)
    each = prod(values.shape[sequence.ndim - 1 :])
    chunk = 256
    work = values.type.size * 10 * max(extent.bit_length(), 1)
    tasks = -(-values.type.size // chunk)
    with w.all_of(tasks, work) as task:
        stop = task * chunk + chunk
        end = stop.lt(values.type.size).select(stop, f.i64(values.type.size))
        with f.loop(task * chunk, end) as loop:
            row = f.emit("i64", f"udiv i64 {loop.index.text}, {each}")
            base = w.sources[0].offset(row * extent, scalar)
            value = load_key(w, values.dtype, w.sources[1].offset(loop.index, scalar))

            def before(place: Value, base: Value = base, value: Value = value) -> Value:
                """Whether the element there comes before the place that is searched for."""
                element = load_key(w, values.dtype, base.offset(place, scalar))
                if left:
                    return less(element, value, values.dtype)
                return ~less(value, element, values.dtype)

            found, length = f.i64(0), extent
            while length > 1:
                half = length // 2
                found = before(found + (half - 1)).select(found + half, found)
                length -= half
            if length:
                found = before(found).select(found + 1, found)
            f.store(found, w.result.offset(loop.index, "i64"))
    return w.done(tasks, work)
