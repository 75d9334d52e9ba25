"""scan, cond, while_loop, checkpoint, custom_gradient, stop_gradient."""

import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import DTypeError, GradientError, ShapeError, TreeError

RNG = np.random.default_rng(1)


def close(found, wanted, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=tolerance, atol=1e-14)


def rnn(step_by_scan: bool, w, xs, h):
    """A little recurrent network, by scan or by a Python loop."""

    def step(h, x):
        h = cr.tanh(w @ h + x)
        return h, h * h

    if step_by_scan:
        h, ys = cr.scan(step, h, xs)
        return (h * h).sum() + cr.sin(ys).sum()
    total = 0.0
    for x in xs:
        h, y = step(h, x)
        total = total + cr.sin(y).sum()
    return (h * h).sum() + total


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_scan_equals_a_loop_in_value_gradient_and_hessian(steps: int) -> None:
    w, xs = RNG.normal(size=(3, 3)) * 0.5, RNG.normal(size=(steps, 3))
    h = RNG.normal(size=3)
    scanned = lambda *args: rnn(True, *args)
    looped = lambda w, xs, h: rnn(False, w, list(xs), h)
    args = tuple(map(cr.tensor, (w, xs, h)))
    close(scanned(*args), looped(*args))
    for found, wanted in zip(
        cr.grad(scanned, argnums=(0, 1, 2))(*args), cr.grad(looped, argnums=(0, 1, 2))(*args)
    ):
        close(found, wanted, 1e-11)
    close(cr.hessian(scanned, argnums=2)(*args), cr.hessian(looped, argnums=2)(*args), 1e-10)
    tangents = tuple(cr.tensor(RNG.normal(size=a.shape)) for a in args)
    close(cr.jvp(scanned, args, tangents)[1], cr.jvp(looped, args, tangents)[1], 1e-11)


def test_scan_gradients_reach_captured_tensors() -> None:
    w = cr.tensor(1.5, requires_grad=True)
    final, _ = cr.scan(lambda c, x: (c * w + x, None), 1.0, np.ones(3))
    final.backward()
    close(w.grad, 3 * 1.5**2 + 2 * 1.5 + 1)


def test_scan_batches() -> None:
    xs = RNG.normal(size=(4, 5))
    f = lambda x, w: cr.scan(lambda c, u: (cr.sin(c * w + u), c), 0.5, x)
    final, ys = cr.vmap(f, in_axes=(0, None))(xs, 2.0)
    for i in range(4):
        one, y = f(xs[i], 2.0)
        close(final[i], one)
        close(ys[i], y)
    final, ys = cr.vmap(f, in_axes=(None, 0))(xs[0], np.array([1.0, 2.0]))
    close(ys[1], f(xs[0], 2.0)[1])


def test_scan_reverse_and_integer_carry() -> None:
    (total, count), ys = cr.scan(
        lambda c, x: ((c[0] * 0.5 + x, c[1] + 1), c[0]), (0.0, 0), np.arange(1.0, 4.0), reverse=True
    )
    close(total, (3 * 0.5 + 2) * 0.5 + 1)
    assert count.item() == 3
    close(ys, [3.5, 3.0, 0.0])
    powers = lambda a: cr.scan(lambda c, _: ((c[0] * a, c[1] + 1), None), (1.0, 0), length=3)
    g = cr.grad(lambda a: powers(a)[0][0])(2.0)
    close(g, 12.0)


def test_scan_errors() -> None:
    with pytest.raises(ShapeError, match="carry"):
        cr.scan(lambda c, x: (c + x, None), 0.0, np.ones((3, 2)))
    with pytest.raises(TreeError, match=r"\(carry, output\)"):
        cr.scan(lambda c, x: c + x, 0.0, np.ones(3))
    with pytest.raises(ShapeError, match="different lengths"):
        cr.scan(lambda c, x: (c, None), 0.0, (np.ones(3), np.ones(4)))
    with pytest.raises(ShapeError, match="length"):
        cr.scan(lambda c, x: (c, None), 0.0)


def test_cond_takes_and_differentiates_one_branch() -> None:
    f = lambda x: cr.cond(x > 1.0, lambda u: cr.sqrt(u - 1.0), lambda u: u**2, x)
    close(cr.grad(f)(0.5), 1.0)
    close(cr.grad(f)(5.0), 0.25)
    traced = cr.trace(f, 1.0)
    close(traced(0.5), 0.25)
    close(traced(5.0), 2.0)
    close(cr.grad(lambda x: traced(x))(5.0), 0.25)
    close(cr.hessian(lambda x: traced(x))(0.5), 2.0)
    close(cr.vmap(cr.grad(f))(cr.tensor([0.5, 2.0, 5.0])), [1.0, 0.5, 0.25])
    with np.errstate(all="ignore"):
        xs = cr.tensor([0.5, 5.0])
        close(cr.vmap(f)(xs), [0.25, 2.0])


def test_cond_errors() -> None:
    with pytest.raises(DTypeError, match="boolean"):
        cr.cond(1.0, lambda: 1.0, lambda: 2.0)
    with pytest.raises(TreeError, match="structure"):
        cr.trace(lambda x: cr.cond(x > 0, lambda: (1.0, 2.0), lambda: 1.0), 1.0)
    with pytest.raises(ShapeError, match="agree"):
        cr.trace(lambda x: cr.cond(x > 0, lambda: np.ones(2), lambda: np.ones(3)), 1.0)


def test_while_is_forward_only() -> None:
    f = lambda x: cr.while_loop(lambda s: s < 100.0, lambda s: s * x, x)
    value, slope = cr.jvp(f, (3.0,), (1.0,))
    close(value, 243.0)
    close(slope, 5 * 3.0**4)
    close(cr.vmap(f)(cr.tensor([2.0, 3.0, 200.0])), [128.0, 243.0, 200.0])
    with pytest.raises(GradientError, match="scan"):
        cr.grad(f)(3.0)


def test_checkpoint_gives_the_same_gradient_to_the_last_bit() -> None:
    ws = [RNG.normal(size=(4, 4)) for _ in range(6)]

    def piece(x, part):
        for w in part:
            x = cr.tanh(w @ x) + cr.sin(x)
        return x

    def plain(x):
        return piece(x, ws).sum()

    def saved(x):
        for k in range(0, 6, 2):
            x = cr.checkpoint(lambda u, k=k: piece(u, ws[k : k + 2]))(x)
        return x.sum()

    x = cr.tensor(RNG.normal(size=4))
    assert (cr.grad(plain)(x).numpy() == cr.grad(saved)(x).numpy()).all()
    close(cr.hessian(saved)(x), cr.hessian(plain)(x), 1e-10)
    close(cr.vmap(cr.grad(saved))(x.reshape(1, 4))[0], cr.grad(plain)(x))


def test_checkpoint_reaches_captured_parameters() -> None:
    w = cr.tensor(2.0, requires_grad=True)
    cr.checkpoint(lambda x: cr.sin(w * x))(3.0).backward()
    close(w.grad, 3 * np.cos(6.0))


def test_checkpoint_saves_memory() -> None:
    size, layers = 20_000, 100

    def peak(f) -> int:
        x = cr.tensor(np.full(size, 0.1), requires_grad=True)
        tracemalloc.start()
        f(x).sum().backward()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    def block(x, n):
        for _ in range(n):
            x = cr.sin(x)
        return x

    def saved(x):
        for _ in range(10):
            x = cr.checkpoint(lambda u: block(u, 10))(x)
        return x

    assert peak(saved) < 0.35 * peak(lambda x: block(x, layers))


def test_custom_gradient() -> None:
    @cr.custom_gradient
    def log1pexp(x):
        e = cr.exp(x)
        return cr.log1p(e), lambda ct: ct * (1.0 - 1.0 / (1.0 + e))

    sigma = 1 / (1 + np.exp(-0.3))
    close(cr.grad(log1pexp)(0.3), sigma)
    close(cr.grad(cr.grad(log1pexp))(0.3), sigma * (1 - sigma))
    close(cr.jvp(log1pexp, (0.3,), (2.0,))[1], 2 * sigma)
    close(cr.vmap(cr.grad(log1pexp))(cr.tensor([0.3, 0.3])), [sigma, sigma])

    @cr.custom_gradient
    def product(a, b):
        return a * b, lambda ct: (ct * 100.0, ct * 200.0)

    close(cr.grad(product, argnums=(0, 1))(2.0, 3.0), (100.0, 200.0))

    @cr.custom_gradient
    def broken(x):
        return x * 2.0

    with pytest.raises(TreeError, match="pullback"):
        broken(1.0)


def test_forward_mode_through_a_pullback_with_a_loop() -> None:
    @cr.custom_gradient
    def sine(x):
        y = cr.cos(x)
        thirds = lambda ct: cr.scan(lambda c, _: (c + ct * y / 3, None), 0.0, length=3)[0]
        return cr.sin(x), thirds

    close(cr.jvp(sine, (0.3,), (2.0,))[1], 2 * np.cos(0.3))
    close(cr.hvp(sine, 0.3, 2.0), -2 * np.sin(0.3))


def test_stop_gradient() -> None:
    close(cr.grad(lambda x: x * cr.stop_gradient(x * x))(3.0), 9.0)
    close(cr.grad(lambda p: p["a"] * cr.stop_gradient(p)["a"])({"a": 2.0})["a"], 2.0)
    assert not cr.stop_gradient(cr.tensor(1.0, requires_grad=True)).requires_grad
