"""The processors that code is generated for: vector width, registers, caches."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache

__all__ = ["MACHINES", "Machine", "host"]


@dataclass(frozen=True)
class Machine:
    """What code generation has to know of a processor.

    Attributes:
        name: of the instruction set, as printed in reports.
        triple: LLVM's target triple; empty for that of the process.
        cpu: LLVM's name of the processor; empty for a generic one.
        features: LLVM's feature string.
        vector_bytes: the width of a vector register.
        registers: how many vector registers there are.
        fma: whether a·b + c is one instruction.
        masks: whether loads and stores with a mask are cheap.
        halves: whether vectors of half the width take half the time, since the units compute a
            whole one in two steps.
        l1, l2: bytes of data cache of one core.
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    fma: bool = True
    masks: bool = False
    halves: bool = False
    l1: int = 32 << 10
    l2: int = 512 << 10

    def lanes(self, type: str) -> int:
        """How many lanes of a scalar type fill a register."""
        return self.vector_bytes // {"double": 8, "i64": 8, "float": 4, "i32": 4, "half": 2}[type]


MACHINES = {
    machine.name: machine
    for machine in (
        Machine(
            "avx512",
            "x86_64-unknown-linux-gnu",
            "skylake-avx512",
            "-prefer-256-bit",
            64,
            32,
            masks=True,
            l2=1 << 20,
        ),
        Machine("avx2", "x86_64-unknown-linux-gnu", "haswell", "", 32, 16, masks=True),
        Machine("sse", "x86_64-unknown-linux-gnu", "x86-64", "", 16, 16, fma=False),
        Machine("neon", "aarch64-unknown-linux-gnu", "cortex-a76", "", 16, 32),
    )
}
"""A typical processor of each instruction set, by name."""


@cache
def host() -> Machine:
    """The processor at hand."""
    import llvmlite.binding as llvm

    cpu = llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features()
    known = {"avx512": "avx512f", "avx2": "avx2"}
    if platform.machine().lower() in ("arm64", "aarch64"):
        like = MACHINES["neon"]
    else:
        found = [name for name, feature in known.items() if features.get(feature)]
        like = MACHINES[found[0] if found else "sse"]
    text = features.flatten()
    if like.name == "avx512":  # else LLVM would stay at half the width
        text += ",-prefer-256-bit"
    l1, l2 = _cache_sizes()
    return Machine(
        like.name,
        "",
        cpu,
        text,
        like.vector_bytes,
        like.registers,
        like.name == "neon" or bool(features.get("fma")),
        like.masks,
        cpu == "znver4" and like.name == "avx512",
        l1 or like.l1,
        l2 or like.l2,
    )


def _cache_sizes() -> tuple[int, int]:
    """Bytes of first- and second-level data cache, 0 where the system does not say."""
    sizes = {1: 0, 2: 0}
    for index in range(5):
        folder = f"/sys/devices/system/cpu/cpu0/cache/index{index}/"
        try:
            with open(folder + "type") as kind, open(folder + "level") as level:
                if kind.read().strip() == "Instruction":
                    continue
                with open(folder + "size") as size:
                    sizes[int(level.read())] = int(size.read().strip().rstrip("K")) << 10
        except (OSError, ValueError):
            continue
    return sizes[1], sizes[2]
