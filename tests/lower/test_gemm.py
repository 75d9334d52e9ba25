"""Generated matrix products against NumPy, in double the precision where there is one."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.lower.llvm import gemm
from chainrule.lower.llvm.gemm import GemmShape, emit_gemm, workspace_bytes
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.jit import compile_object, load
from chainrule.lower.llvm.kernel import Buffer, Kernel, kernel_function
from chainrule.lower.llvm.machine import MACHINES, Machine, host

DTYPES = {"float": np.float32, "double": np.float64}
SLOTS = {"a": 0, "b": 1, "c": 2, "workspace": 3, "extra": 4}
GUARD = 64  # elements around each array that must not change


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
            for first, last in list(zip(cuts, cuts[1:], strict=False))[::order]:
                memory, scratch = aligned(kernel.scratch, np.uint8)
                call(table, first, last, scratch)
                check_guard(memory, kernel.scratch)
        check_guard(work, self.workspace)


def aligned(count: int, dtype: Any) -> tuple[np.ndarray, int]:
    """Memory with a guard of ones before and after, and its address, aligned to 64 bytes."""
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
    (1, 1, 1),
    (1, 1, 37),
    (1, 300, 70),
    (3, 37, 100),
    (130, 1, 33),
    (9, 33, 5),
    (17, 129, 67),
    (67, 50, 300),
    (128, 96, 80),
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
    for seed in range(25):
        product(random_shape(rng), machine, seed, pieces=rng.choice([1, 2, 3, 7]))
