"""Steps that run other graphs: scan, cond and while as native control flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["EMIT"]

EMIT: dict[str, Callable[..., Any]] = {}
