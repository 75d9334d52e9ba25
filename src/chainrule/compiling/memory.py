"""Sizes of memory as people write them."""

from __future__ import annotations

import re

from chainrule.core.errors import ArgumentError

_UNITS = {"": 1, "k": 1000, "ki": 1 << 10, "m": 10**6, "mi": 1 << 20, "g": 10**9, "gi": 1 << 30}


def parse_bytes(size: float | str | None) -> int | None:
    """A number of bytes, or text such as ``"512MiB"`` or ``"2 GB"``.

    >>> parse_bytes("512MiB"), parse_bytes("1.5 kB"), parse_bytes(None)
    (536870912, 1500, None)
    """
    if size is None:
        return None
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        if not 0 <= size < float("inf"):
            raise ArgumentError(f"memory is at least 0 bytes, not {size}")
        return int(size)
    if not isinstance(size, str):
        raise ArgumentError(f"memory is a number of bytes or text like '512MiB', not {size!r}")
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([kmg]?i?)b?\s*", size.lower())
    if not found or found[2] not in _UNITS:
        raise ArgumentError(f"memory is a number of bytes or text like '512MiB', not {size!r}")
    return int(float(found[1]) * _UNITS[found[2]])


def format_bytes(size: float) -> str:
    """A size for people.

    >>> format_bytes(0), format_bytes(1536), format_bytes(5 << 20)
    ('0 B', '1.5 KiB', '5 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.3g} {unit}"
        size /= 1024
    raise AssertionError
