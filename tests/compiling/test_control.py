"""Loops and branches as native control flow."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.tree import flatten
from chainrule.rewrite.simplify import simplify
from tests.compiling.steps import close, random, same_bits


def both(f, *args, tolerance=1e-5):
    """Compiled and eager agree, also for a second call."""
    compiled = cr.compile(f)
    wanted = f(*map(cr.tensor, args))
    for _ in range(2):
        close(compiled(*args), wanted, tolerance)
    return compiled


# -- scan ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 2, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan(length, reverse):
    def f(c, d, xs):
        def step(carry, x):
            c, d = carry
            return (c * 0.5 + x, d + 1), (c + d.astype("float32"), x.sum())

        return cr.scan(step, (c, d), xs, reverse=reverse)

    both(f, random(3), np.array(4), random(length, 3))


def test_scan_without_sequences_and_without_carries():
    both(lambda c: cr.scan(lambda c, _: (c * 1.5, c), c, length=4), random(2))
    both(lambda xs: cr.scan(lambda _, x: (None, x.sum()), None, xs), random(4, 3))


def test_scan_that_exchanges_its_carries():
    def f(a, b):
        return cr.scan(
            lambda carry, _: ((carry[1], carry[0] + carry[1]), carry[0]), (a, b), length=7
        )

    both(f, random(2), random(2, seed=1))


def test_scan_whose_carry_stays():
    both(lambda c, xs: cr.scan(lambda c, x: (c, x * c), c, xs), random(3), random(4, 3))


def test_scan_of_constants_only():
    both(
        lambda c, xs: cr.scan(lambda c, x: (cr.ones(3, dtype="float32"), 2.0), c, xs),
        random(3),
        random(4),
    )


def test_gradients_of_scans():
    def f(w, xs):
        last, ys = cr.scan(lambda h, x: (cr.tanh(w @ h + x), h.sum()), xs[0], xs)
        return (last**2).sum() + ys.sum()

    w, xs = random(3, 3) / 2, random(6, 3)
    both(cr.grad(f, argnums=(0, 1)), w, xs)
    both(cr.hessian(lambda xs: f(cr.tensor(w), xs)), xs, tolerance=1e-4)
    both(lambda w, xs: cr.jvp(f, (w, xs), (w, xs)), w, xs)
    both(cr.vmap(cr.grad(f), in_axes=(None, 0)), w, np.stack([xs, -xs]))


def test_scan_inside_scan():
    def f(c, xs):
        def outer(c, row):
            c, ys = cr.scan(lambda c, x: (c * x + 1, c), c, row)
            return c, ys.sum()

        return cr.scan(outer, c, xs)

    both(f, np.float32(0.5), random(3, 4))
    both(cr.grad(lambda c, xs: f(c, xs)[1].sum(), argnums=1), np.float32(0.5), random(3, 4))


def test_large_bodies_with_threads(monkeypatch):
    from chainrule.lower.llvm import program

    monkeypatch.setattr(program, "PER_THREAD", 1e-9)

    def f(w, xs):
        return cr.scan(lambda h, x: (cr.tanh(h @ w + x), (h * h).sum()), xs[0], xs)

    w, xs = random(64, 64) / 8, random(5, 40, 64)
    wanted = cr.compile(f, threads=1)(w, xs)
    for threads in (2, 3):
        compiled = cr.compile(f, threads=threads)
        for _ in range(4):
            same_bits(compiled(w, xs), wanted)


def recurrent(w, xs):
    """The weights are the same in every turn."""
    return cr.scan(lambda h, x: (cr.tanh(h @ w.T + x), h.sum()), xs[0], xs)


def recurrent_twice(w, xs):
    v = w * w - 0.1
    return cr.scan(lambda h, x: (cr.tanh(cr.tanh(h @ w.T) @ v.T + x), None), xs[0], xs)


def recurrent_within(w, xs):
    def outer(h, x):
        return cr.scan(lambda h, _: (cr.tanh(h @ w.T + x), h.sum()), h, length=3)

    return cr.scan(outer, xs[0], xs)


def repeated(w, xs):
    return cr.while_loop(
        lambda state: state[1] < 4,
        lambda state: (cr.tanh(state[0] @ w.T + xs[1]), state[1] + 1),
        (xs[0], cr.tensor(0)),
    )


def changing(w, xs):
    """The weights are other ones in every turn."""
    return cr.scan(lambda c, x: ((cr.tanh(c[0] @ c[1].T + x), c[1] * 0.5), None), (xs[0], w), xs)


def given_in_turn(w, xs):
    ws = w * cr.arange(1, 6, dtype="float32")[:, None, None]
    return cr.scan(lambda h, given: (cr.tanh(h @ given[0].T + given[1]), None), xs[0], (ws, xs))


@pytest.mark.parametrize(
    ("f", "ahead"),
    [
        (recurrent, 1),
        (recurrent_twice, 2),
        (recurrent_within, 1),
        (repeated, 1),
        (changing, 0),
        (given_in_turn, 0),
    ],
)
def test_what_stays_the_same_is_packed_before_the_loop(monkeypatch, f, ahead):
    from chainrule.lower.llvm import program
    from chainrule.lower.llvm.machine import host

    monkeypatch.setattr(program, "PER_THREAD", 1e-9)
    w, xs = random(96, 96) / 8, random(5, 40, 96)
    wanted = both(f, w, xs, tolerance=1e-4)(w, xs)
    for threads in (1, 2, 3):
        compiled = cr.compile(f, threads=threads)
        for scale in (1, -1, 1):
            found = compiled(scale * w, xs)
        same_bits(found, wanted)

    def packed(frame):
        return sum(step.ahead + sum(map(packed, step.bodies)) for step in frame.steps)

    graph = simplify(cr.trace(f, cr.tensor(w), cr.tensor(xs)).graph)[0]
    assert packed(program.write_program(graph, host()).frame) == ahead


# -- cond ------------------------------------------------------------------------------------------


def branches(flag, x, y):
    return cr.cond(flag, lambda x, y: (x @ y, x + 1), lambda x, y: ((x * 2).sum(), y), x, y)


@pytest.mark.parametrize("flag", [True, False])
def test_cond(flag):
    both(branches, np.array(flag), random(4), random(4, seed=1))
    slope = cr.grad(lambda flag, x, y: branches(flag, x, y)[0], argnums=(1, 2))
    both(slope, np.array(flag), random(4), random(4, seed=1))


def test_a_batch_of_conds():
    both(cr.vmap(branches), np.array([True, False, True]), random(3, 4), random(3, 4, seed=1))


def test_cond_by_a_computed_value_takes_one_branch():
    def f(x):
        return cr.cond(x.sum() > 0, lambda x: cr.log(x), lambda x: x * 0 - 1, x)

    both(f, np.array([1.0, 2.0]))
    both(f, np.array([-1.0, -2.0]))
    slope = cr.compile(cr.grad(lambda x: f(x).sum()))
    np.testing.assert_array_equal(slope(np.array([-1.0, 0.0])).numpy(), [0.0, 0.0])


# -- while -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [1.0, 50.0, 1000.0])
def test_while(start):
    def f(x, y):
        return cr.while_loop(lambda s: s[0] < 100, lambda s: (s[0] * 2, s[2], s[1]), (x, y, -y))

    both(f, np.float32(start), random(5))


def test_newton_until_it_converges():
    def root(a):
        return cr.while_loop(
            lambda x: cr.abs(x * x - a).max() > 1e-12, lambda x: (x + a / x) / 2, cr.ones(3)
        )

    both(root, np.array([2.0, 9.0, 1e4]), tolerance=1e-14)
    both(lambda a: cr.jvp(root, (a,), (cr.ones(3),))[1], np.array([2.0, 9.0, 1e4]), tolerance=1e-9)


def test_while_that_ends_by_nan():
    f = cr.compile(lambda x: cr.while_loop(lambda x: x < 1e30, lambda x: cr.log(x - 5), x))
    assert np.isnan(f(6.0).item())


# -- checkpoint, custom gradients, randomness ------------------------------------------------------


def test_checkpoint():
    def f(x):
        return cr.checkpoint(lambda x: cr.exp(cr.sin(x)))(x).sum()

    both(cr.grad(f), random(9))


def test_random_numbers_are_functions_of_their_key():
    def f(key):
        first, second = cr.random.split(key)
        return cr.random.normal(first, (5, 3)), cr.random.uniform(second, (7,), dtype="float32")

    compiled = cr.compile(f)
    for seed in range(3):
        key = cr.random.key(seed)
        close(compiled(key), f(key), 1e-6)
    assert not np.array_equal(*(flatten(compiled(cr.random.key(s)))[0][0].numpy() for s in (0, 1)))
