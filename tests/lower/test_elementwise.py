"""The elementwise table: complete, and the same values as the reference."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from chainrule.core.types import DTYPES
from chainrule.lower.llvm import elementwise, vecmath
from chainrule.lower.llvm.elementwise import ELEMENTWISE, Context, emit_cast, emit_elementwise
from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.lower.llvm.runtime.jit import compile_object
from chainrule.lower.target import NotDefined
from chainrule.ops.record import Elementwise
from chainrule.ops.table import PRIMITIVES
from tests.lower.native import Array, Native, module_text, native

RECORDS = {p.name: p for p in PRIMITIVES.values() if isinstance(p, Elementwise)}
ARITY = {name: len(record.domain) for name, record in RECORDS.items()}
X86 = platform.machine().lower() in ("x86_64", "amd64")
RUNNABLE = [host(), *([MACHINES["sse"]] if X86 else [])]
machines = pytest.mark.parametrize("machine", RUNNABLE, ids=lambda m: m.name)
PLAIN = sorted(set(RECORDS) - set(vecmath.ROUTINES) - {"integer_pow"})


def values(dtype: Any, count: int, rng: np.random.Generator) -> Array:
    """Numbers of all kinds: small ones, equal ones, ends of the range, NaN, zeros of both signs."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, count).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        edges = [info.min, info.min + 1, info.max, 0, 1, 2, 3, 7, 8, 31, 32, 63, 64]
        edges += [-1, -2, -7] if dtype.kind == "i" else []
        whole = rng.integers(info.min, info.max, count, dtype=dtype, endpoint=True)
        return np.where(rng.random(count) < 0.5, rng.choice(np.array(edges, dtype), count), whole)
    limits = np.finfo(dtype)
    special = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan]
    most, least = float(limits.max), float(limits.smallest_subnormal)
    special += [most, -most, float(limits.tiny), least, 1 / float(limits.eps) + 1]
    some = (rng.normal(size=count) * rng.choice([1, 100], count)).astype(dtype)
    return np.where(rng.random(count) < 0.4, rng.choice(np.array(special, dtype), count), some)


def sources(name: str, dtype: str, rng: np.random.Generator) -> list[Array]:
    arrays = [values(dtype, 4000, rng) for _ in range(ARITY.get(name, 1))]
    if name == "where":
        arrays[0] = values("bool", 4000, rng)
    return arrays


def cases() -> Iterator[tuple[str, str]]:
    for name in PLAIN:
        for dtype in DTYPES.values():
            if dtype.kind in RECORDS[name].dtypes:
                yield name, dtype.name


def test_the_table_is_complete() -> None:
    assert set(ELEMENTWISE) == set(RECORDS)


@pytest.mark.parametrize("name", PLAIN)
@machines
def test_equals_the_reference(name: str, machine: Machine) -> None:
    """Bit for bit, in every dtype, signs of zeros included."""
    rng = np.random.default_rng(sum(map(ord, name)))
    for dtype in [d for n, d in cases() if n == name]:
        arrays = sources(name, dtype, rng)
        with np.errstate(all="ignore"):
            expected = np.asarray(RECORDS[name].evaluate(*arrays))
        result = expected.dtype.name
        y = native(name, dtype, (), result, len(arrays), machine=machine)(*arrays)
        np.testing.assert_array_equal(y, expected, err_msg=dtype)
        if expected.dtype.kind == "f":
            at = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(y[at]), np.signbit(expected[at]), dtype)


@pytest.mark.parametrize("dtype", [d.name for d in DTYPES.values() if d.kind in "iu"])
@pytest.mark.parametrize("name", ["remainder", "floor_divide"])
def test_integer_division(name: str, dtype: str) -> None:
    """Towards −∞, and 0 for a divisor of 0; neither 0 nor −1 stops the processor."""
    rng = np.random.default_rng(5)
    a, b = sources(name, dtype, rng)
    assert (b == 0).any()
    with np.errstate(all="ignore"):
        expected = RECORDS[name].evaluate(a, b)
    np.testing.assert_array_equal(native(name, dtype, (), None, 2)(a, b), expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("n", [-30, -4, -2, -1, 0, 1, 2, 3, 8, 9, 25])
def test_integer_powers(n: int, dtype: str) -> None:
    kind = np.dtype(dtype).kind
    if elementwise.defined("integer_pow", (n,), dtype):
        assert n < 0 and kind != "f"
        return
    rng = np.random.default_rng(n + 50)
    x = values(dtype, 1000, rng)
    with np.errstate(all="ignore"):
        expected = RECORDS["integer_pow"].evaluate(x, n)
    y = native("integer_pow", dtype, (n,))(x)
    if kind != "f":
        np.testing.assert_array_equal(y, expected)
    else:
        info = np.finfo(dtype)
        rtol, least = 4 * float(info.eps), 4 * float(info.smallest_subnormal)
        np.testing.assert_allclose(y, expected, rtol=rtol, atol=least)


def test_float16_functions_round_float() -> None:
    """All of float16: the float result, rounded."""
    x = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    for name in ("exp", "sin", "sigmoid", "log1p"):
        with np.errstate(all="ignore"):
            exact = RECORDS[name].evaluate(x.astype(np.float64)).astype(np.float16)
        y = native(name, "float16")(x)
        step = np.abs(y.view(np.int16).astype(int) - exact.view(np.int16).astype(int))
        assert step[~np.isnan(exact)].max() <= 1
        np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))


@machines
@pytest.mark.parametrize("source", DTYPES)
def test_casts(source: str, machine: Machine) -> None:
    """As astype where the number is in the range of the target."""
    rng = np.random.default_rng(6)
    for target, dtype in DTYPES.items():
        x = values(source, 2000, rng)
        if np.dtype(source).kind == "f" and dtype.kind in "iu":
            wide, info = x.astype(np.float64), np.iinfo(dtype)
            x = x[(wide > float(info.min)) & (wide < float(info.max))]

        def write(c: Context, given: Sequence[Value], to: Any = dtype) -> Value:
            return emit_cast(c, given[0], c.dtype, to)

        text = module_text(write, [source], dtype, machine)
        with np.errstate(all="ignore"):
            expected = x.astype(dtype)
        y = Native(text, dtype, 16, machine)(x)
        np.testing.assert_array_equal(y, expected, err_msg=target)


@machines
def test_double_to_half_rounds_once(machine: Machine) -> None:
    """Just beside the middle of two float16, where a detour through float32 would go astray."""
    halves = np.arange(0x0001, 0x7BFF, 7, dtype=np.uint16)
    below, above = (h.view(np.float16).astype(np.float64) for h in (halves, halves + 1))
    middle = (below + above) / 2
    x = np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, 9e9), [7e4, 1e300]])
    x = np.concatenate([x, -x])

    def write(c: Context, given: Sequence[Value]) -> Value:
        return emit_cast(c, given[0], "float64", "float16")

    text = module_text(write, ["float64"], "float16", machine)
    with np.errstate(all="ignore"):
        expected = x.astype(np.float16)
    np.testing.assert_array_equal(Native(text, "float16", 16, machine)(x), expected)


def test_casts_out_of_range_do_not_stop() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 300.0, -1.0], np.float32)
    for dtype in ("int8", "uint8", "int32", "uint32", "int64", "uint64"):

        def write(c: Context, given: Sequence[Value], to: str = dtype) -> Value:
            return emit_cast(c, given[0], "float32", to)

        y = Native(module_text(write, ["float32"], dtype, host()), dtype, 16, host())(x)
        assert y.shape == x.shape


@pytest.mark.parametrize(
    ("name", "argument", "dtype"),
    [("pow", (), "int32"), ("integer_pow", (-1,), "int64"), ("polygamma", (999,), "float32")],
)
def test_what_is_not_defined(name: str, argument: tuple[int, ...], dtype: str) -> None:
    found = elementwise.defined(name, argument, dtype)
    assert isinstance(found, NotDefined) and found.reason
    assert elementwise.defined(name, (1,) if argument else (), "float64") is None


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda m: m.name)
@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint64", "bool"])
def test_code_for_every_machine(dtype: str, machine: Machine) -> None:
    """All primitives that take the dtype, one after the other in one module."""
    given = [np.dtype(dtype)] * 2 + [np.dtype("bool")]
    names = [n for n in PLAIN if np.dtype(dtype).kind in RECORDS[n].dtypes]

    def write(c: Context, v: Sequence[Value]) -> Value:
        a, b, condition = v
        for name in names:
            if name == "where":
                y = emit_elementwise(c, name, [condition, a, b])
            else:
                y = emit_elementwise(c, name, [a, b][: ARITY.get(name, 1)])
            if y.type == a.type:
                a = y
            elif y.type == condition.type:
                condition = y
        return condition.select(a, b)

    text = module_text(write, given, dtype, machine, source=dtype)
    assert compile_object(text, machine)
