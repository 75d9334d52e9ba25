"""Direct convolution against the reference evaluation of `conv_`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from chainrule.lower.llvm.conv.emit import ConvShape, emit_conv, workspace_bytes
from chainrule.lower.llvm.ir import Function, Module, Value, lanes
from chainrule.lower.llvm.kernel import Buffer, Kernel
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.lower.llvm.runtime.jit import Code, compile_object, load
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


def guarded(bytes: int) -> np.ndarray:
    """Memory, and 64 bytes behind it that must stay as they are."""
    return aligned(-(-bytes // 64) * 64 + 64)


@cache
def compiled(text: str, machine: Machine) -> Code:
    return load(compile_object(text, machine))


def run(
    x,
    w,
    args,
    relu=False,
    reader=False,
    cuts=lambda n: [(0, n)],
    machine: Machine | None = None,
) -> np.ndarray:
    """The result of the kernels; ``cuts`` says how their tasks are shared out."""
    machine = machine or host()
    shape = shape_of(x, w, args)
    text, kernels = write(shape, machine, relu, reader)
    out = np.zeros(shape.out_shape, x.dtype)
    if not kernels:
        return out
    code = compiled(text, machine)
    workspace = guarded(workspace_bytes(shape, machine))
    bias = np.arange(max(shape.out_shape[1], 1)).astype(x.dtype) / 8 - 1
    arrays = [x, w, workspace, out, bias]
    table = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(None, pointer, whole, whole, pointer)
    for i, kernel in enumerate(kernels):
        call = kind(code.address(f"run{i}"))
        for first, last in cuts(kernel.tasks):
            scratch = guarded(kernel.scratch)
            call(table, first, last, scratch.ctypes.data)
            assert (scratch[-8:] == POISON).all(), "written beyond the scratch memory"
    assert (workspace[-8:] == POISON).all(), "written beyond the workspace"
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


def forms(x, w, stride=1, pad=1, groups=1) -> dict[str, tuple]:
    """A 2-d convolution and its gradients, as the record's transposes have them."""
    two, p = (stride, stride), ((pad, pad),) * 2
    n, k = x.shape[2], w.shape[2]
    m = (n + 2 * pad - k) // stride + 1
    spread = (m - 1) * stride + 1
    rng = np.random.default_rng(1)
    ct = numbers(rng, (x.shape[0], w.shape[0], m, m), x.dtype)
    kernel = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
    kernel = kernel[0] if groups == 1 else kernel.reshape(x.shape[1], -1, k, k)
    back = ((k - pad - 1, n + pad - spread),) * 2
    across = ((pad, spread + k - n - pad - 1),) * 2
    return {
        "forward": (x, w, spec(x, w, two, p, fg=groups)),
        "input": (ct, kernel[..., ::-1, ::-1], spec(ct, w, None, back, two, fg=groups)),
        "kernel": (
            x.swapaxes(0, 1),
            ct.swapaxes(0, 1),
            spec(x, ct, None, across, None, two, 1, groups),
        ),
    }


# name: x, w, stride, pad, groups; between them all ways of computing
CASES = {
    "features": ((3, 5, 9, 9), (20, 5, 3, 3), 1, 1, 1),
    "wide": ((2, 3, 20, 20), (37, 3, 3, 3), 1, 1, 1),
    "one channel": ((4, 1, 28, 28), (16, 1, 3, 3), 1, 1, 1),
    "strided": ((2, 4, 13, 13), (18, 4, 3, 3), 2, 1, 1),
    "strided wide": ((2, 20, 12, 12), (18, 20, 3, 3), 2, 1, 1),
    "pointwise": ((3, 33, 7, 7), (40, 33, 1, 1), 1, 0, 1),
    "groups": ((2, 6, 8, 8), (36, 3, 3, 3), 1, 1, 2),
    "depthwise": ((3, 4, 17, 17), (4, 1, 3, 3), 1, 1, 4),
    "depthwise strided": ((2, 3, 37, 37), (3, 1, 3, 3), 2, 1, 3),
    "large kernel": ((1, 2, 40, 40), (3, 2, 11, 11), 3, 2, 1),
}


def case(name: str, form: str, dtype=np.float32) -> tuple:
    x, w, *rest = CASES[name]
    rng = np.random.default_rng(0)
    return forms(numbers(rng, x, dtype), numbers(rng, w, dtype), *rest)[form]


everything = pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in CASES for form in ("forward", "input", "kernel")]
)


@pytest.mark.parametrize("seed", range(48))
def test_random_specs(seed):
    rng = np.random.default_rng(seed)
    check(*random_spec(rng, np.float64 if seed % 3 == 0 else np.float32))


@pytest.mark.skipif(host().name not in ("avx512", "avx2"), reason="cannot run here")
@pytest.mark.parametrize("machine", ["sse", "avx2"])
@pytest.mark.parametrize("seed", range(100, 112))
def test_narrower_machines(machine, seed):
    rng = np.random.default_rng(seed)
    x, w, args = random_spec(rng, np.float64 if seed % 3 == 0 else np.float32)
    check(x, w, args, machine=MACHINES[machine])


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_and_gradients(name, form, dtype):
    check(*case(name, form, dtype))


@everything
def test_bias_relu_and_reader(name, form):
    check(*case(name, form), relu=True, reader=True)


@everything
def test_bits_do_not_depend_on_how_tasks_are_shared_out(name, form):
    given = case(name, form)

    def halves(n):
        return [(n // 2, n), (0, n // 2)]

    def single(n):
        return [(i, i + 1) for i in reversed(range(n))]

    whole = run(*given)
    for cuts in (halves, single):
        np.testing.assert_array_equal(run(*given, cuts=cuts), whole)


@everything
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_spreads_as_in_the_reference(name, form, value):
    """Zero times infinity is NaN, for the zeros of padding too."""
    x, w, args = case(name, form)
    x, w = x.copy(), w.copy()
    w[0, 0].flat[0] = value
    x[-1, -1].flat[-1] = value
    with np.errstate(invalid="ignore"):
        expected = _evaluate(x, w, *args)
    got = run(x, w, args)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(got), np.isposinf(expected))


@pytest.mark.parametrize(
    ("x", "w"),
    [
        ((0, 2, 5), (3, 2, 2)),
        ((2, 0, 5), (3, 0, 2)),
        ((2, 2, 5), (0, 2, 2)),
        ((1, 1, 1), (1, 1, 1)),
        ((2, 1, 4), (3, 1, 4)),
    ],
)
def test_empty_and_single(x, w):
    rng = np.random.default_rng(0)
    x, w = numbers(rng, x), numbers(rng, w)
    check(x, w, spec(x, w))


def test_padding_without_input():
    x, w = np.zeros((2, 1, 0), np.float32), np.ones((3, 1, 2), np.float32)
    check(x, w, spec(x, w, padding=((2, 3),)))


@pytest.mark.parametrize("name", ["features", "one channel", "depthwise"])
def test_operands_in_other_orders(name):
    x, w, args = case(name, "forward")
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    check(np.moveaxis(last, -1, 1), w, args)
    check(x[:, :, ::-1, ::-1], w[::-1, :, :, ::-1], args)
    check(np.repeat(x, 2, -1)[..., ::2], w, args)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", CASES)
def test_compiles_for_every_machine(machine, name):
    for form in ("forward", "input", "kernel"):
        x, w, args = case(name, form)
        text, _ = write(shape_of(x, w, args), MACHINES[machine])
        assert compile_object(text, MACHINES[machine])


@everything
def test_tasks_suffice_for_threads(name, form):
    x, w, args = case(name, form)
    _, kernels = write(shape_of(x, w, args), host())
    flops = [kernel.flops for kernel in kernels]
    main = kernels[int(np.argmax(flops))]
    assert sum(flops) == shape_of(x, w, args).flops
    assert main.tasks >= 2
