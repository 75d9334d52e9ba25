"""Generated matrix products on one thread, beside the multiply-add peak, NumPy and PyTorch."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.common import Row, peer
from chainrule.lower.llvm.gemm.emit import GemmShape, emit_gemm, workspace_bytes
from chainrule.lower.llvm.ir import Function, Module, Value
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.machine import Machine, host
from chainrule.lower.llvm.runtime.jit import compile_object, load

SHAPES = [  # batch, m, n, k, layout of A and B
    (1, 256, 1024, 1024, "NN"),
    (1, 256, 1024, 1024, "NT"),
    (1, 1024, 1024, 256, "TN"),
    (1, 128, 256, 784, "NN"),
    (1, 128, 256, 784, "NT"),
    (1, 128, 256, 784, "TN"),
    (1, 128, 256, 784, "TT"),
    (1, 784, 256, 128, "TN"),
    (1, 128, 784, 256, "NT"),
    (1, 128, 10, 128, "NN"),
    (1, 16, 16, 2, "NN"),
    (1, 32, 32, 64, "NN"),
    (1, 32, 64, 32, "NT"),
    (1, 64, 32, 32, "TN"),
    (1, 32, 10, 32, "NN"),
    (1, 16, 1, 16, "NN"),
    (1, 1, 4096, 4096, "NN"),
    (1, 1, 4096, 4096, "NT"),
    (1, 10000, 1, 100, "NN"),
    (1, 100, 1, 10000, "TN"),
    (32, 64, 64, 16, "NT"),
    (32, 64, 16, 64, "NN"),
    (32, 64, 16, 64, "TN"),
]

Contestants = dict[str, tuple[Callable[[int], None], float]]
"""By name: repeat a call so many times, and about how many seconds one takes."""


def operand(rng: np.random.Generator, sizes: tuple[int, int, int], letter: str) -> Any:
    """A batch of matrices; T is stored transposed."""
    batch, rows, columns = sizes
    if letter == "N":
        return rng.standard_normal(sizes).astype(np.float32)
    stored = rng.standard_normal((batch, columns, rows)).astype(np.float32)
    return stored.transpose(0, 2, 1)


class Product:
    """A compiled product of two arrays that can be repeated in native code."""

    def __init__(self, a: Any, b: Any, machine: Machine) -> None:
        (batch, m, k), n = a.shape, b.shape[2]
        size = a.itemsize
        self.shape = GemmShape(
            "float" if size == 4 else "double",
            batch,
            m,
            n,
            k,
            tuple(s // size for s in a.strides),
            tuple(s // size for s in b.strides),
        )
        self.c = np.zeros((batch, m, n), a.dtype)

        def store(
            f: Function, i: Value, row: Value, col: Value, acc: Value, mask: Value | None
        ) -> None:
            place = Buffer(2).pointer(f).offset((i * m + row) * n + col, self.shape.scalar)
            if mask is None:
                f.store(acc, place)
            else:
                f.masked_store(acc, place, mask)

        start = time.perf_counter()
        module = Module()
        kernels = emit_gemm(
            module,
            "product",
            self.shape,
            machine,
            a=Buffer(0).pointer,
            b=Buffer(1).pointer,
            workspace=Buffer(3).pointer,
            epilogue=store,
        )
        f = module.function(
            "repeat", [("table", "ptr"), ("times", "i64"), ("scratch", "ptr")], internal=False
        )
        table, times, scratch = f.params
        with f.loop(0, times):
            for kernel in kernels:
                f.call(kernel.function, "void", table, f.i64(0), f.i64(kernel.tasks), scratch)
        f.ret()
        self.text = str(module)
        self.code = load(compile_object(self.text, machine))
        self.compile_ms = (time.perf_counter() - start) * 1e3
        self.work = np.zeros(workspace_bytes(self.shape, machine) + 64, np.uint8)
        self.scratch = np.zeros(max([x.scratch for x in kernels]) + 64, np.uint8)
        self.arrays = (a, b)
        slots = [a.ctypes.data, b.ctypes.data, self.c.ctypes.data, aligned(self.work)]
        self.table = (ctypes.c_void_p * 4)(*slots)
        self.call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(
            self.code.address("repeat")
        )

    def run(self, times: int = 1) -> None:
        self.call(self.table, times, aligned(self.scratch))


def aligned(array: Any) -> int:
    address: int = array.ctypes.data
    return address + -address % 64


def peak_probe(machine: Machine, scalar: str = "float") -> tuple[Callable[[], None], int]:
    """Independent multiply-adds on registers, and how many operations one call does."""
    module = Module()
    f = module.function("peak", [("out", "ptr"), ("x", scalar)], internal=False)
    x = f.params[1].splat(machine.lanes(scalar))
    chains, turns = 12, 20000
    with f.loop(0, turns, carried=[x] * chains) as loop:
        loop.carry(*[f.fma(value, x, x) for value in loop.values])
    total = loop.results[0]
    for value in loop.results[1:]:
        total = total + value
    f.store(total, f.params[0])
    f.ret()
    code = load(compile_object(str(module), machine))
    out = np.zeros(64)
    number = ctypes.c_float if scalar == "float" else ctypes.c_double
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, number)(code.address("peak"))

    def probe(keep: Any = code) -> None:
        call(out.ctypes.data, 0.5)

    return probe, 2 * chains * turns * machine.lanes(scalar)


def least(candidates: Contestants, rounds: int) -> dict[str, float]:
    """Least seconds for one call of each; all take their turn in every round."""
    times = {name: float("inf") for name in candidates}
    repeats = {}
    for name, (call, guess) in candidates.items():
        call(1)
        repeats[name] = max(1, int(300e-6 / guess))
    for _ in range(rounds):
        for name, (call, _) in candidates.items():
            start = time.perf_counter()
            call(repeats[name])
            times[name] = min(times[name], (time.perf_counter() - start) / repeats[name])
    return times


def repeated(call: Callable[[], Any]) -> Callable[[int], None]:
    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


def contestants(a: Any, b: Any, out: Any, seconds: float) -> Contestants:
    """The peers, and how long a call will take them about."""
    if len(a) == 1:
        a, b, out = a[0], b[0], out[0]
    found: Contestants = {
        "numpy": (repeated(lambda: np.matmul(a, b, out=out)), seconds + 1e-6),
    }
    torch = peer("torch")
    if torch:
        torch.set_num_threads(1)
        left, right, result = (torch.from_numpy(x) for x in (a, b, out))
        found["torch"] = (
            repeated(lambda: torch.matmul(left, right, out=result)),
            seconds + 2e-6,
        )
    return found


def run(shapes: list[tuple[int, int, int, int, str]] = SHAPES, rounds: int = 40) -> list[Row]:
    """One row for each shape: time, GFLOP/s, and ratios of least times."""
    rng = np.random.default_rng(0)
    machine = host()
    probe, flops = peak_probe(machine)
    rows: list[Row] = []
    for batch, m, n, k, layout in shapes:
        a = operand(rng, (batch, m, k), layout[0])
        b = operand(rng, (batch, k, n), layout[1])
        product = Product(a, b, machine)
        out = np.empty((batch, m, n), np.float32)
        work = product.shape.flops
        seconds = work / 100e9 + product.shape.bytes / 20e9 + 10e-9
        found = least(
            {
                "peak": (repeated(probe), flops / 100e9),
                "chainrule": (product.run, seconds),
                **contestants(a, b, out, seconds),
            },
            rounds,
        )
        bound = (k + 1) * 1.2e-7 * (np.abs(a) @ np.abs(b))
        assert (np.abs(product.c - a @ b) <= 2 * bound).all()
        own = found["chainrule"]
        row: Row = {
            "batch x m x n x k": f"{batch}x{m}x{n}x{k} {layout}",
            "µs": own * 1e6,
            "GFLOP/s": work / own / 1e9,
            "GB/s": product.shape.bytes / own / 1e9,
            "of peak": work / own / (flops / found["peak"]),
            "times numpy": found["numpy"] / own,
        }
        if "torch" in found:
            row["times torch"] = found["torch"] / own
        row["compile ms"] = product.compile_ms
        rows.append(row)
    return rows
