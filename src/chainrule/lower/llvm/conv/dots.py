"""Convolution with the columns of the kernel in the lanes: the result is dot products.

For the gradient of weights with few features in a group, such as that of a depthwise convolution: a
large kernel, a small result. A tile is the result of one feature on one plane; a vector of the
kernel is loaded once for all of it. A task takes some channels and leaves partial sums, still in
lanes, which a second kernel adds in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.lower.llvm.conv.pack import divided, multiply_add, remainder
from chainrule.lower.llvm.conv.planes import Planes, pad_planes, zero_fill
from chainrule.lower.llvm.conv.shape import TASKS, Geometry, Job
from chainrule.lower.llvm.ir import Function, Value, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["Dots"]


@dataclass(frozen=True)
class Dots:
    """How a convolution is shared out over its channels.

    Attributes:
        chunks: so many partial sums are made for each group.
        planes: the layout of the padded input of one channel.
    """

    g: Geometry
    machine: Machine
    chunks: int
    planes: Planes

    @staticmethod
    def of(g: Geometry, machine: Machine) -> Dots | None:
        """The plan, or None where this way does not fit."""
        lanes = machine.lanes(g.scalar)
        sums, columns = g.out[1] * g.out[2], g.kernel[2]
        fits = g.w_step[2] == 1 and columns >= lanes // 2 and g.features < lanes // 2
        if not fits or sums > machine.registers - 4 or (columns % lanes and not machine.masks):
            return None
        extent = (g.reach(0, g.out[0]), g.reach(1, g.out[1]), g.reach(2, g.out[2]))
        planes = Planes.of(g, extent, 1, g.dilation[2], lanes)
        return Dots(g, machine, min(g.channels, -(-TASKS // g.groups)), planes)

    @property
    def lanes(self) -> int:
        return self.machine.lanes(self.g.scalar)

    @property
    def partial_numbers(self) -> int:
        """Numbers of one partial sum of one group: (images, features, places, lanes)."""
        return self.g.batch * self.g.features * self.g.places * self.lanes

    @property
    def workspace_bytes(self) -> int:
        return self.g.groups * self.chunks * self.partial_numbers * self.g.size

    @property
    def scratch_bytes(self) -> int:
        return self.planes.bytes(self.g, self.machine, self.g.batch)

    def emit(self, job: Job) -> list[Kernel]:
        return [
            self._compute(job),
            self._finish(job),
        ]

    def _compute(self, job: Job) -> Kernel:
        g, machine, planes = self.g, self.machine, self.planes
        f = kernel_function(job.module, job.name)
        base, weights, partials, scratch = job.x(f), job.w(f), job.workspace(f), f.params[3]
        zero_fill(f, machine, scratch, g.scalar, planes.image * g.batch)
        with f.loop(f.params[1], f.params[2]) as task:
            group, chunk = divided(task.index, self.chunks), remainder(task.index, self.chunks)
            sums = partials.offset(task.index * self.partial_numbers, g.scalar)
            zero_fill(f, machine, sums, g.scalar, self.partial_numbers)
            start = divided(chunk * g.channels, self.chunks)
            stop = divided((chunk + 1) * g.channels, self.chunks)
            with f.loop(start, stop) as c:
                images, channels = (f.i64(0), g.batch), (c.index, 1)
                pad_planes(
                    f, g, machine, planes, scratch, base, group, images, channels, 0, job.read_x
                )
                with (
                    f.loop(0, g.batch) as n,
                    f.loop(0, g.features) as feature,
                    f.loop(0, g.out[0]) as z,
                ):
                    place = n.index * planes.image + z.index * (g.stride[0] * planes.plane)
                    source = scratch.offset(place, g.scalar)
                    place = group * g.w_group + c.index * g.w_channel
                    place = place + feature.index * g.w_feature
                    taps = weights.offset(place, g.scalar)
                    place = (n.index * g.features + feature.index) * g.out[0] + z.index
                    count = g.out[1] * g.out[2] * self.lanes
                    self._tile(f, source, taps, sums.offset(place * count, g.scalar))
        f.ret()
        moved = g.shape.x_numbers + g.shape.w_numbers
        return Kernel(
            f.name,
            g.groups * self.chunks,
            g.shape.flops,
            moved * g.size + self.workspace_bytes,
            self.scratch_bytes,
        )

    def _tile(self, f: Function, source: Value, taps: Value, sums: Value) -> None:
        """Add to the sums of one plane of the result."""
        g, planes, lanes = self.g, self.planes, self.lanes
        type = vector(lanes, g.scalar)
        places = [
            y * g.stride[1] * planes.row + planes.column(x * g.stride[2])
            for y in range(g.out[1])
            for x in range(g.out[2])
        ]

        def step(x: Value, w: Value, values: list[Value], mask: Value | None) -> list[Value]:
            def load(at: Value) -> Value:
                return f.load(type, at) if mask is None else f.masked_load(type, at, mask)

            many = load(w)
            return [
                multiply_add(f, self.machine, load(x.offset(place, g.scalar)), many, value)
                for place, value in zip(places, values, strict=True)
            ]

        values = [f.load(type, sums.offset(i * lanes, g.scalar)) for i in range(len(places))]
        full = g.kernel[2] // lanes * lanes
        with f.loop(0, g.kernel[0], 1, values) as z:
            with f.loop(0, g.kernel[1], 1, z.values) as y:
                place = z.index * (g.dilation[0] * planes.plane)
                x = source.offset(place + y.index * (g.dilation[1] * planes.row), g.scalar)
                place = z.index * g.w_step[0] + y.index * g.w_step[1]
                w = taps.offset(place, g.scalar)
                with f.loop(0, full, lanes, y.values) as part:
                    at, tap = (p.offset(part.index, g.scalar) for p in (x, w))
                    part.carry(*step(at, tap, part.values, None))
                current = part.results
                rest = g.kernel[2] - full
                if rest:
                    at, tap = (p.offset(full, g.scalar) for p in (x, w))
                    current = step(at, tap, current, f.mask(lanes, rest))
                y.carry(*current)
            z.carry(*y.results)
        for i, value in enumerate(z.results):
            f.store(value, sums.offset(i * lanes, g.scalar))

    def _finish(self, job: Job) -> Kernel:
        g, f, lanes = self.g, kernel_function(job.module, job.name + "_finish"), self.lanes
        depth, height, columns = g.out
        partials, type = job.workspace(f), vector(lanes, g.scalar)
        with f.loop(f.params[1], f.params[2]) as task:
            group, n = divided(task.index, g.batch), remainder(task.index, g.batch)
            first = partials.offset(group * (self.chunks * self.partial_numbers), g.scalar)
            with (
                f.loop(0, g.features) as feature,
                f.loop(0, depth) as z,
                f.loop(0, height) as y,
                f.loop(0, columns) as column,
            ):
                place = (n * g.features + feature.index) * depth + z.index
                place = (place * height + y.index) * columns + column.index
                at = first.offset(place * lanes, g.scalar)
                with f.loop(1, self.chunks, 1, [f.load(type, at)]) as chunk:
                    value = f.load(type, at.offset(chunk.index * self.partial_numbers, g.scalar))
                    chunk.carry(chunk.values[0] + value)
                total, width = chunk.results[0], lanes
                while width > 1:
                    width //= 2
                    low, high = range(width), range(width, 2 * width)
                    total = total.shuffle(low) + total.shuffle(high)
                index = g.out_index(group, n, feature.index, (z.index, y.index, column.index))
                job.epilogue(f, index, total.lane(0), None)
        f.ret()
        return Kernel(f.name, g.groups * g.batch, 0, self.workspace_bytes)
