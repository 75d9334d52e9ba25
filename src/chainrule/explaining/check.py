"""Holding every displayed line against the engine, at many points.

A line is evaluated as it will be read: its text is parsed again, and the formula computed at points
where the function and its derivative are finite. A line that differs is an error, never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ClaimError, DomainError
from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.explaining.expression import Expression, symbols
from chainrule.explaining.reading import is_scalar
from chainrule.explaining.styles import TEXT
from chainrule.notation import parse

__all__ = ["Bench", "evaluate", "points_for"]

Values = np.ndarray[Any, np.dtype[np.float64]]

POINTS = 24
TRIED = 600
_RELATIVE, _ABSOLUTE = 1e-7, 1e-9
_FEW = 0.05
"""What a line may be off at few points, where differences such as 1 − σ(30) have lost digits."""


def points_for(
    inputs: Sequence[Node], outputs: Sequence[Node], near: Mapping[Node, float]
) -> list[list[Any]]:
    """Points, one value for each input, at which all outputs are finite.

    The points are drawn from several ranges, so that roots, logarithms and inverse functions meet
    their domains; some lie close to ``near``.

    Raises:
        DomainError: if the function has no finite value and derivative at any of them.
    """
    rng = np.random.default_rng(0)
    graph = Graph(inputs, outputs)
    found: list[list[Any]] = []
    with np.errstate(all="ignore"):
        for index in range(TRIED):
            values = [_drawn(rng, index, near.get(hole)) for hole in inputs]
            if _is_fit(graph, values):
                found.append(values)
                if len(found) == POINTS:
                    break
    if not found:
        raise DomainError(
            "the function and its derivative are finite at none of the points that were tried; "
            "give a point of its domain with at="
        )
    return found


_STEPS = ((1e-5, 1e-3), (1e-3, 0.1))
"""Relative steps, and how far the values around a point may be from an even course."""


def _is_fit(graph: Graph, point: list[Any]) -> bool:
    """Whether all outputs are finite at a point, and more than rounding.

    Small steps change what is smooth evenly; what has lost its digits, as 1 − σ(30) has, unevenly.
    """
    here = graph.evaluate(point)
    if not all(np.isfinite(value) for value in here):
        return False
    for step, uneven in _STEPS:
        before, after = (graph.evaluate([v * (1 + h) for v in point]) for h in (-step, step))
        for a, b, c in zip(before, here, after, strict=True):
            if abs(a - 2 * b + c) > uneven * abs(b) + 1e-12:
                return False
    return True


_RANGES = ((-1.5, 1.5), (0.1, 2.0), (-0.95, 0.95), (1.1, 2.5), (-0.2, 0.2))
_WIDE = ((-4.0, 4.0), (2.0, 40.0), (-40.0, -2.0), (10.0, 2000.0), (0.0, 0.01))
"""Tried where the others hold too little of the domain."""


def _drawn(rng: np.random.Generator, index: int, near: float | None) -> Any:
    if near is not None and index % 4 == 0:
        return np.float64(near + rng.normal() * (0.1 + 0.05 * abs(near)))
    ranges = _RANGES if index < TRIED // 3 else _WIDE
    lo, hi = ranges[index % len(ranges)] if index % 2 else ranges[rng.integers(len(ranges))]
    return np.float64(rng.uniform(lo, hi))


class Bench:
    """The values of nodes at the points, and the comparison of lines with them."""

    def __init__(
        self, inputs: Mapping[Node, str], nodes: Iterable[Node], points: list[list[Any]]
    ) -> None:
        wanted = [n for n in dict.fromkeys(nodes) if is_scalar(n) and n.type.is_float]
        graph = Graph(list(inputs), wanted)
        with np.errstate(all="ignore"):
            rows = [graph.evaluate(point) for point in points]
        self.values: dict[Node, Values] = {
            node: np.array([float(np.reshape(row[k], ())) for row in rows])
            for k, node in enumerate(wanted)
        }
        self.names: dict[str, Values] = {
            name: np.array([float(point[k]) for point in points])
            for k, name in enumerate(inputs.values())
        }

    def claim(
        self, e: Expression, expected: Values, more: Mapping[str, Values] | None = None
    ) -> None:
        """Compare a line with what the engine computed.

        Raises:
            ClaimError: if they differ at a point.
        """
        names = self.names | dict(more or {})
        found = evaluate(e, names)
        judged = np.isfinite(expected)
        allowed = _ABSOLUTE + _RELATIVE * np.abs(expected)
        with np.errstate(invalid="ignore"):
            wrong = judged & ~(np.abs(found - expected) <= allowed)
            if np.any(wrong) and 3 * np.sum(wrong) < np.sum(judged):
                allowed = np.maximum(10 * _roughness(e, names), _FEW * np.abs(expected))
                wrong &= ~(np.abs(found - expected) <= allowed)
        if np.any(wrong):
            k = int(np.argmax(wrong))
            place = ", ".join(f"{name} = {names[name][k]:.6g}" for name in symbols(e))
            raise ClaimError(
                f"the line {TEXT(e)} is {found[k]:.10g} at {place}, the engine computed "
                f"{expected[k]:.10g}; this is a bug of chainrule, please report the function"
            )


def _roughness(e: Expression, names: Mapping[str, Values]) -> Values:
    """Second differences over 1%: small for what is smooth, not for what is rounding alone.

    A textbook form such as 1/(1 − σ(u)) has no digits left where σ(u) is almost 1; that is no
    error of the derivation.
    """
    moved = [
        evaluate(e, {name: values * scale for name, values in names.items()})
        for scale in (0.99, 1.0, 1.01)
    ]
    return np.abs(moved[0] - 2 * moved[1] + moved[2])


def evaluate(e: Expression, names: Mapping[str, Values]) -> Values:
    """The values of an expression, computed from its text."""
    used = list(symbols(e))
    formula = parse(TEXT(e), names=used)
    with np.errstate(all="ignore"):
        found = formula(*[names[name] for name in used]).numpy()
    size = next((len(values) for values in names.values()), 1)
    return np.broadcast_to(np.asarray(found, np.float64), (size,))
