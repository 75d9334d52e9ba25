"""A graph as steps over buffers: what `program` turns into code.

A frame belongs to one graph: that of the whole program, or the body of a `scan`, `cond` or `while`
inside of it. It knows where every stored value lies, in which order kernels run, and what memory it
needs; frames of bodies live inside the memory of the step that runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainrule.core.graph import Graph
from chainrule.core.node import LITERAL, Node
from chainrule.lower.llvm.elementwise import memory_type
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.plan.arena import Block, plan_arena, rounded
from chainrule.lower.llvm.plan.group import Group
from chainrule.lower.llvm.plan.product import Product, as_product
from chainrule.lower.llvm.plan.schedule import Operand, Schedule
from chainrule.lower.llvm.plan.table import ARENA, Slots
from chainrule.ops.record import Call

if TYPE_CHECKING:
    from chainrule.lower.llvm.conv.emit import ConvShape
    from chainrule.lower.llvm.gemm.emit import GemmShape

__all__ = ["Frame", "GemmTask", "Step"]


@dataclass(frozen=True)
class GemmTask:
    """A contraction as `gemm` takes it."""

    shape: GemmShape
    product: Product
    a: Operand
    b: Operand


@dataclass(eq=False)
class Step:
    """What a group does, with its memory and the frames inside of it.

    Attributes:
        group: its nodes.
        reads, writes: buffers and their sizes in bytes.
        workspace: shared memory of the step itself.
        bodies: frames of graphs that its node carries.
        extra: what the emitter of its kind has to know.
        ahead: how many of its kernels, from the first, do the same in every turn of a loop; they
            run once, before it.
    """

    group: Group
    reads: list[tuple[Buffer, int]] = field(default_factory=list)
    writes: list[tuple[Buffer, int]] = field(default_factory=list)
    workspace: Block | None = None
    bodies: list[Frame] = field(default_factory=list)
    extra: Any = None
    ahead: int = 0


def nbytes(node: Node) -> int:
    return int(node.type.size * node.dtype.itemsize)


class Frame:
    """The plan of one graph.

    Args:
        graph: what to compute, as `prepare` leaves it.
        forced: its nodes that have to be stored.
        slots: the table of the program.
        inputs: where the inputs lie.
        outputs: where the results go; None for a place of its own.
        machine: the processor.
        late: nodes to compute only when somebody needs them.
        steady: inputs and constants that are the same in every turn of the loop around.
    """

    plan_call: Mapping[str, Callable[[Frame, Step, Node], int]] = {}
    """For each call that runs natively: plans its bodies; set by `calls`, which needs frames."""

    def __init__(
        self,
        graph: Graph,
        forced: set[Node],
        slots: Slots,
        inputs: Sequence[Buffer],
        outputs: Sequence[Buffer],
        machine: Any,
        late: frozenset[Node] = frozenset(),
        steady: frozenset[Node] = frozenset(),
    ) -> None:
        self.slots = slots
        self.machine = machine
        self.graph, self.forced = graph, forced
        self.steady = steady
        self.schedule = Schedule(graph, forced)
        self.fixed: dict[Node, Buffer] = {}
        self.fixed.update(zip(self.graph.inputs, inputs, strict=True))
        self.results_at = [buffer.slot for buffer in outputs]
        for node, buffer in zip(self.graph.outputs, outputs, strict=True):
            self.fixed[node] = buffer
        operands = {
            self.operand(group.members[0], source).base
            for group in self.schedule.groups
            if group.kind not in ("loop", "nothing")
            for source in group.members[0].sources
        }
        for node in self.graph.nodes:
            leaf = not node.sources and node not in self.fixed
            if leaf and (node.primitive is not LITERAL or node in operands):
                self.fixed[node] = slots.constant(node)
        self.blocks: dict[Node, Block] = {}
        self.base = 0
        self.steps = [Step(group) for group in self._ordered(late)]
        for number, step in enumerate(self.steps):
            self._plan_step(number, step)
        self.size = self._plan_memory()

    def operand(self, user: Node, source: Node) -> Operand:
        return self.schedule.operand(user, source)

    def _ordered(self, late: frozenset[Node]) -> list[Group]:
        """The groups; those that overwrite a donated input come after all that read it."""
        groups = self.schedule.groups
        by_buffer: dict[int, Node] = {
            self.fixed[node].slot: node for node in self.graph.inputs if node in self.fixed
        }
        after: dict[Group, set[Group]] = {group: set() for group in groups}
        reads = {group: self._nodes_read(group) for group in groups}
        for group in groups:
            for node in reads[group]:
                if node in self.schedule.anchored:
                    after[group].add(self.schedule.anchored[node])
        self.copies: list[tuple[Node, Buffer]] = []
        for node in self.graph.outputs:
            source = by_buffer.get(self.fixed[node].slot)
            if source is None:
                continue
            writer = self.schedule.anchored[node]
            readers = {g for g in groups if source in reads[g] and g is not writer}
            fits = self._in_place(writer, node, source)
            if fits and not any(_reaches(after, r, writer) for r in readers):
                after[writer] |= readers
            else:
                self.copies.append((node, self.fixed.pop(node)))
        lazy = {self.schedule.anchored[node] for node in late}
        return _sorted(groups, after, lazy)

    def _in_place(self, writer: Group, node: Node, source: Node) -> bool:
        """Whether each element of ``source`` is read only where that of ``node`` is written."""
        if writer.kind not in ("loop", "contract", "conv"):
            return source not in self._nodes_read(writer)
        first = writer.members[0]
        if writer.kind != "loop" and any(
            self.operand(first, s).base is source for s in first.sources
        ):
            return False
        if node in writer.source_index:
            return not any(a.node is source for a in writer.reads)
        last = max(writer.passes.values())
        if node not in writer.full and any(
            writer.passes[m] == last and (m in writer.full or m in writer.source_index)
            for m in writer.members
        ):  # it is stored before the loop over its row, which may read the source once more
            return not any(a.node is source for a in writer.reads)
        return (
            all(
                a.index == writer.index[node] and writer.passes[node] == last
                for a in writer.reads
                if a.node is source
            )
            and self.fixed[source].offset == self.fixed[node].offset
        )

    def _nodes_read(self, group: Group) -> list[Node]:
        found = {access.node: None for access in group.reads}
        if group.kind != "loop":
            first = group.members[0]
            for source in first.sources:
                found[self.operand(first, source).base] = None
        return list(found)

    # -- steps -------------------------------------------------------------------------------------

    def _plan_step(self, number: int, step: Step) -> None:
        group = step.group
        first = group.members[0]
        for node in self._nodes_read(group):
            if node in self.schedule.anchored and node not in self.fixed:
                self.blocks[node].last = number
        for node in group.stored:
            if node not in self.fixed:
                self.blocks[node] = Block(nbytes(node), number, number)
        if group.kind == "contract":
            from chainrule.lower.llvm.gemm import emit as gemm  # quick programs start without

            step.extra = self._gemm(first)
            size = gemm.workspace_bytes(step.extra.shape, self.machine)
            step.ahead = self._ahead(step.extra)
        elif group.kind == "conv":
            from chainrule.lower.llvm.conv import emit as conv

            step.extra = self._conv(first)
            size = conv.workspace_bytes(step.extra, self.machine)
        elif group.across:
            size = group.partial_bytes * group.pieces
        elif group.kind in self.plan_call:
            size = self.plan_call[group.kind](self, step, first)
        else:
            size = 0
        for node in self._written(group):  # results that nobody asked for need a place too
            if node not in self.fixed and node not in self.blocks:
                self.blocks[node] = Block(nbytes(node), number, number)
        if size:
            always = 0, len(self.steps)  # what was written before the loop has to stay
            step.workspace = Block(size, *(always if step.ahead else (number, number)))

    def _written(self, group: Group) -> dict[Node, None]:
        """What a step writes, also if nobody reads it."""
        if group.kind in ("loop", "contract", "conv", "nothing"):
            return group.stored
        return group.stored | dict.fromkeys(self.results(group.members[0]))

    def results(self, first: Node) -> list[Node]:
        """The nodes that hold the results of a step of its own kind."""
        if not isinstance(first.primitive, Call):
            return [first]
        return [n for n in self.schedule.users.get(first, []) if n.primitive.name == "item"]

    def _gemm(self, node: Node) -> GemmTask:
        from chainrule.lower.llvm.gemm.plan import GemmShape, Steps

        x, y = (self.operand(node, source) for source in node.sources)
        product = as_product(node, x, y)
        assert product is not None, node
        a, b = (y, x) if product.swapped else (x, y)
        batches = tuple((dim.extent, dim.a, dim.b) for dim in product.batch)
        count = 1
        for extent, _, _ in batches:
            count *= extent
        steps = [
            batches[0][side]
            if len(batches) == 1
            else Steps(tuple((batch[0], batch[side]) for batch in batches)) or 0
            for side in (1, 2)
        ]
        shape = GemmShape(
            memory_type(node.dtype),
            count,
            product.row.extent,
            product.column.extent,
            product.inner.extent,
            (steps[0], product.row.a, product.inner.a),
            (steps[1], product.inner.b, product.column.b),
        )
        return GemmTask(shape, product, a, b)

    def _ahead(self, task: GemmTask) -> int:
        """One if the product packs operands in a kernel of its own, and they are steady."""
        from chainrule.lower.llvm.gemm.emit import packed

        flags = packed(task.shape, self.machine)
        bases = [x.base for x, flag in zip((task.a, task.b), flags, strict=True) if flag]
        return int(bool(bases) and all(base in self.steady for base in bases))

    def _conv(self, node: Node) -> ConvShape:
        from chainrule.lower.llvm.conv.emit import ConvShape

        x, w = node.sources
        names = ("strides", "padding", "lhs_dilation", "rhs_dilation")
        return ConvShape(
            memory_type(node.dtype),
            x.shape,
            w.shape,
            **dict(zip((*names, "feature_groups", "batch_groups"), node.argument, strict=True)),
            x=self.operand(node, x).strides,
            w=self.operand(node, w).strides,
        )

    # -- memory ------------------------------------------------------------------------------------

    def _plan_memory(self) -> int:
        end = len(self.steps)
        for node, _ in self.copies:
            self.blocks[node].last = end
        blocks = [*self.blocks.values(), *(s.workspace for s in self.steps if s.workspace)]
        return plan_arena(blocks)

    def settle(self, base: int) -> None:
        """Fix where everything lies, now that the frame's memory starts at byte ``base``."""
        self.base = base
        for step in self.steps:
            if step.bodies:
                assert step.workspace is not None
                inner = base + step.workspace.offset
                for body in step.bodies:
                    body.settle(inner)
                    inner += rounded(body.size)
        for step in self.steps:
            for node in self._nodes_read(step.group):
                buffer = self.place(node)
                if buffer is not None:
                    step.reads.append((buffer, nbytes(node)))
            for node in self._written(step.group):
                buffer = self.place(node)
                assert buffer is not None
                step.writes.append((buffer, nbytes(node)))
            if step.workspace:
                place = Buffer(ARENA, base + step.workspace.offset)
                step.writes.append((place, step.workspace.size))

    def place(self, node: Node) -> Buffer | None:
        """Where a stored node lies, else None."""
        fixed = self.fixed.get(node)
        if fixed is not None:
            return fixed
        block = self.blocks.get(node)
        return None if block is None else Buffer(ARENA, self.base + block.offset)


def _reaches(after: dict[Group, set[Group]], start: Group, goal: Group) -> bool:
    """Whether ``start`` has to run after ``goal``."""
    stack, seen = [start], {start}
    while stack:
        for group in after[stack.pop()]:
            if group is goal:
                return True
            if group not in seen:
                seen.add(group)
                stack.append(group)
    return False


def _sorted(
    groups: Sequence[Group], after: dict[Group, set[Group]], lazy: set[Group]
) -> list[Group]:
    """The groups so that each runs after those it has to; otherwise as they are, the lazy ones
    just before the first that needs them."""
    number = {group: place for place, group in enumerate(groups)}
    done: set[Group] = set()
    order: list[Group] = []
    for group in [*(g for g in groups if g not in lazy), *(g for g in groups if g in lazy)]:
        stack = [group]
        while stack:
            top = stack[-1]
            missing = [] if top in done else [g for g in after[top] if g not in done]
            if missing:
                stack.extend(sorted(missing, key=number.__getitem__, reverse=True))
                continue
            stack.pop()
            if top not in done:
                done.add(top)
                order.append(top)
    return order
