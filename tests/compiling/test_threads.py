"""Several Python threads, forks, interrupts; programs that hold the GIL and others."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

import chainrule as cr
from tests.compiling.steps import random, same_bits


def short(x):
    return cr.tanh(x) + 1


def long(x):
    return cr.tanh(x @ x) @ x


@pytest.fixture(params=["short", "long", "several threads"])
def program(request, monkeypatch):
    """A compiled function, arguments of different values, and their results."""
    if request.param == "several threads":
        from chainrule.lower.llvm import program

        monkeypatch.setattr(program, "PER_THREAD", 1e-9)
    function = short if request.param == "short" else long
    size = 8 if request.param == "short" else 96
    f = cr.compile(function, threads=2 if request.param == "several threads" else 1)
    given = [random(size, size, seed=i) / 8 for i in range(4)]
    wanted = [f(x) for x in given]
    assert f.report().threads == (2 if request.param == "several threads" else 1)
    return f, given, wanted


def together(count, work):
    """Run ``work(i)`` in threads; what one raises is raised here."""
    failed = []

    def run(i):
        try:
            work(i)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call does not return"
    if failed:
        raise failed[0]


def test_calls_from_several_threads(program):
    f, given, wanted = program

    def work(i):
        for turn in range(30):
            k = (i + turn) % len(given)
            same_bits(f(given[k]), wanted[k])

    together(4, work)


def test_the_first_call_comes_from_several_threads():
    f = cr.compile(short)
    x = random(5)
    found = [None] * 4

    def work(i):
        found[i] = f(x)

    together(4, work)
    assert "1 programs" in repr(f)
    for y in found[1:]:
        same_bits(y, found[0])


def test_shapes_that_change_while_others_call():
    f = cr.compile(short)
    xs = [random(n, seed=n) for n in range(1, 5)]
    wanted = [np.tanh(x) + 1 for x in xs]

    def work(i):
        for turn in range(12):
            k = (i + turn) % 4
            np.testing.assert_allclose(f(xs[k]).numpy(), wanted[k], rtol=1e-6)

    together(4, work)


def test_donated_steps_in_several_threads():
    f = cr.compile(lambda x, y: (x + y, (x * y).sum()), donate=0)

    def work(i):
        x, y = f(np.zeros(50), np.full(50, float(i)))[0], np.full(50, float(i))
        for turn in range(2, 40):
            x, total = f(x, y)
            assert total.item() == pytest.approx(50 * (turn - 1) * i * i)
        np.testing.assert_array_equal(x.numpy(), 39 * y)

    together(4, work)


def test_errors_belong_to_the_call_that_made_them():
    f = cr.compile(lambda x, i: x[i] @ cr.ones((300, 300)))
    x, right, wrong = np.ones((4, 300)), np.array([0, 1]), np.array([0, 4])

    def work(i):
        for _ in range(20):
            if i % 2:
                np.testing.assert_array_equal(f(x, right).numpy(), np.full((2, 300), 300.0))
            else:
                with pytest.raises(cr.IndexingError):
                    f(x, wrong)

    together(4, work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork(program):
    f, given, wanted = program

    def child():
        ok = all(f(x).numpy().tobytes() == y.numpy().tobytes() for x, y in zip(given, wanted))
        new = cr.compile(lambda x: x * 3)(2.0).item() == 6.0
        os._exit(0 if ok and new else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    if process.is_alive():
        process.kill()
        raise AssertionError("the child does not return")
    assert process.exitcode == 0
    same_bits(f(given[0]), wanted[0])


def test_fork_while_another_thread_calls(program):
    f, given, wanted = program
    stop = threading.Event()

    def call():
        while not stop.is_set():
            f(given[0])

    thread = threading.Thread(target=call)
    thread.start()
    try:
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                same = f(given[1]).numpy().tobytes() == wanted[1].numpy().tobytes()
                os._exit(0 if same else 1)
            deadline = time.monotonic() + 60
            while True:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    break
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    raise AssertionError("the child does not return")
                time.sleep(0.01)
            assert status == 0
    finally:
        stop.set()
        thread.join()


def test_keyboard_interrupt(program):
    f, given, wanted = program

    def interrupt():
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        while True:
            f(given[0])
    thread.join()
    for x, y in zip(given, wanted, strict=True):
        same_bits(f(x), y)


def test_interpreter_exit():
    """A process ends although its worker threads wait, and one of them is in a call."""
    import subprocess
    import sys

    code = """
import threading, numpy as np, chainrule as cr
from chainrule.lower.llvm import program
program.PER_THREAD = 1e-9
f = cr.compile(lambda x: cr.tanh(x @ x), threads=2)
x = np.ones((200, 200), np.float32)
f(x)
def forever():
    while True:
        f(x)
threading.Thread(target=forever, daemon=True).start()
f(x)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


@pytest.mark.parametrize("size", [3, 200])
def test_the_slow_way_from_several_threads(size):
    """Arguments that are not contiguous, and programs that call the reference."""
    solve = cr.compile(lambda a, b: cr.linalg.solve(a + 5 * cr.eye(a.shape[0]), b) + 1)
    double = cr.compile(lambda x: cr.cumsum(x.T @ x, axis=0) * 2)
    wide = [np.random.default_rng(i).normal(size=(size, 2 * size)) for i in range(4)]
    wanted = [(double(x[:, ::2]), solve(x[:, ::2], x[:, 1])) for x in wide]

    def work(i):
        for turn in range(20):
            k = (i + turn) % 4
            same_bits((double(wide[k][:, ::2]), solve(wide[k][:, ::2], wide[k][:, 1])), wanted[k])

    together(4, work)


def test_errors_of_the_reference_belong_to_their_call():
    f = cr.compile(lambda a: cr.linalg.cholesky(a) * 2)
    good, bad = np.eye(4), -np.eye(4)
    f(good)

    def work(i):
        for _ in range(30):
            if i % 2:
                np.testing.assert_array_equal(f(good).numpy(), 2 * good)
            else:
                with pytest.raises(Exception, match="positive definite"):
                    f(bad)

    together(4, work)
