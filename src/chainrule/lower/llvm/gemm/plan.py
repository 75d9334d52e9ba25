"""How a matrix product is cut: register tile, packing, cache blocks, tasks.

A plan depends on the shape and the processor only, never on the number of threads, so that the
order of every sum is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.machine import Machine

__all__ = ["GemmShape", "Plan", "ceil_div", "lanes_of", "parts_of_k", "plan", "size_of"]

ALIGN = 64
DIRECT_FINISH = 64  # up to this k the epilogue works on registers, beyond on a buffer
TASK_FLOPS = 1 << 18  # a task is not cut below this: about two microseconds
TASKS = 16  # enough to share evenly among two to eight threads
TASK_BYTES = 1 << 17  # of B, in a task that reads it once
STREAM_BYTES = 16384  # of each row of B in such a task,
STREAM_ROWS = 8  # and how many rows are read side by side
PART_LENGTH = 256  # of k, at least, where k is cut for the sake of more tasks
CHUNK = 256  # rows of k that one packing task handles
HALVED = 7 / 8  # the share of the columns computed from which on vectors of half the width pay
DOT_ROWS = 4  # up to this many rows a transposed B is read in place, by dot products


@dataclass(frozen=True)
class Steps:
    """The stride along a batch axis that stands for several, of these extents and strides.

    >>> Steps(((2, 100), (3, 7)))
    Steps(axes=((2, 100), (3, 7)))
    """

    axes: tuple[tuple[int, int], ...]

    def __bool__(self) -> bool:
        return any(stride for _, stride in self.axes)


def stepped(index: Value, stride: int | Steps) -> Value:
    """How far ``index`` steps of this stride lead, in elements."""
    if isinstance(stride, int):
        return index * stride
    f = index.f
    total: Value | None = None
    for extent, step in reversed(stride.axes):
        digit = f.emit("i64", f"urem i64 {index.text}, {extent}")
        index = f.emit("i64", f"udiv i64 {index.text}, {extent}")
        if step:
            total = digit * step if total is None else total + digit * step
    return f.i64(0) if total is None else total


@dataclass(frozen=True)
class GemmShape:
    """C[b,m,n] = Σ_k A[b,m,k]·B[b,k,n].

    Attributes:
        scalar: "float" or "double".
        a: strides of A along (batch, m, k), in elements; 0 broadcasts, any sign. The batch may
            stand for several axes, see `Steps`.
        b: strides of B along (batch, k, n).
    """

    scalar: str
    batch: int
    m: int
    n: int
    k: int
    a: tuple[int | Steps, int, int]
    b: tuple[int | Steps, int, int]

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.m * self.n * self.k

    @property
    def bytes(self) -> int:
        """Of the operands, each distinct element once, and of the result."""
        batches_a = self.batch if self.a[0] else 1
        batches_b = self.batch if self.b[0] else 1
        elements = (
            batches_a * self.m * self.k + batches_b * self.k * self.n + self.batch * self.m * self.n
        )
        return elements * size_of(self.scalar)


@dataclass(frozen=True)
class Plan:
    """The decisions.

    Attributes:
        lanes: of a vector.
        rows, vectors: of the register tile.
        pack_a: "" reads A in place; "rows" copies it to unit stride along k; "tiles" to [k][rows]
            for each tile of rows.
        pack_b: "" reads B in place; "shared" packs panels [k][vectors · lanes] into the workspace,
            "local" into the memory of the thread, at the start of a task.
        axis_a, axis_b: along which packing reads vectors: "m" or "k", "k" or "n"; "" where no
            stride is 1 and elements are read one by one.
        leading: the row stride of a copy of A by rows.
        block_k: k of one cache block.
        block_tiles, block_panels: row tiles and panels of one task.
        direct: whether the epilogue is unrolled over the registers of the tile.
        dot: whether lanes run along k (few rows, transposed B); a panel is then one vector.
        tiles, panels: how many there are in C.
    """

    lanes: int
    rows: int
    vectors: int
    pack_a: str
    pack_b: str
    axis_a: str
    axis_b: str
    leading: int
    block_k: int
    block_tiles: int
    block_panels: int
    direct: bool
    dot: bool
    tiles: int
    panels: int

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.vectors * self.lanes

    def tasks(self, shape: GemmShape) -> int:
        """Of the kernel that computes."""
        blocks = ceil_div(self.tiles, self.block_tiles) * ceil_div(self.panels, self.block_panels)
        return shape.batch * blocks


def size_of(scalar: str) -> int:
    """Bytes of an element."""
    return {"float": 4, "double": 8}[scalar]


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def lanes_of(shape: GemmShape, machine: Machine) -> int:
    """Lanes along the columns: half of a register's where that costs no time and computes fewer
    columns that do not exist."""
    lanes = machine.lanes(shape.scalar)
    if not machine.halves or shape.m <= DOT_ROWS:
        return lanes
    half = lanes // 2
    whole, halved = ceil_div(shape.n, lanes) * lanes, ceil_div(shape.n, half) * half
    return half if halved <= HALVED * whole else lanes


def _tile_cost(rows: int, vectors: int) -> int:
    # cycles of one step of k, with one multiply-add and one load a cycle and a latency of eight
    # half-cycles to cover
    return max(rows * vectors, rows + vectors, 4)


def _choose_tile(m: int, n: int, lanes: int, machine: Machine, power: bool) -> tuple[int, int]:
    """Rows and vectors of the register tile."""
    needed = ceil_div(n, lanes)
    spare = 1 if machine.fma else 2
    most = 8 if machine.registers >= 32 else 6
    best: tuple[float, int, int] | None = None
    for vectors in range(1, 9):
        for limit in range(1, most + 1):
            if vectors > 4 and limit > 2:
                continue
            rows = ceil_div(m, ceil_div(m, limit))
            if power:
                rows = 1 << (limit.bit_length() - 1)
            if rows * vectors + vectors + spare > machine.registers:
                continue
            full, rest = divmod(m, rows)
            steps = full * _tile_cost(rows, vectors) + (_tile_cost(rest, vectors) if rest else 0)
            time = steps * ceil_div(needed, vectors)
            # loads count a little, those of B more since they come from the second-level cache;
            # a shorter last tile is further code
            loads = (rows + 2 * vectors) / (rows * vectors)
            score = time * (1 + 0.1 * loads) * (1.02 if rest else 1)
            found = (score, -rows, vectors)
            if best is None or found < best:
                best = found
    assert best is not None
    return -best[1], best[2]


@cache
def plan(shape: GemmShape, machine: Machine, read_a: bool, read_b: bool) -> Plan:
    """Decide; ``read_a`` and ``read_b`` say whether the operands come through callbacks."""
    size, lanes = size_of(shape.scalar), lanes_of(shape, machine)
    m, n, k = shape.m, shape.n, shape.k
    axis_a = "k" if shape.a[2] == 1 else "m" if shape.a[1] == 1 else ""
    axis_b = "n" if shape.b[2] == 1 else "k" if shape.b[1] == 1 else ""
    leading = ceil_div(k, lanes) * lanes
    if leading * size % 1024 == 0:  # rows of a tile would fall on the same sets of the cache
        leading += lanes
    if m <= DOT_ROWS and axis_a == axis_b == "k" and not (read_a or read_b):
        panels = ceil_div(n, lanes)
        group = min(panels, max(1, TASK_BYTES // (lanes * max(k, 1) * size)))
        return Plan(lanes, 1, 1, "", "", "k", "k", leading, k, 1, group, False, True, 1, panels)
    pack_a = _pack_a(shape, machine, axis_a, read_a)
    packs_b = read_b or _pays_b(shape, machine, axis_b)
    rows, vectors = _choose_tile(m, n, lanes, machine, pack_a == "tiles")
    width = vectors * lanes
    tiles, panels = ceil_div(m, rows), ceil_div(n, width)
    if m <= DOT_ROWS and panels > 1 and not packs_b:
        # long rows of B, a few at once, are read faster than long narrow panels
        block_tiles, block_panels = tiles, min(panels, ceil_div(STREAM_BYTES, width * size))
        block_k = min(k, STREAM_ROWS)
    else:
        block_tiles, block_panels = _blocks(shape, rows, width)
        block_k = _block_k(shape, machine, block_tiles * rows, block_panels * width)
    pack_b = ""
    if packs_b:
        alone = block_tiles >= tiles and block_panels >= panels and (shape.b[0] or shape.batch == 1)
        small = k * panels * width * size <= machine.l2 // 4
        pack_b = "local" if alone and small else "shared"
    direct = k <= DIRECT_FINISH and block_k >= k
    return Plan(
        lanes,
        rows,
        vectors,
        pack_a,
        pack_b,
        axis_a,
        axis_b,
        leading,
        block_k,
        block_tiles,
        block_panels,
        direct,
        False,
        tiles,
        panels,
    )


def parts_of_k(shape: GemmShape, machine: Machine, read_a: bool, read_b: bool) -> int:
    """Into how many parts k is cut because there would be too few tasks: 1 is not at all."""
    if shape.batch > 1 or shape.k < 2 * PART_LENGTH:
        return 1
    tasks = plan(shape, machine, read_a, read_b).tasks(shape)
    if tasks >= TASKS // 2 or max(shape.flops, 8 * shape.bytes) < 4 * TASK_FLOPS:
        return 1
    parts = min(ceil_div(TASKS // 2, tasks), shape.k // PART_LENGTH)
    # writing and reading the sums must stay cheap beside reading the operands
    worth = 8 * parts * shape.m * shape.n <= (shape.m + shape.n) * shape.k
    return parts if worth else 1


def _pack_a(shape: GemmShape, machine: Machine, axis: str, read: bool) -> str:
    size = size_of(shape.scalar)
    layout = "tiles" if axis == "m" else "rows"
    if read:
        return layout
    _, along_m, along_k = shape.a
    reused = shape.n > 4 * machine.lanes(shape.scalar)
    if shape.m * shape.k * size <= machine.l1 // 2 or not reused or shape.m <= DOT_ROWS:
        return ""
    if along_k == 1:
        return layout if along_m * size % 4096 == 0 and along_m else ""
    return layout if abs(along_k) * size > 64 else ""


def _pays_b(shape: GemmShape, machine: Machine, axis: str) -> bool:
    if axis != "n":
        return True
    size = size_of(shape.scalar)
    return shape.m >= 32 and shape.k * shape.n * size > machine.l1 // 2


def _blocks(shape: GemmShape, rows: int, width: int) -> tuple[int, int]:
    """Row tiles and panels of a task."""
    tiles, panels = ceil_div(shape.m, rows), ceil_div(shape.n, width)
    block_tiles = min(tiles, max(1, 64 // rows))
    block_panels = min(panels, max(1, 128 // width))

    def tasks() -> int:
        return shape.batch * ceil_div(tiles, block_tiles) * ceil_div(panels, block_panels)

    while tasks() < TASKS and block_tiles * block_panels > 1:
        if 2 * block_tiles * rows * block_panels * width * shape.k < 2 * TASK_FLOPS:
            break
        if block_panels * width >= block_tiles * rows and block_panels > 1:
            block_panels = ceil_div(block_panels, 2)
        else:
            block_tiles = ceil_div(block_tiles, 2)
    return block_tiles, block_panels


def _block_k(shape: GemmShape, machine: Machine, rows: int, columns: int) -> int:
    size = size_of(shape.scalar)
    most = max(256, int(0.6 * machine.l2) // ((rows + columns) * size))
    if shape.k <= most * 3 // 2:
        return max(shape.k, 1)
    return ceil_div(ceil_div(shape.k, ceil_div(shape.k, most)), 16) * 16
