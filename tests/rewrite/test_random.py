"""Random graphs have the same values after simplification as before."""

import numpy as np
import pytest

from chainrule.core.graph import Graph
from chainrule.rewrite.simplify import EXACT, NATIVE, simplify
from tests.rewrite.graphs import (
    ELEMENTS,
    EVERYTHING,
    random_graph,
    same_bits,
    special_values,
    whole_numbers,
)

SEEDS = range(0, 400, 20)


@pytest.mark.parametrize("first", SEEDS)
def test_exact_rules_keep_every_bit(first: int) -> None:
    for seed in range(first, first + 20):
        graph = random_graph(seed, ELEMENTS)
        simplified, _ = simplify(graph, EXACT)
        values = special_values(graph, seed)
        with np.errstate(all="ignore"):
            pairs = zip(graph.evaluate(values), simplified.evaluate(values), strict=True)
        assert all(same_bits(a, b) for a, b in pairs), f"seed {seed}\n{graph}\n{simplified}"


def _largest(graph: Graph, values: list[np.ndarray]) -> float:
    every = Graph(graph.inputs, graph.nodes)
    return max(float(np.max(np.abs(x), initial=0.0)) for x in every.evaluate(values))


@pytest.mark.parametrize("first", SEEDS)
def test_all_rules_keep_numbers_whose_sums_are_exact(first: int) -> None:
    for seed in range(first, first + 20):
        graph = random_graph(seed, EVERYTHING)
        values = whole_numbers(graph, seed)
        if _largest(graph, values) > 2.0**40:
            continue
        simplified, _ = simplify(graph, NATIVE)
        pairs = zip(graph.evaluate(values), simplified.evaluate(values), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs), f"seed {seed}\n{graph}\n{simplified}"


def test_a_simplified_graph_is_simple() -> None:
    for seed in range(60):
        simplified, _ = simplify(random_graph(seed, EVERYTHING))
        again, log = simplify(simplified)
        assert again.outputs == simplified.outputs, f"seed {seed}: {log.counts}"
