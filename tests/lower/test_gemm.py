"""Generated matrix products against NumPy in extended precision."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from chainrule.lower.llvm.gemm.emit import GemmShape, emit_gemm, workspace_bytes
from chainrule.lower.llvm.gemm.plan import lanes_of
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.kernel import Buffer, Kernel
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.lower.llvm.runtime.jit import compile_object, load

DTYPES = {"float": np.float32, "double": np.float64}
SLOTS = {"a": 0, "b": 1, "c": 2, "workspace": 3, "bias": 4, "slope": 5, "parameter": 6}


def runnable() -> list[Machine]:
    """The host, and what of MACHINES it can imitate."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    found = [host()]
    if host().name in ("avx512", "avx2", "sse"):
        found.append(MACHINES["sse"])
        if features.get("avx2") and features.get("fma") and features.get("bmi2"):
            found.append(MACHINES["avx2"])
    return found


def store(shape: GemmShape, slot: str = "c") -> Callable[..., None]:
    """The epilogue that stores C, without gaps."""

    def epilogue(
        f: Function, batch: Value, row: Value, col: Value, acc: Value, mask: Value | None
    ) -> None:
        put(f, shape, slot, batch, row, col, acc, mask)

    return epilogue


def place(f: Function, shape: GemmShape, slot: str, batch: Value, row: Value, col: Value) -> Value:
    index = (batch * shape.m + row) * shape.n + col
    return Buffer(SLOTS[slot]).pointer(f).offset(index, shape.scalar)


def put(
    f: Function,
    shape: GemmShape,
    slot: str,
    batch: Value,
    row: Value,
    col: Value,
    x: Value,
    mask: Value | None,
) -> None:
    pointer = place(f, shape, slot, batch, row, col)
    if mask is None:
        f.store(x, pointer)
    else:
        f.masked_store(x, pointer, mask)


class Program:
    """A compiled product."""

    def __init__(
        self,
        shape: GemmShape,
        machine: Machine,
        epilogue: Callable[..., None] | None = None,
        read_a: Any = None,
        read_b: Any = None,
    ) -> None:
        self.shape = shape
        module = Module()
        self.kernels: list[Kernel] = emit_gemm(
            module,
            "product",
            shape,
            machine,
            a=Buffer(SLOTS["a"]).pointer,
            b=Buffer(SLOTS["b"]).pointer,
            workspace=Buffer(SLOTS["workspace"]).pointer,
            epilogue=epilogue or store(shape),
            read_a=read_a,
            read_b=read_b,
        )
        for i, kernel in enumerate(self.kernels):
            entry = module.function(
                f"phase{i}",
                [("table", "ptr"), ("first", "i64"), ("last", "i64"), ("scratch", "ptr")],
                internal=False,
            )
            entry.call(kernel.function, "void", *entry.params)
            entry.ret()
        self.text = str(module)
        self.workspace = workspace_bytes(
            shape, machine, read_a=read_a is not None, read_b=read_b is not None
        )
        self.machine = machine
        self._code: Any = None

    def run(self, pointers: dict[str, int], pieces: int = 1, order: int = 1) -> None:
        """All phases, each in so many pieces, forward or backward."""
        if self._code is None:
            self._code = load(compile_object(self.text, self.machine))
        work, at = aligned(self.workspace, np.uint8)
        table = (ctypes.c_void_p * 8)()
        for name, address in (pointers | {"workspace": at}).items():
            table[SLOTS[name]] = address
        for i, kernel in enumerate(self.kernels):
            call = ctypes.CFUNCTYPE(
                None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
            )(self._code.address(f"phase{i}"))
            cuts = [kernel.tasks * j // pieces for j in range(pieces + 1)]
            for first, last in list(pairwise(cuts))[::order]:
                memory, scratch = aligned(kernel.scratch, np.uint8)
                call(table, first, last, scratch)
                check_guard(memory, kernel.scratch)
        check_guard(work, self.workspace)


def aligned(count: int, dtype: Any) -> tuple[np.ndarray, int]:
    """Memory with a guard before and after, and its address, aligned to 64 bytes."""
    size = np.dtype(dtype).itemsize
    array = np.empty(count * size + 64 * 3, np.uint8)
    array[:] = 0xA5
    shift = 64 + -array.ctypes.data % 64
    return array, array.ctypes.data + shift


def check_guard(array: np.ndarray, count: int) -> None:
    start = 64 + -array.ctypes.data % 64
    assert (array[:start] == 0xA5).all() and (array[start + count :] == 0xA5).all()


def operand(
    rng: np.random.Generator, scalar: str, sizes: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, int]:
    """An operand as a view of NaNs with data where it has elements; the address of its first."""
    low = sum(min(0, s * max(n - 1, 0)) for s, n in zip(strides, sizes, strict=True))
    high = sum(max(0, s * max(n - 1, 0)) for s, n in zip(strides, sizes, strict=True))
    memory = np.full(high - low + 1, np.nan, DTYPES[scalar])
    step = memory.itemsize
    view = np.lib.stride_tricks.as_strided(
        memory[-low:], sizes, tuple(s * step for s in strides), writeable=True
    )
    if view.size:
        view[...] = rng.standard_normal(sizes)
    return memory, view, memory.ctypes.data - low * step


def product(shape: GemmShape, machine: Machine, seed: int = 0, pieces: int = 1) -> None:
    """Compute and compare."""
    rng = np.random.default_rng(seed)
    _a, a, pa = operand(rng, shape.scalar, (shape.batch, shape.m, shape.k), shape.a)
    _b, b, pb = operand(rng, shape.scalar, (shape.batch, shape.k, shape.n), shape.b)
    program = Program(shape, machine)
    results = []
    for count, order in ((1, 1), (pieces, -1)):
        total = shape.batch * shape.m * shape.n * np.dtype(DTYPES[shape.scalar]).itemsize
        memory, pc = aligned(total, np.uint8)
        program.run({"a": pa, "b": pb, "c": pc}, count, order)
        check_guard(memory, total)
        start = pc - memory.ctypes.data
        results.append(memory[start : start + total].view(DTYPES[shape.scalar]))
    assert np.array_equal(results[0].view(np.uint8), results[1].view(np.uint8))
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    size = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    error = np.abs(results[0].reshape(exact.shape) - exact)
    bound = (shape.k + 1) * np.finfo(DTYPES[shape.scalar]).eps * size
    assert (error <= bound).all(), (shape, machine.name)


SIZES = [
    (16, 16, 2),
    (32, 10, 32),
    (16, 1, 16),
    (1, 16, 16),
    (1, 1, 37),
    (1, 300, 70),
    (130, 1, 33),
    (17, 129, 67),
    (67, 50, 300),
    (64, 64, 1500),
    (40, 1000, 2),
]


@pytest.mark.parametrize("layout", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize("scalar", ["float", "double"])
@pytest.mark.parametrize("machine", runnable(), ids=lambda m: m.name)
def test_equals_numpy(machine: Machine, scalar: str, layout: str) -> None:
    for m, n, k in SIZES:
        a = (m * k, k, 1) if layout[0] == "N" else (m * k, 1, m)
        b = (n * k, n, 1) if layout[1] == "N" else (n * k, 1, k)
        product(GemmShape(scalar, 1, m, n, k, a, b), machine, pieces=3)


def random_shape(rng: random.Random) -> GemmShape:
    def size() -> int:
        return rng.choice([1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 32, 33, 50, 64, 71, 97])

    batch = rng.choice([1, 1, 1, 2, 3])
    m, n, k = size(), size(), size()

    def strides(sizes: tuple[int, int, int]) -> tuple[int, int, int]:
        order = [0, 1, 2]
        rng.shuffle(order)
        found = [0, 0, 0]
        step = rng.choice([1, 1, 1, 2, 3])
        for axis in order:
            found[axis] = step * rng.choice([1, 1, 1, 1, 1, -1])
            step = abs(step) * sizes[axis] + rng.choice([0, 0, 0, 3])
            if rng.random() < 0.1:
                found[axis] = 0
        return found[0], found[1], found[2]

    return GemmShape(
        rng.choice(["float", "double"]),
        batch,
        m,
        n,
        k,
        strides((batch, m, k)),
        strides((batch, k, n)),
    )


@pytest.mark.parametrize("machine", runnable(), ids=lambda m: m.name)
def test_random_shapes_and_strides(machine: Machine) -> None:
    rng = random.Random(1)
    for seed in range(15):
        product(random_shape(rng), machine, seed, pieces=rng.choice([1, 2, 3, 7]))


@pytest.mark.parametrize("machine", runnable(), ids=lambda m: m.name)
def test_batches_broadcast(machine: Machine) -> None:
    for batch, m, n, k in [(5, 24, 40, 16), (3, 64, 64, 100), (7, 1, 33, 9), (4, 21, 1, 30)]:
        for a in ((m * k, k, 1), (0, k, 1), (m * k, 1, m)):
            for b in ((n * k, n, 1), (0, n, 1), (n * k, 1, k)):
                product(GemmShape("float", batch, m, n, k, a, b), machine, pieces=4)


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("scalar", ["float", "double"])
def test_few_columns_in_vectors_of_half_the_width(scalar: str, halves: bool) -> None:
    """Also where operands are packed, and where k is cut."""
    machine = replace(host(), halves=halves)
    lanes = machine.lanes(scalar)
    for m, k in ((3, 40), (9, 7), (70, 300), (20, 9001)):
        for n in (lanes // 2, lanes + 1, lanes + lanes // 2, 5 * lanes + 1):
            for a, b in (((m * k, k, 1), (n * k, n, 1)), ((m * k, 1, m), (n * k, 1, k))):
                product(GemmShape(scalar, 2, m, n, k, a, b), machine, pieces=3)
                product(GemmShape(scalar, 1, m, n, k, a, b), machine, pieces=3)
    shape = GemmShape(scalar, 1, 9, lanes + 1, 7, (0, 7, 1), (0, lanes + 1, 1))
    assert lanes_of(shape, machine) == (lanes // 2 if halves else lanes)
    assert lanes_of(replace(shape, n=2 * lanes), machine) == lanes


@pytest.mark.parametrize("scalar", ["float", "double"])
def test_long_sums_are_cut(scalar: str) -> None:
    """Few results, long k: more than one part, with a rest."""
    for m, n, k in [(1, 1, 70001), (1, 100, 9001), (30, 1, 20011), (20, 17, 20001), (100, 1, 9001)]:
        for a, b in (((0, k, 1), (0, n, 1)), ((0, 1, m), (0, 1, k)), ((0, k, 1), (0, 1, k))):
            product(GemmShape(scalar, 1, m, n, k, a, b), host(), pieces=5)
    shape = GemmShape(scalar, 1, 20, 16, 20001, (0, 20001, 1), (0, 16, 1))
    assert len(Program(shape, host()).kernels) > 1


def test_long_rows_that_share_cache_sets() -> None:
    for layout in ((0, 1024, 1), (0, 1, 1024)):
        m = 96 if layout[2] == 1 else 200
        product(GemmShape("float", 1, m, 130, 1000, layout, (0, 2048, 1)), host(), pieces=2)


def test_nothing_to_do() -> None:
    for batch, m, n in [(0, 3, 3), (2, 0, 3), (2, 3, 0)]:
        shape = GemmShape("float", batch, m, n, 4, (12, 4, 1), (12, 3, 1))
        assert Program(shape, host()).kernels == []
        assert workspace_bytes(shape, host()) == 0


@pytest.mark.parametrize(("m", "n"), [(3, 37), (9, 1), (1, 9)])
def test_an_empty_sum_is_zero(m: int, n: int) -> None:
    product(GemmShape("double", 2, m, n, 0, (0, 0, 1), (0, n, 1)), host(), pieces=2)


@pytest.mark.parametrize("k", [6, 80, 3000])
@pytest.mark.parametrize("n", [1, 40, 130])
def test_epilogue_with_several_results(n: int, k: int) -> None:
    """relu(A·B + bias) and its derivative; then a parameter that is updated in place."""
    m, rate = 50, 0.25
    shape = GemmShape("float", 1, m, n, k, (0, k, 1), (0, n, 1))

    def epilogue(
        f: Function, batch: Value, row: Value, col: Value, acc: Value, mask: Value | None
    ) -> None:
        def get(slot: str, index: Value) -> Value:
            pointer = Buffer(SLOTS[slot]).pointer(f).offset(index, "float")
            return (
                f.load(acc.type, pointer)
                if mask is None
                else f.masked_load(acc.type, pointer, mask)
            )

        x = acc + get("bias", col)
        on = x.gt(0)
        put(f, shape, "c", batch, row, col, on.select(x, 0), mask)
        one = f.constant(acc.type, 1)
        put(f, shape, "slope", batch, row, col, on.select(one, 0), mask)
        index = row * n + col
        put(f, shape, "parameter", batch, row, col, get("parameter", index) - acc * rate, mask)

    rng = np.random.default_rng(0)
    a, b = (rng.integers(-3, 4, size).astype(np.float32) for size in ((m, k), (k, n)))
    bias = rng.standard_normal(n).astype(np.float32)
    parameter = rng.integers(-9, 9, (m, n)).astype(np.float32)
    c, slope = np.empty((2, m, n), np.float32)
    arrays = {"a": a, "b": b, "c": c, "bias": bias, "slope": slope, "parameter": parameter.copy()}
    Program(shape, host(), epilogue).run({x: y.ctypes.data for x, y in arrays.items()}, 3)
    # whole numbers this small are exact in any order of summation
    x = a @ b + bias
    assert np.array_equal(c, np.maximum(x, 0))
    assert np.array_equal(slope, (x > 0).astype(np.float32))
    assert np.array_equal(arrays["parameter"], parameter - rate * (a @ b))


@pytest.mark.parametrize("layout", ["NN", "NT", "TN", "TT", "SS"])
@pytest.mark.parametrize("machine", runnable(), ids=lambda m: m.name)
def test_operands_through_callbacks(machine: Machine, layout: str) -> None:
    """2·A + 1 and B², made while they are packed."""
    rng = np.random.default_rng(0)
    for batch, m, n, k in [(1, 20, 33, 40), (3, 9, 50, 5), (2, 13, 1, 21), (1, 2, 3, 9000)]:
        along_a = {"N": (m * k, k, 1), "T": (m * k, 1, m), "S": (2 * m * k, 2 * k, 2)}[layout[0]]
        along_b = {"N": (n * k, n, 1), "T": (n * k, 1, k), "S": (3 * n * k, 3 * n, 3)}[layout[1]]
        shape = GemmShape("double", batch, m, n, k, along_a, along_b)
        _a, a, pa = operand(rng, "double", (batch, m, k), along_a)
        _b, b, pb = operand(rng, "double", (batch, k, n), along_b)

        def reader(slot: str, strides: tuple[int, int, int], change: Callable[..., Value]) -> Any:
            def read(
                f: Function, batch: Value, row: Value, col: Value, lanes: int, mask: Value | None
            ) -> Value:
                index = batch * strides[0] + row * strides[1] + col * strides[2]
                pointer = Buffer(SLOTS[slot]).pointer(f).offset(index, "double")
                type = vector(lanes, "double")
                x = f.load(type, pointer) if mask is None else f.masked_load(type, pointer, mask)
                return change(x)

            return read

        program = Program(
            shape,
            machine,
            read_a=reader("a", along_a, lambda x: x * 2 + 1),
            read_b=reader("b", along_b, lambda x: x * x),
        )
        c = np.empty((batch, m, n))
        program.run({"a": pa, "b": pb, "c": c.ctypes.data}, 2)
        np.testing.assert_allclose(c, (2 * a + 1) @ (b * b), rtol=1e-11, atol=1e-9)


def test_nan_and_infinity_pass_through() -> None:
    for n, k in [(1, 8), (20, 8), (20, 200)]:
        shape = GemmShape("float", 1, 10, n, k, (0, k, 1), (0, n, 1))
        a, b = np.zeros((10, k), np.float32), np.ones((k, n), np.float32)
        b[3, 0] = np.inf  # 0·∞
        a[2, 1] = np.nan
        c = np.empty((10, n), np.float32)
        Program(shape, host()).run({"a": a.ctypes.data, "b": b.ctypes.data, "c": c.ctypes.data})
        assert np.isnan(c[:, 0]).all() and np.isnan(c[2]).all()
        assert (np.delete(c, 2, 0)[:, 1:] == 0).all()


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda m: m.name)
def test_compiles_for_every_processor(machine: Machine) -> None:
    for layout in ["NN", "TT"]:
        for scalar, m, n, k in [("float", 100, 50, 70), ("double", 3, 21, 70), ("float", 9, 1, 5)]:
            a = (m * k, k, 1) if layout[0] == "N" else (m * k, 1, m)
            b = (n * k, n, 1) if layout[1] == "N" else (n * k, 1, k)
            program = Program(GemmShape(scalar, 2, m, n, k, a, b), machine)
            assert compile_object(program.text, machine)


def test_many_tasks_of_equal_work() -> None:
    """Enough of them to share out, in a product that is worth it."""
    shape = GemmShape("float", 1, 256, 1024, 1024, (0, 1024, 1), (0, 1024, 1))
    program = Program(shape, host())
    assert program.kernels[-1].tasks >= 16
    assert program.kernels[-1].flops == 2 * 256 * 1024 * 1024
    shape = GemmShape("float", 1, 16, 16, 2, (0, 2, 1), (0, 16, 1))
    program = Program(shape, host())
    assert [kernel.scratch for kernel in program.kernels] == [0]
    assert program.workspace == 0
