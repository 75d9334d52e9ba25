"""Laws of scans and other calls, on programs and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.core.tree import flatten
from chainrule.lift import as_node
from chainrule.ops.branch import cond
from chainrule.ops.calls import call
from chainrule.ops.contract import contract
from chainrule.ops.exponential import exp
from chainrule.ops.record import Call
from chainrule.ops.reduce import sum_
from chainrule.ops.scan import scan
from chainrule.ops.trigonometric import sin
from chainrule.rewrite.engine import Log, Scheme
from chainrule.rewrite.simplify import EXACT, NATIVE, simplify
from tests.rewrite.graphs import hole, same_bits

SCHEMES = {rule.name: rule for rule in NATIVE if isinstance(rule, Scheme)}

T, B, D, H = 5, 2, 3, 4


def numbers(*shape: int, seed: int = 0) -> Any:
    return cr.tensor(np.random.default_rng(seed).normal(size=shape))


def traced(f: Callable[..., Any], *args: Any) -> tuple[Graph, list[np.ndarray]]:
    values = [np.asarray(as_node(leaf).value) for leaf in flatten(args)[0]]
    return cr.trace(f, *args).graph, values


def calls(graph: Graph, primitive: Any) -> list[Node]:
    return [node for node in graph.nodes if node.primitive is primitive]


def names(graph: Graph) -> list[str]:
    return [node.primitive.name for node in graph.nodes if node.sources]


def assert_same(graph: Graph, new: Graph, values: list[np.ndarray]) -> None:
    for a, b in zip(graph.evaluate(values), new.evaluate(values), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


# -- programs --------------------------------------------------------------------------------------


def _rnn(w: Any, x: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = cr.tanh(x @ w["x"] + h @ w["h"] + w["b"])
        return h, h

    last, every = cr.scan(step, cr.zeros((B, H)), x)
    return cr.sum(last**2) + cr.mean(every)


W = {"x": numbers(D, H), "h": numbers(H, H, seed=1), "b": numbers(H, seed=2)}
X = numbers(T, B, D, seed=3)


def _twice(w: Any, x: Any) -> Any:
    """A weight that is used twice in a step."""
    step = lambda h, x: (cr.sin((x @ w) @ w + h @ w), h)
    return cr.sum(cr.scan(step, cr.ones((B, D)), x)[0])


def _backwards(w: Any, x: Any) -> Any:
    step = lambda h, x: (cr.tanh(h @ w + x), cr.sum(h))
    last, sums = cr.scan(step, cr.zeros((B, D)), x, reverse=True)
    return cr.sum(last) + cr.sum(sums)


def _gated(w: Any, x: Any) -> Any:
    """A long short-term memory, whose gates are parts of one product."""

    def step(state: Any, x: Any) -> Any:
        h, s = state
        f, i, g, o = cr.split(x @ w["x"] + h @ w["h"] + w["b"], 4, axis=-1)
        s = cr.sigmoid(f) * s + cr.sigmoid(i) * cr.tanh(g)
        h = cr.sigmoid(o) * cr.tanh(s)
        return (h, s), None

    state = (cr.zeros((B, 1)), cr.zeros((B, 1)))
    return cr.sum(cr.scan(step, state, x)[0][0] ** 2)


def _nested(w: Any, x: Any) -> Any:
    """A scan in the step of a scan."""
    inner = lambda h, _: (cr.tanh(h @ w), None)
    step = lambda h, x: (cr.scan(inner, h + x, length=2)[0], None)
    return cr.sum(cr.scan(step, cr.zeros((B, D)), x)[0])


def _single(w: Any, x: Any) -> Any:
    step = lambda h, x: (cr.tanh(h @ w + x), h * x)
    last, every = cr.scan(step, cr.ones((B, D)), x[:1])
    return cr.sum(last) + cr.sum(every**2)


def _branched(w: Any, x: Any) -> Any:
    step = lambda h, x: (cr.cond(cr.sum(x) > 0, lambda h: h @ w, lambda h: h - x, h), h)
    last, every = cr.scan(step, cr.ones((B, D)), x)
    return cr.sum(last) + cr.sum(every**2)


def _checkpointed(w: Any, x: Any) -> Any:
    step = cr.checkpoint(lambda h, x: cr.tanh(h @ w + x * 2.0))
    return cr.sum(cr.scan(lambda h, x: (step(h, x), None), cr.zeros((B, D)), x)[0])


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "rnn": (_rnn, (W, X)),
    "gated": (_gated, (W | {"h": numbers(1, H)}, X)),
    "twice": (_twice, (numbers(D, D), X)),
    "backwards": (_backwards, (numbers(D, D), X)),
    "nested": (_nested, (numbers(D, D), X)),
    "single": (_single, (numbers(D, D), X)),
    "branched": (_branched, (numbers(D, D), X)),
    "checkpointed": (_checkpointed, (numbers(D, D), X)),
}
TRANSFORMS: dict[str, Callable[..., Any]] = {
    "value": lambda f: f,
    "gradient": lambda f: cr.value_and_grad(f, argnums=(0, 1)),
    "hessian": lambda f: lambda w, x: cr.jvp(lambda w: cr.grad(f)(w, x), (w,), (w,)),
    "batch": lambda f: cr.vmap(cr.grad(f), in_axes=(None, 1)),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_keep_their_values(program: str, transform: str) -> None:
    f, args = PROGRAMS[program]
    if transform == "batch" and program not in ("rnn", "branched"):
        args = (args[0], cr.stack([args[1], args[1] + 1.0], axis=1))
    if transform == "batch" and program in ("rnn", "branched"):
        args = (args[0], cr.stack([args[1], args[1] - 1.0], axis=1))
    graph, values = traced(TRANSFORMS[transform](f), *args)
    simplified, _ = simplify(graph)
    assert_same(graph, simplified, values)
    exact, _ = simplify(graph, [rule for rule in EXACT if rule.name != "hoist_products"])
    for a, b in zip(graph.evaluate(values), exact.evaluate(values), strict=True):
        assert np.allclose(a, b, rtol=1e-14, atol=1e-15)


def test_every_scheme_is_used() -> None:
    used: set[str] = set()
    for f, args in PROGRAMS.values():
        graph, _ = traced(cr.value_and_grad(f, argnums=(0, 1)), *args)
        used |= {*simplify(graph)[1].counts}
    assert {*SCHEMES} - {"hoist_invariants"} <= used


# -- inlining --------------------------------------------------------------------------------------


def test_checkpoint_and_custom_gradient_are_inlined() -> None:
    @cr.custom_gradient
    def doubled(x: Any) -> Any:
        return 2.0 * x, lambda ct: ct * 2.0

    f = cr.checkpoint(lambda x: cr.sin(doubled(cr.exp(x))))
    graph, values = traced(cr.grad(lambda x: f(x) + x), 0.3)
    simplified, _ = simplify(graph)
    assert not any(isinstance(node.primitive, Call) for node in simplified.nodes)
    assert_same(graph, simplified, values)


def test_what_a_checkpoint_covers_is_recomputable() -> None:
    f = cr.checkpoint(lambda x: cr.sin(cr.exp(x)))
    graph, _ = traced(cr.value_and_grad(f), 0.3)
    simplified, log = simplify(graph)
    assert [node.primitive.name for node in log.recomputable] == ["exp"]
    assert log.recomputable < {*simplified.nodes}


def test_a_settled_cond_is_its_branch() -> None:
    graph, values = traced(
        lambda x: cr.cond(x > 0, lambda u: cr.cond(True, cr.sin, cr.cos, u), lambda u: -u, x), 1.0
    )
    simplified, _ = simplify(graph)
    (choice,) = calls(simplified, cond)
    assert names(choice.argument[0]) == ["sin"]
    assert_same(graph, simplified, values)


def test_a_scan_of_one_step_is_that_step() -> None:
    graph, values = traced(cr.value_and_grad(_single), numbers(D, D), X)
    simplified, _ = simplify(graph)
    assert calls(simplified, scan) == []
    assert_same(graph, simplified, values)


# -- joining and pruning ---------------------------------------------------------------------------


def test_a_gradient_runs_its_scan_once() -> None:
    graph, values = traced(cr.value_and_grad(_rnn), W, X)
    assert len(calls(graph, scan)) == 3
    simplified, _ = simplify(graph)
    assert len(calls(simplified, scan)) == 2
    assert_same(graph, simplified, values)


def test_unused_results_and_their_sources_are_dropped() -> None:
    def f(x: Any, y: Any) -> Any:
        step = lambda c, s: ((c[0] + s[0], c[1] * s[1]), (cr.exp(s[1]), c[0]))
        (total, _), (_, before) = cr.scan(step, (0.0, 1.0), (x, y))
        return total, before

    graph, values = traced(f, numbers(4), numbers(4))
    simplified, _ = simplify(graph)
    (loop,) = calls(simplified, scan)
    body, length, constants, carries, reverse = loop.argument
    assert (length, constants, carries, reverse) == (4, 0, 1, False)
    assert names(body) == ["add"] and len(body.outputs) == 2
    assert_same(graph, simplified, values)


def test_a_carry_that_stays_and_a_slice_that_is_emitted_are_known_outside() -> None:
    def f(x: Any, y: Any) -> Any:
        step = lambda c, s: ((c[0], c[1] + c[0] * s), (s, c[0]))
        return cr.scan(step, (y, 0.0), x)

    graph, values = traced(f, numbers(4), 2.0)
    simplified, _ = simplify(graph)
    (loop,) = calls(simplified, scan)
    body, _, constants, carries, _ = loop.argument
    assert (constants, carries, len(body.outputs)) == (1, 1, 1)
    assert_same(graph, simplified, values)


def test_a_scan_whose_results_are_all_known_disappears() -> None:
    graph, values = traced(lambda x: cr.scan(lambda c, s: (c, s), 1.0, x), numbers(4))
    simplified, _ = simplify(graph)
    assert calls(simplified, scan) == []
    assert_same(graph, simplified, values)


def test_sources_that_are_the_same_are_read_once() -> None:
    graph, values = traced(
        lambda x: cr.scan(lambda c, s: (c + s[0] * s[1], None), 0.0, (x, x))[0], numbers(4)
    )
    simplified, _ = simplify(graph)
    (loop,) = calls(simplified, scan)
    assert len(loop.argument[0].inputs) == 2
    assert_same(graph, simplified, values)


def test_unused_results_of_a_cond_are_dropped() -> None:
    def f(x: Any, y: Any) -> Any:
        return cr.cond(x > 0, lambda a, b: (a, cr.exp(b)), lambda a, b: (-a, b), x, y)[0]

    graph, values = traced(f, 1.0, 2.0)
    simplified, _ = simplify(graph)
    (choice,) = calls(simplified, cond)
    assert len(choice.sources) == 2 and names(choice.argument[0]) == []
    assert_same(graph, simplified, values)


# -- out of the loop -------------------------------------------------------------------------------


def test_invariants_are_computed_before_the_loop() -> None:
    w, c, s = hole(3), hole(), hole()
    body = Graph((w, c, s), (c * exp(sum_(w, axes=(0,), keepdims=False)) + s, sin(w)))
    sources = (hole(3), hole(), hole(4))
    graph = Graph(sources, call(scan, sources, (body, 4, 1, 1, False)))
    simplified, log = simplify(graph)
    assert log.counts["hoist_invariants"] == 1
    (loop,) = calls(simplified, scan)
    assert names(loop.argument[0]) == ["mul", "add"]
    assert "exp" in names(simplified) and "sin" in names(simplified)
    assert_same(graph, simplified, [np.arange(3.0), np.array(2.0), np.arange(4.0)])


def test_a_recurrent_step_multiplies_by_its_state_only() -> None:
    graph, values = traced(cr.grad(_rnn), W, X)
    simplified, _ = simplify(graph)
    forward, backward = calls(simplified, scan)
    assert [len(calls(node.argument[0], contract)) for node in (forward, backward)] == [1, 1]
    outside = {node.shape for node in calls(simplified, contract)}
    assert {(T, B, H), (D, H), (H, H)} <= outside
    assert "add" not in names(backward.argument[0])[-2:]
    assert backward.argument[3] == 1  # the state's cotangent; no sum is carried along
    assert_same(graph, simplified, values)


def test_efficient_products_stay_in_the_loop() -> None:
    many = 600
    x = numbers(3, many, 2)
    f = lambda w, x: cr.sum(cr.scan(lambda h, x: (cr.tanh(h @ w + x), None), x[0], x)[0])
    graph, values = traced(cr.grad(f), numbers(2, 2), x)
    simplified, log = simplify(graph)
    assert log.counts["sum_after_scan"] == 0
    assert_same(graph, simplified, values)


def test_large_products_stay_in_the_loop_where_they_would_need_memory_outside() -> None:
    def f(w: Any, x: Any) -> Any:
        step = lambda total, s: (total + cr.exp(w @ s) @ s.T, None)
        return cr.scan(step, cr.zeros((600, 60)), x)

    loops = []
    for length in (2, 20):  # the products of all steps fit into the room, or do not
        graph, values = traced(f, numbers(600, 60) / 600, numbers(length, 60, 200))
        simplified, _ = simplify(graph)
        assert_same(graph, simplified, values)
        loops += [len(calls(node.argument[0], contract)) for node in calls(simplified, scan)]
    assert loops == [0, 2]


def test_a_running_sum_that_is_read_stays() -> None:
    def f(w: Any, x: Any) -> Any:
        return cr.scan(lambda c, s: (c + s @ w, c), cr.zeros((B, H)), x)

    graph, values = traced(f, W["x"], X)
    simplified, log = simplify(graph, [SCHEMES["sum_after_scan"]])
    assert log.counts["sum_after_scan"] == 0
    assert_same(graph, simplified, values)


def test_a_sum_keeps_its_start_and_its_other_terms() -> None:
    def f(w: Any, x: Any, start: Any) -> Any:
        return cr.scan(lambda c, s: (c - s @ w + cr.exp(s[0, 0]), None), start, x)[0]

    graph, values = traced(f, W["x"], X, numbers(B, H))
    simplified, log = simplify(graph, [SCHEMES["sum_after_scan"]])
    assert log.counts["sum_after_scan"] == 1
    (loop,) = calls(simplified, scan)
    assert calls(loop.argument[0], contract) == []
    assert_same(graph, simplified, values)


def test_kept_values_that_follow_from_others_are_computed_again() -> None:
    step = lambda w: lambda h, x: (h * cr.tanh(h * w + x), None)
    f = lambda w, x: cr.sum(cr.scan(step(w), x[0], x)[0])
    graph, values = traced(cr.grad(f), numbers(3), numbers(4, 3))
    kept = lambda graph: len(calls(graph, scan)[0].argument[0].outputs)
    plain, _ = simplify(graph, [r for r in EXACT if r.name != "recompute_kept"])
    simplified, log = simplify(graph, EXACT)
    assert log.counts["recompute_kept"] == 1 and kept(simplified) < kept(plain)
    for a, b in zip(graph.evaluate(values), simplified.evaluate(values), strict=True):
        assert same_bits(a, b)


@pytest.mark.parametrize("length", [0, 1])
def test_short_scans(length: int) -> None:
    graph, values = traced(cr.value_and_grad(_rnn_of_any_length), W, numbers(length, B, D))
    simplified, _ = simplify(graph)
    assert_same(graph, simplified, values)


def _rnn_of_any_length(w: Any, x: Any) -> Any:
    step = lambda h, x: (cr.tanh(x @ w["x"] + h @ w["h"] + w["b"]), None)
    return cr.sum(cr.scan(step, cr.ones((B, H)), x)[0])


def test_a_scheme_alone_leaves_a_graph_without_calls_as_it_is() -> None:
    graph, _ = traced(lambda x: cr.sin(x) * 1.0, 1.0)
    for scheme in SCHEMES.values():
        assert scheme.function(graph, Log()).outputs == graph.outputs
