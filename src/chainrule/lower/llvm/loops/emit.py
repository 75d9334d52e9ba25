"""Loop kernels: elementwise expressions, views and reductions in one nest of loops.

The last axis runs along vectors. What is left over at its end is one more vector with a mask. A
group without reductions is one run over all elements. With reductions a task is one *row*: the
elements that share a result. Each pass runs over the row once, so softmax is three passes over
a row that stays in the first-level cache. If the last axis is kept, a row is a vector wide and the
sums are held lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import ir_type
from chainrule.lower.llvm.ir import Value, vector
from chainrule.lower.llvm.kernel import Buffer, Kernel, kernel_function
from chainrule.lower.llvm.loops.across import Across
from chainrule.lower.llvm.loops.axes import in_memory_order, lanes_for, merge
from chainrule.lower.llvm.loops.fold import combine, horizontal, neutral
from chainrule.lower.llvm.loops.line import Body, Line
from chainrule.lower.llvm.loops.settings import Place, Settings
from chainrule.lower.llvm.plan.group import Group
from chainrule.lower.llvm.plan.index import Var
from chainrule.lower.llvm.plan.schedule import cost

__all__ = ["emit_loops"]

CHUNK = 8192
"""Elements of one task where a long axis is cut into pieces."""

SHORT = 4
"""A folded last axis up to this long is not worth a vector: the axis before it is."""

UNROLLED = 16
"""Turns up to which loops over folded variables are written out."""

SMALL = 16384
"""Work below which a kernel is one task: sharing it out would cost more."""


class _Nest(Line):
    """One kernel being written."""

    def __init__(
        self, settings: Settings, name: str, group: Group, place: Place, workspace: Buffer
    ) -> None:
        reduced = group.reduced or frozenset()
        widest = lanes_for(group, settings.machine, 1 << 30)
        ordered = group.axes if group.across else in_memory_order(group)
        axes, merges = merge(group, ordered, widest)
        folded = set(reduced)
        for high, _, merged in merges:
            if high in folded:
                folded.add(merged)
        self.axes = axes
        self.kept = [var for var in axes if var not in folded]
        self.folded = [var for var in axes if var in folded]
        last = self._along(widest)
        f = kernel_function(settings.module, name)
        count = lanes_for(group, settings.machine, last.extent if last else 1)
        em = settings.emission(f, count, self._place)
        em.merges = merges
        em.vector_var = last  # also where a vector has one lane only
        super().__init__(f, em, group, last, count)
        self.name = name
        self.place = place
        self.sources = group.sources
        self.done: set[Node] = set()
        self.inner = bool(self.folded) and last in folded
        self.across = Across(settings, group, em, workspace, place)

    def _along(self, widest: int) -> Var | None:
        """The variable that runs along vectors: the last, unless that is folded and very short."""
        last = self.axes[-1] if self.axes else None
        short = last in self.folded and last is not None and last.extent <= SHORT
        if short and self.kept and self.kept[-1].extent >= widest // 4:
            return self.kept[-1]
        return last

    def _place(self, node: Node) -> Buffer | None:
        if node in self.group.index:
            return self.place(node) if node in self.done else None
        return self.place(node) if node in self.sources else None

    # -- what is done at one place -----------------------------------------------------------------

    def _stores(self, number: int, full: bool) -> list[Node]:
        group = self.group
        return [
            node
            for node in group.stored
            if group.passes[node] == number
            and (node in group.full) == full
            and node not in group.source_index
        ]

    def _reductions(self, number: int) -> list[Node]:
        group = self.group
        return [
            n for n in group.source_index if group.passes[n] == number and n not in group.across
        ]

    def _across(self, number: int) -> list[Node]:
        return [n for n in self.group.across if self.group.passes[n] == number]

    def put(self, nodes: Sequence[Node], mask: Value | None) -> None:
        """Store nodes; all are computed first, for one may lie where another is read from."""
        index = self.group.index
        values = [self.em.value(node, index[node], mask) for node in nodes]
        for node, value in zip(nodes, values, strict=True):
            buffer = self.place(node)
            assert buffer is not None
            self.em.store(node, buffer, index[node], value, mask)

    def body(self, number: int) -> Body:
        """Stores and reductions of a pass, for some vectors side by side."""
        stores = self._stores(number, full=True)
        reductions = self._reductions(number)
        across = self._across(number)

        def run(copies: int, mask: Value | None, accumulators: list[Value]) -> list[Value]:
            em = self.em
            found = list(accumulators)
            each = len(accumulators) // len(reductions) if reductions else 0
            for copy in range(copies):
                em.copy = copy
                own = mask if copy == copies - 1 else None
                for place, node in enumerate(reductions):
                    source = node.sources[0]
                    value = em.value(source, self.group.source_index[node], own)
                    slot = place * each + copy % each
                    value = self.em.fitting(value, found[slot])
                    if own is not None and self.inner:
                        blank = em.f.constant(
                            value.type, neutral(node.primitive.name, source.dtype)
                        )
                        value = own.select(value, blank)
                    found[slot] = combine(em, node, found[slot], value)
                for node in across:
                    self.across.add(node, own)
                self.put(stores, own)
            em.copy = 0
            return found

        return run

    def nest(
        self,
        axes: Sequence[Var],
        carried: list[Value],
        run: Callable[[list[Value]], list[Value]],
    ) -> list[Value]:
        """Nested loops over ``axes`` around ``run``, which maps carried values to the next ones."""
        if not axes:
            return run(carried)
        with self.f.loop(0, axes[0].extent, 1, carried) as loop, self.em.scope(loop.preheader):
            self.em.know(axes[0], loop.index)
            loop.carry(*self.nest(axes[1:], loop.values, run))
        return loop.results

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

    # -- the three shapes of a kernel --------------------------------------------------------------

    def write(self) -> Kernel:
        if not self.folded:
            tasks = self._map()
        elif self.inner:
            tasks = self._rows()
        else:
            tasks = self._columns()
        self.f.ret()
        assert not self.em.waiting, "values that were never stored"
        size = self.group.size
        work = size * (sum(cost(n) for n in self.group.members) + self.group.nodes // 2)
        # an access reads an element a turn at most: a lookup less than the whole table
        touched = sum(min(a.node.type.size, size) * a.node.dtype.itemsize for a in self.group.reads)
        touched += sum(n.type.size * n.dtype.itemsize for n in self.group.stored)
        return Kernel(self.name, tasks, work, touched)

    def _know_outer(self, task: Value, axes: Sequence[Var]) -> None:
        """The values of the outer variables of a task."""
        rest = task
        for var in reversed(axes[1:]):
            self.em.know(var, self.f.emit("i64", f"urem i64 {rest.text}, {var.extent}"))
            rest = self.f.emit("i64", f"udiv i64 {rest.text}, {var.extent}")
        if axes:
            self.em.know(axes[0], rest)

    @contextmanager
    def _tasks(self) -> Iterator[Value]:
        """The loop over the tasks of this call."""
        first, last = self.f.params[1], self.f.params[2]
        with self.f.loop(first, last) as loop, self.em.scope(loop.preheader):
            yield loop.index

    def _work(self) -> int:
        return self.group.size * (1 + self.group.nodes // 4)

    def _map(self) -> int:
        f = self.f
        if self.last is None:
            self.body(0)(1, None, [])
            return 1
        outer = [var for var in self.axes if var is not self.last]
        rows = int(np.prod([var.extent for var in outer], dtype=int))
        extent = self.last.extent
        small = self._work() < SMALL
        body = self.body(0)
        if not outer:
            if small or extent < 2 * CHUNK:
                self.along(0, extent, body, [], 1)
                return 1
            tasks = -(-extent // CHUNK)
            with self._tasks() as task:
                start = task * CHUNK
                stop = start + CHUNK
                end = stop.lt(extent).select(stop, f.i64(extent))
                self.along(start, end, body, [], 1)
            return tasks
        if small:
            self.nest(outer, [], lambda none: self.along(0, extent, body, none, 1))
            return 1
        with self._tasks() as task:
            self._know_outer(task, outer)
            self.along(0, extent, body, [], 1)
        return rows

    def _rows(self) -> int:
        """The last axis is folded: one row at a time, sums of vectors, then across lanes."""
        rows = int(np.prod([var.extent for var in self.kept], dtype=int))
        if self.group.across:
            return self._pieces(rows)
        if self._work() < SMALL:
            self.nest(self.kept, [], lambda none: self._row())
            return 1
        with self._tasks() as task:
            self._know_outer(task, self.kept)
            self._row()
        return rows

    def _pieces(self, rows: int) -> int:
        """Rows in a fixed number of pieces, each with sums across its rows of its own."""
        em, f = self.em, self.f
        tasks = self.group.pieces
        with self._tasks() as task:
            self.across.start(task)
            first = f.emit("i64", f"udiv i64 {(task * rows).text}, {tasks}")
            last = f.emit("i64", f"udiv i64 {((task + 1) * rows).text}, {tasks}")
            with f.loop(first, last) as loop, em.scope(loop.preheader):
                self._know_outer(loop.index, self.kept)
                self._row()
        return tasks

    def _passes(self) -> int:
        return 1 + max(self.group.passes[node] for node in self.group.members)

    def _row(self) -> list[Value]:
        em = self.em
        assert self.last is not None
        vectors = self.last.extent // self.count
        for number in range(self._passes()):
            self.put(self._stores(number, full=False), None)
            reductions = self._reductions(number)
            if reductions or self._stores(number, full=True) or self._across(number):
                unroll = (4 if vectors >= 8 else 2 if vectors >= 4 else 1) if reductions else 1
                starts = self._starts(reductions, unroll)
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
        self._leave()
        return []

    def _starts(self, reductions: Sequence[Node], copies: int) -> list[Value]:
        """The accumulators before the first element, some for each reduction."""
        count = self.count if self.count > 1 else 0
        return [
            self.f.constant(
                vector(count, ir_type(node.dtype)), neutral(node.primitive.name, node.dtype)
            )
            for node in reductions
            for _ in range(copies)
        ]

    def _finish(self, number: int, reductions: list[Node]) -> None:
        """Write results of reductions; full values of this pass can now be read from memory."""
        self.put([node for node in reductions if node in self.group.stored], None)
        self.done |= set(self._stores(number, full=True))

    def _leave(self) -> None:
        self.done.clear()
        self.em.bound.clear()

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
        small = self._work() < SMALL
        if small:
            self.nest(outer, [], lambda none: self._all_blocks(whole, width, rest))
            return 1
        with self._tasks() as task:
            block = self.f.emit("i64", f"urem i64 {task.text}, {blocks}")
            self._know_outer(self.f.emit("i64", f"udiv i64 {task.text}, {blocks}"), outer)
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
        for number in range(self._passes()):
            self._each_copy(copies, mask, self._stores(number, full=False))
            reductions = self._reductions(number)
            if reductions or self._stores(number, full=True):
                starts = self._starts(reductions, copies)
                body = self.body(number)
                results = self._over_folded(
                    starts,
                    lambda now, body=body: body(copies, mask, now),  # type: ignore[misc]
                )
                for place, node in enumerate(reductions):
                    em.bind(node, results[place * copies : (place + 1) * copies])
            self._each_copy(copies, mask, [n for n in reductions if n in self.group.stored])
            self.done |= set(self._stores(number, full=True))
        self._leave()

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
    nest = _Nest(settings, name, group, place, workspace)
    kernels = [nest.write()]
    return [*kernels, nest.across.finish(f"{name}_finish")] if group.across else kernels
