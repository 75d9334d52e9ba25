"""The table of primitives that are neither loops nor products, with an emitter of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.lower.target import NotDefined

__all__ = ["SPECIAL"]

SPECIAL: Mapping[str, Callable[..., Any] | NotDefined] = {}
