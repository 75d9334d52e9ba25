"""Random graphs, and values on which sums are exact in any order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.core.graph import Graph
from chainrule.core.node import Node, apply, array, input_node, literal
from chainrule.core.types import array_type
from chainrule.ops import arithmetic as ar
from chainrule.ops.choice import abs_, maximum, minimum, where
from chainrule.ops.contract import tensordot
from chainrule.ops.exponential import stop_gradient
from chainrule.ops.index import take_along_axis
from chainrule.ops.logic import greater, logical_not
from chainrule.ops.parts import concatenate, flip, pad, slice_
from chainrule.ops.record import broadcast_shapes
from chainrule.ops.reduce import max_, sum_
from chainrule.ops.shape import broadcast_to, cast, permute, permute_, product, reshape, reshape_

F64 = np.dtype("float64")
F32 = np.dtype("float32")
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan, 1e308, 5e-324])


def hole(*shape: int, dtype: str = "float64") -> Node:
    return input_node(array_type(shape, np.dtype(dtype)))


def whole_numbers(graph: Graph, seed: int = 0) -> list[np.ndarray]:
    """Small integers for the inputs: sums of their products are exact."""
    rng = np.random.default_rng(seed)
    return [_drawn(rng, node) for node in graph.inputs]


def _drawn(rng: np.random.Generator, node: Node) -> np.ndarray:
    if node.dtype.kind == "b":
        return rng.integers(0, 2, node.shape).astype(bool)
    low = 0 if node.dtype.kind == "u" else -2
    return np.asarray(rng.integers(low, 3, node.shape)).astype(node.dtype)


def special_values(graph: Graph, seed: int = 0) -> list[np.ndarray]:
    """Zeros of both signs, infinities, NaN, the largest and the least numbers."""
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        return [rng.choice(SPECIAL, node.shape).astype(node.dtype) for node in graph.inputs]


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal bit for bit; any NaN is NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    nan = np.isnan(a)
    return bool(
        np.array_equal(nan, np.isnan(b))
        and np.array_equal(a[~nan], b[~nan])
        and np.array_equal(np.signbit(a[~nan]), np.signbit(b[~nan]))
    )


Step = Callable[[np.random.Generator, list[Node]], Node]


def _pick(rng: np.random.Generator, nodes: list[Node]) -> Node:
    return nodes[rng.integers(max(0, len(nodes) - 6), len(nodes))]


def _other(rng: np.random.Generator, x: Node, nodes: list[Node]) -> Node:
    """A second operand: a literal, a constant, or a node that broadcasts against ``x``."""
    kind = rng.integers(4)
    if kind == 0:
        return literal(float(rng.choice([0.0, -0.0, 1.0, -1.0, 2.0, 0.5])), x.dtype)
    if kind == 1:
        return array(np.broadcast_to(x.dtype.type(rng.integers(-1, 2)), x.shape))
    for _ in range(4):
        y = _pick(rng, nodes)
        try:
            broadcast_shapes("", (x.type, y.type))
        except ValueError:
            continue
        return y
    return x


def _unary(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    kind = rng.integers(5)
    if kind == 0:
        return ar.integer_pow(x, n=int(rng.integers(1, 3)))
    if kind == 1:
        wide = F64 if x.dtype == F32 else F32
        return cast(cast(x, dtype=wide), dtype=x.dtype)
    return apply([ar.neg, abs_, stop_gradient][kind - 2], (x,))


def _binary(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    y = _other(rng, x, nodes)
    pair = (x, y) if rng.integers(2) else (y, x)
    kind = rng.integers(7)
    if kind < 5:
        return apply([ar.add, ar.sub, ar.mul, maximum, minimum][kind], pair)
    if kind == 5:
        return ar.div(x, float(rng.choice([1.0, -1.0, 2.0, 0.25])))
    condition = greater(x, 0.0)
    return where(logical_not(condition) if rng.integers(2) else condition, *pair)


def _split(rng: np.random.Generator, n: int) -> tuple[int, ...]:
    factors = [k for k in (1, 2, 3) if k and n % k == 0]
    k = int(rng.choice(factors))
    return (k, n // k)


def _reshape(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    shape = list(x.shape)
    for _ in range(rng.integers(1, 3)):
        kind = rng.integers(4)
        if kind == 0 and len(shape) < 5:
            shape.insert(rng.integers(len(shape) + 1), 1)
        elif kind == 1 and len(shape) > 1:
            at = rng.integers(len(shape) - 1)
            shape[at : at + 2] = [shape[at] * shape[at + 1]]
        elif kind == 2 and shape and len(shape) < 5:
            at = rng.integers(len(shape))
            shape[at : at + 1] = _split(rng, shape[at])
        elif 1 in shape:
            shape.remove(1)
    return reshape_(x, shape=tuple(int(n) for n in shape))


def _permute(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    return permute_(x, axes=tuple(int(a) for a in rng.permutation(x.ndim)))


def _broadcast(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    shape = [int(rng.integers(1, 4)) if n == 1 else n for n in x.shape]
    if len(shape) < 4 and rng.integers(2):
        shape.insert(0, int(rng.integers(1, 3)))
    return broadcast_to(x, tuple(shape)) if product(tuple(shape)) < 500 else x


def _slice(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    bounds = []
    for n in x.shape:
        first, last = sorted(int(k) for k in rng.integers(0, n, 2)) if n else (0, -1)
        step = int(rng.choice([1, 1, 2]))
        bounds.append((first, last + 1, step) if rng.integers(4) else (last, first - 1, -step))
    start, stop, step = zip(*bounds, strict=True) if bounds else ((), (), ())
    return slice_(x, start=start, stop=stop, step=step)


def _flip(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    return flip(x, tuple(axis for axis in range(x.ndim) if rng.integers(2)))


def _pad(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    low, high = (tuple(int(k) for k in rng.integers(0, 3, x.ndim)) for _ in range(2))
    if rng.integers(4) == 0 and all(n > 2 for n in x.shape):
        low = tuple(-1 for _ in low)
    gap = tuple(int(rng.integers(6) == 0) for _ in low)
    found = pad(x, float(rng.choice([0.0, 1.0])), low=low, high=high, interior=gap)
    return found if found.type.size < 500 else x


def _join(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    if not x.ndim or x.type.size > 200:
        return x
    axis = int(rng.integers(x.ndim))
    n = x.shape[axis]
    if rng.integers(2) and n > 1:  # parts of one array, in order
        cut = int(rng.integers(1, n))
        cuts = [(0, cut), (cut, n)]
        parts = []
        for a, b in cuts:
            start = tuple(a if k == axis else 0 for k in range(x.ndim))
            stop = tuple(b if k == axis else m for k, m in enumerate(x.shape))
            parts.append(slice_(x, start=start, stop=stop, step=(1,) * x.ndim))
        if rng.integers(2):
            return concatenate(*parts, axis=axis)
        low = tuple(cut if k == axis else 0 for k in range(x.ndim))
        high = tuple(n - cut if k == axis else 0 for k in range(x.ndim))
        none = (0,) * x.ndim
        left = pad(parts[0], 0.0, low=none, high=high, interior=none)
        return ar.add(left, pad(parts[1], 0.0, low=low, high=none, interior=none))
    return concatenate(x, ar.neg(x), axis=axis)


def _extreme(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    axes = tuple(axis for axis in range(x.ndim) if rng.integers(2) and x.shape[axis])
    return max_(x, axes=axes, keepdims=bool(rng.integers(2)))


def _take(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    if not x.ndim or not x.type.size:
        return x
    axis = x.ndim - 1
    places = rng.integers(-x.shape[-1], x.shape[-1], (*x.shape[:-1], 1))
    return take_along_axis(x, array(places), axis)


def _sum(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x = _pick(rng, nodes)
    axes = tuple(axis for axis in range(x.ndim) if rng.integers(2))
    return sum_(x, axes=axes, keepdims=bool(rng.integers(2)))


def _contract(rng: np.random.Generator, nodes: list[Node]) -> Node:
    x, y = _pick(rng, nodes), _pick(rng, nodes)
    pairs = [(i, j) for i, n in enumerate(x.shape) for j, m in enumerate(y.shape) if n == m]
    if not pairs or x.type.size * y.type.size > 2000:
        return x
    i, j = pairs[rng.integers(len(pairs))]
    found = tensordot(x, y, ([i], [j])) if rng.integers(4) else tensordot(x, y, 0)
    return found if found.ndim < 5 else x


def _product(rng: np.random.Generator, nodes: list[Node]) -> Node:
    """A matrix product that is written with broadcasting."""
    x = _pick(rng, nodes)
    if x.ndim != 2:
        return x
    y = permute(x, (1, 0))
    z = ar.mul(reshape(x, (*x.shape, 1)), reshape(y, (1, *y.shape)))
    return sum_(z, axes=(1,), keepdims=False)


ELEMENTS: tuple[Step, ...] = (
    *(_unary, _binary, _binary, _binary, _reshape, _reshape, _permute, _permute),
    *(_broadcast, _broadcast, _slice, _flip, _pad, _join, _extreme, _take),
)
"""Steps in which every element is determined to the last bit."""

EVERYTHING: tuple[Step, ...] = (*ELEMENTS, _sum, _sum, _contract, _contract, _product)


def random_graph(seed: int, steps: tuple[Step, ...], size: int = 14) -> Graph:
    """A graph of ``size`` random steps; its last few nodes are its outputs."""
    rng = np.random.default_rng(seed)
    shapes = [(2, 3), (3,), (2, 1, 3), (), (6,), (1, 2)]
    inputs = [hole(*shapes[k]) for k in rng.permutation(len(shapes))[:3]]
    nodes: list[Node] = list(inputs)
    for _ in range(size):
        nodes.append(steps[rng.integers(len(steps))](rng, nodes))
    return Graph(inputs, nodes[-4:])
