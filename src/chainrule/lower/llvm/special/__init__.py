"""The table of primitives that are neither loops nor products, with an emitter of their own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.lower.target import NotDefined

if TYPE_CHECKING:
    from chainrule.lower.llvm.loops.settings import Settings
    from chainrule.lower.llvm.plan.frame import Frame, Step
    from chainrule.lower.llvm.special.step import Emitter

__all__ = ["PREPARED", "SPECIAL"]


def _in(module: str, emitter: str) -> Emitter:
    """An emitter of this room, whose module is imported when a program needs it."""

    def emit(settings: Settings, name: str, frame: Frame, step: Step) -> Any:
        found = getattr(import_module(f"{__name__}.{module}"), emitter)
        return found(settings, name, frame, step)

    return emit


_LAPACK = NotDefined("LAPACK: NumPy calls a tuned factorisation")

_INLINED = NotDefined("rewrites put its graph in its place; NumPy evaluates one that was left")

_ENTRIES: dict[str, Emitter | NotDefined] = {
    "scatter_add": _in("scatter", "scatter_add"),
    "scatter_index": _in("scatter", "scatter_index"),
    "overlap_add": _in("window", "overlap_add"),
    "cumsum": _in("running", "cumsum"),
    "cumprod": _in("running", "cumprod"),
    "linear_recurrence": _in("running", "linear_recurrence"),
    "argmax": _in("order", "argmax"),
    "argmin": _in("order", "argmin"),
    "searchsorted": _in("order", "searchsorted"),
    "sort": _in("sorting", "sort"),
    "argsort": _in("sorting", "argsort"),
    "random_bits": _in("randomness", "random_bits"),
    "fold_in": _in("randomness", "fold_in"),
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

PREPARED: Mapping[str, Emitter] = MappingProxyType({"overlay": _in("overlay", "overlay")})
"""The same for primitives that no graph has before `plan.prepare`."""
