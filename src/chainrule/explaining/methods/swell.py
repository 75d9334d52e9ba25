"""Expression swell: how long a derivative is as one formula, and how small as a graph.

A formula writes a part again wherever it is used; a graph holds it once. (Baydin et al., Automatic
differentiation in machine learning: a survey, 2018, section 2.2.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.calculus.linearize import Linearization
from chainrule.core.node import Node, input_node, literal, topological
from chainrule.explaining.methods.problem import Problem
from chainrule.explaining.reading import transparent
from chainrule.rules.vjp import pull

__all__ = ["Swell", "swell"]


@dataclass(frozen=True)
class Swell:
    """Sizes in numbers, variables and operations (on whole arrays, where f works on arrays).

    Attributes:
        function: f, written out.
        graph: the derivative as a graph, in which each part occurs once.
        written: the derivative, written out.
        simplified: the derivative as `explain` simplifies it; None without such a formula.
    """

    function: int
    graph: int
    written: int
    simplified: int | None = None


def swell(problem: Problem) -> Swell:
    """The sizes of f and of its derivative by the reverse pass, without writing anything out."""
    count = len(problem.leaves(problem.x))
    with np.errstate(all="ignore"):
        run = Linearization(
            "compare_methods", problem.called, problem.leaves(problem.x), tuple(range(count))
        )
        found: list[Node] = []
        for output in run.outputs:
            one = literal(1.0, output.dtype) if output.shape == () else input_node(output.type)
            pulled = pull([output], [one], run.variables, record=True)
            found += [node for node in pulled if node is not None]
    function, _ = _sizes(run.outputs)
    written, graph = _sizes(found)
    return Swell(function, max(graph, 1), max(written, 1))


def _sizes(outputs: Sequence[Node]) -> tuple[int, int]:
    """The symbols of all outputs written out, and the nodes that they have together."""
    sizes: dict[Node, int] = {}
    nodes = 0
    for node in topological(outputs):
        through = bool(node.sources) and transparent(node)
        sizes[node] = sum((sizes[source] for source in node.sources), start=0 if through else 1)
        nodes += not through
    return sum(sizes[output] for output in outputs), nodes
