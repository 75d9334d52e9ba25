"""Loop kernels: elementwise expressions, views and reductions in one nest of loops.

The last axis runs along vectors. What is left over at its end is one more vector with a mask. A
group without reductions is one run over all elements. With reductions a task is one *row*: the
elements that share a result. Each pass runs over the row once, so softmax is three passes over
a row that stays in the first-level cache; `blocks` does so for many rows together. If the last axis
is kept, a row is a vector wide and the sums are held lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from chainrule.core.node import Node
from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.kernel import Buffer, Kernel
from chainrule.lower.llvm.loops.blocks import Blocks
from chainrule.lower.llvm.loops.fold import combine, horizontal
from chainrule.lower.llvm.loops.nest import Nest
from chainrule.lower.llvm.loops.settings import Place, Settings
from chainrule.lower.llvm.plan.group import Group

__all__ = ["emit_loops"]

CHUNK = 1024
"""Elements of one task where a long axis is cut into pieces."""

UNROLLED = 16
"""Turns up to which loops over folded variables are written out."""

SMALL = 4096
"""Work below which a kernel is one task: sharing it out would cost more."""


class _Loops(Nest):
    """One kernel in one of three shapes."""

    def loops(self) -> int:
        if not self.folded:
            return self._map()
        return self._rows() if self.inner else self._columns()

    def _map(self) -> int:
        f = self.f
        if self.last is None:
            self.body(0)(1, None, [])
            return 1
        outer = [var for var in self.axes if var is not self.last]
        rows = int(np.prod([var.extent for var in outer], dtype=int))
        extent = self.last.extent
        small = self.work() < SMALL
        body = self.body(0)
        if not outer:
            if small or extent < 2 * CHUNK:
                self.along(0, extent, body, [], 1)
                return 1
            tasks = -(-extent // CHUNK)
            with self.tasks() as task:
                start = task * CHUNK
                stop = start + CHUNK
                end = stop.lt(extent).select(stop, f.i64(extent))
                self.along(start, end, body, [], 1)
            return tasks
        if small:
            self.nest(outer, [], lambda none: self.along(0, extent, body, none, 1))
            return 1
        with self.tasks() as task:
            self.know_outer(task, outer)
            self.along(0, extent, body, [], 1)
        return rows

    def _rows(self) -> int:
        """The last axis is folded: one row at a time, sums of vectors, then across lanes."""
        rows = int(np.prod([var.extent for var in self.kept], dtype=int))
        if self.group.across:
            return self._pieces(rows)
        if self.work() < SMALL:
            self.nest(self.kept, [], lambda none: self._row())
            return 1
        with self.tasks() as task:
            self.know_outer(task, self.kept)
            self._row()
        return rows

    def _pieces(self, rows: int) -> int:
        """Rows in a fixed number of pieces, each with sums across its rows of its own."""
        em, f = self.em, self.f
        tasks = self.group.pieces
        with self.tasks() as task:
            self.across.start(task)
            first = f.emit("i64", f"udiv i64 {(task * rows).text}, {tasks}")
            last = f.emit("i64", f"udiv i64 {((task + 1) * rows).text}, {tasks}")
            with f.loop(first, last) as loop, em.scope(loop.preheader):
                self.know_outer(loop.index, self.kept)
                self._row()
        return tasks

    def _row(self) -> list[Value]:
        em = self.em
        assert self.last is not None
        vectors = self.last.extent // self.count
        for number in range(self.passes()):
            self.put(self.stores(number, full=False), None)
            reductions = self.reductions(number)
            if reductions or self.stores(number, full=True) or self.across_in(number):
                unroll = (4 if vectors >= 8 else 2 if vectors >= 4 else 1) if reductions else 1
                starts = self.starts(reductions, unroll)
                body, extent = self.body(number), self.last.extent
                results = self.nest(
                    self.folded[:-1],
                    starts,
                    lambda now, body=body, extent=extent, unroll=unroll: self.along(  # type: ignore[misc]
                        0, extent, body, now, unroll
                    ),
                )
                for place, node in enumerate(reductions):
                    values = results[place * unroll : (place + 1) * unroll]
                    while len(values) > 1:
                        half = len(values) // 2
                        values = [
                            combine(em, node, values[i], values[i + half]) for i in range(half)
                        ]
                    em.bind(node, horizontal(em, node, values[0]))
            self._finish(number, reductions)
        self.leave()
        return []

    def _finish(self, number: int, reductions: list[Node]) -> None:
        """Write results of reductions; full values of this pass can now be read from memory."""
        self.put([node for node in reductions if node in self.group.stored], None)
        self.done |= set(self.stores(number, full=True))

    def _columns(self) -> int:
        """The last axis is kept: blocks of columns, each lane folds a column of its own."""
        assert self.last is not None
        extent, count = self.last.extent, self.count
        vectors = -(-extent // count)
        width = 4 if vectors >= 4 else vectors
        whole = extent // (count * width)
        rest = extent - whole * count * width
        blocks = whole + bool(rest)
        outer = [var for var in self.kept if var is not self.last]
        rows = int(np.prod([var.extent for var in outer], dtype=int))
        small = self.work() < SMALL
        if small:
            self.nest(outer, [], lambda none: self._all_blocks(whole, width, rest))
            return 1
        with self.tasks() as task:
            block = self.f.emit("i64", f"urem i64 {task.text}, {blocks}")
            self.know_outer(self.f.emit("i64", f"udiv i64 {task.text}, {blocks}"), outer)
            start = block * (count * width)
            if whole and rest:
                with self.em.branch(block.lt(whole)):
                    self._block(start, width, 0)
                with self.em.branch(block.eq(whole)):
                    self._block(start, -(-rest // count), rest % count)
            elif whole:
                self._block(start, width, 0)
            else:
                self._block(start, -(-rest // count), rest % count)
        return rows * blocks

    def _all_blocks(self, whole: int, width: int, rest: int) -> list[Value]:
        em, f, step = self.em, self.f, self.count * width
        if whole > 1:
            with f.loop(0, whole * step, step) as loop, em.scope(loop.preheader):
                self._block(loop.index, width, 0)
        elif whole:
            with em.block():
                self._block(f.i64(0), width, 0)
        if rest:
            with em.block():
                self._block(f.i64(whole * step), -(-rest // self.count), rest % self.count)
        return []

    def _block(self, start: Value, copies: int, rest: int) -> None:
        em = self.em
        assert self.last is not None
        em.know(self.last, start)
        mask = em.first_lanes(rest) if rest and self.count > 1 else None
        for number in range(self.passes()):
            self._each_copy(copies, mask, self.stores(number, full=False))
            reductions = self.reductions(number)
            if reductions or self.stores(number, full=True):
                starts = self.starts(reductions, copies)
                body = self.body(number)
                results = self._over_folded(
                    starts,
                    lambda now, body=body: body(copies, mask, now),  # type: ignore[misc]
                )
                for place, node in enumerate(reductions):
                    em.bind(node, results[place * copies : (place + 1) * copies])
            self._each_copy(copies, mask, [n for n in reductions if n in self.group.stored])
            self.done |= set(self.stores(number, full=True))
        self.leave()

    def _over_folded(
        self, carried: list[Value], run: Callable[[list[Value]], list[Value]]
    ) -> list[Value]:
        """The loops over the folded variables; unrolled where they are short."""
        turns = int(np.prod([var.extent for var in self.folded], dtype=int))
        if turns > UNROLLED or turns * self.group.nodes > 10 * UNROLLED:
            return self.nest(self.folded, carried, run)
        for place in np.ndindex(*(var.extent for var in self.folded)):
            with self.em.block():
                for var, value in zip(self.folded, place, strict=True):
                    self.em.know(var, value)
                carried = run(carried)
        return carried

    def _each_copy(self, copies: int, mask: Value | None, nodes: Sequence[Node]) -> None:
        for copy in range(copies if nodes else 0):
            self.em.copy = copy
            self.put(nodes, mask if copy == copies - 1 else None)
        self.em.copy = 0


def emit_loops(
    settings: Settings, name: str, group: Group, place: Place, workspace: Buffer
) -> list[Kernel]:
    """Write the kernel of a loop group, and one more where sums across rows are added up.

    Args:
        settings: what all kernels share.
        name: of the kernel.
        group: what to compute.
        place: where stored nodes lie.
        workspace: memory for the sums across rows, see `Group.partial_bytes`.
    """
    shape = Blocks if group.in_blocks else _Loops
    nest = shape(settings, name, group, place, workspace)
    kernels = [nest.write()]
    return [*kernels, nest.across.finish(f"{name}_finish")] if group.across else kernels
