"""Transformations in every order, on functions that use every feature: traced equals eager,
batched equals looped, forward equals reverse."""

from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(5)
KEY = cr.random.key(3)
POINTS = RNG.uniform(0.3, 1.2, (3, 3))
V = cr.tensor(RNG.normal(size=3))
M = RNG.normal(size=(3, 3))

Scalar = Callable[[cr.Tensor], cr.Tensor]


def plain(x):
    return (cr.sin(x) * cr.exp(x[::-1])).sum() * x[0]


def with_scan(x):
    def step(carry, e):
        total, count = carry
        return (total * cr.sin(e) + x.sum() / (count + 1), count + 1), total

    (total, count), totals = cr.scan(step, (1.0, 0), x)
    return total * count + (totals * totals).sum()


def with_constant_scan(x):
    return cr.scan(lambda c, e: (c + 1.0, e * e), 0.7, x)[0] * plain(x)


def with_cond(x):
    return cr.cond(x[0] > 0.7, lambda u: plain(u), lambda u: (u**3).sum(), x)


def with_checkpoint(x):
    return cr.checkpoint(lambda u: cr.tanh(M @ u).sum() * plain(u))(x) + 2.0


def with_custom_gradient(x):
    @cr.custom_gradient
    def square(u):
        return u * u, lambda ct: 2.0 * u * ct

    return (square(x) * cr.cos(x)).sum()


def with_no_grad(x):
    with cr.no_grad():
        held = x * x
    return (held * x).sum() + plain(x)


def with_stop_gradient(x):
    return (cr.stop_gradient(cr.exp(x)) * x**2).sum()


def with_sort_and_indices(x):
    y = cr.sort(x * M[0])
    y[1] = y[0] * x[2]
    return (y * np.arange(1.0, 4.0)).sum() + x[[0, 0, 2]].prod() + cr.max(x)


def with_inner_gradient(x):
    return (cr.grad(plain)(x) ** 2).sum() + cr.jvp(plain, (x,), (x,))[1]


def with_inner_vmap(x):
    return cr.vmap(lambda a, b: cr.sin(a * b) + b**2, in_axes=(0, None))(x, x[1]).sum()


def with_noise(x):
    return (x * cr.random.normal(KEY, (3,), x, 0.1)).sum()


def with_linear_algebra(x):
    A = cr.outer(x, x) + 2.0 * np.eye(3)
    return cr.linalg.solve(A, x).sum() + cr.linalg.slogdet(A)[1]


def with_reductions(x):
    return cr.logsumexp(M @ x) + cr.var(x) + cr.softmax(x)[1] + cr.linalg.norm(x)


FUNCTIONS = [value for name, value in sorted(globals().items()) if name.startswith("with_")]
FUNCTIONS.append(plain)
X = cr.tensor(POINTS[0])


def close(found, wanted, tolerance=1e-9):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=tolerance, atol=1e-11)


def traced(f: Scalar) -> Scalar:
    program = cr.trace(f, X)
    return lambda x: program(x)


every = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


@every
def test_traced_equals_eager(f: Scalar) -> None:
    g = traced(f)
    for point in POINTS:
        x = cr.tensor(point)
        close(g(x), f(x))
        close(cr.grad(g)(x), cr.grad(f)(x))
    close(cr.hessian(g)(X), cr.hessian(f)(X))
    close(cr.trace(cr.grad(f), X)(X), cr.grad(f)(X))
    close(cr.trace(cr.hessian(f), X)(X), cr.hessian(f)(X))


@every
def test_batched_equals_looped(f: Scalar) -> None:
    points = cr.tensor(POINTS)
    each = [cr.tensor(p) for p in POINTS]
    close(cr.vmap(f)(points), [f(x).item() for x in each])
    gradients = [cr.grad(f)(x).numpy() for x in each]
    close(cr.vmap(cr.grad(f))(points), gradients)
    close(cr.grad(lambda ps: cr.vmap(f)(ps).sum())(points), gradients)
    close(cr.vmap(cr.hessian(f))(points), [cr.hessian(f)(x).numpy() for x in each])
    tangents = cr.vmap(lambda x: cr.jvp(f, (x,), (V,))[1])(points)
    close(tangents, [cr.jvp(f, (x,), (V,))[1].item() for x in each])


@every
def test_forward_equals_reverse(f: Scalar) -> None:
    gradient = cr.grad(f)(X)
    close(cr.jvp(f, (X,), (V,))[1], (gradient * V).sum())
    close(cr.jacobian(f, mode="forward")(X), gradient)
    H = cr.hessian(f)(X)
    close(cr.jacobian(cr.grad(f), mode="reverse")(X), H)
    close(cr.hvp(f, (X,), (V,)), H @ V)
    close(cr.grad(lambda x: cr.jvp(f, (x,), (V,))[1])(X), H @ V)
    close(cr.grad(lambda v: cr.jvp(f, (X,), (v,))[1])(V), gradient)
    close(cr.grad(lambda v: (cr.hvp(f, (X,), (v,)) * V).sum())(V), H @ V)
    close(cr.grad(lambda c: (cr.vjp(f, X)[1](c)[0] * V).sum())(1.0), (gradient * V).sum())


@every
def test_backward_equals_grad(f: Scalar) -> None:
    x = cr.tensor(POINTS[0], requires_grad=True)
    f(x).backward()
    close(x.grad, cr.grad(f)(X))
    w = cr.tensor(0.9, requires_grad=True)
    captured = cr.grad(lambda x: f(x * w))(X)
    close(captured, 0.9 * cr.grad(f)(X * 0.9).numpy())
    (captured * V).sum().backward()
    close(w.grad, cr.grad(lambda w: (cr.grad(lambda x: f(x * w))(X) * V).sum())(0.9))


@every
def test_checkpointed_and_scanned_equal_plain(f: Scalar) -> None:
    close(cr.grad(cr.checkpoint(f))(X), cr.grad(f)(X), 1e-15)
    points = cr.tensor(POINTS)
    scanned = lambda ps: cr.scan(lambda c, x: (c + f(x), None), 0.0, ps)[0]
    close(cr.grad(scanned)(points), [cr.grad(f)(cr.tensor(p)).numpy() for p in POINTS])
    both = lambda x: cr.cond(x.sum() > 0.0, cr.checkpoint(f), lambda u: u.sum(), x)
    close(cr.grad(traced(both))(X), cr.grad(f)(X))


# what a function declares constant, differences still see
DECLARED = (with_no_grad, with_stop_gradient)


@pytest.mark.parametrize("f", [f for f in FUNCTIONS if f not in DECLARED], ids=lambda f: f.__name__)
def test_gradients_agree_with_differences(f: Scalar) -> None:
    report = cr.check_gradient(f, POINTS[0])
    assert report, str(report)
    assert {c.verdict for c in report.comparisons} == {"ok"}, str(report)


def test_forward_only_loops() -> None:
    f = lambda x: cr.while_loop(lambda s: s < 20.0, lambda s: s * (1.0 + x[0]) + x[1], x.sum())
    close(traced(f)(X), f(X))
    points = cr.tensor(POINTS)
    close(cr.vmap(f)(points), [f(cr.tensor(p)).item() for p in POINTS])
    forward = lambda x: cr.jacobian(f, mode="forward")(x)
    close(cr.vmap(forward)(points), [forward(cr.tensor(p)).numpy() for p in POINTS])


def test_long_histories_cost_linear_time() -> None:
    """An inner derivative looks no further back than its own variables."""
    from chainrule.core import node as nodes

    h = cr.tensor(0.5, requires_grad=True) * 1.0
    for _ in range(3000):
        h = h * 1.0001
    seen = []
    original = nodes.topological

    def counting(*args, **kwargs):
        order = original(*args, **kwargs)
        seen.append(len(order))
        return order

    with pytest.MonkeyPatch.context() as patch:
        for module in ("rules.reach", "core.graph", "rules.batch", "tracing"):
            patch.setattr(f"chainrule.{module}.topological", counting)
        cr.grad(lambda x: x * x)(h)
        cr.grad(lambda x: x * h)(2.0)
        cr.vmap(lambda x: x * h)(cr.tensor([1.0, 2.0]))
        cr.scan(lambda c, x: (c * h, x), 1.0, np.ones(2))
        cr.checkpoint(lambda x: x * h)(h)
    assert seen
    assert max(seen) < 50
