"""Sums across rows, taken while each row is worked on.

The rows are taken in a fixed number of pieces, each with sums of its own in shared memory, and a
second kernel adds these up in their order. So the result does not depend on who did which piece.
"""

from __future__ import annotations

from itertools import takewhile

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import ir_type
from chainrule.lower.llvm.ir import Function, Value, element, lanes, vector
from chainrule.lower.llvm.kernel import Buffer, Kernel, kernel_function
from chainrule.lower.llvm.loops.evaluate import Emission
from chainrule.lower.llvm.loops.fold import combine
from chainrule.lower.llvm.loops.settings import Place, Settings
from chainrule.lower.llvm.plan.group import ROWS, Group
from chainrule.lower.llvm.plan.index import flat

__all__ = ["Across"]


class Across:
    """The sums across rows of one group.

    Args:
        settings: what all kernels share.
        group: what is computed.
        em: writes the values of the kernel that goes through the rows.
        workspace: memory for the sums of all pieces.
        place: where the results go.
    """

    def __init__(
        self, settings: Settings, group: Group, em: Emission, workspace: Buffer, place: Place
    ) -> None:
        self.settings = settings
        self.group = group
        self.em = em
        self.workspace = workspace
        self.place = place
        self._piece: Value | None = None

    def start(self, piece: Value) -> None:
        """Begin a piece: its sums are zero."""
        f = self.em.f
        self._piece = piece * self.group.partial_bytes
        first = self.workspace.pointer(f).offset(self._piece)
        with f.loop(0, self.group.partial_bytes, 64) as loop:
            f.store(f.constant("<16 x float>", 0), first.offset(loop.index), 4)

    def sum(self, node: Node, mask: Value | None) -> Sum:
        """The sum of this piece at the present element, or vector of them, to be added to."""
        em = self.em
        assert self._piece is not None
        scalar = ir_type(node.dtype)
        position = flat(self.group.index[node], node.shape)
        pointer = em.address(self._partial(node), scalar, position)[0].offset(self._piece)
        return Sum(em, node, pointer, em.contiguous(scalar, pointer, em.count, mask), mask)

    def add_rows(self, node: Node, first: int, mask: Value | None) -> None:
        """Add what some rows of a block have, side by side, to the total of this piece.

        Args:
            node: the total.
            first: the number of the first of these rows in its block.
            mask: rows that exist.
        """
        em, scalar = self.em, ir_type(node.dtype)
        assert self._piece is not None
        pointer = self._partial(node).pointer(em.f).offset(self._piece).offset(first, scalar)
        before = em.f.load(vector(em.count, scalar), pointer)
        value = em.value(node.sources[0], self.group.source_index[node], mask)
        total = combine(em, node, before, em.fitting(value, before))
        em.f.store(total if mask is None else mask.select(total, before), pointer)

    def _partial(self, node: Node) -> Buffer:
        """Where the sums of the first piece lie."""
        before = takewhile(lambda other: other is not node, self.group.across)
        offset = sum(map(self.group.partial_size, before))
        return Buffer(self.workspace.slot, self.workspace.offset + offset)

    def finish(self, name: str) -> Kernel:
        """The kernel that adds up the sums of the pieces, in their order."""
        f = kernel_function(self.settings.module, name)
        total = 0
        for node in self.group.across:
            target = self.place(node)
            assert target is not None
            scalar, size = ir_type(node.dtype), node.type.size
            source, goal = self._partial(node).pointer(f), target.pointer(f)
            total += self.group.partial_size(node) // node.dtype.itemsize * self.group.pieces
            if node in self.group.totals:
                f.store(_all_lanes(self._added_up(f, vector(ROWS, scalar), source)), goal)
                continue
            count = self.settings.machine.lanes(scalar)
            whole = size - size % count
            self._add_up(f, vector(count, scalar), range(0, whole, count), source, goal)
            self._add_up(f, scalar, range(whole, size), source, goal)
        f.ret()
        return Kernel(name, 1, total, 4 * total)

    def _add_up(self, f: Function, type: str, places: range, source: Value, goal: Value) -> None:
        if not places:
            return
        scalar = element(type)
        with f.loop(places.start, places.stop, places.step) as columns:
            found = self._added_up(f, type, source.offset(columns.index, scalar))
            f.store(found, goal.offset(columns.index, scalar))

    def _added_up(self, f: Function, type: str, place: Value) -> Value:
        """The sum of an element, or vector of them, over all pieces."""
        with f.loop(0, self.group.pieces, carried=[f.constant(type, 0)]) as loop:
            x = f.load(type, place.offset(loop.index * self.group.partial_bytes))
            loop.carry(loop.values[0] + x)
        return loop.results[0]


class Sum:
    """A vector of sums across rows while something is added to it.

    Args:
        em: writes the values.
        node: the sum.
        pointer, value: where it lies, and what it is.
        mask: lanes that exist.
    """

    def __init__(
        self, em: Emission, node: Node, pointer: Value, value: Value, mask: Value | None
    ) -> None:
        self.em = em
        self.node = node
        self.pointer = pointer
        self.value = value
        self.mask = mask

    def add(self, value: Value) -> None:
        self.value = combine(self.em, self.node, self.value, self.em.fitting(value, self.value))

    def store(self) -> None:
        if self.mask is None or self.em.count == 1:
            self.em.f.store(self.value, self.pointer)
        else:
            self.em.f.masked_store(self.value, self.pointer, self.mask)


def _all_lanes(value: Value) -> Value:
    """The sum of all lanes, in the order of a tree."""
    while count := lanes(value.type) // 2:
        value = value.shuffle(range(count)) + value.shuffle(range(count, 2 * count))
    return value.lane(0)
