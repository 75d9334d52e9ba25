"""Few rows times a transposed matrix: dot products, with lanes along k and B read in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.lower.llvm.gemm.compute import divided
from chainrule.lower.llvm.gemm.pack import either, minimum
from chainrule.lower.llvm.gemm.plan import GemmShape, Plan, ceil_div, stepped
from chainrule.lower.llvm.gemm.tile import Finish, multiply_add
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["emit_dot"]


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


def dot_function(
    module: Module, scalar: str, lanes: int, columns: int, stride: int, k: int, fma: bool
) -> str:
    """The function ``(a, b)``: a vector of the dot products of a row with ``columns`` columns that
    are ``stride`` apart."""
    name = f"gemm.dot.{scalar}{lanes}.{columns}.{stride}.{k}"
    type = vector(lanes, scalar)
    sets = 2 if columns < 8 and k >= 2 * lanes else 1

    def build() -> None:
        f = module.function(name, [("a", "ptr"), ("b", "ptr")], type, attributes="noinline")
        a, b = f.params

        def step(sums: list[Value], at: Value | int, mask: Value | None) -> list[Value]:
            def load(pointer: Value) -> Value:
                return f.load(type, pointer) if mask is None else f.masked_load(type, pointer, mask)

            x, first = load(a.offset(at, scalar)), b.offset(at, scalar)
            return [
                multiply_add(f, fma, x, load(first.offset(i * stride, scalar)), old)
                for i, old in enumerate(sums)
            ]

        sums = [f.constant(type, 0)] * (columns * sets)
        turn = lanes * sets
        even = k // turn * turn
        if even:
            with f.loop(0, even, turn, carried=sums) as loop:
                found = []
                for part in range(sets):
                    old = loop.values[part * columns : (part + 1) * columns]
                    found += step(old, loop.index + part * lanes, None)
                loop.carry(*found)
            sums = loop.results
        if sets == 2:
            sums = [x + y for x, y in zip(sums[:columns], sums[columns:], strict=True)]
        if even + lanes <= k:
            sums = step(sums, even, None)
            even += lanes
        if even < k:
            sums = step(sums, even, f.mask(lanes, k - even))
        f.ret(lane_sums(sums + [f.constant(type, 0)] * (lanes - columns)))

    return module.shared(name, build)


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
    scalar, lanes = shape.scalar, plan.lanes
    type = vector(lanes, scalar)
    a_base, b_base = a(f), b(f)
    rest = shape.n - (plan.panels - 1) * lanes
    with f.loop(first, last) as tasks:
        batch, group = divided(tasks.index, ceil_div(plan.panels, plan.block_panels))
        start = group * plan.block_panels
        a_batch = a_base.offset(stepped(batch, shape.a[0]), scalar)
        b_batch = b_base.offset(stepped(batch, shape.b[0]), scalar)
        stop = minimum(start + plan.block_panels, plan.panels)
        with f.loop(start, stop) as loop, f.loop(0, shape.m) as rows:
            col = loop.index * lanes
            pa = a_batch.offset(rows.index * shape.a[1], scalar)
            pb = b_batch.offset(col * shape.b[2], scalar)

            def do(columns: int) -> None:
                function = dot_function(
                    module, scalar, lanes, columns, shape.b[2], shape.k, machine.fma
                )
                finish(f, batch, rows.index, col, f.call(function, type, pa, pb), columns)

            either(loop.index, plan.panels, lanes, rest, do)
    f.ret()
    return Kernel(name, plan.tasks(shape), shape.flops, shape.bytes)
