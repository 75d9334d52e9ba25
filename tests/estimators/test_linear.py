"""Linear and logistic regression against scikit-learn, and against the conditions of a minimum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn")

from sklearn import linear_model as theirs
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from chainrule import train
from chainrule.core.errors import DomainError
from chainrule.estimators.proximal import lasso, newton, proximal_newton, quadratic

X, Y = load_diabetes(return_X_y=True)
TWO = np.stack([Y, np.sqrt(Y)], axis=1)
WEIGHTS = np.random.default_rng(0).random(len(X)) + 0.1
CANCER = (scale(load_breast_cancer().data), load_breast_cancer().target)
IRIS = (load_iris().data, load_iris().target)

LINEAR = [
    (train.LinearRegression(), theirs.LinearRegression()),
    (train.LinearRegression("l2", alpha=0.3), theirs.Ridge(0.3)),
    (train.LinearRegression("l1", alpha=0.2), theirs.Lasso(0.2, tol=1e-14, max_iter=100_000)),
    (
        train.LinearRegression("elasticnet", alpha=0.01, l1_ratio=0.7),
        theirs.ElasticNet(0.01, l1_ratio=0.7, tol=1e-14, max_iter=100_000),
    ),
]


@pytest.mark.parametrize(("own", "other"), LINEAR, ids=str)
@pytest.mark.parametrize("targets", [Y, TWO], ids=["one", "two"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("intercept", [True, False])
def test_linear_coefficients_equal_scikit_learns(own, other, targets, weights, intercept):
    own.set_params(fit_intercept=intercept).fit(X, targets, sample_weight=weights)
    other.set_params(fit_intercept=intercept).fit(X, targets, sample_weight=weights)
    size = abs(other.coef_).max()
    np.testing.assert_allclose(own.coef_, other.coef_, atol=1e-6 * size)
    np.testing.assert_allclose(own.intercept_, other.intercept_, atol=1e-6 * size)
    np.testing.assert_allclose(own.predict(X), other.predict(X), rtol=1e-6)
    assert own.coef_.shape == other.coef_.shape


def test_of_several_minima_the_shortest_is_taken():
    wide = np.random.default_rng(0).normal(size=(5, 9))
    own = train.LinearRegression(fit_intercept=False).fit(wide, wide[:, 0])
    np.testing.assert_allclose(own.coef_, np.linalg.pinv(wide) @ wide[:, 0], atol=1e-12)


def test_a_strong_penalty_leaves_nothing():
    model = train.LinearRegression("l1", alpha=1e6).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, 0)
    assert model.intercept_ == pytest.approx(Y.mean())
    assert model.n_iter_ <= 10


LOGISTIC = [
    ({"C": 0.1}, {"C": 0.1}),
    ({"C": 10.0, "fit_intercept": False}, {"C": 10.0, "fit_intercept": False}),
    ({"solver": "lbfgs"}, {}),
    ({"class_weight": "balanced"}, {"class_weight": "balanced"}),
    ({"class_weight": {0: 2.0, 1: 0.5}}, {"class_weight": {0: 2.0, 1: 0.5}}),
]


@pytest.mark.parametrize(("own", "other"), LOGISTIC, ids=str)
@pytest.mark.parametrize("data", [CANCER, IRIS], ids=["two", "three"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_logistic_coefficients_equal_scikit_learns(own, other, data, weighted):
    inputs, labels = data
    weights = np.random.default_rng(1).random(len(inputs)) + 0.1 if weighted else None
    mine = train.LogisticRegression(**own, tol=1e-10).fit(inputs, labels, weights)
    their = theirs.LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000, **other)
    their.fit(inputs, labels, weights)
    np.testing.assert_allclose(mine.coef_, their.coef_, atol=1e-6)
    intercepts = their.intercept_ - (their.intercept_.mean() if len(mine.intercept_) > 1 else 0)
    np.testing.assert_allclose(mine.intercept_, intercepts, atol=1e-6)
    np.testing.assert_allclose(
        mine.predict_proba(inputs), their.predict_proba(inputs), rtol=1e-5, atol=1e-9
    )
    np.testing.assert_array_equal(mine.predict(inputs), their.predict(inputs))


@pytest.mark.parametrize("solver", ["proximal-newton", "fista"])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("data", [CANCER, IRIS], ids=["two", "three"])
def test_sparse_logistic_coefficients_equal_scikit_learns(solver, ratio, data):
    inputs, labels = scale(data[0]), data[1]
    mine = train.LogisticRegression(
        "elasticnet", C=0.1, l1_ratio=ratio, solver=solver, max_iter=20_000
    ).fit(inputs, labels)
    their = theirs.LogisticRegression(
        C=0.1, l1_ratio=ratio, solver="saga", tol=1e-10, max_iter=100_000
    ).fit(inputs, labels)
    np.testing.assert_allclose(mine.coef_, their.coef_, atol=1e-6)
    np.testing.assert_array_equal(mine.coef_ == 0, their.coef_ == 0)
    assert (mine.coef_ == 0).any()


@pytest.mark.parametrize("solver", ["newton-cholesky", "lbfgs"])
def test_without_a_penalty_the_likelihood_is_largest(solver):
    inputs, labels = CANCER[0][:, :3], CANCER[1]
    mine = train.LogisticRegression(None, solver=solver, tol=1e-10).fit(inputs, labels)
    their = theirs.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    np.testing.assert_allclose(mine.coef_, their.fit(inputs, labels).coef_, atol=1e-5)
    # of three classes, the coefficients without what softmax does not see
    inputs, labels = IRIS[0][:, :2], np.random.default_rng(0).integers(0, 3, 150)
    three = train.LogisticRegression(None, solver=solver, tol=1e-10).fit(inputs, labels)
    np.testing.assert_allclose(three.coef_.sum(axis=0), 0, atol=1e-8)
    unbounded = train.LogisticRegression(C=np.inf, solver=solver, tol=1e-10).fit(inputs, labels)
    np.testing.assert_allclose(unbounded.coef_, three.coef_, atol=1e-8)
    proportions = three.predict_proba(inputs).mean(axis=0)
    np.testing.assert_allclose(proportions, np.bincount(labels) / 150, atol=1e-9)


def test_collinear_features_are_taken():
    inputs = np.hstack([CANCER[0][:, :2], CANCER[0][:, :2]])
    twice = train.LogisticRegression(None).fit(inputs, CANCER[1])
    once = train.LogisticRegression(None).fit(inputs[:, :2], CANCER[1])
    np.testing.assert_allclose(twice.coef_[:, :2] + twice.coef_[:, 2:], once.coef_, atol=1e-6)


def test_probabilities_too_small_for_a_number_have_a_logarithm():
    model = train.LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    model.coef_ = np.array([[1000.0]])
    np.testing.assert_allclose(
        model.predict_log_proba([[3.0]])[0], [-3000 - model.intercept_[0], 0]
    )
    assert model.predict([[3.0], [-3.0]]).tolist() == ["b", "a"]


def test_a_warm_start_begins_where_the_last_fit_ended():
    model = train.LogisticRegression(warm_start=True).fit(*IRIS)
    assert model.n_iter_[0] > 0
    before = model.coef_.copy()
    assert model.fit(*IRIS).n_iter_[0] == 0
    np.testing.assert_allclose(model.coef_, before, rtol=1e-9)
    with pytest.raises(DomainError, match="warm_start"):
        model.fit(IRIS[0][:, :2], IRIS[1])
    with pytest.raises(DomainError, match="warm_start"):
        model.fit(*CANCER)


def test_the_end_of_the_steps_is_warned_of():
    with pytest.warns(ConvergenceWarning, match="not converged after 1 iterations"):
        train.LogisticRegression(max_iter=1).fit(*CANCER)
    with pytest.warns(ConvergenceWarning) as caught:
        train.LinearRegression("l1", alpha=1e-4, max_iter=1).fit(X, Y)
    assert caught[0].filename == __file__  # and not a line of the library
    with pytest.raises(DomainError, match="one class"):
        train.LogisticRegression().fit(np.eye(3), [1, 1, 1])


# -- minima ----------------------------------------------------------------------------------------
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 6), strength=st.floats(0, 2))
def test_the_conditions_of_a_minimum_hold(seed, size, strength):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size + 1, size))
    matrix, linear = root.T @ root, rng.normal(size=size)
    penalties = strength * (rng.random(size) < 0.7)
    f = quadratic(matrix, linear)
    largest = np.linalg.eigvalsh(matrix)[-1]
    for ended in (
        lasso(f, np.zeros(size), penalties, largest, 1e-10, 100_000),
        proximal_newton(f, np.ones(size), penalties, 1e-10, 50),
    ):
        assert ended.converged
        slope = matrix @ ended.w - linear
        at_zero = (ended.w == 0) & (penalties > 0)
        assert (abs(slope[at_zero]) <= penalties[at_zero] + 1e-9).all()
        signs = (penalties * np.sign(ended.w))[~at_zero]
        np.testing.assert_allclose(slope[~at_zero] + signs, 0, atol=1e-9)
    if not penalties.any():
        np.testing.assert_allclose(
            newton(f, np.zeros(size), 1e-10, 5).w, np.linalg.solve(matrix, linear), rtol=1e-6
        )
