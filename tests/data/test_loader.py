"""Batches in an order that a key decides, the same wherever an epoch is started."""

import json
import subprocess
import sys
import threading
import time
import traceback
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import data
from chainrule.core.errors import ArgumentError, DomainError, ShapeError
from chainrule.data.prefetch import prefetched

X = np.arange(22.0).reshape(11, 2)
Y = np.arange(11)


def noisy(key, inputs):
    return inputs + cr.random.normal(key, inputs.shape).numpy()


def values(batches):
    return [(x.tolist(), y.tolist()) for x, y in batches]


@given(
    epoch=st.integers(1, 5),
    start=st.integers(0, 4),
    prefetch=st.integers(0, 3),
    drop_last=st.booleans(),
    seed=st.integers(0, 3),
)
def test_an_epoch_is_the_same_wherever_it_is_started(epoch, start, prefetch, drop_last, seed):
    options = {"key": cr.random.key(seed), "drop_last": drop_last, "transform": noisy}
    whole = data.Loader((X, Y), 3, **options)
    ahead = data.Loader((X, Y), 3, prefetch=prefetch, **options)
    assert values(ahead.epoch(epoch, start)) == values(whole.epoch(epoch))[start:]


def test_the_order_is_that_of_fit():
    loader = data.Loader((X, Y), 4, key=cr.random.key(5))
    for number in (1, 2):
        order = cr.random.permutation(cr.random.fold_in(cr.random.key(5), number), 11).numpy()
        found = np.concatenate([y.numpy() for _, y in loader.epoch(number)])
        np.testing.assert_array_equal(found, Y[order])


def test_epochs_differ_and_hold_every_example():
    loader = data.Loader((X, Y), 4)
    one, two = (np.concatenate([y.numpy() for _, y in loader.epoch(e)]) for e in (1, 2))
    assert one.tolist() != two.tolist()
    assert sorted(one) == sorted(two) == list(range(11))
    given_order = data.Loader((X, Y), 4, shuffle=False)
    assert [y.tolist() for _, y in given_order.epoch(7)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_steps_are_those_of_an_epoch():
    for drop_last, steps in ((False, 3), (True, 2)):
        loader = data.Loader((X, Y), 4, drop_last=drop_last)
        assert loader.steps_per_epoch == len(list(loader.epoch(1))) == steps


def test_floating_point_is_cast_and_integers_stay():
    x, y = next(data.Loader((X, Y), 4).epoch(1, dtype="float32"))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)


def test_what_a_transform_spoils_is_told():
    spoiled = data.Loader((X, Y), 4, transform=lambda key, x: np.where(x > 20, np.nan, x))
    with pytest.raises(DomainError, match=r"data: batch \d of epoch 2: the inputs hold a NaN"):
        list(spoiled.epoch(2))
    short = data.Loader((X, Y), 4, transform=lambda key, x: x[1:], prefetch=2)
    with pytest.raises(ShapeError, match="batch 0 of epoch 1: 3 inputs but 4 targets"):
        list(short.epoch(1))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch_size": 0}, DomainError, "at least 1"),
        ({"batch_size": 2.5}, DomainError, "batch_size is a whole number"),
        ({"prefetch": -1}, DomainError, "prefetch is a whole number of at least 0"),
        ({"batch_size": 12, "drop_last": True}, DomainError, "11 examples make no batch of 12"),
        ({"transform": 3}, ArgumentError, "transform is a function"),
    ],
)
def test_bad_options_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        data.Loader((X, Y), **options)


def test_a_fingerprint_tells_what_decides_the_batches():
    def print_of(x=X, **options):
        return data.Loader((x, Y), **({"batch_size": 3} | options)).fingerprint()

    own = print_of()
    assert print_of() == own == json.loads(json.dumps(own))
    changed = X.copy()
    changed[5] += 1
    for other, what in [
        (print_of(changed), "checksum"),
        (print_of(key=cr.random.key(1)), "key"),
        (print_of(batch_size=4), "batch_size"),
        (print_of(X.astype("float32")), "inputs"),
        (print_of(transform=noisy), "transform"),
        (print_of(shuffle=False), "shuffle"),
    ]:
        assert other[what] != own[what]


# -- the thread ------------------------------------------------------------------------------------


def alive():
    return [t for t in threading.enumerate() if t.name == "chainrule prefetch"]


def test_a_thread_runs_no_further_ahead_than_asked():
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    ahead = prefetched(items(), 2)
    assert next(ahead) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert made == [0, 1, 2, 3]  # one taken, two waiting, one in the hands of the thread
    assert list(ahead) == list(range(1, 10))
    assert not alive()


def test_an_error_arrives_with_its_traceback_after_what_came_before_it():
    def items():
        yield 1
        raise KeyError("culprit")

    ahead = prefetched(items(), 4)
    assert next(ahead) == 1
    with pytest.raises(KeyError, match="culprit") as caught:
        next(ahead)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "items"
    assert list(ahead) == []


@pytest.mark.parametrize("how", ["close", "let go"])
def test_stopping_early_ends_the_thread_and_closes_the_items(how):
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    ahead = prefetched(items(), 2)
    next(ahead)
    (thread,) = map(weakref.ref, alive())
    if how == "close":
        ahead.close()
    del ahead
    assert closed.wait(10)
    assert thread() is None or not thread().is_alive()


def test_the_thread_itself_may_let_go_of_the_iterator(monkeypatch):
    """As its garbage collector does with an iterator in a cycle."""
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    holder = []
    more, gone = threading.Event(), threading.Event()

    def items():
        yield 1
        more.wait(10)
        holder.clear()
        gone.set()

    holder.append(prefetched(items(), 2))
    assert next(holder[0]) == 1
    (thread,) = alive()
    more.set()
    thread.join(10)
    assert gone.is_set() and not thread.is_alive()
    assert not unraisable


def test_a_thread_at_work_does_not_keep_the_interpreter():
    code = (
        "import itertools\n"
        "from chainrule import data\n"
        "from chainrule.data.prefetch import prefetched\n"
        "kept = prefetched(itertools.count(), 2)\n"
        "print(next(kept))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("0\n", "")
