"""Perceptrons: the same numbers as scikit-learn's, natively and in Python."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule import train
from chainrule.core.errors import DomainError, NonFiniteError
from chainrule.estimators import perceptron

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS = cr.data.load_digits()
X, Y = DIGITS.inputs[:430].astype(np.float64), DIGITS.targets[:430]
WEIGHTS = np.random.default_rng(0).random(430)
LABELS = np.stack([Y > 4, Y % 2 == 0], axis=1).astype(int)
NUMBERS = np.stack([X[:, 20], X[:, 30] ** 2], axis=1)


@pytest.fixture(params=["native", "python"])
def way(request, monkeypatch):
    """Whether epochs are compiled."""
    native = request.param == "native"
    monkeypatch.setattr(perceptron, "is_worthwhile", lambda *given: native)
    return request.param


def assert_alike(own, other, rtol=1e-9):
    """The same course and the same coefficients, up to rounding."""
    np.testing.assert_allclose(own.loss_curve_, other.loss_curve_, rtol=rtol)
    for mine, yours in zip(
        [*own.coefs_, *own.intercepts_], [*other.coefs_, *other.intercepts_], strict=True
    ):
        np.testing.assert_allclose(mine, yours, rtol=rtol, atol=rtol)
    assert (own.n_iter_, own.t_, own.n_layers_) == (other.n_iter_, other.t_, other.n_layers_)
    assert (own.out_activation_, own.n_outputs_) == (other.out_activation_, other.n_outputs_)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "invscaling"},
        {"solver": "sgd", "momentum": 0.0, "shuffle": False, "batch_size": 86},
        {"hidden_layer_sizes": (20, 10), "activation": "tanh", "alpha": 1.0},
        {"activation": "logistic", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"activation": "identity", "hidden_layer_sizes": 5, "batch_size": 64},
    ],
    ids=str,
)
def test_a_classifier_takes_the_steps_of_scikit_learns(way, options):
    options = {"max_iter": 4, "random_state": 3} | options
    own = train.MLPClassifier(**options).fit(X, Y)
    assert_alike(own, theirs.MLPClassifier(**options).fit(X, Y))


@pytest.mark.parametrize("targets", [Y, Y > 4, LABELS], ids=["classes", "binary", "labels"])
def test_targets_and_weights_are_those_of_scikit_learn(way, targets):
    options = {"max_iter": 3, "random_state": 0}
    own = train.MLPClassifier(**options).fit(X, targets, sample_weight=WEIGHTS)
    other = theirs.MLPClassifier(**options).fit(X, targets, sample_weight=WEIGHTS)
    assert_alike(own, other)
    np.testing.assert_allclose(own.predict_proba(X), other.predict_proba(X), rtol=1e-9)
    np.testing.assert_array_equal(own.predict(X), other.predict(X))
    np.testing.assert_allclose(np.exp(own.predict_log_proba(X)), own.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_regressor_takes_the_steps_of_scikit_learns(way, loss):
    options = {"loss": loss, "max_iter": 3, "random_state": 0, "solver": "sgd"}
    for targets in (NUMBERS[:, 0], NUMBERS):
        own = train.MLPRegressor(**options).fit(X, targets, sample_weight=WEIGHTS)
        other = theirs.MLPRegressor(**options).fit(X, targets, sample_weight=WEIGHTS)
        np.testing.assert_allclose(own.predict(X), other.predict(X), rtol=1e-9)
        if loss == "poisson" or targets.ndim == 1:
            assert_alike(own, other)
        else:  # what scikit-learn reports is the mean over the outputs, what it minimises the sum
            np.testing.assert_allclose(own.coefs_[0], other.coefs_[0], rtol=1e-9)


def test_float32_is_trained_in_float32(way):
    own = train.MLPClassifier(max_iter=3, random_state=0).fit(X.astype(np.float32), Y)
    other = theirs.MLPClassifier(max_iter=3, random_state=0).fit(X.astype(np.float32), Y)
    assert_alike(own, other, rtol=2e-4)  # 9 steps of Adam, which magnifies rounding


def test_training_stops_when_it_stagnates():
    options = {"random_state": 0, "max_iter": 500, "tol": 5e-3, "n_iter_no_change": 4}
    own = train.MLPClassifier((10,), **options).fit(X, Y)
    other = theirs.MLPClassifier((10,), **options).fit(X, Y)
    assert own.n_iter_ == other.n_iter_ < 500
    assert own.best_loss_ == pytest.approx(other.best_loss_, rel=1e-6)


def test_an_adaptive_rate_falls_when_it_stagnates():
    options = {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.5,
        "tol": 0.05,
        "n_iter_no_change": 2,
        "random_state": 0,
        "max_iter": 60,
    }
    own = train.MLPClassifier((10,), **options).fit(X, Y)
    assert_alike(own, theirs.MLPClassifier((10,), **options).fit(X, Y), rtol=1e-6)


def test_early_stopping_keeps_the_best_coefficients():
    options = {"early_stopping": True, "random_state": 1, "max_iter": 60, "n_iter_no_change": 3}
    own = train.MLPRegressor(activation="tanh", **options).fit(X, NUMBERS[:, 0])
    other = theirs.MLPRegressor(activation="tanh", **options).fit(X, NUMBERS[:, 0])
    np.testing.assert_allclose(own.validation_scores_, other.validation_scores_, rtol=1e-6)
    assert own.best_validation_score_ == max(own.validation_scores_)
    np.testing.assert_allclose(own.coefs_[0], other.coefs_[0], rtol=1e-5, atol=1e-7)
    classes = train.MLPClassifier(**options).fit(X, Y)
    assert classes.best_validation_score_ == max(classes.validation_scores_) > 0.8


def test_lbfgs_reaches_a_minimum_as_low_as_scikit_learns():
    for make, their, targets in (
        (train.MLPClassifier, theirs.MLPClassifier, Y),
        (train.MLPRegressor, theirs.MLPRegressor, NUMBERS[:, 0]),
    ):
        options = {"solver": "lbfgs", "alpha": 1.0, "random_state": 0, "activation": "tanh"}
        own = make(hidden_layer_sizes=(6,), max_iter=1000, **options).fit(X, targets)
        other = their(hidden_layer_sizes=(6,), max_iter=1000, tol=1e-4, **options).fit(X, targets)
        assert own.loss_ < other.loss_ * 1.1  # not convex: the minima need not be the same
        assert own.n_iter_ < 1000


def test_partial_fits_are_passes_over_the_data(way):
    whole = train.MLPClassifier(max_iter=3, random_state=0, shuffle=False).fit(X, Y)
    parts = train.MLPClassifier(random_state=0, shuffle=False)
    for _ in range(3):
        parts.partial_fit(X, Y, classes=range(10))
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(parts.coefs_[1], whole.coefs_[1], rtol=1e-12)
    with pytest.raises(DomainError, match="differ from those of the first call"):
        parts.partial_fit(X, Y, classes=range(9))
    with pytest.raises(DomainError, match="first call needs classes"):
        train.MLPClassifier().partial_fit(X, Y)
    with pytest.raises(DomainError, match=r"classes \[10\]"):
        parts.partial_fit(X[:2], [10, 1])
    assert not hasattr(train.MLPClassifier(solver="lbfgs"), "partial_fit")
    with pytest.raises(DomainError, match="early_stopping is for fit"):
        train.MLPRegressor(early_stopping=True).partial_fit(X, NUMBERS)


def test_a_warm_start_goes_on():
    model = train.MLPClassifier(max_iter=3, random_state=0, warm_start=True).fit(X, Y)
    first = model.loss_curve_[-1]
    model.fit(X, Y)
    assert len(model.loss_curve_) == 6
    assert model.loss_ < first
    with pytest.raises(DomainError, match="not among"):
        model.fit(X, Y + 1)
    cold = train.MLPClassifier(max_iter=3, random_state=0).fit(X, Y)
    before = cold.coefs_[0].copy()
    np.testing.assert_array_equal(cold.fit(X, Y).coefs_[0], before)


def test_warnings_and_errors_say_what_happened(capsys):
    with pytest.warns(ConvergenceWarning, match="not converged after 2 iterations") as caught:
        train.MLPClassifier(max_iter=2, verbose=True).fit(X, Y)
    assert caught[0].filename == __file__  # and not a line of the library
    assert "Iteration 2, loss = " in capsys.readouterr().out
    with pytest.warns(UserWarning, match="batch_size=1000 is larger"):
        train.MLPClassifier(batch_size=1000, max_iter=1).fit(X, Y)
    with pytest.raises(NonFiniteError, match="learning_rate_init"), np.errstate(all="ignore"):
        train.MLPRegressor(solver="sgd", learning_rate_init=1e9, max_iter=5).fit(X, NUMBERS)
    with pytest.raises(DomainError, match="at least 0"):
        train.MLPRegressor("poisson").fit(X, -NUMBERS)
    with pytest.raises(DomainError, match="fewer than two to validate"):
        train.MLPRegressor(early_stopping=True).fit(X[:5], NUMBERS[:5])


def test_an_interrupt_keeps_what_was_learned(monkeypatch):
    from chainrule.estimators.stochastic import Epochs

    take = Epochs.take
    calls = []

    def interrupted(self, *given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return take(self, *given)

    monkeypatch.setattr(Epochs, "take", interrupted)
    with pytest.warns(UserWarning, match="was interrupted"):
        model = train.MLPClassifier(random_state=0).fit(X, Y)
    assert len(model.loss_curve_) == 2
    assert model.score(X, Y) > 0.1


def test_fits_of_one_architecture_share_a_program(monkeypatch):
    monkeypatch.setattr(perceptron, "is_worthwhile", lambda *given: True)
    from chainrule.estimators.stochastic import _compiled

    def fit(alpha, rate):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = train.MLPClassifier((7,), alpha=alpha, learning_rate_init=rate, max_iter=1)
            return model.fit(X, Y)

    method = fit(1e-4, 1e-3)._method()
    before = repr(_compiled(method))
    fit(1e-2, 1e-2)
    assert repr(_compiled(method)) == before  # it tells how many programs there are
