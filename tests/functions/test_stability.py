"""Values and gradients where a careless formula overflows, divides 0 by 0 or loses all digits."""

import numpy as np
import pytest

import chainrule as cr

DTYPES = [cr.float32, cr.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_log_softmax_of_huge_scores(dtype: np.dtype) -> None:
    x = cr.tensor([1e4, 0.0, -1e4], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(cr.log_softmax(x), [0.0, -1e4, -2e4])
        np.testing.assert_array_equal(cr.softmax(x), [1.0, 0.0, 0.0])
        first = cr.grad(lambda x: cr.log_softmax(x)[0])(x)
        np.testing.assert_array_equal(first, [0.0, 0.0, 0.0])
        second = cr.grad(lambda x: cr.log_softmax(x)[1])(x)
        np.testing.assert_array_equal(second, [-1.0, 1.0, 0.0])


def test_log_softmax_keeps_small_differences_at_huge_scores() -> None:
    x = np.float32([1e4, 1e4 - 1])
    wanted = -np.log1p(np.exp([-1.0, 1.0]))
    np.testing.assert_allclose(cr.log_softmax(x), wanted, rtol=1e-6)


def test_softmax_with_masked_scores() -> None:
    masked = cr.tensor([0.0, -np.inf, 0.0])
    np.testing.assert_array_equal(cr.softmax(masked), [0.5, 0.0, 0.5])
    gradient = cr.grad(lambda x: cr.softmax(x)[0])(masked)
    np.testing.assert_allclose(gradient, [0.25, 0.0, -0.25])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_sigmoid_cross_entropy_at_huge_scores(dtype: np.dtype) -> None:
    """L = -y ln σ(z) - (1 - y) ln(1 - σ(z)) has dL/dz = σ(z) - y."""

    def loss(z: cr.Tensor, y: float) -> cr.Tensor:
        return -(y * cr.log_sigmoid(z) + (1 - y) * cr.log_sigmoid(-z))

    for z in (-1e4, -1000.0, 0.0, 1000.0, 1e4):
        for y in (0.0, 1.0):
            with np.errstate(all="raise", under="ignore"):
                value, slope = cr.value_and_grad(loss)(cr.tensor(z, dtype=dtype), y)
            sigma = 0.5 if z == 0 else float(z > 0)
            assert slope.item() == sigma - y
            assert np.isclose(value.item(), abs(z) * (sigma != y) if z else np.log(2))


def test_one_element_has_no_spread() -> None:
    for f in (cr.var, cr.std):
        for x in (cr.tensor([3.0]), cr.tensor(3.0), cr.full((4,), 3.0)):
            value, gradient = cr.value_and_grad(f)(x)
            assert value.item() == 0.0
            np.testing.assert_array_equal(gradient, np.zeros(x.shape))
    with np.errstate(invalid="ignore"):
        assert np.isnan(cr.var([3.0], correction=1).item())  # 0/0, as in NumPy


def test_norms_at_the_zero_vector() -> None:
    for p in (1, 2, 3, 2.5, np.inf):
        value, gradient = cr.value_and_grad(lambda x, p=p: cr.norm(x, p))(cr.zeros(3))
        assert value.item() == 0.0
        np.testing.assert_array_equal(gradient, np.zeros(3))
    rows = cr.tensor([[0.0, 0.0], [3.0, 4.0]])
    gradient = cr.grad(lambda x: cr.norm(x, axis=1).sum())(rows)
    np.testing.assert_allclose(gradient, [[0.0, 0.0], [0.6, 0.8]])
    assert cr.grad(cr.hypot, argnums=(0, 1))(0.0, 0.0)[1].item() == 0.0


def test_hypot_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        value, gradient = cr.value_and_grad(cr.hypot)(3e200, 4e200)
    assert np.isclose(value.item(), 5e200) and np.isclose(gradient.item(), 0.6)
    assert cr.hypot(np.inf, 1.0).item() == np.inf


def test_ties_share_the_derivative() -> None:
    x = cr.tensor([2.0, 5.0, 5.0])
    np.testing.assert_array_equal(cr.grad(cr.max)(x), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(cr.grad(lambda x: cr.min(-x))(x), [0.0, -0.5, -0.5])
    assert cr.grad(cr.maximum, argnums=(0, 1))(1.0, 1.0) == (0.5, 0.5)


def test_logaddexp_and_logsumexp() -> None:
    assert cr.logaddexp(-1e10, 1.0).item() == 1.0
    assert cr.logaddexp(-np.inf, 2.0).item() == 2.0
    assert cr.logaddexp(-np.inf, -np.inf).item() == -np.inf
    assert cr.derivative(lambda x: cr.logaddexp(x, 0.0), n=2)(0.0).item() == 0.25
    np.testing.assert_allclose(cr.grad(cr.logsumexp)(cr.full((2,), 1e4)), [0.5, 0.5])


def test_powers_at_zero() -> None:
    assert cr.grad(lambda x: x**0)(0.0).item() == 0.0
    assert cr.grad(lambda x: x**1)(0.0).item() == 1.0
    assert cr.grad(lambda x: x**2.0)(-3.0).item() == -6.0
    assert cr.grad(lambda x: cr.sqrt(x))(0.0).item() == 0.0
    assert cr.grad(lambda y: 0.0**y)(2.0).item() == 0.0


def test_activations_far_from_zero() -> None:
    far = cr.tensor([-1e4, 1e4])
    with np.errstate(all="raise", under="ignore"):
        for f, limits in (
            (cr.elu, [0.0, 1.0]), (cr.selu, [0.0, 1.0507009873554805]), (cr.silu, [0.0, 1.0]),
            (cr.gelu, [0.0, 1.0]), (cr.mish, [0.0, 1.0]), (cr.softplus, [0.0, 1.0]),
            (cr.log_sigmoid, [1.0, 0.0]), (cr.sigmoid, [0.0, 0.0]), (cr.tanh, [0.0, 0.0]),
            (cr.leaky_relu, [0.01, 1.0]), (cr.softsign, [1e-8, 1e-8]), (cr.relu, [0.0, 1.0]),
        ):  # fmt: skip
            gradient = cr.grad(lambda x, f=f: f(x).sum())(far)
            np.testing.assert_allclose(gradient, limits, rtol=1e-3, atol=1e-300)


def test_slopes_of_activations_at_zero() -> None:
    slopes = {"relu": 0.0, "elu": 1.0, "leaky_relu": 0.01, "softsign": 1.0, "gelu": 0.5,
              "silu": 0.5, "abs": 0.0, "mish": 0.6}  # fmt: skip
    for name, slope in slopes.items():
        assert np.isclose(cr.grad(getattr(cr, name))(0.0).item(), slope), name


def test_where_does_not_hide_a_nan_in_the_branch_not_taken() -> None:
    """The trap that the docstring of `where` explains, and its safe pattern."""

    def trap(x: cr.Tensor) -> cr.Tensor:
        return cr.where(x > 0, cr.sin(x) / x, 1.0)

    def safe(x: cr.Tensor) -> cr.Tensor:
        inside = cr.where(x > 0, x, 1.0)
        return cr.where(x > 0, cr.sin(inside) / inside, 1.0)

    with np.errstate(all="ignore"):
        value, slope = cr.value_and_grad(trap)(0.0)
        assert value.item() == 1.0 and np.isnan(slope.item())
    with np.errstate(all="raise"):
        value, slope = cr.value_and_grad(safe)(0.0)
        assert value.item() == 1.0 and slope.item() == 0.0
    assert "inside" in (cr.where.__doc__ or "")


def test_statistics_of_half_precision_overflow_only_if_the_result_does() -> None:
    half = lambda values: cr.tensor(values, dtype="float16")
    many = cr.ones(100_000, dtype="float16")
    with np.errstate(all="raise", under="ignore"):
        for found, wanted in (
            (many.mean(), 1.0),
            (many.var(), 0.0),
            (half([6e4, 6e4]).mean(), 6e4),
            (cr.average(half([6e4, 6e4]), weights=[1.0, 2.0]).astype("float16"), 6e4),
            (cr.average(half([6e4, 6e4]), weights=half([1.0, 2.0])), 6e4),
            (half([200.0, -200.0]).var(), 4e4),
            (half([3e4, -3e4]).std(), 3e4),
            (half([300.0, 300.0]).norm(), 300 * 2**0.5),
            (cr.norm(half([[300.0, 300.0]]), "fro"), 300 * 2**0.5),
            (cr.linalg.vector_norm(half([300.0, 400.0])), 500.0),
        ):
            assert found.dtype == cr.float16
            np.testing.assert_allclose(found, wanted, rtol=1e-3)
        slope = cr.grad(lambda x: x.norm())(half([300.0, 400.0]))
    assert slope.dtype == cr.float16
    np.testing.assert_allclose(slope, [0.6, 0.8], rtol=1e-3)


def test_hypot_of_an_infinity_is_infinite() -> None:
    x = cr.tensor([np.inf, np.nan, -np.inf, np.nan, 3.0])
    y = cr.tensor([np.nan, -np.inf, 1.0, 1.0, 4.0])
    np.testing.assert_array_equal(cr.hypot(x, y), np.hypot(x.numpy(), y.numpy()))
    slopes = cr.grad(lambda x: cr.hypot(x, 1.0).sum())(cr.tensor([np.inf, -np.inf, 0.0]))
    np.testing.assert_array_equal(slopes, [1.0, -1.0, 0.0])
