"""The loops of a kernel: their order, which become one, and how many lanes a vector has."""

from __future__ import annotations

from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.plan.group import Group
from chainrule.lower.llvm.plan.index import Affine, Var, flat

__all__ = ["in_memory_order", "lanes_for", "merge"]


def lanes_for(group: Group, machine: Machine, extent: int) -> int:
    """As many lanes as fill a register with the narrowest floats, fewer where the axis is short."""
    dtypes = {node.dtype for node in (*group.stored, *(a.node for a in group.reads))}
    dtypes |= {node.dtype for node in group.members}
    sizes = [dtype.itemsize for dtype in dtypes if dtype.kind == "f" and dtype.itemsize > 2]
    size = min(sizes, default=0) or max((d.itemsize for d in dtypes), default=4)
    count = machine.vector_bytes // max(size, 4)
    while count > 1 and count // 2 >= extent:
        count //= 2
    return count


def in_memory_order(group: Group) -> list[Var]:
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


def merge(
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
