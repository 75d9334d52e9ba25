"""What remains of the derivatives of networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.graph import Graph
from chainrule.core.tree import flatten
from chainrule.lift import as_node
from chainrule.rewrite.simplify import EXACT, NATIVE, simplify

RNG = np.random.default_rng(7)
LABELS = cr.tensor(RNG.integers(-4, 4, 6))


def numbers(*shape: int) -> Any:
    return cr.tensor(RNG.normal(size=shape))


def layer_norm(x: Any, gain: Any) -> Any:
    centred = x - cr.mean(x, axis=-1, keepdims=True)
    return centred / cr.sqrt(cr.mean(centred**2, axis=-1, keepdims=True) + 1e-5) * gain


def cross_entropy(z: Any, labels: Any) -> Any:
    picked = cr.take_along_axis(cr.log_softmax(z, axis=-1), labels.reshape((6, 1)), axis=-1)
    return -cr.mean(picked)


def perceptron(w: Any, x: Any, labels: Any) -> Any:
    h = cr.relu(x @ w["first"].T + w["bias"])
    return cross_entropy(h @ w["second"].T, labels)


def attention(w: Any, x: Any) -> Any:
    heads = lambda u: cr.permute_dims(u.reshape((2, 5, 2, 3)), (0, 2, 1, 3))
    h = layer_norm(x, w["gain"])
    q, k, v = (heads(h @ w[name]) for name in ("q", "k", "v"))
    scores = cr.where(np.tri(5) > 0, q @ cr.matrix_transpose(k) / 2.0, -1e9)
    y = cr.softmax(scores, axis=-1) @ v
    return cr.sum((x + cr.permute_dims(y, (0, 2, 1, 3)).reshape((2, 5, 6))) ** 2)


def pooled(w: Any, x: Any) -> Any:
    h = cr.relu(cr.conv(x, w, padding="same"))
    return cr.sum(cr.max(h.reshape((2, 3, 2, 2, 2, 2)), axis=(3, 5)) ** 2)


def rosenbrock(x: Any) -> Any:
    return cr.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


PERCEPTRON = {"first": numbers(5, 3), "bias": numbers(5), "second": numbers(4, 5)}
ATTENTION = {"gain": numbers(6), **{name: numbers(6, 6) for name in "qkv"}}

PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "perceptron": (
        cr.value_and_grad(perceptron),
        (PERCEPTRON, numbers(6, 3), LABELS),
        "permute scatter_add broadcast_to",
    ),
    "attention": (
        cr.value_and_grad(attention, argnums=(0, 1)),
        (ATTENTION, numbers(2, 5, 6)),
        "permute broadcast_to",
    ),
    "pooled": (
        cr.grad(pooled, argnums=(0, 1)),
        (numbers(3, 1, 3, 3), numbers(2, 1, 4, 4)),
        "broadcast_to",
    ),
    "hessian": (cr.hessian(rosenbrock), (numbers(7),), "permute broadcast_to"),
    "nested": (
        cr.grad(lambda z: cr.sum(cr.grad(cross_entropy)(z, LABELS) ** 2)),
        (numbers(6, 4),),
        "broadcast_to",
    ),
}


def traced(name: str) -> tuple[Graph, list[np.ndarray]]:
    f, args, _ = PROGRAMS[name]
    return cr.trace(f, *args).graph, [np.asarray(as_node(x).value) for x in flatten(args)[0]]


@pytest.mark.parametrize("rules", [EXACT, NATIVE], ids=["exact", "native"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_stay(name: str, rules: Any) -> None:
    graph, values = traced(name)
    simplified, _ = simplify(graph, rules)
    for a, b in zip(graph.evaluate(values), simplified.evaluate(values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_cannot_be_fused_is_gone(name: str) -> None:
    simplified, _ = simplify(traced(name)[0])
    assert not {node.primitive.name for node in simplified.nodes} & {*PROGRAMS[name][2].split()}


def test_a_label_out_of_range_is_still_an_error() -> None:
    graph, values = traced("perceptron")
    simplified, _ = simplify(graph)
    values[-1] = np.array([0, 1, 2, 3, 4, 0])
    for each in (graph, simplified):
        with pytest.raises(cr.IndexingError, match="index 4"):
            each.evaluate(values)


def test_a_scatter_that_nobody_checks_stays() -> None:
    graph = cr.trace(cr.grad(cross_entropy), numbers(6, 4), LABELS).graph
    simplified, _ = simplify(graph)
    names = [node.primitive.name for node in simplified.nodes]
    assert "scatter_add" in names and "gather" not in names
