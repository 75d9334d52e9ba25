"""Direct convolution, forward and both gradients, on one thread: against peak and against torch."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.common import Row, interleaved, peer
from chainrule.lower.llvm.conv.emit import ConvShape, emit_conv, workspace_bytes
from chainrule.lower.llvm.ir import Function, Module, Value, vector
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.runtime.jit import Code, compile_object, load

ROUNDS = 40
CASES = {  # batch, channels, features, height and width; kernels 3x3, padding 1
    "1→16, 28x28, batch 64": (64, 1, 16, 28),
    "16→32, 14x14, batch 64": (64, 16, 32, 14),
    "16→32, 28x28, batch 32": (32, 16, 32, 28),
    "64→64, 56x56, batch 2": (2, 64, 64, 56),
    "64→64, 7x7, batch 64": (64, 64, 64, 7),
}
PEAK_TURNS = 20_000
PEAK_SUMS = 24


@dataclass
class Native:
    """A compiled convolution with its arrays."""

    code: Code
    calls: list[tuple[Callable[..., None], int, int]]
    table: Any
    kept: list[np.ndarray]

    def __call__(self) -> None:
        for call, tasks, scratch in self.calls:
            call(self.table, 0, tasks, scratch)


def _aligned(size: int) -> np.ndarray:
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


def _steps(array: np.ndarray) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


def native(x: np.ndarray, w: np.ndarray, padding: int, out: np.ndarray) -> Native:
    """A convolution of two views that stores its result in ``out``."""
    rank = x.ndim - 2
    one = (1,) * rank
    shape = ConvShape(
        "float", x.shape, w.shape, one, ((padding, padding),) * rank, one, one, 1, 1,
        _steps(x), _steps(w),
    )  # fmt: skip
    assert shape.out_shape == out.shape
    machine, module = host(), Module()

    def place(slot: int) -> Callable[[Function], Value]:
        return lambda f: Buffer(slot).pointer(f)

    def store(f: Function, index: Sequence[Value], acc: Value, mask: Value | None) -> None:
        offset = f.i64(0)
        for i, step in zip(index, _steps(out), strict=True):
            offset = offset + i * step
        pointer = place(3)(f).offset(offset, "float")
        if mask is None:
            f.store(acc, pointer)
        else:
            f.masked_store(acc, pointer, mask)

    kernels = emit_conv(
        module, "conv", shape, machine, x=place(0), w=place(1), workspace=place(2), epilogue=store
    )
    for i, kernel in enumerate(kernels):
        _export(module, f"run{i}", kernel.function)
    code = load(compile_object(str(module), machine))
    kept = [_aligned(workspace_bytes(shape, machine) + 64), x, w, out]
    table = (ctypes.c_void_p * 4)(*(kept[i].ctypes.data for i in (1, 2, 0, 3)))
    calls = []
    for i, kernel in enumerate(kernels):
        scratch = _aligned(kernel.scratch + 64)
        kept.append(scratch)
        calls.append((_function(code, f"run{i}"), kernel.tasks, scratch.ctypes.data))
    return Native(code, calls, table, kept)


def _export(module: Module, name: str, inner: str) -> None:
    params = [("table", "ptr"), ("first", "i64"), ("last", "i64"), ("scratch", "ptr")]
    f = module.function(name, params, internal=False)
    f.call(inner, "void", *f.params)
    f.ret()


def _function(code: Code, name: str) -> Callable[..., None]:
    address, whole = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(None, address, whole, whole, address)
    return kind(code.address(name))


def peak() -> tuple[Callable[[], None], float]:
    """A loop of nothing but multiply-adds, and its floating-point operations in 1e9."""
    machine, module = host(), Module()
    lanes = machine.lanes("float")
    params = [("table", "ptr"), ("first", "i64"), ("last", "i64"), ("scratch", "ptr")]
    f = module.function("peak", params, internal=False)
    type = vector(lanes, "float")
    factor = f.load(type, f.params[3])
    with f.loop(f.params[1], f.params[2], 1, [f.constant(type, i) for i in range(PEAK_SUMS)]) as t:
        t.carry(*(f.fma(value, factor, factor) for value in t.values))
    total = t.results[0]
    for value in t.results[1:]:
        total = total + value
    f.store(total, f.params[3])
    f.ret()
    code = load(compile_object(str(module), machine))
    memory = _aligned(64)
    call = _function(code, "peak")

    def run(kept: Code = code) -> None:
        memory[:] = 0
        call(None, 0, PEAK_TURNS, memory.ctypes.data)

    return run, 2 * lanes * PEAK_SUMS * PEAK_TURNS / 1e9


def _torch(parts: tuple[np.ndarray, ...]) -> dict[str, Callable[[], Any]]:
    torch = peer("torch")
    if torch is None:
        return {}
    torch.set_num_threads(1)
    calls: dict[str, Callable[[], Any]] = {}
    for layout in ("contiguous_format", "channels_last"):
        x, w, ct = (
            torch.from_numpy(a).contiguous(memory_format=getattr(torch, layout)) for a in parts
        )

        def backward(x: Any, w: Any, ct: Any, *wanted: bool) -> Any:
            one = [1, 1]
            return torch.ops.aten.convolution_backward(
                ct, x, w, None, one, one, one, False, [0, 0], 1, wanted
            )

        def forward(x: Any = x, w: Any = w) -> Any:
            with torch.no_grad():
                return torch.conv2d(x, w, padding=1)

        calls[f"torch {layout} forward"] = forward
        for direction, wanted in (("input", (True, False)), ("weight", (False, True))):
            calls[f"torch {layout} {direction} gradient"] = partial(
                backward, x, w, ct, *wanted, False
            )
    return calls


def run() -> list[Row]:
    """One row for each case and direction."""
    rng = np.random.default_rng(0)
    probe, probe_flops = peak()
    rows: list[Row] = []
    for title, (n, c, o, extent) in CASES.items():
        x = rng.normal(size=(n, c, extent, extent)).astype(np.float32)
        w = rng.normal(size=(o, c, 3, 3)).astype(np.float32)
        ct = rng.normal(size=(n, o, extent, extent)).astype(np.float32)
        swapped = (1, 0, 2, 3)
        results = [np.empty_like(a) for a in (ct, x, w)]
        calls: dict[str, Callable[[], Any]] = {
            "forward": native(x, w, 1, results[0]),
            "input gradient": native(ct, w.transpose(swapped)[:, :, ::-1, ::-1], 1, results[1]),
            "weight gradient": native(
                x.transpose(swapped), ct.transpose(swapped), 1, results[2].transpose(swapped)
            ),
        }
        directions = list(calls)
        seconds = interleaved({**calls, "peak": probe, **_torch((x, w, ct))}, ROUNDS)
        flops = 2 * x.size * o * 9 / 1e9
        top = probe_flops / seconds["peak"].minimum
        for direction in directions:
            least = seconds[direction].minimum
            row: Row = {
                "convolution": title,
                "direction": direction,
                "µs": least * 1e6,
                "GFLOP/s": flops / least,
                "of peak": flops / least / top,
            }
            peers = [s.minimum for k, s in seconds.items() if "torch" in k and direction in k]
            if peers:
                row["torch / ours"] = min(peers) / least
            rows.append(row)
    return rows
