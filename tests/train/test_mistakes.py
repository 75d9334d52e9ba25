"""Mistakes in what is given to `fit`: each is refused, and the message says what to do instead."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, train
from chainrule.core.errors import (
    ArgumentError,
    DomainError,
    DTypeError,
    GradientError,
    ShapeError,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = (X.sum(axis=1) > 0).astype(np.int64)


def network():
    return nn.MLP(2, (8,), 2, key=cr.random.key(0))


def fit(model, **options):
    options = {"optimizer": optim.adam(0.02), "epochs": 5, "batch_size": 8} | options
    return train.fit(model, nn.cross_entropy, (X, Y), progress=False, **options)


@pytest.mark.parametrize("compile", [True, False])
def test_a_penalty_on_the_captured_model_is_refused(compile):
    model = network()

    def penalized(outputs, labels):
        return nn.cross_entropy(outputs, labels) + (model.layers[-1].weight ** 2).sum()

    before = model.layers[-1].weight.numpy().copy()
    with (
        warnings.catch_warnings(),
        pytest.raises(GradientError, match=r"parameter layers\.\d\.weight .*penalty=lambda"),
    ):
        warnings.simplefilter("error", cr.CompileWarning)
        train.fit(
            model, penalized, (X, Y), optimizer=optim.sgd(0.1), progress=False, compile=compile
        )
    np.testing.assert_array_equal(model.layers[-1].weight.numpy(), before)


def test_a_penalty_that_appears_in_a_later_step_is_refused():
    model, calls = network(), []

    def penalized(outputs, labels):
        calls.append(None)
        value = nn.cross_entropy(outputs, labels)
        return value + (model.layers[0].bias ** 2).sum() if len(calls) > 1 else value

    with pytest.raises(GradientError, match=r"parameter layers\.0\.bias"):
        train.fit(model, penalized, (X, Y), optimizer=optim.sgd(0.1), progress=False)


def test_a_captured_tensor_that_would_not_be_trained_is_refused():
    scale = cr.tensor(2.0, requires_grad=True)
    options = {"optimizer": optim.sgd(0.1), "epochs": 1, "progress": False}
    with pytest.raises(GradientError, match=r"type float64\[\] that requires .*no parameter"):
        train.fit(
            network(), lambda outputs, y: nn.cross_entropy(scale * outputs, y), (X, Y), **options
        )
    for constant in (lambda: scale.detach(), lambda: cr.stop_gradient(scale)):
        run = train.fit(
            network(),
            lambda outputs, y, constant=constant: nn.cross_entropy(constant() * outputs, y),
            (X, Y),
            compile=False,
            **options,
        )
        assert run.ended == "finished"


def test_a_derivative_flows_through_the_step_to_what_it_is_given():
    model = nn.Linear(2, 1, key=cr.random.key(0))
    optimizer = optim.sgd(0.1)
    step = train.make_step(model, nn.mse, optimizer)
    own = {path: cr.tensor(p.numpy(), requires_grad=True) for path, p in model.parameters().items()}
    x = cr.tensor(X, dtype="float32", requires_grad=True)
    step(own, optimizer.init(own), x, cr.tensor(X[:, :1], dtype="float32")).loss.backward()
    assert own["weight"].grad.numpy().any()
    assert x.grad.numpy().any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda model: "adam", r"cr\.optim\.adam\(1e-3\); got 'adam'"),
        (lambda model: "sgd", r"cr\.optim\.sgd\(1e-3\)"),
        (lambda model: optim.adamw, r"cr\.optim\.adamw\(1e-3\); got adamw"),
        (lambda model: None, r"cr\.optim\.adam\(1e-3\); got None"),
        (lambda model: optim.adam(0.5).bind(model), r"adam\(0\.5\), which is the \.optimizer"),
    ],
)
def test_what_is_no_optimizer_is_refused(make, words):
    model = network()
    with pytest.raises(ArgumentError, match=words):
        fit(model, optimizer=make(model))


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, y: (outputs - y).sum() / 0.0,
        lambda outputs, y: cr.log(0 * outputs).sum(),
    ],
)
def test_the_first_step_does_not_blame_the_learning_rate(loss):
    with pytest.raises(train.NonFiniteError, match="the loss give it") as caught:
        train.fit(
            nn.Linear(2, 1, key=cr.random.key(0)),
            loss,
            (X, X[:, :1]),
            optimizer=optim.sgd(0.1),
            progress=False,
        )
    assert caught.value.step == 1
    assert "learning rate" not in str(caught.value)


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("where", ["training", "validation"])
def test_a_wrong_label_is_found_among_the_examples(where, compile):
    wrong = Y.copy()
    wrong[13] = 5
    data = {"training": (X, Y), "validation": (X, Y)} | {where: (X, wrong)}
    with (
        warnings.catch_warnings(),
        pytest.raises(
            DomainError, match=rf"label 5 is out of range; .*of example 13 of the {where} data"
        ),
    ):
        warnings.simplefilter("error", cr.CompileWarning)
        train.fit(
            network(),
            nn.cross_entropy,
            data["training"],
            validation=data["validation"],
            optimizer=optim.sgd(0.1),
            epochs=100,
            progress=False,
            compile=compile,
        )


@pytest.mark.parametrize("kind", [list, np.array])
def test_labels_that_are_words_are_refused(kind):
    words = kind(["cat", "dog"] * 20)
    with pytest.raises(DTypeError, match=r"training data: the targets are no numbers.*np\.unique"):
        train.fit(network(), nn.cross_entropy, (X, words), optimizer=optim.sgd(0.1), progress=False)
    with pytest.raises(DTypeError, match="validation data: the targets"):
        fit(network(), validation=(X, words))
    with pytest.raises(DTypeError, match="data: the inputs are no numbers"):
        train.evaluate(network(), nn.cross_entropy, (words, Y))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"callbacks": [train.EarlyStopping]}, r"class EarlyStopping; make one by EarlyStopping\("),
        ({"callbacks": train.EarlyStopping()}, r"a list, such as \[EarlyStopping\("),
        ({"callbacks": [print]}, r"subclass of train\.Callback, not <built-in"),
        ({"monitor": "val_loss"}, '"validation loss"'),
    ],
)
def test_what_looks_on_is_checked_before_training(options, words):
    with pytest.raises(ArgumentError, match=words):
        fit(network(), **options)


@pytest.mark.parametrize("loss", ["cross_entropy", None, dict])
def test_a_loss_that_is_no_function_is_refused(loss):
    with pytest.raises(ArgumentError, match=r"the loss is a function \(outputs, targets\)"):
        train.fit(network(), loss, (X, Y), optimizer=optim.sgd(0.1), progress=False)


def test_a_share_or_a_generator_is_no_data_set():
    with pytest.raises(ShapeError, match=r"got a float; hold a share out by .*split"):
        fit(network(), validation=0.2)
    with pytest.raises(ShapeError, match=r"got a generator; give data\.Stream the function"):
        fit(network(), validation=(pair for pair in [(X, Y)]))


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (Y.astype(float), DTypeError, r'\.astype\("int64"\)'),
        (Y > 0, DTypeError, r'not bool; cast them, \.astype\("int64"\)'),
        (Y[:, None], ShapeError, r"labels\[\.\.\., 0\]"),
    ],
)
def test_labels_in_another_form_are_told_the_right_one(labels, error, words):
    with pytest.raises(error, match=words):
        train.fit(network(), nn.cross_entropy, (X, labels), optimizer=optim.sgd(0.1))


def test_a_network_with_forward_is_told_of_call():
    class Network(nn.Module):
        weight: cr.Tensor

        def forward(self, x):
            return x @ self.weight

    with pytest.raises(NotImplementedError, match=r"rename Network\.forward to __call__"):
        fit(Network(cr.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)))
