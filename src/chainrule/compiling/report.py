"""What a compiled program consists of, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.compiling.memory import format_bytes

if TYPE_CHECKING:
    from chainrule.compiling.special import Specialized

__all__ = ["KernelRow", "Report"]


@dataclass(frozen=True)
class KernelRow:
    """One kernel: its kind, how many operations it fuses, its tasks, flops and bytes."""

    name: str
    kind: str
    operations: int
    stored: int
    tasks: int
    flops: int
    bytes: int


class Report:
    """The kernels, the memory and the fallbacks of a program; ``print(report)`` shows them.

    Attributes:
        kernels: a row for each kernel, in the order in which they run.
        arena: bytes of intermediate values.
        flops, bytes: of all kernels together, an estimate for one turn of each loop.
        fallbacks: primitives that the reference evaluates, and why.
        threads: how many threads may run it.
        microseconds: the estimated limit, from nominal speeds of one core.
    """

    def __init__(self, specialized: Specialized) -> None:
        program = specialized.program
        self.kernels: list[KernelRow] = []
        for step, kernels in program.kernels.items():
            for kernel in kernels:
                self.kernels.append(
                    KernelRow(
                        kernel.function,
                        step.group.kind,
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
        self.notes = list(program.notes)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        head = f"{'kernel':<24}{'operations':>11}{'stored':>8}{'tasks':>7}{'Mflop':>9}{'data':>10}"
        lines = [head]
        for row in self.kernels:
            lines.append(
                f"{row.name:<24}{row.operations:>11}{row.stored:>8}{row.tasks:>7}"
                f"{row.flops / 1e6:>9.3g}{format_bytes(row.bytes):>10}"
            )
        lines.append(
            f"{len(self.kernels)} kernels, {self.flops / 1e6:.3g} Mflop, "
            f"{format_bytes(self.bytes)} moved, arena {format_bytes(self.arena)}, "
            f"up to {self.threads} threads, limit about {self.microseconds:.3g} µs on one core"
        )
        lines += [f"by the reference: {text}" for text in self.fallbacks]
        lines += self.notes
        return "\n".join(lines)
