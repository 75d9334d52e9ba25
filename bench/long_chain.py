"""A chain of operations differentiates in time and memory linear in its length."""

from __future__ import annotations

from typing import Any

import chainrule as cr
from bench.common import Row, interleaved, peak_bytes

LENGTHS = (1_000, 10_000, 100_000, 300_000)


def chain(x: Any, length: int) -> Any:
    """``length`` operations that keep the value between 0 and 1."""
    y = x
    for _ in range(length // 2):
        y = cr.sin(y) + x
    return y


def differentiate(length: int) -> None:
    """Forward and backward through the chain."""
    x = cr.tensor(0.1, requires_grad=True)
    chain(x, length).backward()


def run() -> list[Row]:
    """Time and memory for one operation, at each length; equal numbers mean linear growth."""
    rows: list[Row] = []
    for length in LENGTHS:
        x = cr.tensor(0.1, requires_grad=True)
        candidates = {
            "forward": lambda length=length, x=x: chain(x, length),
            "both": lambda length=length: differentiate(length),
        }
        found = interleaved(candidates, rounds=max(3, 60_000 // length))
        rows.append(
            {
                "operations": length,
                "forward µs/operation": found["forward"].median / length * 1e6,
                "both µs/operation": found["both"].median / length * 1e6,
                "least both µs/operation": found["both"].minimum / length * 1e6,
                "peak bytes/operation": peak_bytes(lambda n=length: differentiate(n)) / length,
            }
        )
    return rows
