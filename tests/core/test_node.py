"""Nodes: interned, immutable, with distinct leaves."""

import gc
import weakref

import numpy as np
import pytest

from chainrule.core.node import (
    Node,
    _interned,
    apply,
    array,
    input_node,
    literal,
    topological,
    variable,
)
from chainrule.core.types import DTYPES, array_type
from chainrule.ops.arithmetic import add, mul
from chainrule.ops.exponential import exp

F64, I64, BOOL = DTYPES["float64"], DTYPES["int64"], DTYPES["bool"]


def hole() -> Node:
    return input_node(array_type((), F64))


def test_equal_nodes_are_one_object() -> None:
    x, y = hole(), hole()
    assert mul(x, y) is mul(x, y)
    assert mul(x, y) is not mul(y, x), "construction is literal"
    assert exp(x) is exp(x)
    assert exp(x) is not exp(y)


def test_leaves_are_distinct() -> None:
    value = np.asarray(1.0)
    assert variable(value) is not variable(value)
    assert array(value) is not array(value)
    assert hole() is not hole()


def test_literals_are_interned_by_type_and_bits() -> None:
    assert literal(1.5, F64) is literal(1.5, F64)
    assert literal(0.0, F64) is not literal(-0.0, F64)
    assert literal(float("nan"), F64) is literal(float("nan"), F64)
    assert literal(True, BOOL) is not literal(1, I64)
    assert literal(1, I64) is not literal(1.0, F64)
    assert literal(1.0, DTYPES["float32"]) is not literal(1.0, F64)


def test_nodes_are_immutable() -> None:
    x = exp(hole())
    with pytest.raises(AttributeError, match="immutable"):
        x.value = 1.0
    with pytest.raises((AttributeError, TypeError)):
        del x.value


def test_construction_does_not_simplify() -> None:
    x = hole()
    y = x * 1.0 + 0.0
    assert [node.primitive.name for node in topological([y]) if node.sources] == ["mul", "add"]


def test_values_are_known_at_once_and_untracked_results_are_leaves() -> None:
    tracked = exp(variable(np.asarray(0.0)))
    assert tracked.value == 1.0
    assert tracked.sources
    free = exp(array(np.asarray(0.0)))
    assert free.value == 1.0
    assert not free.sources, "nothing is retained where no derivative can be asked for"


def test_dead_nodes_leave_the_table() -> None:
    gc.collect()
    before = len(_interned)
    x = hole()
    y = x
    for _ in range(100):
        y = exp(y)
    assert len(_interned) >= before + 100
    last = weakref.ref(y)
    del y
    gc.collect()
    assert last() is None
    assert len(_interned) <= before + 1


def test_long_chains_neither_recurse_nor_leak() -> None:
    x = variable(np.asarray(1.0))
    y = x
    for _ in range(100_000):
        y = add(y, x)
    assert len(topological([y])) == 100_001
    del y
    assert add(x, x).value == 2.0


def test_topological_lists_sources_before_users() -> None:
    x, y = hole(), hole()
    out = [exp(mul(x, y)) + x, mul(x, y)]
    order = topological(out)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    for node in order:
        assert all(place[source] < place[node] for source in node.sources)


def test_stopped_walks_do_not_look_behind() -> None:
    x = hole()
    inner = exp(x)
    assert x not in topological([exp(inner)], stop=[inner])


def test_apply_checks_types_at_once() -> None:
    from chainrule.core.errors import DTypeError, ShapeError

    a, b = array(np.ones(3)), array(np.ones(4))
    with pytest.raises(ShapeError, match=r"\(3,\) and \(4,\)"):
        apply(add, (a, b))
    with pytest.raises(DTypeError, match="float64 and float32"):
        add(a, array(np.ones(3, np.float32)))
