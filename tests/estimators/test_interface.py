"""The interface of scikit-learn, by its own checks."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import chainrule as cr
from chainrule import train
from chainrule.core.errors import DomainError

QUICK = [
    train.LinearRegression(),
    train.LinearRegression("l2"),
    train.LinearRegression("elasticnet", alpha=0.01),
    train.LogisticRegression(),
    train.LogisticRegression("l1"),
]
SLOW = [
    train.MLPClassifier(max_iter=100),
    train.MLPRegressor(max_iter=100),
    train.MLPClassifier(solver="lbfgs", max_iter=50),
    train.MLPRegressor(solver="lbfgs", max_iter=50),
]


@parametrize_with_checks(QUICK)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(SLOW)
def test_checks_of_scikit_learn_for_networks(estimator, check):
    check(estimator)


def test_they_stand_in_pipelines_and_searches():
    digits = cr.data.load_digits()
    few = digits.targets < 4
    model = make_pipeline(StandardScaler(), train.LogisticRegression())
    grid = {"logisticregression__C": [1e-4, 1.0]}
    search = GridSearchCV(model, grid, cv=3).fit(digits.inputs[few], digits.targets[few])
    assert search.best_params_["logisticregression__C"] == 1.0
    assert search.best_score_ > 0.95


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(dtype):
    X = np.random.default_rng(0).normal(size=(30, 3)).astype(dtype)
    y = X[:, 0] > 0
    for model in (
        train.LogisticRegression(),
        train.MLPClassifier((4,), max_iter=2),
        train.LinearRegression(),
        train.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = model.fit(X, y.astype(int))
        coefficients = fitted.coefs_[0] if hasattr(fitted, "coefs_") else fitted.coef_
        assert coefficients.dtype == dtype
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    "model",
    [
        train.LinearRegression("l3"),
        train.LinearRegression("l2", alpha=-1.0),
        train.LinearRegression("elasticnet", l1_ratio=1.5),
        train.LogisticRegression(C=0.0),
        train.LogisticRegression("l1", solver="lbfgs"),
        train.LogisticRegression(solver="saga"),
        train.MLPClassifier(activation="gelu"),
        train.MLPClassifier((10, 0)),
        train.MLPClassifier(hidden_layer_sizes=2.5),
        train.MLPClassifier(batch_size=0),
        train.MLPClassifier(beta_1=1.0),
        train.MLPClassifier(max_iter=1.5),
        train.MLPRegressor("absolute"),
    ],
    ids=repr,
)
def test_bad_arguments_are_refused_when_fitted(model):
    with pytest.raises(DomainError):
        model.fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("X", "y", "weights", "words"),
    [
        ([[1.0], [np.nan]], [0, 1], None, "NaN"),
        ([[1.0], [2.0]], [0, 1, 1], None, "inconsistent"),
        (np.zeros((0, 2)), [], None, "0 sample"),
        ([[1.0], [2.0]], [0, 1], [-1.0, 1.0], "none below 0"),
        ([[1.0], [2.0]], [0, 1], [0.0, 0.0], "not all of them zero"),
        ([[1.0], [2.0]], [0, 1], [[1.0, 1.0]], "each of 2 examples"),
        ([[1.0], [2.0]], [0.5, np.inf], None, "infinity"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        train.LinearRegression,
        train.LogisticRegression,
        train.MLPClassifier,
        train.MLPRegressor,
    ],
)
def test_bad_data_are_refused(make, X, y, weights, words):
    with pytest.raises(ValueError, match=words):
        make().fit(X, y, sample_weight=weights)


def test_without_scikit_learn_it_is_asked_for():
    code = (
        "import sys\n"
        "sys.modules['sklearn'] = None\n"
        "import chainrule as cr\n"
        "cr.train.accuracy\n"
        "try:\n"
        "    cr.train.MLPClassifier\n"
        "except cr.MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'chainrule[data]'" in done.stdout


def test_names_that_are_none_are_told():
    assert "MLPClassifier" in dir(train)
    with pytest.raises(AttributeError, match="has no attribute 'Ridge'"):
        train.Ridge
