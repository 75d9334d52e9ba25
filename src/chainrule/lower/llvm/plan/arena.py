"""Where intermediate values lie: one arena, shared by arrays that do not live at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ALIGN", "Block", "plan_arena", "rounded"]

ALIGN = 64


def rounded(size: int) -> int:
    """``size`` in whole cache lines."""
    return -(-size // ALIGN) * ALIGN


@dataclass(eq=False)
class Block:
    """Memory that is needed from step ``first`` to step ``last``, both included.

    Attributes:
        offset: where it lies, once `plan_arena` has decided.
    """

    size: int
    first: int
    last: int
    offset: int = 0


def plan_arena(blocks: Sequence[Block]) -> int:
    """Give every block an offset; returns the size of the arena.

    Large blocks choose first, each the lowest gap that is free for as long as it lives (first fit
    by decreasing size; see Pisarchyk & Lee, Efficient memory management for deep neural net
    inference, 2020, section 5).
    """
    placed: list[Block] = []
    total = 0
    for block in sorted(blocks, key=lambda b: (-b.size, b.first)):
        block.size = rounded(block.size)
        others = sorted(
            (o for o in placed if o.first <= block.last and block.first <= o.last),
            key=lambda o: o.offset,
        )
        offset = 0
        for other in others:
            if other.offset - offset >= block.size:
                break
            offset = max(offset, other.offset + other.size)
        block.offset = offset
        placed.append(block)
        total = max(total, offset + block.size)
    return total
