"""What the rooms of optimizers share: checks of arguments, names, and arithmetic of leaves."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError
from chainrule.optim.transform import widened
from chainrule.tensor import Tensor

__all__ = [
    "call_text",
    "checked",
    "checked_count",
    "checked_positive",
    "checked_rate",
    "in_dtype_of",
    "number_text",
    "square",
    "zeros",
]

T = TypeVar("T")


# -- arguments -------------------------------------------------------------------------------------


def checked(function: str, what: str, value: float) -> float:
    """``value`` as a Python number if it is a finite one of at least 0.

    NumPy's numbers, of which ``np.logspace`` is made, would widen float32 parameters to float64.

    Raises:
        DomainError: otherwise, naming the argument ``what`` of ``function``.
    """
    if not _is_number(value) or not 0 <= value < math.inf:
        raise DomainError(f"{function}: {what} is a finite number of at least 0, not {value!r}")
    return _plain(value)


def checked_positive(function: str, what: str, value: float) -> float:
    """``value`` as a Python number if it is above 0.

    Raises:
        DomainError: otherwise.
    """
    if not _is_number(value) or not value > 0:
        raise DomainError(f"{function}: {what} is above 0, not {value!r}")
    return _plain(value)


def checked_rate(function: str, what: str, value: float) -> float:
    """``value`` as a Python number if it is the decay rate of a running mean, in [0, 1).

    Raises:
        DomainError: otherwise.
    """
    if not _is_number(value) or not 0 <= value < 1:
        raise DomainError(f"{function}: {what} is at least 0 and below 1, not {value!r}")
    return _plain(value)


def checked_count(function: str, what: str, value: int, least: int = 1) -> int:
    """``value`` as a Python integer if it is one of at least ``least``.

    Raises:
        DomainError: otherwise.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise DomainError(f"{function}: {what} is an integer of at least {least}, not {value!r}")
    return int(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _plain(value: T) -> T:
    return value.item() if isinstance(value, np.generic) else value


# -- names -----------------------------------------------------------------------------------------


def number_text(rate: Any) -> str:
    """A number or a schedule as it is shown in the name of an optimizer."""
    return getattr(rate, "__name__", repr(rate)) if callable(rate) else f"{rate}"


def call_text(make: Callable[..., Any], *first: str, **options: Any) -> str:
    """The call of ``make`` that gives the optimizer, without the options left at their default."""
    usual = inspect.signature(make).parameters
    given = [
        f"{name}={getattr(value, '__name__', repr(_plain(value)))}"
        for name, value in options.items()
        if value != usual[name].default
    ]
    return f"{make.__name__}({', '.join([*first, *given])})"


# -- leaves ----------------------------------------------------------------------------------------


def zeros(leaf: Tensor) -> Tensor:
    """Where something of ``leaf`` is to be accumulated."""
    return functions.zeros_like(widened(leaf))


def square(g: Tensor) -> Tensor:
    """g², of a float16 tensor in float32."""
    wide = widened(g)
    return wide * wide


def in_dtype_of(leaf: Tensor, value: Any) -> Any:
    """A number, or a scalar tensor in the dtype of ``leaf`` so that it does not widen it."""
    if not isinstance(value, Tensor):
        return float(value)
    return functions.astype(value, leaf.dtype)
