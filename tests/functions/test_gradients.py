"""Every differentiable function of the public table against finite differences, in every mode."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.functions.table import ALONG, ELEMENTWISE, SHAPED, Entry


def numerical(f: Callable[[float], float], h: float = 1e-3) -> float:
    """f′(0) by central differences, extrapolated twice."""
    d = [(f(s) - f(-s)) / (2 * s) for s in (h, h / 2, h / 4)]
    first = [(4 * d[i + 1] - d[i]) / 3 for i in (0, 1)]
    return (16 * first[1] - first[0]) / 15


def check(f: Callable[..., Any], *values: np.ndarray) -> None:
    """Reverse mode, forward mode and ``backward()`` agree with differences of values."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=np.shape(f(*map(cr.tensor, values))))
    directions = [rng.normal(size=v.shape) for v in values]

    def loss(*args: Any) -> Any:
        return cr.sum(f(*args) * weights)

    wanted = numerical(
        lambda s: loss(*(v + s * d for v, d in zip(values, directions, strict=True))).item()
    )
    gradients = cr.grad(loss, argnums=tuple(range(len(values))))(*values)
    reverse = sum(np.vdot(g, d) for g, d in zip(gradients, directions, strict=True))
    forward = cr.jvp(loss, values, directions)[1].item()
    leaves = [cr.tensor(v, requires_grad=True) for v in values]
    loss(*leaves).backward()
    tolerance = 1e-8 * max(1.0, abs(wanted))
    assert abs(reverse - wanted) < tolerance
    assert abs(forward - wanted) < tolerance
    for leaf, gradient, value in zip(leaves, gradients, values, strict=True):
        found = np.zeros(value.shape) if leaf.grad is None else leaf.grad
        np.testing.assert_allclose(found, gradient, rtol=1e-12, atol=1e-12)
        assert gradient.shape == value.shape


@pytest.mark.parametrize("entry", [e for e in ELEMENTWISE if e.smooth], ids=str)
def test_elementwise(entry: Entry) -> None:
    rng = np.random.default_rng(4)
    for shapes in (((), ()), ((2, 3), (2, 3)), ((3, 1), (2,))):
        values = [
            np.asarray(rng.uniform(*domain, shape))
            for domain, shape in zip(entry.domains, shapes, strict=False)
        ]
        check(entry.ours, *(np.where(np.abs(v) < 0.05, 0.05, v) for v in values))


@pytest.mark.parametrize("axis", [None, 0, (1, -2)], ids=str)
@pytest.mark.parametrize("entry", [e for e in ALONG if e.smooth], ids=str)
def test_reductions(entry: Entry, axis: Any) -> None:
    x = np.random.default_rng(5).normal(size=(3, 4))
    check(lambda x: entry.ours(x, axis), x)
    check(lambda x: entry.ours(x, axis, keepdims=True), x)


@pytest.mark.parametrize("name", SHAPED)
def test_whole_arrays(name: str) -> None:
    x = np.random.default_rng(1).normal(size=(3, 4))
    if name == "unique":  # sorted along with their order
        x = np.sort(x, axis=None).reshape(3, 4) + np.arange(12).reshape(3, 4)
    check(SHAPED[name][0], x)


@pytest.mark.parametrize("name", [name for name in SHAPED if name != "unique"])
def test_whole_arrays_in_a_batch_and_traced(name: str) -> None:
    """vmap gives what a loop gives, and a traced program what the function gives."""
    f = SHAPED[name][0]
    many = np.random.default_rng(6).normal(size=(2, 3, 4))
    wanted = np.stack([f(cr.tensor(x)).numpy() for x in many])
    np.testing.assert_allclose(cr.vmap(f)(many), wanted, rtol=1e-9, atol=1e-9)
    program = cr.trace(f, many[0])
    np.testing.assert_allclose(program(many[1]), wanted[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "trunc", "round"])
def test_piecewise_constant_functions_have_slope_zero(name: str) -> None:
    assert cr.grad(getattr(cr, name))(0.3).item() == 0.0


def test_a_list_of_tensors_keeps_derivatives() -> None:
    np.testing.assert_allclose(cr.grad(lambda x: cr.sum([x, [x * x, 1.0][0]]))(3.0), 7.0)
    np.testing.assert_allclose(cr.grad(lambda x: (cr.asarray([x, x]) * [2.0, 3.0]).sum())(1.0), 5.0)
    np.testing.assert_allclose(cr.grad(lambda x: cr.norm([3 * x, 4 * x]))(1.0), 5.0)
