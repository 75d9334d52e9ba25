"""What a compiled program consists of, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.compiling.memory import format_bytes
from chainrule.core.node import Node
from chainrule.core.source import SourceLine

if TYPE_CHECKING:
    from chainrule.compiling.special import Specialized

__all__ = ["KernelRow", "Report"]


@dataclass(frozen=True)
class KernelRow:
    """One kernel: its kind, how many operations it fuses, its tasks, flops and bytes.

    Attributes:
        computes: primitives whose values it anchors, the rest is part of their expressions.
        lines: the user's lines that these were written on.
    """

    name: str
    kind: str
    computes: tuple[str, ...]
    lines: tuple[int, ...]
    operations: int
    stored: int
    tasks: int
    flops: int
    bytes: int


class Report:
    """The kernels, the memory and the fallbacks of a program; ``print(report)`` shows them.

    Attributes:
        arguments: names and types of what the program takes.
        kernels: a row for each kernel, in the order in which they run.
        arena: bytes of intermediate values.
        flops, bytes: of all kernels together, an estimate for one turn of each loop.
        fallbacks: primitives that the reference evaluates, and why.
        threads: how many threads may run it.
        microseconds: an estimate of the least time, from nominal speeds of one core; infinite with
            a while loop.
        once: the same with one turn of every loop.
    """

    def __init__(self, specialized: Specialized) -> None:
        program = specialized.program
        notes = program.frame.graph.notes
        inputs = zip(program.frame.graph.names, program.frame.graph.inputs, strict=True)
        self.arguments = ", ".join(f"{name}: {node.type!r}" for name, node in inputs)
        self.kernels: list[KernelRow] = []
        for step, kernels in program.kernels.items():
            for kernel in kernels:
                self.kernels.append(
                    KernelRow(
                        kernel.function,
                        step.group.kind,
                        tuple(dict.fromkeys(n.primitive.name for n in step.group.members)),
                        _lines(step.group.members, notes),
                        max(step.group.nodes, len(step.group.members)),
                        len(step.group.stored),
                        kernel.tasks,
                        kernel.flops,
                        kernel.bytes,
                    )
                )
        self.arena = program.arena
        self.flops = sum(row.flops for row in self.kernels)
        self.bytes = sum(row.bytes for row in self.kernels)
        self.fallbacks = [
            f"{fallback.node.primitive.name}: {fallback.reason}" for fallback in program.fallbacks
        ]
        self.threads = program.threads
        self.microseconds = program.microseconds
        self.once = program.once
        self.notes = list(program.notes)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        head = (
            f"{'kernel':<22}{'line':>6}{'operations':>12}{'stored':>8}{'tasks':>7}{'Mflop':>9}"
            f"{'data':>10}  computes"
        )
        lines = [f"takes {_shortened(self.arguments, 94)}", head]
        for row in self.kernels:
            line = f"{row.lines[0]}{'…' if len(row.lines) > 1 else ''}" if row.lines else ""
            lines.append(
                f"{row.name:<22}{line:>6}{row.operations:>12}{row.stored:>8}{row.tasks:>7}"
                f"{row.flops / 1e6:>9.3g}{format_bytes(row.bytes):>10}  "
                f"{_shortened(', '.join(row.computes), 40)}"
            )
        time = f"about {self.microseconds:.3g} µs"
        if self.microseconds == float("inf"):
            time = f"about {self.once:.3g} µs with one turn of its while loop,"
        lines.append(
            f"{len(self.kernels)} kernels, {self.flops / 1e6:.3g} Mflop, "
            f"{format_bytes(self.bytes)} moved, arena {format_bytes(self.arena)}, "
            f"up to {self.threads} threads, {time} on one core of "
            "60 Gflop/s and 20 GB/s"
        )
        lines += [f"by the reference: {text}" for text in self.fallbacks]
        lines += self.notes
        return "\n".join(lines)


def _lines(nodes: Iterable[Node], notes: Mapping[Node, frozenset[SourceLine]]) -> tuple[int, ...]:
    return tuple(sorted({note.line for node in nodes for note in notes.get(node, ())}))


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
