"""Microseconds for one eager operation on 10 float32 elements, recorded and differentiated.

Each formula is repeated in a chain of 50 steps, as programs do, and the chain is run forward (with
recording) and backward. No library compiles here. Steps of two operations count as two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from bench.common import Row, interleaved, peer

STEPS = 50


@dataclass(frozen=True)
class Formula:
    """One step of a chain, ``step(space, y, x)``, made of ``operations`` primitive operations."""

    name: str
    step: Callable[[Any, Any, Any], Any]
    operations: int = 1
    matrix: bool = False


FORMULAS = (
    Formula("y + x", lambda space, y, x: y + x),
    Formula("y * x", lambda space, y, x: y * x),
    Formula("y * 1.01", lambda space, y, x: y * 1.01),
    Formula("sin(y)", lambda space, y, x: space.sin(y)),
    Formula("exp(-y)", lambda space, y, x: space.exp(-y), operations=2),
    Formula("x * y.sum()", lambda space, y, x: x * y.sum(), operations=2),
    Formula("y @ x, 10x10", lambda space, y, x: y @ x, matrix=True),
)


def start(formula: Formula) -> np.ndarray:
    """A start from which 50 steps neither overflow nor vanish."""
    rng = np.random.default_rng(0)
    if formula.matrix:  # powers of an orthogonal matrix keep their size
        return np.linalg.qr(rng.normal(size=(10, 10)))[0].astype(np.float32)
    x = rng.uniform(0.9, 1.1, 10)
    return (x / x.sum() if "sum" in formula.name else x).astype(np.float32)


Pair = tuple[Callable[[], Any], Callable[[], Any]]
"""Run the chain forward; run it forward and backward."""


def _chain(formula: Formula, space: Any) -> Callable[[Any], Any]:
    def chain(x: Any) -> Any:
        y = x
        for _ in range(STEPS):
            y = formula.step(space, y, x)
        return y

    return chain


def with_chainrule(formula: Formula, value: np.ndarray) -> Pair:
    chain = _chain(formula, cr)
    x = cr.tensor(value, requires_grad=True)
    ones = cr.tensor(np.ones_like(value))

    def both() -> None:
        x.zero_grad()
        chain(x).backward(ones)

    return lambda: chain(x), both


def with_torch(formula: Formula, value: np.ndarray) -> Pair:
    torch = peer("torch")
    assert torch is not None
    chain = _chain(formula, torch)
    x = torch.tensor(value, requires_grad=True)
    ones = torch.ones_like(x)

    def both() -> None:
        x.grad = None
        chain(x).backward(ones)

    return lambda: chain(x), both


def with_autograd(formula: Formula, value: np.ndarray) -> Pair:
    import autograd
    import autograd.numpy as space

    chain = _chain(formula, space)
    ones = np.ones_like(value)
    forward = autograd.make_vjp(chain)
    return lambda: forward(value), lambda: forward(value)[0](ones)


def with_jax(formula: Formula, value: np.ndarray) -> Pair:
    import jax

    chain = _chain(formula, jax.numpy)
    x = jax.numpy.asarray(value)
    ones = jax.numpy.ones_like(x)

    def both() -> None:
        _, pullback = jax.vjp(chain, x)
        jax.block_until_ready(pullback(ones))

    return lambda: jax.block_until_ready(jax.vjp(chain, x)[0]), both


LIBRARIES: dict[str, Callable[[Formula, np.ndarray], Pair]] = {
    "chainrule": with_chainrule,
    "autograd": with_autograd,
    "torch": with_torch,
    "jax": with_jax,
}


def run() -> list[Row]:
    """Rows by formula and library; ``ratio`` is chainrule's time over the library's."""
    present = [name for name in LIBRARIES if name == "chainrule" or peer(name)]
    rows: list[Row] = []
    for formula in FORMULAS:
        value = start(formula)
        candidates: dict[str, Callable[[], Any]] = {}
        for name in present:
            candidates[f"{name} forward"], candidates[f"{name} both"] = LIBRARIES[name](
                formula, value
            )
        found = interleaved(candidates, rounds=21, calls=2)
        per_operation = 1e6 / (STEPS * formula.operations)
        own = found["chainrule both"]
        for name in present:
            forward, both = found[f"{name} forward"], found[f"{name} both"]
            rows.append(
                {
                    "step": formula.name,
                    "library": name,
                    "forward µs": forward.median * per_operation,
                    "both µs": both.median * per_operation,
                    "least forward µs": forward.minimum * per_operation,
                    "least both µs": both.minimum * per_operation,
                    "ratio": own.median / both.median,
                    "ratio of least": own.minimum / both.minimum,
                }
            )
    return rows
