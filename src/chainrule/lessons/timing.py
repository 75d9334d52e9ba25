"""How long something takes; times are noted, never compared: they belong to the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["seconds"]


def seconds(run: Callable[[], Any], repeats: int = 3) -> float:
    """The least time of ``repeats`` runs, after one to warm up.

    >>> seconds(lambda: sum(range(1000))) > 0
    True
    """
    run()
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - start)
    return least
