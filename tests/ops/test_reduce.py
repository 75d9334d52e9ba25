"""Reductions and cumulative operations against NumPy, SciPy and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.ops.cumulative import cumprod, cumsum, linear_recurrence
from chainrule.ops.reduce import all_, any_, argmax, argmin, logsumexp, max_, min_, prod, sum_
from tests.ops.nodes import constant, few, gradient, hessian

FOLDS = {
    "sum": (sum_, np.sum),
    "prod": (prod, np.prod),
    "max": (max_, np.max),
    "min": (min_, np.min),
    "logsumexp": (logsumexp, lambda x, **which: np.log(np.sum(np.exp(x), **which))),
}
DTYPES = (np.float16, np.float32, np.float64)


@st.composite
def folded(draw, min_side=1):
    x = draw(
        arrays(
            draw(st.sampled_from(DTYPES)),
            array_shapes(min_dims=0, max_dims=4, min_side=min_side, max_side=4),
            elements=st.sampled_from([-1.25, -1.0, -0.5, 0.0, 0.5, 1.0]),
        )
    )
    axes = tuple(sorted(draw(st.sets(st.integers(0, x.ndim - 1))))) if x.ndim else ()
    return x, axes, draw(st.booleans())


@pytest.mark.parametrize("name", FOLDS)
@few
@given(case=folded())
def test_folds_agree_with_numpy(name, case):
    primitive, oracle = FOLDS[name]
    x, axes, keepdims = case
    found = primitive(constant(x), axes=axes, keepdims=keepdims)
    wanted = oracle(x.astype(np.float64), axis=axes, keepdims=keepdims)
    assert found.dtype == x.dtype == found.value.dtype
    assert found.shape == wanted.shape
    tolerance = 4 * np.sqrt(x.size + 1) * float(np.finfo(x.dtype).eps)
    np.testing.assert_allclose(found.value, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", FOLDS)
@few
@given(case=folded())
def test_each_element_has_its_own_slope(name, case):
    """The gradient of a full reduction is the directional derivative along each element."""
    primitive, _ = FOLDS[name]
    x, axes, keepdims = case
    x = (np.arange(x.size) * 0.37 % 2.1 - 0.9).reshape(x.shape) + x * 1e-3
    fold = lambda x: primitive(x, axes=axes, keepdims=keepdims)
    found = gradient(fold, x)
    h = 1e-6
    for index in np.ndindex(x.shape):
        moved = [np.array(x), np.array(x)]
        moved[0][index] += h
        moved[1][index] -= h
        up, down = (np.sum(fold(constant(m)).value) for m in moved)
        assert found[index] == pytest.approx((up - down) / (2 * h), abs=2e-6)


def test_empty_axes():
    empty = constant(np.zeros((2, 0, 3)))
    np.testing.assert_array_equal(sum_(empty, axes=(1,), keepdims=False).value, np.zeros((2, 3)))
    np.testing.assert_array_equal(prod(empty, axes=(1,), keepdims=False).value, np.ones((2, 3)))
    assert np.all(logsumexp(empty, axes=(1,), keepdims=False).value == -np.inf)
    assert gradient(lambda x: prod(x, axes=(1,), keepdims=False), np.zeros((2, 0))).shape == (2, 0)
    for primitive in (max_, min_):
        assert primitive(empty, axes=(0,), keepdims=False).shape == (0, 3)
        with pytest.raises(ShapeError, match=r"\(2, 0, 3\) is empty along axes \(1,\)"):
            primitive(empty, axes=(1,), keepdims=False)
    with pytest.raises(ShapeError, match="no argmax of no elements"):
        argmax(empty, axis=1, keepdims=False)


# -- products ------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [[2.0, 0.0, 5.0, 3.0], [2.0, 0.0, 5.0, 0.0], [0.0] * 3, [4.0, 0.5]])
def test_product_derivatives_are_products_of_the_others(x):
    f = lambda x: prod(x, axes=(0,), keepdims=False)
    others = [[x[k] for k in range(len(x)) if k != i] for i in range(len(x))]
    np.testing.assert_allclose(gradient(f, x), [np.prod(o) for o in others])
    second = np.zeros((len(x), len(x)))
    for i, j in itertools.permutations(range(len(x)), 2):
        second[i, j] = np.prod([x[k] for k in range(len(x)) if k not in (i, j)])
    np.testing.assert_allclose(hessian(f, x), second)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("x", [[2.0, 0.0, 5.0, 3.0], [0.0, 3.0, 0.0, 2.0], [1.5, 2.0, -1.0, 0.5]])
def test_cumulative_product_derivatives(x, reverse):
    """d² Σ_k Π_{i≤k} x_i by differentiating the polynomial term by term."""
    n = len(x)
    first, second = np.zeros(n), np.zeros((n, n))
    for k in range(n):
        members = range(k, n) if reverse else range(k + 1)
        for i in members:
            first[i] += np.prod([x[m] for m in members if m != i])
        for i, j in itertools.permutations(members, 2):
            second[i, j] += np.prod([x[m] for m in members if m not in (i, j)])
    f = lambda x: cumprod(x, axis=0, reverse=reverse)
    np.testing.assert_allclose(gradient(f, x), first)
    np.testing.assert_allclose(hessian(f, x), second)


def test_products_keep_small_floats_and_integers():
    half = constant(np.array([2.0, 0.5], np.float16))
    assert prod(half, axes=(0,), keepdims=False).value.dtype == np.float16
    small = constant(np.array([3, 4], np.int8))
    found = cumprod(small, axis=0, reverse=False)
    assert found.value.dtype == np.int8
    np.testing.assert_array_equal(found.value, [3, 12])


# -- running -------------------------------------------------------------------------------------


@few
@given(
    x=arrays(
        np.float64,
        array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
        elements=st.floats(-3, 3, width=16),
    ),
    data=st.data(),
)
def test_running_sums_and_products_agree_with_numpy(x, data):
    axis = data.draw(st.integers(0, x.ndim - 1))
    for primitive, oracle in ((cumsum, np.cumsum), (cumprod, np.cumprod)):
        found = primitive(constant(x), axis=axis, reverse=False).value
        np.testing.assert_array_equal(found, oracle(x, axis=axis))
        found = primitive(constant(x), axis=axis, reverse=True).value
        np.testing.assert_array_equal(found, np.flip(oracle(np.flip(x, axis), axis), axis))


def test_linear_recurrence_is_what_it_says():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6, 3))
    h = np.zeros(3)
    found = linear_recurrence(constant(a), constant(b), axis=0, reverse=False).value
    for k in range(6):
        h = a[k] * h + b[k]
        np.testing.assert_allclose(found[k], h)
    backwards = linear_recurrence(constant(a[::-1]), constant(b[::-1]), axis=0, reverse=True)
    np.testing.assert_allclose(backwards.value[::-1], found)
    with pytest.raises(ShapeError, match="two arrays of one type"):
        linear_recurrence(constant(a), constant(b[:3]), axis=0, reverse=False)


# -- extremes ------------------------------------------------------------------------------------


def test_ties_share_the_derivative():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    top = lambda x: max_(x, axes=(1,), keepdims=False)
    np.testing.assert_allclose(gradient(top, x), [[0, 0.5, 0.5], [1 / 3] * 3])
    bottom = lambda x: min_(x, axes=(0, 1), keepdims=True)
    np.testing.assert_allclose(gradient(bottom, x), [[1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(hessian(top, x), np.zeros((6, 6)))
    assert "equally" in max_.convention


@few
@given(case=folded())
def test_places_and_truths_agree_with_numpy(case):
    x, axes, keepdims = case
    for axis in range(x.ndim):
        for primitive, oracle in ((argmax, np.argmax), (argmin, np.argmin)):
            found = primitive(constant(x), axis=axis, keepdims=keepdims)
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found.value, oracle(x, axis=axis, keepdims=keepdims))
    truths = x > 0
    for primitive, oracle in ((any_, np.any), (all_, np.all)):
        found = primitive(constant(truths), axes=axes, keepdims=keepdims)
        assert found.dtype == bool
        np.testing.assert_array_equal(found.value, oracle(truths, axis=axes, keepdims=keepdims))


def test_truths_are_asked_of_conditions_only():
    with pytest.raises(DTypeError, match="compare with 0 first"):
        any_(constant([1.0]), axes=(0,), keepdims=False)


# -- logsumexp -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", [-1e4, 0.0, 1e4])
def test_logsumexp_is_stable(dtype, level):
    x = (np.array([0.0, 1.0, -1.0]) + level).astype(dtype)
    found = logsumexp(constant(x), axes=(0,), keepdims=False)
    assert found.dtype == dtype
    exact = x[0] + np.log(np.sum(np.exp(x.astype(np.float64) - x[0])))
    assert float(found.value) == pytest.approx(exact, rel=float(np.finfo(dtype).eps) * 2)
    if dtype == np.float64:
        softmax = scipy.special.softmax([0.0, 1.0, -1.0])
        f = lambda x: logsumexp(x, axes=(0,), keepdims=False)
        np.testing.assert_allclose(gradient(f, x), softmax, rtol=1e-11)
        curved = np.diag(softmax) - np.outer(softmax, softmax)
        np.testing.assert_allclose(hessian(f, x), curved, rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_logsumexp_at_infinity():
    x = np.array([[-np.inf, -np.inf], [-np.inf, 3.0], [1e4, -1e4]])
    f = lambda x: logsumexp(x, axes=(1,), keepdims=False)
    np.testing.assert_array_equal(f(constant(x)).value, [-np.inf, 3.0, 1e4])
    np.testing.assert_array_equal(gradient(f, x), [[0, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(hessian(f, x), np.zeros((6, 6)))
    assert f(constant([[np.inf, 1e4]])).value == np.inf
    with pytest.raises(DTypeError, match="float"):
        f(constant([[1, 2]]))
