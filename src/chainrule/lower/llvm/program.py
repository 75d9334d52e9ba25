"""A whole program: kernels, and the function that runs them in order.

``void program(ptr table, i64 tid, i64 threads, ptr team)`` is run by one or more threads at once.
All of them take the same way through it; each does its share of the tasks of every kernel, and they
meet at a barrier wherever a kernel needs what another thread may have written. The shares do not
change what a task computes, so results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.lower.llvm import calls
from chainrule.lower.llvm.ir import Function, Module, Value
from chainrule.lower.llvm.kernel import Buffer, Kernel
from chainrule.lower.llvm.loops.emit import emit_loops
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.plan.arena import rounded
from chainrule.lower.llvm.plan.frame import Frame, Step, nbytes
from chainrule.lower.llvm.plan.index import Dynamic
from chainrule.lower.llvm.plan.prepare import prepare
from chainrule.lower.llvm.plan.recompute import planned
from chainrule.lower.llvm.plan.table import ARENA, REFERENCE, STATUS, Slots
from chainrule.lower.llvm.runtime.pool import emit_barrier
from chainrule.lower.llvm.special import PREPARED, SPECIAL
from chainrule.lower.target import NotDefined

__all__ = ["Fallback", "Program", "write_program"]

FAILED = 1
"""The status word where the reference raised an error; look-ups have higher numbers."""

PER_THREAD = 20
"""Microseconds of work that a further thread has to be worth."""

SPEED, BANDWIDTH = 60e3, 20e3
"""Flops and bytes a microsecond that a thread may reach: only to tell short programs from long."""


@dataclass(frozen=True)
class Fallback:
    """A node that the reference evaluates: where its sources lie and its results go."""

    node: Node
    sources: tuple[tuple[Buffer, Node], ...]
    results: tuple[tuple[Buffer, Node], ...]
    reason: str


@dataclass
class Program:
    """A program as text, and what its caller has to provide.

    Attributes:
        text: LLVM IR with the function ``program``.
        slots: how many base pointers the table has.
        inputs, outputs: their slots.
        constants: arrays for slots.
        arena: bytes of memory for intermediate values.
        fallbacks: what the reference is called for, by number.
        lookups: what a status word above `FAILED` stands for, see `Dynamic`.
        threads: how many threads it is worth.
        microseconds: of a run, estimated from nominal speeds; infinite with a while loop.
        once: the same with one turn of every loop.
        frame: the plan, for reports.
        kernels: what was written for each step.
        notes: what else a report should say, such as what was traded for memory.
    """

    text: str
    slots: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: dict[int, Any]
    arena: int
    fallbacks: list[Fallback]
    lookups: list[Dynamic]
    threads: int
    microseconds: float
    once: float
    frame: Frame
    kernels: dict[Step, list[Kernel]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _Writer:
    def __init__(self, frame: Frame, slots: Slots, machine: Machine, accuracy: str) -> None:
        self.module = Module()
        self.slots = slots
        self.machine = machine
        self.lookups: list[Dynamic] = []
        self.fallbacks: list[Fallback] = []
        self.kernels: dict[Step, list[Kernel]] = {}
        self.settings = Settings(self.module, machine, Buffer(STATUS), accuracy, self._code)
        self.frame = frame
        self.donated = {buffer.slot for buffer in map(frame.place, frame.graph.inputs) if buffer}
        self._names = 0

    def _code(self, lookup: object) -> int:
        assert isinstance(lookup, Dynamic)
        self.lookups.append(lookup)
        return FAILED + len(self.lookups)

    # -- kernels -----------------------------------------------------------------------------------

    def write_kernels(self, frame: Frame) -> None:
        for step in frame.steps:
            for body in step.bodies:
                self.write_kernels(body)
            self.kernels[step] = self._write_step(frame, step)

    def _write_step(self, frame: Frame, step: Step) -> list[Kernel]:
        group = step.group
        self._names += 1
        name = f"k{self._names}_{group.kind}"
        if group.kind == "loop":
            offset = 0 if step.workspace is None else frame.base + step.workspace.offset
            workspace = Buffer(ARENA, offset)
            return emit_loops(self.settings, name, group, frame.place, workspace)
        if group.kind in ("contract", "conv"):
            from chainrule.lower.llvm import operands  # quick programs start without it

            if group.kind == "conv":
                return operands.emit_convolution(self.settings, name, frame, step)
            return operands.emit_contraction(self.settings, name, frame, step)
        if group.kind == "nothing" or step.bodies:
            return []
        special = SPECIAL.get(group.kind) or PREPARED.get(group.kind)
        if callable(special):
            found: list[Kernel] | NotDefined = special(self.settings, name, frame, step)
            if not isinstance(found, NotDefined):
                return found
            special = found
        first = group.members[0]
        sources = []
        for source in first.sources:
            place = frame.place(frame.operand(first, source).base)
            assert place is not None
            offset = frame.operand(first, source).offset * source.dtype.itemsize
            sources.append((Buffer(place.slot, place.offset + offset), source))
        results = []
        for node in frame.results(first):
            place = frame.place(node)
            assert place is not None
            results.append((place, node))
        step.extra = len(self.fallbacks)
        reason = special.reason if isinstance(special, NotDefined) else "no native code"
        self.fallbacks.append(Fallback(first, tuple(sources), tuple(results), reason))
        return []

    # -- the main function -------------------------------------------------------------------------

    def write_main(self, base: int, scratch: int) -> None:
        params = [("table", "ptr"), ("tid", "i64"), ("threads", "i64"), ("team", "ptr")]
        if self.settings.accuracy == "fast":
            f = self.module.function("body", params, attributes="noinline")
            self._write_flushing(params)
        else:
            f = self.module.function("program", params, internal=False)
        if self.slots.moving:
            self._own_table(f)
        alone = f.params[2].eq(1)
        yes, no, done = "alone", "together", "finished"
        f.branch_if(alone, yes, no)
        f.start_block(yes)
        StepWriter(self, f, False, base, scratch).frame(self.frame)
        f.branch(done)
        f.start_block(no)
        StepWriter(self, f, True, base, scratch).frame(self.frame)
        f.branch(done)
        f.start_block(done)
        f.ret()

    def _write_flushing(self, params: Sequence[tuple[str, str]]) -> None:
        """The program with denormal numbers taken as zero, for as long as it runs."""
        f = self.module.function("program", params, internal=False)
        if self.machine.name == "neon":
            self.module.declare("llvm.aarch64.get.fpcr", "i64", [])
            self.module.declare("llvm.aarch64.set.fpcr", "void", ["i64"])
            before = f.call("llvm.aarch64.get.fpcr", "i64")
            f.call("llvm.aarch64.set.fpcr", "void", before | 1 << 24)
            f.call("body", "void", *f.params)
            f.call("llvm.aarch64.set.fpcr", "void", before)
        else:
            for name in ("stmxcsr", "ldmxcsr"):
                self.module.declare(f"llvm.x86.sse.{name}", "void", ["ptr"])
            kept, new = f.alloca("i32", align=4), f.alloca("i32", align=4)
            f.call("llvm.x86.sse.stmxcsr", "void", kept)
            f.store(f.load("i32", kept) | 0x8040, new)  # results and operands are flushed
            f.call("llvm.x86.sse.ldmxcsr", "void", new)
            f.call("body", "void", *f.params)
            f.call("llvm.x86.sse.ldmxcsr", "void", kept)
        f.ret()

    def _own_table(self, f: Function) -> None:
        """A copy of the table: each thread moves the pointers of its own."""
        own = f.alloca("ptr", self.slots.count)
        f.module.declare("llvm.memcpy.p0.p0.i64", "void", ["ptr", "ptr", "i64", "i1"])
        f.line(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {own.text}, ptr {f.params[0].text}, "
            f"i64 {8 * self.slots.count}, i1 false)"
        )
        f.params[0] = own


class StepWriter:
    """Writes the steps of a frame one after the other, with barriers where they are needed."""

    def __init__(self, writer: _Writer, f: Function, shared: bool, base: int, scratch: int) -> None:
        self.writer = writer
        self.f = f
        self.shared = shared
        self.table, self.tid, self.threads, self.team = f.params
        own = Buffer(ARENA, base).pointer(f)
        self.scratch = own.offset(self.tid * scratch) if shared else own
        self.unchecked = bool(writer.lookups)  # whether the status is still to be looked at
        self.read: list[tuple[Buffer, int]] = []
        self.written: list[tuple[Buffer, int]] = []
        self.alone = 0  # kernels of one task since the last barrier: threads take turns at them

    def frame(self, frame: Frame) -> None:
        for step in frame.steps:
            self.step(frame, step)
        self.meet()
        for node, target in frame.copies:
            self.copy(frame, node, target)
        if frame.copies:
            self.meet()

    def ahead(self, frame: Frame) -> None:
        """What the body of a loop does alike in every turn, before the loop."""
        for step in frame.steps:
            for kernel in self.writer.kernels[step][: step.ahead]:
                self.run(kernel)
                self.written += step.writes
        self.meet()

    def step(self, frame: Frame, step: Step) -> None:
        kernels = self.writer.kernels[step][step.ahead :]
        if step.group.kind == "nothing":
            return
        if self._conflict(step):
            self.meet()
        if self.unchecked and any(b.slot in self.writer.donated for b, _ in step.writes):
            self.meet()  # nothing is overwritten where an index was wrong
            self._stop_if_failed()
            self.unchecked = False
        if step.bodies:
            self.meet()
            calls.EMIT[step.group.kind](self, frame, step)
            self.meet()
        elif isinstance(step.extra, int) and not kernels:
            self.reference(step.extra)
        for number, kernel in enumerate(kernels):
            if number:
                self.written += step.writes  # the kernels of a step follow on one another
                self.meet()
            self.run(kernel)
        self.read += step.reads
        self.written += step.writes

    def _conflict(self, step: Step) -> bool:
        return (
            _overlap(step.reads, self.written)
            or _overlap(step.writes, self.written)
            or _overlap(step.writes, self.read)
        )

    def meet(self) -> None:
        """A barrier, if anything was done since the last one."""
        if self.shared and (self.written or self.read):
            self._barrier()
        self.read, self.written, self.alone = [], [], 0

    def _barrier(self) -> None:
        name = emit_barrier(self.f.module)
        self.f.call(name, "void", self.team, self.tid, self.threads)

    def run(self, kernel: Kernel) -> None:
        f = self.f
        if kernel.tasks == 0:
            return
        if not self.shared:
            f.call(kernel.function, "void", self.table, f.i64(0), f.i64(kernel.tasks), self.scratch)
            return
        if kernel.tasks == 1:
            number, self.alone = f.i64(self.alone), self.alone + 1
            own = f.emit("i64", f"urem i64 {number.text}, {self.threads.text}")
            with f.when(self.tid.eq(own)):
                f.call(kernel.function, "void", self.table, f.i64(0), f.i64(1), self.scratch)
            return
        first = self._share(self.tid, kernel.tasks)
        last = self._share(self.tid + 1, kernel.tasks)
        f.call(kernel.function, "void", self.table, first, last, self.scratch)

    def _share(self, tid: Value, tasks: int) -> Value:
        product = tid * tasks
        return self.f.emit("i64", f"udiv i64 {product.text}, {self.threads.text}")

    def reference(self, number: int) -> None:
        f = self.f
        self.meet()

        def call() -> None:
            pointer = f.load("ptr", self.table.offset(REFERENCE, "ptr"))
            f.call_pointer(pointer, "void", self.table, f.i64(number))

        if self.shared:
            with f.when(self.tid.eq(0)):
                call()
            self.written.append((Buffer(STATUS), 8))
            self.meet()
        else:
            call()
        self._stop_if_failed()

    def _stop_if_failed(self) -> None:
        """End the program here if the status word was set, after a barrier.

        All threads have to see the same word, so nobody goes on before all have looked at it.
        """
        f = self.f
        status = f.load("i64", Buffer(STATUS).pointer(f))
        if self.shared:
            self._barrier()
        stop, go = f.new_label("failed"), f.new_label("going")
        f.branch_if(status.ne(0), stop, go)
        f.start_block(stop)
        f.ret()
        f.start_block(go)

    def copy(self, frame: Frame, node: Node, target: Buffer) -> None:
        """An array copied as it is, by the first thread."""
        source = frame.place(node)
        assert source is not None
        self.copy_bytes(source.pointer(self.f), target.pointer(self.f), nbytes(node))
        self.written.append((target, nbytes(node)))

    def copy_bytes(self, source: Value, target: Value, size: int) -> None:
        f = self.f
        f.module.declare("llvm.memcpy.p0.p0.i64", "void", ["ptr", "ptr", "i64", "i1"])
        text = (
            f"call void @llvm.memcpy.p0.p0.i64(ptr {target.text}, ptr {source.text}, "
            f"i64 {size}, i1 false)"
        )
        if self.shared:
            with f.when(self.tid.eq(0)):
                f.line(text)
        else:
            f.line(text)


def _overlap(a: Sequence[tuple[Buffer, int]], b: Sequence[tuple[Buffer, int]]) -> bool:
    return any(
        p.slot == q.slot and p.offset < q.offset + n and q.offset < p.offset + m
        for p, m in a
        for q, n in b
    )


def _microseconds(kernel: Kernel) -> float:
    return max(kernel.flops / SPEED, kernel.bytes / BANDWIDTH)


def _total(frame: Frame, kernels: dict[Step, list[Kernel]]) -> float:
    """Microseconds of a whole run; a while loop may take any time."""
    total = 0.0
    for step in frame.steps:
        total += sum(map(_microseconds, kernels[step]))
        turns = {"scan": step.group.members[0].argument[1:2], "while": (float("inf"),)}
        for times in turns.get(step.group.kind, (1,) if step.bodies else ()):
            # a turn takes some time even if it computes little
            total += times * sum(max(_total(body, kernels), 0.01) for body in step.bodies)
    return total


def write_program(
    graph: Graph,
    machine: Machine,
    *,
    threads: int = 1,
    accuracy: str = "default",
    in_place: Sequence[int | None] = (),
    memory: int | None = None,
) -> Program:
    """The program of a graph.

    Args:
        graph: with inputs and outputs of array types.
        machine: the processor to write for.
        threads: the most threads that may run it.
        accuracy: of functions: "default" or "fast".
        in_place: for each output the input whose memory it takes over, or None.
        memory: bytes that the arena may have.
    """
    donors = list(in_place) or [None] * len(graph.outputs)
    ready, forced = prepare(graph)
    limit, known = None, 0
    while True:
        frame, notes = planned(ready, forced, donors, machine, limit, known)
        frame.settle(0)
        slots = frame.slots
        writer = _Writer(frame, slots, machine, accuracy)
        writer.write_kernels(frame)
        kernels = [k for found in writer.kernels.values() for k in found]
        micros = sum(max(k.flops / SPEED, k.bytes / BANDWIDTH) for k in kernels)
        worth = max(1, min(threads, int(micros / PER_THREAD)))
        scratch = rounded(max((k.scratch for k in kernels), default=0))
        fits = memory is None or rounded(frame.size) + scratch * worth <= memory
        if fits or (limit is not None and scratch * worth <= known):
            break
        limit, known = memory, scratch * worth  # what threads need shows when kernels are written
    writer.write_main(rounded(frame.size), scratch)
    return Program(
        str(writer.module),
        slots.count,
        tuple(frame.fixed[node].slot for node in frame.graph.inputs),
        tuple(frame.results_at),
        slots.constants,
        rounded(frame.size) + scratch * worth,
        writer.fallbacks,
        writer.lookups,
        worth,
        _total(frame, writer.kernels),
        micros,
        frame,
        writer.kernels,
        notes,
    )
