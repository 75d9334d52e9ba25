"""How many distinct nodes the n-th derivative of sin(x)·√(sin(x²)) builds.

Equal nodes are one object, so repeated differentiation shares what it repeats.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import chainrule as cr
from bench.common import Row
from chainrule.core import node as nodes


def function(x: Any) -> Any:
    """sin(x)·√(sin(x²))."""
    return cr.sin(x) * cr.sqrt(cr.sin(x**2))


def run() -> list[Row]:
    """For each order the derivative at 1, the nodes it depends on, and all that were built."""
    rows: list[Row] = []
    f = function
    for order in range(6):
        x = cr.tensor(1.0, requires_grad=True)
        with mock.patch.object(nodes, "_intern", wraps=nodes._intern) as intern:
            y = f(x)
        rows.append(
            {
                "order": order,
                "value": y.item(),
                "nodes of the result": len(nodes.topological([y.node])),
                "nodes built": intern.call_count,
            }
        )
        f = cr.grad(f)
    return rows
