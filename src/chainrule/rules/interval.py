"""Interval reading: bounds on every node from bounds on the variables.

Bounds are pairs of float64 arrays. Each operation rounds outward by the tolerance that its record
states, so the true value is always inside. (Moore, Kearfott & Cloud, Introduction to Interval
Analysis, chapters 2 and 5.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.core.node import Node, topological
from chainrule.ops import record as kinds

__all__ = ["Bounds", "enclose"]

Bounds = tuple[np.ndarray, np.ndarray]


def enclose(outputs: Sequence[Node], variables: Mapping[Node, Bounds]) -> list[Bounds]:
    """Lower and upper bounds of every output while each variable stays within its bounds.

    Raises:
        DomainError: where an interval leaves the domain of a function, or a primitive has no
            interval extension.
    """
    bounds: dict[Node, Bounds] = {
        node: (np.asarray(lo, np.float64), np.asarray(hi, np.float64))
        for node, (lo, hi) in variables.items()
    }
    for node, (lo, hi) in bounds.items():
        if not np.all(lo <= hi):  # also where one of them is NaN
            raise DomainError(f"bounds of a {node.type} are not ordered, or are NaN")
    with np.errstate(all="ignore"):
        for node in topological(outputs, stop=variables):
            if node in bounds:
                continue
            sources = [bounds[source] for source in node.sources]
            if not node.sources:
                if node.value is None:
                    raise DomainError(f"an input of type {node.type} has no bounds")
                bounds[node] = (_float(node.value), _float(node.value))
            else:
                bounds[node] = node_bounds(node, sources)
    return [bounds[output] for output in outputs]


def node_bounds(node: Node, sources: Sequence[Bounds]) -> Bounds:
    """Bounds of one application from bounds of its sources."""
    rule = _ENCLOSE.get(type(node.primitive))
    if rule is None:
        raise DomainError(f"{node.primitive.name} has no interval extension")
    lo, hi = rule(node, sources)
    if node.dtype.kind == "f":
        lo, hi = _outward(lo, hi, node.primitive.tolerance)
        lo, hi = _clip(node.primitive, lo, hi)
    return np.broadcast_to(lo, node.shape), np.broadcast_to(hi, node.shape)


def _float(value: Any) -> np.ndarray:
    return np.asarray(value, dtype=np.float64)


def _outward(lo: np.ndarray, hi: np.ndarray, ulps: float) -> Bounds:
    """Bounds that hold in spite of rounding: an overflow only says how large a number is at least,
    and where nothing is known (NaN) everything is possible."""
    lo, hi = _float(lo), _float(hi)
    margin = ulps * np.finfo(np.float64).eps
    tiny = np.finfo(np.float64).smallest_subnormal * ulps
    largest = np.finfo(np.float64).max
    wide_lo = np.where(np.isfinite(lo), lo - np.abs(lo) * margin - tiny, np.minimum(lo, largest))
    wide_hi = np.where(np.isfinite(hi), hi + np.abs(hi) * margin + tiny, np.maximum(hi, -largest))
    # an underflow keeps its sign, so +0 is a lower bound and -0 an upper one as they stand
    wide_lo = np.where((lo == 0) & ~np.signbit(lo), 0.0, wide_lo)
    wide_hi = np.where((hi == 0) & np.signbit(hi), 0.0, wide_hi)
    return np.where(np.isnan(lo), -np.inf, wide_lo), np.where(np.isnan(hi), np.inf, wide_hi)


def _clip(primitive: Any, lo: np.ndarray, hi: np.ndarray) -> Bounds:
    if isinstance(primitive, kinds.Elementwise):
        low, high = primitive.range
        return np.clip(lo, low, high), np.clip(hi, low, high)
    return lo, hi


def _elementwise(node: Node, sources: Sequence[Bounds]) -> Bounds:
    primitive = node.primitive
    for (lo, hi), (low, high) in zip(sources, primitive.domain, strict=False):
        if np.any(lo < low) or np.any(hi > high):
            raise DomainError(
                f"{primitive.name} is defined on [{low:g}, {high:g}], but its argument ranges over "
                f"[{np.min(lo):g}, {np.max(hi):g}]"
            )
    if primitive.enclose is not None:
        return primitive.enclose(*sources, *node.argument)  # type: ignore[no-any-return]
    monotone = primitive.monotone
    directions = monotone(*sources, *node.argument) if callable(monotone) else monotone
    if any(direction is None for direction in directions):
        raise DomainError(f"{primitive.name} has no interval extension where it turns")
    ends = []
    for side in (0, 1):
        at = [
            bounds[side] if direction != "decreasing" else bounds[1 - side]
            for bounds, direction in zip(sources, directions, strict=True)
        ]
        ends.append(primitive.evaluate(*at, *node.argument))
    return ends[0], ends[1]


def _linear(node: Node, sources: Sequence[Bounds]) -> Bounds:
    primitive = node.primitive
    if not primitive.nonnegative:
        raise DomainError(f"{primitive.name} has no interval extension")
    linear = range(len(sources)) if primitive.linear_in is None else primitive.linear_in
    indices = {i: source.value for i, source in enumerate(node.sources) if i not in linear}
    if any(value is None for value in indices.values()):
        raise DomainError(f"{primitive.name}: bounds need known indices")

    def apply(values: Sequence[Any]) -> Any:
        at = [indices.get(i, value) for i, value in enumerate(values)]
        return primitive.evaluate(*at, *node.argument)

    lo, hi = (apply([bounds[side] for bounds in sources]) for side in (0, 1))
    # A sum of n terms is off by at most (n - 1) ε Σ|terms|; the map of ones counts the terms.
    terms = apply([np.ones_like(bounds[0]) for bounds in sources])
    sizes = apply([np.maximum(np.abs(bounds[0]), np.abs(bounds[1])) for bounds in sources])
    slack = np.where(terms > 1, np.finfo(np.float64).eps * (terms - 1) * sizes, 0.0)
    return lo - slack, hi + slack


def _bilinear(node: Node, sources: Sequence[Bounds]) -> Bounds:
    """Midpoint-radius arithmetic (Rump, Fast and parallel interval arithmetic, 1999)."""
    evaluate = node.primitive.evaluate
    (am, ar), (bm, br) = (_midpoint(bounds) for bounds in sources)
    middle = evaluate(am, bm, *node.argument)
    absolute = np.abs(am) + ar
    radius = evaluate(absolute, br, *node.argument) + evaluate(ar, np.abs(bm), *node.argument)
    terms = max(am.size, bm.size, 1)
    rounding = evaluate(absolute, np.abs(bm) + br, *node.argument)
    radius = radius + 4 * terms * np.finfo(np.float64).eps * rounding
    return middle - radius, middle + radius


def _midpoint(bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    lo, hi = bounds
    middle = 0.5 * lo + 0.5 * hi
    return middle, np.nextafter(np.maximum(middle - lo, hi - middle), np.inf)


def _reduction(node: Node, sources: Sequence[Bounds]) -> Bounds:
    primitive = node.primitive
    if primitive.enclose is not None:
        return primitive.enclose(*sources, *node.argument)  # type: ignore[no-any-return]
    if primitive.monotone != "increasing":
        raise DomainError(f"{primitive.name} has no interval extension")
    ((lo, hi),) = sources
    return primitive.evaluate(lo, *node.argument), primitive.evaluate(hi, *node.argument)


def _selection(node: Node, sources: Sequence[Bounds]) -> Bounds:
    primitive = node.primitive
    if primitive.monotone != "increasing":
        raise DomainError(f"{primitive.name} has no interval extension")
    ((lo, hi),) = sources
    return primitive.evaluate(lo, *node.argument), primitive.evaluate(hi, *node.argument)


_ENCLOSE: dict[type[kinds.Primitive], Callable[[Node, Sequence[Bounds]], Bounds]] = {
    kinds.Elementwise: _elementwise,
    kinds.Linear: _linear,
    kinds.Bilinear: _bilinear,
    kinds.Reduction: _reduction,
    kinds.Selection: _selection,
}
