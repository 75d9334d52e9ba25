"""Metrics against scikit-learn, on batches as on all examples."""

import functools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import data, train
from chainrule.core.errors import ArgumentError, DomainError, DTypeError, ShapeError

sklearn = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, 60)
LOGITS = RNG.normal(size=(60, 4)) + 1.5 * np.eye(4)[LABELS]
BINARY = RNG.integers(0, 2, 60)
SCORES = np.round(RNG.normal(size=60) + BINARY, 1)  # with ties

RATIOS = {
    train.precision: sklearn.precision_score,
    train.recall: sklearn.recall_score,
    train.f1: sklearn.f1_score,
}


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    predicted=st.lists(st.integers(0, 3), min_size=12, max_size=12),
    average=st.sampled_from(["macro", "micro", "weighted", "none"]),
    zero_division=st.sampled_from([0.0, 1.0, np.nan]),
    metric=st.sampled_from(list(RATIOS)),
)
def test_ratios_equal_scikit_learns(labels, predicted, average, zero_division, metric):
    predicted = predicted[: len(labels)]
    own = metric(predicted, labels, average, zero_division)
    classes = len(own) if average == "none" else None
    theirs = RATIOS[metric](
        labels,
        predicted,
        average=None if average == "none" else average,
        labels=range(classes) if classes else None,
        zero_division=zero_division,
    )
    np.testing.assert_allclose(own, theirs, rtol=1e-12)


@pytest.mark.parametrize("metric", RATIOS, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize("shape", [(60,), (60, 1)])
def test_binary_scores_are_cut_at_zero(metric, shape):
    own = metric(SCORES.reshape(shape), BINARY, average="binary")
    assert own == pytest.approx(RATIOS[metric](BINARY, SCORES > 0), rel=1e-12)
    pairs = np.stack([-SCORES, SCORES], axis=1)
    assert metric(pairs, BINARY, "binary") == pytest.approx(own, rel=1e-12)


def test_a_confusion_matrix_equals_scikit_learns():
    np.testing.assert_array_equal(
        train.confusion_matrix(cr.tensor(LOGITS), LABELS),
        sklearn.confusion_matrix(LABELS, LOGITS.argmax(axis=1)),
    )


@given(st.data())
def test_the_area_equals_scikit_learns_with_ties(drawn):
    size = drawn.draw(st.integers(2, 15))
    labels = np.array(drawn.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)))
    scores = np.array(drawn.draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size)), float)
    assume(0 < labels.sum() < size)
    wanted = sklearn.roc_auc_score(labels, scores)
    assert train.roc_auc(scores, labels) == pytest.approx(wanted, rel=1e-12)
    assert train.roc_auc(-scores, labels) == pytest.approx(1 - wanted, rel=1e-12, abs=1e-12)


def test_the_area_of_several_classes_equals_scikit_learns():
    probabilities = cr.softmax(cr.tensor(LOGITS), axis=1).numpy()
    for average in ("macro", "weighted"):
        wanted = sklearn.roc_auc_score(LABELS, probabilities, multi_class="ovr", average=average)
        assert train.roc_auc(LOGITS, LABELS, average) == pytest.approx(wanted, rel=1e-12)
    each = train.roc_auc(LOGITS, LABELS, "none")
    for label, area in enumerate(each):
        wanted = sklearn.roc_auc_score(label == LABELS, probabilities[:, label])
        assert area == pytest.approx(wanted, rel=1e-12)
    pairs = np.stack([np.zeros(60), SCORES], axis=1)
    assert train.roc_auc(pairs, BINARY) == train.roc_auc(SCORES, BINARY)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_equals_scikit_learns(k):
    wanted = sklearn.top_k_accuracy_score(LABELS, LOGITS, k=k)
    assert train.top_k_accuracy(LOGITS, LABELS, k) == pytest.approx(wanted, rel=1e-12)
    traced = cr.compile(lambda x, y: train.top_k_accuracy(x, y, k))
    assert traced(cr.tensor(LOGITS), cr.tensor(LABELS)).item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        (LOGITS, LABELS),
        (SCORES, BINARY),
        (SCORES[:, None], BINARY[:, None]),
        (np.sign(SCORES).astype(int) + 1, BINARY),
    ],
    ids=["classes", "binary", "column", "predicted"],
)
def test_accuracy_equals_scikit_learns(scores, labels):
    predicted = scores.argmax(axis=1) if scores.shape[1:] == (4,) else scores
    predicted = predicted > 0 if predicted.dtype.kind == "f" else predicted
    wanted = sklearn.accuracy_score(labels, predicted)
    assert 0 < wanted < 1
    assert train.accuracy(scores, labels) == pytest.approx(wanted, rel=1e-12)
    traced = cr.compile(train.accuracy)(cr.tensor(scores), cr.tensor(labels))
    assert traced.item() == pytest.approx(wanted, rel=1e-12)


def test_scores_that_are_nan_are_no_hits():
    scores = np.array([[np.nan, 0.0, 1.0], [np.nan] * 3, [2.0, np.nan, 1.0]])
    for measure in (train.accuracy, functools.partial(train.top_k_accuracy, k=1)):
        assert measure(scores, [0, 0, 0]) == 0
        assert cr.compile(measure)(cr.tensor(scores), cr.tensor([0, 0, 0])).item() == 0
    assert train.accuracy([np.nan, -1.0], [0, 0]) == 0.5


def test_the_first_of_equal_scores_is_taken():
    scores = np.zeros((3, 3))
    assert train.top_k_accuracy(scores, [0, 1, 2], k=1) == train.accuracy(scores, [0, 1, 2])
    assert train.top_k_accuracy(scores, [0, 1, 2], k=2) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (train.mean_squared_error, sklearn.mean_squared_error),
        (train.mean_absolute_error, sklearn.mean_absolute_error),
        (train.r2, sklearn.r2_score),
    ],
    ids=lambda metric: metric.__name__,
)
@pytest.mark.parametrize("shape", [(20,), (20, 3)])
def test_errors_equal_scikit_learns(own, theirs, shape):
    outputs, targets = RNG.normal(size=shape), RNG.normal(size=shape)
    assert own(cr.tensor(outputs), targets) == pytest.approx(theirs(targets, outputs), rel=1e-12)
    if own is not train.r2:
        traced = cr.compile(own)(cr.tensor(outputs), cr.tensor(targets))
        assert traced.item() == pytest.approx(theirs(targets, outputs), rel=1e-12)


def test_r2_of_constant_targets_equals_scikit_learns():
    for outputs in ([1.0, 1.0], [1.0, 2.0]):
        assert train.r2(outputs, [1.0, 1.0]) == sklearn.r2_score([1.0, 1.0], outputs)


def test_perplexity_is_that_of_the_mean():
    wanted = math.exp(sklearn.log_loss(LABELS, cr.softmax(cr.tensor(LOGITS), axis=1).numpy()))
    assert train.perplexity(cr.tensor(LOGITS), LABELS) == pytest.approx(wanted, rel=1e-12)


# -- over batches ----------------------------------------------------------------------------------


class Same(cr.nn.Module):
    """Its output is its input."""

    one: cr.Tensor

    def __call__(self, x):
        return self.one * x


def same(dtype="float64"):
    return Same(cr.tensor(1.0, dtype=dtype, requires_grad=True))


METRICS = [
    train.f1,
    functools.partial(train.precision, average="weighted"),
    train.roc_auc,
    train.perplexity,
    train.accuracy,
    functools.partial(train.top_k_accuracy, k=2),
]


@pytest.mark.parametrize("batch_size", [7, 60, 1000])
def test_evaluation_in_batches_is_that_of_all(batch_size):
    found = train.evaluate(
        same(), cr.nn.cross_entropy, (LOGITS, LABELS), metrics=METRICS, batch_size=batch_size
    )
    predicted = LOGITS.argmax(axis=1)
    probabilities = cr.softmax(cr.tensor(LOGITS), axis=1).numpy()
    wanted = {
        "loss": sklearn.log_loss(LABELS, probabilities),
        "f1": sklearn.f1_score(LABELS, predicted, average="macro"),
        "precision": sklearn.precision_score(LABELS, predicted, average="weighted"),
        "roc_auc": sklearn.roc_auc_score(LABELS, probabilities, multi_class="ovr"),
        "perplexity": math.exp(sklearn.log_loss(LABELS, probabilities)),
        "accuracy": sklearn.accuracy_score(LABELS, predicted),
        "top_k_accuracy": sklearn.top_k_accuracy_score(LABELS, LOGITS, k=2),
    }
    assert found == pytest.approx(wanted, rel=1e-12)
    assert list(found) == list(wanted)


def test_r2_in_batches_is_that_of_all():
    x, y = RNG.normal(size=(50, 1)), RNG.normal(size=(50, 1))
    for source in ((x, y), data.Loader((x, y), 7), data.Stream(lambda epoch: [(x[:9], y[:9])])):
        found = train.evaluate(same(), cr.nn.mse, source, metrics=[train.r2], batch_size=7)
        n = 9 if isinstance(source, data.Stream) else 50
        assert found["r2"] == pytest.approx(sklearn.r2_score(y[:n], x[:n]), rel=1e-12)


def test_mapped_files_are_evaluated(tmp_path):
    np.save(tmp_path / "x.npy", LOGITS)
    np.save(tmp_path / "y.npy", LABELS)
    files = data.Dataset.from_files(tmp_path / "x.npy", tmp_path / "y.npy")
    for part in (files, files.split(stratify=True)[0]):
        memory = (np.asarray(part.inputs), np.asarray(part.targets))
        own, wanted = (
            train.evaluate(same("float32"), cr.nn.cross_entropy, d, metrics=METRICS, batch_size=8)
            for d in (part, memory)
        )
        assert own == wanted


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_wrong_label_is_found_in_the_data_of_a_loader(shuffle):
    wrong = LABELS.copy()
    wrong[37] = 9
    loader = data.Loader((LOGITS, wrong), 7, shuffle=shuffle)
    with pytest.raises(DomainError, match=r"label 9 is out of range; .* of example 37 of the data"):
        train.evaluate(same(), cr.nn.cross_entropy, loader)


@pytest.mark.parametrize("native", [False, True])
def test_training_measures_them_on_the_validation_data(native):
    x = RNG.normal(size=(300, 2)).astype("float32")
    y = (x.sum(axis=1) + 0.5 * RNG.normal(size=300) > 0).astype("int64")
    model = cr.nn.Linear(2, 2, key=cr.random.key(0))
    run = train.fit(
        model,
        cr.nn.cross_entropy,
        (x[:100], y[:100]),
        optimizer=cr.optim.sgd(0.1),
        epochs=2,
        validation=data.Loader((x[100:], y[100:]), 7),
        metrics=[train.accuracy, train.f1, train.perplexity],
        progress=False,
        compile=native,
    )
    assert list(run.history[0].training) == ["loss", "accuracy", "perplexity"]
    assert list(run.history[0].validation) == ["loss", "accuracy", "f1", "perplexity"]
    predicted = model(cr.tensor(x[100:])).numpy().argmax(axis=1)
    wanted = sklearn.f1_score(y[100:], predicted, average="macro")
    assert run.history[-1].validation["f1"] == pytest.approx(wanted, rel=1e-12)
    for epoch in run.history:  # of the mean, not the mean of the batches' own
        for part in (epoch.training, epoch.validation):
            assert part["perplexity"] == pytest.approx(math.exp(part["loss"]), rel=1e-6)


def test_natively_measured_outputs_are_kept():
    evaluation = train.evaluation.Evaluation(
        same(), cr.nn.cross_entropy, (LOGITS, LABELS), {"f1": train.f1}, batch_size=20
    )
    assert evaluation(native=True) == pytest.approx(evaluation(native=False), rel=1e-12)


def test_without_validation_data_they_are_refused():
    with pytest.raises(DomainError, match="r2 is measured on all examples"):
        train.fit(
            same("float32"),
            cr.nn.mse,
            (np.ones((4, 1)), np.ones((4, 1))),
            optimizer=cr.optim.sgd(0.1),
            metrics=[train.r2],
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["accuracy"], "not 'accuracy'"),
        (train.r2, "list of functions"),
        ("r2", "list of functions"),
    ],
)
def test_metrics_are_functions(given, words):
    with pytest.raises(ArgumentError, match=words):
        train.evaluate(same(), cr.nn.mse, (np.ones((4, 1)), np.ones((4, 1))), metrics=given)


def test_a_metric_is_one_number():
    with pytest.raises(ShapeError, match=r"confusion_matrix gives an array of shape \(4, 4\)"):
        train.evaluate(
            same(), cr.nn.cross_entropy, (LOGITS, LABELS), metrics=[train.confusion_matrix]
        )


def test_own_metrics_may_be_marked():
    @train.whole
    def largest(outputs, targets):
        return np.max(outputs.numpy())

    @train.of_mean(cr.nn.mse, math.sqrt)
    def rmse(outputs, targets):
        return cr.nn.mse(outputs, targets) ** 0.5

    x = np.arange(10.0)
    found = train.evaluate(same(), cr.nn.mse, (x, x + x), metrics=[largest, rmse], batch_size=3)
    assert found["largest"] == 9
    assert found["rmse"] == pytest.approx(np.sqrt((x**2).mean()), rel=1e-12)


def test_the_mean_of_a_metric_with_options_is_taken_first():
    def powers(outputs, targets, p=1.0):
        return abs(outputs - targets).mean() ** p

    marked = train.of_mean(lambda outputs, targets, p=1.0: abs(outputs - targets).mean(), math.sqrt)
    x = np.arange(10.0)
    own = functools.partial(functools.partial(marked(powers), p=3.0), p=0.5)
    found = train.evaluate(same(), cr.nn.mse, (x, x + x), metrics=[own], batch_size=3)
    assert found["powers"] == pytest.approx(math.sqrt(x.mean()), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: train.f1(LOGITS, LABELS[1:]), ShapeError, "need labels"),
        (lambda: train.f1(LOGITS, LABELS + 0.5), DTypeError, "whole numbers"),
        (lambda: train.f1(LOGITS, LABELS + 1), DomainError, "class 4 is out of range; 4 classes"),
        (lambda: train.f1([0, -1], [0, 1]), DomainError, "class -1"),
        (lambda: train.f1(LOGITS * np.nan, LABELS), DomainError, "NaN"),
        (lambda: train.f1(3, 3), ShapeError, "need labels"),
        (lambda: train.f1([0, 1], ["a", "b"]), DTypeError, "whole numbers"),
        (lambda: train.accuracy(LOGITS, LABELS[1:]), ShapeError, "need labels"),
        (lambda: train.f1(LOGITS, LABELS, "binary"), DomainError, "two classes, there are 4"),
        (lambda: train.f1(LOGITS, LABELS, "mean"), DomainError, "not 'mean'"),
        (lambda: train.roc_auc(SCORES, BINARY * 0), DomainError, "no example is of class 1"),
        (lambda: train.roc_auc(SCORES * np.nan, BINARY), DomainError, "NaN"),
        (lambda: train.roc_auc(LOGITS, LABELS, "micro"), DomainError, "not 'micro'"),
        (lambda: train.r2([1.0], [1.0]), ShapeError, "two or more"),
        (lambda: train.r2(np.ones((3, 1)), np.ones(3)), ShapeError, "must be equal"),
        (lambda: train.mean_absolute_error([1.0], [[1.0]]), ShapeError, "must be equal"),
        (lambda: train.top_k_accuracy(LOGITS, LABELS, 0), DomainError, "k is at least 1"),
        (lambda: train.top_k_accuracy(LOGITS, LABELS + 1), DomainError, "from 0 to 3"),
        (lambda: train.top_k_accuracy(SCORES, BINARY), ShapeError, "need labels"),
    ],
)
def test_what_has_no_value_is_told(call, error, words):
    with pytest.raises(error, match=words):
        call()
