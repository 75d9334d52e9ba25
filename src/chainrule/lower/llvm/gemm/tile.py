"""Register tiles of a matrix product: the sums over k, and handing them to the epilogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chainrule.lower.llvm.gemm.plan import size_of
from chainrule.lower.llvm.ir import Function, Module, Value, vector

__all__ = ["Finish", "Tile", "finish_buffer", "tile_function", "tile_sums"]

UNROLLED = 4  # up to this k there is no loop

Finish = Callable[[Function, Value, Value, Value, Value, int], None]
"""(f, batch, row, col, acc, active lanes): the epilogue, with the mask not made yet."""


@dataclass(frozen=True)
class Tile:
    """The code of a register tile.

    Attributes:
        rows, vectors: its size.
        active: columns of it that exist in B where B is read in place.
        row, step: strides of A along rows and k.
        line: stride of B along k.
        width: stride of rows in the buffer for the sums.
    """

    scalar: str
    lanes: int
    rows: int
    vectors: int
    active: int
    row: int
    step: int
    line: int
    width: int
    fma: bool

    @property
    def type(self) -> str:
        return vector(self.lanes, self.scalar)

    def load_b(self, f: Function, line: Value, place: int) -> Value:
        active = min(self.lanes, self.active - place * self.lanes)
        pointer = line.offset(place * self.lanes, self.scalar)
        if active <= 0:
            return f.constant(self.type, 0)
        if active < self.lanes:
            return f.masked_load(self.type, pointer, f.mask(self.lanes, active))
        return f.load(self.type, pointer)


def multiply_add(f: Function, fma: bool, a: Value, b: Value, c: Value) -> Value:
    """a·b + c; a processor without the instruction would call a library for it."""
    return f.fma(a, b, c) if fma else a * b + c


def tile_sums(f: Function, tile: Tile, a: Value, b: Value, count: Value | int) -> list[Value]:
    """Σ_k of the tile whose first elements ``a`` and ``b`` point to, row by row."""
    size = tile.rows * tile.vectors
    # few sums would wait for the latency of the multiply-add: k is then dealt out to several sets
    sets = 1 if size >= 8 else 2 if size >= 4 else 4
    zero = f.constant(tile.type, 0)

    def step(sums: list[Value], a: Value, b: Value) -> list[Value]:
        line = [tile.load_b(f, b, place) for place in range(tile.vectors)]
        found = []
        for row in range(tile.rows):
            x = f.load(tile.scalar, a.offset(row * tile.row, tile.scalar)).splat(tile.lanes)
            for place in range(tile.vectors):
                old = sums[row * tile.vectors + place]
                found.append(multiply_add(f, tile.fma, x, line[place], old))
        return found

    def steps(sums: list[Value], a: Value, b: Value, turns: int, sets: int) -> list[Value]:
        for turn in range(turns):
            part = (turn % sets) * size
            sums[part : part + size] = step(
                sums[part : part + size],
                a.offset(turn * tile.step, tile.scalar),
                b.offset(turn * tile.line, tile.scalar),
            )
        return sums

    def moved(a: Value, b: Value, k: Value) -> tuple[Value, Value]:
        return (
            a.offset(k * tile.step, tile.scalar) if tile.step else a,
            b.offset(k * tile.line, tile.scalar) if tile.line else b,
        )

    if isinstance(count, int) and count <= UNROLLED:
        return steps([zero] * size, a, b, count, 1)
    if isinstance(count, int):
        even: Value | int = count // sets * sets
        rest: Value | int = count % sets
    elif sets > 1:
        even = count & -sets
        rest = count - even
    else:
        even, rest = count, 0
    with f.loop(0, even, sets, carried=[zero] * (size * sets)) as loop:
        sums = steps(list(loop.values), *moved(a, b, loop.index), sets, sets)
        loop.carry(*sums)
    sums = loop.results
    while len(sums) > size:
        half = len(sums) // 2
        sums = [x + y for x, y in zip(sums[:half], sums[half:], strict=True)]
    if isinstance(rest, int):
        start = f.i64(even) if isinstance(even, int) else even
        return steps(sums, *moved(a, b, start), rest, 1) if rest else sums
    with f.loop(even, count, carried=sums) as tail:
        tail.carry(*step(list(tail.values), *moved(a, b, tail.index)))
    return tail.results


def tile_function(module: Module, tile: Tile, accumulate: bool) -> str:
    """The function ``(a, b, count, buffer, first)``: the buffer receives the
    sums, or has them added where ``accumulate`` and not ``first``. Equal tiles share it."""
    parts = [tile.rows, tile.vectors, tile.active, tile.row, tile.step, tile.line, tile.width]
    kind = "add" if accumulate else "sum"
    name = f"gemm.{kind}.{tile.scalar}{tile.lanes}." + ".".join(map(str, parts))

    def build() -> None:
        f = module.function(
            name,
            [("a", "ptr"), ("b", "ptr"), ("count", "i64"), ("buffer", "ptr"), ("first", "i1")],
            attributes="noinline",
        )
        a, b, count, buffer, first = f.params
        sums = tile_sums(f, tile, a, b, count)
        places = [
            buffer.offset(row * tile.width + place * tile.lanes, tile.scalar)
            for row in range(tile.rows)
            for place in range(tile.vectors)
        ]
        align = tile.lanes * size_of(tile.scalar)
        if accumulate:
            with f.when(~first):
                for place, x in zip(places, sums, strict=True):
                    f.store(f.load(tile.type, place, align) + x, place, align)
        with f.when(first):
            for place, x in zip(places, sums, strict=True):
                f.store(x, place, align)
        f.ret()

    return module.shared(name, build)


def finish_buffer(
    f: Function,
    tile: Tile,
    finish: Finish,
    buffer: Value,
    batch: Value,
    row: Value,
    rows: Value | int,
    col: Value,
    full: Value | int,
    active: int,
    partial: Value | None,
) -> None:
    """The epilogue for a tile in a buffer: ``full`` vectors a row, then where ``partial`` one of
    ``active`` lanes."""
    align = tile.lanes * size_of(tile.scalar)
    with f.loop(0, rows) as loop:
        index = f.opaque(loop.index)
        line = buffer.offset(index * tile.width, tile.scalar)
        place = row + index
        with f.loop(0, full) as inner:
            shift = inner.index * tile.lanes
            acc = f.load(tile.type, line.offset(shift, tile.scalar), align)
            finish(f, batch, place, col + shift, acc, tile.lanes)
        if partial is not None:
            with f.when(partial):
                shift = (f.i64(full) if isinstance(full, int) else full) * tile.lanes
                acc = f.load(tile.type, line.offset(shift, tile.scalar), align)
                finish(f, batch, place, col + shift, acc, active)
