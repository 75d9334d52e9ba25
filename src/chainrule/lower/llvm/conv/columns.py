"""Convolution with the columns of the result in the lanes: for few features, or few taps.

A tile is ``rows`` rows of the result x ``features`` x ``vectors`` vectors of columns. A vector of
the input is loaded once for all rows and features of the tile that need it. With strides the
columns of the padded input are held apart by their remainder, so that a vector is still a run of
neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.lower.llvm.conv.pack import divided, emit_pack, least, multiply_add, remainder
from chainrule.lower.llvm.conv.planes import Planes, pad_planes, zero_fill
from chainrule.lower.llvm.conv.shape import TASKS, Geometry, Job, up
from chainrule.lower.llvm.ir import Function, Value, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["Columns"]

UNROLLED = 160
"""At most so many multiplications are written out in one turn of the innermost loop."""


@dataclass(frozen=True)
class Columns:
    """How a convolution is shared out by rows.

    Attributes:
        rows, features, vectors: of the register tile.
        height: rows of a task, which takes one image of one group.
        planes: the layout of the padded input.
        whole: whether all taps of a channel are written out; else the turns of a loop are taps.
    """

    g: Geometry
    machine: Machine
    rows: int
    features: int
    vectors: int
    height: int
    planes: Planes
    whole: bool

    @staticmethod
    def of(g: Geometry, machine: Machine) -> Columns:
        """Choose the tile, and as many rows for a task as the cache and the threads allow."""
        depth, height, columns = g.out
        lanes = machine.lanes(g.scalar)
        pieces = -(-columns // lanes)
        vectors = min((3, 2, 1), key=lambda v: (-(-pieces // v) * v, -v))
        taps = g.kernel[1] * g.kernel[2]
        room = (machine.registers - 4) // vectors
        features = min(g.features, 8, room)
        features = -(-g.features // -(-g.features // features))
        whole = taps * features * vectors <= UNROLLED
        rows = 1
        if whole and features * taps <= room * vectors // 2:  # the taps stay in registers
            rows = min(height, (room - features * taps // vectors) // features, 8)
            rows = max(1, min(rows, UNROLLED // (taps * features * vectors)))
        blocks = max(1, min(height, -(-TASKS // max(1, g.batch * g.groups))))
        block = up(-(-height // blocks), rows)

        def planes_of(block: int) -> Planes:
            width = up(columns, vectors * lanes) * g.stride[2] + g.kernel[2] * g.dilation[2]
            extent = (g.reach(0, depth), g.reach(1, block), width)
            return Planes.of(g, extent, g.channels, g.stride[2], lanes)

        while block > rows and planes_of(block).image * g.size > machine.l2 // 2:
            block = up(block // 2, rows)
        return Columns(g, machine, rows, features, vectors, block, planes_of(block), whole)

    @property
    def lanes(self) -> int:
        return self.machine.lanes(self.g.scalar)

    @property
    def blocks(self) -> int:
        """Blocks of features."""
        return -(-self.g.features // self.features)

    @property
    def kernel_numbers(self) -> int:
        """Numbers of one packed block of features."""
        return self.g.taps * self.features

    @property
    def workspace_bytes(self) -> int:
        return self.g.groups * self.blocks * self.kernel_numbers * self.g.size

    @property
    def _plane_bytes(self) -> int:
        return self.planes.bytes(self.g, self.machine, 1)

    @property
    def scratch_bytes(self) -> int:
        sums = self.rows * self.features * self.vectors * self.machine.vector_bytes
        return self._plane_bytes + sums

    def emit(self, job: Job) -> list[Kernel]:
        return [
            emit_pack(job, self.g, self.machine, self.features),
            self._compute(job),
        ]

    def _compute(self, job: Job) -> Kernel:
        g, machine, planes = self.g, self.machine, self.planes
        f = kernel_function(job.module, job.name)
        depth, height, columns = g.out
        blocks = -(-height // self.height)
        base, packed, scratch = job.x(f), job.workspace(f), f.params[3]
        sums = scratch.offset(self._plane_bytes)
        width = self.vectors * self.lanes
        zero_fill(f, machine, scratch, g.scalar, planes.image)
        with f.loop(f.params[1], f.params[2]) as task:
            part = divided(task.index, blocks)
            y0 = remainder(task.index, blocks) * self.height
            group, n = remainder(part, g.groups), divided(part, g.groups)
            pad_planes(
                f,
                g,
                machine,
                planes,
                scratch,
                base,
                group,
                (n, 1),
                (f.i64(0), g.channels),
                0 if blocks == 1 else y0 * g.stride[1],
                job.read_x,
            )
            stop = least(f.i64(height) - y0, self.height)
            with (
                f.loop(0, self.blocks) as fb,
                f.loop(0, depth) as z,
                f.loop(0, stop, self.rows) as y,
                f.loop(0, columns, width) as column,
            ):
                place = z.index * (g.stride[0] * planes.plane) + column.index
                place = place + y.index * (g.stride[1] * planes.row)
                number = (group * self.blocks + fb.index) * self.kernel_numbers
                values = self._sums(
                    f, scratch.offset(place, g.scalar), packed.offset(number, g.scalar)
                )
                for i, value in enumerate(values):
                    f.store(value, sums.offset(i * self.lanes, g.scalar), machine.vector_bytes)
                rows = least(stop - y.index, self.rows)
                count = least(f.i64(g.features) - fb.index * self.features, self.features)
                with f.loop(0, rows) as r, f.loop(0, count) as one:
                    row = sums.offset((r.index * self.features + one.index) * width, g.scalar)
                    spatial = (z.index, y0 + y.index + r.index)
                    feature = fb.index * self.features + one.index

                    def hand_over(at: Value, count: int, mask: Value | None) -> None:
                        value = f.load(
                            vector(count, g.scalar), row.offset(at - column.index, g.scalar)
                        )
                        job.epilogue(f, g.out_index(group, n, feature, (*spatial, at)), value, mask)

                    self._columns(f, column.index, hand_over)
        f.ret()
        tasks = g.batch * g.groups * blocks
        moved = g.shape.x_numbers + g.batch * g.groups * g.features * g.places
        return Kernel(f.name, tasks, g.shape.flops, moved * g.size, self.scratch_bytes)

    def _columns(
        self, f: Function, first: Value, hand_over: Callable[[Value, int, Value | None], None]
    ) -> None:
        """The vectors of a tile from column ``first`` on, as far as there are columns."""
        columns, lanes = self.g.out[2], self.lanes
        full = columns // lanes * lanes
        end = first + self.vectors * lanes
        with f.loop(first, least(end, full), lanes) as loop:
            hand_over(loop.index, lanes, None)
        if full == columns:
            return
        with f.when(end.gt(full)):
            if self.machine.masks:
                hand_over(f.i64(full), lanes, f.mask(lanes, columns - full))
            else:
                with f.loop(full, columns) as loop:
                    hand_over(loop.index, 0, None)

    def _sums(self, f: Function, x: Value, kernel: Value) -> list[Value]:
        """The sums of a tile, in order of rows, features, vectors."""
        g, planes = self.g, self.planes
        (depth, height, columns), (stride, dilation) = g.kernel, (g.stride, g.dilation)
        type = vector(self.lanes, g.scalar)

        def tap(
            values: list[Value],
            x: Value,
            kernel: Value,
            pairs: Sequence[tuple[int, int]],
        ) -> None:
            """One vector of the input times the taps that (row, offset in the kernel) name."""
            for v in range(self.vectors):
                many = f.load(type, x.offset(v * self.lanes, g.scalar))
                for row, number in pairs:
                    for i in range(self.features):
                        one = f.load(g.scalar, kernel.offset(number + i, g.scalar))
                        at = (row * self.features + i) * self.vectors + v
                        values[at] = multiply_add(
                            f, self.machine, one.splat(self.lanes), many, values[at]
                        )

        def plane(x: Value, kernel: Value, values: Sequence[Value]) -> list[Value]:
            """The taps of one plane."""
            result = list(values)
            if self.whole:
                for dy in range((self.rows - 1) * stride[1] + (height - 1) * dilation[1] + 1):
                    rows = [
                        (r, ky)
                        for r in range(self.rows)
                        for ky in range(height)
                        if r * stride[1] + ky * dilation[1] == dy
                    ]
                    for kx in range(columns if rows else 0):
                        pairs = [(r, (ky * columns + kx) * self.features) for r, ky in rows]
                        place = dy * planes.row + planes.column(kx * dilation[2])
                        tap(result, x.offset(place, g.scalar), kernel, pairs)
                return result
            with f.loop(0, height, 1, result) as outer:
                with f.loop(0, columns, 1, outer.values) as inner:
                    at = inner.index * dilation[2]
                    column = remainder(at, stride[2]) * planes.phase + divided(at, stride[2])
                    start = x.offset(column + outer.index * (dilation[1] * planes.row), g.scalar)
                    number = (outer.index * columns + inner.index) * self.features
                    current = list(inner.values)
                    tap(current, start, kernel.offset(number, g.scalar), [(0, 0)])
                    inner.carry(*current)
                outer.carry(*inner.results)
            return outer.results

        count = self.rows * self.features * self.vectors
        zeros = [f.constant(type, 0)] * count
        step = depth * height * columns * self.features
        with f.loop(0, g.channels, 1, zeros) as c:
            at, taps = c.index * planes.channel, c.index * step
            with f.loop(0, depth, 1, c.values) as z:
                place = at + z.index * (dilation[0] * planes.plane)
                number = taps + z.index * (step // depth)
                z.carry(
                    *plane(x.offset(place, g.scalar), kernel.offset(number, g.scalar), z.values)
                )
            c.carry(*z.results)
        return c.results
