"""A fuzz case: a small program as data, so that it can be printed, shrunk and kept as a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.graph import Graph
from chainrule.core.node import Node, apply, array, input_node, literal
from chainrule.core.types import array_type
from chainrule.lift import as_node
from chainrule.ops.table import PRIMITIVES
from chainrule.tensor import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Leaf:
    """An argument.

    Attributes:
        style: what its values are like, see `numbers`.
        layout: how it lies in memory, see `laid_out`.
    """

    shape: Shape
    dtype: str
    style: str = "normal"
    layout: str = "C"


@dataclass(frozen=True)
class Step:
    """An operation on earlier values: arguments come first in the count, then steps.

    ``op`` is a primitive; or "constant" (shape, dtype, style, seed), "literal" (value, dtype),
    "count" (n, ndim, axis); or a name in `COMPOSITES`. The calls (scan, cond, checkpoint) carry
    `Body`s instead of graphs, "while" is bounded (see `_while`), and "item" takes results of calls.
    """

    op: str
    sources: tuple[int, ...] = ()
    argument: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Body:
    """A graph: ``inputs`` are (shape, dtype), ``outputs`` numbers of values."""

    inputs: tuple[tuple[Shape, str], ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A program and how it is run.

    Attributes:
        transform: "value", "grad", "value_and_grad", "jvp", "hvp" or "vmap".
        donate: arguments that may be overwritten.
        threads: how many threads run it.
        machine: "host", or the processor in `MACHINES` whose instructions are used.
        memory: whether it is also run with less memory than it wants.
        small: whether the sizes from which work is cut into pieces are tiny, so that it is.
        seed: of the values.
    """

    leaves: tuple[Leaf, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    transform: str = "value"
    donate: tuple[int, ...] = ()
    threads: int = 1
    machine: str = "host"
    memory: bool = False
    small: bool = False
    seed: int = 0


# -- values ----------------------------------------------------------------------------------------


def numbers(shape: Shape, dtype: str, style: str, seed: int) -> np.ndarray:
    """Random values: "normal", "positive", "unit" (0 to 1), "whole" (few different ones),
    "special" (also NaN, ±inf, -0.0, tiny and huge ones), "low,high" (integers in a range)."""
    rng = np.random.default_rng([seed, sum(map(ord, dtype))])
    if "," in style:
        low, high = map(int, style.split(","))
        return rng.integers(low, high, shape).astype(dtype)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.integers(0, 2, shape), bool)
    if kind in "iu":
        limits = np.iinfo(dtype)
        low = max(int(limits.min), -9)
        if style == "special":
            return np.asarray(rng.integers(limits.min, limits.max, shape, dtype, endpoint=True))
        return np.asarray(rng.integers(low, 10, shape, dtype))
    x = rng.normal(size=shape)
    if style == "positive":
        x = np.abs(x) + 0.1
    elif style == "unit":
        x = rng.uniform(0.02, 0.98, size=shape)
    elif style == "whole":
        x = np.round(2 * x)
    elif style == "special":
        tiny, huge = float(np.finfo(dtype).smallest_normal), float(np.finfo(dtype).max)
        strange = [np.nan, np.inf, -np.inf, -0.0, 0.0, tiny, -tiny / 4, huge / 2, -huge, 1.0]
        chosen = rng.choice(np.array(strange), size=shape)
        x = np.where(rng.random(shape) < 0.2, chosen, x)
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(dtype)


def laid_out(value: np.ndarray, layout: str) -> np.ndarray:
    """The same values in memory as "C", "F", "step" (every second element), "back" (negative
    strides), "off" (misaligned), "read" (read-only) or "all" (one element repeated)."""
    if layout == "F":
        return np.asfortranarray(value)
    if layout == "step" and value.ndim:
        wide = np.repeat(value, 2, axis=-1)
        return wide[..., ::2]
    if layout == "back" and value.ndim:
        return np.flip(np.ascontiguousarray(np.flip(value)))
    if layout == "off":
        raw = np.zeros(value.nbytes + 1, np.uint8)
        moved = raw[1 : 1 + value.nbytes].view(value.dtype).reshape(value.shape)
        moved[...] = value
        return moved
    if layout == "all" and value.size:
        return np.broadcast_to(value.reshape(-1)[0], value.shape)
    value = np.array(value, order="C")
    if layout == "read":
        value.flags.writeable = False
    return value


def arguments(case: Case) -> list[np.ndarray]:
    """Fresh arguments: the same values in every call."""
    found = []
    for number, leaf in enumerate(case.leaves):
        shape = (3, *leaf.shape) if case.transform == "vmap" else leaf.shape
        value = numbers(shape, leaf.dtype, leaf.style, case.seed + 1000 * number)
        found.append(laid_out(value, leaf.layout))
    return found


# -- operations ------------------------------------------------------------------------------------


def _layer_norm(x: Tensor) -> Tensor:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / cr.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5)


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return cr.softmax(q @ cr.swapaxes(k, -1, -2) * 0.3, axis=-1) @ v


def _adam(p: Tensor, g: Tensor, m: Tensor, v: Tensor) -> Tensor:
    m = 0.9 * m + 0.1 * g
    v = 0.99 * v * v + 0.01 * g * g
    return p - 0.01 * m / (cr.sqrt(v) + 1e-3)


def _cross_entropy(x: Tensor, labels: Tensor) -> Tensor:
    return cr.nn.cross_entropy(x, labels)


def _solve(a: Tensor, b: Tensor) -> Tensor:
    n = a.shape[-1]
    return cr.linalg.solve(a + 8.0 * cr.eye(n, dtype=a.dtype), b)


def _max_pool(x: Tensor) -> Tensor:
    h, w = x.shape[-2] // 2, x.shape[-1] // 2
    cut = x[..., : 2 * h, : 2 * w]
    return cut.reshape(*x.shape[:-2], h, 2, w, 2).max(axis=(-3, -1))


def _assigned(x: Tensor, updates: Tensor) -> Tensor:
    x = Tensor(x.node)
    x[..., 1:3] = updates
    return x


COMPOSITES: dict[str, Callable[..., Any]] = {
    "softmax": lambda x, axis: cr.softmax(x, axis=axis),
    "log_softmax": lambda x, axis: cr.log_softmax(x, axis=axis),
    "layer_norm": _layer_norm,
    "variance": lambda x, axis: x.var(axis=axis),
    "attention": _attention,
    "adam": _adam,
    "cross_entropy": _cross_entropy,
    "solve": _solve,
    "max_pool": _max_pool,
    "assign": _assigned,
    "gelu": lambda x: cr.gelu(x),
    "norm": lambda x: cr.sqrt((x * x).sum()),
    "roll": lambda x, places, axis: cr.roll(x, places, axis=axis),
    "take_along_axis": lambda x, i, axis: cr.take_along_axis(x, i, axis=axis),
    "nested_grad": lambda x: cr.grad(lambda u: cr.sum(cr.sin(u) * u * u))(x),
    "straight_through": lambda x: x + cr.stop_gradient(cr.round(x) - x),
}


def graph_of(body: Body) -> Graph:
    holes = [input_node(array_type(shape, np.dtype(dtype))) for shape, dtype in body.inputs]
    values = run_steps(body.steps, holes)
    return Graph(holes, [values[i] for i in body.outputs])


def _while(sources: Sequence[Node], argument: tuple[Any, ...]) -> Node:
    """The body, repeated as often as the first source says, at most five times."""
    (body,) = argument
    times, *state = sources
    inner = graph_of(body)
    limit, i, j = (input_node(times.type) for _ in range(3))
    holes = [input_node(node.type) for node in inner.inputs]
    one = literal(1, times.dtype)
    least = apply(PRIMITIVES["minimum"], (limit, literal(5, times.dtype)))
    test = Graph((limit, i, *holes), [apply(PRIMITIVES["less"], (i, least))])
    after = [apply(PRIMITIVES["add"], (j, one)), *inner(*holes)]
    step = Graph((j, *holes), after)
    start = literal(0, times.dtype)
    return apply(PRIMITIVES["while"], (times, start, *state), (test, step, 1, 0))


def run_step(step: Step, values: Sequence[Node]) -> Node:
    sources = tuple(values[i] for i in step.sources)
    argument = step.argument
    if step.op == "constant":
        return array(numbers(*argument))
    if step.op == "literal":
        return literal(argument[0], array_type((), np.dtype(argument[1])).dtype)
    if step.op == "count":
        n, ndim, axis = argument
        return array(np.arange(n).reshape([n if a == axis else 1 for a in range(ndim)]))
    if step.op in COMPOSITES:
        return as_node(COMPOSITES[step.op](*map(Tensor, sources), *argument))
    if step.op == "while":
        return _while(sources, argument)
    if step.op == "cast":
        argument = (array_type((), np.dtype(argument[0])).dtype,)
    argument = tuple(graph_of(a) if isinstance(a, Body) else a for a in argument)
    return apply(PRIMITIVES[step.op], sources, argument)


def run_steps(steps: Sequence[Step], inputs: Sequence[Node]) -> list[Node]:
    values = list(inputs)
    for step in steps:
        values.append(run_step(step, values))
    return values


def function(case: Case) -> Callable[..., Any]:
    """The program as a Python function of its arguments."""

    def program(*args: Any) -> tuple[Tensor, ...]:
        values = run_steps(case.steps, [as_node(x) for x in args])
        return tuple(Tensor(values[i]) for i in case.outputs)

    def loss(*args: Any) -> Tensor:
        total: Any = 0.0
        for place, y in enumerate(program(*args)):
            if y.dtype.kind == "f":
                weights = np.cos(np.arange(y.size) + 2.0 * place + 0.3).reshape(y.shape)
                total = total + (y * weights.astype(y.dtype)).sum().astype("float64")
        return total

    floats = [i for i, leaf in enumerate(case.leaves) if np.dtype(leaf.dtype).kind == "f"]
    if case.transform == "vmap":
        return cr.vmap(program)
    if case.transform == "grad":
        return cr.grad(loss, argnums=tuple(floats))
    if case.transform == "value_and_grad":
        return cr.value_and_grad(loss, argnums=tuple(floats))
    if case.transform in ("jvp", "hvp"):

        def moved(*args: Any) -> Any:
            def of_floats(*some: Any) -> Any:
                given = list(args)
                for i, x in zip(floats, some, strict=True):
                    given[i] = x
                return loss(*given)

            primals = tuple(args[i] for i in floats)
            tangents = tuple(cr.cos(x) for x in primals)
            if case.transform == "jvp":
                return cr.jvp(of_floats, primals, tangents)
            return cr.jvp(cr.grad(of_floats, argnums=tuple(range(len(floats)))), primals, tangents)

        return moved
    return program
