"""The pass itself: size, order, notes, values that are known, what is logged."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.graph import Graph
from chainrule.core.node import ARRAY, LITERAL, Node, array, literal, variable
from chainrule.core.types import array_type
from chainrule.ops import arithmetic as ar
from chainrule.ops.exponential import exp
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import broadcast_to, full, permute, reshape
from chainrule.ops.trigonometric import sin
from chainrule.rewrite.constants import counted_axis, uniform
from chainrule.rewrite.engine import Context, Family, Log, Table, rewrite
from chainrule.rewrite.simplify import EXACT, NATIVE, simplify
from tests.rewrite.graphs import F64, hole


def test_a_chain_of_100_000_nodes() -> None:
    looked: list[Node] = []
    family = Family()

    @family.rule(sin)
    def look(node: Node) -> None:
        """No law."""
        looked.append(node)

    x = hole(2)
    y: Node = x
    for _ in range(50_000):
        y = sin(y * 1.0)
    simplified, log = simplify(Graph((x,), (y,)), [*EXACT, *family.rules])
    assert len(simplified.nodes) == 50_001
    assert len(log) == 50_000 and len(log.steps) == log.limit
    assert len(looked) == 50_000


def test_the_derivative_of_a_function_of_many_parts() -> None:
    def f(x: Any) -> Any:
        return sum((cr.exp(x[2 * k : 2 * k + 2]).sum() for k in range(100)), cr.tensor(0.0))

    graph = cr.trace(cr.grad(f), np.zeros(300)).graph
    simplified, log = simplify(graph)
    assert log.counts["sum_of_disjoint_pads"] == 1
    assert [node.primitive.name for node in simplified.nodes[-2:]] == ["literal", "pad"]
    (a,), (b,) = graph.evaluate([np.arange(300.0)]), simplified.evaluate([np.arange(300.0)])
    assert np.array_equal(a, b)


def test_names_and_inputs_stay() -> None:
    program = cr.trace(lambda first, unused: first * 1.0, 2.0, 3.0)
    simplified, _ = simplify(program.graph)
    assert simplified.inputs == program.graph.inputs
    assert simplified.names == ("first", "unused")


def test_source_lines_follow_their_nodes() -> None:
    def f(x: Any) -> Any:
        y = cr.exp(x) * 1.0
        return cr.transpose(y @ y)

    program = cr.trace(f, np.eye(2))
    simplified, _ = simplify(program.graph)
    lines = {
        node.primitive.name: sorted(line.text for line in simplified.notes[node])
        for node in simplified.nodes
        if node.sources
    }
    first, second = "y = cr.exp(x) * 1.0", "return cr.transpose(y @ y)"
    assert lines == {"exp": [first], "contract": [second]}
    assert {*simplified.notes} <= {*simplified.nodes}


def test_nodes_that_a_rule_makes_have_the_line_of_what_they_replace() -> None:
    program = cr.trace(lambda x: cr.sum(cr.broadcast_to(x, (4, 3))), np.ones(3))
    simplified, _ = simplify(program.graph)
    assert all(simplified.notes.get(node) for node in simplified.nodes if node.sources)


def test_what_depends_on_variables_alone_is_a_constant() -> None:
    x, w = hole(3), variable(np.ones(3))
    simplified, log = simplify(Graph((x,), (x * exp(w * 2.0),)))
    assert log.counts["known_value"] >= 1
    assert [node.primitive.name for node in simplified.nodes] == ["input", "literal", "mul"]
    assert simplified.nodes[1].value == np.exp(2.0)


def test_large_constants_are_not_made() -> None:
    """A number repeated over a large shape stays a number."""
    type = array_type((20_000, 2_000), F64)
    x = hole(20_000, 2_000)
    row = hole(2_000)
    ones = full(1.0, type)
    y = x * ones + full(2.0, type) * row - broadcast_to(literal(3.0, F64), type.shape)
    z = permute(reshape(row * ones, (2_000, 20_000)), (1, 0))
    graph = Graph((x, row), (y, z))
    tracemalloc.start()
    simplified, _ = simplify(graph)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    constants = [n for n in simplified.nodes if n.primitive in (LITERAL, ARRAY) and n.ndim]
    assert constants == []


def test_a_rule_may_ask_who_uses_a_node() -> None:
    x = hole(3)
    y = ar.neg(x)
    context = Context(Graph((x,), (y + 1.0, y * y)))
    assert not context.single(y) and context.single(y + 1.0)


def test_rules_that_contradict_each_other_end() -> None:
    family = Family()

    @family.rule(ar.add)
    def first(node: Node) -> Node:
        """x + y = y + x."""
        return ar.add(*reversed(node.sources))

    x, y = hole(3), hole(3)
    graph = Graph((x, y), (x + y,))
    new = rewrite(graph, Table(family.rules), Context(graph), Log())
    assert new.outputs[0].primitive is ar.add


def test_uniform_constants() -> None:
    assert uniform(array(np.full((2, 3), 0.5))) is literal(0.5, F64)
    assert uniform(array(np.broadcast_to(np.float64(2.0), (10**6, 10**6)))) is literal(2.0, F64)
    assert uniform(array(np.array([0.0, -0.0]))) is None
    assert uniform(array(np.array([1.0, 2.0, 1.0]))) is None
    assert uniform(array(np.zeros((0,)))) is None
    assert uniform(hole(3)) is None
    assert uniform(array(np.array([True, True]))) is literal(True, np.dtype(bool))


def test_counting_constants() -> None:
    assert counted_axis(array(np.arange(4).reshape(1, 4, 1))) == 1
    assert counted_axis(array(np.arange(4).reshape(2, 2))) is None
    assert counted_axis(array(np.arange(1, 4))) is None
    assert counted_axis(array(np.arange(4.0))) is None


def test_the_two_sets_of_rules() -> None:
    assert {*EXACT} < {*NATIVE}
    x = hole(3, 4)
    graph = Graph((x,), (sum_(sum_(x, axes=(0,), keepdims=False), axes=(0,), keepdims=False),))
    assert len(simplify(graph, EXACT)[0].nodes) == 3
    assert len(simplify(graph, NATIVE)[0].nodes) == 2
