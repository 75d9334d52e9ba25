"""The table of base pointers of a program: what lies in which slot."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.lower.llvm.kernel import Buffer

__all__ = ["ARENA", "REFERENCE", "STATUS", "Slots"]

ARENA, STATUS, REFERENCE = 0, 1, 2
FIRST = 3


class Slots:
    """Hands out slots.

    Attributes:
        count: how many there are so far.
        constants: arrays that the program reads, by slot.
        moving: slots whose pointers change while the program runs.
    """

    def __init__(self) -> None:
        self.count = FIRST
        self.constants: dict[int, np.ndarray[Any, Any]] = {}
        self.moving: set[int] = set()
        self._by_node: dict[Node, Buffer] = {}

    def new(self, moving: bool = False) -> Buffer:
        """A new slot; a moving one is set by the program itself."""
        buffer = Buffer(self.count)
        self.count += 1
        if moving:
            self.moving.add(buffer.slot)
        return buffer

    def constant(self, node: Node) -> Buffer:
        """The slot of an array that the graph carries."""
        if node not in self._by_node:
            buffer = self.new()
            self._by_node[node] = buffer
            self.constants[buffer.slot] = np.ascontiguousarray(node.value)
        return self._by_node[node]
