"""Taylor mode grows like a power of the order, nested derivatives exponentially."""

from __future__ import annotations

from typing import Any

import chainrule as cr
from bench.common import Row, exponent, interleaved

ORDERS = (2, 4, 6, 8, 12, 16, 24)
NESTED_UP_TO = 6


def function(x: Any) -> Any:
    """A composite of exp, sin, log, tanh, √ and division."""
    return cr.exp(cr.sin(x)) / cr.sqrt(1 + x * x) + cr.tanh(x) * cr.log(2 + x)


def nested(order: int) -> Any:
    """The derivatives up to ``order`` by gradients of gradients."""
    f = function
    for _ in range(order):
        f = cr.grad(f)
    return f(0.3)


def run() -> list[Row]:
    """Time by order, and the fitted growth in the last row."""
    rows: list[Row] = []
    least: dict[int, float] = {}
    for order in ORDERS:
        candidates = {"taylor": lambda order=order: cr.taylor(function, 0.3, order)}
        if order <= NESTED_UP_TO:
            candidates["nested"] = lambda order=order: nested(order)
        found = interleaved(candidates, rounds=7)
        least[order] = found["taylor"].minimum
        row: Row = {"order": str(order), "taylor ms": found["taylor"].median * 1e3}
        row["least taylor ms"] = least[order] * 1e3
        if "nested" in found:
            row["nested gradients ms"] = found["nested"].median * 1e3
        rows.append(row)
    high = [order for order in ORDERS if order >= 8]
    growth = exponent([float(o) for o in high], [least[o] for o in high])
    rows.append({"order": f"exponent of the growth from {high[0]} on", "least taylor ms": growth})
    return rows
