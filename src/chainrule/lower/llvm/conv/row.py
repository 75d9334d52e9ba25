"""Rows of the result, tile by tile, with the products left out that padding makes zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.lower.llvm.conv.pack import divided, least, most, remainder
from chainrule.lower.llvm.conv.planes import Planes
from chainrule.lower.llvm.conv.shape import Geometry, Triple
from chainrule.lower.llvm.conv.tile import Span, Tile, tile_sums
from chainrule.lower.llvm.ir import Function, Value, vector
from chainrule.lower.llvm.machine import Machine

__all__ = ["Rows", "Source", "column_sorts", "kernel_taps", "row_window", "skips_rows", "tile_row"]


@dataclass(frozen=True)
class Rows:
    """A block of rows of the result, numbered over depth, height and images: neighbours are rows
    at the same height, which need the same rows of taps."""

    images: int
    depth: int
    height: int

    @property
    def count(self) -> int:
        return self.images * self.depth * self.height

    def split(self, row: Value) -> tuple[Value, Value, Value]:
        """(image, z, y) within the block."""
        rest = divided(row, self.images)
        return remainder(row, self.images), divided(rest, self.height), remainder(rest, self.height)


@dataclass(frozen=True)
class Source:
    """Distances in the input that tiles read: x itself or padded planes."""

    image: int
    channel: int
    step: Triple

    @staticmethod
    def of(g: Geometry, planes: Planes | None) -> Source:
        if planes is None:
            return Source(g.x_batch, g.x_channel, g.x_step)
        return Source(planes.image, planes.channel, (planes.plane, planes.row, 1))

    def taps(self, g: Geometry, channels: int, height: int) -> list[tuple[int, int]]:
        dz, dy, dx = (d * s for d, s in zip(g.dilation, self.step, strict=True))
        return [(channels, self.channel), (g.kernel[0], dz), (height, dy), (g.kernel[2], dx)]

    def corner(self, g: Geometry) -> int:
        """Where in x the first tap of the first output is, if nothing is padded."""
        return -sum(lo * s for lo, s in zip(g.low, self.step, strict=True))


def kernel_taps(g: Geometry, channels: int, height: int) -> list[tuple[int, int]]:
    z, y, x = g.w_step
    return [(channels, g.w_channel), (g.kernel[0], z), (height, y), (g.kernel[2], x)]


def tile_row(
    f: Function,
    g: Geometry,
    machine: Machine,
    tile: Tile,
    starts: Sequence[Value],
    source: Source,
    kernel: Value,
    taps: Sequence[tuple[int, int]],
    targets: Sequence[Value],
    window: Span | None,
    all_taps: Value | None,
    accumulate: bool,
) -> None:
    """The sums of some rows of the result, stored as (row, pixel, feature).

    Where the last tile of a row would go beyond it, it starts earlier and repeats some pixels: not
    with sums that accumulate, whose tiles are exact. Where the input is spread out, the pixels that
    need the same taps are computed together.
    """
    lanes, scalar = tile.lanes, g.scalar
    sorts = 1 if accumulate else column_sorts(g)
    pieces = -(-g.out[2] // (sorts * tile.pixels))
    pixel = g.stride[2] * source.step[2]
    type = vector(lanes, scalar)
    with f.loop(0, sorts) as sort, f.loop(0, pieces) as piece:
        columns = divided(f.i64(g.out[2] + sorts - 1) - sort.index, sorts)
        number = least(piece.index * tile.pixels, columns - tile.pixels)
        first = number * sorts + sort.index
        rows = [start.offset(first * pixel, scalar) for start in starts]
        places = [
            target.offset((first + p * sorts) * tile.width + v * lanes, scalar)
            for target in targets
            for p in range(tile.pixels)
            for v in range(tile.vectors)
        ]
        spans: dict[int, Span] = {} if window is None else {2: window}
        if sorts > 1 and all_taps is not None:
            tap = _first_tap(g, 2, sort.index)
            spans[3] = _or_all((tap, g.kernel[2], sorts), all_taps, g.kernel[2])
        sums = [f.load(type, place) if accumulate else f.constant(type, 0) for place in places]
        sums = tile_sums(f, machine, tile, scalar, rows, pixel * sorts, kernel, taps, sums, spans)
        for value, place in zip(sums, places, strict=True):
            f.store(value, place)


# Where the padded input is zero by construction, products are left out: rows of padding, and the
# zeros between elements that are spread out. Zero times infinity is NaN, so this holds for finite
# kernels only; a flag, computed where the kernel is packed, says when all products are needed.


def column_sorts(g: Geometry) -> int:
    """How many sorts of columns there are that need different taps."""
    spread = g.spread[2]
    return spread if g.dilation[2] == 1 and spread <= g.out[2] else 1


def skips_rows(g: Geometry) -> bool:
    """Whether some rows of taps meet nothing but zeros."""
    if g.spread[1] > 1:
        return g.dilation[1] == 1
    return g.low[1] > 0 or g.reach(1, g.out[1]) - g.low[1] > g.x_extent[1]


def _first_tap(g: Geometry, axis: int, place: Value) -> Value:
    """The first tap that meets an element and not a zero in between."""
    start = place.f.i64(g.low[axis]) - place * g.stride[axis]
    spread = g.spread[axis]
    enough = spread * (g.out[axis] * g.stride[axis] + abs(g.low[axis]))
    return remainder(start + enough, spread)


def _or_all(span: Span, all_taps: Value, count: int) -> Span:
    """The taps of a span, or every one of them."""
    f = all_taps.f
    first, stop, step = (f.i64(v) if isinstance(v, int) else v for v in span)
    return (
        all_taps.select(f.i64(0), first),
        all_taps.select(f.i64(count), stop),
        all_taps.select(f.i64(1), step),
    )


def row_window(
    g: Geometry, heights: Sequence[Value], top: Value | int, count: int, all_taps: Value
) -> Span:
    """The rows of taps, of ``count`` from ``top`` on, that meet the input in some of the rows at
    these heights of the result. Of spread-out input there is only one such row."""
    f, spread, dilation = all_taps.f, g.spread[1], g.dilation[1]
    lows, highs = [], []
    for y in heights:
        start = f.i64(g.low[1]) - y * g.stride[1]
        low = divided(most(start, 0) + (dilation - 1), dilation)
        if spread > 1:
            low = start.ge(0).select(start, _first_tap(g, 1, y))
        stop = most(start + ((g.x_extent[1] - 1) * spread + 1), 0)
        lows.append(low)
        highs.append(divided(stop + (dilation - 1), dilation))
    low, high = lows[0], highs[0]
    for a, b in zip(lows[1:], highs[1:], strict=True):
        low, high = least(low, a), most(high, b)
    low, high = least(most(low - top, 0), count), least(most(high - top, 0), count)
    return _or_all((low, high, spread), all_taps, count)
