"""Sums across rows, taken while each row is worked on.

The rows are taken in a fixed number of pieces, each with sums of its own in shared memory, and a
second kernel adds these up in their order. So the result does not depend on who did which piece.
"""

from __future__ import annotations

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import ir_type
from chainrule.lower.llvm.ir import Function, Value, element, vector
from chainrule.lower.llvm.kernel import Buffer, Kernel, kernel_function
from chainrule.lower.llvm.loops.evaluate import Emission
from chainrule.lower.llvm.loops.fold import combine
from chainrule.lower.llvm.loops.settings import Place, Settings
from chainrule.lower.llvm.plan.arena import rounded
from chainrule.lower.llvm.plan.group import Group
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
        self._piece = piece
        first = self.workspace.pointer(f).offset(piece * self.group.partial_bytes)
        with f.loop(0, self.group.partial_bytes, 64) as loop:
            f.store(f.constant("<16 x float>", 0), first.offset(loop.index), 4)

    def add(self, node: Node, mask: Value | None) -> None:
        """Add the present element, or vector of them, to the sum of this piece."""
        em, f = self.em, self.em.f
        assert self._piece is not None
        value = em.value(node.sources[0], self.group.source_index[node], mask)
        scalar = ir_type(node.dtype)
        position = flat(self.group.index[node], node.shape)
        pointer = em.address(self._partial(node), scalar, position)[0]
        pointer = pointer.offset(self._piece * self.group.partial_bytes)
        before = em.contiguous(scalar, pointer, em.count, mask)
        total = combine(em, node, before, em.fitting(value, before))
        if mask is None or em.count == 1:
            f.store(total, pointer)
        else:
            f.masked_store(total, pointer, mask)

    def _partial(self, node: Node) -> Buffer:
        """Where the sums of the first piece lie."""
        offset = 0
        for other in self.group.across:
            if other is node:
                break
            offset += rounded(other.type.size * other.dtype.itemsize)
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
            count = self.settings.machine.lanes(scalar)
            whole = size - size % count
            self._add_up(f, vector(count, scalar), range(0, whole, count), source, goal)
            self._add_up(f, scalar, range(whole, size), source, goal)
            total += size * self.group.pieces
        f.ret()
        return Kernel(name, 1, total, 4 * total)

    def _add_up(self, f: Function, type: str, places: range, source: Value, goal: Value) -> None:
        if not places:
            return
        scalar = element(type)
        with f.loop(places.start, places.stop, places.step) as columns:
            place = source.offset(columns.index, scalar)
            zero = f.constant(type, 0)
            with f.loop(0, self.group.pieces, carried=[zero]) as loop:
                x = f.load(type, place.offset(loop.index * self.group.partial_bytes))
                loop.carry(loop.values[0] + x)
            f.store(loop.results[0], goal.offset(columns.index, scalar))
