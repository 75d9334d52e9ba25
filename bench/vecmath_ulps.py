"""The largest error of every vector function, in units in the last place, over its whole domain.

float32: bit patterns at a stride (1: all of them) against the float64 reference. float64: random
numbers of all sizes and hard cases against mpmath.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from bench.common import Row
from chainrule.lower.llvm import elementwise, vecmath
from chainrule.lower.llvm.machine import Machine, host
from chainrule.ops.record import Elementwise
from chainrule.ops.table import PRIMITIVES
from tests.lower.native import native

Array = np.ndarray[Any, Any]

ARGUMENTS: dict[str, Sequence[tuple[int, ...]]] = {"polygamma": [(n,) for n in range(4)]}
EXACT = {"remainder", "floor_divide"}
POSITIVE = {"lgamma", "polygamma"}
BINARY = {"atan2", "pow"}
# where the function is neither 0, ±1, ±∞ nor too large for mpmath's exponents
RANGES = {
    "exp": 760.0,
    "expm1": 715.0,
    "sigmoid": 760.0,
    "softplus": 760.0,
    "sinh": 712.0,
    "cosh": 712.0,
    "tanh": 25.0,
    "erf": 7.0,
    "erfc": 28.0,
    "asin": 1.0,
    "acos": 1.0,
    "atanh": 1.0,
    "erfinv": 1.0,
}
UNARY = [name for name in vecmath.ROUTINES if name not in EXACT | BINARY]


def errors(y: Array, exact: Array, digits: int, least: int) -> Array:
    """|y − exact| in units in the last place of ``exact`` (float64 or longer); NaN is far off."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(y.dtype)
        size = np.where(np.isfinite(exact) & (exact != 0), np.abs(exact), 1)
        unit = np.ldexp(1.0, np.maximum(np.frexp(size)[1] - digits, least))
        error = np.abs(y.astype(exact.dtype) - exact) / unit
    error = np.where(y == rounded, np.fmin(error, 0.5), error)
    error = np.where(np.isnan(y) & np.isnan(rounded), 0.0, error)
    return np.nan_to_num(error, nan=np.inf)


def patterns(name: str, stride: int, start: int = 0) -> Iterator[Array]:
    """Every ``stride``-th float32 of the domain, in pieces."""
    stop = 1 << 31 if name in POSITIVE else 1 << 32
    piece = stride << 20
    for first in range(start, stop, piece):
        count = np.arange(first, min(first + piece, stop), stride, dtype=np.uint64)
        yield count.astype(np.uint32).view(np.float32)


def float32_error(
    name: str, argument: tuple[int, ...], stride: int, machine: Machine
) -> tuple[float, float]:
    """The largest error, and where."""
    run = native(name, "float32", argument, machine=machine)
    worst, place = 0.0, 0.0
    for x in patterns(name, stride):
        with np.errstate(all="ignore"):
            exact = PRIMITIVES[name].evaluate(x.astype(np.float64), *argument)
        error = errors(run(x), exact, 24, -149)
        at = int(error.argmax())
        if error[at] > worst:
            worst, place = float(error[at]), float(x[at])
    return worst, place


def numbers(name: str, count: int, rng: np.random.Generator) -> Array:
    """Numbers of all sizes in the domain of a float64 function, and hard ones."""
    span = RANGES.get(name, np.inf)
    top = min(np.log(span), 700.0)
    sides = (1.0,) if name in POSITIVE or name.startswith("log") or name == "acosh" else (1.0, -1.0)
    parts: list[Array] = [s * np.exp(rng.uniform(-40, min(top, 8.0), count)) for s in sides]
    parts += [s * np.exp(rng.uniform(-700, top, count)) for s in sides]
    parts += [s * rng.uniform(0, min(span, 12.0), count) for s in sides]
    parts += [1 - np.exp(rng.uniform(-36, 0, count)), 1 + np.exp(rng.uniform(-36, 0, count))]
    if span > 100:
        parts += [s * rng.uniform(0, min(span, 1e6), count) for s in sides]
    if name in ("sin", "cos", "tan"):
        parts += [rng.integers(1, 1 << 20, count) * (np.pi / 2)]
        parts += [np.array([6381956970095103.0 * 2.0**797, 2.0**1023, 1e22, 1e6, 1e6 + 1])]
    if name in ("lgamma", "polygamma"):
        parts += [2 + rng.uniform(-1e-3, 1e-3, count), 1.46 + rng.uniform(0, 3e-3, count)]
    x: Array = np.concatenate(parts)
    inside: Array = x[(np.abs(x) <= span) & ((x > 0) | (len(sides) == 2))]
    return inside


def exactly(name: str, values: Sequence[float], argument: tuple[int, ...]) -> Any:
    """The exact value, as a number of mpmath; None where it has no finite real one."""
    from mpmath import mp  # type: ignore[import-untyped]

    record = PRIMITIVES[name]
    assert isinstance(record, Elementwise) and record.exact is not None
    exact = record.exact
    compute: Callable[..., Any] = (
        getattr(mp, exact) if isinstance(exact, str) else partial(exact, mp)
    )
    with mp.workdps(40):
        value = compute(*(mp.mpf(v) for v in values), *argument)
        return value if isinstance(value, mp.mpf) and mp.isfinite(value) else None


def mp_error(y: float, exact: Any, digits: int = 53, least: int = -1074) -> float:
    """|y − exact| in units in the last place of ``exact``; overflow to ±∞ as rounding has it."""
    from mpmath import mp

    with mp.workdps(40):
        if float(exact) == y and not np.isfinite(y):
            return 0.0
        if not np.isfinite(y):
            return np.inf
        exponent = mp.frexp(exact)[1] if exact else 0
        return float(abs(mp.mpf(y) - exact) / mp.mpf(2) ** max(exponent - digits, least))


def float64_error(
    name: str, argument: tuple[int, ...], count: int, machine: Machine, seed: int = 0
) -> tuple[float, float]:
    """The largest error, and where."""
    rng = np.random.default_rng(seed)
    if name in BINARY:
        arrays = pairs(name, count, rng)
    else:
        arrays = [numbers(name, count, rng)]
    run = native(name, "float64", argument, None, len(arrays), 8, machine=machine)
    worst, place = 0.0, 0.0
    for y, *values in zip(run(*arrays).tolist(), *(a.tolist() for a in arrays), strict=True):
        exact = exactly(name, values, argument)
        error = 0.0 if exact is None else mp_error(y, exact)
        if error > worst:
            worst, place = error, values[0]
    return worst, place


def pairs(name: str, count: int, rng: np.random.Generator) -> list[Array]:
    """Arguments of the functions of two numbers."""
    x = np.exp(np.concatenate([rng.uniform(-300, 300, count), rng.uniform(-3, 3, count)]))
    if name == "atan2":
        y = np.concatenate([np.exp(rng.uniform(-300, 300, count)), rng.normal(size=count)])
        return [y * rng.choice([-1.0, 1.0], y.size), x * rng.choice([-1.0, 1.0], x.size)]
    near = 1 + rng.uniform(-1e-6, 1e-6, count)
    x = np.concatenate([x, near])
    return [x, rng.uniform(-740, 709, x.size) / np.where(x == 1, 1, np.log(x))]


def run(stride: int = 1021, count: int = 300, machine: Machine | None = None) -> list[Row]:
    """One row for each function: both errors, where they occur, and what is stated."""
    machine = machine or host()
    rows: list[Row] = []
    for name in vecmath.ROUTINES:
        if name in EXACT:
            continue
        for argument in ARGUMENTS.get(name, [()]):
            row: Row = {"function": " ".join([name, *map(str, argument)])}
            if name not in BINARY:
                row["float32"], row["at"] = float32_error(name, argument, stride, machine)
            row["float64"], row["at "] = float64_error(name, argument, count, machine)
            row["stated"] = elementwise.ulps(name, "float32")
            row["stated "] = elementwise.ulps(name, "float64")
            rows.append(row)
    return rows
