"""A kernel of loops: what is computed at one place, and the nest of loops around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import ir_type
from chainrule.lower.llvm.ir import Value, vector
from chainrule.lower.llvm.kernel import Buffer, Kernel, kernel_function
from chainrule.lower.llvm.loops.across import Across
from chainrule.lower.llvm.loops.axes import in_memory_order, lanes_for, merge
from chainrule.lower.llvm.loops.fold import combine, neutral
from chainrule.lower.llvm.loops.line import Body, Line
from chainrule.lower.llvm.loops.settings import Place, Settings
from chainrule.lower.llvm.plan.group import SHORT, Group
from chainrule.lower.llvm.plan.index import Var
from chainrule.lower.llvm.plan.schedule import cost

__all__ = ["Nest"]


class Nest(Line, ABC):
    """One kernel being written."""

    def __init__(
        self, settings: Settings, name: str, group: Group, place: Place, workspace: Buffer
    ) -> None:
        reduced = group.reduced or frozenset()
        widest = lanes_for(group, settings.machine, 1 << 30)
        ordered = group.axes if group.across or group.in_blocks else in_memory_order(group)
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
        self.machine = settings.machine
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

    def stores(self, number: int, full: bool) -> list[Node]:
        group = self.group
        return [
            node
            for node in group.stored
            if group.passes[node] == number
            and (node in group.full) == full
            and node not in group.source_index
        ]

    def reductions(self, number: int) -> list[Node]:
        group = self.group
        return [
            n for n in group.source_index if group.passes[n] == number and n not in group.across
        ]

    def across_in(self, number: int) -> list[Node]:
        return [n for n in self.group.across if self.group.passes[n] == number]

    def put(self, nodes: Sequence[Node], mask: Value | None) -> None:
        """Store nodes; all are computed first, for one may lie where another is read from."""
        index = self.group.index
        values = [self.em.value(node, index[node], mask) for node in nodes]
        for node, value in zip(nodes, values, strict=True):
            buffer = self.place(node)
            assert buffer is not None
            self.em.store(node, buffer, index[node], value, mask)

    def folded_in(self, node: Node, before: Value, mask: Value | None) -> Value:
        """A reduction, and the element of its source that is here."""
        source = node.sources[0]
        value = self.em.value(source, self.group.source_index[node], mask)
        value = self.em.fitting(value, before)
        if mask is not None and self.inner:
            blank = neutral(node.primitive.name, source.dtype)
            value = mask.select(value, self.f.constant(value.type, blank))
        return combine(self.em, node, before, value)

    def body(self, number: int) -> Body:
        """Stores and reductions of a pass, for some vectors side by side."""
        stores = self.stores(number, full=True)
        reductions = self.reductions(number)
        across = self.across_in(number)

        def run(copies: int, mask: Value | None, accumulators: list[Value]) -> list[Value]:
            em = self.em
            found = list(accumulators)
            each = len(accumulators) // len(reductions) if reductions else 0
            for copy in range(copies):
                em.copy = copy
                own = mask if copy == copies - 1 else None
                for place, node in enumerate(reductions):
                    slot = place * each + copy % each
                    found[slot] = self.folded_in(node, found[slot], own)
                for node in across:
                    total = self.across.sum(node, own)
                    total.add(em.value(node.sources[0], self.group.source_index[node], own))
                    total.store()
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

    # -- the whole of it ---------------------------------------------------------------------------

    @abstractmethod
    def loops(self) -> int:
        """Write the loops; how many tasks there are."""

    def write(self) -> Kernel:
        """Write all of it."""
        tasks = self.loops()
        self.f.ret()
        assert not self.em.waiting, "values that were never stored"
        group, size = self.group, self.group.size
        work = size * (group.nodes // 2)
        for node in group.members:
            whole = node in group.full or node in group.source_index
            work += cost(node) * (size if whole else group.kept_size)
        # an access reads an element a turn at most: a lookup less than the whole table
        touched = sum(min(a.node.type.size, size) * a.node.dtype.itemsize for a in group.reads)
        touched += sum(n.type.size * n.dtype.itemsize for n in group.stored)
        return Kernel(self.name, tasks, work, touched)

    def know_outer(self, task: Value, axes: Sequence[Var]) -> None:
        """The values of the outer variables of a task."""
        rest = task
        for var in reversed(axes[1:]):
            self.em.know(var, self.f.emit("i64", f"urem i64 {rest.text}, {var.extent}"))
            rest = self.f.emit("i64", f"udiv i64 {rest.text}, {var.extent}")
        if axes:
            self.em.know(axes[0], rest)

    @contextmanager
    def tasks(self) -> Iterator[Value]:
        """The loop over the tasks of this call."""
        first, last = self.f.params[1], self.f.params[2]
        with self.f.loop(first, last) as loop, self.em.scope(loop.preheader):
            yield loop.index

    def work(self) -> int:
        return self.group.size * (1 + self.group.nodes // 4)

    def passes(self) -> int:
        return 1 + max(self.group.passes[node] for node in self.group.members)

    def starts(self, reductions: Sequence[Node], copies: int) -> list[Value]:
        """The accumulators before the first element, some for each reduction."""
        count = self.count if self.count > 1 else 0
        return [
            self.f.constant(
                vector(count, ir_type(node.dtype)), neutral(node.primitive.name, node.dtype)
            )
            for node in reductions
            for _ in range(copies)
        ]

    def leave(self) -> None:
        self.done.clear()
        self.em.bound.clear()
