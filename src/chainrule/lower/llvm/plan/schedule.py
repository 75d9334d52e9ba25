"""From a graph to kernels: which values are stored, and which nodes are computed together.

Most nodes are never stored. A node *floats* if it is cheap, or has one user: it is computed
inside whatever kernel needs it. The others are *anchored*: they belong to one group, which is one
kernel, and are stored only if somebody outside of the group reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.lower.llvm.plan.group import REDUCTIONS, SHORT_ROW, Group, is_pointwise
from chainrule.lower.llvm.plan.index import (
    Affine,
    NotAffineError,
    SplitError,
    Var,
    flat,
    strides_of,
)
from chainrule.lower.llvm.plan.views import VIEWS, pieces
from chainrule.lower.llvm.plan.walk import Access
from chainrule.ops.record import Call, Elementwise

__all__ = ["Operand", "Schedule", "cost", "strided"]

CHEAP = 4
"""Work up to which a value is computed again rather than stored."""

HEAVY = 12
"""Work, such as that of a logarithm, that is not done for one row at a time if rows are short."""

SMALL = 2048
"""Elements up to which values of one size share a kernel although they have nothing in common."""

LONG = 100
"""Work after which a value is anchored in any case, so that expressions stay small."""

_SIMPLE = frozenset(
    [
        "equal",
        "greater",
        "logical_not",
        "sign",
        "abs",
        "where",
        "maximum",
        "minimum",
        "less",
        "logical_and",
        "logical_or",
        "add",
        "sub",
        "neg",
        "mul",
        "relu",
        "stop_gradient",
        "not_equal",
        "less_equal",
        "greater_equal",
        "logical_xor",
        "isfinite",
        "isnan",
        "isinf",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "bitwise_invert",
        "left_shift",
        "right_shift",
        "floor",
        "ceil",
        "round",
        "trunc",
        "cast",
    ]
)


def cost(node: Node) -> int:
    """A rough number of operations for one element, without those of the sources."""
    name = node.primitive.name
    if name in VIEWS:
        return 1 if name in ("pad", "concatenate", "gather") else 0
    if name == "integer_pow":
        return 1 if node.argument[0] == 2 else 4
    if name in _SIMPLE:
        return 1
    if name == "div" and node.sources[1].type.size < node.type.size:
        return 2  # a multiplication by the reciprocal
    return 4 if name in ("div", "sqrt", "floor_divide", "remainder") else 12


class Operand:
    """An array that lies in the memory of ``base``, with strides in elements."""

    __slots__ = ("base", "offset", "strides")

    def __init__(self, base: Node, offset: int, strides: tuple[int, ...]) -> None:
        self.base = base
        self.offset = offset
        self.strides = strides

    def contiguous(self, shape: Sequence[int]) -> bool:
        """Whether it is laid out like a new array of this shape."""
        return all(
            n == 1 or s == step
            for n, s, step in zip(shape, self.strides, strides_of(shape), strict=True)
        )


def strided(node: Node, stop: set[Node]) -> Operand:
    """``node`` as strides over the nearest array below it that is not a mere view."""
    axes = [Var(n) for n in node.shape]
    index = tuple(map(Affine.of, axes))
    base = node
    while base.sources and base not in stop and base.primitive.name in VIEWS:
        if node.type.size == 0:
            break
        try:
            found = pieces(base, index)
        except (SplitError, NotAffineError):
            below = strided(base.sources[0], stop)
            if base.primitive.name != "reshape" or not below.contiguous(base.sources[0].shape):
                break
            position = flat(index, base.shape)  # the same in what was reshaped
            return _steps(below.base, position.scaled(1, below.offset), axes)
        if len(found) != 1 or found[0].conditions:
            break
        if any(type(var) is not Var for part in found[0].index for var, _ in part.terms):
            break
        base, index = found[0].source, found[0].index
    return _steps(base, flat(index, base.shape), axes)


def _steps(base: Node, position: Affine, axes: Sequence[Var]) -> Operand:
    terms = dict(position.terms)
    return Operand(base, position.constant, tuple(terms.get(var, 0) for var in axes))


class Schedule:
    """The groups of a graph; `Frame` puts them in an order in which they can run.

    Attributes:
        groups: the kernels to be.
        anchored: for each anchored node its group.
    """

    def __init__(self, graph: Graph, forced: set[Node]) -> None:
        self.graph = graph
        self.forced = forced
        self.groups: list[Group] = []
        self.anchored: dict[Node, Group] = {}
        self._number: dict[Group, int] = {}
        self._before: list[int] = []  # for each group the groups that must run before it, as bits
        self._work: dict[Node, int] = {}
        self.outputs = dict.fromkeys(graph.outputs)  # in order: the program is to be the same one
        inputs = frozenset(graph.inputs)
        nodes = [n for n in graph.nodes if n.sources and n not in inputs]
        self.users: dict[Node, list[Node]] = {}
        for node in nodes:
            for source in dict.fromkeys(node.sources):
                self.users.setdefault(source, []).append(node)
        self._required = self._operands(nodes)
        for node in nodes:
            self._visit(node)
        for group in self.groups:
            group.in_blocks |= group.kind == "loop" and group.has_short_rows
        self._find_stored()

    # -- what has to be in memory ------------------------------------------------------------------

    def _operands(self, nodes: Sequence[Node]) -> set[Node]:
        """The nodes that kernels with an emitter of their own read from memory."""
        required: set[Node] = set(self.forced)
        for node in nodes:
            if is_pointwise(node) or node.primitive.name in REDUCTIONS or _is_item(node):
                continue
            for source in node.sources:
                required.add(self.operand(node, source).base)
        return required

    def operand(self, user: Node, source: Node) -> Operand:
        """How ``user``, which is no loop, reads ``source``."""
        found = strided(source, self.forced)
        if user.primitive.name in ("contract", "conv") or found.contiguous(source.shape):
            return found
        return Operand(source, 0, strides_of(source.shape))

    def stop(self, node: Node) -> bool:
        return node in self.anchored

    def _visit(self, node: Node) -> None:
        if _is_item(node):
            self.anchored[node] = self.anchored[node.sources[0]]
            return
        if not is_pointwise(node):
            self._anchor(node)
            return
        work = cost(node) + sum(self._work.get(source, 0) for source in node.sources)
        users = self.users.get(node, ())
        spread = work > CHEAP and (
            len(users) > 1
            or any(_repeats(user, node) for user in users)
            or (work >= HEAVY and any(_size(user) > node.type.size for user in users))
        )
        if node in self.outputs or node in self._required or spread or work > LONG:
            self._anchor(node)
        else:
            self._work[node] = work

    # -- grouping ----------------------------------------------------------------------------------

    def _anchor(self, node: Node) -> None:
        if node in self.anchored:
            return
        fusable = is_pointwise(node) or node.primitive.name in REDUCTIONS
        group = self._joinable(node) if fusable and node.type.size else None
        if group is None:
            group = self._new_group(node, fusable)
        self.anchored[node] = group

    def _joinable(self, node: Node) -> Group | None:
        """A group that ``node`` can be computed in: that of a source, or one beside.

        Beside are small values of one size, which save a kernel, and large ones that read an array
        in common, which save memory traffic (the moments of an optimizer read one gradient).
        """
        sources = sorted({self._number[g] for g in self._sources_of(node)}, reverse=True)
        needed = 0
        for number in sources:
            needed |= self._before[number] | 1 << number
        candidates = sources
        if node.primitive.name not in REDUCTIONS:
            late = range(len(self.groups) - 1, max(-1, len(self.groups) - 12), -1)
            read = set() if node.type.size <= SMALL else self._read_alike(node)
            candidates = [
                *sources,
                *(n for n in late if n not in sources and self._is_beside(n, node, read)),
            ]
        for number in candidates:
            if any(self._before[other] >> number & 1 for other in sources if other != number):
                continue  # a source needs this group, which then cannot need the source
            group = self.groups[number]
            slow = self._is_slow_in_rows(group, node)
            if slow and not group.fits_blocks:
                continue
            if group.join(node, self.stop):
                group.in_blocks |= slow
                self._depend(number, needed & ~(1 << number))
                return group
        return None

    def _is_slow_in_rows(self, group: Group, node: Node) -> bool:
        """Whether ``node`` is better computed for many rows at once than for each by itself."""
        if group.reduced is None or group.axes[-1] not in group.reduced:
            return False  # rows lie side by side in vectors
        if node.type.size != group.kept_size or group.kept_size < 8:
            return False
        short = group.size <= SHORT_ROW * group.kept_size
        work = cost(node) + sum(self._work.get(source, 0) for source in node.sources)
        return short and work >= HEAVY and node.primitive.name not in REDUCTIONS

    def _is_beside(self, number: int, node: Node, read: set[Node]) -> bool:
        """Whether a group of loops could take ``node``: a large one for what both read."""
        group = self.groups[number]
        if group.kind != "loop" or group.reduced is not None or group.size != node.type.size:
            return False
        return node.type.size <= SMALL or not read.isdisjoint(group.sources)

    def _read_alike(self, node: Node) -> set[Node]:
        """The stored arrays whose elements ``node`` reads at the places that it writes."""
        found: set[Node] = set()
        seen: set[Node] = set()
        stack = [node]
        while stack:
            for source in stack.pop().sources:
                if source in seen or source.shape != node.shape:
                    continue
                seen.add(source)
                if not source.sources or source in self.anchored:
                    found.add(source)
                elif isinstance(source.primitive, Elementwise) or source.primitive.name == "cast":
                    stack.append(source)
        return found

    def _depend(self, number: int, needed: int) -> None:
        """A group needs further ones, and so does every group that needs it."""
        new = needed & ~self._before[number]
        if new:
            self._before[number] |= new
            for other, before in enumerate(self._before):
                if before >> number & 1:
                    self._before[other] |= new

    def _sources_of(self, node: Node) -> set[Group]:
        """The groups of the anchored nodes that ``node`` is computed from."""
        found: set[Group] = set()
        seen: set[Node] = set()
        stack = list(node.sources)
        while stack:
            source = stack.pop()
            if source in seen:
                continue
            seen.add(source)
            if source in self.anchored:
                found.add(self.anchored[source])
            else:
                stack.extend(source.sources)
        return found

    def _new_group(self, node: Node, fusable: bool) -> Group:
        if not fusable or node.type.size == 0:
            return self._own_group(node)
        while True:
            source = node.sources[0] if node.primitive.name in REDUCTIONS else node
            group = Group("loop", [Var(n) for n in source.shape if n != 1])
            if group.join(node, self.stop):
                break
            if not self._anchor_below(node):
                for source in node.sources:
                    below = self.operand(node, source).base
                    if below.sources:
                        self._anchor(below)
                return self._own_group(node, "reference")
        return self._listed(group, node)

    def _own_group(self, node: Node, kind: str | None = None) -> Group:
        """A group that begins with a node of a kind of its own."""
        if kind is None:
            kind = "nothing" if _size(node) == 0 else node.primitive.name
        shape = node.shape if kind in ("contract", "conv") else ()
        axes = [Var(n) for n in shape]
        group = Group(kind, axes)
        group.members.append(node)
        group.index[node] = tuple(map(Affine.of, axes))
        group.passes[node] = 0
        group.full.add(node)
        group.axes = [var for var in axes if var.extent != 1]
        if axes:
            group.frozen = frozenset(axes[-1:])
        return self._listed(group, node)

    def _listed(self, group: Group, node: Node) -> Group:
        needed = 0
        for source in self._sources_of(node):
            number = self._number[source]
            needed |= self._before[number] | 1 << number
        self._number[group] = len(self.groups)
        self.groups.append(group)
        self._before.append(needed)
        return group

    def _anchor_below(self, node: Node) -> bool:
        """Anchor floating sources of views whose index cannot be followed; whether any was."""
        found: list[Node] = []
        seen: set[Node] = set()
        stack = [node]
        while stack:
            below = stack.pop()
            for source in below.sources:
                if source in self.anchored or not source.sources:
                    continue
                if below.primitive.name in VIEWS or below.primitive.name in REDUCTIONS:
                    found.append(source)
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
        if not found:
            return False
        chosen = min(found, key=lambda n: n.serial)
        self._anchor(chosen)
        return True

    # -- storing -----------------------------------------------------------------------------------

    def _find_stored(self) -> None:
        """Which members others need: outputs, operands, and what other groups read."""
        for group in self.groups:
            if group.kind == "loop" or group.kind in ("contract", "conv"):
                for access in group.reads:
                    self._store(access.node)
            if group.kind != "loop":
                first = group.members[0]
                for source in first.sources:
                    self._store(self.operand(first, source).base)
        for node in self.outputs:
            self._store(node)

    def _store(self, node: Node) -> None:
        group = self.anchored.get(node)
        if group is not None:
            group.stored[node] = None

    def reads(self, group: Group) -> list[Access]:
        """What a loop group reads from memory."""
        return list(group.reads)


def _repeats(user: Node, node: Node) -> bool:
    """Whether ``user`` reads elements of ``node`` several times over."""
    name = user.primitive.name
    if name in ("sliding_windows", "gather"):
        return True
    if name == "broadcast_to" or isinstance(user.primitive, Elementwise):
        lead = user.ndim - node.ndim
        shape = (1,) * lead + node.shape
        # repeated along an outer axis, while an inner one still varies
        for axis, (n, m) in enumerate(zip(shape, user.shape, strict=True)):
            if n == 1 and m != 1:
                return any(k != 1 for k in shape[axis + 1 :])
    return False


def _is_item(node: Node) -> bool:
    return bool(node.primitive.name == "item")


def _size(node: Node) -> int:
    return 1 if isinstance(node.primitive, Call) else node.type.size
