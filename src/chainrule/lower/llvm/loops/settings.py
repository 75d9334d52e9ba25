"""What all kernels of a program share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chainrule.core.node import Node
from chainrule.lower.llvm.ir import Function, Module
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.loops.evaluate import Emission
from chainrule.lower.llvm.machine import Machine

__all__ = ["Place", "Settings"]

Place = Callable[[Node], Buffer | None]
"""Where a stored node lies, or None."""


@dataclass(frozen=True)
class Settings:
    """What all kernels of a program share."""

    module: Module
    machine: Machine
    status: Buffer
    accuracy: str
    code: Callable[[object], int]

    def emission(self, f: Function, count: int, place: Place) -> Emission:
        if self.accuracy == "fast":
            f.flags = " contract"
        return Emission(f, self.machine, count, place, self.status, self.accuracy, self.code)
