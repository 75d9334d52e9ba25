"""Random bits: Threefry-2x32 in vectors, the same words as `chainrule.ops.random`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from chainrule.lower.llvm.ir import Function, Value
from chainrule.lower.llvm.kernel import Kernel
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, Step
from chainrule.lower.llvm.special.step import Writer, wide_shuffle
from chainrule.lower.llvm.vecmath.casting import memory_type
from chainrule.ops.random import FOLD, PARITY, ROTATIONS

__all__ = ["fold_in", "random_bits"]

SIDE = 4
"""Vectors of blocks that are computed side by side: a block is a long chain of operations."""

Pair = tuple[Value, Value]


def _threefry(f: Function, key: Pair, counters: Sequence[Pair]) -> list[Pair]:
    """The block function, for several counters under one key."""
    k0, k1 = key
    keys = (k0, k1, k0 ^ k1 ^ int(PARITY))
    words = [(x0 + k0, x1 + k1) for x0, x1 in counters]
    for block in range(5):
        for rotation in ROTATIONS[4 * (block % 2) : 4 * (block % 2) + 4]:
            words = [_round(f, x0, x1, rotation) for x0, x1 in words]
        first, second = keys[(block + 1) % 3], keys[(block + 2) % 3] + (block + 1)
        words = [(x0 + first, x1 + second) for x0, x1 in words]
    return words


def _round(f: Function, x0: Value, x1: Value, rotation: int) -> Pair:
    x0 = x0 + x1
    turned = f.intrinsic("fshl", x1.type, x1, x1, f.constant(x1.type, rotation))
    return x0, turned ^ x0


def random_bits(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """Word i is half of block i // 2."""
    w = Writer(settings, name, frame, step)
    f = w.f
    shape, stream = w.node.argument
    size = prod(shape)
    keys = w.node.type.size // size
    blocks = (size + 1) // 2
    count = w.lanes(blocks, 4)
    side = min(SIDE, -(-blocks // count))
    width = count * side
    tasks = -(-blocks // width)
    work = 75 * blocks * keys
    ramp = f.constants("i32", list(range(count)))
    high = f.constant(ramp.type, stream << 24)

    def words(key: Pair, start: Value, side: int) -> list[Pair]:
        low = start.cast("trunc", "i32")
        counters = [(high, (low + i * count).splat(count) + ramp) for i in range(side)]
        return _threefry(f, key, counters)

    def put(pairs: list[Pair], target: Value, left: int) -> None:
        order = [lane for i in range(count) for lane in (i, count + i)]
        for i, pair in enumerate(pairs):
            both = wide_shuffle(pair, order)
            here = min(2 * count, left - 2 * count * i)
            at = target.offset(2 * count * i, "i32")
            if here == 2 * count:
                f.store(both, at)
            elif here > 0:
                f.masked_store(both, at, f.mask(2 * count, here))

    full, rest = divmod(size, 2 * width)
    with w.all_of(keys * tasks, work) as task:
        row = f.emit("i64", f"udiv i64 {task.text}, {tasks}")
        block = f.emit("i64", f"urem i64 {task.text}, {tasks}")
        at = w.sources[0].offset(row * 2, "i32")
        first, second = (f.load("i32", at.offset(i, "i32")) for i in (0, 1))
        key = (first.splat(count), second.splat(count))
        start = block * width
        target = w.result.offset(row * size + start * 2, "i32")
        if full:
            with f.when(block.lt(full)):
                put(words(key, start, side), target, 2 * width)
        if rest:
            with f.when(block.eq(full)):
                put(words(key, start, -(-rest // (2 * count))), target, rest)
    return w.done(keys * tasks, work)


def fold_in(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """The block of the data under a key of its own, see `chainrule.ops.random`."""
    w = Writer(settings, name, frame, step)
    f = w.f
    data = w.node.sources[1]
    size, scalar = data.type.size, memory_type(data.dtype)
    zero = f.constant("i32", 0)
    work = 150 * size
    with w.all_of(size, work) as number:
        at = w.sources[0].offset(number * 2, "i32")
        key = (f.load("i32", at), f.load("i32", at.offset(1, "i32")))
        value = f.load(scalar, w.sources[1].offset(number, scalar))
        signed = data.dtype.kind == "i"
        wide = value.cast("sext" if signed else "zext", "i64")
        stream = f.constant("i32", FOLD << 24)
        if signed:
            stream = wide.lt(0).select(f.constant("i32", (FOLD + 1) << 24), stream)
        (own,) = _threefry(f, key, [(stream, zero)])
        halves = (wide.lshr(32).cast("trunc", "i32"), wide.cast("trunc", "i32"))
        (words,) = _threefry(f, own, [halves])
        target = w.result.offset(number * 2, "i32")
        for i, word in enumerate(words):
            f.store(word, target.offset(i, "i32"))
    return w.done(size, work)
