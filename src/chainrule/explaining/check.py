"""Holding every displayed line against the engine, at many points.

A line is evaluated as it will be read: its text is parsed again, and the formula computed. Line and
engine are measured with bounds on their rounding errors (see `rounding`); a line that differs by
more than the two bounds at any point is an error, never shown. At a number of points both must be
known to seven digits, so that no wrong line hides behind rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ClaimError, DomainError
from chainrule.core.node import Node, input_node, topological
from chainrule.core.types import array_type
from chainrule.explaining.expression import Expression, symbols
from chainrule.explaining.reading import is_scalar
from chainrule.explaining.rounding import Measured, Values, is_pointwise, measure, measure_at
from chainrule.explaining.styles import TEXT
from chainrule.lift import FLOAT
from chainrule.notation import parse
from chainrule.ops.record import Elementwise

__all__ = ["Bench", "compared", "evaluate", "measured", "points_for", "values_at"]

Truths = np.ndarray[Any, np.dtype[np.bool_]]

POINTS = 32
MORE = 16
"""Further points, each in a branch that no other point is in."""
TRIED = 600
SHARP = 1e-7
"""A value whose error is at most this, relatively, is known."""
LEAST = 6
"""The number of points where a line must be known."""
_NOUGHT = 1e-12
"""An error that is none, where the value itself is 0 but for rounding."""
_SMALL = 1e-6


# -- points ----------------------------------------------------------------------------------------


def points_for(
    inputs: Sequence[Node], outputs: Sequence[Node], near: Mapping[Node, float]
) -> Values:
    """Points at which all outputs are finite and known, as rows with a value for each input.

    They are drawn from several ranges, so that roots, logarithms and inverse functions meet their
    domains; some lie close to ``near``. Of a function with branches there is a point in each branch
    that was met.

    Raises:
        DomainError: if the function has no finite value and derivative at any of them.
    """
    branches = _branches(outputs)
    tried = TRIED * (5 if branches else 1)
    drawn = _drawn(tried, [near.get(hole) for hole in inputs])
    lot = tried if is_pointwise(outputs, dict.fromkeys(inputs)) else POINTS
    found = _Found()
    for first in range(0, tried, lot):
        rows = drawn[first : first + lot]
        at = values_at(inputs, [*outputs, *branches], rows)
        signs = np.array([at[node].values for node in branches]).reshape(-1, len(rows))
        found.sort([at[output] for output in outputs], signs, first)
        if len(found.plain) >= POINTS:
            break
    chosen = found.chosen()
    if not chosen:
        what = (
            "are finite at some of the points that were tried, and at all of these nothing but "
            "rounding"
            if found.finite
            else "are finite at none of the points that were tried"
        )
        raise DomainError(
            f"the function and its derivative {what}; give a point of its domain with at="
        )
    return drawn[chosen]


class _Found:
    """The points found so far, by what is known there."""

    def __init__(self) -> None:
        self.plain: list[int] = []  # all outputs of moderate size: neither steep nor flat
        self.others: list[int] = []
        self.branch: dict[bytes, int] = {}  # the first point in each
        self.finite = False

    def sort(self, outputs: Sequence[Measured], signs: Values, first: int) -> None:
        """Take the points of a lot, which begins with the point number ``first``."""
        known, finite, moderate = (np.ones(signs.shape[1:], bool) for _ in range(3))
        for one in outputs:
            size = np.abs(one.values)
            finite &= np.isfinite(size)
            known &= finite & (_is_sharp(one.errors, one.values) | (one.errors <= _NOUGHT))
            moderate &= (size == 0) | ((size > _SMALL) & (size < 1 / _SMALL))
        self.finite |= bool(np.any(finite))
        for k in np.flatnonzero(known):
            (self.plain if moderate[k] else self.others).append(first + int(k))
            self.branch.setdefault(signs[:, k].tobytes(), first + int(k))

    def chosen(self) -> list[int]:
        """A point in each branch, most others plain."""
        entries = list(self.branch.values())[:MORE]
        others = self.others[: max(POINTS // 4, POINTS - len(self.plain))]
        return list(dict.fromkeys([*entries, *self.plain[: POINTS - len(others)], *others]))


def _branches(outputs: Sequence[Node]) -> list[Node]:
    """What is constant between jumps: conditions, signs and the like. It tells the branches."""
    return [
        node
        for node in topological(outputs)
        if isinstance(node.primitive, Elementwise)
        and (node.type.dtype.kind == "b" or node.primitive.partials is None)
        and is_scalar(node)
        and node.sources
    ]


def _is_sharp(errors: Values, values: Values) -> Truths:
    with np.errstate(invalid="ignore"):
        return np.asarray(errors <= SHARP * np.abs(values))


_RANGES = ((-1.5, 1.5), (0.1, 2.0), (-0.95, 0.95), (1.1, 2.5), (-0.2, 0.2))
_WIDE = ((-4.0, 4.0), (2.0, 40.0), (-40.0, -2.0), (10.0, 2000.0), (0.0, 0.01))
"""Tried where the others hold too little of the domain."""


def _drawn(count: int, near: Sequence[float | None]) -> Values:
    """Points as rows; those from the wide ranges come later."""
    rng = np.random.default_rng(0)
    columns = []
    for centre in near:
        third = count // 3
        narrow = np.array(_RANGES)[rng.integers(len(_RANGES), size=third)]
        wide = np.array(_WIDE)[rng.integers(len(_WIDE), size=count - third)]
        column = rng.uniform(*np.concatenate([narrow, wide]).T)
        if centre is not None:
            close = centre + rng.normal(size=count) * (0.1 + 0.05 * abs(centre))
            column = np.where(np.arange(count) % 4 == 0, close, column)
        columns.append(column)
    return np.array(columns, np.float64).reshape(len(near), count).T


# -- values ----------------------------------------------------------------------------------------


def values_at(
    inputs: Sequence[Node], nodes: Sequence[Node], points: Values
) -> dict[Node, Measured]:
    """The nodes, each one number, measured at points."""
    if is_pointwise(nodes, dict.fromkeys(inputs)):
        known = {hole: Measured.exact(points[:, k]) for k, hole in enumerate(inputs)}
        return measure(nodes, known)
    rows = np.array([measure_at(nodes, dict(zip(inputs, row, strict=True))) for row in points])
    return {node: Measured(rows[:, k, 0], rows[:, k, 1]) for k, node in enumerate(nodes)}


_MARK = "_prime"
"""How y′ is called where formulas are parsed."""


def measured(e: Expression, names: Mapping[str, Measured]) -> Measured:
    """The values of an expression, computed from its text."""
    holes = {name: input_node(array_type((), FLOAT)) for name in symbols(e)}
    with np.errstate(all="ignore"):  # what is constant is computed at once
        marked = {name.replace("′", _MARK): hole for name, hole in holes.items()}
        node = parse(TEXT(e).replace("′", _MARK), names=tuple(marked)).node(marked)
    known = {hole: names[name] for name, hole in holes.items()}
    found = measure([node], known)[node]
    size = next((one.values.shape for one in names.values()), (1,))
    return Measured(np.broadcast_to(found.values, size), np.broadcast_to(found.errors, size))


def evaluate(e: Expression, names: Mapping[str, Values]) -> Values:
    """The values of an expression, computed from its text."""
    return measured(e, {name: Measured.exact(values) for name, values in names.items()}).values


def compared(found: Measured, expected: Measured) -> tuple[Truths, Truths]:
    """Where they differ by more than rounding; and where both are known well enough to tell."""
    with np.errstate(all="ignore"):
        apart = np.abs(found.values - expected.values)
        allowed = found.errors + expected.errors
    judged = np.isfinite(allowed) & np.isfinite(expected.values)
    wrong = judged & ~(apart <= allowed)  # also where the line has no value
    with np.errstate(invalid="ignore"):
        nought = (np.abs(expected.values) <= expected.errors) & (allowed <= _NOUGHT)
    return wrong, judged & (_is_sharp(allowed, expected.values) | nought)


# -- the bench -------------------------------------------------------------------------------------


class Bench:
    """The values of nodes at the points, and the comparison of lines with them."""

    def __init__(self, inputs: Mapping[Node, str], nodes: Iterable[Node], points: Values) -> None:
        wanted = [n for n in dict.fromkeys(nodes) if is_scalar(n) and n.type.is_float]
        self.values = values_at(list(inputs), wanted, points)
        self.names = {name: Measured.exact(points[:, k]) for k, name in enumerate(inputs.values())}

    def claim(
        self, e: Expression, expected: Measured, more: Mapping[str, Measured] | None = None
    ) -> None:
        """Compare a line with what the engine computed.

        Raises:
            ClaimError: if they differ at a point by more than rounding, or if rounding leaves too
                few points to tell.
        """
        names = self.names | dict(more or {})
        found = measured(e, names)
        wrong, sharp = compared(found, expected)
        if np.any(wrong):
            k = int(np.argmax(wrong))
            place = ", ".join(f"{name} = {names[name].values[k]:.6g}" for name in symbols(e))
            raise ClaimError(
                f"the line {TEXT(e)} is {found.values[k]:.10g} at {place}, the engine computed "
                f"{expected.values[k]:.10g}; {_PLEASE}"
            )
        if np.sum(sharp) < min(LEAST, len(sharp)):
            raise ClaimError(
                f"the line {TEXT(e)} cannot be held against the engine: rounding leaves "
                f"{np.sum(sharp)} of {len(sharp)} points; {_PLEASE}"
            )


_PLEASE = "this is a bug of chainrule, please report the function"
