"""`simplify`: a graph made ready for native compilation, and the log of what was done to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.core.graph import Graph
from chainrule.ops.index import gather
from chainrule.rewrite.algebra import ALGEBRA
from chainrule.rewrite.contraction import CONTRACTION
from chainrule.rewrite.engine import Context, Log, Rule, Table, rewrite
from chainrule.rewrite.indexing import INDEXING
from chainrule.rewrite.layout import LAYOUT
from chainrule.rewrite.parts import PARTS

NATIVE: tuple[Rule, ...] = (
    *ALGEBRA.rules,
    *LAYOUT.rules,
    *PARTS.rules,
    *CONTRACTION.rules,
    *INDEXING.rules,
)
"""Every rule."""

EXACT: tuple[Rule, ...] = tuple(rule for rule in NATIVE if rule.exact)
"""The rules that keep every bit."""

ROUNDS = 4


def simplify(graph: Graph, rules: Sequence[Rule] = NATIVE) -> tuple[Graph, Log]:
    log = Log()
    table = Table(rules)
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            before = len(log)
            graph, _ = rewrite(graph, table, Context(graph, gather), log)
            if len(log) == before:
                break
    return graph, log
