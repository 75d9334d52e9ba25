"""Convolution with features in the lanes.

Two ways to share out the work. `Forward`: over the result; a task takes some images or rows and all
features, with a kernel that was packed once. `Split`: over the sum, for results smaller than the
kernel, such as the gradient of weights; a task takes some channels, packs what they need and leaves
partial sums, which a second kernel adds in a fixed order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.lower.llvm.conv_pack import (
    any_not_finite,
    dense,
    divided,
    least,
    most,
    pack_kernel,
    prefetch,
    remainder,
)
from chainrule.lower.llvm.conv_planes import Planes, pad_planes, zero_fill
from chainrule.lower.llvm.conv_shape import (
    TASKS,
    Epilogue,
    Geometry,
    Place,
    Reader,
    Triple,
    up,
)
from chainrule.lower.llvm.conv_tile import Span, Tile, choose_tile, finish_row, tile_sums
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["Forward", "Split"]

PARTIAL_BYTES = 8 << 20
"""At most so much memory for partial sums."""


@dataclass(frozen=True)
class _Rows:
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
class _Source:
    """Distances in the input that tiles read: x itself or padded planes."""

    image: int
    channel: int
    step: Triple

    @staticmethod
    def of(g: Geometry, planes: Planes | None) -> _Source:
        if planes is None:
            return _Source(g.x_batch, g.x_channel, g.x_step)
        return _Source(planes.image, planes.channel, (planes.plane, planes.row, 1))

    def taps(self, g: Geometry, channels: int, height: int) -> list[tuple[int, int]]:
        dz, dy, dx = (d * s for d, s in zip(g.dilation, self.step, strict=True))
        return [(channels, self.channel), (g.kernel[0], dz), (height, dy), (g.kernel[2], dx)]

    def corner(self, g: Geometry) -> int:
        """Where in x the first tap of the first output is, if nothing is padded."""
        return -sum(lo * s for lo, s in zip(g.low, self.step, strict=True))


def _kernel_taps(g: Geometry, channels: int, height: int) -> list[tuple[int, int]]:
    z, y, x = g.w_step
    return [(channels, g.w_channel), (g.kernel[0], z), (height, y), (g.kernel[2], x)]


def _tile_row(
    f: Function,
    g: Geometry,
    machine: Machine,
    tile: Tile,
    starts: Sequence[Value],
    source: _Source,
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
    sorts = 1 if accumulate else _sorts(g)
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
        sums = tile_sums(
            f, machine, tile, scalar, rows, pixel * sorts, kernel, taps, sums, spans
        )
        for value, place in zip(sums, places, strict=True):
            f.store(value, place)


# Where the padded input is zero by construction, products are left out: rows of padding, and the
# zeros between elements that are spread out. Zero times infinity is NaN, so this holds for finite
# kernels only; a flag, computed where the kernel is packed, says when all products are needed.


def _sorts(g: Geometry) -> int:
    """How many sorts of columns there are that need different taps."""
    spread = g.spread[2]
    return spread if g.dilation[2] == 1 and spread <= g.out[2] else 1


def _skips(g: Geometry) -> bool:
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


def _window(
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
    rows: _Rows
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
        block = _Rows(images, depth, rows)
        alike = block.count if g.spread[1] == 1 else 1  # rows that need the same taps
        tile = choose_tile(machine, g.scalar, alike, columns // _sorts(g), g.features)
        return Forward(g, machine, tile, block, None if direct else planes_of(rows))

    @property
    def features(self) -> int:
        """Blocks of features."""
        return -(-self.g.features // self.tile.width)

    @property
    def _looks(self) -> bool:
        """Whether it matters that the kernel is finite."""
        return _skips(self.g) or _sorts(self.g) > 1

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

    def emit(
        self,
        module: Module,
        name: str,
        x: Place,
        w: Place,
        workspace: Place,
        epilogue: Epilogue,
        read_x: Reader | None,
    ) -> list[Kernel]:
        return [
            self._pack(module, name + "_pack", w, workspace),
            self._compute(module, name, x, workspace, epilogue, read_x),
        ]

    def _pack(self, module: Module, name: str, w: Place, workspace: Place) -> Kernel:
        g, f = self.g, kernel_function(module, name)
        tasks = g.groups * self.features
        source, target = w(f), workspace(f)
        with f.loop(f.params[1], f.params[2]) as task:
            group, block = divided(task.index, self.features), remainder(task.index, self.features)
            packed = target.offset(task.index * self.kernel_numbers, g.scalar)
            pack_kernel(
                f,
                g,
                self.machine,
                packed,
                source.offset(group * g.w_group, g.scalar),
                block * self.tile.width,
                self.tile.width,
                _kernel_taps(g, g.channels, g.kernel[1]),
            )
            if self._looks:
                flag = any_not_finite(f, self.machine, packed, g.scalar, self.kernel_numbers)
                f.store(flag.cast("zext", "i8"), target.offset(self._flags).offset(task.index))
        f.ret()
        return Kernel(name, tasks, 0, 2 * self.workspace_bytes)

    def _compute(
        self,
        module: Module,
        name: str,
        x: Place,
        workspace: Place,
        epilogue: Epilogue,
        read_x: Reader | None,
    ) -> Kernel:
        g, f, tile, rows, machine = self.g, kernel_function(module, name), self.tile, self.rows, self.machine
        height = g.out[1]
        span = dense([(g.channels, g.x_channel), *zip(g.x_extent, g.x_step, strict=True)])
        blocks, batches = -(-height // rows.height), -(-g.batch // rows.images)
        source, scratch = _Source.of(g, self.planes), f.params[3]
        base, packed = x(f), workspace(f)
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
                    read_x,
                )
                origin = scratch
            else:
                place = group * g.x_group + n0 * g.x_batch + source.corner(g)
                origin = base.offset(place + y0 * (g.stride[1] * source.step[1]), g.scalar)
            ahead = None
            if read_x is None and blocks == rows.images == 1:
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
                    if _skips(g):
                        window = _window(g, heights, 0, g.kernel[1], flag)
                _tile_row(
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
                with f.loop(0, tile.rows) as i:
                    row = top.index + i.index
                    n, z, y = rows.split(row)
                    exists = row.lt(rows.count) & n.lt(images) & (y0 + y).lt(height)
                    with f.when(exists):
                        finish_row(
                            f,
                            g,
                            machine,
                            tile.width,
                            sums.offset(i.index * one_row, g.scalar),
                            fb.index * tile.width,
                            lambda feature, column, group=group, n=n0 + n, z=z, y=y0 + y: (
                                g.out_index(group, n, feature, (z, y, column))
                            ),
                            epilogue,
                        )
        f.ret()
        moved = g.shape.x_numbers + g.batch * g.groups * g.features * g.places
        return Kernel(
            name, batches * g.groups * blocks, g.shape.flops, moved * g.size, self.scratch_bytes
        )


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
    def rows(self) -> _Rows:
        return _Rows(self.g.batch, self.g.out[0], self.g.out[1])

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
        return _skips(self.g) and self.g.spread[1] == 1 and saved > 4 * self.g.reach(1, self.g.out[1])

    def emit(
        self,
        module: Module,
        name: str,
        x: Place,
        w: Place,
        workspace: Place,
        epilogue: Epilogue,
        read_x: Reader | None,
    ) -> list[Kernel]:
        return [
            self._compute(module, name, x, w, workspace, read_x),
            self._finish(module, name + "_finish", workspace, epilogue),
        ]

    def _compute(
        self,
        module: Module,
        name: str,
        x: Place,
        w: Place,
        workspace: Place,
        read_x: Reader | None,
    ) -> Kernel:
        g, f, tile, rows, machine = self.g, kernel_function(module, name), self.tile, self.rows, self.machine
        source, scratch = _Source.of(g, self.planes), f.params[3]
        base, weights, partials = x(f), w(f), workspace(f)
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
                        read_x,
                    )
                    origin = scratch
                else:
                    place = group * g.x_group + c * g.x_channel + source.corner(g)
                    place = place + top * (g.dilation[1] * source.step[1])
                    origin = base.offset(place, g.scalar)
                ahead = []
                if self.height == g.kernel[1] and read_x is None:
                    later = least(c + 1, g.channels - 1)
                    ahead = [
                        (base.offset(group * g.x_group + later * g.x_channel, g.scalar), spans[0]),
                        (weights.offset(group * g.w_group + later * g.w_channel, g.scalar), spans[1]),
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
                        _kernel_taps(g, 1, self.height),
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
                        window = flag and _window(g, heights, top, self.height, flag)
                        _tile_row(
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
            name,
            g.groups * self.chunks,
            g.shape.flops,
            moved * g.size + self.workspace_bytes,
            self.scratch_bytes,
        )

    def _finish(
        self, module: Module, name: str, workspace: Place, epilogue: Epilogue
    ) -> Kernel:
        g, f, tile, rows, machine = self.g, kernel_function(module, name), self.tile, self.rows, self.machine
        partials, sums = workspace(f), f.params[3]
        type = vector(tile.lanes, g.scalar)
        with f.loop(f.params[1], f.params[2]) as task:
            part, row = divided(task.index, rows.count), remainder(task.index, rows.count)
            group, fb = divided(part, self.features), remainder(part, self.features)
            place = group * (self.chunks * self.partial_numbers)
            place = place + (fb * rows.count + row) * self.row_numbers
            first = partials.offset(place, g.scalar)
            with f.loop(0, self.row_numbers, tile.lanes) as part:
                at = first.offset(part.index, g.scalar)
                zero = f.load(type, at)
                with f.loop(1, self.chunks, 1, [zero]) as chunk:
                    value = f.load(type, at.offset(chunk.index * self.partial_numbers, g.scalar))
                    chunk.carry(chunk.values[0] + value)
                f.store(chunk.results[0], sums.offset(part.index, g.scalar))
            n, z, y = rows.split(row)
            finish_row(
                f,
                g,
                machine,
                tile.width,
                sums,
                fb * tile.width,
                lambda feature, column: g.out_index(group, n, feature, (z, y, column)),
                epilogue,
            )
        f.ret()
        tasks = g.groups * self.features * rows.count
        return Kernel(name, tasks, 0, self.workspace_bytes, self.row_numbers * g.size)

