"""The table of primitives that are neither loops nor products, with an emitter of their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chainrule.lower.llvm.special import (
    order,
    overlay,
    randomness,
    running,
    scatter,
    sorting,
    window,
)
from chainrule.lower.llvm.special.step import Emitter
from chainrule.lower.target import NotDefined

__all__ = ["PREPARED", "SPECIAL"]

_LAPACK = NotDefined("LAPACK: NumPy calls a tuned factorisation")

_INLINED = NotDefined("rewrites put its graph in its place; NumPy evaluates one that was left")

_ENTRIES: dict[str, Emitter | NotDefined] = {
    "scatter_add": scatter.scatter_add,
    "scatter_index": scatter.scatter_index,
    "overlap_add": window.overlap_add,
    "cumsum": running.cumsum,
    "cumprod": running.cumprod,
    "linear_recurrence": running.linear_recurrence,
    "argmax": order.argmax,
    "argmin": order.argmin,
    "searchsorted": order.searchsorted,
    "sort": sorting.sort,
    "argsort": sorting.argsort,
    "random_bits": randomness.random_bits,
    "fold_in": randomness.fold_in,
    "checkpoint": _INLINED,
    "custom_gradient": _INLINED,
    "solve": _LAPACK,
    "triangular_solve": _LAPACK,
    "inv": _LAPACK,
    "cholesky": _LAPACK,
    "log_abs_det": _LAPACK,
    "sign_det": _LAPACK,
    "eigvalsh": _LAPACK,
    "eigvecsh": _LAPACK,
    "qr_q": _LAPACK,
    "singular_values": _LAPACK,
    "singular_vectors": _LAPACK,
}

SPECIAL: Mapping[str, Emitter | NotDefined] = MappingProxyType(_ENTRIES)
"""For each such primitive its emitter, or why the reference is called at run time.

An emitter may also return `NotDefined` for a node that it does not take.
"""

PREPARED: Mapping[str, Emitter] = MappingProxyType({"overlay": overlay.overlay})
"""The same for primitives that no graph has before `plan.prepare`."""
