"""Fitting a program into a limit of memory by computing values again.

Whatever is alive at the step where memory peaks, but was made long before and is used only later,
can be given up and computed once more just before that use. The values whose recomputation costs
the least for the memory that it saves go first, until the plan fits. (The greedy choice of Kumar et
al., Efficient rematerialization for deep networks, NeurIPS 2019, section 3, on a schedule.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from chainrule.core.errors import MemoryLimitError
from chainrule.core.graph import Graph
from chainrule.core.node import Node, symbolic, topological
from chainrule.core.types import ArrayType
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.plan.frame import Frame
from chainrule.lower.llvm.plan.schedule import cost
from chainrule.lower.llvm.plan.table import Slots
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
    scratch: int = 0,
) -> tuple[Frame, list[str]]:
    """The plan of a whole program, and notes on what was traded for memory.

    Args:
        graph, forced: as `prepare` leaves them.
        donors: for each output the input whose memory it takes over, or None.
        machine: the processor.
        limit: bytes that intermediate values and the memory of threads may take.
        scratch: bytes that threads have of their own.

    Raises:
        MemoryLimitError: if they cannot be made to fit.
    """

    def plan(graph: Graph, forced: set[Node], late: frozenset[Node] = frozenset()) -> Frame:
        slots = Slots()
        inputs = [slots.new() for _ in graph.inputs]
        outputs = [slots.new() if d is None else inputs[d] for d in donors]
        return Frame(graph, forced, slots, inputs, outputs, machine, late)

    frame = plan(graph, forced)
    if limit is None or frame.size + scratch <= limit:
        return frame, []
    return _fit(frame, plan, limit, scratch)


def _fit(
    frame: Frame,
    plan: Callable[[Graph, set[Node], frozenset[Node]], Frame],
    limit: int,
    scratch: int,
) -> tuple[Frame, list[str]]:
    first = best = frame
    given_up: list[Node] = []
    refused: set[int] = set()
    late: frozenset[Node] = frozenset()
    work = 0
    for number in range(ROUNDS):
        found = _cheapest(best, refused)
        if found is None:
            break
        node, step = found
        graph, forced, again = _without(best, late, node, step, number)
        trial = plan(graph, forced, again)
        if trial.size >= best.size and _peak(trial)[1] >= _peak(best)[1]:
            refused.add(node.serial)
            continue
        work += _work(best, node, step)
        given_up.append(node)
        best, late = trial, again
        if best.size + scratch <= limit:
            nodes = (n for n in first.graph.nodes if n.sources and isinstance(n.type, ArrayType))
            share = work / max(1, sum(n.type.size * _depth(n) for n in nodes))
            note = (
                f"memory: {first.size + scratch} bytes were cut to {best.size + scratch} "
                f"(limit {limit}) by computing "
                f"{len(given_up)} values again, about {share:.0%} more work"
            )
            return best, [note]
    raise MemoryLimitError(
        f"the program needs {first.size + scratch} bytes for intermediate values; with "
        f"recomputation {best.size + scratch} is the least that was reached, and memory={limit} is "
        "below it. Allow more, use smaller batches, or donate arguments that are not needed "
        "afterwards."
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


def _is_there(frame: Frame, node: Node, step: int) -> bool:
    """Whether a value is still in memory after a step."""
    block = frame.blocks.get(node)
    return node in frame.fixed if block is None else block.last > step


def _work(frame: Frame, node: Node, step: int) -> int:
    """Roughly how many operations it takes to compute a value again after ``step``."""
    total = 0
    seen: set[Node] = set()
    stack = [node]
    while stack:
        below = stack.pop()
        if below in seen or not below.sources:
            continue
        seen.add(below)
        total += below.type.size * _depth(below)
        stack += [s for s in below.sources if not _is_there(frame, s, step)]
    return total


def _depth(node: Node) -> int:
    """Operations for one element of a node."""
    if node.primitive.name == "contract":
        a, _, out = node.argument
        extents = zip(a, node.sources[0].shape, strict=True)
        return 2 * prod(extent for label, extent in extents if label not in out)
    if node.primitive.name == "conv":
        return 2 * prod(node.sources[1].shape[1:])
    return 1 + cost(node)


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
        if any(isinstance(n.primitive, Call) for n in _again(frame, node, peak)):
            continue
        price = _work(frame, node, peak) / block.size
        if best is None or price < best[0]:
            best = price, node
    return None if best is None else (best[1], peak)


def _again(frame: Frame, node: Node, step: int) -> list[Node]:
    """What has to be computed once more to have ``node`` after ``step``, sources first."""
    order = topological([node])
    needed = {node}
    for below in reversed(order):
        if below in needed:
            needed.update(s for s in below.sources if s.sources and not _is_there(frame, s, step))
    return [below for below in order if below in needed]


def _without(
    frame: Frame, computed_again: frozenset[Node], node: Node, step: int, number: int
) -> tuple[Graph, set[Node], frozenset[Node]]:
    """The graph in which the users of ``node`` after ``step`` read a second computation of it.

    Also the nodes to store and the nodes that are second computations.
    """
    schedule = frame.schedule
    order = {s.group: i for i, s in enumerate(frame.steps)}
    token = ("again", number, node.serial)
    clones: dict[Node, Node] = {}
    for below in _again(frame, node, step):
        sources = [
            clones[s] if s in clones else symbolic(alias, (s,), (token,)) if s.sources else s
            for s in below.sources
        ]
        if not any(s.sources for s in sources):  # make it another node than the first
            sources[0] = symbolic(alias, (sources[0],), (token,))
        clones[below] = symbolic(below.primitive, tuple(sources), below.argument)
    again = clones[node]
    stored = {clones[n] for n in clones if n in frame.blocks}
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
    forced = {late.get(n, n) for n in frame.forced} | frame.forced | stored
    graph = Graph(frame.graph.inputs, outputs, frame.graph.names, frame.graph.notes)
    present = set(graph.nodes)
    second = frozenset({late.get(n, n) for n in computed_again} | stored) & present
    return graph, forced & present, second
