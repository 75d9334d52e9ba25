"""Checks of arguments that several layers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError
from chainrule.tensor import Tensor, tensor

__all__ = ["Extents", "as_input", "check_axis", "check_counts", "check_share", "each"]

Extents = int | Sequence[int]


def as_input(x: Any, dtype: Any) -> Tensor:
    """``x`` as a floating-point tensor: itself if it is one; else in the layer's dtype.

    Integers, such as the pixels of images, would widen float32 layers to float64, and results in
    their own dtype would lose their fraction. A layer without a dtype gives None: arrays keep
    theirs, and integers become float64.
    """
    found = x if isinstance(x, Tensor) else tensor(x, dtype=dtype)
    return found if found.dtype.kind == "f" else functions.astype(found, dtype or "float64")


def check_counts(layer: str, **counts: Any) -> None:
    """Raise unless every count is a whole number above 0.

    Raises:
        DomainError: naming the layer, the argument and what was given.
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise DomainError(f"{layer}: {name} is a whole number above 0, not {count!r}")


def check_share(layer: str, name: str, value: float) -> None:
    """Raise unless 0 ≤ value ≤ 1.

    Raises:
        DomainError: naming the layer, the argument and what was given.
    """
    if not 0 <= value <= 1:
        raise DomainError(f"{layer}: {name} is a number from 0 to 1, not {value!r}")


def check_axis(layer: str, x: Tensor, axis: int, extent: int) -> None:
    """Raise unless ``x`` has ``extent`` elements along ``axis``.

    Raises:
        ShapeError: naming the layer, and both extents.
    """
    if not -x.ndim <= axis < x.ndim or x.shape[axis] != extent:
        place = "a last axis" if axis == -1 else f"an axis {axis}"
        raise ShapeError(f"{layer} takes {place} of {extent}, the input has shape {x.shape}")


def each(layer: str, name: str, value: Extents, rank: int, least: int = 1) -> tuple[int, ...]:
    """One whole number for each spatial axis, from one for all or from one for each.

    Raises:
        DomainError: if there are too many or too few, or one is below ``least``.
    """
    values: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    whole = all(isinstance(v, (int, np.integer)) and v >= least for v in values)
    if len(values) != rank or not whole:
        raise DomainError(
            f"{layer}: {name} is a whole number of at least {least}, or {rank} of them, one for "
            f"each spatial axis; not {value!r}"
        )
    return tuple(int(v) for v in values)
