"""The elementwise primitives as LLVM code: what each does to values in registers.

The semantics are the reference's, NumPy's: NaN propagates, integers wrap around, an integer
quotient is rounded down and is 0 for a divisor of 0, shifts by more than the width shift
everything out. Arithmetic, square roots, choices and comparisons give the same bits as NumPy.

Booleans are i1 in registers and i8 in memory. Float16 is widened to float and rounded back after
every operation, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.lower.llvm import vecmath
from chainrule.lower.llvm.ir import Function, Value, bits, is_float
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.vecmath import Accuracy, casting, rounding
from chainrule.lower.llvm.vecmath.casting import ir_type, memory_type
from chainrule.lower.llvm.vecmath.common import raised
from chainrule.lower.target import NotDefined

__all__ = [
    "ELEMENTWISE",
    "Context",
    "Emitter",
    "defined",
    "emit_cast",
    "emit_elementwise",
    "ir_type",
    "memory_type",
    "ulps",
]

Argument = tuple[Any, ...]


@dataclass(frozen=True)
class Context:
    """Where an elementwise operation is written.

    Attributes:
        f: the function being written.
        dtype: the NumPy dtype of the sources (of the branches, for ``where``).
        machine: for which processor.
        accuracy: ``"fast"`` allows larger errors where that gains speed.
    """

    f: Function
    dtype: Any
    machine: Machine
    accuracy: Accuracy = "default"

    @property
    def unsigned(self) -> bool:
        return bool(self.dtype.kind in "ub")


Emitter = Callable[[Context, Sequence[Value], Argument], Value]


def emit_cast(c: Context, value: Value, source_dtype: Any, target_dtype: Any) -> Value:
    """``value.astype(target_dtype)``; a float outside of an integer type gives some number."""
    return casting.cast(value, source_dtype, target_dtype, c.machine)


# -- arithmetic ----------------------------------------------------------------------------------


def _neg(c: Context, values: Sequence[Value], argument: Argument) -> Value:
    return -values[0]


def _abs(c: Context, values: Sequence[Value], argument: Argument) -> Value:
    (x,) = values
    if is_float(x.type):
        return c.f.intrinsic("fabs", x.type, x)
    return x if c.unsigned else x.lt(0).select(-x, x)


def _sign(c: Context, values: Sequence[Value], argument: Argument) -> Value:
    (x,) = values
    one, zero = c.f.constant(x.type, 1), c.f.constant(x.type, 0)
    if c.unsigned:
        return x.ne(0).select(one, zero)
    minus = c.f.constant(x.type, -1)
    low = x.lt(0).select(minus, zero)
    result = x.gt(0).select(one, low)
    return x.is_nan().select(x, result) if is_float(x.type) else result


def _sqrt(c: Context, values: Sequence[Value], argument: Argument) -> Value:
    return c.f.intrinsic("sqrt", values[0].type, values[0])


def _extreme(ordered: str, integer: str) -> Emitter:
    """The first where the comparison holds or it is NaN, else the second (also where it is NaN)."""

    def emit(c: Context, values: Sequence[Value], argument: Argument) -> Value:
        a, b = values
        if not is_float(a.type):
            return a.compare("", ("u" if c.unsigned else "s") + integer, b).select(a, b)
        # NumPy returns the second of two equal numbers (0 and −0), but the first in float16
        name = ordered[:2] + "e" if c.dtype == np.float16 else ordered
        return a.is_nan().select(a, a.compare(name, "", b).select(a, b))

    return emit


def _relu(c: Context, values: Sequence[Value], argument: Argument) -> Value:
    (x,) = values
    # NaN is neither and stays; NumPy makes 0 of −0, except in float16
    below = x.lt(0) if c.dtype == np.float16 else x.le(0)
    return below.select(c.f.constant(x.type, 0), x)


def _product(a: Value, b: Value) -> Value:
    return a * b


def _integer_pow(c: Context, values: Sequence[Value], argument: Argument) -> Value:
    """Repeated squaring where its rounding errors stay within 4 ulp, otherwise in double or pow."""
    (x,) = values
    (n,) = argument
    one = c.f.constant(x.type, 1)
    if n == 0:
        return one
    if not is_float(x.type) or -4 <= n <= 8:
        return raised(one / x if n < 0 else x, abs(n), _product)
    if bits(x.type) == 32 and abs(n) <= 1 << 20:
        power = raised(x.cast("fpext", "double"), abs(n), _product)
        return (power if n > 0 else 1.0 / power).cast("fptrunc", "float")
    exponent = c.f.constant(x.type, n)
    return vecmath.call(c.f, c.machine, "pow", [x, exponent], (), c.accuracy)


# -- division with remainder, rounding -----------------------------------------------------------


def _divided(remainder: bool) -> Emitter:
    def emit(c: Context, values: Sequence[Value], argument: Argument) -> Value:
        a, b = values
        if is_float(a.type):
            name = "remainder" if remainder else "floor_divide"
            return vecmath.call(c.f, c.machine, name, [a, b])
        return rounding.divide_integers(a, b, c.unsigned, remainder)

    return emit


def _rounded(name: str) -> Emitter:
    def emit(c: Context, values: Sequence[Value], argument: Argument) -> Value:
        (x,) = values
        return rounding.to_whole(x, name, c.machine) if is_float(x.type) else x

    return emit


# -- comparisons, logic, bits --------------------------------------------------------------------


def _compared(ordered: str, integer: str, signed: bool = True) -> Emitter:
    def emit(c: Context, values: Sequence[Value], argument: Argument) -> Value:
        prefix = ("u" if c.unsigned else "s") if signed else ""
        return values[0].compare(ordered, prefix + integer, values[1])

    return emit


def _kind(for_float: Callable[[Context, Value], Value], for_integer: bool) -> Emitter:
    def emit(c: Context, values: Sequence[Value], argument: Argument) -> Value:
        (x,) = values
        if is_float(x.type):
            return for_float(c, x)
        return x.eq(x) if for_integer else x.ne(x)

    return emit


def _size(c: Context, x: Value) -> Value:
    return c.f.intrinsic("fabs", x.type, x)


def _shifted(left: bool) -> Emitter:
    def emit(c: Context, values: Sequence[Value], argument: Argument) -> Value:
        x, count = values
        width = bits(x.type)
        inside = count.compare("", "ult", width)  # negative counts are large ones
        amount = inside.select(count, 0 if left or c.unsigned else width - 1)
        if left:
            return inside.select(x << amount, 0)
        return x.ashr(amount) if not c.unsigned else inside.select(x.lshr(amount), 0)

    return emit


def _library(name: str) -> Emitter:
    def emit(c: Context, values: Sequence[Value], argument: Argument) -> Value:
        return vecmath.call(c.f, c.machine, name, values, argument, c.accuracy)

    return emit


_INFINITY = float("inf")
_UNCHANGED: Emitter = lambda c, values, argument: values[0]  # noqa: E731

_PLAIN: dict[str, Emitter] = {
    "add": lambda c, values, argument: values[0] + values[1],
    "sub": lambda c, values, argument: values[0] - values[1],
    "mul": lambda c, values, argument: values[0] * values[1],
    "div": lambda c, values, argument: values[0] / values[1],
    "neg": _neg,
    "abs": _abs,
    "sign": _sign,
    "sqrt": _sqrt,
    "integer_pow": _integer_pow,
    "where": lambda c, values, argument: values[0].select(values[1], values[2]),
    "maximum": _extreme("ogt", "gt"),
    "minimum": _extreme("olt", "lt"),
    "relu": _relu,
    "stop_gradient": _UNCHANGED,
    "floor": _rounded("floor"),
    "ceil": _rounded("ceil"),
    "round": _rounded("roundeven"),
    "trunc": _rounded("trunc"),
    "remainder": _divided(remainder=True),
    "floor_divide": _divided(remainder=False),
    "equal": _compared("oeq", "eq", signed=False),
    "not_equal": _compared("une", "ne", signed=False),
    "less": _compared("olt", "lt"),
    "less_equal": _compared("ole", "le"),
    "greater": _compared("ogt", "gt"),
    "greater_equal": _compared("oge", "ge"),
    "logical_and": lambda c, values, argument: values[0] & values[1],
    "logical_or": lambda c, values, argument: values[0] | values[1],
    "logical_xor": lambda c, values, argument: values[0] ^ values[1],
    "logical_not": lambda c, values, argument: ~values[0],
    "isfinite": _kind(lambda c, x: _size(c, x).lt(_INFINITY), True),
    "isnan": _kind(lambda c, x: x.is_nan(), False),
    "isinf": _kind(lambda c, x: _size(c, x).eq(_INFINITY), False),
    "bitwise_and": lambda c, values, argument: values[0] & values[1],
    "bitwise_or": lambda c, values, argument: values[0] | values[1],
    "bitwise_xor": lambda c, values, argument: values[0] ^ values[1],
    "bitwise_invert": lambda c, values, argument: ~values[0],
    "left_shift": _shifted(left=True),
    "right_shift": _shifted(left=False),
}

ELEMENTWISE: Mapping[str, Emitter | NotDefined] = MappingProxyType(
    _PLAIN | {name: _library(name) for name in vecmath.ROUTINES if name not in _PLAIN}
)
"""Every elementwise primitive by its name."""

_MOVED = {"where", "stop_gradient"}  # nothing is computed: float16 need not be widened


def emit_elementwise(
    c: Context, name: str, values: Sequence[Value], argument: Argument = ()
) -> Value:
    """One elementwise primitive on values of equal lanes; see `defined` for what has no code.

    Args:
        c: where it is written, and the dtype of the sources.
        name: of the primitive.
        values: its sources.
        argument: its static argument, such as ``(n,)`` of integer_pow.
    """
    emitter = ELEMENTWISE[name]
    assert not isinstance(emitter, NotDefined), emitter.reason
    if c.dtype != np.float16 or name in _MOVED:
        return emitter(c, values, argument)
    wide = [casting.half_to_float(value, c.machine) for value in values]
    result = emitter(c, wide, argument)
    return casting.float_to_half(result, c.machine) if is_float(result.type) else result


def defined(name: str, argument: Argument, dtype: Any) -> NotDefined | None:
    """Why this target has no code for a primitive with this argument and source dtype, or None."""
    entry = ELEMENTWISE[name]
    if isinstance(entry, NotDefined):
        return entry
    floating = np.dtype(dtype).kind == "f"
    if name == "pow" and not floating:
        return NotDefined("a negative exponent of an integer raises an error")
    if name == "polygamma" and argument[0] > vecmath.ORDERS:
        return NotDefined(f"polygamma of an order above {vecmath.ORDERS}")
    if name == "integer_pow" and not floating and argument[0] < 0:
        return NotDefined("integers to negative powers are no integers")
    return None


def ulps(name: str, dtype: Any) -> float:
    """The largest error of a primitive in the default accuracy, in units in the last place."""
    return vecmath.ulps(name, dtype)
