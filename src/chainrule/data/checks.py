"""Checks of arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import DomainError

__all__ = ["at_least"]


def at_least(who: str, least: int, **sizes: Any) -> None:
    """Raise unless these are whole numbers from ``least`` on.

    Raises:
        DomainError: naming ``who`` was given which of them.
    """
    for what, size in sizes.items():
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if not whole or size < least:
            raise DomainError(f"{who}: {what} is a whole number of at least {least}, not {size!r}")
