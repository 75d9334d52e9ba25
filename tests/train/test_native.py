"""What `fit` does natively is what it does step by step in Python."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, train
from chainrule.core.errors import DomainError
from chainrule.train import engine, native

RNG = np.random.default_rng(1)
X = RNG.normal(size=(250, 2))
Y = (X.sum(axis=1) > 0).astype(np.int64)


@pytest.fixture(autouse=True)
def _no_warning_unless_expected():
    with warnings.catch_warnings():
        warnings.simplefilter("error", cr.CompileWarning)
        yield


@pytest.fixture
def long_calls(monkeypatch):
    """Each call takes as many steps as there are, not as many as are found to be quick."""
    monkeypatch.setattr(native.Native, "_count", lambda self: self.most)


@pytest.fixture
def everything(monkeypatch):
    """What runs once an epoch is compiled from the start."""
    monkeypatch.setattr(engine, "FEW", 0)


def network(seed=0, hidden=8):
    return nn.MLP(2, (hidden,), 2, key=cr.random.key(seed))


def fit(model, data=(X, Y), loss=nn.cross_entropy, **options):
    options = {"optimizer": optim.adam(0.02), "epochs": 2, "batch_size": 8} | options
    return train.fit(model, loss, data, progress=False, **options)


def assert_same(ours, theirs, rtol=2e-5, atol=1e-6):
    one, two = cr.core.tree.paths(ours), cr.core.tree.paths(theirs)
    assert [path for path, _ in one] == [path for path, _ in two]
    for (path, a), (_, b) in zip(one, two, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol, atol=atol, err_msg=path)


class Counted(nn.Module):
    """Counts how often Python calls it, unlike a buffer, which would count the steps."""

    calls = 0

    def __call__(self, x):
        Counted.calls += 1
        return x


class Centred(nn.Module):
    """Subtracts a running mean of its inputs, and counts the calls also when in use."""

    def __init__(self):
        self.mean = cr.tensor(np.zeros(2, dtype="float32"))
        self.calls = cr.tensor(0)

    def __call__(self, x):
        self.calls = self.calls + 1
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return x - self.mean


@pytest.mark.usefixtures("long_calls", "everything")
@pytest.mark.parametrize(
    "optimizer",
    [
        optim.sgd(0.1),
        optim.sgd(0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
        optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(lambda n: 0.1 / (n + 1))),
    ],
    ids=repr,
)
def test_numbers_are_those_of_python(optimizer):
    runs = [
        fit(
            nn.Sequential(Centred(), network()),
            optimizer=optimizer,
            validation=(X[:90], Y[:90]),
            metrics=[train.accuracy, lambda outputs, targets: 2],
            compile=compile,
        )
        for compile in (True, False)
    ]
    ours, theirs = runs
    assert ours.steps == theirs.steps == 64
    assert_same(ours.model, theirs.model)
    assert_same(ours.gradients, theirs.gradients)
    assert_same(ours.state, theirs.state)
    for one, two in zip(ours.history, theirs.history, strict=True):
        assert list(one.training) == list(two.training) == ["loss", "accuracy", "<lambda>"]
        assert one.training == pytest.approx(two.training, rel=1e-5)
        assert one.validation == pytest.approx(two.validation, rel=1e-5)
    # 64 steps, and the validation after each of the two epochs
    assert ours.model.layers[0].calls.item() == theirs.model.layers[0].calls.item() == 66


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_dtype(dtype):
    def linear():
        return nn.Linear(2, 1, key=cr.random.key(0), dtype=dtype)

    data = (X, X[:, :1] - X[:, 1:])
    ours, theirs = (
        fit(linear(), data, nn.mse, optimizer=optim.adam(0.05), compile=compile).model
        for compile in (True, False)
    )
    tolerance = {"float16": 2e-2, "float32": 1e-4, "float64": 1e-9}[dtype]
    assert_same(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("everything")
def test_python_is_not_called_in_every_step():
    Counted.calls = 0
    run = fit(nn.Sequential(Counted(), network()), epochs=20)
    assert run.steps == 640
    assert Counted.calls < 10


def test_how_many_steps_a_call_takes_changes_no_bit(monkeypatch):
    models = []
    for most in (1, 3, 256):
        monkeypatch.setattr(native.Native, "_count", lambda self, most=most: most)
        models.append(fit(network()).model)
    for model in models[1:]:
        assert_same(model, models[0], rtol=0, atol=0)


def test_large_networks_take_a_step_in_a_call(monkeypatch):
    monkeypatch.setattr(native, "LARGE", 0)
    counts, take = set(), native.Native.take

    def watched(self, *args):
        taken = take(self, *args)
        counts.add(len(taken.values))
        return taken

    monkeypatch.setattr(native.Native, "take", watched)
    ours = fit(network()).model
    assert counts == {1}
    assert_same(ours, fit(network(), compile=False).model)


class Watch(train.Callback):
    """Notes what is measured, and what the run has come to, at each step."""

    def __init__(self, look=True):
        self.look = look
        self.seen, self.measured = [], []

    def stepped(self, run, measured):
        self.measured.append(measured)
        if self.look:
            self.seen.append((run.gradients, run.state))


@pytest.mark.usefixtures("long_calls")
def test_callbacks_see_every_step():
    ours, theirs, blind = Watch(), Watch(), Watch(look=False)
    fit(network(), callbacks=[ours], metrics=[train.accuracy])
    fit(network(), callbacks=[blind], metrics=[train.accuracy])
    fit(network(), callbacks=[theirs], metrics=[train.accuracy], compile=False)
    assert len(ours.seen) == len(theirs.seen) == 64
    assert_same(ours.seen, theirs.seen)
    assert ours.measured == blind.measured
    assert [m["loss"] for m in ours.measured] == pytest.approx(
        [m["loss"] for m in theirs.measured], rel=1e-5
    )
    assert [m["accuracy"] for m in ours.measured] == [m["accuracy"] for m in theirs.measured]


class End(train.Callback):
    def __init__(self, at, by):
        self.at, self.by = at, by

    def stepped(self, run, measured):
        if run.steps == self.at:
            if self.by == "stop":
                run.stop("enough")
            else:
                raise KeyboardInterrupt


@pytest.mark.usefixtures("long_calls")
@pytest.mark.parametrize("by", ["stop", "interrupt"])
@pytest.mark.parametrize("at", [1, 2, 17, 31, 32, 33, 40])
def test_a_run_may_end_between_the_steps_of_a_call(at, by):
    ours, theirs = (
        fit(nn.Sequential(Centred(), network()), callbacks=[End(at, by)], compile=compile)
        for compile in (True, False)
    )
    assert ours.steps == theirs.steps == at
    assert ours.ended == theirs.ended
    assert len(ours.history) == len(theirs.history)
    assert ours.model.layers[0].calls.item() == at
    assert_same(ours.model, theirs.model)
    assert_same(ours.gradients, theirs.gradients)


@pytest.mark.usefixtures("long_calls")
def test_an_interrupt_of_a_call_keeps_the_steps_before_it(monkeypatch):
    take, calls = native.Native.take, []

    def interrupted(self, *args):
        taken = take(self, *args)
        calls.append(taken)
        if len(calls) == 3:  # the whole batches, the last one, and those of the next epoch
            raise KeyboardInterrupt  # as it arrives: after the native code
        return taken

    model = network()
    monkeypatch.setattr(native.Native, "take", interrupted)
    run = fit(model)
    monkeypatch.undo()
    assert (run.ended, run.steps) == ("interrupted", 32)
    assert_same(model, fit(network(), epochs=1).model)


class Explode(nn.Module):
    def __call__(self, x):
        return cr.where(abs(x) > 50.0, np.float32("nan"), x)


@pytest.mark.usefixtures("long_calls")
def test_a_nan_is_found_in_its_step():
    x = X.copy()
    x[77] = 100.0
    steps, models, told = [], [], []
    for compile in (True, False):
        watch = Watch(look=False)
        models.append(nn.Sequential(Explode(), network()))
        with pytest.raises(train.NonFiniteError, match=r"that of layer layers\.0") as caught:
            fit(models[-1], (x, Y), callbacks=[watch], compile=compile)
        steps.append(caught.value.step)
        told.append(len(watch.measured))
    assert steps[0] == steps[1] == told[0] + 1 == told[1] + 1 > 3
    assert_same(*models)


@pytest.mark.usefixtures("long_calls")
@pytest.mark.parametrize("label", [-1, 2])
def test_a_wrong_label_is_found_in_its_step(label):
    y = Y.copy()
    y[77] = label
    models = []
    for compile in (True, False):
        models.append(network())
        with pytest.raises(DomainError, match=f"label {label} is out of range"):
            fit(models[-1], (X, y), compile=compile)
    assert_same(*models)


def test_a_network_that_branches_runs_in_python_after_a_warning():
    class Branching(nn.Module):
        def __call__(self, x):
            if x.mean() > 0:  # on values
                return 2 * x
            return x

    with pytest.warns(cr.CompileWarning, match=r"the step.*(\n.*)*on values") as caught:
        ours = fit(nn.Sequential(Branching(), network())).model
    assert len(caught) == 1
    assert caught[0].filename == __file__
    theirs = fit(nn.Sequential(Branching(), network()), compile=False).model
    assert_same(ours, theirs, rtol=0, atol=0)


def test_a_metric_that_branches_runs_in_python_and_the_steps_do_not():
    def surely_right(outputs, targets):
        return max(0.0, outputs.numpy().max() - 1)  # by values

    Counted.calls = 0
    with pytest.warns(cr.CompileWarning, match=r"a metric.*(\n.*)*by values") as caught:
        ours = fit(nn.Sequential(Counted(), network()), metrics=[surely_right, train.accuracy])
    assert len(caught) == 1
    assert Counted.calls < 10
    theirs = fit(network(), metrics=[surely_right, train.accuracy], compile=False)
    for name in ("surely_right", "accuracy"):
        assert ours.curve(name) == pytest.approx(theirs.curve(name), rel=1e-5)


def test_a_state_that_changes_its_dtype_runs_in_python():
    def optimizer():
        def step(grads, state, params, problem):
            state = (state + 1).astype("float64" if state.dtype.kind == "i" else "int64")
            return {path: -0.1 * g for path, g in grads.items()}, state

        return optim.Optimizer("odd", lambda params: cr.tensor(0), step)

    with pytest.warns(cr.CompileWarning, match="the step"):
        ours = fit(network(), optimizer=optimizer())
    assert ours.state.item() == ours.steps == 64


def test_a_state_of_words_runs_in_python():
    def step(grads, state, params, problem):
        return {path: -0.1 * g for path, g in grads.items()}, {"word": state["word"] + "!"}

    wordy = optim.Optimizer("wordy", lambda params: {"word": ""}, step)
    with pytest.warns(cr.CompileWarning, match="the step"):
        run = fit(network(), optimizer=wordy)
    assert run.state == {"word": "!" * 64}


def test_what_a_callback_changes_in_the_network_counts():
    class Scaled(nn.Module):
        factor: float

        def __call__(self, x):
            return self.factor * x

    class Change(train.Callback):
        def epoch_ended(self, run, epoch):
            run.model.layers[0].factor = 0.0

    ours, theirs = (
        fit(nn.Sequential(Scaled(1.0), network()), callbacks=[Change()], compile=compile)
        for compile in (True, False)
    )
    assert ours.curve("loss") == pytest.approx(theirs.curve("loss"), rel=1e-5)
    assert_same(ours.model, theirs.model)


def test_models_do_not_share_memory_with_a_run():
    model = network()
    before = {path: value.numpy() for path, value in model.parameters().items()}
    kept = {path: value.copy() for path, value in before.items()}
    snapshots = []

    class Keep(train.Callback):
        def epoch_ended(self, run, epoch):
            parameters = {path: value.numpy() for path, value in model.parameters().items()}
            snapshots.append((parameters, {p: v.copy() for p, v in parameters.items()}))

    fit(model, epochs=3, callbacks=[Keep()])
    for now, then in [(before, kept), *snapshots]:
        for path, value in then.items():
            np.testing.assert_array_equal(now[path], value)


def test_accuracy_can_be_traced():
    scores, labels = RNG.normal(size=(7, 3)).astype("float32"), RNG.integers(0, 3, 7)
    program = cr.trace(train.accuracy, cr.tensor(scores), cr.tensor(labels))
    traced = program(cr.tensor(scores), cr.tensor(labels))
    assert (
        traced.item()
        == train.accuracy(cr.tensor(scores), labels)
        == np.mean(scores.argmax(axis=1) == labels)
    )
