import functools
import io
import re

import numpy as np
import pytest
import rich.console

import chainrule as cr
from chainrule import data, nn, optim, train
from chainrule.core.errors import DomainError, GradientError, ShapeError, TreeError
from chainrule.train.progress import ProgressBar

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = (X.sum(axis=1) > 0).astype(np.int64)


def network(seed=0):
    return nn.MLP(2, (8,), 2, key=cr.random.key(seed))


def fit(model, **options):
    options = {"optimizer": optim.adam(0.02), "epochs": 5, "batch_size": 8} | options
    source = options.pop("data", (X, Y))
    return train.fit(model, nn.cross_entropy, source, progress=False, **options)


def test_learns_and_keeps_a_history():
    model = network()
    run = fit(model, epochs=30, metrics=[train.accuracy], validation=(X, Y))
    assert run.ended == "finished"
    assert run.steps == 30 * 5
    assert [epoch.number for epoch in run.history] == list(range(1, 31))
    assert run.curve("loss")[-1] < 0.5 * run.curve("loss")[0]
    assert run.curve("accuracy", validation=True)[-1] > 0.9
    assert set(run.gradients) == set(model.parameters())
    assert not model.training
    assert model.layers[0].weight.dtype == np.float32


def test_the_same_key_gives_the_same_bits():
    runs = []
    for shuffle in (1, 1, 2):
        model = network()
        fit(model, key=cr.random.key(shuffle))
        runs.append(model.layers[0].weight.numpy())
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_equals_the_familiar_loop():
    ours, theirs = network(), network()
    key = cr.random.key(3)
    fit(ours, epochs=2, key=key)
    opt = optim.adam(0.02).bind(theirs)
    for epoch in (1, 2):
        shuffle = cr.random.fold_in(key, epoch)
        for x, y in data.batches((X.astype(np.float32), Y), 8, key=shuffle):
            opt.zero_grad()
            nn.cross_entropy(theirs(x), y).backward()
            opt.step()
    for path, value in ours.parameters().items():
        np.testing.assert_allclose(
            value.numpy(), theirs.parameters()[path].numpy(), rtol=1e-5, atol=1e-7
        )


def test_the_step_is_pure():
    model = network()
    optimizer = optim.adam(0.1)
    step = train.make_step(model, nn.cross_entropy, optimizer)
    parameters = {path: p.detach() for path, p in model.parameters().items()}
    before = {path: p.numpy().copy() for path, p in parameters.items()}
    state = optimizer.init(parameters)
    x, y = cr.tensor(X, dtype="float32"), cr.tensor(Y)
    one, two = (step(parameters, state, x, y) for _ in range(2))
    for path, value in before.items():
        np.testing.assert_array_equal(model.parameters()[path].numpy(), value)
        np.testing.assert_array_equal(parameters[path].numpy(), value)
        np.testing.assert_array_equal(one.parameters[path].numpy(), two.parameters[path].numpy())
        assert not one.parameters[path].requires_grad


def test_the_step_can_be_traced():
    model = network()
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(lambda n: 0.1 / (n + 1)))
    step = train.make_step(model, nn.cross_entropy, optimizer)
    parameters = {path: p.detach() for path, p in model.parameters().items()}
    state = optimizer.init(parameters)
    x, y = cr.tensor(X, dtype="float32"), cr.tensor(Y)
    program = cr.trace(step, parameters, state, x, y)
    for _ in range(3):
        eager, replayed = step(parameters, state, x, y), program(parameters, state, x, y)
        for path, value in eager.parameters.items():
            np.testing.assert_array_equal(replayed.parameters[path].numpy(), value.numpy())
        parameters, state = eager.parameters, eager.state


class Interrupt(train.Callback):
    def __init__(self, at):
        self.at = at

    def stepped(self, run, measured):
        if run.steps == self.at:
            raise KeyboardInterrupt


def test_an_interrupt_keeps_what_was_learned():
    interrupted, whole = network(), network()
    run = fit(interrupted, callbacks=[Interrupt(at=7)], epochs=5)
    assert (run.ended, run.steps, len(run.history)) == ("interrupted", 7, 1)
    fit(whole, callbacks=[Stop(at=7)])
    np.testing.assert_array_equal(
        interrupted.layers[0].weight.numpy(), whole.layers[0].weight.numpy()
    )


class Stop(train.Callback):
    def __init__(self, at):
        self.at = at
        self.calls = []

    def started(self, run):
        self.calls.append("started")

    def stepped(self, run, measured):
        assert set(measured) == {"loss"}
        if run.steps == self.at:
            run.stop("seen enough")

    def epoch_ended(self, run, epoch):
        self.calls.append(epoch.number)

    def ended(self, run):
        self.calls.append("ended")


def test_a_callback_may_stop_the_run():
    stop = Stop(at=7)
    run = fit(network(), callbacks=[stop])
    assert (run.ended, run.reason, run.steps) == ("stopped", "seen enough", 7)
    assert stop.calls == ["started", 1, 2, "ended"]


class Explode(nn.Module):
    threshold: float

    def __call__(self, x):
        return cr.where(abs(x) > self.threshold, np.float32("nan"), x)


def test_a_nan_in_a_layer_stops_with_step_and_layer():
    model = nn.Sequential(nn.Linear(1, 1, key=cr.random.key(0)), Explode(50.0), nn.ReLU())
    model.layers[0].weight.assign_([[1.0]])
    before = model.state_dict()
    x = np.array([[1.0], [2.0], [100.0], [3.0]])
    with pytest.raises(train.NonFiniteError, match=r"step \d: .* that of layer layers\.1") as e:
        train.fit(model, nn.mse, (x, x), optimizer=optim.sgd(1e-3), batch_size=1, progress=False)
    assert e.value.layer == "layers.1"
    assert 1 <= e.value.step <= 4
    assert isinstance(e.value, FloatingPointError)
    for path, value in before.items():
        assert np.isfinite(model.state_dict()[path].numpy()).all(), value


def test_divergence_is_reported_and_the_last_good_parameters_stay():
    model = nn.Linear(2, 1, key=cr.random.key(0))
    with (
        pytest.raises(train.NonFiniteError, match="smaller learning rate"),
        np.errstate(all="ignore"),
    ):
        train.fit(model, nn.mse, (X, X[:, :1]), optimizer=optim.sgd(1e6), epochs=99, progress=False)
    assert np.isfinite(model.weight.numpy()).all()


def test_an_infinite_gradient_is_found_too():
    # the loss c/w is 1e100, its slope -c/w² is beyond float64
    model = nn.Linear(1, 1, key=cr.random.key(0), bias=False, dtype="float64")
    model.weight.assign_([[1e-250]])
    with (
        pytest.raises(
            train.NonFiniteError, match=r"gradient of weight.*No update was made"
        ) as caught,
        np.errstate(all="ignore"),
    ):
        train.fit(
            model,
            lambda outputs, targets: (1e-150 / outputs).sum(),
            ([[1.0]], [1.0]),
            optimizer=optim.sgd(0.1),
            progress=False,
        )
    assert caught.value.layer == "weight"


def test_an_update_beyond_the_dtype_is_not_taken():
    model = nn.Linear(1, 1, key=cr.random.key(0))
    before = model.weight.numpy().copy()
    with pytest.raises(train.NonFiniteError, match="update of weight leads beyond float32"):
        train.fit(model, nn.mse, ([[1.0]], [[9.0]]), optimizer=optim.sgd(1e38), progress=False)
    np.testing.assert_array_equal(model.weight.numpy(), before)


def test_evaluate_is_the_mean_over_examples_and_restores_the_mode():
    model = network()
    whole = train.evaluate(model, nn.cross_entropy, (X, Y), metrics=[train.accuracy])
    parts = train.evaluate(model, nn.cross_entropy, (X, Y), metrics=[train.accuracy], batch_size=7)
    assert model.training
    assert set(whole) == {"loss", "accuracy"}
    for name in whole:
        assert parts[name] == pytest.approx(whole[name], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"epochs": 0}, DomainError), ({"batch_size": 0}, DomainError)],
)
def test_counts_are_at_least_one(options, error):
    with pytest.raises(error, match="at least 1"):
        fit(network(), **options)


def test_bad_input_is_refused():
    with pytest.raises(
        GradientError, match=r"the loss is a scalar, .*shape \(\d+,\); .*\.mean\(\)"
    ):
        train.fit(
            network(),
            lambda outputs, labels: nn.cross_entropy(outputs, labels, "none"),
            (X, Y),
            optimizer=optim.sgd(0.1),
            progress=False,
        )
    with pytest.raises(GradientError, match="no parameter"):
        fit(nn.Sequential(nn.ReLU()))
    with pytest.raises(DomainError, match="label 2"):
        train.fit(network(), nn.cross_entropy, (X, Y + 1), optimizer=optim.sgd(0.1), progress=False)
    with pytest.raises(ShapeError, match="40 inputs but 3 targets"):
        train.fit(network(), nn.cross_entropy, (X, Y[:3]), optimizer=optim.sgd(0.1), progress=False)


def console(terminal):
    return rich.console.Console(file=io.StringIO(), force_terminal=terminal, width=120)


def test_piped_progress_is_one_line_an_epoch():
    out = console(terminal=False)
    fit(network(), epochs=3, metrics=[train.accuracy], callbacks=[ProgressBar(out)])
    lines = out.file.getvalue().splitlines()
    assert not {"\r", "\x1b"} & set(out.file.getvalue())
    assert len(lines) == 3
    assert lines[1].startswith("epoch 2/3  loss ")
    assert "accuracy" in lines[1]


def test_progress_on_a_terminal_is_a_bar_that_ends():
    out = console(terminal=True)
    fit(network(), epochs=3, validation=(X, Y), callbacks=[ProgressBar(out)])
    text = out.file.getvalue()
    assert "epoch 3/3" in text
    assert "validation" in text
    assert "━" in text


def test_a_notebook_without_widgets_gets_a_line_an_epoch(monkeypatch):
    from rich.console import Console

    printed = []
    monkeypatch.setattr("chainrule.train.progress.find_spec", lambda name: None)
    out = Console(force_jupyter=True)
    monkeypatch.setattr(out, "print", lambda line, **options: printed.append(line))
    fit(network(), epochs=2, callbacks=[ProgressBar(out)])
    assert [line[:9] for line in printed] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_of_a_stream_whose_length_is_not_known(terminal):
    out = console(terminal)
    stream = data.Stream(lambda epoch: [(X, Y)] * 3)
    fit(network(), data=stream, batch_size=None, epochs=2, callbacks=[ProgressBar(out)])
    assert "epoch 2/2  loss " in out.file.getvalue().splitlines()[-1]


class Centred(nn.Module):
    """Subtracts a running mean of its inputs, and counts the calls."""

    def __init__(self):
        self.mean = cr.tensor(np.zeros(2, dtype="float32"))
        self.calls = cr.tensor(0)

    def __call__(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
            self.calls = self.calls + 1
        return x - self.mean


def test_running_statistics_are_kept():
    model = nn.Sequential(Centred(), nn.Linear(2, 2, key=cr.random.key(0)))
    run = fit(model, epochs=2, validation=(X, Y))
    expected, key = np.zeros(2, dtype="float32"), cr.random.key(0)
    for epoch in (1, 2):
        for x, _ in data.batches((X.astype(np.float32), Y), 8, key=cr.random.fold_in(key, epoch)):
            expected = np.float32(0.9) * expected + np.float32(0.1) * x.numpy().mean(axis=0)
    assert model.layers[0].calls.item() == run.steps == 10
    np.testing.assert_allclose(model.layers[0].mean.numpy(), expected, rtol=1e-5)
    assert not model.layers[0].mean.requires_grad
    assert list(model.buffers()) == ["layers.0.mean", "layers.0.calls"]


def test_running_statistics_behind_parameters_are_constants():
    model = nn.Sequential(nn.Linear(2, 2, key=cr.random.key(0)), Centred())
    fit(model, epochs=2)
    assert model.layers[1].mean.numpy().any()
    assert list(model.parameters()) == ["layers.0.weight", "layers.0.bias"]


def test_the_step_gives_buffers_and_is_pure():
    model = nn.Sequential(Centred(), nn.Linear(2, 2, key=cr.random.key(0)))
    optimizer = optim.sgd(0.1)
    step = train.make_step(model, nn.cross_entropy, optimizer)
    parameters = {path: p.detach() for path, p in model.parameters().items()}
    x, y = cr.tensor(X, dtype="float32"), cr.tensor(Y)
    state = optimizer.init(parameters)
    one = step(parameters, state, x, y)
    two = step(one.parameters, one.state, x, y, one.buffers)
    counts = [step.buffers["layers.0.calls"].item() for step in (one, two)]
    assert (counts, model.layers[0].calls.item()) == ([1, 2], 0)
    program = cr.trace(step, parameters, state, x, y, one.buffers)
    replayed = program(parameters, state, x, y, two.buffers)
    assert replayed.buffers["layers.0.calls"].item() == 3


def test_an_interrupt_keeps_the_statistics_of_the_last_step():
    model = nn.Sequential(Centred(), nn.Linear(2, 2, key=cr.random.key(0)))
    fit(model, callbacks=[Interrupt(at=7)])
    assert model.layers[0].calls.item() == 7


def attribute_setter(change):
    class Changing(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(2, 2, key=cr.random.key(0))
            self.n = 0
            self.buffer = cr.tensor(0.0)

        def __call__(self, x):
            change(self)
            return self.inner(x)

    return Changing()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda m: setattr(m, "n", m.n + 1), TreeError, "^n changed"),
        (lambda m: setattr(m, "new", cr.tensor(1.0)), TreeError, "^new changed"),
        (lambda m: setattr(m.inner, "note", "x"), TreeError, r"^inner\.note changed"),
        (lambda m: setattr(m, "buffer", cr.tensor([1.0])), TreeError, "the buffer buffer was"),
        (lambda m: setattr(m, "buffer", cr.tensor(1)), TreeError, "became int64"),
        (
            lambda m: setattr(m.inner, "weight", 2 * m.inner.weight),
            GradientError,
            r"set its parameter inner\.weight",
        ),
    ],
)
def test_state_that_would_be_lost_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        fit(attribute_setter(change))


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, labels: cr.tensor(1.0),
        lambda outputs, labels: 1.0,
        lambda outputs, labels: nn.cross_entropy(outputs.detach(), labels),
        lambda outputs, labels: (outputs.argmax(axis=1) != labels).astype("float32").mean(),
    ],
)
def test_a_loss_without_parameters_is_refused(loss):
    with pytest.raises(GradientError, match="does not depend on any parameter"):
        train.fit(network(), loss, (X, Y), optimizer=optim.sgd(0.1), progress=False)


def test_every_metric_has_a_column_of_its_own():
    def loss(outputs, labels):
        return 7.0

    class Share:
        def __call__(self, outputs, labels):
            return 0.25

    metrics = [
        lambda outputs, labels: 1.0,
        lambda outputs, labels: 2.0,
        functools.partial(train.accuracy),
        Share(),
        loss,
    ]
    model = network()
    run = fit(model, metrics=metrics, validation=(X, Y), epochs=1)
    names = ["loss", "<lambda>", "<lambda> 2", "accuracy", "Share", "loss 2"]
    assert list(run.history[0].training) == names
    assert list(run.history[0].validation) == names
    assert (run.curve("<lambda>"), run.curve("<lambda> 2")) == ([1.0], [2.0])
    assert run.curve("loss 2") == [7.0] != run.curve("loss")


class Watch(train.Callback):
    def __init__(self, stop=False):
        self.stop = stop
        self.seen = None

    def started(self, run):
        if self.stop:
            run.stop("not today")

    def ended(self, run):
        self.seen = (run.ended, run.steps, run.reason.splitlines()[0])


def test_an_error_ends_the_run_as_failed():
    def broken(outputs, labels):
        raise ValueError("no such metric")

    watch = Watch()
    with pytest.raises(ValueError, match="no such metric"):
        fit(network(), metrics=[broken], callbacks=[watch])
    assert watch.seen == ("failed", 1, "no such metric")


def test_a_run_stopped_before_the_first_step_takes_none():
    model, watch = network(), Watch(stop=True)
    before = model.layers[0].weight.numpy().copy()
    run = fit(model, callbacks=[watch])
    assert watch.seen == ("stopped", 0, "not today")
    assert not run.history
    np.testing.assert_array_equal(model.layers[0].weight.numpy(), before)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_last_line_shows_the_whole_epoch(terminal):
    out = console(terminal)
    run = fit(
        network(),
        epochs=3,
        validation=(X[:9], Y[:9]),
        metrics=[train.accuracy],
        callbacks=[ProgressBar(out)],
    )
    last = run.history[-1]
    shown = [
        f"loss {values['loss']:.4f}  accuracy {values['accuracy']:.3f}"
        for values in (last.training, last.validation)
    ]
    line = out.file.getvalue().splitlines()[-1]
    assert f"epoch 3/3  {shown[0]}  validation {shown[1]}  " in line


@pytest.mark.parametrize("terminal", [True, False])
def test_names_of_metrics_are_no_markup(terminal):
    def odd(outputs, labels):
        return 1.0

    odd.__name__ = "[red]hits[/b] :smile:"
    out = console(terminal)
    fit(network(), metrics=[odd], callbacks=[ProgressBar(out)])
    assert "[red]hits[/b] :smile: 1.000" in out.file.getvalue().splitlines()[-1]


def test_a_narrow_terminal_shows_the_epoch():
    out = rich.console.Console(file=io.StringIO(), width=40, force_terminal=True)
    fit(network(), metrics=[train.accuracy] * 6, epochs=100, callbacks=[ProgressBar(out)])
    bar = out.file.getvalue().split("\x1b[?25h")[0]  # until the cursor is shown again
    shown = [line for line in bar.split("\r") if "loss" in line]
    assert shown
    assert all(re.search(r"epoch +\d+/100 ", line) for line in shown)


@pytest.mark.parametrize("terminal", [True, False])
def test_an_interrupt_is_told(terminal):
    out = console(terminal)
    run = fit(network(), callbacks=[ProgressBar(out), Interrupt(at=7)])
    assert run.reason == "interrupted in epoch 2; the model keeps what was learned"
    lines = out.file.getvalue().splitlines()
    assert lines[-1] == run.reason
    assert "epoch 1/5  loss " in lines[-2]


@pytest.mark.parametrize("terminal", [True, False])
def test_why_a_run_was_stopped_and_which_model_is_kept_is_told(terminal):
    out = console(terminal)
    run = fit(
        network(),
        epochs=50,
        validation=(X[:9], 1 - Y[:9]),  # it gets worse while training goes well
        callbacks=[ProgressBar(out), train.EarlyStopping(patience=2)],
    )
    best = run.best.epoch
    assert out.file.getvalue().splitlines()[-1] == (
        f"stopped: no better validation loss than {best.validation['loss']:.4g} in 2 epochs; "
        f"the model is that of epoch {best.number}"
    )
    assert run.reason == out.file.getvalue().splitlines()[-1].removeprefix("stopped: ")


def test_the_representation_of_a_run_is_short():
    run = fit(network(), epochs=20, validation=(X, Y))
    last = run.history[-1]
    assert repr(run) == (
        f"Run(MLP: finished, 20 of 20 epochs, 100 steps, loss {last.training['loss']:.4g}, "
        f"validation loss {last.validation['loss']:.4g})"
    )
    stopped = fit(network(), callbacks=[Stop(at=1)])
    assert repr(stopped).startswith("Run(MLP: stopped, 1 of 5 epochs, 1 steps, loss ")
