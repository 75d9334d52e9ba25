"""Running along the last axis: vectors side by side, stretches, and what is left at the end."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from chainrule.lower.llvm.ir import Function, Value
from chainrule.lower.llvm.loops.evaluate import Emission
from chainrule.lower.llvm.plan.group import Group
from chainrule.lower.llvm.plan.index import Var

__all__ = ["Body", "Line"]

PARTS = 8
"""At most so many stretches of the last axis get code of their own."""

Body = Callable[[int, Value | None, list[Value]], list[Value]]
"""``body(copies, mask of the last copy, accumulators)`` gives the new accumulators."""


class Line:
    """The last axis of a kernel.

    Args:
        f: the kernel.
        em: writes its values.
        group: what it computes.
        last: the variable that runs along vectors.
        count: lanes of a vector.
    """

    def __init__(
        self, f: Function, em: Emission, group: Group, last: Var | None, count: int
    ) -> None:
        self.f = f
        self.em = em
        self.group = group
        self.last = last
        self.count = count

    def along(
        self,
        start: Value | int,
        stop: Value | int,
        body: Body,
        accumulators: list[Value],
        unroll: int,
    ) -> list[Value]:
        """Run ``body`` along the last axis, ``unroll`` vectors at a time, then over the rest.

        ``body(copies, mask of the last copy, accumulators)`` gives the new accumulators; there is
        one of each for each copy.
        """
        em, f, count = self.em, self.f, self.count
        var = self.last
        assert var is not None
        if isinstance(start, int) and isinstance(stop, int):
            for first, last in pairwise([start, *self._cuts(start, stop), stop]):
                self.em.ranges[var] = first, last - 1
                accumulators = self._stretch(first, last, body, accumulators, unroll)
            self.em.ranges.clear()
            return accumulators
        assert not accumulators and isinstance(start, Value) and isinstance(stop, Value)
        rest = var.extent % count
        end = stop - rest if rest else stop  # wrong only for the task with the end, see below
        if rest:
            whole_end = f.i64(var.extent - rest)
            end = stop.lt(whole_end).select(stop, whole_end)
        with f.loop(start, end, count) as loop, em.scope(loop.preheader):
            em.know(var, loop.index)
            body(1, None, [])
        if rest:
            with em.branch(stop.eq(var.extent)):
                em.know(var, f.i64(var.extent - rest))
                body(1, self.em.first_lanes(rest) if count > 1 else None, [])
        return []

    def _cuts(self, start: int, stop: int) -> list[int]:
        """Where conditions on the last axis change, so that they hold throughout or not at all."""
        found = set()
        for place, value in self.group.cuts:
            if len(place.terms) == 1 and place.terms[0][0] is self.last:
                coefficient = place.terms[0][1]
                at = -((place.constant - value) // coefficient)
                if coefficient < 0:  # c·v + constant < value from some v on
                    at = (place.constant - value) // -coefficient + 1
                if start < at < stop:
                    found.add(at)
        return sorted(found) if len(found) < PARTS else []

    def _stretch(
        self,
        start: int,
        stop: int,
        body: Body,
        accumulators: list[Value],
        unroll: int,
    ) -> list[Value]:
        count = self.count
        step = count * unroll
        whole = (stop - start) // step * step
        middle = start + whole
        if whole > step:
            accumulators = self._loop(start, middle, step, body, accumulators, unroll)
        elif whole:
            accumulators = self._once(start, unroll, None, body, accumulators)
        rest = stop - middle
        if rest:
            copies = -(-rest // count)
            mask = self.em.first_lanes(rest % count) if rest % count and count > 1 else None
            accumulators = self._once(middle, copies, mask, body, accumulators)
        return accumulators

    def _loop(
        self,
        start: int,
        stop: int,
        step: int,
        body: Body,
        accumulators: list[Value],
        unroll: int,
    ) -> list[Value]:
        assert self.last is not None
        with self.f.loop(start, stop, step, accumulators) as loop, self.em.scope(loop.preheader):
            self.em.know(self.last, loop.index)
            loop.carry(*body(unroll, None, loop.values))
        return loop.results

    def _once(
        self,
        start: Value | int,
        copies: int,
        mask: Value | None,
        body: Body,
        accumulators: list[Value],
    ) -> list[Value]:
        assert self.last is not None
        with self.em.block():
            self.em.know(self.last, self.f.i64(start) if isinstance(start, int) else start)
            return body(copies, mask, accumulators)
