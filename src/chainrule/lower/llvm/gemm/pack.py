"""Packing: copies of the operands of a matrix product in the order in which tiles read them.

B becomes panels [panel][k][width]; columns beyond n hold copies of the last one, which no epilogue
sees. A becomes rows with a unit stride along k, or tiles [tile][k][rows].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.lower.llvm.gemm.plan import CHUNK, GemmShape, Plan, Steps, size_of, stepped
from chainrule.lower.llvm.ir import Function, Value, lanes, vector

__all__ = ["Read", "chunks", "minimum", "pack_a", "pack_b"]

Read = Callable[[Function, Value, Value, Value, int, Value | None], Value]
"""(f, batch, row, col, lanes, mask): an element of an operand, or with lanes the vector that starts
there along the axis of packing."""


def minimum(a: Value, b: Value | int) -> Value:
    other = a.f.i64(b) if isinstance(b, int) else b
    return a.f.intrinsic("smin", "i64", a, other)


def either(index: Value, count: int, inner: int, last: int, do: Callable[[int], None]) -> None:
    """``do(inner)``, or for the last index ``do(last)``; what never runs is not written."""
    if count == 1 or inner == last:
        do(last)
        return
    ends = index.eq(count - 1)
    with index.f.when(~ends):
        do(inner)
    with index.f.when(ends):
        do(last)


def plain(scalar: str, base: Value, strides: tuple[int | Steps, int, int]) -> Read:
    """Loads from memory."""

    def read(
        f: Function, batch: Value, row: Value, col: Value, lanes: int, mask: Value | None
    ) -> Value:
        pointer = base
        for index, stride in zip((batch, row, col), strides, strict=True):
            if stride:
                pointer = pointer.offset(stepped(index, stride), scalar)
        type = vector(lanes, scalar)
        return f.load(type, pointer) if mask is None else f.masked_load(type, pointer, mask)

    return read


def chunks(k: int, step: int) -> tuple[int, int]:
    """How many chunks k is packed in, and their length; the last takes the rest."""
    length = -(-CHUNK // step) * step
    return max(1, k // length), length


def chunk_range(
    f: Function, index: Value | None, k: int, step: int
) -> tuple[Value | int, Value | int]:
    count, length = chunks(k, step)
    if index is None or count == 1:
        return 0, k
    first = index * length
    return first, index.eq(count - 1).select(f.i64(k), first + length)


def transpose_groups(vectors: Sequence[Value]) -> list[Value]:
    """Transposes squares inside of vectors: of 2 or 4 vectors, lane i of every group of as many
    lanes becomes lanes of vector i. These shuffles do not cross 128 bits, so each is cheap."""
    count, total = len(vectors), lanes(vectors[0].type)

    def interleave(x: Value, y: Value, unit: int, half: int) -> Value:
        order: list[int] = []
        for group in range(0, total, count):
            for place in range(group + half * count // 2, group + (half + 1) * count // 2, unit):
                order += range(place, place + unit)
                order += range(total + place, total + place + unit)
        return x.shuffle(order, y)

    if count == 1:
        return list(vectors)
    pairs = [
        [interleave(x, y, 1, half) for half in (0, 1)]
        for x, y in zip(vectors[::2], vectors[1::2], strict=True)
    ]
    if count == 2:
        return pairs[0]
    return [
        interleave(x, y, 2, half)
        for x, y in zip(pairs[0], pairs[1], strict=True)
        for half in (0, 1)
    ]


def joined(pieces: list[Value]) -> Value:
    """Vectors one after the other in one."""
    while len(pieces) > 1:
        count = lanes(pieces[0].type)
        pieces = [
            x.shuffle(range(2 * count), y) for x, y in zip(pieces[::2], pieces[1::2], strict=True)
        ]
    return pieces[0]


def pack_b(
    f: Function,
    shape: GemmShape,
    plan: Plan,
    source: Read | Value,
    to: Value,
    batch: Value,
    panel: Value,
    chunk: Value | None,
) -> None:
    """One panel, one chunk of k or all; ``to`` points to the panel."""
    count, width, scalar = plan.lanes, plan.width, shape.scalar
    read = plain(scalar, source, shape.b) if isinstance(source, Value) else source
    col = panel * width
    start, stop = chunk_range(f, chunk, shape.k, count)
    last = shape.n - (plan.panels - 1) * width  # columns of the last panel
    if plan.axis_b == "n":

        def rows(columns: int) -> None:
            with f.loop(start, stop) as loop:
                line = to.offset(loop.index * width, scalar)
                for place in range(0, width, count):
                    active = min(count, columns - place)
                    if active <= 0:
                        x = f.constant(vector(count, scalar), 0)
                    else:
                        mask = None if active == count else f.mask(count, active)
                        x = read(f, batch, loop.index, col + place, count, mask)
                    f.store(x, line.offset(place, scalar))

        either(panel, plan.panels, width, last, rows)
        return
    if plan.axis_b == "k":
        _pack_transposed(f, shape, plan, source, to, batch, col, start, stop)
        return
    with f.loop(start, stop) as loop, f.loop(0, width) as inner:
        x = read(f, batch, loop.index, minimum(col + inner.index, shape.n - 1), 0, None)
        f.store(x, to.offset(loop.index * width + inner.index, scalar))


def _pack_transposed(
    f: Function,
    shape: GemmShape,
    plan: Plan,
    source: Read | Value,
    to: Value,
    batch: Value,
    col: Value,
    start: Value | int,
    stop: Value | int,
) -> None:
    """Blocks of lanes x lanes. Columns are loaded in pieces of 128 bits straight to where the
    block needs them, which leaves only shuffles inside of 128 bits."""
    count, scalar, k = plan.lanes, shape.scalar, shape.k
    part = min(count, 16 // size_of(scalar))
    active = min(count, k)
    with f.loop(0, plan.width, count) as columns:
        first = f.opaque(col + columns.index)
        cols = [first + i for i in range(count)]
        if shape.n % plan.width:
            cols = [minimum(place, shape.n - 1) for place in cols]
        if isinstance(source, Value):
            base = source.offset(stepped(batch, shape.b[0]), scalar)
            heads = [base.offset(place * shape.b[2], scalar) for place in cols]
        with f.loop(start, stop, count) as loop:
            # the last block overlaps the one before it, and writes the same again
            row = f.opaque(minimum(loop.index, max(k - count, 0)))
            line = to.offset(row * plan.width + columns.index, scalar)
            if not isinstance(source, Value):
                mask = None if active == count else f.mask(count, active)
                whole = [source(f, batch, row, place, count, mask) for place in cols]

            def piece(column: int, at: int) -> Value:
                if not isinstance(source, Value):
                    return whole[column].shuffle(range(at, at + part))
                pointer = heads[column].offset(row, scalar).offset(at, scalar)
                type = vector(part, scalar)
                if at + part <= active:
                    return f.load(type, pointer)
                return f.masked_load(type, pointer, f.mask(part, active - at))

            for at in range(0, active, part):
                rows = transpose_groups(
                    [
                        joined([piece(place, at) for place in range(i, count, part)])
                        for i in range(part)
                    ]
                )
                for i, x in enumerate(rows[: active - at]):
                    f.store(x, line.offset((at + i) * plan.width, scalar))


def pack_a(
    f: Function,
    shape: GemmShape,
    plan: Plan,
    source: Read | Value,
    to: Value,
    batch: Value,
    tile: Value,
    chunk: Value | None,
) -> None:
    """The rows of one tile, one chunk of k or all; ``to`` points to the copy of the tile."""
    scalar, count = shape.scalar, plan.rows
    read = plain(scalar, source, shape.a) if isinstance(source, Value) else source
    first = tile * count
    start, stop = chunk_range(f, chunk, shape.k, plan.lanes)
    rest = shape.m - (plan.tiles - 1) * count
    if plan.pack_a == "tiles":

        def columns(rows: int) -> None:
            wide = min(plan.lanes, count)
            with f.loop(start, stop) as loop:
                line = to.offset(loop.index * count, scalar)
                for place in range(0, rows, wide):
                    active = min(wide, rows - place)
                    mask = None if active == wide else f.mask(wide, active)
                    x = read(f, batch, first + place, loop.index, wide, mask)
                    f.store(x, line.offset(place, scalar))

        either(tile, plan.tiles, count, rest, columns)
        return
    end = minimum(first + count, shape.m) - first
    with f.loop(0, end) as rows:
        line = to.offset(rows.index * plan.leading, scalar)
        if plan.axis_a == "k":
            wide = plan.lanes
            active = min(wide, shape.k)
            mask = None if active == wide else f.mask(wide, active)
            with f.loop(start, stop, wide) as loop:
                col = minimum(loop.index, max(shape.k - wide, 0))
                x = read(f, batch, first + rows.index, col, wide, mask)
                f.store(x, line.offset(col, scalar))
        else:
            with f.loop(start, stop) as loop:
                x = read(f, batch, first + rows.index, loop.index, 0, None)
                f.store(x, line.offset(loop.index, scalar))
