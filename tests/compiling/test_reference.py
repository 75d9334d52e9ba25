"""Programs that call the reference, and what has no native code for its dtype."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64"])
def test_powers_of_integers(dtype: str) -> None:
    x = cr.tensor(np.array([0, 1, 1, 0]).astype(dtype))
    for f in (lambda x: x**2, lambda x: cr.power(x, x) if dtype != "bool" else x):
        got, expected = cr.compile(f)(x), f(x)
        assert got.dtype == expected.dtype
        assert (got.numpy() == expected.numpy()).all()


def test_products_of_booleans() -> None:
    rng = np.random.default_rng(0)
    a, b = (cr.tensor(rng.random(s) < 0.3) for s in ((5, 4), (4, 3)))
    assert (cr.compile(lambda a, b: a @ b)(a, b).numpy() == (a @ b).numpy()).all()
    assert (cr.compile(lambda a: a @ a)(a[:4]).numpy() == (a[:4] @ a[:4]).numpy()).all()


def test_a_branch_not_taken_computes_nothing() -> None:
    x = cr.tensor(np.arange(6.0).reshape(3, 2))
    f = cr.compile(lambda x, i: cr.cond(i < 3, lambda: x[i].sum(), lambda: x.sum()))
    assert f(x, cr.tensor(7)).item() == 15
    assert f(x, cr.tensor(1)).item() == 5
    square = cr.tensor(-np.eye(2))
    h = cr.compile(lambda x: cr.cond(x.sum() > 0, lambda: cr.linalg.cholesky(x), lambda: x * 2))
    assert (h(square).numpy() == -2 * np.eye(2)).all()
    assert (h(-square).numpy() == np.eye(2)).all()


def test_the_gradient_through_captured_values_of_a_branch() -> None:
    def f(x: Any, y: Any) -> Any:
        return cr.cond(x > 0, lambda: x * x * y, lambda: cr.sin(y))

    for x in (2.0, -2.0):
        got = cr.compile(cr.grad(f, argnums=(0, 1)))(x, 3.0)
        assert [float(g) for g in got] == [float(g) for g in cr.grad(f, argnums=(0, 1))(x, 3.0)]


def test_an_axis_without_elements_has_no_index() -> None:
    f = cr.compile(lambda e, i: e[i] + 1)
    with pytest.raises(IndexError):
        f(cr.tensor(np.empty((0, 4))), cr.tensor([0, 5]))
    assert f(cr.tensor(np.empty((0, 4))), cr.tensor(np.empty(0, int))).shape == (0, 4)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_a_signal_handler_may_call_the_function_that_it_interrupts() -> None:
    def inverse_often(a: Any) -> Any:
        return cr.scan(lambda c, _: (cr.linalg.inv(c), None), a, None, length=1000)[0]

    f = cr.compile(inverse_often)
    a = cr.tensor(np.eye(2) * 2.0)
    f(a)
    seen: list[Any] = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(f(a).numpy()))
    try:
        for number in range(20):  # wherever it gets in between
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.00037 * number)
            f(a)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
    assert np.allclose(seen[0], np.eye(2) * 2.0)


def test_threads_do_not_share_memory_through_the_reference() -> None:
    f = cr.compile(lambda a, x: cr.linalg.inv(a) @ x + cr.tanh(x).sum())
    cases = [(cr.tensor(np.eye(3) * k), cr.tensor(np.full(3, 1.0 / k))) for k in (1.0, 2.0, 4.0)]
    expected = [f(*case).numpy() for case in cases]
    wrong = []

    def work(number: int) -> None:
        for _ in range(300):
            if not (f(*cases[number]).numpy() == expected[number]).all():
                wrong.append(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_a_long_loop_of_small_turns_releases_the_lock_of_python() -> None:
    f = cr.compile(
        lambda x: cr.scan(lambda c, _: (cr.sin(c) * 1.01, None), x, None, length=100_000)[0]
    )
    f(1.0)
    (program,) = f._programs.values()
    assert program.bound.lock is not None
