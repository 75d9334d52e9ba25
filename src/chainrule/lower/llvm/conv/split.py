"""Convolution with features in the lanes, shared out over the sum.

For results smaller than the kernel, such as the gradient of weights: a task takes some channels,
packs what they need and leaves partial sums, which a second kernel adds in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.lower.llvm.conv.pack import (
    any_not_finite,
    dense,
    divided,
    least,
    pack_kernel,
    prefetch,
    remainder,
)
from chainrule.lower.llvm.conv.planes import Planes, pad_planes, zero_fill
from chainrule.lower.llvm.conv.row import (
    Rows,
    Source,
    kernel_taps,
    row_window,
    skips_rows,
    tile_row,
)
from chainrule.lower.llvm.conv.shape import TASKS, Geometry, Job, up
from chainrule.lower.llvm.conv.tile import Tile, choose_tile, finish_row
from chainrule.lower.llvm.ir import vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["Split"]

PARTIAL_BYTES = 8 << 20
"""At most so much memory for partial sums."""


@dataclass(frozen=True)
class Split:
    """How a convolution is shared out over its sum, in units of one channel and some rows of taps.

    Attributes:
        height: rows of taps of a unit.
        chunks: so many partial sums are made.
        planes: the layout of the padded input of one channel, or None where x is read as it is.
    """

    g: Geometry
    machine: Machine
    tile: Tile
    height: int
    chunks: int
    planes: Planes | None

    @staticmethod
    def of(g: Geometry, machine: Machine, direct: bool) -> Split:
        """Choose; ``direct`` tells whether x may be read as it is."""
        depth, height, columns = g.out
        tile = choose_tile(machine, g.scalar, g.batch * depth * height, columns, g.features, True)
        features = up(g.features, tile.width)
        divisors = [n for n in range(g.kernel[1], 0, -1) if g.kernel[1] % n == 0]

        def planes_of(rows: int) -> Planes:
            y = (rows - 1) * g.dilation[1] + g.reach(1, height) - (g.kernel[1] - 1) * g.dilation[1]
            return Planes.of(g, (g.reach(0, depth), y, g.reach(2, columns)), 1)

        for rows in divisors:
            units = g.groups * g.channels * (g.kernel[1] // rows)
            numbers = g.kernel[0] * rows * g.kernel[2] * features
            if not direct:
                numbers += planes_of(rows).image * g.batch
            if units >= TASKS and numbers * g.size <= machine.l2 // 2:
                break
        partial = g.batch * g.places * features * g.size
        chunks = min(
            g.channels * (g.kernel[1] // rows),
            max(1, PARTIAL_BYTES // (partial * g.groups)),
            -(-TASKS // g.groups),
        )
        return Split(g, machine, tile, rows, chunks, None if direct else planes_of(rows))

    @property
    def units(self) -> int:
        return self.g.channels * (self.g.kernel[1] // self.height)

    @property
    def features(self) -> int:
        """Blocks of features."""
        return -(-self.g.features // self.tile.width)

    @property
    def rows(self) -> Rows:
        return Rows(self.g.batch, self.g.out[0], self.g.out[1])

    @property
    def row_numbers(self) -> int:
        return self.g.out[2] * self.tile.width

    @property
    def partial_numbers(self) -> int:
        """Numbers of one partial sum of one group: (feature blocks, rows, columns, features)."""
        return self.features * self.rows.count * self.row_numbers

    @property
    def workspace_bytes(self) -> int:
        return self.g.groups * self.chunks * self.partial_numbers * self.g.size

    @property
    def _plane_bytes(self) -> int:
        if self.planes is None:
            return 0
        return self.planes.bytes(self.g, self.machine, self.g.batch)

    @property
    def scratch_bytes(self) -> int:
        return self._plane_bytes + self.packed_numbers * self.g.size

    @property
    def packed_numbers(self) -> int:
        """Numbers of the packed taps of a unit and one block of features."""
        return self.g.kernel[0] * self.height * self.g.kernel[2] * self.tile.width

    @property
    def _skips(self) -> bool:
        """Whether leaving out rows of padding is worth looking for what is not finite."""
        padding = self.g.reach(1, self.g.out[1]) - self.g.x_extent[1]
        saved = padding * self.rows.count * self.g.out[2]
        return (
            skips_rows(self.g)
            and self.g.spread[1] == 1
            and saved > 4 * self.g.reach(1, self.g.out[1])
        )

    def emit(self, job: Job) -> list[Kernel]:
        return [
            self._compute(job),
            self._finish(job),
        ]

    def _compute(self, job: Job) -> Kernel:
        g, tile, rows, machine = self.g, self.tile, self.rows, self.machine
        f = kernel_function(job.module, job.name)
        source, scratch = Source.of(g, self.planes), f.params[3]
        base, weights, partials = job.x(f), job.w(f), job.workspace(f)
        packed = scratch.offset(self._plane_bytes)
        turns = g.kernel[1] // self.height
        spans = (
            dense([(g.batch, g.x_batch), *zip(g.x_extent, g.x_step, strict=True)]),
            dense([(g.features, g.w_feature), *zip(g.kernel, g.w_step, strict=True)]),
        )
        if self.planes is not None:
            zero_fill(f, machine, scratch, g.scalar, self.planes.image * g.batch)
        with f.loop(f.params[1], f.params[2]) as task:
            group, chunk = divided(task.index, self.chunks), remainder(task.index, self.chunks)
            sums = partials.offset(task.index * self.partial_numbers, g.scalar)
            zero_fill(f, machine, sums, g.scalar, self.partial_numbers)
            start = divided(chunk * self.units, self.chunks)
            stop = divided((chunk + 1) * self.units, self.chunks)
            with f.loop(start, stop) as unit:
                c, top = divided(unit.index, turns), remainder(unit.index, turns) * self.height
                if self.planes is not None:
                    pad_planes(
                        f,
                        g,
                        machine,
                        self.planes,
                        scratch,
                        base,
                        group,
                        (f.i64(0), g.batch),
                        (c, 1),
                        0 if turns == 1 else top * g.dilation[1],
                        job.read_x,
                    )
                    origin = scratch
                else:
                    place = group * g.x_group + c * g.x_channel + source.corner(g)
                    place = place + top * (g.dilation[1] * source.step[1])
                    origin = base.offset(place, g.scalar)
                ahead = []
                if self.height == g.kernel[1] and job.read_x is None:
                    later = least(c + 1, g.channels - 1)
                    ahead = [
                        (base.offset(group * g.x_group + later * g.x_channel, g.scalar), spans[0]),
                        (
                            weights.offset(group * g.w_group + later * g.w_channel, g.scalar),
                            spans[1],
                        ),
                    ]
                place = group * g.w_group + c * g.w_channel + top * g.w_step[1]
                taps = weights.offset(place, g.scalar)
                with f.loop(0, self.features) as fb:
                    pack_kernel(
                        f,
                        g,
                        machine,
                        packed,
                        taps,
                        fb.index * tile.width,
                        tile.width,
                        kernel_taps(g, 1, self.height),
                    )
                    flag = None
                    if self._skips:
                        count = self.packed_numbers
                        flag = any_not_finite(f, machine, packed, g.scalar, count)
                    with f.loop(0, rows.count, tile.rows) as row:
                        tiles = -(-rows.count // tile.rows)
                        turn = fb.index * tiles + divided(row.index, tile.rows)
                        for memory, span in ahead:
                            if span:
                                prefetch(f, memory, span * g.size, turn, tiles * self.features)
                        starts, targets, heights = [], [], []
                        for i in range(tile.rows):
                            number = least(row.index + i, rows.count - 1)
                            n, z, y = rows.split(number)
                            place = n * source.image + z * (g.stride[0] * source.step[0])
                            place = place + y * (g.stride[1] * source.step[1])
                            starts.append(origin.offset(place, g.scalar))
                            heights.append(y)
                            place = (fb.index * rows.count + number) * self.row_numbers
                            targets.append(sums.offset(place, g.scalar))
                        window = None
                        if flag is not None:
                            window = row_window(g, heights, top, self.height, flag)
                        tile_row(
                            f,
                            g,
                            machine,
                            tile,
                            starts,
                            source,
                            packed,
                            source.taps(g, 1, self.height),
                            targets,
                            window,
                            flag,
                            accumulate=True,
                        )
        f.ret()
        moved = g.shape.x_numbers + g.shape.w_numbers
        return Kernel(
            f.name,
            g.groups * self.chunks,
            g.shape.flops,
            moved * g.size + self.workspace_bytes,
            self.scratch_bytes,
        )

    def _finish(self, job: Job) -> Kernel:
        g, tile, rows, machine = self.g, self.tile, self.rows, self.machine
        f = kernel_function(job.module, job.name + "_finish")
        partials, sums = job.workspace(f), f.params[3]
        type = vector(tile.lanes, g.scalar)
        with f.loop(f.params[1], f.params[2]) as task:
            part, row = divided(task.index, rows.count), remainder(task.index, rows.count)
            group, fb = divided(part, self.features), remainder(part, self.features)
            place = group * (self.chunks * self.partial_numbers)
            place = place + (fb * rows.count + row) * self.row_numbers
            first = partials.offset(place, g.scalar)
            with f.loop(0, self.row_numbers, tile.lanes) as loop:
                at = first.offset(loop.index, g.scalar)
                with f.loop(1, self.chunks, 1, [f.load(type, at)]) as chunk:
                    value = f.load(type, at.offset(chunk.index * self.partial_numbers, g.scalar))
                    chunk.carry(chunk.values[0] + value)
                f.store(chunk.results[0], sums.offset(loop.index, g.scalar))
            n, z, y = rows.split(row)
            finish_row(
                f,
                g,
                machine,
                tile.width,
                sums,
                fb * tile.width,
                lambda feature, column: g.out_index(group, n, feature, (z, y, column)),
                job.epilogue,
            )
        f.ret()
        tasks = g.groups * self.features * rows.count
        return Kernel(f.name, tasks, 0, self.workspace_bytes, self.row_numbers * g.size)
