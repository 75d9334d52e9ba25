"""How many distinct nodes the n-th derivative of sin(x)·√(sin(x²)) builds.

Equal nodes are one object, so repeated differentiation shares what it repeats.
"""

from __future__ import annotations

from typing import Any

import chainrule as cr
from bench.common import Row
from chainrule.core.node import topological


def function(x: Any) -> Any:
    """sin(x)·√(sin(x²))."""
    return cr.sin(x) * cr.sqrt(cr.sin(x**2))


def run() -> list[Row]:
    """For each order the value of the derivative at 1 and the nodes that it depends on."""
    rows: list[Row] = []
    f = function
    for order in range(6):
        y = f(cr.tensor(1.0, requires_grad=True))
        rows.append({"order": order, "value": y.item(), "nodes": len(topological([y.node]))})
        f = cr.grad(f)
    return rows
