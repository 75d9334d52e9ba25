"""What the ways of convolving share: packed kernels, transposed vectors, small arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.lower.llvm.conv.shape import Geometry, Job
from chainrule.lower.llvm.ir import Function, Value, lanes, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = [
    "any_not_finite",
    "dense",
    "divided",
    "emit_pack",
    "joined",
    "least",
    "most",
    "multiply_add",
    "pack_kernel",
    "prefetch",
    "remainder",
    "transposed",
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
        result = [a.shuffle(order, b) for a, b in zip(result[::2], result[1::2], strict=True)]
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


def any_not_finite(f: Function, machine: Machine, numbers: Value, scalar: str, count: int) -> Value:
    """Whether NaN or ±inf is among so many numbers, a multiple of the lanes: an i1."""
    lanes = machine.lanes(scalar)
    type = vector(lanes, scalar)
    with f.loop(0, count, lanes, [f.constant(type, 0)]) as loop:
        value = f.load(type, numbers.offset(loop.index, scalar))
        loop.carry(multiply_add(f, machine, value, f.constant(type, 0), loop.values[0]))
    nan = loop.results[0].is_nan()
    return f.emit(f"i{lanes}", f"bitcast {nan.type} {nan.text} to i{lanes}").ne(0)


def dense(dims: Sequence[tuple[int, int]]) -> int:
    """How many neighbouring numbers axes (count, distance) cover, 0 where they leave gaps."""
    total = 1
    for count, step in sorted(dims, key=lambda dim: dim[1]):
        if count != 1 and step != total:
            return 0
        total *= count
    return total


def prefetch(f: Function, start: Value, bytes: int, turn: Value, turns: int) -> None:
    """In each of so many turns, ask for a part of the memory that is needed next."""
    lines = -(-bytes // (64 * turns))
    f.module.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
    with f.loop(0, lines) as loop:
        line = start.offset((turn * lines + loop.index) * 64)
        read, second_level, data = (f.constant("i32", value) for value in (0, 2, 1))
        f.call("llvm.prefetch.p0", "void", line, read, second_level, data)


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
        done = count // lanes * lanes if step == 1 and width % lanes == 0 else 0
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
            nest(
                depth + 1, place + loop.index * distance, (number + loop.index) * axes[depth + 1][0]
            )

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


def emit_pack(
    job: Job, g: Geometry, machine: Machine, width: int, flags: int | None = None
) -> Kernel:
    """A kernel that packs all features of all groups in blocks of ``width`` into the workspace.

    Where ``flags`` is given, a byte for each block there says whether it holds NaN or ±inf.
    """
    f = kernel_function(job.module, job.name + "_pack")
    source, target = job.w(f), job.workspace(f)
    blocks, numbers = -(-g.features // width), g.taps * width
    dims = [(g.channels, g.w_channel), *zip(g.kernel, g.w_step, strict=True)]
    with f.loop(f.params[1], f.params[2]) as task:
        group, block = divided(task.index, blocks), remainder(task.index, blocks)
        packed = target.offset(task.index * numbers, g.scalar)
        first = source.offset(group * g.w_group, g.scalar)
        pack_kernel(f, g, machine, packed, first, block * width, width, dims)
        if flags is not None:
            flag = any_not_finite(f, machine, packed, g.scalar, numbers)
            f.store(flag.cast("zext", "i8"), target.offset(flags).offset(task.index))
    f.ret()
    return Kernel(f.name, g.groups * blocks, 0, 2 * g.groups * blocks * numbers * g.size)
