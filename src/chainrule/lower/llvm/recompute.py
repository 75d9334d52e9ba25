"""Fitting a program into a limit of memory by computing values again.

Whatever is alive at the step where memory peaks, but was made long before and is used only later,
can be given up and computed once more just before that use. The values whose recomputation costs
the least for the memory that it saves go first, until the plan fits. (The greedy choice of Kumar et
al., Efficient rematerialization for deep networks, NeurIPS 2019, section 3, on a schedule.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.core.errors import MemoryLimitError
from chainrule.core.graph import Graph
from chainrule.core.node import Node, symbolic, topological
from chainrule.lower.llvm.frame import Frame
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.schedule import cost
from chainrule.lower.llvm.table import Slots
from chainrule.ops.record import Call
from chainrule.ops.shape import alias

__all__ = ["planned"]

ROUNDS = 200
"""At most so many values are given up."""


def planned(
    graph: Graph,
    forced: set[Node],
    donors: Sequence[int | None],
    machine: Machine,
    limit: int | None,
) -> tuple[Frame, list[str]]:
    """The plan of a whole program, and notes on what was traded for memory.

    Args:
        graph, forced: as `prepare` leaves them.
        donors: for each output the input whose memory it takes over, or None.
        machine: the processor.
        limit: bytes that intermediate values may take.

    Raises:
        MemoryLimitError: if they cannot be made to fit.
    """

    def plan(graph: Graph, forced: set[Node]) -> Frame:
        slots = Slots()
        inputs = [slots.new() for _ in graph.inputs]
        outputs = [slots.new() if d is None else inputs[d] for d in donors]
        return Frame(graph, forced, slots, inputs, outputs, machine)

    frame = plan(graph, forced)
    if limit is None or frame.size <= limit:
        return frame, []
    return _fit(frame, plan, limit)


def _fit(
    frame: Frame, plan: Callable[[Graph, set[Node]], Frame], limit: int
) -> tuple[Frame, list[str]]:
    first = best = frame
    given_up: list[Node] = []
    refused: set[int] = set()
    work = 0
    for number in range(ROUNDS):
        found = _cheapest(best, refused)
        if found is None:
            break
        node, step = found
        graph, forced = _without(best, node, step, number)
        trial = plan(graph, forced)
        if trial.size >= best.size and _peak(trial)[1] >= _peak(best)[1]:
            refused.add(node.serial)
            continue
        work += _work(best, node)
        given_up.append(node)
        best = trial
        if best.size <= limit:
            share = work / max(1, sum(_work(first, n) for n in first.schedule.anchored))
            note = (
                f"memory: {first.size} bytes were cut to {best.size} (limit {limit}) by computing "
                f"{len(given_up)} values again, about {share:.0%} more work"
            )
            return best, [note]
    raise MemoryLimitError(
        f"the program needs {first.size} bytes for intermediate values; with recomputation "
        f"{best.size} is the least that was reached, and memory={limit} is below it. Allow more, "
        "use smaller batches, or donate arguments that are not needed afterwards."
    )


def _peak(frame: Frame) -> tuple[int, int]:
    """The step at which most bytes are alive, and how many they are."""
    alive = [0] * (len(frame.steps) + 1)
    blocks = [*frame.blocks.values(), *(s.workspace for s in frame.steps if s.workspace)]
    for block in blocks:
        for step in range(block.first, block.last + 1):
            alive[step] += block.size
    most = max(alive, default=0)
    return (alive.index(most) if alive else 0), most


def _work(frame: Frame, node: Node) -> int:
    """Roughly how many operations it takes to compute a stored value again."""
    if node.primitive.name == "contract":
        a, _, out = node.argument
        inner = 1
        for label, extent in zip(a, node.sources[0].shape, strict=True):
            inner *= 1 if label in out else extent
        return 2 * node.type.size * inner
    if node.primitive.name == "conv":
        w = node.sources[1]
        return 2 * node.type.size * max(1, w.type.size // max(1, w.shape[0]))
    total = 0
    seen: set[Node] = set()
    stack = [node]
    while stack:
        below = stack.pop()
        if below in seen or not below.sources:
            continue
        seen.add(below)
        total += below.type.size * (1 + cost(below))
        stack += [s for s in below.sources if s not in frame.schedule.anchored]
    return total


def _cheapest(frame: Frame, refused: set[int]) -> tuple[Node, int] | None:
    """The value to give up at the peak, and the step after which its users get a new one."""
    peak, _ = _peak(frame)
    best: tuple[float, Node] | None = None
    for node, block in frame.blocks.items():
        idle = block.first < peak < block.last
        if not idle or node.serial in refused or isinstance(node.primitive, Call):
            continue
        if node.primitive.name == "item" or block.size < 64:
            continue
        # what it is computed from must be there for nothing, or be small
        sources = _stored_sources(frame, node)
        extra = sum(
            frame.blocks[s].size
            for s in sources
            if s in frame.blocks and frame.blocks[s].last <= peak
        )
        if extra >= block.size:
            continue
        price = _work(frame, node) / (block.size - extra)
        if best is None or price < best[0]:
            best = price, node
    return None if best is None else (best[1], peak)


def _stored_sources(frame: Frame, node: Node) -> set[Node]:
    found: set[Node] = set()
    seen: set[Node] = set()
    stack = list(node.sources)
    while stack:
        below = stack.pop()
        if below in seen:
            continue
        seen.add(below)
        if below in frame.schedule.anchored:
            found.add(below)
        else:
            stack += below.sources
    return found


def _without(frame: Frame, node: Node, step: int, number: int) -> tuple[Graph, set[Node]]:
    """The graph in which the users of ``node`` after ``step`` read a second computation of it."""
    schedule = frame.schedule
    order = {s.group: i for i, s in enumerate(frame.steps)}
    token = ("again", number, node.serial)
    clones: dict[Node, Node] = {}

    def clone(root: Node) -> Node:
        """``root`` and what floats below it anew, from the same stored values."""
        anchored = schedule.anchored
        for below in topological([root], stop=[n for n in anchored if n is not root]):
            if below in clones:
                continue
            if not below.sources or (below in anchored and below is not root):
                clones[below] = symbolic(alias, (below,), (token,)) if below.sources else below
            else:
                sources = tuple(clones[s] for s in below.sources)
                if all(not s.sources for s in below.sources):
                    sources = (symbolic(alias, (sources[0],), (token,)), *sources[1:])
                clones[below] = symbolic(below.primitive, sources, below.argument)
        return clones[root]

    again = clone(node)
    late: dict[Node, Node] = {node: again}

    def is_early(n: Node) -> bool:
        group = schedule.anchored.get(n)
        return group is not None and order[group] <= step

    for n in frame.graph.nodes:
        if n in late:
            continue
        if not n.sources or is_early(n):
            late[n] = n
        else:
            late[n] = symbolic(n.primitive, tuple(late[s] for s in n.sources), n.argument)
            if all(late[s] is s for s in n.sources):
                late[n] = n
    outputs = [out if is_early(out) else late[out] for out in frame.graph.outputs]
    forced = {late.get(n, n) for n in frame.forced} | frame.forced | {again}
    graph = Graph(frame.graph.inputs, outputs, frame.graph.names, frame.graph.notes)
    present = set(graph.nodes)
    return graph, {n for n in forced if n in present}
