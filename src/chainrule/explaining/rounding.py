"""Values together with bounds on what rounding has done to them.

Of two formulas for one quantity the values differ by rounding, and where digits cancel, as in
1 − σ(30), by much. So that no tolerance has to be guessed, every value is measured with a bound on
its error: the running error analysis of Wilkinson (Higham, *Accuracy and Stability of Numerical
Algorithms*, section 3.3). An operation adds its own rounding, which its record states in units in
the last place, to what it makes of the errors of its operands; that is found by applying it to
operands moved by their errors. No derivative is used: the bounds do not depend on what they judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.node import Node, topological
from chainrule.core.types import ArrayType
from chainrule.ops.record import Elementwise, Projection

__all__ = ["Measured", "is_pointwise", "measure", "measure_at"]

Values = np.ndarray[Any, np.dtype[np.float64]]

SAFETY = 8.0
"""By how much every rounding is overstated: for constants written shorter, and second orders."""

_TINY = 1e-300  # results below the smallest float lose digits, or vanish


@dataclass(frozen=True)
class Measured:
    """Values, and bounds on their errors.

    An infinite error says nothing of the value, as after an overflow. NaN with a finite error is
    the value of a formula outside of its domain.
    """

    values: Values
    errors: Values

    @classmethod
    def exact(cls, values: Values) -> Measured:
        """What is given, and no result of a computation."""
        return cls(values, np.zeros_like(values))

    def over(self, other: Measured) -> Measured:
        """The quotient."""
        with np.errstate(all="ignore"):
            values = self.values / other.values
            moved = self.errors + np.abs(values) * other.errors
            return Measured(values, moved / np.abs(other.values) + _unit(values))


def is_pointwise(outputs: Sequence[Node], known: Mapping[Node, object]) -> bool:
    """Whether every node acts on single numbers, so that many points can be measured at once."""
    return all(
        isinstance(node.type, ArrayType)
        and node.type.size == 1
        and (
            not node.sources
            or node.primitive.name in _SAME
            or isinstance(node.primitive, Elementwise)
        )
        for node in topological(outputs, stop=known)
    )


def measure(outputs: Sequence[Node], known: Mapping[Node, Measured]) -> dict[Node, Measured]:
    """The outputs from what is known, for many points at once.

    Args:
        outputs: nodes that are pointwise (see `is_pointwise`).
        known: values for the inputs, as arrays with one element for each point.
    """
    (size,) = {found.values.shape for found in known.values()} or {(1,)}
    table: dict[Node, tuple[Any, Any]] = {n: (m.values, m.errors) for n, m in known.items()}
    _walk(outputs, table, _SAME)
    return {
        node: Measured(*(np.broadcast_to(np.asarray(part, np.float64), size) for part in parts))
        for node, parts in ((output, table[output]) for output in outputs)
    }


def measure_at(outputs: Sequence[Node], point: Mapping[Node, float]) -> list[tuple[float, float]]:
    """Value and error of each output, which is one number, at one point; arrays may lie between."""
    table: dict[Node, tuple[Any, Any]] = {
        node: (np.asarray(value, node.type.dtype), np.zeros(())) for node, value in point.items()
    }
    _walk(outputs, table, frozenset())
    found = [table[output] for output in outputs]
    return [tuple(float(np.reshape(part, ())) for part in parts) for parts in found]  # type: ignore[misc]


# -- one node --------------------------------------------------------------------------------------

_SAME = frozenset({"alias", "broadcast_to", "reshape", "stop_gradient"})
"""What leaves a single number as it is."""


def _walk(
    outputs: Sequence[Node], table: dict[Node, tuple[Any, Any]], same: frozenset[str]
) -> None:
    """Measure every node, sources first; primitives in ``same`` pass their source on."""
    with np.errstate(all="ignore"):
        for node in topological(outputs, stop=table):
            if node in table:
                continue
            operands = [table[source] for source in node.sources]
            passes = node.primitive.name in same
            table[node] = operands[0] if passes else _applied(node, operands)


def _applied(node: Node, operands: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    if not operands:
        return _leaf(node)
    if isinstance(node.primitive, Projection):
        ((values, errors),) = operands
        return values[node.argument[0]], errors[node.argument[0]]
    y = node.primitive.evaluate(*(value for value, _ in operands), *node.argument)
    if isinstance(node.primitive, Elementwise):
        return y, _own(node, y) + _one_by_one(node, operands, y)
    if isinstance(y, tuple):  # the results of a call
        moved = zip(*_together(node, operands, y), strict=True)
        return y, tuple(_own(node, one) + _widest(one, m) for one, m in zip(y, moved, strict=True))
    return y, _own(node, y) + _widest(y, _together(node, operands, y))


def _own(node: Node, y: Any) -> Any:
    """The rounding of the operation itself."""
    return node.primitive.tolerance * _unit(y) if np.asarray(y).dtype.kind == "f" else 0.0


def _leaf(node: Node) -> tuple[Any, Any]:
    value = np.asarray(node.value)
    if value.dtype.kind != "f":
        return value, np.zeros(value.shape)
    whole = value == np.round(value)
    return value, np.where(whole, 0.0, _unit(value))


def _unit(y: Any) -> Any:
    """A rounding of ``y``, overstated."""
    size = np.where(np.isnan(y), 0.0, np.abs(y))
    return SAFETY * np.finfo(np.asarray(y).dtype).eps * size + _TINY


def _one_by_one(node: Node, operands: Sequence[tuple[Any, Any]], y: Any) -> Any:
    """The sum of what each operand's error moves the result by."""
    error: Any = 0.0
    for index, (value, spread) in enumerate(operands):
        if not np.any(spread):
            continue
        if np.asarray(value).dtype.kind == "b":  # a condition that may be either
            error = error + np.where(spread > 0, np.inf, 0.0)
            continue
        apart: Any = 0.0
        for sign in (-1.0, 1.0):
            moved = [v for v, _ in operands]
            moved[index] = value + sign * spread
            apart = np.maximum(apart, _apart(node, moved, y))
        overflown = np.isinf(spread) & np.isnan(y)
        error = error + np.where(overflown, np.inf, np.where(spread == 0, 0.0, apart))
    return error


def _together(node: Node, operands: Sequence[tuple[Any, Any]], y: Any) -> list[Any]:
    """What an operation on arrays gives for operands moved by several patterns of signs."""
    rng = np.random.default_rng(0)
    found = []
    for pattern in range(_PATTERNS):
        moved = []
        for value, spread in operands:
            signs = rng.choice((-1.0, 1.0), np.shape(value)) if pattern > 1 else 2.0 * pattern - 1
            floating = np.asarray(value).dtype.kind == "f"
            moved.append((value + signs * spread).astype(value.dtype) if floating else value)
        found.append(node.primitive.evaluate(*moved, *node.argument))
    return found


_PATTERNS = 6


def _widest(y: Any, moved: Iterable[Any]) -> Any:
    """Twice the largest change: the patterns need not hold the worst one."""
    return 2 * np.max([_distance(other, y) for other in moved], axis=0)


def _apart(node: Node, operands: Sequence[Any], y: Any) -> Any:
    return _distance(node.primitive.evaluate(*operands, *node.argument), y)


def _distance(moved: Any, y: Any) -> Any:
    """How far a result has moved; without bound where it came to have a value, or another case."""
    if np.asarray(y).dtype.kind != "f":
        return np.where(np.asarray(moved) == y, 0.0, np.inf)
    distance = np.abs(np.subtract(moved, y))
    both = np.isnan(moved) & np.isnan(y)
    return np.where(both, 0.0, np.where(np.isnan(distance), np.inf, distance))
