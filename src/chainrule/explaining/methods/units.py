"""Measured quantities as people read them."""

from __future__ import annotations

import math

__all__ = ["as_bytes", "as_count", "as_error", "as_seconds", "as_value", "plural"]


def as_count(number: int) -> str:
    """1,234; of more than nine digits only the power of ten."""
    return f"{number:,}" if number < 10**9 else f"about 10^{int(math.log10(number))}"


def plural(number: int, word: str) -> str:
    """1 node, 2 nodes."""
    return f"{as_count(number)} {word}" + ("" if number == 1 else "s")


def as_seconds(value: float) -> str:
    """12.3 µs, 4.56 ms, 7.89 s."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def as_bytes(value: float) -> str:
    """512 B, 3.4 kB, 1.2 MB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.0f} B"


def as_error(value: float) -> str:
    """0, or two digits."""
    return "0" if value == 0 else f"{value:.1e}"


def as_value(value: float) -> str:
    """Ten digits, without a sign before zero."""
    return f"{value + 0.0:.10g}"
