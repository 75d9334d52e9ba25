"""Bringing the operands of a convolution into the order of use: padded planes, packed kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.lower.llvm.conv_shape import Geometry, Place, Reader
from chainrule.lower.llvm.ir import Function, Value, lanes, vector
from chainrule.lower.llvm.machine import Machine

__all__ = [
    "Planes",
    "any_not_finite",
    "divided",
    "joined",
    "least",
    "most",
    "multiply_add",
    "pack_kernel",
    "pad_planes",
    "remainder",
    "transposed",
    "zero_fill",
]


def divided(a: Value, by: int) -> Value:
    """a // by for a ≥ 0."""
    return a if by == 1 else a.f.emit(a.type, f"udiv {a.type} {a.text}, {by}")


def remainder(a: Value, by: int) -> Value:
    """a % by for a ≥ 0."""
    return a.f.constant(a.type, 0) if by == 1 else a.f.emit(a.type, f"urem {a.type} {a.text}, {by}")


def least(a: Value, b: Value | int) -> Value:
    """The smaller of two integers."""
    return a.lt(b).select(a, b)


def most(a: Value, b: Value | int) -> Value:
    """The larger of two integers."""
    return a.gt(b).select(a, b)


def multiply_add(f: Function, machine: Machine, a: Value, b: Value, c: Value) -> Value:
    """a·b + c, fused where the processor can."""
    return f.fma(a, b, c) if machine.fma else a * b + c


def joined(parts: Sequence[Value]) -> Value:
    """Vectors side by side as one, their number a power of two."""
    result = list(parts)
    while len(result) > 1:
        width = lanes(result[0].type)
        order = list(range(2 * width))
        result = [
            a.shuffle(order, b) for a, b in zip(result[::2], result[1::2], strict=True)
        ]
    return result[0]


def transposed(rows: Sequence[Value]) -> list[Value]:
    """n vectors of n lanes, exchanged: lane j of vector i becomes lane i of vector j. Of longer
    vectors each block of n lanes.

    Blocks of 1, 2, 4, … lanes change places between pairs of vectors: n·log₂n shuffles.
    """
    result, count, width = list(rows), len(rows), lanes(rows[0].type)
    block = 1
    while block < count:
        low = [i if not i & block else width + i - block for i in range(width)]
        high = [i + block if not i & block else width + i for i in range(width)]
        for i in range(count):
            if not i & block:
                a, b = result[i], result[i + block]
                result[i], result[i + block] = a.shuffle(low, b), a.shuffle(high, b)
        block *= 2
    return result


def zero_fill(f: Function, machine: Machine, pointer: Value, scalar: str, count: int) -> None:
    """Zeros in ``count`` numbers, rounded up to whole vectors."""
    lanes = machine.lanes(scalar)
    zero = f.constant(vector(lanes, scalar), 0)
    with f.loop(0, count, lanes) as loop:
        f.store(zero, pointer.offset(loop.index, scalar))


def any_not_finite(
    f: Function, machine: Machine, numbers: Value, scalar: str, count: int
) -> Value:
    """Whether NaN or ±inf is among so many numbers, a multiple of the lanes: an i1."""
    lanes = machine.lanes(scalar)
    type = vector(lanes, scalar)
    with f.loop(0, count, lanes, [f.constant(type, 0)]) as loop:
        value = f.load(type, numbers.offset(loop.index, scalar))
        loop.carry(multiply_add(f, machine, value, f.constant(type, 0), loop.values[0]))
    nan = loop.results[0].is_nan()
    return f.emit(f"i{lanes}", f"bitcast {nan.type} {nan.text} to i{lanes}").ne(0)


# -- the input -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planes:
    """Where padded planes lie: distances in elements.

    Attributes:
        extent: rows of the padded input that are held, along depth, height, width.
        phases: columns are held apart by their remainder modulo this, each sort on its own, so that
            every ``phases``-th column of the input is a run of neighbours.
        phase: the distance of such runs.
        row, plane, channel, image: distances of neighbours.
    """

    extent: tuple[int, int, int]
    phases: int
    phase: int
    row: int
    plane: int
    channel: int
    image: int

    @staticmethod
    def of(
        geometry: Geometry,
        extent: tuple[int, int, int],
        channels: int,
        phases: int = 1,
        align: int = 1,
    ) -> Planes:
        """The layout for padded rows of some extent and so many channels of an image."""
        phase = -(-(-(-extent[2] // phases)) // align) * align
        row = phase * phases
        plane = row * extent[1]
        channel = plane * extent[0]
        if channel * geometry.size % 4096 == 0:
            channel += max(align, 16)  # a page apart they would fall into the same cache sets
        return Planes(extent, phases, phase, row, plane, channel, channel * channels)

    def column(self, x: int) -> int:
        """Where a padded column lies in its row."""
        return x % self.phases * self.phase + x // self.phases


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
    top: Value,
    read: Reader | None,
) -> None:
    """Copy images and channels (first and count) of a group, padded rows from ``top`` on.

    Columns of padding are left as they are: zeros, from `zero_fill`. A vector copy also writes up to
    a register of zeros beyond the last number of a row.
    """
    scalar, lanes = g.scalar, machine.lanes(g.scalar)
    low, spread = g.low, g.spread
    first = max(0, -(low[2] // spread[2]))
    stop = min(g.x_extent[2], (planes.extent[2] - 1 - low[2]) // spread[2] + 1)
    count = max(0, stop - first)
    if not count:
        return
    straight = spread[2] == 1 and planes.phases == 1 and (read is not None or g.x_step[2] == 1)

    def row_copy(n: Value, c: Value, z: Value, y: Value, row: Value) -> None:
        source = base
        if read is None:
            place = group * g.x_group + n * g.x_batch + c * g.x_channel
            place = place + z * g.x_step[0] + y * g.x_step[1]
            source = base.offset(place + first * g.x_step[2], scalar)

        def element(i: Value, width: int, mask: Value | None) -> Value:
            if read is not None:
                return read(f, g.x_index(group, n, c, (z, y, i + first)), width, mask)
            at = source.offset(i * g.x_step[2], scalar)
            if mask is not None:
                return f.masked_load(vector(width, scalar), at, mask)
            return f.load(vector(width, scalar), at)

        done = 0
        if straight:
            out = row.offset(low[2] + first, scalar)
            done = count // lanes * lanes
            if done:
                with f.loop(0, done, lanes) as loop:
                    f.store(element(loop.index, lanes, None), out.offset(loop.index, scalar))
            if done < count and machine.masks:
                value = element(f.i64(done), lanes, f.mask(lanes, count - done))
                f.store(value, out.offset(done, scalar))
                done = count
        if done < count:
            with f.loop(done, count) as loop:
                at = (loop.index + first) * spread[2] + low[2]
                place = remainder(at, planes.phases) * planes.phase + divided(at, planes.phases)
                f.store(element(loop.index, 0, None), row.offset(place, scalar))

    def row_zero(row: Value) -> None:
        with f.loop(0, count) as loop:
            at = (loop.index + first) * spread[2] + low[2]
            place = remainder(at, planes.phases) * planes.phase + divided(at, planes.phases)
            f.store(f.constant(scalar, 0), row.offset(place, scalar))

    def source_row(axis: int, at: Value) -> tuple[Value, Value | None]:
        """Which row of x a padded row is, and whether it is one at all."""
        q = at - low[axis]
        always = low[axis] <= 0 and spread[axis] == 1
        always = always and g.reach(axis, g.out[axis]) - low[axis] <= g.x_extent[axis]
        # the rows of a last, shorter block may lie outside even so
        if always and planes.extent[axis] == g.reach(axis, g.out[axis]):
            return q, None
        limit = (g.x_extent[axis] - 1) * spread[axis] + 1 if g.x_extent[axis] else 0
        valid = q.ge(0) & q.lt(limit)
        if spread[axis] > 1:
            q = q.ge(0).select(q, 0)
            valid = valid & remainder(q, spread[axis]).eq(0)
        return divided(q, spread[axis]), valid

    n0, n_count = images
    c0, c_count = channels
    with f.loop(0, n_count) as n, f.loop(0, c_count) as c:
        place = n.index * planes.image + c.index * planes.channel
        with f.loop(0, planes.extent[0]) as dz, f.loop(0, planes.extent[1]) as dy:
            z, z_valid = source_row(0, dz.index)
            y, y_valid = source_row(1, top + dy.index)
            row = target.offset(place + dz.index * planes.plane + dy.index * planes.row, scalar)
            tests = [v for v in (z_valid, y_valid) if v is not None]
            valid = f.constant("i1", 1)
            for test in tests:
                valid = valid & test
            with f.when(valid):
                row_copy(n0 + n.index, c0 + c.index, z, y, row)
            if tests:
                with f.when(~valid):
                    row_zero(row)


# -- the kernel ----------------------------------------------------------------------------------


def pack_kernel(
    f: Function,
    g: Geometry,
    machine: Machine,
    target: Value,
    source: Value,
    feature: Value,
    width: int,
    dims: Sequence[tuple[int, int]],
) -> None:
    """``width`` features from ``feature`` on, side by side for each tap.

    Args:
        target: (taps, width), taps in the order of ``dims``.
        source: the first tap of feature 0 of the group.
        dims: count and distance of the taps along each axis, the innermost last.

    Features that do not exist repeat the last one: their lanes are computed and never used.
    """
    scalar, lanes = g.scalar, machine.lanes(g.scalar)
    axes = merged(dims)
    count, step = axes[-1]
    outer = axes[:-1]

    def at(lane: Value | int) -> Value:
        chosen = feature + lane if not isinstance(lane, int) or lane else feature
        return source.offset(least(chosen, g.features - 1) * g.w_feature, scalar)

    def inner(place: Value, number: Value) -> None:
        """One run of taps: ``place`` elements into the source, tap ``number``."""
        done = count // lanes * lanes if step == 1 else 0
        if done:
            with f.loop(0, width, lanes) as part, f.loop(0, done, lanes) as block:
                rows = [
                    f.load(
                        vector(lanes, scalar),
                        at(part.index + i).offset(place + block.index, scalar),
                    )
                    for i in range(lanes)
                ]
                out = target.offset((number + block.index) * width + part.index, scalar)
                for i, value in enumerate(transposed(rows)):
                    f.store(value, out.offset(i * width, scalar))
        if done < count:
            with f.loop(0, width) as lane:
                begin = at(lane.index).offset(place, scalar)
                out = target.offset(number * width + lane.index, scalar)
                with f.loop(done, count) as tap:
                    value = f.load(scalar, begin.offset(tap.index * step, scalar))
                    f.store(value, out.offset(tap.index * width, scalar))

    def nest(depth: int, place: Value, number: Value) -> None:
        if depth == len(outer):
            inner(place, number)
            return
        n, distance = outer[depth]
        with f.loop(0, n) as loop:
            nest(depth + 1, place + loop.index * distance, (number + loop.index) * axes[depth + 1][0])

    nest(0, f.i64(0), f.i64(0))


def merged(dims: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Loops (count, distance) without those of one turn, neighbours joined where they are one."""
    result: list[tuple[int, int]] = []
    for count, step in dims:
        if count == 1:
            continue
        if result and result[-1][1] == count * step:
            result[-1] = (result[-1][0] * count, step)
        else:
            result.append((count, step))
    return result or [(1, 0)]

