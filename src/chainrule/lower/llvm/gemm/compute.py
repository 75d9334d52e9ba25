"""The kernels of a matrix product by tiles: packing, then blocks of tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chainrule.lower.llvm.gemm.pack import Read, chunks, either, minimum, pack_a, pack_b
from chainrule.lower.llvm.gemm.plan import ALIGN, GemmShape, Plan, Steps, ceil_div, size_of, stepped
from chainrule.lower.llvm.gemm.tile import (
    Finish,
    Tile,
    finish_buffer,
    tile_function,
    tile_sums,
)
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = [
    "Pointer",
    "bytes_a",
    "bytes_b",
    "divided",
    "emit_compute",
    "emit_pack",
    "emit_zero",
    "round_up",
]

Pointer = Callable[[Function], Value]


def round_up(count: int) -> int:
    return ceil_div(count, ALIGN) * ALIGN


def bytes_a(shape: GemmShape, plan: Plan) -> int:
    each = {
        "": 0,
        "rows": shape.m * plan.leading,
        "tiles": plan.tiles * shape.k * plan.rows,
    }[plan.pack_a]
    return round_up(each * (shape.batch if shape.a[0] else 1) * size_of(shape.scalar))


def bytes_b(shape: GemmShape, plan: Plan) -> int:
    if plan.pack_b != "shared":
        return 0
    each = plan.panels * shape.k * plan.width
    return round_up(each * (shape.batch if shape.b[0] else 1) * size_of(shape.scalar))


def divided(index: Value, by: int) -> tuple[Value, Value]:
    """Quotient and remainder of an index that is not negative."""
    f = index.f
    if by == 1:
        return index, f.i64(0)
    quotient = f.emit("i64", f"udiv i64 {index.text}, {by}")
    return quotient, index - quotient * by


def emit_zero(module: Module, name: str, shape: GemmShape, plan: Plan, finish: Finish) -> Kernel:
    f = kernel_function(module, name)
    zero = f.constant(vector(plan.lanes, shape.scalar), 0)
    whole = shape.n // plan.lanes * plan.lanes
    with f.loop(f.params[1], f.params[2]) as tasks:
        batch, row = divided(f.opaque(tasks.index), shape.m)
        with f.loop(0, whole, plan.lanes) as loop:
            finish(f, batch, row, loop.index, zero, plan.lanes)
        if whole < shape.n:
            finish(f, batch, row, f.i64(whole), zero, shape.n - whole)
    f.ret()
    return Kernel(name, shape.batch * shape.m, 0, shape.bytes)


def emit_pack(
    module: Module,
    name: str,
    shape: GemmShape,
    plan: Plan,
    a: Pointer,
    b: Pointer,
    workspace: Pointer,
    read_a: Read | None,
    read_b: Read | None,
) -> Kernel:
    f = kernel_function(module, name)
    _, first, last, _ = f.params
    scalar = shape.scalar
    count, _ = chunks(shape.k, plan.lanes)
    base = workspace(f)
    batches_a = (shape.batch if shape.a[0] else 1) if plan.pack_a else 0
    batches_b = (shape.batch if shape.b[0] else 1) if plan.pack_b == "shared" else 0
    tasks_a, tasks_b = batches_a * count * plan.tiles, batches_b * plan.panels * count
    # tasks of A and of B alternate, so that every share has as many of both
    first_a, last_a = (divided(task * tasks_a, tasks_a + tasks_b)[0] for task in (first, last))
    if tasks_a:
        source = read_a or a(f)
        stride = shape.k * plan.rows if plan.pack_a == "tiles" else plan.rows * plan.leading
        whole = shape.m * plan.leading if plan.pack_a == "rows" else plan.tiles * stride
        with f.loop(first_a, last_a) as tasks:
            rest, tile = divided(f.opaque(tasks.index), plan.tiles)
            batch, chunk = divided(rest, count)
            to = base.offset(batch * whole + tile * stride, scalar)
            pack_a(f, shape, plan, source, to, batch, tile, chunk)
    if tasks_b:
        source = read_b or b(f)
        panels = base.offset(bytes_a(shape, plan))
        with f.loop(first - first_a, last - last_a) as tasks:
            index, chunk = divided(f.opaque(tasks.index), count)
            batch, panel = divided(index, plan.panels)
            to = panels.offset(index * (shape.k * plan.width), scalar)
            pack_b(f, shape, plan, source, to, batch, panel, chunk)
    elements = batches_a * shape.m * shape.k + batches_b * shape.k * shape.n
    f.ret()
    return Kernel(name, tasks_a + tasks_b, 0, 2 * elements * size_of(scalar))


def emit_compute(
    module: Module,
    name: str,
    shape: GemmShape,
    machine: Machine,
    plan: Plan,
    a: Pointer,
    b: Pointer,
    workspace: Pointer,
    finish: Finish,
    read_b: Read | None,
) -> Kernel:
    f = kernel_function(module, name)
    _, first, last, scratch = f.params
    scalar, k = shape.scalar, shape.k
    # where and with which strides tiles find the operands
    a_base = workspace(f) if plan.pack_a else a(f)
    batch_a: int | Steps
    batch_b: int | Steps
    if plan.pack_a == "tiles":
        row, step, tile_a = 1, plan.rows, k * plan.rows
        batch_a = plan.tiles * tile_a
    elif plan.pack_a == "rows":
        row, step, tile_a = plan.leading, 1, plan.rows * plan.leading
        batch_a = shape.m * plan.leading
    else:
        (batch_a, row, step), tile_a = shape.a, plan.rows * shape.a[1]
    if plan.pack_b:
        line, panel_b = plan.width, k * plan.width
        batch_b = plan.panels * panel_b
    else:
        (batch_b, line, _), panel_b = shape.b, plan.width
    if plan.pack_b == "shared":
        b_base = workspace(f).offset(bytes_a(shape, plan))
    elif plan.pack_b == "local":
        source = read_b or b(f)
        b_base, scratch = scratch, scratch.offset(plan.panels * panel_b, scalar)
    else:
        b_base = b(f)
    if not shape.a[0]:
        batch_a = 0
    if not shape.b[0] or plan.pack_b == "local":
        batch_b = 0

    def tile(rows: int, columns: int) -> Tile:
        vectors = plan.vectors if plan.pack_b else ceil_div(columns, plan.lanes)
        active = plan.width if plan.pack_b else columns
        return Tile(
            scalar, plan.lanes, rows, vectors, active, row, step, line, plan.width, machine.fma
        )

    def block(
        batch: Value, i: Value, rows: int, p: Value, columns: int, pa: Value, pb: Value
    ) -> None:
        """A tile on registers, the epilogue unrolled."""
        shape_ = tile(rows, columns)
        sums = tile_sums(f, shape_, pa, pb, k)
        for r in range(rows):
            for v in range(ceil_div(columns, plan.lanes)):
                finish(
                    f,
                    batch,
                    i * plan.rows + r,
                    p * plan.width + v * plan.lanes,
                    sums[r * shape_.vectors + v],
                    min(plan.lanes, columns - v * plan.lanes),
                )

    last_rows = shape.m - (plan.tiles - 1) * plan.rows
    last_columns = shape.n - (plan.panels - 1) * plan.width
    blocks_m = ceil_div(plan.tiles, plan.block_tiles)
    blocks_n = ceil_div(plan.panels, plan.block_panels)
    blocks_k = ceil_div(k, plan.block_k)
    area = plan.rows * plan.width
    buffer = scratch if blocks_k > 1 else f.alloca(scalar, area)
    partial = last_columns % plan.lanes

    def variants(i: Value, p: Value, do: Callable[[int, int], None]) -> None:
        """One of up to four pieces of code: inner or last tile, inner or last panel."""

        def of_columns(rows: int) -> None:
            either(p, plan.panels, plan.width, last_columns, lambda columns: do(rows, columns))

        either(i, plan.tiles, plan.rows, last_rows, of_columns)

    def blocks(
        batch: Value, tiles: tuple[Value, Value], panels: tuple[Value, Value], k0: Value | None
    ) -> None:
        """The tiles of a task, for one block of k or all."""
        (i0, i1), (p0, p1) = tiles, panels
        a_batch = a_base.offset(stepped(batch, batch_a), scalar) if batch_a else a_base
        b_batch = b_base.offset(stepped(batch, batch_b), scalar) if batch_b else b_base
        with (
            _span(p0, p1, plan.block_panels, plan.panels) as p,
            _span(i0, i1, plan.block_tiles, plan.tiles) as i,
        ):
            pb = b_batch.offset(p * panel_b, scalar)
            pa = a_batch.offset(i * tile_a, scalar)
            if plan.direct:
                variants(i, p, lambda rows, columns: block(batch, i, rows, p, columns, pa, pb))
                return
            place, count, begins = buffer, f.i64(k), f.constant("i1", 1)
            if k0 is not None:
                pb, pa = pb.offset(k0 * line, scalar), pa.offset(k0 * step, scalar)
                count = minimum(k - k0, plan.block_k)
                begins = k0.eq(0)
                order = (p - p0) * plan.block_tiles + (i - i0)
                place = buffer.offset(order * area, scalar)

            def call(rows: int, columns: int) -> None:
                function = tile_function(module, tile(rows, columns), blocks_k > 1)
                f.call(function, "void", pa, pb, count, place, begins)

            variants(i, p, call)
            ends = f.constant("i1", 1) if k0 is None else (k0 + plan.block_k).ge(k)
            with f.when(ends):
                finish_buffer(
                    f,
                    tile(plan.rows, plan.width),
                    finish,
                    place,
                    batch,
                    i * plan.rows,
                    _at_end(i, plan.tiles, plan.rows, last_rows),
                    p * plan.width,
                    _at_end(p, plan.panels, plan.vectors, last_columns // plan.lanes),
                    partial,
                    p.eq(plan.panels - 1) if partial else None,
                )

    with f.loop(first, last) as tasks:
        rest, bm = divided(f.opaque(tasks.index), blocks_m)
        batch, bn = divided(rest, blocks_n) if shape.batch > 1 else (f.i64(0), rest)
        if plan.pack_b == "local":
            with f.loop(0, plan.panels) as packing:
                to = b_base.offset(packing.index * panel_b, scalar)
                pack_b(f, shape, plan, source, to, batch, packing.index, None)
        tiles = _even(bm, blocks_m, plan.tiles)
        panels = _even(bn, blocks_n, plan.panels)
        if blocks_k > 1:
            with f.loop(0, k, plan.block_k) as loop:
                blocks(batch, tiles, panels, f.opaque(loop.index))
        else:
            blocks(batch, tiles, panels, None)
    f.ret()
    need = 0
    if plan.pack_b == "local":
        need += plan.panels * panel_b
    if blocks_k > 1:
        need += plan.block_tiles * plan.block_panels * area
    return Kernel(
        name,
        plan.tasks(shape),
        shape.flops,
        shape.bytes,
        need * size_of(scalar),
    )


def _even(block: Value, blocks: int, count: int) -> tuple[Value, Value]:
    """From where to where a block goes: all of them have the same size, or differ by one."""
    first, last = (divided(b * count, blocks)[0] for b in (block, block + 1))
    return first, last


@contextmanager
def _span(first: Value, last: Value, block: int, count: int) -> Iterator[Value]:
    """A loop over one block of at most so many indices; without one where it is a single index."""
    if block == 1:
        yield first
        return
    f = first.f
    start, stop = (0, count) if block >= count else (first, last)
    with f.loop(start, stop) as loop:
        yield f.opaque(loop.index)


def _at_end(index: Value, count: int, inner: int, last: int) -> Value | int:
    """``last`` for the last index, else ``inner``."""
    if count == 1 or inner == last:
        return last
    return index.eq(count - 1).select(index.f.i64(last), inner)
