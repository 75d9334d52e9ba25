"""Which number tells how good an epoch was, and whether more or less of it is better."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal

from chainrule.core.errors import ArgumentError, DomainError

if TYPE_CHECKING:
    from chainrule.train.run import Epoch

__all__ = ["Mode", "Monitor", "monitor_of"]

Mode = Literal["min", "max"]

SMALLER = ("loss", "mean_absolute_error", "mean_squared_error", "penalty", "perplexity")
LARGER = ("accuracy", "f1", "precision", "r2", "recall", "roc_auc", "top_k_accuracy")
VALIDATION = "validation "


@dataclasses.dataclass(frozen=True)
class Monitor:
    """One number of an epoch.

    Args:
        name: such as ``"loss"``, or ``"validation accuracy"``.
        mode: whether "min" or "max" is best.
    """

    name: str
    mode: Mode

    def value(self, epoch: Epoch) -> float:
        """The number in an epoch.

        Raises:
            DomainError: if nothing of the name was measured.
        """
        held_out = self.name.startswith(VALIDATION)
        measured = epoch.validation if held_out else epoch.training
        name = self.name.removeprefix(VALIDATION)
        if name not in measured:
            known = [*epoch.training, *(VALIDATION + name for name in epoch.validation)]
            raise DomainError(
                f"{self.name!r} is not measured in this run; there is {', '.join(known)}"
            )
        return measured[name]

    def is_better(self, value: float, than: float | None, by: float = 0.0) -> bool:
        """Whether a value is better than another, or than nothing, by more than some amount."""
        if math.isnan(value):
            return False
        if than is None or math.isnan(than):
            return True
        return value < than - by if self.mode == "min" else value > than + by


def monitor_of(name: str, mode: Mode | None = None) -> Monitor:
    """The monitor of a name.

    Raises:
        ArgumentError: if it is not known whether more or less is better, or ``mode`` is neither.

    >>> from chainrule.train.monitor import monitor_of
    >>> monitor_of("validation accuracy")
    Monitor(name='validation accuracy', mode='max')
    """
    own = name.removeprefix(VALIDATION)
    if mode is None and own in SMALLER:
        mode = "min"
    elif mode is None and own in LARGER:
        mode = "max"
    if mode not in ("min", "max"):
        raise ArgumentError(
            f'say whether less or more of {name!r} is better, by mode="min" or mode="max"'
            + ("" if mode is None else f", not {mode!r}")
            + '; names are such as "loss", "validation loss" and "validation accuracy"'
        )
    return Monitor(name, mode)
