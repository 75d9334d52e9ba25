"""LLVM's types as texts ("float", "<16 x float>", "i64", "ptr"), and constants of them."""

from __future__ import annotations

import struct

__all__ = [
    "Number",
    "bits",
    "constant_text",
    "element",
    "is_float",
    "lanes",
    "mangled",
    "scalar_text",
    "vector",
    "with_element",
]

Number = int | float | bool


def lanes(type: str) -> int:
    """How many lanes a type has: 0 for a scalar.

    >>> lanes("<16 x float>"), lanes("i64")
    (16, 0)
    """
    return int(type[1 : type.index(" ")]) if type[0] == "<" else 0


def element(type: str) -> str:
    """The type of one lane.

    >>> element("<16 x float>"), element("double")
    ('float', 'double')
    """
    return type[type.index("x") + 2 : -1] if type[0] == "<" else type


def vector(count: int, type: str) -> str:
    """The vector of ``count`` lanes of a scalar type; the scalar type itself for 0 lanes.

    >>> vector(8, "double"), vector(0, "i1")
    ('<8 x double>', 'i1')
    """
    return f"<{count} x {type}>" if count else type


def with_element(type: str, scalar: str) -> str:
    """The type with as many lanes as ``type``, of another scalar type."""
    return vector(lanes(type), scalar)


_BITS = {"half": 16, "float": 32, "double": 64, "ptr": 64}


def bits(type: str) -> int:
    """The size of one lane in bits."""
    scalar = element(type)
    return _BITS[scalar] if scalar in _BITS else int(scalar[1:])


def is_float(type: str) -> bool:
    """Whether its lanes are floating-point numbers."""
    return element(type) in ("float", "double", "half")


def scalar_text(type: str, value: Number) -> str:
    """A constant of a scalar type as LLVM writes it, exact to the bit."""
    if type == "double":
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    if type == "float":
        # LLVM writes float constants as the double of the same value
        return scalar_text("double", _to_float32(float(value)))
    if type == "half":
        return f"0xH{struct.unpack('<H', struct.pack('<e', float(value)))[0]:04X}"
    if type == "i1":
        return "true" if value else "false"
    if type == "ptr":
        return "null"
    return str(int(value))


def _to_float32(value: float) -> float:
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]  # type: ignore[no-any-return]
    except OverflowError:
        return float("inf") if value > 0 else -float("inf")


def constant_text(type: str, value: Number) -> str:
    """A constant, the same in every lane."""
    scalar = element(type)
    text = scalar_text(scalar, value)
    count = lanes(type)
    return f"splat ({scalar} {text})" if count else text


def mangled(type: str) -> str:
    """How the names of intrinsics end for a type."""
    scalar = element(type)
    short = {"float": "f32", "double": "f64", "half": "f16", "ptr": "p0"}.get(scalar, scalar)
    return f"v{lanes(type)}{short}" if lanes(type) else short
