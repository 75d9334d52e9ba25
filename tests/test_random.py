"""Random numbers: known answers, distributions, keys."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.ops.random import threefry

KEY = cr.random.key(42)


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [  # known answers of the authors' reference implementation, threefry2x32 with 20 rounds
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_known_answers(key, counter, words) -> None:
    arrays = [np.array([word], np.uint32) for word in (*key, *counter)]
    found = threefry(*arrays)
    assert tuple(int(word[0]) for word in found) == words


def test_same_key_same_numbers_other_key_other_numbers() -> None:
    a, b = cr.random.split(KEY)
    assert (cr.random.bits(a, (5,)) == cr.random.bits(a, (5,))).all()
    assert not (cr.random.bits(a, (5,)) == cr.random.bits(b, (5,))).any()
    assert not (cr.random.fold_in(KEY, 1) == cr.random.fold_in(KEY, 2)).all()
    many = cr.random.split(KEY, 1000).numpy()
    assert len({tuple(row) for row in many}) == 1000


def test_fewer_bits_are_a_prefix_of_more() -> None:
    assert (cr.random.bits(KEY, (7,)) == cr.random.bits(KEY, (10,))[:7]).all()


def test_vmap_over_keys_equals_loop() -> None:
    keys = cr.random.split(KEY, 4)
    many = cr.vmap(lambda k: cr.random.normal(k, (3,)))(keys)
    for i in range(4):
        assert (many[i] == cr.random.normal(keys[i], (3,))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions(dtype: str) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    n = 20_000
    samples = {
        "uniform": cr.random.uniform(KEY, (n,), dtype=dtype),
        "norm": cr.random.normal(KEY, (n,), dtype=dtype),
        "expon": cr.random.exponential(KEY, (n,), dtype=dtype),
        "gumbel_r": cr.random.gumbel(KEY, (n,), dtype=dtype),
    }
    for name, drawn in samples.items():
        assert drawn.dtype == dtype
        assert np.isfinite(drawn.numpy()).all()
        p = scipy_stats.kstest(drawn.numpy().astype(float), name).pvalue
        assert p > 1e-3, f"{name}: p = {p}"
    truncated = cr.random.truncated_normal(KEY, (n,), -1.0, 2.0, dtype=dtype).numpy()
    assert (
        scipy_stats.kstest(truncated.astype(float), scipy_stats.truncnorm(-1, 2).cdf).pvalue > 1e-3
    )


def test_bernoulli_categorical_randint() -> None:
    assert abs(np.mean(cr.random.bernoulli(KEY, 0.3, (20_000,)).numpy()) - 0.3) < 0.02
    p = np.array([0.1, 0.2, 0.7])
    drawn = cr.random.categorical(KEY, np.log(p), shape=(20_000,)).numpy()
    np.testing.assert_allclose(np.bincount(drawn) / 20_000, p, atol=0.02)
    assert cr.random.categorical(KEY, np.zeros((4, 3))).shape == (4,)
    numbers = cr.random.randint(KEY, (10_000,), -3, 5).numpy()
    assert set(numbers) == set(range(-3, 5))


def test_permutation() -> None:
    p = cr.random.permutation(KEY, 100).numpy()
    assert sorted(p) == list(range(100))
    assert list(p) != list(range(100))
    rows = cr.random.permutation(KEY, np.arange(12).reshape(3, 4), axis=1).numpy()
    assert (np.sort(rows, axis=1) == np.arange(12).reshape(3, 4)).all()


def test_reparameterised_gradients() -> None:
    f = lambda mean, std: (cr.random.normal(KEY, (5,), mean, std) ** 2).sum()
    noise = cr.random.normal(KEY, (5,)).numpy()
    g = cr.grad(f, argnums=(0, 1))(1.0, 2.0)
    drawn = 1.0 + 2.0 * noise
    np.testing.assert_allclose(
        [g[0].item(), g[1].item()], [2 * drawn.sum(), 2 * (drawn * noise).sum()]
    )


def test_random_numbers_inside_a_scan() -> None:
    def step(x, key):
        x = x + 0.1 * cr.random.normal(key, x.shape)
        return x, x

    keys = cr.random.split(KEY, 3)
    final, _ = cr.scan(step, cr.zeros(2), keys)
    x = np.zeros(2)
    for i in range(3):
        x = x + 0.1 * cr.random.normal(keys[i], (2,)).numpy()
    np.testing.assert_allclose(final, x)


def test_bad_input() -> None:
    with pytest.raises(DTypeError, match=r"random\.key\(seed\)"):
        cr.random.normal(3, (2,))
    with pytest.raises(DomainError, match="seed"):
        cr.random.key(-1)
    with pytest.raises(ShapeError, match="negative"):
        cr.random.uniform(KEY, (-1,))
    with pytest.raises(DTypeError, match="int64"):
        cr.random.uniform(KEY, (1,), dtype="int64")
    with pytest.raises(DomainError, match="low"):
        cr.random.randint(KEY, (1,), 3, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("low", "high"), [(9, 12), (5, 7), (-7, -5), (1, np.inf), (-np.inf, -40), (-0.5, np.inf)]
)
def test_truncated_normal_far_from_zero(low: float, high: float, dtype: str) -> None:
    stats = pytest.importorskip("scipy.stats")
    drawn = cr.random.truncated_normal(KEY, (5000,), low, high, dtype=dtype).numpy()
    assert drawn.dtype == dtype
    assert (drawn >= low).all() and (drawn <= high).all()
    assert len(np.unique(drawn)) > 4000
    assert stats.kstest(drawn.astype(float), stats.truncnorm(low, high).cdf).pvalue > 1e-3


@pytest.mark.parametrize("interval", [(1e10, 1e10 + 1), (1e200, np.inf), (-1e-300, 1e-300)])
def test_truncated_normal_of_extreme_intervals_stays_inside(interval: tuple[float, float]) -> None:
    with np.errstate(over="ignore"):
        drawn = cr.random.truncated_normal(KEY, (10,), *interval).numpy()
    assert np.isfinite(drawn).all()
    assert (drawn >= interval[0]).all() and (drawn <= interval[1]).all()


def test_categorical_of_half_precision_prefers_no_index() -> None:
    drawn = cr.random.categorical(KEY, cr.zeros(500, dtype="float16"), shape=(20_000,)).numpy()
    first = np.mean(drawn < 250)
    assert abs(first - 0.5) < 4 * 0.5 / 20_000**0.5


def test_randint_of_every_range() -> None:
    for dtype in ("int64", "uint64", "int8", "uint8", "int32"):
        limits = np.iinfo(dtype)
        low, high = int(limits.min), int(limits.max) + 1
        drawn = cr.random.randint(KEY, (2000,), low, high, dtype=dtype).numpy()
        assert drawn.dtype == dtype
        places = (drawn.astype(float) - low) / (float(high) - low)
        assert abs(places.mean() - 0.5) < 0.03 and places.min() < 0.01 and places.max() > 0.99
        assert cr.random.randint(KEY, (), high - 1, high, dtype=dtype).item() == high - 1
    top = cr.random.randint(KEY, (100,), 2**64 - 3, 2**64, dtype="uint64").numpy()
    assert {int(n) for n in top} == {2**64 - 3, 2**64 - 2, 2**64 - 1}


def test_permutation_of_a_number() -> None:
    plain = cr.random.permutation(KEY, 5)
    assert (cr.random.permutation(KEY, np.int64(5)) == plain).all()
    with pytest.raises(DomainError, match="-3"):
        cr.random.permutation(KEY, -3)


def test_folded_keys_meet_no_other_stream() -> None:
    words = {
        "bits": cr.random.bits(KEY, (2,)),
        "split": cr.random.split(KEY)[0],
        "0": cr.random.fold_in(KEY, 0),
        "2 << 56": cr.random.fold_in(KEY, 2 << 56),
        "3 << 56": cr.random.fold_in(KEY, 3 << 56),
        "-1": cr.random.fold_in(KEY, -1),
        "2**64 - 1": cr.random.fold_in(KEY, np.uint64(2**64 - 1)),
    }
    assert len({tuple(pair.tolist()) for pair in words.values()}) == len(words)


def test_uniform_never_gives_the_upper_bound() -> None:
    drawn = cr.random.uniform(KEY, (10_000,), 1e6, 1e6 + 1, dtype="float32").numpy()
    assert drawn.min() == 1e6 and drawn.max() < 1e6 + 1
    for high in (1.0, -1.0, -2.0, 3.7, -3.7, 1e-3, 1e5):
        for dtype in ("float32", "float64"):
            end = np.asarray(high, dtype)
            below = np.nextafter(end, np.asarray(-np.inf, dtype))
            drawn = cr.random.uniform(KEY, (50,), below, end, dtype=dtype).numpy()
            assert (drawn == below).all()
    assert cr.random.uniform(KEY, (), 2.0, 2.0).item() == 2.0
    with pytest.raises(DomainError, match="above"):
        cr.random.uniform(KEY, (), 2.0, 1.0)
    slopes = cr.grad(lambda low, high: cr.random.uniform(KEY, (), low, high), (0, 1))(1.0, 3.0)
    assert np.isclose(slopes[0] + slopes[1], 1.0)
