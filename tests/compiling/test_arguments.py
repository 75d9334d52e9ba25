"""What may be an argument: Python numbers, options, containers; and what must not be changed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError, TraceError


def scaled(w: Any, rate: Any) -> Any:
    return w - (1 - rate) * w


def test_a_python_number_does_not_widen_an_array() -> None:
    f = cr.compile(scaled)
    w = cr.ones(3, dtype="float32")
    for rate in (0.5, 0.5, 2, True):
        assert f(w, rate).dtype == scaled(w, rate).dtype == np.float32
    strong = cr.tensor(0.5)
    assert f(w, strong).dtype == scaled(w, strong).dtype == np.float64
    assert f(w, np.float64(0.5)).dtype == np.float64
    assert f(w, 0.5).dtype == np.float32  # also after the others


def test_numbers_of_numbers_are_numbers() -> None:
    counts = cr.tensor([1, 2], dtype="int32")
    f = cr.compile(lambda x, n: (n + 1) * x)
    assert f(counts, 2).dtype == np.int32
    assert f(counts, 2.0).dtype == np.float64


def test_static_arguments_are_options() -> None:
    traces = []

    def power(x: Any, repeat: int, flag: bool = False) -> Any:
        traces.append((repeat, flag))
        y = x
        for _ in range(repeat):
            y = y * x
        return -y if flag else y

    f = cr.compile(power, static=("repeat", 2))
    x = cr.tensor([2.0, 3.0])
    assert f(x, 2).numpy().tolist() == [8, 27]
    assert f(x, repeat=1, flag=True).numpy().tolist() == [-4, -9]
    assert f(x, 2).numpy().tolist() == [8, 27]
    assert traces == [(2, False), (1, True)]
    assert len(f.report(x, 2).kernels) == 1
    with pytest.raises(ArgumentError, match="hashable"):
        f(x, [2])
    with pytest.raises(ArgumentError, match="repeats"):
        cr.compile(power, static="repeats")


def test_static_arguments_beside_donated_ones() -> None:
    f = cr.compile(lambda n, w, x: (w + n * x, x.sum()), static=0, donate=1)
    w, x = f(2, cr.tensor([1.0, 1.0]), cr.tensor([1.0, 2.0]))[0], cr.tensor([1.0, 2.0])
    again, _ = f(2, w, x)
    assert again.numpy().tolist() == [5, 9]
    assert w.numpy().tolist() == [5, 9]  # its memory was taken over


def test_an_argument_that_is_no_array_is_named() -> None:
    f = cr.compile(scaled)
    with pytest.raises(ArgumentError, match=r"argument 'rate' is a str"):
        f(cr.ones(3), "fast")
    with pytest.raises(ArgumentError, match=r"argument 'w' at 0\.a is a object"):
        f([{"a": object()}], 1.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda x, d: x.__setitem__(0, 9.0),
        lambda x, d: d.update(a=x * 2),
        lambda x, d: d.update(b=x),
    ],
)
def test_a_change_of_an_argument_is_refused(change: Any) -> None:
    def f(x: Any, d: Any) -> Any:
        change(x, d)
        return x + d["a"]

    with pytest.raises(TraceError, match="changed its argument"):
        cr.compile(f)(cr.ones(2), {"a": cr.ones(2)})


def test_negative_positions_are_donated_too() -> None:
    f = cr.compile(lambda a, b: b + a, donate=-1)
    a = cr.ones(2)
    b = f(a, cr.ones(2))
    assert f(a, b).numpy().tolist() == [3, 3]
    assert b.numpy().tolist() == [3, 3]
    for wrong in (True, 1.5, "b"):
        with pytest.raises(ArgumentError):
            cr.compile(lambda a: a, donate=wrong)


def test_a_wrong_index_leaves_donated_arguments_alone() -> None:
    for threads in (1, 2):
        f = cr.compile(lambda w, i: (w * 2, w[i] + 1), donate=0, threads=threads)
        w, _ = f(cr.tensor(np.ones(5000)), cr.tensor([0, 1]))
        with pytest.raises(IndexError, match=r"index 9000 .* made at .*test_arguments"):
            f(w, cr.tensor([0, 9000]))
        assert (w.numpy() == 2).all()
        assert (f(w, cr.tensor([0, 4999]))[0].numpy() == 4).all()


def test_compiled_functions_are_copied_and_pickled() -> None:
    f = cr.compile(scaled, accuracy="fast")
    for twin in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert twin.accuracy == "fast"
        assert twin(cr.ones(2), 1.0).numpy().tolist() == [1, 1]


def test_clear_looks_at_what_is_outside_anew() -> None:
    box = [2.0]
    f = cr.compile(lambda x: x * box[0])
    assert f(3.0).item() == 6
    box[0] = 5.0
    assert f(3.0).item() == 6
    f.clear()
    assert f(3.0).item() == 15
