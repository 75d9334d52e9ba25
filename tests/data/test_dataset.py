import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import data
from chainrule.core.errors import DomainError, DTypeError, ShapeError


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load_digits()


def test_digits_are_those_of_the_source(digits):
    assert digits.inputs.shape == (1797, 64)
    assert np.bincount(digits.targets).tolist() == [
        178,
        182,
        177,
        183,
        181,
        182,
        181,
        179,
        174,
        180,
    ]
    pixels = (digits.inputs * 16).astype(np.uint8)
    assert (pixels == digits.inputs * 16).all()
    assert pixels.max() == 16
    digest = hashlib.sha256(pixels.tobytes() + digits.targets.astype(np.uint8).tobytes())
    assert digest.hexdigest() == (
        "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
    )


def test_digits_equal_scikit_learns(digits):
    datasets = pytest.importorskip("sklearn.datasets")
    theirs = datasets.load_digits()
    np.testing.assert_array_equal(digits.inputs * 16, theirs.data)
    np.testing.assert_array_equal(digits.targets, theirs.target)


def test_split_keeps_the_share_of_each_class_and_every_example(digits):
    train, test = digits.split(test=0.2, seed=3)
    assert len(train) + len(test) == len(digits)
    counts = np.bincount(digits.targets)
    np.testing.assert_array_equal(np.bincount(test.targets), np.round(0.2 * counts))
    rows = np.concatenate([train.inputs, test.inputs])
    np.testing.assert_array_equal(
        rows[np.lexsort(rows.T)], digits.inputs[np.lexsort(digits.inputs.T)]
    )


def test_split_is_decided_by_the_seed(digits):
    again, other = digits.split(seed=1)[1], digits.split(seed=2)[1]
    np.testing.assert_array_equal(digits.split(seed=1)[1].inputs, again.inputs)
    assert not np.array_equal(other.inputs, again.inputs)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_split_refuses_a_share_that_is_none(digits, share):
    with pytest.raises(DomainError, match="between 0 and 1"):
        digits.split(test=share)


def test_split_refuses_to_leave_a_set_empty():
    with pytest.raises(DomainError, match="empty"):
        data.Dataset(np.zeros((2, 1)), np.array([0, 1])).split(test=0.2)


def test_split_by_class_needs_classes():
    with pytest.raises(DTypeError, match="float64"):
        data.Dataset(np.zeros((2, 1)), np.zeros(2)).split(stratify=True)


def test_split_is_plain_where_there_are_no_classes():
    x = np.arange(50.0)[:, None]
    train, test = data.Dataset(x, x[:, 0]).split(test=0.3, seed=2)
    assert (len(train), len(test)) == (35, 15)
    assert sorted([*train.targets, *test.targets]) == x[:, 0].tolist()
    assert test.targets.tolist() != list(range(15))


def test_split_may_pass_over_the_classes(digits):
    _, test = digits.split(test=0.5, stratify=False)
    assert len(test) == round(0.5 * len(digits))
    share = np.bincount(test.targets) / np.bincount(digits.targets)
    assert share.max() - share.min() > 0.01


def test_split_into_three_keeps_the_test_set(digits):
    train, validation, test = digits.split(test=0.2, seed=4, validation=0.25)
    _, alone = digits.split(test=0.2, seed=4)
    np.testing.assert_array_equal(test.inputs, alone.inputs)
    counts = np.bincount(digits.targets)
    assert (abs(np.bincount(validation.targets) - 0.25 * counts) < 1).all()
    assert len(validation) == round(0.25 * len(digits))
    assert len(train) + len(validation) + len(test) == len(digits)
    assert validation.name == "digits, validation"
    with pytest.raises(DomainError, match="training set empty"):
        digits.split(test=0.5, validation=0.6)


@given(
    labels=st.lists(st.integers(0, 12), min_size=4, max_size=40),
    test=st.floats(0.05, 0.6),
    validation=st.none() | st.floats(0.05, 0.35),
    seed=st.integers(0, 3),
)
def test_sets_have_their_share_of_all_and_of_each_class(labels, test, validation, seed):
    targets = np.array(labels)
    examples = data.Dataset(np.arange(len(targets))[:, None], targets)
    shares = [test] if validation is None else [validation, test]
    sizes = [round(share * len(targets)) for share in shares]
    if not all(sizes) or sum(sizes) == len(targets):
        with pytest.raises(DomainError, match="empty"):
            examples.split(test=test, seed=seed, validation=validation)
        return
    sets = examples.split(test=test, seed=seed, validation=validation)
    assert sorted(np.concatenate([part.inputs[:, 0] for part in sets])) == list(range(len(targets)))
    counts = np.bincount(targets)
    assert [len(part) for part in sets[1:]] == sizes
    held_out = np.bincount(sets[-1].targets, minlength=len(counts))
    assert (abs(held_out - test * counts) < 1 + 1e-9).all()


def test_whole_numbers_that_are_no_classes_are_split_by_chance():
    numbers = np.arange(200)  # each a class of its own
    train, test = data.Dataset(numbers[:, None], numbers).split(test=0.2, seed=1)
    assert (len(train), len(test)) == (160, 40)
    assert 60 < test.targets.mean() < 140  # not the lowest, as equal remainders by order would be


def test_data_sets_are_equal_only_to_themselves():
    one, other = (data.Dataset(np.zeros((2, 1)), np.zeros(2)) for _ in range(2))
    assert one == one and one != other
    assert len({one, other}) == 2


def test_the_split_of_the_digits_is_the_published_one(digits):
    _, test = digits.split(test=0.2, seed=0)
    digest = hashlib.sha256(np.ascontiguousarray(test.inputs).tobytes()).hexdigest()
    assert digest == "f1bee186a1250b380b427821d756d95a98b32d7cae9535cdee9dd4d3fc8fa37f"


def test_batches_hold_each_example_once_in_the_order_of_the_key():
    x = np.arange(10.0)[:, None]
    y = np.arange(10)

    def order(key):
        found = list(data.batches((x, y), 4, key=key))
        assert [len(b) for b, _ in found] == [4, 4, 2]
        for inputs, targets in found:
            np.testing.assert_array_equal(inputs.numpy()[:, 0], targets.numpy())
        return np.concatenate([targets.numpy() for _, targets in found]).tolist()

    assert order(None) == list(range(10))
    shuffled = order(cr.random.key(1))
    assert shuffled != list(range(10))
    assert sorted(shuffled) == list(range(10))
    assert order(cr.random.key(1)) == shuffled
    assert order(cr.random.key(2)) != shuffled


def test_batches_may_drop_the_last():
    found = list(data.batches((np.zeros((5, 1)), np.zeros(5)), 2, drop_last=True))
    assert [len(x) for x, _ in found] == [2, 2]


@pytest.mark.parametrize(
    ("examples", "error", "words"),
    [
        (([[1.0]], [1, 2]), ShapeError, "1 inputs but 2 targets"),
        ((np.zeros((0, 2)), np.zeros(0)), ShapeError, "no example"),
        (([[1.0], [np.nan]], [0, 1]), DomainError, "example 1"),
        (([[1.0]], [np.inf]), DomainError, "targets hold a NaN or an infinity"),
        ((1.0, 2.0), ShapeError, "one number"),
        ("digits", ShapeError, "got a str"),
    ],
)
def test_bad_data_is_refused(examples, error, words):
    with pytest.raises(error, match=words):
        data.as_dataset(examples)


def test_the_line_that_made_a_bad_data_set_is_named():
    with pytest.raises(ShapeError, match=r"test_dataset.py:\d+: data.Dataset"):
        data.Dataset([[1.0]], [1, 2])


@pytest.mark.parametrize("size", [0, 2.5, True, "2"])
def test_batch_size_is_a_whole_number_of_at_least_one(size):
    with pytest.raises(DomainError, match="batch_size is a whole number of at least 1, not"):
        data.batches(([1.0], [1]), size)


def test_lists_and_tensors_are_taken():
    found = data.Dataset([[1.0], [2.0]], cr.tensor([0, 1]))
    assert (len(found), found.inputs.shape, found.targets.dtype) == (2, (2, 1), np.int64)
    with pytest.raises(ShapeError):
        data.Dataset([[1.0], [2.0, 3.0]], [0, 1])
