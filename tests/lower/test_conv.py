"""Direct convolution against the reference evaluation of `conv_`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
import pytest

from chainrule.lower.llvm.conv import ConvShape, emit_conv, workspace_bytes
from chainrule.lower.llvm.ir import Function, Module, Value, lanes
from chainrule.lower.llvm.jit import compile_object, load
from chainrule.lower.llvm.kernel import Buffer, Kernel
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.ops.conv import _evaluate

SCALARS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
POISON = 1e30  # what memory holds before it is written


def spec(x, w, strides=None, padding=None, lhs=None, rhs=None, fg=1, bg=1):
    rank = x.ndim - 2
    ones = (1,) * rank
    return (strides or ones, padding or ((0, 0),) * rank, lhs or ones, rhs or ones, fg, bg)


def shape_of(x: np.ndarray, w: np.ndarray, args: tuple) -> ConvShape:
    def steps(a):
        return tuple(s // a.itemsize for s in a.strides)

    return ConvShape(SCALARS[x.dtype], x.shape, w.shape, *args, steps(x), steps(w))


def write(shape: ConvShape, machine: Machine, relu=False, reader=False) -> tuple[str, list[Kernel]]:
    """The module of a convolution; slots of the table: x, w, workspace, result, bias, counts."""
    module = Module()
    strides = np.cumprod((1, *shape.out_shape[:0:-1]))[::-1]

    def offset(index: Sequence[Value], steps) -> Value:
        total = index[0] * int(steps[0])
        for i, s in zip(index[1:], steps[1:]):
            total = total + i * int(s)
        return total

    def place(slot):
        return lambda f: Buffer(slot).pointer(f)

    def epilogue(f: Function, index: Sequence[Value], acc: Value, mask: Value | None) -> None:
        at = offset(index, strides)
        count = lanes(acc.type)
        if relu:
            bias = f.load(shape.scalar, place(4)(f).offset(index[1], shape.scalar))
            acc = acc + bias.splat(count)
            acc = acc.lt(0).select(f.constant(acc.type, 0), acc)
        # earlier content counts: an element handed over twice shows
        target = place(3)(f).offset(at, shape.scalar)
        if mask is None:
            f.store(f.load(acc.type, target) + acc, target)
        else:
            f.masked_store(f.masked_load(acc.type, target, mask) + acc, target, mask)

    def read(f: Function, index: list[Value], count: int, mask: Value | None) -> Value:
        def one(i):
            at = offset([*index[:-1], index[-1] + i], shape.x)
            value = f.load(shape.scalar, place(0)(f).offset(at, shape.scalar))
            return value * value

        if not count:
            return one(0)
        result = f.constant(f"<{count} x {shape.scalar}>", 0)
        for i in range(count):
            if mask is None:
                result = result.with_lane(i, one(i))
            else:
                with_lane = f.choose(
                    mask.lane(i), lambda i=i: one(i), lambda: f.constant(shape.scalar, 0)
                )
                result = result.with_lane(i, with_lane)
        return result

    kernels = emit_conv(
        module,
        "conv",
        shape,
        machine,
        x=place(0),
        w=place(1),
        workspace=place(2),
        epilogue=epilogue,
        read_x=read if reader else None,
    )
    params = [("table", "ptr"), ("first", "i64"), ("last", "i64"), ("scratch", "ptr")]
    for i, kernel in enumerate(kernels):  # a kernel itself is internal
        f = module.function(f"run{i}", params, internal=False)
        f.call(kernel.function, "void", *f.params)
        f.ret()
    return str(module), kernels


def aligned(bytes: int) -> np.ndarray:
    memory = np.full(bytes // 8 + 16, POISON)
    start = -memory.ctypes.data % 64 // 8
    return memory[start : start + -(-bytes // 8)]


def run(x, w, args, relu=False, reader=False, cuts=lambda n: [(0, n)]) -> np.ndarray:
    shape = shape_of(x, w, args)
    text, kernels = write(shape, host(), relu, reader)
    out = np.zeros(shape.out_shape, x.dtype)
    if not kernels:
        return out
    code = load(compile_object(text, host()))
    workspace = aligned(workspace_bytes(shape, host()))
    bias = np.arange(max(shape.out_shape[1], 1)).astype(x.dtype) / 8 - 1
    arrays = [x, w, workspace, out, bias]
    table = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p, ctypes.c_int64] * 2)
    kind = ctypes.CFUNCTYPE(
        None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
    )
    for i, kernel in enumerate(kernels):
        call = kind(code.address(f"run{i}"))
        for first, last in cuts(kernel.tasks):
            scratch = aligned(kernel.scratch + 64)
            call(table, first, last, scratch.ctypes.data)
            assert (scratch[-(kernel.scratch and 8) :] == POISON).all(), "scratch overrun"
    return out


def check(x, w, args, **options) -> None:
    got = run(x, w, args, **options)
    wide = [a.astype(np.float64) for a in (x, w)]
    if options.get("reader"):
        wide[0] = wide[0] ** 2
    expected = _evaluate(*wide, *args)
    scale = _evaluate(np.abs(wide[0]), np.abs(wide[1]), *args).max(initial=1)
    if options.get("relu"):
        bias = np.arange(expected.shape[1]) / 8 - 1
        expected = np.maximum(expected + bias.reshape(-1, *[1] * (x.ndim - 2)), 0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=8 * np.finfo(x.dtype).eps * scale)


def numbers(rng, shape, dtype=np.float32):
    return rng.normal(size=shape).astype(dtype)


def random_spec(rng: np.random.Generator, dtype) -> tuple:
    """Operands and arguments with at least one output, or none at all."""
    while True:
        rank = int(rng.integers(1, 4))
        groups = int(rng.choice([1, 1, 2, 3]))
        fg, bg = (groups, 1) if rng.random() < 0.6 else (1, groups)
        n = int(rng.choice([0, 1, 2, 3, 5], p=[0.05, 0.3, 0.3, 0.2, 0.15])) * bg
        c, o = int(rng.choice([1, 2, 3, 8])), int(rng.choice([1, 2, 5, 16, 35]))
        limit = {1: 40, 2: 14, 3: 6}[rank]
        x = numbers(rng, (n, c * fg, *rng.integers(1, limit, rank)), dtype)
        k = rng.integers(1, limit if rng.random() < 0.4 else 4, rank)
        w = numbers(rng, (o * groups, c, *k), dtype)

        def few(high):
            return tuple(int(v) for v in rng.integers(1, high, rank))

        pads = tuple((int(a), int(b)) for a, b in rng.integers(-2, 4, (rank, 2)))
        args = (few(4), pads, few(4), few(3), fg, bg)
        out = shape_of(x, w, args).out_shape
        if all(v > 0 for v in out[2:]) and np.prod(out) * np.prod(w.shape[1:]) < 2e7:
            return x, w, args


@pytest.mark.parametrize("seed", range(400))
def test_random_specs(seed):
    rng = np.random.default_rng(seed)
    check(*random_spec(rng, np.float64 if seed % 3 == 0 else np.float32))
