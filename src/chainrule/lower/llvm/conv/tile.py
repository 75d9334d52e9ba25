"""The register tile of a convolution with features in the lanes, and how its sums are handed over.

A tile is ``rows`` rows x ``pixels`` neighbouring pixels of the result x ``vectors`` vectors of
features. Each tap loads the kernel's vectors once and multiplies them with one number of the input
per pixel, wherever that lies: strides, dilation and exchanged axes are offsets and cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from chainrule.lower.llvm.conv.pack import joined, least, merged, multiply_add, transposed
from chainrule.lower.llvm.conv.shape import Epilogue, Geometry
from chainrule.lower.llvm.ir import Function, Value, vector
from chainrule.lower.llvm.machine import Machine

__all__ = ["Span", "Tile", "choose_tile", "finish_row", "tile_sums"]

Dims = Sequence[tuple[int, int]]
Span = tuple[Value | int, Value | int, Value | int]
"""The start, stop and step of a loop."""


@dataclass(frozen=True)
class Tile:
    """The shape of a register tile.

    Attributes:
        rows, pixels, vectors: see above.
        lanes: of a vector.
    """

    rows: int
    pixels: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """Features of a tile."""
        return self.vectors * self.lanes

    @property
    def sums(self) -> int:
        return self.rows * self.pixels * self.vectors


def choose_tile(
    machine: Machine, scalar: str, rows: int, columns: int, features: int, exact: bool = False
) -> Tile:
    """The tile that needs the least time for ``rows`` rows of ``columns`` pixels.

    Per tap a tile issues one multiplication for each sum, but at least eight may be under way at a
    time, and it loads its vectors and one number per pixel. If ``exact``, no tile overlaps another.
    """
    lanes = machine.lanes(scalar)
    room = machine.registers - 1
    best, least_time = Tile(1, 1, 1, lanes), float("inf")
    for vectors in range(1, min(4, -(-features // lanes)) + 1):
        for r in range(1, min(6, rows) + 1):
            for pieces in range(1, columns + 1):
                pixels = -(-columns // pieces)
                tile = Tile(r, pixels, vectors, lanes)
                if tile.sums + vectors > room or (exact and columns % pieces):
                    continue
                turns = -(-features // tile.width) * -(-rows // r) * pieces
                time = turns * (max(tile.sums, 8) + 0.25 * vectors + 0.05 * r * pixels + 0.5)
                if time < least_time:
                    best, least_time = tile, time
                break
    return best


def tile_sums(
    f: Function,
    machine: Machine,
    tile: Tile,
    scalar: str,
    rows: Sequence[Value],
    pixel: int,
    kernel: Value,
    dims: Dims,
    sums: Sequence[Value],
    window: Mapping[int, Span],
) -> list[Value]:
    """``sums`` plus the products over all taps, in order of pixels and then vectors.

    Args:
        rows: for each row of the tile the address of what its first pixel's first tap reads.
        pixel: the distance of neighbouring pixels in the input.
        kernel: packed by `pack_kernel`.
        dims: count and distance in the input of channels and taps along each axis.
        window: for some of these axes which taps are needed.
    """
    lanes, type = tile.lanes, vector(tile.lanes, scalar)
    axes, bounds = _loops(dims, window)
    count, step = axes[-1]
    if len(axes) - 1 in bounds:
        unroll = 1
    else:
        unroll = max(u for u in range(1, 5) if count % u == 0)
    if pixel and any(
        u * step % pixel == 0 and u * step // pixel < tile.pixels for u in range(1, unroll)
    ):
        unroll = 1  # LLVM would keep what neighbouring taps share in registers that it has not got

    def taps(place: Value, number: Value, values: Sequence[Value]) -> list[Value]:
        first, stop, by = bounds.get(len(axes) - 1, (0, count, unroll))
        with f.loop(first, stop, by, values) as loop:
            current = list(loop.values)
            at = place + loop.index * step
            starts = [_opaque(row.offset(at, scalar)) for row in rows]
            out = kernel.offset((number + loop.index) * tile.width, scalar)
            for u in range(unroll):
                w = [
                    f.load(type, out.offset(u * tile.width + v * lanes, scalar))
                    for v in range(tile.vectors)
                ]
                i = 0
                for start in starts:
                    for p in range(tile.pixels):
                        one = f.load(scalar, start.offset(u * step + p * pixel, scalar))
                        many = one.splat(lanes)
                        for v in range(tile.vectors):
                            current[i] = multiply_add(f, machine, many, w[v], current[i])
                            i += 1
            loop.carry(*current)
        return loop.results

    def nest(depth: int, place: Value, number: Value, values: Sequence[Value]) -> list[Value]:
        if depth == len(axes) - 1:
            return taps(place, number, values)
        n, distance = axes[depth]
        first, stop, by = bounds.get(depth, (0, n, 1))
        with f.loop(first, stop, by, values) as loop:
            inner = nest(
                depth + 1,
                place + loop.index * distance,
                (number + loop.index) * axes[depth + 1][0],
                loop.values,
            )
            loop.carry(*inner)
        return loop.results

    return nest(0, f.i64(0), f.i64(0), sums)


def _opaque(pointer: Value) -> Value:
    """The same address in a register. LLVM's loop strength reduction does not see through it, which
    would keep a pointer of its own for every pixel of a tile, most of them in memory."""
    return pointer.f.emit("ptr", f'call ptr asm "", "=r,0"(ptr {pointer.text})')


def _loops(dims: Dims, window: Mapping[int, Span]) -> tuple[list[tuple[int, int]], dict[int, Span]]:
    """Loops over all taps, neighbours joined where no window is between, and the bounds of some."""
    axes: list[tuple[int, int]] = []
    bounds: dict[int, Span] = {}
    run: list[tuple[int, int]] = []
    for axis, dim in enumerate(dims):
        if axis not in window:
            run.append(dim)
            continue
        axes += [joint for joint in merged(run) if joint[0] > 1]
        bounds[len(axes)] = window[axis]
        axes.append(dim)
        run = []
    axes += [joint for joint in merged(run) if joint[0] > 1]
    return axes or [(1, 0)], bounds


def finish_row(
    f: Function,
    g: Geometry,
    machine: Machine,
    width: int,
    sums: Value,
    feature: Value,
    index: Callable[[Value, Value], list[Value]],
    epilogue: Epilogue,
) -> None:
    """Hand one row of the result to the epilogue, feature by feature, its pixels in the lanes.

    Args:
        width: how many features lie side by side in ``sums``.
        sums: (out width, width).
        feature: the first feature of the row.
        index: from a feature and a column to the index in the result.
    """
    scalar, columns = g.scalar, g.out[2]
    count = least(f.i64(g.features) - feature, width)
    lanes = machine.lanes(scalar)
    if columns <= lanes // 2 or (not machine.masks and columns < lanes):
        _finish_narrow(f, machine, scalar, columns, width, sums, count, feature, index, epilogue)
        return
    full = columns // lanes
    quad = min(4, lanes)
    ragged = g.features % quad != 0

    def chunk(column: Value, active: int) -> None:
        mask = None if active == lanes else f.mask(lanes, active)
        with f.loop(0, count, quad) as loop:
            at = sums.offset(column * width + loop.index, scalar)
            pieces = [
                f.load(vector(quad, scalar), at.offset(i * width, scalar))
                if i < active
                else f.constant(vector(quad, scalar), 0)
                for i in range(lanes)
            ]
            blocks = [joined(pieces[i::quad]) for i in range(quad)]
            for i, value in enumerate(transposed(blocks)):
                with f.when((loop.index + i).lt(count)) if ragged else nullcontext():
                    epilogue(f, index(feature + (loop.index + i), column), value, mask)

    if full:
        with f.loop(0, full * lanes, lanes) as loop:
            chunk(loop.index, lanes)
    rest = columns - full * lanes
    if rest and machine.masks:
        chunk(f.i64(full * lanes), rest)
    elif rest:
        with f.loop(0, count) as loop, f.loop(full * lanes, columns) as column:
            value = f.load(scalar, sums.offset(column.index * width + loop.index, scalar))
            epilogue(f, index(feature + loop.index, column.index), value, None)


def _finish_narrow(
    f: Function,
    machine: Machine,
    scalar: str,
    columns: int,
    width: int,
    sums: Value,
    count: Value,
    feature: Value,
    index: Callable[[Value, Value], list[Value]],
    epilogue: Epilogue,
) -> None:
    """A row much shorter than a register: gathered lane by lane, or number by number."""
    lanes = 1 << (columns - 1).bit_length()
    with f.loop(0, count) as loop:
        at = sums.offset(loop.index, scalar)
        if columns == 1 or (columns < lanes and not machine.masks):
            with f.loop(0, columns) as column:
                value = f.load(scalar, at.offset(column.index * width, scalar))
                epilogue(f, index(feature + loop.index, column.index), value, None)
        else:
            value = f.constant(vector(lanes, scalar), 0)
            for i in range(columns):
                value = value.with_lane(i, f.load(scalar, at.offset(i * width, scalar)))
            mask = None if columns == lanes else f.mask(lanes, columns)
            epilogue(f, index(feature + loop.index, f.i64(0)), value, mask)
