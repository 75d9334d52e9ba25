"""Causal attention with its gradient: as it is written, in blocks, and PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from bench.common import Row, interleaved, peer
from chainrule.nn import attention

BATCH, HEADS, EXTENT = 2, 4, 32
LENGTHS = (128, 256, 512, 1024, 2048)


def run() -> list[Row]:
    """Time, and the memory of the compiled program, for each length."""
    torch = peer("torch")
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for length in LENGTHS:
        given = rng.normal(size=(3, BATCH, HEADS, length, EXTENT)).astype(np.float32)
        programs = {name: _compiled(limit, given) for name, limit in _WAYS.items()}
        calls: dict[str, Callable[[], Any]] = {
            name: partial(f, *map(cr.tensor, given)) for name, f in programs.items()
        }
        if torch:
            calls["PyTorch"] = _pytorch(torch, given)
        found = interleaved(calls, rounds=7 if length < 1024 else 5)
        for name, timing in found.items():
            row: Row = {"length": length, "way": name}
            row |= {"median ms": timing.median * 1e3, "least ms": timing.minimum * 1e3}
            if name in programs:
                row["arena MB"] = programs[name].report().arena / 1e6
            rows.append(row)
    return rows


_WAYS = {"as written": 10**12, "in blocks": 0}


def _compiled(limit: int, given: np.ndarray) -> Any:
    def loss(q: Any, k: Any, v: Any) -> Any:
        return (cr.nn.scaled_dot_product_attention(q, k, v, is_causal=True) ** 2).sum()

    before, attention.LONG = attention.LONG, limit
    try:
        compiled = cr.compile(cr.grad(loss, argnums=(0, 1, 2)), threads=1)
        compiled(*map(cr.tensor, given))
    finally:
        attention.LONG = before
    return compiled


def _pytorch(torch: Any, given: np.ndarray) -> Callable[[], Any]:
    torch.set_num_threads(1)
    inputs = [torch.tensor(x, requires_grad=True) for x in given]

    def call() -> Any:
        out = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)
        return torch.autograd.grad((out**2).sum(), inputs)

    return call
