"""The table of primitives that are neither loops nor products, with an emitter of their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chainrule.lower.llvm.special import order, randomness, running, scatter, window
from chainrule.lower.llvm.special.step import Emitter
from chainrule.lower.target import NotDefined

__all__ = ["SPECIAL"]

_LAPACK = NotDefined("LAPACK, through NumPy, is faster than a factorisation written here would be")

_INLINED = NotDefined(
    "rewrites put its graph in its place; one that was left is evaluated by NumPy"
)

SPECIAL: Mapping[str, Emitter | NotDefined] = MappingProxyType(
    {
        "scatter_add": scatter.scatter_add,
        "scatter_index": scatter.scatter_index,
        "overlap_add": window.overlap_add,
        "cumsum": running.cumsum,
        "cumprod": running.cumprod,
        "linear_recurrence": running.linear_recurrence,
        "argmax": order.argmax,
        "argmin": order.argmin,
        "searchsorted": order.searchsorted,
        "sort": order.sort,
        "argsort": order.argsort,
        "random_bits": randomness.random_bits,
        "fold_in": randomness.fold_in,
        "checkpoint": _INLINED,
        "custom_gradient": _INLINED,
    }
    | dict.fromkeys(
        (
            "solve",
            "triangular_solve",
            "inv",
            "cholesky",
            "log_abs_det",
            "sign_det",
            "eigvalsh",
            "eigvecsh",
            "qr_q",
            "singular_values",
            "singular_vectors",
        ),
        _LAPACK,
    )
)
"""For each such primitive its emitter, or why the reference is called at run time.

An emitter may also return `NotDefined` for a node that it does not take.
"""
