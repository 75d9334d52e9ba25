"""Laws of scans: what a step need not do, because it can be done once or for all steps together.

A recurrent network multiplies its input by a matrix in each step, and its derivative adds up that
matrix's gradient step by step. Outside of the loop both are one product of large matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from chainrule.core.graph import Graph, replace
from chainrule.core.node import LITERAL, Node, apply, input_node
from chainrule.core.types import ArrayType
from chainrule.ops.arithmetic import add, integer_pow, mul, neg, sub
from chainrule.ops.calls import item
from chainrule.ops.choice import where
from chainrule.ops.contract import contract, contracted
from chainrule.ops.logic import equal, greater, greater_equal, less, less_equal
from chainrule.ops.parts import slice_
from chainrule.ops.record import Bilinear
from chainrule.ops.reduce import sum_
from chainrule.ops.scan import scan
from chainrule.ops.shape import broadcast_, cast, permute_, product, reshape, reshape_
from chainrule.rewrite.calls import Results, rebuilt
from chainrule.rewrite.constants import is_literal, uniform
from chainrule.rewrite.engine import Family, Log
from chainrule.rewrite.loop import Answer, Built, Loop
from chainrule.rules.batch import batch
from chainrule.rules.flops import flops

LOOPS = Family()

VIEWS = (reshape_, permute_, broadcast_, slice_)
"""What a step gets for nothing."""

LONG_SUM = 512
"""A contraction over so many products is efficient in each step; it is left there."""

MEDIUM_SUM = 64
"""One over so many is nearly so, and stays there if it would need much memory outside."""

STEP_FLOPS = 8_000_000
"""A product of so many operations is efficient in each step, too."""

ROOM = 8 << 20
"""Bytes that all steps together may keep for the sake of a product outside of the loop."""

CHEAP = (
    *(add, sub, mul, neg, where, cast, integer_pow),
    *(equal, less, less_equal, greater, greater_equal),
)
"""What is rather computed again than kept."""

DEPTH = 4
"""How many operations deep a kept value may be computed again."""

Change = Callable[[Loop], bool]


def _changed(graph: Graph, change: Change, name: str, log: Log) -> Graph:
    """``graph`` with ``change`` done to its scans; it tells whether it did anything."""

    def handle(node: Node, sources: tuple[Any, ...]) -> Results | None:
        if node.primitive is not scan:
            return None
        loop = Loop.of(node, sources)
        if not change(loop):
            return None
        log.counts[name] += 1
        return loop.results()

    return rebuilt(graph, handle, log)


def _depending(loop: Loop, on: Sequence[Node], free: Sequence[Node]) -> set[Node]:
    """The nodes that depend on the holes ``on``, perhaps on ``free`` ones, and on no others."""
    found = set(on)
    allowed = {*on, *free}
    for node in loop.order():
        if not node.sources or node in allowed:
            continue
        if all(source in allowed or _is_leaf(source) for source in node.sources):
            allowed.add(node)
            if any(source in found for source in node.sources):
                found.add(node)
    return found - {*on}


def _is_leaf(node: Node) -> bool:
    return not node.sources and node.value is not None


# -- what is the same in each step -----------------------------------------------------------------


@LOOPS.scheme()
def hoist_invariants(graph: Graph, log: Log) -> Graph:
    """What a step computes of constants alone is computed once, before the loop."""
    return _changed(graph, _hoist_invariants, hoist_invariants.__name__, log)


def _hoist_invariants(loop: Loop) -> bool:
    fixed = _depending(loop, [*loop.constants], [])
    worth = {
        node for node in fixed if isinstance(node.type, ArrayType) and node.primitive not in VIEWS
    }
    if not worth:
        return False
    wanted = {node: None for node in loop.outputs if node in worth}
    for node in loop.order():
        if node not in worth and not (node in fixed and not isinstance(node.type, ArrayType)):
            wanted.update({source: None for source in node.sources if source in worth})
    outer = replace([*wanted], loop.constants)
    loop.substitute(
        {node: loop.new_constant(source) for node, source in zip(wanted, outer, strict=True)}
    )
    return bool(wanted)


# -- what does not depend on the state -------------------------------------------------------------


@LOOPS.scheme()
def hoist_products(graph: Graph, log: Log) -> Graph:
    """x_t·W for slices x_t and a constant W is one product for all t, before the loop."""
    return _changed(graph, _hoist_products, hoist_products.__name__, log)


def _hoist_products(loop: Loop) -> bool:
    sliced = _depending(loop, [*loop.slices], [*loop.constants])
    varying = {*sliced, *loop.slices}
    products = [
        node
        for node in loop.order()
        if node in sliced
        and isinstance(node.primitive, Bilinear)
        and sum(source in varying for source in node.sources) == 1
        and not (_is_efficient(node) and _bytes([node, *node.sources], loop) > ROOM)
    ]
    if not products or not loop.length:
        return False
    outer = replace(products, loop.constants)
    many = batch(outer, loop.slices, loop.length)
    new: dict[Node, Node] = {}
    for node, (sequence, _) in zip(products, many, strict=True):
        hole = input_node(node.type)
        loop.slices[hole] = sequence
        new[node] = hole
    loop.substitute(new)
    return True


# -- sums over all steps ---------------------------------------------------------------------------


@LOOPS.scheme(exact=False)
def sum_after_scan(graph: Graph, log: Log) -> Graph:
    """A carry c ← c + contract(u, v) that nobody reads is contract(u, v) over time as well.

    So is a sum of what is stacked anyway.
    """
    return _changed(graph, _sum_after, sum_after_scan.__name__, log)


def _sum_after(loop: Loop) -> bool:
    users = loop.users()
    sums = {hole: _summands(hole, loop, users) for hole in [*loop.after]}
    moved: dict[Node, dict[Node, Node]] = {hole: {} for hole in sums}
    for kind in (contract, sum_):
        for hole, terms in sums.items():
            for term in terms:
                core = _core(term)
                if core.primitive is kind and term.type is hole.type and _is_moved(core, loop):
                    for source in core.sources:
                        loop.emit(source)
                    moved[hole][term] = core
    for hole, found in moved.items():
        if found:
            _move(hole, found, [term for term in sums[hole] if term not in found], loop)
    return any(moved.values())


def _summands(hole: Node, loop: Loop, users: Mapping[Node, int]) -> list[Node]:
    """What each step adds to a carry, if it does nothing else with it; otherwise nothing."""
    after = loop.after[hole]
    if users[hole] != 1 or users[after] != 1 or not after.type.is_float:
        return []
    found: list[Node] = []
    signs = []  # of the carry itself
    stack = [(after, 1)]
    while stack:
        node, sign = stack.pop()
        if node is hole:
            signs.append(sign)
        elif node.primitive in (add, sub) and node.type is after.type and users[node] == 1:
            x, y = node.sources
            stack += [(y, sign if node.primitive is add else -sign), (x, sign)]
        else:
            found.append(node if sign > 0 else neg(node))
    return found if signs == [1] else []


def _core(term: Node) -> Node:
    """The contraction or sum of which ``term`` is a multiple, perhaps reshaped."""
    while term.primitive in (neg, reshape_) or (
        term.primitive is mul and term.sources[1].primitive is LITERAL
    ):
        term = term.sources[0]
    return term


def _is_moved(core: Node, loop: Loop) -> bool:
    if core.primitive is sum_:
        return core.sources[0] in loop.emitted or core.sources[0] in loop.slices
    a, _, out = core.argument
    extent = dict(zip(a, core.sources[0].shape, strict=True))
    summands = product(tuple(n for label, n in extent.items() if label not in out))
    if summands < MEDIUM_SUM or not _is_efficient(core):
        return summands < LONG_SUM
    return summands < LONG_SUM and _bytes(core.sources, loop) <= ROOM


def _is_efficient(node: Node) -> bool:
    """Whether a product is large enough in a single step."""
    return node.primitive is contract and flops(node) >= STEP_FLOPS


def _bytes(nodes: Sequence[Node], loop: Loop) -> int:
    """What the values of all steps take together, beyond what is there anyway."""
    there = {*loop.holes, *loop.emitted}
    new = [node for node in nodes if node not in there]
    return loop.length * sum(node.type.size * node.dtype.itemsize for node in new)


def _move(hole: Node, terms: Mapping[Node, Node], rest: Sequence[Node], loop: Loop) -> None:
    """Take ``terms``, given with their cores, out of a carry that is a sum; ``rest`` stays."""
    (k,) = [k for k, answer in enumerate(loop.answers) if answer and hole in answer.finals]
    start = loop.initial[hole]
    places = {core: [loop.emit(source) for source in core.sources] for core in terms.values()}
    if rest:
        loop.after[hole] = reduce(_plus, rest, hole)
    else:
        del loop.initial[hole], loop.after[hole]

    def value(built: Built) -> Node:
        totals: list[Node] = []
        for term, core in terms.items():
            total = _over_time(core, [built.rows[place] for place in places[core]])
            totals += replace([term], {core: total})
        if rest:
            totals.insert(0, built.finals[hole])
        elif not _is_zero(start):
            totals.insert(0, start)
        return reduce(_plus, totals)

    rows = tuple(place for pair in places.values() for place in pair)
    loop.answers[k] = Answer((hole,) if rest else (), rows, value)


def _plus(x: Node, y: Node) -> Node:
    return apply(add, (x, y))


def _is_zero(node: Node) -> bool:
    value = uniform(node)
    return value is not None and is_literal(value, 0.0)


def _over_time(core: Node, rows: Sequence[Node]) -> Node:
    """A contraction or a sum of sequences, over time too."""
    if core.primitive is contract:
        a, b, out = core.argument
        time = len(a) + len(b)  # a label that is not in use
        return contracted(rows[0], (time, *a), rows[1], (time, *b), out)
    axes, _ = core.argument
    total = sum_(rows[0], axes=(0, *(axis + 1 for axis in axes)), keepdims=False)
    return reshape(total, core.shape)


# -- what the way back reads of the way forth ------------------------------------------------------


@LOOPS.scheme()
def recompute_kept(graph: Graph, log: Log) -> Graph:
    """A scan that reads u and 1 - u² of another scan reads u, and computes the other itself."""
    return _changed(graph, _recompute_kept, recompute_kept.__name__, log)


def _recompute_kept(loop: Loop) -> bool:
    kept: dict[Node, list[tuple[Node, Node]]] = {}  # a scan, and (its emitted node, our hole)
    for hole, source in loop.slices.items():
        producer = source.sources[0] if source.primitive is item else None
        if producer is not None and producer.primitive is scan:
            body, length, _, carries, _ = producer.argument
            if source.argument[0] >= carries and length == loop.length:
                kept.setdefault(producer, []).append((body.outputs[source.argument[0]], hole))
    new: dict[Node, Node] = {}
    for producer, pairs in kept.items():
        known = _common_holes(producer, loop)
        place = {node: k for k, node in enumerate(producer.argument[0].nodes)}
        for node, hole in sorted(pairs, key=lambda pair: place[pair[0]]):
            again = _again(node, known, DEPTH)
            if again is not None:
                new[hole] = again
            known[node] = hole if again is None else again
    loop.substitute(new)
    return bool(new)


def _common_holes(producer: Node, loop: Loop) -> dict[Node, Node]:
    """Holes of the body of ``producer`` for which the loop has one with the same source."""
    other = Loop.of(producer, producer.sources)
    found: dict[Node, Node] = {}
    for theirs, ours in ((other.constants, loop.constants), (other.slices, loop.slices)):
        hole_of = {source: hole for hole, source in ours.items()}
        found.update({h: hole_of[source] for h, source in theirs.items() if source in hole_of})
    return found


def _again(node: Node, known: Mapping[Node, Node], depth: int) -> Node | None:
    """``node`` in terms of what is ``known``, if few cheap operations suffice."""
    if node in known:
        return known[node]
    if not node.sources:
        return node if node.value is not None else None
    if node.primitive not in CHEAP or not depth:
        return None
    sources = [_again(source, known, depth - 1) for source in node.sources]
    if any(source is None for source in sources):
        return None
    return apply(node.primitive, tuple(sources), node.argument)  # type: ignore[arg-type]
