"""Each rule by itself: it applies where its law says, leaves what it should and keeps values."""

import numpy as np
import pytest

from chainrule.core.graph import Graph
from chainrule.rewrite.engine import Rule
from chainrule.rewrite.simplify import FAST, simplify
from tests.rewrite.cases import CASES, Case
from tests.rewrite.graphs import same_bits, special_values, whole_numbers

RULES = {rule.name: rule for rule in FAST if isinstance(rule, Rule)}


def _id(case: Case) -> str:
    return case.rule


def left(graph: Graph) -> str:
    """The primitives of a graph, sources first."""
    return " ".join(node.primitive.name for node in graph.nodes if node.sources)


def test_every_rule_has_a_case_and_a_law() -> None:
    assert {case.rule for case in CASES} == set(RULES)
    assert all(rule.law for rule in FAST)


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_rule_applies(case: Case) -> None:
    simplified, log = simplify(case.graph, FAST)
    assert log.counts[case.rule] >= 1
    assert left(simplified) == case.left


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_rule_keeps_numbers_whose_sums_are_exact(case: Case) -> None:
    graph = case.graph
    values = whole_numbers(graph)
    alone, _ = simplify(graph, [RULES[case.rule]])
    everything, _ = simplify(graph, FAST)
    for new in (alone, everything):
        for a, b in zip(graph.evaluate(values), new.evaluate(values), strict=True):
            assert a.dtype == b.dtype and np.allclose(a, b, rtol=1e-15, atol=0)
    assert alone.inputs == graph.inputs and [n.type for n in alone.outputs] == [
        n.type for n in graph.outputs
    ]


EXACT_CASES = [case for case in CASES if RULES[case.rule].exact and "contract" not in case.rule]


@pytest.mark.parametrize("case", EXACT_CASES, ids=_id)
def test_exact_rule_keeps_every_bit(case: Case) -> None:
    graph = case.graph
    alone, _ = simplify(graph, [RULES[case.rule]])
    for seed in range(20):
        values = special_values(graph, seed) if _floats(graph) else whole_numbers(graph, seed)
        with np.errstate(all="ignore"):
            pairs = zip(graph.evaluate(values), alone.evaluate(values), strict=True)
        assert all(same_bits(a, b) for a, b in pairs)


def _floats(graph: Graph) -> bool:
    return all(node.dtype.kind == "f" for node in graph.inputs)
