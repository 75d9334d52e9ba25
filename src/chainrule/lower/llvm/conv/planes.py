"""Padded planes: the input of a convolution with its zeros, in memory of the thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chainrule.lower.llvm.conv.pack import divided, least, most, remainder
from chainrule.lower.llvm.conv.shape import Geometry, Reader, Triple, up
from chainrule.lower.llvm.ir import Function, Value, vector
from chainrule.lower.llvm.machine import Machine

__all__ = ["Planes", "pad_planes", "zero_fill"]


def zero_fill(f: Function, machine: Machine, pointer: Value, scalar: str, count: int) -> None:
    """Zeros in ``count`` numbers, rounded up to whole vectors."""
    lanes = machine.lanes(scalar)
    zero = f.constant(vector(lanes, scalar), 0)
    with f.loop(0, count, lanes) as loop:
        f.store(zero, pointer.offset(loop.index, scalar))


@dataclass(frozen=True)
class Planes:
    """Where padded planes lie: distances in elements.

    Attributes:
        extent: how much of the padded input is held along depth, height, width.
        channels: how many are held of an image.
        phases: columns are held apart by their remainder modulo this, each sort on its own, so that
            every ``phases``-th column of the input is a run of neighbours.
        phase: the distance of such runs.
        row, plane, channel: distances of neighbours.
    """

    extent: Triple
    channels: int
    phases: int
    phase: int
    row: int
    plane: int
    channel: int

    @staticmethod
    def of(g: Geometry, extent: Triple, channels: int, phases: int = 1, align: int = 1) -> Planes:
        """The layout for some extent; rows are as far apart as ``align`` asks."""
        phase = up(-(-extent[2] // phases), align)
        row = phase * phases
        plane = row * extent[1]
        channel = plane * extent[0]
        if channel * g.size % 4096 == 0:
            channel += max(align, 16)  # a page apart they would fall into the same cache sets
        return Planes(extent, channels, phases, phase, row, plane, channel)

    @property
    def image(self) -> int:
        """The distance of images."""
        return self.channel * self.channels

    def column(self, x: int) -> int:
        """Where a padded column lies in its row."""
        return x % self.phases * self.phase + x // self.phases

    def bytes(self, g: Geometry, machine: Machine, images: int) -> int:
        """Memory for some images; vectors reach beyond the last of them."""
        numbers = self.image * images + 2 * machine.lanes(g.scalar)
        return up(numbers * g.size, 64)


def pad_planes(
    f: Function,
    g: Geometry,
    machine: Machine,
    planes: Planes,
    target: Value,
    base: Value,
    group: Value,
    images: tuple[Value, Value | int],
    channels: tuple[Value, Value | int],
    top: Value | int,
    read: Reader | None,
) -> None:
    """Copy images and channels (first and count) of a group, padded rows from ``top`` on.

    The memory holds zeros where the padding is, from `zero_fill`. As long as ``top`` is the same
    they stay; where it changes they are written again. A vector copy also writes up to a register
    of zeros beyond the last number of a row, where the next row or more zeros go.
    """
    n0, n_count = images
    c0, c_count = channels
    if not isinstance(top, int) and (g.low[1] > 0 or g.spread[1] > 1 or not g.inside):
        with f.loop(0, n_count) as n:
            start = target.offset(n.index * planes.image, g.scalar)
            zero_fill(f, machine, start, g.scalar, planes.image)

    def rows(axis: int, top: Value | int) -> tuple[Value | int, Value | int]:
        """The first row of x that is held, and the one after the last."""
        low, spread, extent = g.low[axis], g.spread[axis], g.x_extent[axis]
        if isinstance(top, int):
            first = max(0, -((low - top) // spread))
            last = (top + planes.extent[axis] - 1 - low) // spread + 1
            return first, max(first, min(extent, last))
        start = divided(most(top - low, 0) + (spread - 1), spread)
        stop = divided(most(top + (planes.extent[axis] - low), 0) + (spread - 1), spread)
        return start, least(stop, extent)

    copy = _row_copier(f, g, machine, planes, base, read)
    if copy is None:
        return
    with (
        f.loop(0, n_count) as n,
        f.loop(0, c_count) as c,
        f.loop(*rows(0, 0)) as z,
        f.loop(*rows(1, top)) as y,
    ):
        place = n.index * planes.image + c.index * planes.channel
        place = place + (z.index * g.spread[0] + g.low[0]) * planes.plane
        place = place + (y.index * g.spread[1] + g.low[1] - top) * planes.row
        copy(
            [group, n0 + n.index, c0 + c.index, z.index, y.index],
            target.offset(place, g.scalar),
        )


def _row_copier(
    f: Function,
    g: Geometry,
    machine: Machine,
    planes: Planes,
    base: Value,
    read: Reader | None,
) -> Callable[[list[Value], Value], None] | None:
    """Copies the row (group, image, channel, z, y) of x; None where no column is held."""
    scalar, lanes = g.scalar, machine.lanes(g.scalar)
    low, spread, step = g.low[2], g.spread[2], g.x_step[2]
    first = max(0, -(low // spread))
    stop = min(g.x_extent[2], (planes.extent[2] - 1 - low) // spread + 1)
    count = max(0, stop - first)
    start = low + first * spread  # the padded column of the first number
    if not count:
        return None
    straight = read is not None or step == 1

    def copy(where: list[Value], row: Value) -> None:
        group, n, c, z, y = where
        place = group * g.x_group + n * g.x_batch + c * g.x_channel
        place = place + z * g.x_step[0] + y * g.x_step[1] + first * step
        source = base.offset(place, scalar)

        def load(i: Value, width: int, mask: Value | None) -> Value:
            if read is not None:
                return read(f, g.x_index(group, n, c, (z, y, i + first)), width, mask)
            at = source.offset(i * step, scalar)
            if mask is not None:
                return f.masked_load(vector(width, scalar), at, mask)
            return f.load(vector(width, scalar), at)

        def store(value: Value, place: Value) -> None:
            f.store(value, row.offset(place, scalar))

        done = 0
        if straight and spread == 1 and planes.phases == 1:
            done = count // lanes * lanes
            with f.loop(0, done, lanes) as loop:
                store(load(loop.index, lanes, None), loop.index + start)
            if done < count and machine.masks:
                store(load(f.i64(done), lanes, f.mask(lanes, count - done)), f.i64(done + start))
                done = count
        elif straight and spread == 1 and planes.phases == 2:
            done = count // (2 * lanes) * (2 * lanes)

            def parted(i: Value, first: Value, second: Value, number: int) -> None:
                for odd in range(2):
                    value = first.shuffle(list(range(odd, 2 * lanes, 2)), second)
                    place = divided(i, 2) + planes.column(start + odd)
                    if number == 2 * lanes:
                        store(value, place)
                    else:  # the other sort of columns begins behind
                        mask = f.mask(lanes, (number + 1 - odd) // 2)
                        f.masked_store(value, row.offset(place, scalar), mask)

            with f.loop(0, done, 2 * lanes) as loop:
                i = loop.index
                parted(i, load(i, lanes, None), load(i + lanes, lanes, None), 2 * lanes)
            rest = count - done
            if rest > 0 and machine.masks:
                i = f.i64(done)
                low = load(i, lanes, f.mask(lanes, min(rest, lanes)))
                high = f.constant(low.type, 0)
                if rest > lanes:
                    high = load(i + lanes, lanes, f.mask(lanes, rest - lanes))
                parted(i, low, high, rest)
                done = count
        elif straight and spread == 2 and planes.phases == 1:
            done = count // lanes * lanes
            with f.loop(0, done, lanes) as loop:
                value = load(loop.index, lanes, None)
                zero = f.constant(value.type, 0)
                for part in range(2):
                    order = [
                        part * lanes // 2 + i // 2 if i % 2 == 0 else lanes for i in range(lanes)
                    ]
                    store(value.shuffle(order, zero), loop.index * 2 + (start + part * lanes))
        with f.loop(done, count) as loop:
            at = loop.index * spread + start
            place = remainder(at, planes.phases) * planes.phase + divided(at, planes.phases)
            store(load(loop.index, 0, None), place)

    return copy
