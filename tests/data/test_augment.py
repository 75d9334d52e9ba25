"""Changes of images: what they keep, and that the key alone decides them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import data
from chainrule.core.errors import ArgumentError, DomainError, ShapeError
from chainrule.data import augment

KEY = cr.random.key(4)
ALL = [
    augment.random_shift(2),
    augment.random_crop((5, 6), padding=1),
    augment.random_flip(),
    augment.random_flip(0.3, axis=-2),
    augment.random_rotation(20.0),
    augment.normalise(0.5, 2.0),
    augment.compose(augment.random_shift(1), augment.random_flip()),
]


def images(*shape, dtype=np.float32):
    return (np.random.default_rng(1).random(shape) * 255).astype(dtype)


@pytest.mark.parametrize("change", ALL, ids=str)
@pytest.mark.parametrize("shape", [(6, 8, 7), (6, 3, 8, 7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_a_change_is_pure_and_decided_by_the_key(change, shape, dtype):
    given = images(*shape, dtype=dtype)
    before = given.copy()
    one, again = change(KEY, given), change(KEY, given)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(given, before)
    assert not np.shares_memory(one, given)
    assert one.shape[:-2] == shape[:-2]
    if "normalise" not in change.name:
        assert one.dtype == dtype
        other = change(cr.random.key(5), given)
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("change", ALL, ids=str)
def test_channels_are_changed_alike(change):
    gray = images(6, 8, 7)
    coloured = change(KEY, np.stack([gray, gray], axis=1))
    np.testing.assert_array_equal(coloured[:, 0], change(KEY, gray))
    np.testing.assert_array_equal(coloured[:, 0], coloured[:, 1])


@given(pixels=st.integers(1, 3), seed=st.integers(0, 50))
def test_a_shift_moves_each_image_by_its_own_vector(pixels, seed):
    given = np.zeros((8, 9, 9))
    given[:, 4, 4] = 1
    moved = augment.random_shift(pixels)(cr.random.key(seed), given)
    places = np.argwhere(moved)
    assert len(places) == 8
    assert (abs(places[:, 1:] - 4) <= pixels).all()


def test_all_shifts_are_equally_likely():
    given = np.zeros((9000, 3, 3))
    given[:, 1, 1] = 1
    counts = augment.random_shift(1)(KEY, given).sum(axis=0)
    assert (abs(counts - 1000) < 5 * np.sqrt(1000)).all()  # five standard deviations


def test_a_shift_brings_in_the_value_asked_for():
    moved = augment.random_shift(2, fill=-1.0)(KEY, images(20, 5, 5) + 1)
    assert moved.min() == -1
    assert augment.random_shift(2)(KEY, images(20, 5, 5) + 1).min() == 0


def test_a_crop_is_a_part():
    given = np.arange(2 * 6 * 7).reshape(2, 6, 7)
    for whole, part in zip(given, augment.random_crop((3, 4))(KEY, given), strict=True):
        top, left = np.argwhere(whole == part[0, 0])[0]
        np.testing.assert_array_equal(part, whole[top : top + 3, left : left + 4])


def test_a_flip_happens_with_its_probability():
    given = images(4000, 1, 3)
    same = (augment.random_flip(0.3)(KEY, given) == given).all(axis=(1, 2))
    assert abs(same.mean() - 0.7) < 5 * np.sqrt(0.21 / 4000)
    np.testing.assert_array_equal(augment.random_flip(1.0, axis=-2)(KEY, given), given[:, ::-1])
    np.testing.assert_array_equal(augment.random_flip(0.0)(KEY, given), given)


def test_a_rotation_agrees_with_scipys():
    ndimage = pytest.importorskip("scipy.ndimage")
    given = images(5, 9, 12, dtype=np.float64)
    turned = augment.random_rotation(60.0, fill=7.0)(KEY, given)
    bound = np.deg2rad(60.0)
    angles = cr.random.uniform(KEY, 5, -bound, bound).numpy()
    for angle, before, after in zip(angles, given, turned, strict=True):
        padded = np.pad(before, 1, constant_values=7.0)
        wanted = ndimage.rotate(
            padded, -np.rad2deg(angle), reshape=False, order=1, mode="constant", cval=7.0
        )
        np.testing.assert_allclose(after, wanted[1:-1, 1:-1], rtol=1e-9)


def test_normalise_takes_each_channel_by_itself():
    given = images(3, 2, 4, 4, dtype=np.uint8)
    found = augment.normalise([10.0, 20.0], [2.0, 4.0])(KEY, given)
    wanted = (given - np.reshape([10.0, 20.0], (2, 1, 1))) / np.reshape([2.0, 4.0], (2, 1, 1))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    np.testing.assert_allclose(
        augment.normalise([10.0, 20.0], 2.0)(KEY, given),
        (given - np.reshape([10.0, 20.0], (2, 1, 1))) / 2,
        rtol=1e-5,
    )


def test_normalise_keeps_the_digits_of_what_is_near_the_mean():
    near = np.float32(1000) + np.arange(4, dtype=np.float32).reshape(1, 2, 2) * np.float32(2**-10)
    found = augment.normalise(1000.0, 0.1)(KEY, near)
    np.testing.assert_allclose(found[0], np.reshape([0, 1, 2, 3], (2, 2)) * 2**-10 / 0.1, rtol=1e-6)


def test_a_loader_augments_and_says_so():
    x = images(10, 8, 8)
    loader = data.Loader((x, np.arange(10)), 4, transform=ALL[0], shuffle=False, prefetch=1)
    first, _ = next(loader.epoch(2))
    key = cr.random.fold_in(cr.random.fold_in(cr.random.key(0), 2), 0)
    np.testing.assert_array_equal(first.numpy(), ALL[0](key, x[:4]))
    assert loader.fingerprint()["transform"] == "random_shift(2)"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: augment.random_shift(0), DomainError, "pixels is a whole number"),
        (lambda: augment.random_shift(1.5), DomainError, "not 1.5"),
        (lambda: augment.random_crop(3, padding=-1), DomainError, "padding"),
        (lambda: augment.random_crop(9)(KEY, images(2, 8, 8)), ShapeError, "smaller than"),
        (lambda: augment.random_flip(2.0), DomainError, "from 0 to 1"),
        (lambda: augment.random_flip(axis=1), DomainError, "axis -1 or -2"),
        (lambda: augment.random_rotation(0), DomainError, "above 0"),
        (lambda: augment.random_rotation(np.inf), DomainError, "finite"),
        (lambda: augment.normalise(0.0, [1.0, 0.0]), DomainError, "std is above 0"),
        (lambda: augment.normalise([0.0, 1.0], 1.0)(KEY, images(2, 3, 4, 4)), ShapeError, "each"),
        (lambda: augment.compose(3), ArgumentError, "functions"),
        (lambda: augment.random_flip()(KEY, images(2, 64)), ShapeError, r"these \(2, 64\)"),
    ],
)
def test_what_cannot_be_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
