"""Rows in blocks: what a row has one of is computed for many rows at once.

A block is some parts of `ROWS` rows, small enough to stay in the first-level cache, and each pass
goes over all of them. Vectors run along the last axis as in other kernels, over several rows that
share what is the same for them: a weight, or the sums across the rows. Between two passes vectors
run *along the rows*: the sigmoid of sixteen dot products is one sigmoid of a vector. What rows have
one of lies in a little memory of the block. So the block is read from memory once, however many
passes there are, and while one part waits for its sigmoids there is another one to go on with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import memory_type
from chainrule.lower.llvm.ir import Value, lanes, vector
from chainrule.lower.llvm.loops.across import Sum
from chainrule.lower.llvm.loops.axes import lanes_for
from chainrule.lower.llvm.loops.fold import side_by_side
from chainrule.lower.llvm.loops.line import Body
from chainrule.lower.llvm.loops.nest import Nest
from chainrule.lower.llvm.plan.group import ROWS
from chainrule.lower.llvm.plan.index import Index, Var
from chainrule.lower.llvm.plan.walk import Access, RowWalk

__all__ = ["Blocks"]

PARTS = 8
"""At most so many parts make a block."""

ABREAST = 8
"""At most so many vectors, or rows, are worked on side by side."""

WRITTEN_OUT = 160
"""At most so many nodes are written out for them; half of that where no sums across the rows are
loaded and stored less often for it."""


@dataclass
class _Due:
    """What is done along the rows between two passes.

    Attributes:
        values: elements to compute and to keep.
        totals: sums to add to.
        stores: nodes to write to memory.
    """

    values: list[Access] = field(default_factory=list)
    totals: list[Node] = field(default_factory=list)
    stores: list[Node] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.values or self.totals or self.stores)


class Blocks(Nest):
    """One kernel whose rows are worked on in blocks."""

    def _along(self, widest: int) -> Var | None:
        return self.axes[-1]

    def loops(self) -> int:
        f, em, tasks = self.f, self.em, self.group.pieces
        self.row = self.kept[-1]
        self.wide = lanes_for(self.group, self.machine, ROWS)
        self.parts = max(1, min(PARTS, self.machine.l1 // 2 // (ROWS * self._row_bytes())))
        self._memory: dict[Access, Value] = {}
        self._look_ahead()
        outer = prod(var.extent for var in self.kept[:-1])
        whole, rest = divmod(self.row.extent, ROWS)
        with self.tasks() as task:
            if self.group.across:
                self.across.start(task)
            if whole:
                first, last = self._share(task, outer * whole)
                with f.loop(first, last, self.parts) as loop, em.scope(loop.preheader):
                    end = loop.index + self.parts
                    self._block(loop.index, end.lt(last).select(end, last), whole, ROWS)
            if rest:  # the last part along the rows is shorter
                first, last = self._share(task, outer)
                with f.loop(first, last) as loop, em.scope(loop.preheader):
                    self._block(loop.index, loop.index + 1, whole, rest)
        return tasks

    def _row_bytes(self) -> int:
        """Bytes of a row of all arrays together that are read in full."""
        large = {a.node for a in self.group.reads if a.node.type.size >= self.group.size}
        row = self.group.size // self.group.kept_size
        return row * max(4, sum(node.dtype.itemsize for node in large))

    def _look_ahead(self) -> None:
        """What each pass needs that a row has one of, and what is to be done before it."""
        group = self.group
        of_rows = [n for n in group.members if n not in group.full and n not in group.across]
        self._members = {Access(node, group.index[node]): node for node in of_rows}
        self._taken: list[list[Access]] = []
        self._nodes: list[int] = []
        self._due: list[_Due] = []
        for number in range(self.passes()):
            walk = self._walk(number)
            self._taken.append(walk.taken)
            self._nodes.append(max(walk.nodes, 1))
            self.done |= set(self.stores(number, full=True))
            values = [
                read
                for read, node in self._members.items()
                if group.passes[node] == number and node not in group.source_index
            ]
            values += [read for read in walk.taken if read not in self._members]
            totals = [node for node in self.across_in(number) if node in group.totals]
            self._due.append(_Due(values, totals, self.stores(number, full=False)))
        self._due.append(_Due())
        for number in range(self.passes()):
            stored = [node for node in self.reductions(number) if node in group.stored]
            self._due[number + 1].stores[:0] = stored
        self.leave()

    def _share(self, task: Value, count: int) -> tuple[Value, Value]:
        """From where to where a task goes among so many parts."""
        f, tasks = self.f, self.group.pieces
        ends = [t * count for t in (task, task + 1)]
        first, last = (f.emit("i64", f"udiv i64 {end.text}, {tasks}") for end in ends)
        return first, last

    def _block(self, first: Value, last: Value, whole: int, rows: int) -> None:
        """Some parts of ``rows`` rows each, one pass after the other."""

        def each(stage: Callable[[int, Value, Value, int], None], number: int) -> None:
            with self.f.loop(first, last) as loop, self.em.scope(loop.preheader):
                start = self._start(loop.index, whole, rows)
                stage(number, start, (loop.index - first) * ROWS, rows)

        for number in range(self.passes()):
            if self._due[number]:
                each(self._between, number)
            each(self._pass, number)
            self.done |= set(self.stores(number, full=True))
        if self._due[-1]:
            each(self._between, self.passes())
        self.leave()

    def _start(self, part: Value, whole: int, rows: int) -> Value:
        """The first row of a part, counted along the last kept axis."""
        if rows < ROWS:
            self.know_outer(part, self.kept[:-1])
            return self.f.i64(whole * ROWS)
        if len(self.kept) == 1:
            return part * ROWS
        self.know_outer(self.f.emit("i64", f"udiv i64 {part.text}, {whole}"), self.kept[:-1])
        return self.f.emit("i64", f"urem i64 {part.text}, {whole}") * ROWS

    # -- along the rows ----------------------------------------------------------------------------

    def _between(self, number: int, start: Value, place: Value, rows: int) -> None:
        """Before a pass over a part: results of those before it, and what it needs of the rows."""
        group, due = self.group, self._due[number]
        with self._along_rows(start):
            for read, node in self._members.items():
                if group.passes[node] < number:
                    self._recall(read, place, rows)
            for read in due.values:
                self._keep_rows(read, place, rows)
                if read in self._members:
                    self._recall(read, place, rows)
            for node in due.totals:
                for mask in self._vectors(rows):
                    self.across.add_rows(node, self.em.copy * self.wide, mask)
            for mask in self._vectors(rows) if due.stores else ():
                self.put(due.stores, mask)

    @contextmanager
    def _along_rows(self, start: Value) -> Iterator[None]:
        """Code for all rows of a part at once."""
        em = self.em
        with em.block():
            em.know(self.row, start)
            before = em.vector_var, em.count
            em.vector_var, em.count = self.row, self.wide
            yield
            em.vector_var, em.count = before
            em.bound.clear()

    def _vectors(self, rows: int) -> Iterator[Value | None]:
        """For each vector of rows, with `Emission.copy` set, the mask of those that exist."""
        for copy in range(-(-rows // self.wide)):
            self.em.copy = copy
            left = rows - copy * self.wide
            yield self.em.first_lanes(left) if left < self.wide else None
        self.em.copy = 0

    def _keep_rows(self, read: Access, place: Value, rows: int) -> None:
        """Compute an element for each row of a part, and put it into the memory of the block."""
        em = self.em
        for mask in self._vectors(rows):
            value = em.value(read.node, read.index, mask)
            self._keep(read, em.widened(value, self.wide), place + em.copy * self.wide)

    def _keep(self, read: Access, value: Value, place: Value) -> None:
        """Put the elements of a row, or of some from there on, into the memory of the block."""
        scalar = memory_type(read.node.dtype)
        if read.node.dtype.kind == "b":
            value = value.cast("zext", scalar)
        self.f.store(value, self._place_of(read, place))

    def _recall(self, read: Access, place: Value, rows: int) -> None:
        """Know a member of the group in all rows of a part."""
        type = vector(self.wide, memory_type(read.node.dtype))
        values = []
        for _ in self._vectors(rows):
            pointer = self._place_of(read, place + self.em.copy * self.wide)
            values.append(self.em.in_register(self.f.load(type, pointer), read.node))
        self.em.bind(read.node, values)

    def _place_of(self, read: Access, place: Value) -> Value:
        """Where the memory of the block has an element of a row."""
        scalar = memory_type(read.node.dtype)
        if read not in self._memory:
            self._memory[read] = self.f.alloca(scalar, ROWS * self.parts)
        return self._memory[read].offset(place, scalar)

    # -- along the last axis -----------------------------------------------------------------------

    def _walk(self, number: int) -> RowWalk:
        """What is computed along the last axis in a pass, down to what rows have one of."""
        em, group = self.em, self.group
        walk = RowWalk(
            lambda node: em.place(node) is not None or node in group.source_index,
            group.reduced or frozenset(),
        )
        for node in (*self.reductions(number), *self._sums(number)):
            walk.follow(*self._source(node))
        for node in self.stores(number, full=True):
            walk.follow(node, group.index[node], at_root=True)
        return walk

    def _sums(self, number: int) -> list[Node]:
        return [node for node in self.across_in(number) if node not in self.group.totals]

    def _source(self, node: Node) -> tuple[Node, Index]:
        return node.sources[0], self.group.source_index[node]

    def _pass(self, number: int, start: Value, place: Value, rows: int) -> None:
        """Go through the rows of a part."""
        assert self.last is not None
        if self.reductions(number):
            size = self._rows_abreast(number)
            whole = rows - rows % size
            if whole:
                with self.f.loop(0, whole, size) as loop, self.em.scope(loop.preheader):
                    self._side_by_side(number, start, place, loop.index, size)
            if rows % size:
                with self.em.block():
                    self._side_by_side(number, start, place, self.f.i64(whole), rows % size)
        elif self._sums(number) or self.stores(number, full=True):
            body, extent = self._down(number, start, place, rows), self.last.extent
            most = WRITTEN_OUT // self._nodes[number]
            held = self.machine.registers // 2 // max(1, len(self._sums(number)))
            width = max(1, min(ABREAST, most, held))
            self.nest(self.folded[:-1], [], lambda none: self.along(0, extent, body, none, width))

    def _vectors_abreast(self) -> int:
        """How many vectors of each row are worked on side by side: all of them, or one."""
        assert self.last is not None
        vectors = -(-self.last.extent // self.count)
        return vectors if vectors <= ABREAST else 1

    def _rows_abreast(self, number: int) -> int:
        """How many rows are worked on side by side, a power of 2: what registers hold."""
        each = max(len(self.reductions(number)), len(self._taken[number]))
        written_out = WRITTEN_OUT if self.group.across else WRITTEN_OUT // 2
        most = written_out // (self._nodes[number] * self._vectors_abreast())
        most = min(ABREAST, most, self.machine.registers // 2 // each)
        return 1 << max(most, 1).bit_length() - 1

    def _elements(self, number: int, place: Value) -> dict[Access, Value]:
        """What a row has one of that is needed in a pass."""
        found = {}
        for read in self._taken[number]:
            value = self.f.load(memory_type(read.node.dtype), self._place_of(read, place))
            found[read] = self.em.in_register(value, read.node)
        return found

    def _side_by_side(
        self, number: int, start: Value, place: Value, first: Value, rows: int
    ) -> None:
        """Go along some rows together, ``first`` and those after it."""
        em = self.em
        assert self.last is not None
        em.know(self.row, start + first)
        known = [self._elements(number, place + first + row) for row in range(rows)]
        reductions = self.reductions(number)
        body, extent = self._abreast(number, known), self.last.extent
        results = self.nest(
            self.folded[:-1],
            self.starts(reductions, rows),
            lambda now: self.along(0, extent, body, now, self._vectors_abreast()),
        )
        for slot, node in enumerate(reductions):
            self._fold(node, results[slot * rows : (slot + 1) * rows], place + first)

    def _abreast(self, number: int, known: Sequence[dict[Access, Value]]) -> Body:
        """All of a pass at one vector of some rows, with accumulators for each of them."""
        em, rows = self.em, len(known)
        stores, reductions = self.stores(number, full=True), self.reductions(number)

        def run(copies: int, mask: Value | None, accumulators: list[Value]) -> list[Value]:
            found = list(accumulators)
            sums = self._started(number, copies, mask)
            for row, elements in enumerate(known):
                with em.block():
                    em.ahead, em.taken = {self.row: row}, elements
                    for own in self._copies(copies, mask):
                        for place, node in enumerate(reductions):
                            slot = place * rows + row
                            found[slot] = self.folded_in(node, found[slot], own)
                        for total in sums[em.copy]:
                            total.add(em.value(*self._source(total.node), own))
                        self.put(stores, own)
                    em.ahead, em.taken = {}, {}
            for each in sums:
                for total in each:
                    total.store()
            return found

        return run

    def _fold(self, node: Node, vectors: list[Value], place: Value) -> None:
        """Reduce a vector for each of some rows, and keep the results."""
        read = Access(node, self.group.index[node])
        size = 1 << (len(vectors) - 1).bit_length()
        vectors = vectors + vectors[-1:] * (size - len(vectors))
        step = max(1, min(size, lanes(vectors[0].type)))
        for first in range(0, size, step):
            value = side_by_side(self.em, node, vectors[first : first + step])
            self._keep(read, value, place + first)

    def _down(self, number: int, start: Value, place: Value, rows: int) -> Body:
        """All of a pass without reductions at some vectors side by side, row after row."""
        em, f = self.em, self.f
        stores = self.stores(number, full=True)

        def run(copies: int, mask: Value | None, none: list[Value]) -> list[Value]:
            sums = self._started(number, copies, mask)
            every = [total for each in sums for total in each]
            with (
                f.loop(0, rows, 1, [total.value for total in every]) as loop,
                em.scope(loop.preheader),
            ):
                em.know(self.row, start + loop.index)
                em.taken = self._elements(number, place + loop.index)
                for total, value in zip(every, loop.values, strict=True):
                    total.value = value
                for own in self._copies(copies, mask):
                    for total in sums[em.copy]:
                        total.add(em.value(*self._source(total.node), own))
                    self.put(stores, own)
                em.taken = {}
                loop.carry(*(total.value for total in every))
            for total, value in zip(every, loop.results, strict=True):
                total.value = value
                total.store()
            return none

        return run

    def _copies(self, copies: int, mask: Value | None) -> Iterator[Value | None]:
        """For each of some vectors side by side, with `Emission.copy` set, its mask."""
        for copy in range(copies):
            self.em.copy = copy
            yield mask if copy == copies - 1 else None
        self.em.copy = 0

    def _started(self, number: int, copies: int, mask: Value | None) -> list[list[Sum]]:
        """For each of some vectors side by side the sums across rows that it is added to."""
        return [
            [self.across.sum(node, own) for node in self._sums(number)]
            for own in self._copies(copies, mask)
        ]
