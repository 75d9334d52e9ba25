"""Sparse derivatives in full: a ground with few elements over it, the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.graph import Graph
from chainrule.core.node import Node, array, input_node
from chainrule.core.types import array_type
from chainrule.lower.llvm.machine import MACHINES
from chainrule.lower.llvm.plan.overlay import OVERLAY, overlaid
from chainrule.lower.llvm.program import write_program
from chainrule.lower.llvm.runtime.jit import compile_object
from chainrule.ops.arithmetic import add, mul
from chainrule.ops.choice import where
from chainrule.ops.parts import concatenate, pad, slice_
from chainrule.ops.shape import broadcast_to, permute, reshape
from chainrule.rewrite.simplify import simplify
from chainrule.tracing import trace
from tests.lower.programs import Native

Array = np.ndarray[Any, Any]


def _rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def _grid(x: Any) -> Any:
    """Neighbours in both directions."""
    return ((x[1:] - x[:-1]) ** 4).sum() + ((x[:, 1:] * x[:, :-1]) ** 2).sum()


def _far(x: Any) -> Any:
    """Pairs far apart, and squares."""
    half = x.shape[0] // 2
    return ((x[:half] * x[-half:]) ** 2).sum() + (x * x * x).sum()


def _groups(x: Any) -> Any:
    """Blocks of five."""
    return (x.reshape((-1, 5)).sum(axis=1) ** 4).sum()


SPARSE: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "band": (cr.hessian(_rosenbrock), (100,)),
    "odd band": (cr.hessian(_rosenbrock), (37,)),
    "grid": (cr.hessian(_grid), (7, 9)),
    "far": (cr.hessian(_far), (41,)),
    "blocks": (cr.hessian(_groups), (45,)),
    "Jacobian, lines across rows": (cr.jacobian(lambda x: x * x), (45,)),
    "Jacobian, forward": (cr.jacobian(lambda x: x[1:] * x[:-1], mode="forward"), (40,)),
    "Jacobian, reverse": (cr.jacobian(lambda x: x[1:] * x[:-1], mode="reverse"), (40,)),
}


def _native(f: Callable[..., Any], *values: Array) -> Native:
    graph, _ = simplify(trace(f, *values).graph)
    native = Native(graph)
    assert native.program.fallbacks == []
    return native


def _values(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> list[Array]:
    """Numbers; and numbers of which some are not finite, or make the ground -0.0."""
    x = rng.normal(size=shape).astype(dtype)
    y = x.copy()
    y.reshape(-1)[[0, 3, 4, -2]] = [np.inf, np.nan, -0.0, -np.inf]
    return [x, y, -np.abs(x)]


def _same(found: Array, wanted: Array, ulps: int = 0) -> None:
    np.testing.assert_allclose(found, wanted, rtol=ulps * np.finfo(wanted.dtype).eps)
    numbers = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(wanted)[numbers])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SPARSE)
def test_derivatives_that_are_sparse(name: str, dtype: Any) -> None:
    f, shape = SPARSE[name]
    rng = np.random.default_rng(len(name))
    x, *others = _values(rng, shape, dtype)
    native = _native(f, x)
    assert native.kinds[-1] == "overlay"
    (result,) = native.graph.outputs
    assert all(2 * c.size <= result.type.size for c in native.program.constants.values())
    for values in (x, *others):
        with np.errstate(all="ignore"):
            wanted = _evaluated(native.graph, values)
        _same(native(values)[0], wanted, 8 if name == "blocks" else 0)  # sums in another order


def _evaluated(graph: Graph, value: Array) -> Array:
    """The reference of a graph with one input and one output."""
    known: dict[Node, Any] = {graph.inputs[0]: value}
    for node in graph.nodes:
        if node not in known:
            sources = [known[source] for source in node.sources]
            known[node] = (
                node.primitive.evaluate(*sources, *node.argument) if sources else node.value
            )
    return np.asarray(known[graph.outputs[0]])


def test_compiled_is_eager() -> None:
    f = cr.hessian(_rosenbrock)
    compiled = cr.compile(f)
    for x in _values(np.random.default_rng(0), (100,), np.float64):
        with np.errstate(all="ignore"):
            wanted = f(cr.tensor(x)).numpy()
        np.testing.assert_allclose(compiled(cr.tensor(x)).numpy(), wanted, rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33])
def test_sizes(n: int) -> None:
    """Small ones are as they were; all are right."""
    rng = np.random.default_rng(n)
    for x in _values(rng, (n,), np.float64) if n > 4 else [rng.normal(size=n)]:
        native = _native(cr.hessian(_rosenbrock), x)
        assert (native.kinds[-1] == "overlay") == (n >= 32)
        with np.errstate(all="ignore"):
            _same(native(x)[0], _evaluated(native.graph, x))


def test_what_is_dense_stays_as_it_is() -> None:
    x = np.random.default_rng(0).normal(size=40)
    for f in (lambda x: (x.sum()) ** 4, lambda x: cr.exp(x).sum() ** 2, lambda x: x.std()):
        assert "overlay" not in _native(cr.hessian(f), x).kinds


def test_a_hessian_that_is_used_on() -> None:
    """What reads it from memory gets it as an overlay too."""

    def newton(x: Any) -> Any:
        return cr.linalg.solve(cr.hessian(_rosenbrock)(x), cr.grad(_rosenbrock)(x))

    x = np.random.default_rng(0).normal(size=40)
    graph, _ = simplify(trace(newton, x).graph)
    native = Native(graph)
    assert "overlay" in native.kinds
    np.testing.assert_allclose(native(x)[0], newton(cr.tensor(x)).numpy(), rtol=1e-9)


def test_large_ones_are_shared_out() -> None:
    rng = np.random.default_rng(0)
    f = cr.jacobian(lambda x: x * x * x)
    for axis in (0, 1):
        x = rng.normal(size=1500)
        graph, _ = simplify(trace(lambda x: cr.moveaxis(f(x), 0, axis), x).graph)
        alone, together = Native(graph), Native(graph, threads=2)
        assert alone.kinds[-1] == "overlay"
        _same(alone(x)[0], _evaluated(graph, x))
        for _ in range(5):
            _same(together(x)[0], alone(x)[0])


def _diagonal(n: int, m: int, dtype: Any = np.float64) -> Node:
    return array(np.eye(n, m, dtype=dtype))


def _forms() -> dict[str, tuple[Node, Node]]:
    """Each form that a node may have within an overlay, and its input."""
    x = input_node(array_type((40,), np.dtype(np.float64)))
    column = reshape(x, (40, 1))
    base = mul(_diagonal(40, 60), column)
    spread = mul(array(np.eye(20, 60).reshape(20, 1, 60)), reshape(x, (20, 2, 1)))
    zeros = {"low": (3, 0), "high": (5, 0), "interior": (2, 0)}
    mask = array(np.eye(40, 60, k=-2) > 0)
    back = slice_(base, start=(39, 0), stop=(-1, 60), step=(-1, 1))
    return {
        "pad": (x, pad(base, 2.0, **zeros)),
        "slice": (x, slice_(base, start=(2, 0), stop=(40, 60), step=(2, 1))),
        "slice backwards": (x, back),
        "permute": (x, permute(reshape(base, (4, 10, 60)), (1, 0, 2))),
        "permute, lines first": (x, permute(base, (1, 0))),
        "reshape": (x, reshape(base, (5, 8, 60))),
        "reshape of lines": (x, reshape(base, (40, 6, 10))),
        "broadcast": (x, broadcast_to(spread, (20, 2, 60))),
        "repeated": (x, add(broadcast_to(reshape(base, (40, 1, 60)), (40, 3, 60)), 1.0)),
        "repeated ground": (x, add(base, broadcast_to(column, (40, 60)))),
        "concatenate": (x, concatenate(base, mul(base, 2.0), base, axis=0)),
        "choice": (x, where(mask, column, mul(column, -0.0))),
        "of itself": (x, mul(base, base)),
        "shifted": (x, add(base, back)),
        "another number": (x, mul(array(np.eye(40, 60) + 3.0), column)),
    }


FORMS = _forms()


@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str) -> None:
    x, node = FORMS[name]
    graph = Graph([x], [node])
    native = Native(graph)
    assert "overlay" in native.kinds
    for values in _values(np.random.default_rng(0), x.shape, np.float64):
        with np.errstate(all="ignore"):
            _same(native(values)[0], _evaluated(graph, values))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, np.bool_])
@pytest.mark.parametrize("axis", [0, 1])
def test_dtypes(dtype: Any, axis: int) -> None:
    """Bits are copied, whatever they mean."""
    shape = (37, 1) if axis else (1, 37)
    x = input_node(array_type(shape, np.dtype(dtype)))
    mask = array(np.eye(37, 41, k=1) > 0 if axis else np.eye(41, 37) > 0)
    fill = array(np.array(1, dtype))
    node = where(mask, x, broadcast_to(fill, shape))
    graph = Graph([x], [node])
    native = Native(graph)
    assert "overlay" in native.kinds
    values = (np.random.default_rng(0).normal(size=shape) * 3).astype(dtype)
    np.testing.assert_array_equal(native(values)[0], _evaluated(graph, values))


def test_the_record_of_the_overlay_says_what_the_kernel_does() -> None:
    x, node = FORMS["pad"]
    found = overlaid(node)
    assert found.primitive is OVERLAY
    values = np.random.default_rng(0).normal(size=x.shape)
    _same(_evaluated(Graph([x], [found]), values), _evaluated(Graph([x], [node]), values))


@pytest.mark.parametrize("machine", MACHINES)
def test_code_for_every_machine(machine: str) -> None:
    x = input_node(array_type((40,), np.dtype(np.float32)))
    across = mul(_diagonal(50, 40, np.float32), x)
    rows = mul(_diagonal(40, 50, np.float32), reshape(x, (40, 1)))
    program = write_program(Graph([x], [across, rows]), MACHINES[machine])
    assert [s.group.kind for s in program.frame.steps].count("overlay") == 2
    assert compile_object(program.text, MACHINES[machine])
