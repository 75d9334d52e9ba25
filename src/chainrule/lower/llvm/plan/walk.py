"""What an expression reads, found by following it down through its sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.core.node import LITERAL, Node
from chainrule.lower.llvm.plan.index import Affine, Dynamic, Index, Quotient, Var
from chainrule.lower.llvm.plan.views import VIEWS, broadcast_index, pieces

__all__ = ["Access", "RowWalk", "Walk", "accesses"]


@dataclass(frozen=True)
class Access:
    """An element of a node that an expression reads."""

    node: Node
    index: Index


class Walk:
    """What an expression reads, found by following it down to nodes that ``stop`` names.

    Attributes:
        reads: elements that are taken as they are.
        raw: places that are used as numbers (in conditions, divisions), which keeps their loop
            variables from being merged with others.
        cuts: see `Group`.
        nodes: how many elements were looked at.
    """

    def __init__(self, stop: Callable[[Node], bool]) -> None:
        self.stop = stop
        self.reads: dict[Access, None] = {}
        self.raw: list[Affine] = []
        self.cuts: list[tuple[Affine, int]] = []
        self.nodes = 0
        self._seen: set[tuple[Node, Index]] = set()

    def follow(self, node: Node, index: Index, at_root: bool = False) -> None:
        """Collect the reads of ``node`` at ``index``; at the root ``stop`` is not asked."""
        stack = [(node, index, at_root)]
        while stack:
            node, index, root = stack.pop()
            if node.primitive is LITERAL or (node, index) in self._seen:
                continue
            self._seen.add((node, index))
            self.nodes += 1
            if not root and self.ends(node, index):
                self.reads[Access(node, index)] = None
                for part in index:
                    self._inside(part, stack)
            elif node.primitive.name in VIEWS:
                for piece in pieces(node, index, self._is_stored):
                    stack.append((piece.source, piece.index, False))
                    for condition in piece.conditions:
                        self.raw.append(condition.place)
                        if condition.step == 1:
                            self.cuts.append((condition.place, condition.low))
                            self.cuts.append((condition.place, condition.high))
                        self._inside(condition.place, stack)
            else:
                for source in node.sources:
                    place = broadcast_index(index, node.shape, source.shape)
                    stack.append((source, place, False))

    def ends(self, node: Node, index: Index) -> bool:
        """Whether an element of ``node`` is taken as it is, and not followed further down."""
        return self._is_stored(node)

    def _is_stored(self, node: Node) -> bool:
        return not node.sources or self.stop(node)

    def _inside(self, part: Affine, stack: list[tuple[Node, Index, bool]]) -> None:
        for var, _ in part.terms:
            if isinstance(var, Dynamic):
                stack.append((var.node, var.index, False))
            elif isinstance(var, Quotient):
                self.raw.append(var.of)
                self._inside(var.of, stack)


def accesses(node: Node, index: Index, stop: Callable[[Node], bool]) -> Walk:
    """What computing ``node`` at ``index`` reads."""
    walk = Walk(stop)
    walk.follow(node, index, at_root=True)
    return walk


class RowWalk(Walk):
    """What an expression along a row reads, down to what the row has one of.

    Args:
        stop: see `Walk`.
        folded: the variables that run along a row.
    """

    def __init__(self, stop: Callable[[Node], bool], folded: frozenset[Var]) -> None:
        super().__init__(stop)
        self.folded = folded

    @property
    def taken(self) -> list[Access]:
        """What rows have one of."""
        return [read for read in self.reads if self._is_of_row(read.index, read.node.shape)]

    def ends(self, node: Node, index: Index) -> bool:
        return super().ends(node, index) or self._is_of_row(index, node.shape)

    def _is_of_row(self, index: Index, shape: Sequence[int]) -> bool:
        """Whether the element is the same all along a row, and exists for every row."""
        found = {var for part in index for var in part.inner}
        return bool(found) and found.isdisjoint(self.folded) and _is_inside(index, shape)


def _is_inside(index: Index, shape: Sequence[int]) -> bool:
    """Whether an index names an element for all values of its variables."""
    for part, extent in zip(index, shape, strict=True):
        low, high = part.bounds()
        if low < 0 or high >= extent:
            return False
        for var, _ in part.terms:
            if isinstance(var, Quotient):
                return False
            if isinstance(var, Dynamic) and not _is_inside(var.index, var.node.shape):
                return False
    return True
