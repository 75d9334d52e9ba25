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
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import Context, emit_elementwise, ir_type
from chainrule.lower.llvm.evaluate import Emission
from chainrule.lower.llvm.group import Group
from chainrule.lower.llvm.index import Affine, Var, flat
from chainrule.lower.llvm.ir import Function, Module, Value, lanes, vector
from chainrule.lower.llvm.kernel import Buffer, Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.memory import rounded
from chainrule.lower.llvm.schedule import cost

__all__ = ["Settings", "emit_loops", "partial_bytes", "pieces_of"]

CHUNK = 8192
"""Elements of one task where a long axis is cut into pieces."""

PIECES = 32
"""Rows with sums across them are taken in so many pieces, whatever the number of threads."""

PARTS = 8
"""At most so many stretches of the last axis get code of their own."""

SHORT = 4
"""A folded last axis up to this long is not worth a vector: the axis before it is."""

UNROLLED = 16
"""Turns up to which loops over folded variables are written out."""

SMALL = 16384
"""Work below which a kernel is one task: sharing it out would cost more."""

Place = Callable[[Node], Buffer | None]


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


# -- folding -----------------------------------------------------------------------------------------


def neutral(name: str, dtype: np.dtype) -> float | int | bool:
    """The element that a reduction starts from."""
    if name == "sum":
        return 0
    if name == "prod":
        return 1
    if name in ("any", "all"):
        return name == "all"
    low = name == "max"
    if dtype.kind == "f":
        return -np.inf if low else np.inf
    if dtype.kind == "b":
        return not low
    limits = np.iinfo(dtype)
    return int(limits.min if low else limits.max)


_FOLD = {
    "sum": "add",
    "prod": "mul",
    "max": "maximum",
    "min": "minimum",
    "any": "logical_or",
    "all": "logical_and",
}


def combine(em: Emission, node: Node, a: Value, b: Value) -> Value:
    """One step of a reduction."""
    name = _FOLD[node.primitive.name]
    if node.dtype.kind == "b":
        either = name in ("add", "maximum", "logical_or")
        name = "logical_or" if either else "logical_and"
    context = Context(em.f, node.sources[0].dtype, em.machine, em.accuracy)  # type: ignore[arg-type]
    return emit_elementwise(context, name, [a, b], ())


def horizontal(em: Emission, node: Node, value: Value) -> Value:
    """All lanes of a vector folded, in the order of a tree."""
    count = lanes(value.type)
    while count > 1:
        count //= 2
        low = value.shuffle(range(count))
        high = value.shuffle(range(count, 2 * count))
        value = combine(em, node, low, high)
    return value.lane(0) if lanes(value.type) else value


# -- the plan of one kernel --------------------------------------------------------------------------


def _lanes(group: Group, machine: Machine, extent: int) -> int:
    """As many lanes as fill a register with the narrowest floats, fewer where the axis is short."""
    dtypes = {node.dtype for node in (*group.stored, *(a.node for a in group.reads))}
    dtypes |= {node.dtype for node in group.members}
    sizes = [dtype.itemsize for dtype in dtypes if dtype.kind == "f" and dtype.itemsize > 2]
    size = min(sizes, default=0) or max((d.itemsize for d in dtypes), default=4)
    count = machine.vector_bytes // max(size, 4)
    while count > 1 and count // 2 >= extent:
        count //= 2
    return count


def _in_memory_order(group: Group) -> list[Var]:
    """The variables from the one that takes the longest steps through memory to the shortest.

    What counts is what is written in full, otherwise the largest array that is read.
    """
    full = [node for node in group.stored if node in group.full]
    if full:
        place = flat(group.index[full[0]], full[0].shape)
    else:
        largest = max(group.reads, key=lambda a: a.node.type.size, default=None)
        place = Affine(0) if largest is None else flat(largest.index, largest.node.shape)
    steps = dict(place.terms)
    if any(var not in steps for var in group.axes):
        return group.axes
    return sorted(group.axes, key=lambda var: -abs(steps[var]))


def _merge(
    group: Group, axes: list[Var], count: int
) -> tuple[list[Var], list[tuple[Var, Var, Var]]]:
    """Neighbouring variables joined where every position in memory allows it.

    The two innermost are also joined where some array is the same for all values of the last one,
    as in a max-pooling's gradient: such an array is read with repeated lanes.
    """
    positions = [dict(p.terms) for p in group.positions()]
    written = [dict(flat(group.index[node], node.shape).terms) for node in group.stored]
    raw = {var for part in group.raw for var in part.inner}
    reduced = group.reduced or frozenset()
    axes = list(axes)
    merges = []
    place = len(axes) - 2
    while place >= 0:
        high, low = axes[place], axes[place + 1]
        times = low.extent
        small = place == len(axes) - 2 and times < count and times & (times - 1) == 0

        def fits(p: dict[Var, int], high: Var = high, low: Var = low) -> bool:
            return p.get(high, 0) == p.get(low, 0) * low.extent

        def repeats(p: dict[Var, int], high: Var = high, low: Var = low) -> bool:
            return low not in p and p.get(high, 0) == 1

        joinable = (
            high not in raw
            and low not in raw
            and (high in reduced) == (low in reduced)
            and all(fits(p) or (small and repeats(p)) for p in positions)
            and all(map(fits, written))
        )
        if joinable:
            merged = Var(high.extent * low.extent)
            if high in reduced:
                reduced |= {merged}
            merges.append((high, low, merged))
            for p in (*positions, *written):
                if not fits(p):
                    raw.add(merged)
                p.pop(high, None)
                step = p.pop(low, 0)
                if step:
                    p[merged] = step
            axes[place : place + 2] = [merged]
        place -= 1
    return axes, merges


class _Nest:
    """One kernel being written."""

    def __init__(
        self, settings: Settings, name: str, group: Group, place: Place, workspace: Buffer
    ) -> None:
        self.settings = settings
        self.workspace = workspace
        self.group = group
        reduced = group.reduced or frozenset()
        widest = _lanes(group, settings.machine, 1 << 30)
        ordered = group.axes if group.across else _in_memory_order(group)
        axes, merges = _merge(group, ordered, widest)
        folded = set(reduced) | {m for h, _, m in merges if h in reduced}
        for high, _, merged in merges:
            if high in folded:
                folded.add(merged)
        self.axes = axes
        self.kept = [var for var in axes if var not in folded]
        self.folded = [var for var in axes if var in folded]
        self.last = self._along(widest)
        extent = self.last.extent if self.last else 1
        self.count = _lanes(group, settings.machine, extent)
        self.f = kernel_function(settings.module, name)
        self.place = place
        self.sources = group.sources
        self.done: set[Node] = set()
        self.em = settings.emission(self.f, self.count, self._place)
        self.em.merges = merges
        self.em.vector_var = self.last  # also where a vector has one lane only
        self.inner = bool(self.folded) and self.last in folded
        self.name = name

    def _along(self, widest: int) -> Var | None:
        """The variable that runs along vectors: the last, unless that is folded and very short."""
        last = self.axes[-1] if self.axes else None
        if last in self.folded and last is not None and last.extent <= SHORT and self.kept:
            if self.kept[-1].extent >= widest // 4:
                return self.kept[-1]
        return last

    def _place(self, node: Node) -> Buffer | None:
        if node in self.group.index:
            return self.place(node) if node in self.done else None
        return self.place(node) if node in self.sources else None

    # -- running along the last axis -----------------------------------------------------------------

    def along(
        self,
        start: Value | int,
        stop: Value | int,
        body: Callable[[int, Value | None, list[Value]], list[Value]],
        accumulators: list[Value],
        unroll: int,
    ) -> list[Value]:
        """Run ``body`` along the last axis, ``unroll`` vectors at a time, then over the rest.

        ``body(copies, mask of the last copy, accumulators)`` gives the new accumulators; there is
        one of each for each copy.
        """
        em, f, count = self.em, self.f, self.count
        var = self.last
        assert var is not None
        step = count * unroll
        if isinstance(start, int) and isinstance(stop, int):
            for first, last in pairwise([start, *self._cuts(start, stop), stop]):
                self.em.ranges[var] = first, last - 1
                accumulators = self._stretch(first, last, body, accumulators, unroll)
            self.em.ranges.clear()
            return accumulators
        assert not accumulators and isinstance(start, Value) and isinstance(stop, Value)
        rest = var.extent % count
        end = stop - rest if rest else stop  # wrong only for the task with the end, see below
        if rest:
            whole_end = f.i64(var.extent - rest)
            end = stop.lt(whole_end).select(stop, whole_end)
        with f.loop(start, end, count) as loop, em.scope(loop.preheader):
            em.know(var, loop.index)
            body(1, None, [])
        if rest:
            with em.branch(stop.eq(var.extent)):
                em.know(var, f.i64(var.extent - rest))
                body(1, self.em.first_lanes(rest) if count > 1 else None, [])
        return []

    def _cuts(self, start: int, stop: int) -> list[int]:
        """Where conditions on the last axis change, so that they hold throughout or not at all."""
        found = set()
        for place, value in self.group.cuts:
            if len(place.terms) == 1 and place.terms[0][0] is self.last:
                coefficient = place.terms[0][1]
                at = -((place.constant - value) // coefficient)
                if coefficient < 0:  # c·v + constant < value from some v on
                    at = (place.constant - value) // -coefficient + 1
                if start < at < stop:
                    found.add(at)
        return sorted(found) if len(found) < PARTS else []

    def _stretch(
        self,
        start: int,
        stop: int,
        body: Callable[[int, Value | None, list[Value]], list[Value]],
        accumulators: list[Value],
        unroll: int,
    ) -> list[Value]:
        count = self.count
        step = count * unroll
        whole = (stop - start) // step * step
        middle = start + whole
        if whole > step:
            accumulators = self._loop(start, middle, step, body, accumulators, unroll)
        elif whole:
            accumulators = self._once(start, unroll, None, body, accumulators)
        rest = stop - middle
        if rest:
            copies = -(-rest // count)
            mask = self.em.first_lanes(rest % count) if rest % count and count > 1 else None
            accumulators = self._once(middle, copies, mask, body, accumulators)
        return accumulators

    def _loop(
        self,
        start: int,
        stop: int,
        step: int,
        body: Callable[[int, Value | None, list[Value]], list[Value]],
        accumulators: list[Value],
        unroll: int,
    ) -> list[Value]:
        assert self.last is not None
        with self.f.loop(start, stop, step, accumulators) as loop, self.em.scope(loop.preheader):
            self.em.know(self.last, loop.index)
            loop.carry(*body(unroll, None, loop.values))
        return loop.results

    def _once(
        self,
        start: Value | int,
        copies: int,
        mask: Value | None,
        body: Callable[[int, Value | None, list[Value]], list[Value]],
        accumulators: list[Value],
    ) -> list[Value]:
        assert self.last is not None
        with self.em.block():
            self.em.know(
                self.last, self.f.i64(start) if isinstance(start, int) else start
            )
            return body(copies, mask, accumulators)

    # -- what is done at one place -------------------------------------------------------------------

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

    def body(self, number: int) -> Callable[[int, Value | None, list[Value]], list[Value]]:
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
                    value = self._fitting(value, found[slot])
                    if own is not None and self.inner:
                        blank = em.f.constant(
                            value.type, neutral(node.primitive.name, source.dtype)
                        )
                        value = own.select(value, blank)
                    found[slot] = combine(em, node, found[slot], value)
                for node in across:
                    self._add(node, own)
                self.put(stores, own)
            em.copy = 0
            return found

        return run

    def _add(self, node: Node, mask: Value | None) -> None:
        """Add an element to the sum across rows of this task."""
        em, f = self.em, self.f
        value = em.value(node.sources[0], self.group.source_index[node], mask)
        scalar = ir_type(node.dtype)
        position = flat(self.group.index[node], node.shape)
        pointer = em.address(self._partial(node), scalar, position)[0]
        pointer = pointer.offset(self._piece * self._partial_bytes())
        before = em.contiguous(scalar, pointer, self.count, mask)
        total = combine(em, node, before, self._fitting(value, before))
        if mask is None or self.count == 1:
            f.store(total, pointer)
        else:
            f.masked_store(total, pointer, mask)

    def _partial(self, node: Node) -> Buffer:
        """Where the sums of the first task lie."""
        offset = 0
        for other in self.group.across:
            if other is node:
                break
            offset += rounded(other.type.size * other.dtype.itemsize)
        return Buffer(self.workspace.slot, self.workspace.offset + offset)

    def _partial_bytes(self) -> int:
        return partial_bytes(self.group)

    def _fitting(self, value: Value, like: Value) -> Value:
        count = lanes(like.type)
        if count and not lanes(value.type):
            return self.em._widened(value, count)
        return value

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

    def _folding(
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

    # -- the three shapes of a kernel ------------------------------------------------------------------

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
    def _tasks(self, count: int) -> Iterator[Value]:
        """The loop over tasks; constant where there is only one thread's worth of work."""
        first, last = self.f.params[1], self.f.params[2]
        with self.f.loop(first, last) as loop, self.em.scope(loop.preheader):
            yield loop.index

    def _work(self) -> int:
        return self.group.size * (1 + self.group.nodes // 4)

    def _map(self) -> int:
        em, f = self.em, self.f
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
            with self._tasks(tasks) as task:
                start = task * CHUNK
                stop = start + CHUNK
                end = stop.lt(extent).select(stop, f.i64(extent))
                self.along(start, end, body, [], 1)
            return tasks
        if small:
            self.nest(outer, [], lambda none: self.along(0, extent, body, none, 1))
            return 1
        with self._tasks(rows) as task:
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
        with self._tasks(rows) as task:
            self._know_outer(task, self.kept)
            self._row()
        return rows

    def _pieces(self, rows: int) -> int:
        """Rows in a fixed number of pieces, each with sums across its rows of its own."""
        em, f = self.em, self.f
        tasks = pieces_of(self.group)
        with self._tasks(tasks) as task:
            self._piece = task
            start = self.workspace.pointer(f).offset(task * self._partial_bytes())
            with f.loop(0, self._partial_bytes(), 64) as loop:
                f.store(f.constant("<16 x float>", 0), start.offset(loop.index), 4)
            first = f.emit("i64", f"udiv i64 {(task * rows).text}, {tasks}")
            last = f.emit("i64", f"udiv i64 {((task + 1) * rows).text}, {tasks}")
            with f.loop(first, last) as loop, em.scope(loop.preheader):
                self._know_outer(loop.index, self.kept)
                self._row()
        return tasks

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
            self._add_up(f, scalar, count, 0, size - size % count, source, goal)
            self._add_up(f, scalar, 0, size - size % count, size, source, goal)
            total += size * pieces_of(self.group)
        f.ret()
        return Kernel(name, 1, total, 4 * total)

    def _add_up(
        self, f: Function, scalar: str, count: int, start: int, stop: int, source: Value, goal: Value
    ) -> None:
        type = vector(count, scalar)
        if start == stop:
            return
        with f.loop(start, stop, max(count, 1)) as columns:
            place = source.offset(columns.index, scalar)
            with f.loop(0, pieces_of(self.group), carried=[f.constant(type, 0)]) as loop:
                x = f.load(type, place.offset(loop.index * self._partial_bytes()))
                loop.carry(loop.values[0] + x)
            f.store(loop.results[0], goal.offset(columns.index, scalar))

    def _passes(self) -> int:
        return 1 + max(self.group.passes[node] for node in self.group.members)

    def _row(self) -> list[Value]:
        em, f, group = self.em, self.f, self.group
        assert self.last is not None
        vectors = self.last.extent // self.count
        for number in range(self._passes()):
            self.put(self._stores(number, full=False), None)
            reductions = self._reductions(number)
            if reductions or self._stores(number, full=True) or self._across(number):
                unroll = (4 if vectors >= 8 else 2 if vectors >= 4 else 1) if reductions else 1
                starts = [
                    f.constant(
                        vector(self.count if self.count > 1 else 0, ir_type(node.dtype)),
                        neutral(node.primitive.name, node.dtype),
                    )
                    for node in reductions
                    for _ in range(unroll)
                ]
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
        with self._tasks(rows * blocks) as task:
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
        em, f = self.em, self.f
        assert self.last is not None
        em.know(self.last, start)
        mask = em.first_lanes(rest) if rest and self.count > 1 else None
        for number in range(self._passes()):
            self._each_copy(copies, mask, self._stores(number, full=False))
            reductions = self._reductions(number)
            if reductions or self._stores(number, full=True):
                starts = [
                    f.constant(
                        vector(self.count if self.count > 1 else 0, ir_type(node.dtype)),
                        neutral(node.primitive.name, node.dtype),
                    )
                    for node in reductions
                    for _ in range(copies)
                ]
                body = self.body(number)
                results = self._folding(
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


def pieces_of(group: Group) -> int:
    """How many pieces the rows are taken in where there are sums across them."""
    return min(PIECES, group.kept_size)


def partial_bytes(group: Group) -> int:
    """Bytes of the sums across rows of one piece."""
    return sum(rounded(node.type.size * node.dtype.itemsize) for node in group.across)


def emit_loops(
    settings: Settings, name: str, group: Group, place: Place, workspace: Buffer
) -> list[Kernel]:
    """Write the kernel of a loop group, and one more where sums across rows are added up.

    Args:
        settings: what all kernels share.
        name: of the kernel.
        group: what to compute.
        place: where stored nodes lie.
        workspace: memory for `partial_bytes` of each of `pieces_of` the group.
    """
    nest = _Nest(settings, name, group, place, workspace)
    kernels = [nest.write()]
    return [*kernels, nest.finish(f"{name}_finish")] if group.across else kernels
