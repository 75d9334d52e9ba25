"""Prose in lessons: written over several lines, shown as paragraphs."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["unwrap"]


def unwrap(lesson: Any) -> None:
    """Join the lines of every text of a frozen dataclass, when it is made."""
    for field in dataclasses.fields(lesson):
        text = getattr(lesson, field.name)
        if type(text) is str:  # not one of an enum
            object.__setattr__(lesson, field.name, " ".join(text.split()))
