"""The one registry of primitives, frozen at import."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chainrule.ops import (
    arithmetic,
    branch,
    calls,
    choice,
    contract,
    conv,
    cumulative,
    exponential,
    index,
    linalg,
    logic,
    parts,
    random,
    recompute,
    reduce,
    rounding,
    scan,
    shape,
    sorting,
    special,
    spectral,
    trigonometric,
    window,
)
from chainrule.ops.record import Primitive

FAMILIES = (
    choice,
    arithmetic,
    branch,
    calls,
    scan,
    recompute,
    random,
    exponential,
    rounding,
    special,
    trigonometric,
    logic,
    shape,
    parts,
    window,
    reduce,
    cumulative,
    index,
    sorting,
    contract,
    conv,
    linalg,
    spectral,
)


def _collect() -> Mapping[str, Primitive]:
    found: dict[str, Primitive] = {}
    for family in FAMILIES:
        for value in vars(family).values():
            if isinstance(value, Primitive):
                known = found.setdefault(value.name, value)
                assert known is value, f"two primitives are called {value.name}"
    return MappingProxyType(found)


PRIMITIVES: Mapping[str, Primitive] = _collect()
"""Every primitive by its name."""
