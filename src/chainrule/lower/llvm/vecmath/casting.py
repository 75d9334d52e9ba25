"""Types of values in registers and in memory, and conversions with the semantics of ``astype``."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from chainrule.lower.llvm.ir import Value, with_element
from chainrule.lower.llvm.machine import Machine

__all__ = ["cast", "float_to_half", "half_to_float", "ir_type", "memory_type"]

_FLOATS = {2: "half", 4: "float", 8: "double"}


@cache
def ir_type(dtype: Any) -> str:
    """The scalar type in a register.

    >>> ir_type("float32"), ir_type("uint8"), ir_type("bool")
    ('float', 'i8', 'i1')
    """
    dtype = np.dtype(dtype)
    return "i1" if dtype.kind == "b" else memory_type(dtype)


@cache
def memory_type(dtype: Any) -> str:
    """The scalar type in memory.

    >>> memory_type("float64"), memory_type("bool")
    ('double', 'i8')
    """
    dtype = np.dtype(dtype)
    return _FLOATS[dtype.itemsize] if dtype.kind == "f" else f"i{8 * dtype.itemsize}"


def half_to_float(value: Value, machine: Machine) -> Value:
    """Half to float, exactly; in integer arithmetic where the machine has no instruction for it."""
    if machine.fma:  # whatever has fused multiply-add has these conversions too
        return value.cast("fpext", "float")
    wide = value.as_bits().cast("zext", "i32")
    size = wide & 0x7FFF
    rebased = (size << 13) + (112 << 23)
    f = value.f
    smallest = f.constant(with_element(value.type, "float"), 2.0**-14)
    denormal = ((rebased + (1 << 23)).as_float() - smallest).as_bits()
    result = size.lt(0x0400).select(denormal, rebased)
    result = size.ge(0x7C00).select(rebased + (112 << 23), result)
    return (result | ((wide & 0x8000) << 16)).as_float()


def float_to_half(value: Value, machine: Machine) -> Value:
    """Float to half, rounded to even; in integer arithmetic where there is no instruction."""
    if machine.fma:
        return value.cast("fptrunc", "half")
    wide = value.as_bits()
    size = wide & 0x7FFFFFFF
    rounded = (size - (112 << 23) + 0xFFF + (size.lshr(13) & 1)).lshr(13)
    # 1/2 has the spacing of half's denormal numbers: the sum is rounded to them
    denormal = (size.as_float() + 0.5).as_bits() - 0x3F000000
    f = value.f
    infinity, nan = (f.constant(size.type, bits) for bits in (0x7C00, 0x7E00))
    result = size.lt(113 << 23).select(denormal, rounded)
    result = size.ge(0x477FF000).select(infinity, result)
    result = size.gt(0x7F800000).select(nan, result)
    return (result | (wide.lshr(16) & 0x8000)).cast("trunc", "i16").as_float()


def _double_to_half(value: Value, machine: Machine) -> Value:
    """Through float rounded to odd, so that the second rounding sees what the first left out."""
    near = value.cast("fptrunc", "float")
    back = near.cast("fpext", "double")
    number = near.as_bits()
    absolute = [v.f.intrinsic("fabs", v.type, v) for v in (back, value)]
    f = value.f
    step = (
        absolute[0].lt(absolute[1]).select(f.constant(number.type, 1), f.constant(number.type, -1))
    )
    inexact = absolute[0].ne(absolute[1]) & value.eq(value) & (number & 1).eq(0)
    finite = (number & 0x7FFFFFFF).lt(0x7F800000)
    return float_to_half(
        (inexact & finite).select(number + step, number).as_float(),
        machine,
    )


def _freeze(value: Value) -> Value:
    return value.f.emit(value.type, f"freeze {value.type} {value.text}")


def _from_float(value: Value, target: Any) -> Value:
    """Truncation to an integer; out of range it is some number, on x86 mostly that of NumPy."""
    to = ir_type(target)
    if target == np.uint64:
        return _freeze(value.cast("fptoui", to))
    # NumPy's narrow integers are cut from a wider one, which makes −1.0 the largest unsigned
    wide = "i64" if target.itemsize == 8 or target == np.uint32 else "i32"
    result = _freeze(value.cast("fptosi", wide))
    return result if wide == to else result.cast("trunc", to)


def cast(value: Value, source: Any, target: Any, machine: Machine) -> Value:
    """``value`` of dtype ``source`` as dtype ``target``."""
    source, target = np.dtype(source), np.dtype(target)
    if source == target:
        return value
    if source == np.float16:
        return cast(half_to_float(value, machine), np.float32, target, machine)
    if target.kind == "b":
        return value.ne(0)
    if target == np.float16:
        if source == np.float64:
            return _double_to_half(value, machine)
        return float_to_half(cast(value, source, np.float32, machine), machine)
    to = ir_type(target)
    if source.kind == "f":
        if target.kind == "f":
            return value.cast("fpext" if target.itemsize > source.itemsize else "fptrunc", to)
        return _from_float(value, target)
    if target.kind == "f":
        return value.cast("sitofp" if source.kind == "i" else "uitofp", to)
    if source.kind == "b" or target.itemsize > source.itemsize:
        return value.cast("sext" if source.kind == "i" else "zext", to)
    return value.cast("trunc", to)
