"""Batches from generators."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import data
from chainrule.core.errors import ArgumentError, DomainError, DTypeError, ShapeError


def batches(epoch):
    rng = np.random.default_rng(epoch)
    for size in (3, 3, 2):
        yield rng.normal(size=(size, 2)), rng.integers(0, 2, size)


def examples(epoch):
    for number in range(7):
        yield [float(number), float(epoch)], number % 2


def values(found):
    return [(x.tolist(), y.tolist()) for x, y in found]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_epoch_is_made_anew_by_its_number(prefetch):
    stream = data.Stream(batches, prefetch=prefetch)
    assert values(stream.epoch(1)) == values(stream.epoch(1))
    assert values(stream.epoch(1)) != values(stream.epoch(2))
    assert [len(x) for x, _ in stream.epoch(1)] == [3, 3, 2]
    assert stream.steps_per_epoch is None


def noisy(key, inputs):
    return inputs + cr.random.normal(key, inputs.shape).numpy()


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_an_epoch_started_in_the_middle_is_the_same(start):
    stream = data.Stream(batches, transform=noisy)
    assert values(stream.epoch(3, start)) == values(stream.epoch(3))[start:]
    single = data.Stream(examples, batch_size=3, transform=noisy)
    assert values(single.epoch(3, start)) == values(single.epoch(3))[start:]


def test_examples_are_stacked():
    stream = data.Stream(examples, batch_size=3)
    assert values(stream.epoch(5))[1:] == [
        ([[3.0, 5.0], [4.0, 5.0], [5.0, 5.0]], [1, 0, 1]),
        ([[6.0, 5.0]], [0]),
    ]
    assert len(list(data.Stream(examples, batch_size=3, drop_last=True).epoch(5))) == 2


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_function_may_fill_the_same_arrays_again(prefetch):
    def refilled(epoch):
        x = np.zeros((2, 1))
        for number in range(4):
            x[:] = number
            yield x, x

    found = list(data.Stream(refilled, prefetch=prefetch).epoch(1))
    assert values(found) == [([[n], [n]], [[n], [n]]) for n in range(4)]
    single = data.Stream(lambda epoch: ((x[0], y[0]) for x, y in refilled(1)), batch_size=2)
    assert values(single.epoch(1)) == [([[n], [n + 1]], [[n], [n + 1]]) for n in (0, 2)]


def test_a_transform_that_changes_its_argument_does_not_change_what_it_came_from():
    x = np.zeros((2, 1))

    def transform(key, inputs):
        inputs += 1
        return inputs

    stream = data.Stream(lambda epoch: [(x, x), (x, x)], transform=transform)
    assert values(stream.epoch(1)) == [([[1.0], [1.0]], [[0.0], [0.0]])] * 2


def test_steps_end_what_goes_on_for_ever():
    def endless(epoch):
        return (([[float(n)]], [n]) for n in itertools.count())

    stream = data.Stream(endless, steps=4, prefetch=2)
    assert stream.steps_per_epoch == 4
    assert [y.tolist() for _, y in stream.epoch(1)] == [[0], [1], [2], [3]]
    assert [y.tolist() for _, y in stream.epoch(1, start=3)] == [[3]]


def test_what_is_used_up_is_told():
    once = iter(list(batches(1)))
    stream = data.Stream(lambda epoch: once)
    assert len(list(stream.epoch(1))) == 3
    with pytest.raises(DomainError, match=r"epoch 2 ended after 0 batches.*used up"):
        list(stream.epoch(2))
    with pytest.raises(DomainError, match="ended after 3 batches, expected 5"):
        list(data.Stream(batches, steps=5).epoch(1))
    with pytest.raises(ArgumentError, match="a generator, which could be read once"):
        data.Stream(batches(1))
    with pytest.raises(ArgumentError, match="the function gave NoneType for epoch 1"):
        list(data.Stream(lambda epoch: None).epoch(1))
    with pytest.raises(ArgumentError, match="drop_last is for single examples"):
        data.Stream(batches, drop_last=True)


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        (3.0, ShapeError, "batch 0 of epoch 1: expected a pair .inputs, targets., got a float"),
        (([1.0], [1], 2), ShapeError, "a tuple of 3"),
        (([[1.0]], [1, 2]), ShapeError, "1 inputs but 2 targets"),
        (([[np.nan]], [1]), DomainError, "inputs hold a NaN or an infinity, first in row 0"),
        (([[1.0]], [np.inf]), DomainError, "targets hold"),
        ((np.zeros((0, 1)), np.zeros(0)), ShapeError, "is empty"),
        (([["a"]], [1]), DTypeError, "inputs are no array of numbers"),
        ((1.0, 2.0), ShapeError, "one row an example"),
    ],
)
def test_bad_batches_are_refused(item, error, words):
    with pytest.raises(error, match=words):
        list(data.Stream(lambda epoch: [item]).epoch(1))


@pytest.mark.parametrize(
    ("second", "error", "words"),
    [
        (([1.0], 1), ShapeError, r"example 1 of epoch 1 has the shape \(1,\), another .* \(2,\)"),
        ((["a", "b"], 1), DTypeError, "example 1 of epoch 1 is no array of numbers"),
    ],
)
def test_bad_examples_are_refused(second, error, words):
    with pytest.raises(error, match=words):
        list(data.Stream(lambda epoch: [([1.0, 2.0], 0), second], batch_size=2).epoch(1))


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"steps": 0}, {"prefetch": -1}])
def test_bad_sizes_are_refused(options):
    with pytest.raises(DomainError, match="at least"):
        data.Stream(batches, **options)
