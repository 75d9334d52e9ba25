"""Curvature reading: disciplined convex analysis of a graph.

A node is known to be constant, affine, convex or concave in the variables by one composition
rule: f(g₁, …) is convex if f is convex and, for each i, g_i is affine, or g_i is convex and f
increases in it, or g_i is concave and f decreases in it. (Grant, Boyd & Ye, Disciplined convex
programming, 2006, section 4.) Monotonicity may depend on the sign of an argument, which the
interval reading provides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.core.node import Node, topological
from chainrule.ops import record as kinds
from chainrule.rules.interval import Bounds, node_bounds

__all__ = ["Shape", "curvature"]

Shape = Literal["constant", "affine", "convex", "concave", "unknown"]

_FLIP: dict[Shape, Shape] = {"convex": "concave", "concave": "convex"}


def curvature(outputs: Sequence[Node], variables: Mapping[Node, Bounds]) -> list[Shape]:
    """What the composition rule knows of every output, jointly in all variables.

    "unknown" means that the rule does not decide, not that the function is neither.
    """
    shapes: dict[Node, Shape] = dict.fromkeys(variables, "affine")
    bounds: dict[Node, Bounds] = dict(variables)
    with np.errstate(all="ignore"):
        for node in topological(outputs, stop=variables):
            if node in shapes:
                continue
            bounds[node] = _bounds(node, bounds)
            inner = [shapes[source] for source in node.sources]
            if all(shape == "constant" for shape in inner):
                shapes[node] = "constant"
            else:
                at = [bounds[source] for source in node.sources]
                shapes[node] = _compose(node, inner, at)
    return [shapes[output] for output in outputs]


def _bounds(node: Node, bounds: Mapping[Node, Bounds]) -> Bounds:
    if not node.sources:
        value = np.asarray(node.value, dtype=np.float64)
        return value, value
    try:
        return node_bounds(node, [bounds[source] for source in node.sources])
    except DomainError:
        return np.full(node.shape, -np.inf), np.full(node.shape, np.inf)


def _compose(node: Node, inner: Sequence[Shape], bounds: Sequence[Bounds]) -> Shape:
    primitive = node.primitive
    if isinstance(primitive, kinds.Linear):
        signs: list[Any] = ["increasing" if primitive.nonnegative else None] * len(inner)
        return _joined("affine", signs, inner)
    if isinstance(primitive, kinds.Bilinear):
        return _one_factor(inner, [_sign(bounds[1]), _sign(bounds[0])])
    if isinstance(primitive, kinds.Reduction):
        return _joined(primitive.curvature, [primitive.monotone], inner)
    if isinstance(primitive, kinds.Elementwise):
        monotone = primitive.monotone
        directions = monotone(*bounds, *node.argument) if callable(monotone) else monotone
        own = primitive.curvature
        shape = own(*bounds, *node.argument) if callable(own) else own
        varying = [index for index, s in enumerate(inner) if s != "constant"]
        if shape is None and len(varying) == 1 and varying[0] in primitive.affine_in:
            shape = "affine"
        return _joined(shape, directions, inner)
    return "unknown"


def _sign(bounds: Bounds) -> Any:
    lo, hi = bounds
    return "increasing" if np.all(lo >= 0) else "decreasing" if np.all(hi <= 0) else None


def _one_factor(inner: Sequence[Shape], signs: Sequence[Any]) -> Shape:
    varying = [index for index, shape in enumerate(inner) if shape != "constant"]
    if len(varying) != 1:
        return "unknown"
    return _joined("affine", [signs[varying[0]]], [inner[varying[0]]])


def _joined(own: Any, directions: Sequence[Any], inner: Sequence[Shape]) -> Shape:
    """The composition rule."""
    if own == "affine":
        if all(shape in ("constant", "affine") for shape in inner):
            return "affine"
        candidates: tuple[Shape, ...] = ("convex", "concave")
    else:
        candidates = (own,) if own in ("convex", "concave") else ()
    for candidate in candidates:
        if all(
            shape in ("constant", "affine")
            or (shape == candidate and direction == "increasing")
            or (shape == _FLIP[candidate] and direction == "decreasing")
            for shape, direction in zip(inner, directions, strict=True)
        ):
            return candidate
    return "unknown"
