"""The last changes to a graph before it is cut into kernels: what the machine wants otherwise.

Nothing here changes a value by more than the order of a sum. Rewrites that are mathematics are in
`chainrule.rewrite`; these depend on how kernels are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np

from chainrule.core.errors import IndexingError
from chainrule.core.graph import Graph
from chainrule.core.node import ARRAY, LITERAL, Node, literal, symbolic
from chainrule.core.types import DTYPES
from chainrule.lower.llvm.plan.product import as_product
from chainrule.lower.llvm.plan.schedule import strided
from chainrule.lower.llvm.plan.windows import overlap_as_views
from chainrule.ops.arithmetic import add, mul, sub
from chainrule.ops.choice import maximum, where
from chainrule.ops.conv import conv_
from chainrule.ops.exponential import exp, log1p
from chainrule.ops.logic import equal, greater, logical_and
from chainrule.ops.reduce import any_, max_, sum_
from chainrule.ops.shape import alias, broadcast_, cast, permute_, reshape_

__all__ = ["prepare"]

LONG = 1 << 15
"""Elements from which a sum over everything is taken in two steps, so that threads share it."""

LARGE = 256
"""Elements from which a constant may be one that makes an array an overlay."""


def prepare(graph: Graph) -> tuple[Graph, set[Node]]:
    """The graph for code generation, and the nodes that have to be stored as they are.

    Results that are an input, a constant or the same as an earlier result are copied, so that every
    result is computed by somebody.
    """
    done: dict[Node, Node] = {node: node for node in graph.inputs}
    forced: set[Node] = set()
    activated: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.primitive.name == "relu":
            activated[node.sources[0]] = node
    overlaid = _overlays(graph)
    for node in graph.nodes:
        if node in done:
            continue
        if not node.sources:
            done[node] = node
            continue
        rule = _RULES.get(node.primitive.name)
        sources = tuple(done[source] for source in node.sources)
        if node.primitive is greater and node.sources[0] in activated:
            active = done.get(activated[node.sources[0]])
            if active is not None and _is_zero(node.sources[1]):
                sources = (active, sources[1])  # relu(x) > 0 just where x > 0, and it is stored
        new = None if rule is None else rule(node, sources, forced)
        new = symbolic(node.primitive, sources, node.argument) if new is None else new
        done[node] = new if overlaid is None else overlaid(node, new)
        done[done[node]] = done[node]
    outputs: list[Node] = []
    for index, output in enumerate(graph.outputs):
        found = done[output]
        if not found.sources or found in outputs or found in graph.inputs:
            found = symbolic(alias, (found,), (index,))
        outputs.append(found)
    notes = {done[node]: lines for node, lines in graph.notes.items() if node in done}
    return Graph(graph.inputs, outputs, graph.names, notes), forced


def _overlays(graph: Graph) -> Callable[[Node, Node], Node] | None:
    """What to do with each node and what became of it, if there are large constants."""
    if not any(n.primitive is ARRAY and n.type.size >= LARGE for n in graph.nodes):
        return None
    from chainrule.lower.llvm.plan.overlay import overlaid, overlay_roots  # most start without it

    roots = overlay_roots(graph)
    return lambda node, new: overlaid(new) if node in roots else new


def _is_zero(node: Node) -> bool:
    return node.primitive is LITERAL and node.value == 0


Rule = Callable[[Node, tuple[Node, ...], set[Node]], Node | None]


def _reshaped(x: Node, shape: tuple[int, ...]) -> Node:
    return x if x.shape == shape else symbolic(reshape_, (x,), (shape,))


def _permuted(x: Node, axes: tuple[int, ...]) -> Node:
    return x if axes == tuple(range(len(axes))) else symbolic(permute_, (x,), (axes,))


def _broadcast(x: Node, shape: tuple[int, ...]) -> Node:
    return x if x.shape == shape else symbolic(broadcast_, (x,), (shape,))


# -- products --------------------------------------------------------------------------------------


def _in_float32(node: Node, sources: tuple[Node, ...], rule: Rule, forced: set[Node]) -> Node:
    """A float16 primitive computed in float32 and rounded once, at the end."""
    wide = tuple(symbolic(cast, (source,), (DTYPES["float32"],)) for source in sources)
    found = symbolic(node.primitive, wide, node.argument)
    new = rule(found, wide, forced)
    return symbolic(cast, (found if new is None else new,), (node.dtype,))


def _contract(node: Node, sources: tuple[Node, ...], forced: set[Node]) -> Node | None:
    if node.dtype == DTYPES["float16"]:
        return _in_float32(node, sources, _contract, forced)
    x, y = sources
    a, b, out = node.argument
    extent = dict(zip(a + b, x.shape + y.shape, strict=True))
    rows = [label for label in out if label in a and label not in b]
    columns = [label for label in out if label in b and label not in a]
    summed = [label for label in a if label not in out]
    if node.type.size == 0:
        return None
    if any(extent[label] == 0 for label in summed):
        return _filled(node, 0.0)
    m, n = (prod(extent[label] for label in labels) for labels in (rows, columns))
    last = next((label for label in reversed(out) if extent[label] != 1), None)
    if not summed or min(m, n) == 1 or last is None or not x.type.is_float:
        return _as_sum(node, x, y, extent)
    if last in a and last in b:  # the columns of a product come last, what is looped over first
        order = [label for label in out if label in a and label in b] + rows + columns
        moved = symbolic(node.primitive, (x, y), (a, b, tuple(order)))
        again = _contract(moved, (x, y), forced)
        return _permuted(moved if again is None else again, tuple(map(order.index, out)))
    found = symbolic(node.primitive, (x, y), node.argument)
    if as_product(found, strided(x, forced), strided(y, forced)) is not None:
        return found
    # the summed axes of the smaller operand are laid out as those of the larger one are
    steps = dict(zip(a, strided(x, forced).strides, strict=True))
    order = [*out, *sorted(summed, key=lambda label: -abs(steps[label]))]
    copies = []
    for operand, own in ((x, a), (y, b)):
        axes = tuple(sorted(range(len(own)), key=lambda axis, own=own: order.index(own[axis])))  # type: ignore[misc]
        copy = symbolic(alias, (_permuted(operand, axes),), ("copy",))
        forced.add(copy)
        copies.append((copy, tuple(own[axis] for axis in axes)))
    (x, a), (y, b) = copies
    return symbolic(node.primitive, (x, y), (a, b, out))


def _as_sum(node: Node, x: Node, y: Node, extent: dict[int, int]) -> Node:
    """A product of broadcast arrays, summed: for matrix times vector, and outer products."""
    a, b, out = node.argument
    large, labels = (x, a) if x.type.size >= y.type.size else (y, b)
    steps = dict(zip(labels, strided(large, set()).strides, strict=True))
    summed = [label for label in a if label not in out]
    if summed:
        every = sorted(
            dict.fromkeys(out + a + b), key=lambda label: -abs(steps.get(label, 1 << 60))
        )
    else:
        every = list(out)

    def spread(operand: Node, own: tuple[int, ...]) -> Node:
        order = tuple(sorted(range(len(own)), key=lambda axis: every.index(own[axis])))
        shape = tuple(extent[label] if label in own else 1 for label in every)
        return _reshaped(_permuted(operand, order), shape)

    times, total = (logical_and, any_) if node.dtype.kind == "b" else (mul, sum_)
    product = symbolic(times, (spread(x, a), spread(y, b)))
    shape = tuple(extent[label] for label in every)
    product = _broadcast(product, shape)
    if all(extent[label] == 1 for label in summed):
        product = _reshaped(product, tuple(extent[label] for label in every if label not in summed))
    else:
        axes = tuple(every.index(label) for label in summed)
        product = symbolic(total, (product,), (tuple(sorted(axes)), False))
    kept = [label for label in every if label not in summed]
    return _permuted(product, tuple(kept.index(label) for label in out))


# -- reductions ------------------------------------------------------------------------------------


def _reduction(node: Node, sources: tuple[Node, ...], forced: set[Node]) -> Node | None:
    """Reductions of no elements, of one, and of float16; then the rule of the primitive."""
    (x,) = sources
    name = node.primitive.name
    if node.type.size == 0:
        return None
    if x.type.size == 0:
        return _filled(node, _OF_NOTHING[name])
    if x.type.size == node.type.size:
        return _reshaped(x, node.shape)
    if x.dtype == DTYPES["float16"] and name in ("sum", "prod", "logsumexp"):
        return _in_float32(node, sources, _folded, forced)
    return _folded(node, sources, forced)


_OF_NOTHING = {"sum": 0.0, "prod": 1.0, "any": False, "all": True, "logsumexp": -np.inf}


def _filled(node: Node, value: float) -> Node:
    return _broadcast(literal(value, node.dtype), node.shape)


def _folded(node: Node, sources: tuple[Node, ...], forced: set[Node]) -> Node | None:
    (x,) = sources
    name = node.primitive.name
    if name == "logsumexp":
        return _logsumexp(node, x)
    return None if name in ("any", "all") else _in_two_steps(node, x, forced)


def _logsumexp(node: Node, x: Node) -> Node:
    """top + log1p(ties − 1 + Σ of the others e^(x − top)): as accurate near 0 as the reference,
    which takes log(ties) + log1p(Σ / ties)."""
    axes, keepdims = node.argument
    zero, one = literal(0.0, x.dtype), literal(1.0, x.dtype)
    top = symbolic(max_, (x,), (axes, True))
    ties = symbolic(equal, (x, top))
    count = symbolic(sum_, (symbolic(cast, (ties,), (x.dtype,)),), (axes, True))
    more = symbolic(sub, (symbolic(maximum, (count, one)), one))
    apart = symbolic(exp, (symbolic(sub, (x, top)),))
    rest = symbolic(sum_, (symbolic(where, (ties, zero, apart)),), (axes, True))
    value = symbolic(add, (top, symbolic(log1p, (symbolic(add, (more, rest)),))))
    return value if keepdims else _reshaped(value, node.shape)


def _in_two_steps(node: Node, x: Node, forced: set[Node]) -> Node | None:
    """A long reduction to few results, in pieces that threads can share."""
    axes = node.argument[0]
    folded = prod(x.shape[axis] for axis in axes)
    kept = x.type.size // folded if folded else 0
    if folded * max(kept, 1) < 2 * LONG or kept > 4 or not axes:
        return None
    if kept != 1 and axes[0] != 0:
        return None
    axis = axes[0]
    extent = x.shape[axis]
    if kept == 1:
        x = _reshaped(x, (x.type.size,))
        axis, axes, extent = 0, (0,), x.type.size
    parts = next((p for p in range(64, 7, -1) if extent % p == 0), None)
    if parts is None:
        return None
    shape = (*x.shape[:axis], parts, extent // parts, *x.shape[axis + 1 :])
    within = (axis + 1, *(a + 1 for a in axes[1:]))
    partial = symbolic(node.primitive, (_reshaped(x, shape),), (within, False))
    forced.add(partial)
    whole = symbolic(node.primitive, (partial,), ((axis,), False))
    return _reshaped(whole, node.shape)


def _conv(node: Node, sources: tuple[Node, ...], forced: set[Node]) -> Node | None:
    if node.dtype == DTYPES["float16"]:
        return _in_float32(node, sources, _conv, forced)
    if not node.type.is_float:
        return symbolic(_conv_of_integers, sources, node.argument)
    return None


_conv_of_integers = replace(conv_, name="conv_of_integers")
"""`conv` under a name for which there is no native code: the reference evaluates it."""


def _overlap_add(node: Node, sources: tuple[Node, ...], forced: set[Node]) -> Node | None:
    return overlap_as_views(sources[0], forced, *node.argument)


def _gather(node: Node, sources: tuple[Node, ...], forced: set[Node]) -> Node | None:
    x = sources[0]
    if node.type.size and any(x.shape[axis] == 0 for axis in node.argument[0]):
        raise IndexingError(
            f"gather: an axis of {x.shape} has no elements, so no index is inside it"
        )
    return None


_RULES: dict[str, Rule] = {
    "gather": _gather,
    "contract": _contract,
    "conv": _conv,
    "overlap_add": _overlap_add,
    "logsumexp": _reduction,
    "sum": _reduction,
    "prod": _reduction,
    "max": _reduction,
    "min": _reduction,
    "any": _reduction,
    "all": _reduction,
}
