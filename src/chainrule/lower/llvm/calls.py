"""Steps that run other graphs: scan, cond and while as native control flow.

The graphs that such a node carries are frames of their own. Their inputs and outputs lie in moving
slots of the table, whose pointers are set here, turn by turn: a slice is a pointer into the
sequence, an output of a step is written straight to its row, and a carry goes to and fro between
two places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.lower.llvm.ir import Function, Value
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.plan.arena import rounded
from chainrule.lower.llvm.plan.frame import Frame, Step, nbytes
from chainrule.lower.llvm.plan.prepare import prepare
from chainrule.lower.llvm.plan.table import ARENA

if TYPE_CHECKING:
    from chainrule.lower.llvm.program import StepWriter

__all__ = ["EMIT", "PLAN"]


@dataclass(frozen=True)
class _Ports:
    """The moving slots of a body: where it finds its inputs and leaves its outputs."""

    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]


@dataclass(frozen=True)
class _CallPlan:
    """Ports of each body, and where further memory begins in the workspace of the step."""

    ports: tuple[_Ports, ...]
    spare: tuple[int, ...]


def _body(frame: Frame, graph: Graph, steady: int | None) -> tuple[_Ports, Frame]:
    slots = frame.slots
    ports = _Ports(
        tuple(slots.new(moving=True) for _ in graph.inputs),
        tuple(slots.new(moving=True) for _ in graph.outputs),
    )
    ready, forced = prepare(graph)
    same: frozenset[Node] = frozenset()
    if steady is not None:
        leaves = (n for n in ready.nodes if not n.sources and n not in ready.inputs)
        same = frozenset([*ready.inputs[:steady], *leaves])
    places = ports.inputs, ports.outputs
    return ports, Frame(ready, forced, slots, *places, frame.machine, steady=same)


def _planned(
    frame: Frame,
    step: Step,
    graphs: Sequence[Graph],
    steady: Sequence[int | None],
    spare: Sequence[int],
) -> int:
    """Plan the bodies. Returns the size of it all.

    Args:
        steady: for each body how many of its inputs, from the first, are the same in every turn;
            None where it is no loop.
        spare: sizes of further places.
    """
    ports = []
    total = 0
    for graph, count in zip(graphs, steady, strict=True):
        found, body = _body(frame, graph, count)
        ports.append(found)
        step.bodies.append(body)
        total += rounded(body.size)
    places = []
    for size in spare:
        places.append(total)
        total += rounded(size)
    step.extra = _CallPlan(tuple(ports), tuple(places))
    return max(total, 1)


class _Writing:
    """What the emitters share: pointers to sources, results and spare places."""

    def __init__(self, writer: StepWriter, frame: Frame, step: Step) -> None:
        self.writer = writer
        self.f: Function = writer.f
        self.frame = frame
        self.step = step
        self.node = step.group.members[0]
        self.plan: _CallPlan = step.extra

    def source(self, index: int) -> Value:
        node = self.node.sources[index]
        operand = self.frame.operand(self.node, node)
        place = self.frame.place(operand.base)
        assert place is not None
        return place.pointer(self.f).offset(operand.offset * node.dtype.itemsize)

    def results(self) -> dict[int, Value]:
        """The places of the results that somebody uses."""
        found = {}
        for item in self.frame.results(self.node):
            place = self.frame.place(item)
            assert place is not None
            found[item.argument[0]] = place.pointer(self.f)
        return found

    def spare(self, index: int) -> Value:
        assert self.step.workspace is not None
        offset = self.frame.base + self.step.workspace.offset + self.plan.spare[index]
        return Buffer(ARENA, offset).pointer(self.f)

    def set(self, buffer: Buffer, pointer: Value) -> None:
        self.f.store(pointer, self.f.params[0].offset(buffer.slot, "ptr"))

    def get(self, buffer: Buffer) -> Value:
        return buffer.pointer(self.f)

    def prepare(self) -> None:
        """Run what the bodies do alike in every turn, once their steady inputs are set."""
        for body in self.step.bodies:
            self.writer.ahead(body)

    def run(self, body: int) -> None:
        self.writer.frame(self.step.bodies[body])


# -- scan: argument (body, length, constants, carries, reverse) ------------------------------------


def _plan_scan(frame: Frame, step: Step, node: Node) -> int:
    body, _, consts, carries, _ = node.argument
    sizes = [nbytes(output) for output in body.outputs]
    # a second place for each carry, and a first one where nobody wants the result
    return _planned(frame, step, [body], [consts], [*sizes[:carries], *sizes])


def _emit_scan(writer: StepWriter, frame: Frame, step: Step) -> None:
    w = _Writing(writer, frame, step)
    f = w.f
    body, length, consts, carries, reverse = w.node.argument
    ports = w.plan.ports[0]
    given = w.results()
    finals = [given[i] if i in given else w.spare(carries + i) for i in range(carries)]
    others = [w.spare(i) for i in range(carries)]
    starts = [w.source(consts + i) for i in range(carries)]
    if length == 0:
        for i in range(carries):
            writer.copy_bytes(starts[i], finals[i], nbytes(body.outputs[i]))
        writer.written.append((Buffer(ARENA), 1 << 62))
        return
    for i in range(consts):
        w.set(ports.inputs[i], w.source(i))
    w.prepare()
    slices = [w.source(i) for i in range(consts + carries, len(body.inputs))]
    with f.loop(0, length) as loop:
        turn = loop.index
        row = length - 1 - turn if reverse else turn
        even = ((turn + length) & 1).eq(0)  # then the turn before wrote to the final places
        first = turn.eq(0)
        for i in range(carries):
            before = first.select(starts[i], even.select(finals[i], others[i]))
            w.set(ports.inputs[consts + i], before)
            w.set(ports.outputs[i], even.select(others[i], finals[i]))
        for place, pointer in enumerate(slices, consts + carries):
            step_bytes = nbytes(body.inputs[place])
            w.set(ports.inputs[place], pointer.offset(row * step_bytes))
        for i in range(carries, len(body.outputs)):
            step_bytes = nbytes(body.outputs[i])
            target = given[i].offset(row * step_bytes) if i in given else w.spare(carries + i)
            w.set(ports.outputs[i], target)
        w.run(0)


# -- cond: argument (graph if true, graph if false); the first source is the predicate -------------


def _plan_cond(frame: Frame, step: Step, node: Node) -> int:
    graphs = node.argument
    spare = [nbytes(output) for output in graphs[0].outputs]
    return _planned(frame, step, graphs, [None] * len(graphs), spare)


def _emit_cond(writer: StepWriter, frame: Frame, step: Step) -> None:
    w = _Writing(writer, frame, step)
    f = w.f
    given = w.results()
    sources = [w.source(i) for i in range(1, len(w.node.sources))]
    targets = [
        given[i] if i in given else w.spare(i) for i in range(len(w.node.argument[0].outputs))
    ]
    chosen = f.load("i8", w.source(0)).ne(0)
    labels = [f.new_label(stem) for stem in ("true", "false", "joined")]
    f.branch_if(chosen, labels[0], labels[1])
    for number, ports in enumerate(w.plan.ports):
        f.start_block(labels[number])
        for slot, pointer in zip(ports.inputs, sources, strict=True):
            w.set(slot, pointer)
        for slot, pointer in zip(ports.outputs, targets, strict=True):
            w.set(slot, pointer)
        w.run(number)
        f.branch(labels[2])
    f.start_block(labels[2])


# -- while: argument (test, step, constants of the test, constants of the step) --------------------


def _plan_while(frame: Frame, step: Step, node: Node) -> int:
    test, body, tests, steps = node.argument
    sizes = [nbytes(output) for output in body.outputs]
    return _planned(frame, step, [test, body], [tests, steps], [1, *sizes, *sizes])


@contextmanager
def _forever(f: Function) -> Iterator[Callable[[Value], None]]:
    """A loop; calling what it yields leaves the loop where the condition holds."""
    head, done = f.new_label("again"), f.new_label("done")
    f.branch(head)
    f.start_block(head)

    def leave_if(condition: Value) -> None:
        go = f.new_label("going")
        f.branch_if(condition, done, go)
        f.start_block(go)

    yield leave_if
    f.branch(head)
    f.start_block(done)


def _emit_while(writer: StepWriter, frame: Frame, step: Step) -> None:
    w = _Writing(writer, frame, step)
    f = w.f
    _, body, tests, steps = w.node.argument
    state = len(body.outputs)
    test_ports, step_ports = w.plan.ports
    for i in range(tests):
        w.set(test_ports.inputs[i], w.source(i))
    for i in range(steps):
        w.set(step_ports.inputs[i], w.source(tests + i))
    w.prepare()
    going = w.spare(0)
    w.set(test_ports.outputs[0], going)
    places = [(w.spare(1 + i), w.spare(1 + state + i)) for i in range(state)]
    for i in range(state):
        w.set(test_ports.inputs[tests + i], w.source(tests + steps + i))
        w.set(step_ports.inputs[steps + i], w.source(tests + steps + i))
        w.set(step_ports.outputs[i], places[i][0])
    with _forever(f) as leave_if:
        w.run(0)
        leave_if(f.load("i8", going).eq(0))
        w.run(1)
        for i in range(state):
            now = w.get(step_ports.outputs[i])
            w.set(test_ports.inputs[tests + i], now)
            w.set(step_ports.inputs[steps + i], now)
            one, other = places[i]
            same = f.emit("i1", f"icmp eq ptr {now.text}, {one.text}")
            w.set(step_ports.outputs[i], same.select(other, one))
    writer.written.append((Buffer(ARENA), 1 << 62))
    writer.meet()  # the test may still be running where a result is about to be written
    for index, target in w.results().items():
        size = nbytes(body.outputs[index])
        writer.copy_bytes(w.get(step_ports.inputs[steps + index]), target, size)
        writer.written.append((Buffer(ARENA), 1 << 62))


Plan = Callable[[Frame, Step, Node], int]
PLAN: dict[str, Plan] = {"scan": _plan_scan, "cond": _plan_cond, "while": _plan_while}
"""For each call: plans its bodies and returns the bytes of memory that the step needs."""
Frame.plan_call = PLAN

EMIT: dict[str, Callable[[StepWriter, Frame, Step], None]] = {
    "scan": _emit_scan,
    "cond": _emit_cond,
    "while": _emit_while,
}
"""For each call: writes its control flow."""
