"""What all targets share: how a target says that it cannot do something."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NotDefined"]


@dataclass(frozen=True)
class NotDefined:
    """The entry of a primitive in a target's table where the target has no code for it.

    The reference evaluation is used instead. An absent entry fails the tests.
    """

    reason: str
