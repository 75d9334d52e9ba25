"""How a matrix product is cut: register tile, packing, cache blocks, tasks.

A plan depends on the shape and the processor only, never on the number of threads, so that the
order of every sum is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from chainrule.lower.llvm.machine import Machine

__all__ = ["GemmShape", "Plan", "plan", "size_of"]

ALIGN = 64
DIRECT_FINISH = 64  # up to this k the epilogue works on registers, beyond on a buffer
TASK_FLOPS = 1 << 20  # a task is not cut below this: about six microseconds
TASKS = 16  # enough to share evenly among two to eight threads
CHUNK = 256  # rows of k that one packing task handles
DOT_ROWS = 4  # up to this many rows a transposed B is read in place, by dot products


@dataclass(frozen=True)
class GemmShape:
    """C[b,m,n] = Σ_k A[b,m,k]·B[b,k,n].

    Attributes:
        scalar: "float" or "double".
        a: strides of A along (batch, m, k), in elements; 0 broadcasts, any sign.
        b: strides of B along (batch, k, n).
    """

    scalar: str
    batch: int
    m: int
    n: int
    k: int
    a: tuple[int, int, int]
    b: tuple[int, int, int]

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
        dot: whether lanes run along k (few rows, transposed B).
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


def size_of(scalar: str) -> int:
    """Bytes of an element."""
    return {"float": 4, "double": 8}[scalar]


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def _tile_cost(rows: int, vectors: int) -> int:
    # cycles of one step of k, with one multiply-add and one load a cycle and a latency of eight
    # half-cycles to cover
    return max(rows * vectors, rows + vectors, 4)


def _choose_tile(m: int, n: int, lanes: int, machine: Machine, power: bool) -> tuple[int, int]:
    """Rows and vectors of the register tile: the least time, then the least code."""
    needed = ceil_div(n, lanes)
    spare = 1 if machine.fma else 2
    most = 8 if machine.registers >= 32 else 6
    best: tuple[float, int, int, int] | None = None
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
            # a wasted percent is worth less than a squarer tile, which loads less
            score = (time * (1 + 0.1 * (rows + vectors) / (rows * vectors)), bool(rest))
            found = (score[0], int(score[1]), rows, vectors)
            if best is None or found < best:
                best = found
    assert best is not None
    return best[2], best[3]


@cache
def plan(shape: GemmShape, machine: Machine, read_a: bool, read_b: bool) -> Plan:
    """Decide; ``read_a`` and ``read_b`` say whether the operands come through callbacks."""
    size = size_of(shape.scalar)
    lanes = machine.lanes(shape.scalar)
    m, n, k = shape.m, shape.n, shape.k
    axis_a = "k" if shape.a[2] == 1 else "m" if shape.a[1] == 1 else ""
    axis_b = "n" if shape.b[2] == 1 else "k" if shape.b[1] == 1 else ""
    dot = m <= DOT_ROWS and axis_b == "k" and axis_a == "k" and k > 0 and not (read_a or read_b)
    pack_a = _pack_a(shape, machine, axis_a, read_a)
    rows, vectors = _choose_tile(m, n, lanes, machine, pack_a == "tiles")
    tiles, panels = ceil_div(m, rows), ceil_div(n, vectors * lanes)
    width = vectors * lanes
    block_tiles, block_panels = _blocks(shape, rows, width)
    single = block_tiles >= tiles and block_panels >= panels
    pack_b = ""
    if read_b or _pays_b(shape, machine, axis_b):
        packed = k * panels * width * size
        pack_b = "local" if single and shape.b[0] and packed <= machine.l2 // 4 else "shared"
        if shape.batch == 1 and single:
            pack_b = "local" if packed <= machine.l2 // 4 else "shared"
    block_k = _block_k(shape, machine, block_tiles * rows, block_panels * width)
    leading = ceil_div(k, lanes) * lanes
    if leading * size % 1024 == 0:  # rows of a tile would fall on the same sets of the cache
        leading += lanes
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
        k <= DIRECT_FINISH and block_k >= k,
        dot,
        tiles,
        panels,
    )


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
