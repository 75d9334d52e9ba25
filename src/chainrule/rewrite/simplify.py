"""`simplify`: a graph made ready for native compilation, and the log of what was done to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.core.graph import Graph
from chainrule.ops.record import Call
from chainrule.rewrite.algebra import ALGEBRA, APPROXIMATE
from chainrule.rewrite.calls import CALLS, with_bodies
from chainrule.rewrite.contraction import CONTRACTION
from chainrule.rewrite.engine import Context, Log, Rule, Scheme, Table, rewrite
from chainrule.rewrite.indexing import INDEXING
from chainrule.rewrite.layout import LAYOUT
from chainrule.rewrite.loops import LOOPS
from chainrule.rewrite.parts import PARTS
from chainrule.rewrite.transposition import TRANSPOSITION

NATIVE: tuple[Rule | Scheme, ...] = (
    *CALLS.schemes,
    *LOOPS.schemes,
    *ALGEBRA.rules,
    *LAYOUT.rules,
    *PARTS.rules,
    *CONTRACTION.rules,
    *TRANSPOSITION.rules,
    *INDEXING.rules,
)
"""Every rule."""

EXACT: tuple[Rule | Scheme, ...] = tuple(rule for rule in NATIVE if rule.exact)
"""The rules that keep every bit."""

FAST: tuple[Rule | Scheme, ...] = (*NATIVE, *APPROXIMATE.rules)
"""Also those that fail for numbers near the ends of the range."""

ROUNDS = 4
"""A round looks at each node once; what its last steps made possible is left to the next one."""


def simplify(graph: Graph, rules: Sequence[Rule | Scheme] = NATIVE) -> tuple[Graph, Log]:
    """An equal graph that takes less work, and what was done to get it.

    Rules are applied to each node, sources first, until none applies; bodies of scans, conds and
    loops are simplified too. Inputs, their names and the source lines of nodes are kept.

    Args:
        graph: any graph.
        rules: what to apply. `EXACT` keeps every bit (as far as a contraction has an order of
            summation, which is unspecified); the default changes sums and products in rounding.

    >>> import chainrule as cr
    >>> program = cr.trace(lambda x, w: (x / 4.0) @ w.T, np.ones((5, 2)), np.ones((3, 2)))
    >>> graph, log = simplify(program.graph)
    >>> print(graph)
    inputs  x: float64[5,2], w: float64[3,2]
    %1 = mul(x, 0.25): float64[5,2]    # line 1
    %2 = contract(%1, w, a=(0, 1), b=(2, 1), out=(0, 2)): float64[5,3]    # line 1
    outputs %2
    >>> [step.rule for step in log]
    ['over_power_of_two', 'contraction_of_permute']
    """
    log = Log()
    with np.errstate(all="ignore"):
        simplified = _Simplifier(rules, log).run(graph)
    alive = frozenset(simplified.nodes)
    log.recomputable = {node for node in log.recomputable if node in alive}
    return simplified, log


class _Simplifier:
    """The rules, applied to a graph and to the graphs in it."""

    def __init__(self, rules: Sequence[Rule | Scheme], log: Log) -> None:
        self.log = log
        self.table = Table([rule for rule in rules if isinstance(rule, Rule)])
        self.calls = [rule for rule in CALLS.schemes if rule in rules]
        self.loops = [rule for rule in LOOPS.schemes if rule in rules]

    def run(self, graph: Graph) -> Graph:
        if any(isinstance(node.primitive, Call) for node in graph.nodes):
            for scheme in self.calls:
                graph = scheme.function(graph, self.log)
            graph = with_bodies(self.local(graph), self.run, self.log)
            for scheme in (*self.loops, *self.calls):
                graph = scheme.function(graph, self.log)
            graph = with_bodies(graph, self.local, self.log)
        return self.local(graph)

    def local(self, graph: Graph) -> Graph:
        for _ in range(ROUNDS):
            before = len(self.log)
            graph = rewrite(graph, self.table, Context(graph), self.log)
            if len(self.log) == before:
                break
        return graph
