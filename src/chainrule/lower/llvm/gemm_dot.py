"""Few rows times a transposed matrix: dot products, with lanes along k and B read in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.lower.llvm.gemm_pack import minimum
from chainrule.lower.llvm.gemm_plan import GemmShape, Plan, ceil_div
from chainrule.lower.llvm.gemm_tile import Finish, multiply_add
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["emit_dot", "lane_sums"]

TASK_BYTES = 1 << 17  # of B; about ten microseconds at the bandwidth of memory


def lane_sums(vectors: Sequence[Value]) -> Value:
    """The sums of lanes of as many vectors as there are lanes: lane i of the result is that of
    vector i."""
    count = len(vectors)
    found = list(vectors)
    half = count // 2
    while half:
        # bit `half` of the lane number now selects the vector, and what it selected is summed
        low = [i if not i & half else count + i - half for i in range(count)]
        high = [i + half if not i & half else count + i for i in range(count)]
        size = len(found) // 2
        found = [
            x.shuffle(low, y) + x.shuffle(high, y)
            for x, y in zip(found[:size], found[size:], strict=True)
        ]
        half //= 2
    return found[0]


def emit_dot(
    module: Module,
    name: str,
    shape: GemmShape,
    machine: Machine,
    plan: Plan,
    a: Callable[[Function], Value],
    b: Callable[[Function], Value],
    finish: Finish,
) -> Kernel:
    """The kernel; a task is a group of columns of one batch."""
    f = kernel_function(module, name)
    _, first, last, _ = f.params
    scalar, lanes, k = shape.scalar, plan.lanes, shape.k
    type = vector(lanes, scalar)
    column = shape.b[2]
    a_base, b_base = a(f), b(f)
    vectors = ceil_div(shape.n, lanes)
    size = machine.vector_bytes // lanes
    group = min(vectors, max(1, TASK_BYTES // (lanes * k * size)))
    groups = ceil_div(vectors, group)
    sets = 2 if lanes < 8 and k >= 2 * lanes else 1

    def dots(pa: Value, pb: Value, columns: int) -> Value:
        """One row times ``columns`` columns."""
        sums = [f.constant(type, 0)] * (columns * sets)
        turn = lanes * sets
        even = k // turn * turn

        def step(sums: list[Value], at: Value | int, mask: Value | None) -> list[Value]:
            qa, qb = pa.offset(at, scalar), pb.offset(at, scalar)

            def load(pointer: Value) -> Value:
                return f.load(type, pointer) if mask is None else f.masked_load(type, pointer, mask)

            x = load(qa)
            return [
                multiply_add(f, machine.fma, x, load(qb.offset(i * column, scalar)), old)
                for i, old in enumerate(sums)
            ]

        if even:
            with f.loop(0, even, turn, carried=sums) as loop:
                sums = list(loop.values)
                for part in range(sets):
                    place = slice(part * columns, (part + 1) * columns)
                    sums[place] = step(sums[place], loop.index + part * lanes, None)
                loop.carry(*sums)
            sums = loop.results
        if even + lanes <= k:
            sums[:columns] = step(sums[:columns], even, None)
            even += lanes
        if even < k:
            sums[:columns] = step(sums[:columns], even, f.mask(lanes, k - even))
        if sets == 2:
            sums = [x + y for x, y in zip(sums[:columns], sums[columns:], strict=True)]
        return lane_sums(sums + [f.constant(type, 0)] * (lanes - columns))

    rest = shape.n - (vectors - 1) * lanes
    with f.loop(first, last) as tasks:
        if groups == 1:
            batch, start = tasks.index, f.i64(0)
        else:
            batch = f.emit("i64", f"udiv i64 {tasks.index.text}, {groups}")
            start = (tasks.index - batch * groups) * group
        a_batch = a_base.offset(batch * shape.a[0], scalar)
        b_batch = b_base.offset(batch * shape.b[0], scalar)
        with f.loop(start, minimum(start + group, vectors)) as loop, f.loop(0, shape.m) as rows:
            col = loop.index * lanes
            pa = a_batch.offset(rows.index * shape.a[1], scalar)
            pb = b_batch.offset(col * column, scalar)

            def do(columns: int) -> None:
                finish(f, batch, rows.index, col, dots(pa, pb, columns), columns)

            if rest == lanes or vectors == 1:
                do(rest)
            else:
                ends = loop.index.eq(vectors - 1)
                with f.when(~ends):
                    do(lanes)
                with f.when(ends):
                    do(rest)
    f.ret()
    return Kernel(name, shape.batch * groups, shape.flops, shape.bytes)
