"""Groups: the nodes that one kernel computes together, and the loop variables they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import defined
from chainrule.lower.llvm.plan.arena import rounded
from chainrule.lower.llvm.plan.index import (
    Affine,
    Dynamic,
    Index,
    NotAffineError,
    Quotient,
    SplitError,
    Var,
    flat,
    strides_of,
    unflat,
)
from chainrule.lower.llvm.plan.views import VIEWS
from chainrule.lower.llvm.plan.walk import Access, Walk, accesses
from chainrule.ops.record import Elementwise

__all__ = ["REDUCTIONS", "ROWS", "SHORT", "SHORT_ROW", "Group", "is_pointwise"]

REDUCTIONS = frozenset({"sum", "prod", "max", "min", "any", "all"})
"""Primitives that fold axes by an operation with a neutral element."""

PIECES = 32
"""Rows with sums across them are taken in so many pieces, whatever the number of threads."""

LARGE = 1 << 14
"""Elements from which a sum across rows is worth taking in the same run as sums along them."""

SHORT = 4
"""A folded last axis up to this long is not worth a vector: the axis before it is."""

ROWS = 16
"""Rows of a block: as many as a vector has lanes, or a multiple."""

SHORT_ROW = 512
"""Elements of a row up to which a block of rows stays in the cache for further runs over it."""

SIDE_BY_SIDE = 256
"""Elements of a row up to which many rows are worked on together in any case; half of that where
there are sums across the rows."""

NARROW = {"loop": 1, "contract": 8, "conv": 5}
"""The kinds of kernels that others join, and the least extent of the last axis for that."""

LIMIT = 250
"""At most so many nodes in a kernel, so that its code stays small."""


def is_pointwise(node: Node) -> bool:
    """Whether an element of the result needs only single elements of the sources."""
    primitive = node.primitive
    if primitive.name in VIEWS or primitive.name == "cast":
        return True
    if not isinstance(primitive, Elementwise):
        return False
    return defined(primitive.name, node.argument, node.sources[-1].dtype) is None


@dataclass(eq=False)
class Group:
    """Nodes that one kernel computes.

    Attributes:
        kind: "loop", or the kind of its first node, which has an emitter of its own.
        axes: loop variables, from the outermost.
        reduced: the variables that reductions fold; None while there is no reduction.
        index: for every member its index in these variables.
        source_index: for every reduction the index of its source.
        passes: in which run over the reduced variables a member is computed. A row value that
            follows from a reduction of pass 0 belongs to pass 1.
        across: sums over all rows, taken while they are gone through; for the index of the source
            see `source_index`. What needs them belongs to other groups. Those of values that a row
            has one of are `totals`.
        in_blocks: whether `ROWS` rows are worked on at a time, and what a row has one of is
            computed for all of them at once.
        full: the members that exist for all variables (the others for the kept ones).
        reads: stored nodes from other groups, and how they are indexed.
        raw: places that are used as numbers.
        cuts: places and values at which a condition changes, as where parts are joined.
        stored: the members that other groups, or the result, need in memory.
    """

    kind: str
    axes: list[Var]
    reduced: frozenset[Var] | None = None
    members: list[Node] = field(default_factory=list)
    index: dict[Node, Index] = field(default_factory=dict)
    source_index: dict[Node, Index] = field(default_factory=dict)
    passes: dict[Node, int] = field(default_factory=dict)
    across: dict[Node, None] = field(default_factory=dict)
    totals: set[Node] = field(default_factory=set)
    in_blocks: bool = False
    full: set[Node] = field(default_factory=set)
    reads: dict[Access, None] = field(default_factory=dict)
    raw: list[Affine] = field(default_factory=list)
    cuts: list[tuple[Affine, int]] = field(default_factory=list)
    stored: dict[Node, None] = field(default_factory=dict)
    nodes: int = 0
    frozen: frozenset[Var] = frozenset()
    """Variables that may not be split."""

    @property
    def size(self) -> int:
        size = 1
        for var in self.axes:
            size *= var.extent
        return size

    @property
    def kept(self) -> list[Var]:
        reduced = self.reduced or frozenset()
        return [var for var in self.axes if var not in reduced]

    @property
    def kept_size(self) -> int:
        size = 1
        for var in self.kept:
            size *= var.extent
        return size

    @property
    def sources(self) -> set[Node]:
        """The nodes that it reads from memory. Others may be stored as well, but only later."""
        return {access.node for access in self.reads}

    @property
    def pieces(self) -> int:
        """How many pieces the rows are taken in where there are sums across them."""
        return min(PIECES, -(-self.kept_size // ROWS) if self.in_blocks else self.kept_size)

    @property
    def partial_bytes(self) -> int:
        """Bytes of the sums across the rows of one piece."""
        return sum(map(self.partial_size, self.across))

    def partial_size(self, node: Node) -> int:
        """Bytes of one of these; a total has an element for each row of a block."""
        count = ROWS if node in self.totals else node.type.size
        return rounded(count * node.dtype.itemsize)

    @property
    def fits_blocks(self) -> bool:
        """Whether several rows could be worked on together: there are many, and they are short."""
        return (
            self.reduced is not None
            and self.axes[-1] in self.reduced
            and self.axes[-1].extent >= 16
            and self.kept_size >= ROWS
            and LARGE <= self.size <= SHORT_ROW * self.kept_size
        )

    @property
    def has_short_rows(self) -> bool:
        """Whether going along a row takes little beside what comes after it: adding up the lanes,
        and a value or two that the row has one of. For many rows together these are vectors too.
        """
        if self.reduced is None or self.axes[-1] not in self.reduced:
            return False
        longest = SIDE_BY_SIDE // 2 if self.across else SIDE_BY_SIDE
        if self.axes[-1].extent <= SHORT or self.size > longest * self.kept_size:
            return False
        rows = self.kept[-1].extent if self.kept else 0
        filled = rows >= 4 * ROWS or rows % ROWS == 0  # few rows are left over
        return rows >= ROWS and (filled or max(self.passes.values()) > 0)

    def position(self, axes: list[Var]) -> Affine:
        """The position of an element among these variables, counted in their order."""
        steps = strides_of([var.extent for var in axes])
        return Affine.sum((Affine.of(var), s) for var, s in zip(axes, steps, strict=True))

    def split(self, var: Var, low: int) -> None:
        """Replace a variable by two, the last of ``low`` values."""
        if var in self.frozen or var not in self.axes:
            raise NotAffineError
        first, last = Var(var.extent // low), Var(low)
        whole = Affine.sum([(Affine.of(first), low), (Affine.of(last), 1)])

        def affine(part: Affine) -> Affine:
            return Affine.sum(
                [
                    (
                        whole if v is var else Affine(0, ((inside(v), 1),)),
                        c,
                    )
                    for v, c in part.terms
                ],
                part.constant,
            )

        def inside(v: Var) -> Var:
            if isinstance(v, Dynamic):
                return Dynamic(v.node, index(v.index), v.extent)
            if isinstance(v, Quotient):
                return Quotient(affine(v.of), v.divisor, v.extent)
            return v

        def index(old: Index) -> Index:
            return tuple(map(affine, old))

        place = self.axes.index(var)
        self.axes[place : place + 1] = [first, last]
        if self.reduced is not None and var in self.reduced:
            self.reduced = (self.reduced - {var}) | {first, last}
        self.index = {node: index(old) for node, old in self.index.items()}
        self.source_index = {node: index(old) for node, old in self.source_index.items()}
        self.reads = {Access(a.node, index(a.index)): None for a in self.reads}
        self.raw = [affine(part) for part in self.raw]
        self.cuts = [(affine(part), at) for part, at in self.cuts]

    def retried(self, attempt: Callable[[], bool]) -> bool:
        """``attempt()``, splitting variables until it goes through; False where it cannot."""
        while True:
            try:
                return attempt()
            except SplitError as error:
                try:
                    self.split(error.var, error.low)
                except NotAffineError:
                    return False
            except NotAffineError:
                return False

    # -- joining -----------------------------------------------------------------------------------

    def join(self, node: Node, stop: Callable[[Node], bool]) -> bool:
        """Take ``node`` in, if what it needs of this group lies at the same place in the loops."""
        if self.nodes > LIMIT or self.kind not in NARROW:
            return False
        if self.kind != "loop" and (not self.axes or self.axes[-1].extent < NARROW[self.kind]):
            return False  # a loop of its own fills its vectors better
        if node.primitive.name in REDUCTIONS:
            return self.kind == "loop" and self.retried(lambda: self._join_reduction(node, stop))
        if self.retried(lambda: self._join_full(node, stop)):
            return True
        return self.retried(lambda: self._join_row(node, stop))

    def _join_full(self, node: Node, stop: Callable[[Node], bool]) -> bool:
        if node.type.size != self.size or self.size == 0:
            return False
        for axes in self._orders():
            index = unflat(self.position(axes), node.shape)
            walk = accesses(node, index, stop)
            found = self._pass_of(walk)
            if found is not None:
                if found > 0 and self._is_one_long_row():
                    return False
                self._take(node, index, found, walk)
                self.full.add(node)
                return True
        return False

    def _orders(self) -> Iterator[list[Var]]:
        """Orders of the variables that a result may be laid out in: as here, or as what is read."""
        yield self.axes
        known = [self.axes]
        for access in list(self.reads):
            steps = dict(flat(access.index, access.node.shape).terms)
            if access.node.type.size == self.size and all(var in steps for var in self.axes):
                order = sorted(self.axes, key=lambda var: -abs(steps[var]))
                if order not in known:
                    known.append(order)
                    yield order

    def _is_one_long_row(self) -> bool:
        """Whether one row is so long that threads should share it: no second run over it then."""
        return self.kept_size < 2 and self.size > 1 << 15

    def _join_row(self, node: Node, stop: Callable[[Node], bool]) -> bool:
        if self.reduced is None or node.type.size != self.kept_size or self.size == 0:
            return False
        index = unflat(self.position(self.kept), node.shape)
        walk = accesses(node, index, stop)
        found = self._pass_of(walk)
        if found is None:
            return False
        self._take(node, index, found, walk)
        return True

    def _join_reduction(self, node: Node, stop: Callable[[Node], bool]) -> bool:
        source, axes = node.sources[0], node.argument[0]
        if source.type.size == self.kept_size < self.size and self.fits_blocks:
            return self._join_total(node, stop)
        if source.type.size != self.size or self.size == 0:
            return False
        index = unflat(self.position(self.axes), source.shape)
        folded = frozenset(v for axis in axes for v in index[axis].inner)
        others = {v for a, part in enumerate(index) if a not in axes for v in part.inner}
        if folded & others or not folded:
            return False
        across = self.reduced is not None and self.reduced != folded
        if across and not self._can_cross(node, folded):
            return False
        if self.reduced is None and len(self.members) > len(self.full):
            return False
        walk = Walk(stop)
        walk.follow(source, index)
        found = self._pass_of(walk)
        if found is None or (found > 0 and self._is_one_long_row()):
            return False
        kept = [part for axis, part in enumerate(index) if axis not in axes]
        if node.argument[1]:
            kept = [Affine(0) if axis in axes else part for axis, part in enumerate(index)]
        self._take(node, tuple(kept), found, walk)
        self.source_index[node] = index
        if across:
            self.across[node] = None
        else:
            self.reduced = folded
        return True

    def _join_total(self, node: Node, stop: Callable[[Node], bool]) -> bool:
        """Take in the sum over all rows of what a row has one of."""
        source = node.sources[0]
        if node.type.size != 1 or not _is_wide_sum(node):
            return False
        index = unflat(self.position(self.kept), source.shape)
        walk = Walk(stop)
        walk.follow(source, index)
        found = self._pass_of(walk)
        if found is None:
            return False
        self._take(node, (Affine(0),) * node.ndim, found, walk)
        self.source_index[node] = index
        self.across[node] = None
        self.totals.add(node)
        self.in_blocks = True
        return True

    def _can_cross(self, node: Node, folded: frozenset[Var]) -> bool:
        """Whether a reduction over the rows can be taken while each row is worked on."""
        return (
            _is_wide_sum(node)
            and self.reduced is not None
            and folded == frozenset(self.kept)
            and self.axes[-1] in self.reduced
            and self.axes[-1].extent >= 16
            and self.size >= LARGE
        )

    def _pass_of(self, walk: Walk) -> int | None:
        """The pass in which an expression can be computed; None if it reads elsewhere in here."""
        found = 0
        for access in walk.reads:
            if access.node in self.across:
                return None
            if access.node in self.index:
                if access.index != self.index[access.node]:
                    return None
                later = access.node in self.source_index
                found = max(found, self.passes[access.node] + later)
        return found

    def _take(self, node: Node, index: Index, found: int, walk: Walk) -> None:
        self.members.append(node)
        self.index[node] = index
        self.passes[node] = found
        self.nodes += walk.nodes
        self.raw += walk.raw
        self.cuts += walk.cuts
        for access in walk.reads:
            if access.node not in self.index:
                self.reads[access] = None

    def positions(self) -> Iterator[Affine]:
        """Every position in memory that the kernel reads or writes, also those in look-ups."""
        stack = [flat(a.index, a.node.shape) for a in self.reads]
        stack += [flat(self.index[node], node.shape) for node in self.stored]
        while stack:
            position = stack.pop()
            yield position
            for var, _ in position.terms:
                if isinstance(var, Dynamic):
                    stack.append(flat(var.index, var.node.shape))


def _is_wide_sum(node: Node) -> bool:
    """Whether it is a sum of floats that may be taken in pieces."""
    return node.primitive.name == "sum" and node.type.is_float and node.dtype.itemsize > 2
