"""The vector functions: errors within what is stated, special values, every instruction set."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bench.vecmath_ulps import (
    ARGUMENTS,
    BINARY,
    EXACT,
    POSITIVE,
    UNARY,
    errors,
    float64_error,
)
from chainrule.lower.llvm import elementwise, vecmath
from chainrule.lower.llvm.ir import Module, Value, element, vector
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.lower.llvm.runtime.jit import compile_object
from chainrule.lower.llvm.vecmath import Accuracy
from chainrule.ops.table import PRIMITIVES
from tests.lower.native import Array, Native, module_text, native

FLOATS = ("float32", "float64")
CASES = [(name, argument) for name in UNARY for argument in ARGUMENTS.get(name, [()])]
X86 = platform.machine().lower() in ("x86_64", "amd64")
# code without fused multiply-add runs on every x86
RUNNABLE = [host(), *([MACHINES["sse"]] if X86 else [])]
machines = pytest.mark.parametrize("machine", RUNNABLE, ids=lambda m: m.name)


def reference(name: str, *arrays: Any) -> Any:
    with np.errstate(all="ignore"):
        return PRIMITIVES[name].evaluate(*arrays)


@machines
@pytest.mark.parametrize(("name", "argument"), CASES)
def test_float32_errors(name: str, argument: tuple[int, ...], machine: Machine) -> None:
    """Bit patterns from end to end, and the part where most numbers are."""
    spread = np.arange(0, 1 << 32, 130003, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([spread, np.linspace(-12, 12, 30001, dtype=np.float32)])
    if name in POSITIVE:
        x = x[x > 0]
    with np.errstate(all="ignore"):
        exact = PRIMITIVES[name].evaluate(x.astype(np.float64), *argument)
    error = errors(native(name, "float32", argument, machine=machine)(x), exact, 24, -149)
    at = int(error.argmax())
    assert error[at] <= elementwise.ulps(name, "float32"), x[at]


@machines
@pytest.mark.parametrize(("name", "argument"), [*CASES, *((name, ()) for name in sorted(BINARY))])
def test_float64_errors(name: str, argument: tuple[int, ...], machine: Machine) -> None:
    """Random numbers and hard cases against mpmath."""
    error, at = float64_error(name, argument, 12, machine, seed=1)
    assert 0 < error <= elementwise.ulps(name, "float64"), at


@pytest.mark.parametrize("name", sorted(BINARY))
def test_float32_errors_of_two_arguments(name: str) -> None:
    rng = np.random.default_rng(2)
    x, y = (np.exp(rng.uniform(-3, 3, 50000)).astype(np.float32) for _ in range(2))
    sign = rng.choice(np.array([-1, 1], np.float32), x.size) if name == "atan2" else np.float32(1)
    exact = reference(name, (sign * x).astype(np.float64), y.astype(np.float64))
    error = errors(native(name, "float32", (), None, 2)(sign * x, y), exact, 24, -149)
    assert 0 < error.max() <= elementwise.ulps(name, "float32")


@machines
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("name", "argument"), CASES)
def test_special_values(name: str, argument: tuple[int, ...], dtype: str, machine: Machine) -> None:
    """NaN, ±0, ±∞, denormal and huge numbers, with the signs of the reference."""
    info = np.finfo(dtype)
    sizes = [0, info.smallest_subnormal, info.tiny, 0.5, 1, 2, 3, info.max, np.inf]
    x = np.array([np.nan, *sizes, *(-size for size in map(np.dtype(dtype).type, sizes))], dtype)
    if name in POSITIVE:
        x = x[~(x < 0)]
    expected = reference(name, x, *argument)
    y = native(name, dtype, argument, machine=machine)(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(expected))
    np.testing.assert_array_equal(y == 0, expected == 0)
    # zeros that are no limits, such as ln Γ(1), have no sign of their own
    at = ~np.isnan(expected) & ((expected != 0) | (x == 0) | (np.abs(x) > 3))
    np.testing.assert_array_equal(np.signbit(y[at]), np.signbit(expected[at]))


@machines
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted(BINARY))
def test_special_values_of_two_arguments(name: str, dtype: str, machine: Machine) -> None:
    info = np.finfo(dtype)
    sizes = [0, info.smallest_subnormal, 0.5, 1, 2, 2.5, 3, 1 / info.eps + 2, info.max, np.inf]
    x = np.array([np.nan, *sizes, *(-size for size in map(np.dtype(dtype).type, sizes))], dtype)
    a, b = (v.ravel().copy() for v in np.meshgrid(x, x))
    expected = reference(name, a, b)
    y = native(name, dtype, (), None, 2, machine=machine)(a, b)
    np.testing.assert_allclose(y, expected, rtol=4 * float(info.eps), atol=0)
    at = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[at]), np.signbit(expected[at]))


@machines
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "exponent", [0.5, -0.5, 1.5, -3.0, 4.0, 0.0, -0.0, np.inf, -np.inf, np.nan]
)
def test_constant_exponents(exponent: float, dtype: str, machine: Machine) -> None:
    """They become part of the function."""
    info = np.finfo(dtype)
    sizes = [0, info.smallest_subnormal, info.tiny, 0.3, 1, 2, 3.1, info.max, np.inf]
    x = np.array([np.nan, *sizes, *(-size for size in map(np.dtype(dtype).type, sizes))], dtype)

    def write(c: elementwise.Context, values: Sequence[Value]) -> Value:
        power = c.f.constant(element(values[0].type), exponent).splat(16)
        return elementwise.emit_elementwise(c, "pow", [values[0], power])

    y = Native(module_text(write, [dtype], dtype, machine), dtype, 16, machine)(x)
    expected = reference("pow", x, np.full_like(x, exponent))
    np.testing.assert_allclose(y, expected, rtol=3 * float(info.eps), atol=0)
    at = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[at]), np.signbit(expected[at]))


def test_pow_where_its_logarithm_is_short() -> None:
    """Near 1, where x lies in one binade with its inverse, the error grows with the exponent."""
    rng = np.random.default_rng(5)
    x = rng.uniform(0.70, 1.42, 200000).astype(np.float32)
    y = (rng.uniform(-88, 88, x.size) / np.log(x.astype(np.float64))).astype(np.float32)
    exact = reference("pow", x.astype(np.float64), y.astype(np.float64))
    error = errors(native("pow", "float32", (), None, 2)(x, y), exact, 24, -149)
    assert 0 < error.max() <= elementwise.ulps("pow", "float32")


@machines
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted(EXACT))
def test_remainders_are_exact(name: str, dtype: str, machine: Machine) -> None:
    """Quotients from tiny to huge; the long division of one lane leaves its neighbours alone."""
    rng = np.random.default_rng(3)
    top = float(np.log(np.finfo(dtype).max))
    special: list[Any] = [
        0,
        1,
        2.5,
        -3,
        np.inf,
        -0.0,
        -np.inf,
        np.nan,
        np.finfo(dtype).smallest_subnormal,
    ]
    sizes = np.exp(rng.uniform(-top, top, (2, 2000))) * rng.choice([-1, 1], (2, 2000))
    middle = rng.normal(size=(2, 3000)), rng.integers(-9, 9, (2, 1000))
    pairs: Array = np.stack(np.meshgrid(special, special)).reshape(2, -1)
    a, b = np.concatenate([sizes, *middle, pairs], axis=1).astype(dtype)
    expected = reference(name, a, b)
    y = native(name, dtype, (), None, 2, machine=machine)(a, b)
    np.testing.assert_array_equal(y, expected)
    at = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[at]), np.signbit(expected[at]))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["exp", "log", "sin", "tanh", "erf", "lgamma"])
def test_lanes_do_not_matter(name: str, dtype: str) -> None:
    """Scalars, narrow and wide vectors: the same bits."""
    x = np.random.default_rng(4).uniform(0.1, 1e5, 64).astype(dtype)
    expected = native(name, dtype)(x)
    for lanes in (0, 2, 8):
        np.testing.assert_array_equal(native(name, dtype, lanes=lanes)(x), expected)


@pytest.mark.parametrize("name", [name for name, r in vecmath.ROUTINES.items() if r.fast])
@pytest.mark.parametrize("dtype", FLOATS)
def test_fast_is_another_function_within_four_ulps(name: str, dtype: str) -> None:
    x = np.linspace(-20, 20, 100001).astype(dtype)
    modes: tuple[Accuracy, ...] = ("default", "fast")
    exact, fast = (native(name, dtype, accuracy=mode)(x) for mode in modes)
    assert (exact != fast).any()
    reach = np.float64 if dtype == "float32" else np.longdouble
    e = errors(fast, np.asarray(exact, reach), *((24, -149) if dtype == "float32" else (53, -1074)))
    assert e.max() <= 4


@pytest.mark.parametrize("n", [4, 7, vecmath.ORDERS])
def test_higher_orders_of_polygamma(n: int) -> None:
    error, at = float64_error("polygamma", (n,), 20, host(), seed=n)
    assert 0 < error <= elementwise.ulps("polygamma", "float64"), at


@pytest.mark.parametrize("name", ["lgamma", "polygamma"])
def test_gamma_functions_below_zero(name: str) -> None:
    """The reflection formula, away from the poles and zeros."""
    x = np.linspace(-7.9, -0.05, 4001)
    x = x[np.abs(x - np.round(x)) > 0.02]
    argument = () if name == "lgamma" else (1,)
    expected = reference(name, x, *argument)
    np.testing.assert_allclose(
        native(name, "float64", argument)(x), expected, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize(("others", "inlined"), [(0, False), (30000, True)])
def test_functions_called_from_many_places(others: int, inlined: bool) -> None:
    """They are put into each of them only where most of the module is something else."""
    m = Module()
    f = m.function("f", [("x", "<8 x float>")], "<8 x float>")
    (x,) = f.params
    for _ in range(50):
        x = vecmath.call(f, host(), "exp", [x])
    for _ in range(others):
        x = x + 1.0
    f.ret(x)
    line = next(
        line for line in str(m).splitlines() if "@exp.v8f32.default(" in line and "{" in line
    )
    assert ("alwaysinline" in line) == inlined


@pytest.mark.parametrize("name", MACHINES)
def test_code_for_every_machine(name: str) -> None:
    """All functions in one module: LLVM accepts them, and nothing is left to a library of C."""
    machine = MACHINES[name]
    m = Module()
    for scalar in ("float", "double"):
        type = vector(machine.lanes(scalar), scalar)
        for routine in vecmath.ROUTINES:
            arity = 2 if routine in BINARY | EXACT else 1
            params = [("p", "ptr"), *((f"x{i}", type) for i in range(arity))]
            f = m.function(f"{routine}_{scalar}", params, internal=False)
            argument = (2,) if routine == "polygamma" else ()
            f.store(vecmath.call(f, machine, routine, f.params[1:], argument), f.params[0])
            f.ret()
    code = compile_object(str(m), machine)
    names = set(code.replace(b"\0", b"\n").split(b"\n"))
    assert b"exp_float" in names
    assert not names & {b"fma", b"fmaf", b"floor", b"trunc", b"rint", b"fmod", b"exp", b"ldexp"}
