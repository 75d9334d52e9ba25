"""Blocks that repeat: the longest runs of equal blocks in a sequence, with equal wiring."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Run", "find_runs"]

_WIRES = 6
_LONGEST = 1024
_MOST = 64


@dataclass(frozen=True, order=True)
class Run:
    """``count`` blocks of ``period`` elements each, the first at ``start``."""

    start: int
    period: int
    count: int


def find_runs(
    structures: Sequence[Hashable], wiring: Sequence[Sequence[tuple[int, int]]]
) -> list[Run]:
    """Runs of equal blocks, none overlapping, those that cover most first; in order of place.

    Two elements are equal if their structures are, and each source is equally far back or the
    same one, such as a memory that every block reads.

    Args:
        structures: of each element.
        wiring: of each element its sources outside, as (how far back, which).

    >>> find_runs("abcbcbcd", [[]] * 8)
    [Run(start=1, period=2, count=3)]
    """
    table: dict[Hashable, int] = {}
    kinds = [
        table.setdefault((structure, len(wires)), len(table))
        for structure, wires in zip(structures, wiring, strict=True)
    ]
    n = len(kinds)
    wires = np.zeros((2, _WIRES, n), np.int64)
    for index, sources in enumerate(wiring):
        for k, pair in enumerate(sources[:_WIRES]):
            wires[:, k, index] = pair
    return sorted(_search(np.array(kinds, np.int64), wires, 0, n))


def _search(kinds: Any, wires: Any, start: int, stop: int) -> list[Run]:
    """The run that covers most, then what is left and right of it."""
    found: list[Run] = []
    open_parts = [(start, stop)]
    while open_parts and len(found) < _MOST:
        low, high = open_parts.pop()
        best = _best(kinds[low:high], wires[:, :, low:high])
        if best is not None:
            run = Run(low + best.start, best.period, best.count)
            found.append(run)
            open_parts += [(low, run.start), (run.start + run.period * run.count, high)]
    return found


def _best(kinds: Any, wires: Any) -> Run | None:
    best: Run | None = None
    covered = 0
    n = len(kinds)
    for period in range(1, min(n // 2, _LONGEST) + 1):
        if best is not None and best.count * best.period == n:
            break
        same = kinds[period:] == kinds[:-period]
        if not same.any():
            continue
        both = (wires[:, :, period:] == wires[:, :, :-period]).any(axis=0).all(axis=0)
        start, length = _longest(same & both)
        count = length // period + 1
        if count < (3 if period < 6 else 2):
            continue
        if count * period > covered:
            # what is left over stays in front: a loop often starts unlike its other turns
            best, covered = Run(start + length % period, period, count), count * period
    return best


def _longest(mask: Any) -> tuple[int, int]:
    """The first longest stretch of True."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    if not len(ends):
        return 0, 0
    starts, lengths = ends[::2], ends[1::2] - ends[::2]
    k = int(np.argmax(lengths))
    return int(starts[k]), int(lengths[k])
