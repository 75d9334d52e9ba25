"""Convolution with features in the lanes, shared out over the result.

The kernel is packed once; a task takes some images or rows and all features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from chainrule.lower.llvm.conv.pack import dense, divided, emit_pack, least, prefetch, remainder
from chainrule.lower.llvm.conv.planes import Planes, pad_planes, zero_fill
from chainrule.lower.llvm.conv.row import (
    Rows,
    Source,
    column_sorts,
    row_window,
    skips_rows,
    tile_row,
)
from chainrule.lower.llvm.conv.shape import TASKS, Geometry, Job, up
from chainrule.lower.llvm.conv.tile import Tile, choose_tile, finish_row
from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["Forward"]


@dataclass(frozen=True)
class Forward:
    """How a convolution is shared out over its result.

    Attributes:
        tile: the register tile.
        rows: the rows of one task.
        planes: the layout of the padded input, or None where x is read as it is.
    """

    g: Geometry
    machine: Machine
    tile: Tile
    rows: Rows
    planes: Planes | None

    @staticmethod
    def of(g: Geometry, machine: Machine, direct: bool) -> Forward:
        """Choose; ``direct`` tells whether x may be read as it is."""
        depth, height, columns = g.out
        blocks = max(1, min(height, -(-TASKS // max(1, g.batch * g.groups))))
        rows = -(-height // blocks)

        def planes_of(rows: int) -> Planes:
            extent = (g.reach(0, depth), g.reach(1, rows), g.reach(2, columns))
            return Planes.of(g, extent, g.channels)

        while not direct and rows > 1 and planes_of(rows).image * g.size > machine.l2 // 2:
            rows = -(-rows // 2)
        images = 1
        if rows * depth < 4 and g.batch > 2 * TASKS:
            images = min(4, g.batch // TASKS)
        block = Rows(images, depth, rows)
        alike = block.count if g.spread[1] == 1 else 1  # rows that need the same taps
        tile = choose_tile(machine, g.scalar, alike, columns // column_sorts(g), g.features)
        return Forward(g, machine, tile, block, None if direct else planes_of(rows))

    @property
    def features(self) -> int:
        """Blocks of features."""
        return -(-self.g.features // self.tile.width)

    @property
    def _looks(self) -> bool:
        """Whether it matters that the kernel is finite."""
        return skips_rows(self.g) or column_sorts(self.g) > 1

    @property
    def kernel_numbers(self) -> int:
        """Numbers of one packed block of features."""
        return self.g.taps * self.tile.width

    @property
    def workspace_bytes(self) -> int:
        return self._flags + self.g.groups * self.features

    @property
    def _flags(self) -> int:
        """Where the flags are that tell which packed blocks are not finite: one byte each."""
        return self.g.groups * self.features * self.kernel_numbers * self.g.size

    @property
    def _plane_bytes(self) -> int:
        if self.planes is None:
            return 0
        return self.planes.bytes(self.g, self.machine, self.rows.images)

    @property
    def _sum_bytes(self) -> int:
        return up(self.tile.rows * self.g.out[2] * self.tile.width * self.g.size, 64)

    @property
    def scratch_bytes(self) -> int:
        return self._plane_bytes + self._sum_bytes

    def emit(self, job: Job) -> list[Kernel]:
        g = self.g
        return [
            emit_pack(job, g, self.machine, self.tile.width, self._flags if self._looks else None),
            self._compute(job),
        ]

    def _compute(self, job: Job) -> Kernel:
        g, tile, rows, machine = self.g, self.tile, self.rows, self.machine
        f = kernel_function(job.module, job.name)
        height = g.out[1]
        span = dense([(g.channels, g.x_channel), *zip(g.x_extent, g.x_step, strict=True)])
        blocks, batches = -(-height // rows.height), -(-g.batch // rows.images)
        source, scratch = Source.of(g, self.planes), f.params[3]
        base, packed = job.x(f), job.workspace(f)
        sums = scratch.offset(self._plane_bytes)
        if self.planes is not None:
            zero_fill(f, machine, scratch, g.scalar, self.planes.image * rows.images)
        with f.loop(f.params[1], f.params[2]) as task:
            part = divided(task.index, blocks)
            y0 = remainder(task.index, blocks) * rows.height
            group, n0 = remainder(part, g.groups), divided(part, g.groups) * rows.images
            images = least(f.i64(g.batch) - n0, rows.images)
            if self.planes is not None:
                pad_planes(
                    f,
                    g,
                    machine,
                    self.planes,
                    scratch,
                    base,
                    group,
                    (n0, images),
                    (f.i64(0), g.channels),
                    0 if blocks == 1 else y0 * g.stride[1],
                    job.read_x,
                )
                origin = scratch
            else:
                place = group * g.x_group + n0 * g.x_batch + source.corner(g)
                origin = base.offset(place + y0 * (g.stride[1] * source.step[1]), g.scalar)
            ahead = None
            if job.read_x is None and blocks == rows.images == 1:
                later = least(part + 1, batches * g.groups - 1)
                place = remainder(later, g.groups) * g.x_group
                place = place + divided(later, g.groups) * g.x_batch
                ahead = base.offset(place, g.scalar)
            with f.loop(0, self.features) as fb, f.loop(0, rows.count, tile.rows) as top:
                if ahead is not None and span:
                    tiles = -(-rows.count // tile.rows)
                    turn = fb.index * tiles + divided(top.index, tile.rows)
                    prefetch(f, ahead, span * g.size, turn, tiles * self.features)
                starts, heights = [], []
                for i in range(tile.rows):
                    n, z, y = rows.split(least(top.index + i, rows.count - 1))
                    place = least(n, images - 1) * source.image
                    place = place + z * (g.stride[0] * source.step[0])
                    y = least(y, f.i64(height - 1) - y0)
                    heights.append(y0 + y)
                    starts.append(
                        origin.offset(place + y * (g.stride[1] * source.step[1]), g.scalar)
                    )
                one_row = g.out[2] * tile.width
                number = group * self.features + fb.index
                flag = window = None
                if self._looks:
                    flag = f.load("i8", packed.offset(self._flags).offset(number)).ne(0)
                    if skips_rows(g):
                        window = row_window(g, heights, 0, g.kernel[1], flag)
                tile_row(
                    f,
                    g,
                    machine,
                    tile,
                    starts,
                    source,
                    packed.offset(number * self.kernel_numbers, g.scalar),
                    source.taps(g, g.channels, g.kernel[1]),
                    [sums.offset(i * one_row, g.scalar) for i in range(tile.rows)],
                    window,
                    flag,
                    accumulate=False,
                )
                with f.loop(0, tile.rows) as member:
                    row = top.index + member.index
                    n, z, y = rows.split(row)
                    place_in = partial(_index, g, group, n0 + n, z, y0 + y)
                    exists = row.lt(rows.count) & n.lt(images) & (y0 + y).lt(height)
                    with f.when(exists):
                        finish_row(
                            f,
                            g,
                            machine,
                            tile.width,
                            sums.offset(member.index * one_row, g.scalar),
                            fb.index * tile.width,
                            place_in,
                            job.epilogue,
                        )
        f.ret()
        moved = g.shape.x_numbers + g.batch * g.groups * g.features * g.places
        return Kernel(
            f.name, batches * g.groups * blocks, g.shape.flops, moved * g.size, self.scratch_bytes
        )


def _index(
    g: Geometry, group: Value, n: Value, z: Value, y: Value, feature: Value, column: Value
) -> list[Value]:
    return g.out_index(group, n, feature, (z, y, column))
