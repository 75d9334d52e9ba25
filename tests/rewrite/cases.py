"""For each rule one graph to which it applies, and the primitives that remain afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chainrule.core.graph import Graph
from chainrule.core.node import Node, array, literal
from chainrule.ops import arithmetic as ar
from chainrule.ops.choice import maximum, where
from chainrule.ops.contract import contracted, matmul
from chainrule.ops.exponential import exp, stop_gradient
from chainrule.ops.index import gather, scatter_add, take_along_axis
from chainrule.ops.logic import logical_not
from chainrule.ops.parts import concatenate, flip_, pad, slice_
from chainrule.ops.reduce import logsumexp, max_, sum_
from chainrule.ops.shape import broadcast_to, cast, permute_, reshape_
from tests.rewrite.graphs import F32, F64, hole


@dataclass(frozen=True)
class Case:
    """``build(*inputs)`` is a graph to which ``rule`` applies; ``left`` are the primitives of it.

    ``left`` lists them sources first, leaves left out.
    """

    rule: str
    inputs: tuple[Node, ...]
    build: Callable[..., Node | tuple[Node, ...]]
    left: str

    @property
    def graph(self) -> Graph:
        outputs = self.build(*self.inputs)
        return Graph(self.inputs, outputs if isinstance(outputs, tuple) else (outputs,))


def c(value: float, dtype: np.dtype = F64) -> Node:
    return literal(value, dtype)


def margins(low: tuple[int, ...], high: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"low": low, "high": high, "interior": (0,) * len(low)}


def part(x: Node, *bounds: tuple[int, int]) -> Node:
    start, stop = zip(*bounds, strict=True)
    return slice_(x, start=start, stop=stop, step=(1,) * x.ndim)


def sums(x: Node, *axes: int, keepdims: bool = False) -> Node:
    return sum_(x, axes=axes, keepdims=keepdims)


v, w, m, t = hole(3), hole(3), hole(2, 3), hole(2, 3, 4)
f, b, k = hole(3, dtype="float32"), hole(3, dtype="bool"), hole(2, dtype="int64")
big = hole(5, 50)


def _picked(x: Node, labels: Node) -> Node:
    return take_along_axis(x, reshape_(labels, shape=(2, 1)), axis=1)


def _picked_and_pulled(x: Node, labels: Node) -> tuple[Node, Node]:
    """A gather as in cross-entropy, and the transpose of it."""
    column = reshape_(labels, shape=(2, 1))
    rows = array(np.arange(2).reshape(2, 1))
    ones = array(np.ones((2, 1)))
    return (
        gather(x, rows, column, axes=(0, 1)),
        scatter_add(ones, rows, column, shape=(2, 3), axes=(0, 1)),
    )


def _one_hot(x: Node, labels: Node) -> tuple[Node, Node]:
    gathered, scattered = _picked_and_pulled(x, labels)
    return gathered, sums(scattered, 1)


ALGEBRA = [
    Case("identity", (v,), lambda x: exp(stop_gradient(x)), "exp"),
    Case("cast_to_own_dtype", (v,), lambda x: exp(cast(x, dtype=F64)), "exp"),
    Case("cast_twice", (f,), lambda x: exp(cast(cast(x, dtype=F64), dtype=F32)), "exp"),
    Case("implicit_broadcast", (v, m), lambda x, y: broadcast_to(x, (2, 3)) * y, "mul"),
    Case("implicit_broadcast", (v,), lambda x: exp(broadcast_to(x, (2, 3))), "exp broadcast_to"),
    Case("implicit_broadcast", (v,), lambda x: x * array(np.full(3, 7.0)), "mul"),
    Case("implicit_ones", (v, m), lambda x, y: reshape_(x, shape=(1, 3)) * y, "mul"),
    Case("literal_last", (v,), lambda x: (2.0 * x, x * 2.0), "mul"),
    Case("times_one", (v,), lambda x: exp(x * 1.0), "exp"),
    Case("multiple_of_multiple", (v,), lambda x: (x * 3.0) * 2.0, "mul"),
    Case("product_of_multiples", (v, w), lambda x, y: (x * 3.0) * (y * 5.0), "mul mul"),
    Case(
        "product_of_multiples",
        (v, t),
        lambda x, y: reshape_(x, shape=(3, 1)) * (y * 3.0),
        "reshape mul mul",
    ),
    Case("times_minus_one", (v,), lambda x: x * -1.0, "neg"),
    Case("over_one", (v,), lambda x: exp(x / 1.0), "exp"),
    Case("over_power_of_two", (v,), lambda x: x / 8.0, "mul"),
    Case("plus_negative_zero", (v,), lambda x: exp(x + c(-0.0)), "exp"),
    Case("minus_zero", (v,), lambda x: exp(x - 0.0), "exp"),
    Case("first_power", (v,), lambda x: exp(ar.integer_pow(x, n=1)), "exp"),
    Case("negated_twice", (v,), lambda x: exp(-(-x)), "exp"),
    Case("sum_with_negative", (v, w), lambda x, y: x + (-y), "sub"),
    Case("sum_with_negative", (v, w), lambda x, y: (-x) + y, "sub"),
    Case("sum_with_negative", (v, w), lambda x, y: x - (-y), "add"),
    Case("signs_of_factors", (v, w), lambda x, y: (-x) * (-y), "mul"),
    Case("signs_of_factors", (v,), lambda x: (-x) / 3.0, "div"),
    Case("negative_of_multiple", (v,), lambda x: -(x * 3.0), "mul"),
    Case("settled_choice", (b, v), lambda p, x: exp(where(p, x, x)), "exp"),
    Case("settled_choice", (v,), lambda x: exp(where(c(True, np.dtype(bool)), x, c(0.0))), "exp"),
    Case("opposite_choice", (b, v, w), lambda p, x, y: where(logical_not(p), x, y), "where"),
    Case("denied_twice", (b,), lambda p: logical_not(logical_not(logical_not(p))), "logical_not"),
    Case("function_of_choice", (b,), lambda p: exp(where(p, c(1.0), c(0.0))), "where"),
    Case("idempotence", (v,), lambda x: exp(maximum(x, x)), "exp"),
]

LAYOUT = [
    Case(
        "reshape_twice",
        (m,),
        lambda x: reshape_(reshape_(x, shape=(6,)), shape=(3, 2)),
        "reshape",
    ),
    Case(
        "reshape_of_broadcast",
        (m,),
        lambda x: reshape_(broadcast_to(x, (4, 2, 3)), shape=(2, 2, 6)),
        "reshape broadcast_to",
    ),
    Case(
        "reshape_of_reduction",
        (m,),
        lambda x: reshape_(logsumexp(x, axes=(1,), keepdims=False), shape=(2, 1)),
        "logsumexp",
    ),
    Case(
        "reshape_of_function",
        (m,),
        lambda x: reshape_(2.0 * sums(x, 1), shape=(2, 1)),
        "sum mul",
    ),
    Case(
        "permute_twice",
        (t,),
        lambda x: permute_(permute_(x, axes=(1, 2, 0)), axes=(1, 2, 0)),
        "permute",
    ),
    Case(
        "permute_of_ones",
        (hole(1, 3),),
        lambda x: permute_(x, axes=(1, 0)),
        "reshape",
    ),
    Case(
        "permute_of_reshape",
        (m,),
        lambda x: permute_(reshape_(x, shape=(2, 1, 3)), axes=(2, 0, 1)),
        "permute reshape",
    ),
    Case(
        "permute_of_broadcast",
        (m,),
        lambda x: permute_(broadcast_to(x, (4, 2, 3)), axes=(2, 0, 1)),
        "permute reshape broadcast_to",
    ),
    Case(
        "permute_of_function",
        (v,),
        lambda x: permute_(array(np.arange(6.0).reshape(2, 3)) * x, axes=(1, 0)),
        "reshape mul",
    ),
    Case(
        "permute_of_function",
        (v, w),
        lambda x, y: permute_(
            pad(exp(reshape_(x, shape=(3, 1)) * y), 0.0, **margins((1, 0), (0, 0))), axes=(1, 0)
        ),
        "reshape mul exp pad",
    ),
    Case(
        "broadcast_twice",
        (v,),
        lambda x: broadcast_to(broadcast_to(x, (2, 3)), (4, 2, 3)),
        "broadcast_to",
    ),
    Case("broadcast_that_repeats_nothing", (v,), lambda x: broadcast_to(x, (1, 3)), "reshape"),
    Case(
        "broadcast_of_leading_ones",
        (v,),
        lambda x: broadcast_to(reshape_(x, shape=(1, 3)), (2, 3)),
        "broadcast_to",
    ),
    Case("sum_over_ones", (hole(1, 3),), lambda x: sums(x, 0, 1), "sum reshape"),
    Case(
        "extreme_over_ones",
        (hole(1, 3),),
        lambda x: max_(x, axes=(0,), keepdims=False),
        "reshape",
    ),
    Case("sum_of_sum", (t,), lambda x: sums(sums(x, 0, keepdims=True), 0, 2), "sum"),
    Case("sum_of_broadcast", (v,), lambda x: sums(broadcast_to(x, (2, 3)), 0, 1), "sum mul"),
    Case("sum_of_reshape", (t,), lambda x: sums(reshape_(x, shape=(6, 4)), 0), "sum"),
    Case("sum_of_negatives", (m,), lambda x: sums(-x, 0), "sum neg"),
    Case(
        "extreme_of_permute",
        (t,),
        lambda x: max_(permute_(x, axes=(2, 1, 0)), axes=(2,), keepdims=False),
        "max permute",
    ),
    Case("sum_of_permute", (t,), lambda x: sums(permute_(x, axes=(1, 2, 0)), 0), "sum permute"),
]

PARTS = [
    Case("slice_of_all", (m,), lambda x: exp(part(x, (0, 2), (0, 3))), "exp"),
    Case("slice_twice", (big,), lambda x: part(part(x, (1, 4), (5, 45)), (1, 2), (0, 9)), "slice"),
    Case(
        "slice_of_broadcast",
        (v,),
        lambda x: part(broadcast_to(x, (4, 3)), (1, 3), (1, 3)),
        "slice broadcast_to",
    ),
    Case(
        "slice_of_pad",
        (big,),
        lambda x: part(pad(x, 0.0, **margins((1, 2), (3, 4))), (2, 5), (4, 20)),
        "slice",
    ),
    Case(
        "slice_of_concatenation",
        (m,),
        lambda x: part(concatenate(exp(x), x, axis=1), (0, 2), (3, 5)),
        "slice",
    ),
    Case("flip_twice", (m,), lambda x: flip_(flip_(x, axes=(0, 1)), axes=(1,)), "flip"),
    Case(
        "flip_of_broadcast",
        (v,),
        lambda x: flip_(broadcast_to(x, (2, 3)), axes=(0, 1)),
        "flip broadcast_to",
    ),
    Case("pad_by_nothing", (m,), lambda x: exp(pad(x, 0.0, **margins((0, 0), (0, 0)))), "exp"),
    Case("pad_that_cuts", (big,), lambda x: pad(x, 0.0, **margins((-1, 0), (0, -2))), "slice"),
    Case(
        "pad_twice",
        (v,),
        lambda x: pad(pad(x, 0.0, **margins((1,), (2,))), 0.0, **margins((3,), (0,))),
        "pad",
    ),
    Case(
        "permute_of_pad",
        (m,),
        lambda x: permute_(pad(x, 0.0, **margins((1, 0), (0, 2))), axes=(1, 0)),
        "permute pad",
    ),
    Case("concatenation_of_few", (m,), lambda x: exp(concatenate(x, axis=0)), "exp"),
    Case(
        "concatenation_of_neighbours",
        (big,),
        lambda x: concatenate(part(x, (0, 2), (0, 50)), part(x, (2, 3), (0, 50)), axis=0),
        "slice",
    ),
    Case(
        "sum_of_disjoint_pads",
        (v, w),
        lambda x, y: pad(x, 0.0, **margins((3,), (0,))) + pad(y, 0.0, **margins((0,), (3,))),
        "concatenate",
    ),
]

CONTRACTION = [
    Case(
        "contraction_of_permute",
        (m, hole(4, 3)),
        lambda x, y: matmul(x, permute_(y, axes=(1, 0))),
        "contract",
    ),
    Case(
        "permute_of_contraction",
        (m, hole(3, 4)),
        lambda x, y: permute_(matmul(x, y), axes=(1, 0)),
        "contract",
    ),
    Case(
        "contraction_over_ones",
        (hole(1, 3), hole(3, 4)),
        matmul,
        "reshape contract reshape",
    ),
    Case(
        "product_without_sum",
        (v, w),
        lambda x, y: contracted(x, (0,), y, (1,), (0, 1)),
        "reshape mul",
    ),
    Case(
        "contraction_of_broadcast",
        (v, hole(3, 4)),
        lambda x, y: matmul(broadcast_to(x, (2, 3)), y),
        "contract broadcast_to",
    ),
    Case(
        "contraction_of_broadcast",
        (m,),
        lambda x: matmul(x, array(np.broadcast_to(0.25, (3, 4)))),
        "sum mul broadcast_to",
    ),
    Case(
        "sum_of_contraction",
        (m, hole(3, 4)),
        lambda x, y: sums(matmul(x, y), 0),
        "sum contract",
    ),
    Case(
        "sum_of_products",
        (m, hole(3, 4)),
        lambda x, y: sums(reshape_(x, shape=(2, 3, 1)) * reshape_(y, shape=(1, 3, 4)), 1),
        "contract",
    ),
]

INDEXING = [
    Case(
        "gather_of_all",
        (m,),
        lambda x: exp(gather(x, array(np.arange(3)), axes=(1,))),
        "permute exp",
    ),
    Case("gather_of_function", (m, k), lambda x, y: _picked(exp(x), y), "reshape gather exp"),
    Case(
        "one_place_per_row",
        (m, k),
        _picked_and_pulled,
        "reshape less add where equal where gather",
    ),
    Case("sum_of_one_per_row", (m, k), _one_hot, "reshape gather"),
]

APPROXIMATE = [Case("quotient_by_few", (t, hole(3, 1)), lambda x, y: x / y, "integer_pow mul")]

CASES = [*ALGEBRA, *LAYOUT, *PARTS, *CONTRACTION, *INDEXING, *APPROXIMATE]
