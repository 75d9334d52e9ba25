import csv
import errno
import json
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim, train
from chainrule.core.errors import ArgumentError, DomainError, GradientError, MissingExtraError
from chainrule.train import logs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2)).astype("float32")
Y = (X.sum(axis=1) > 0).astype(np.int64)


def network(seed=0):
    return nn.MLP(2, (8,), 2, key=cr.random.key(seed))


def fit(model=None, **options):
    options = {"optimizer": optim.adam(0.02), "epochs": 5, "batch_size": 8} | options
    source = options.pop("data", (X, Y))
    loss = options.pop("loss", nn.cross_entropy)
    return train.fit(model or network(), loss, source, progress=False, **options)


def with_losses(monkeypatch, *values):
    """The validation loss of each epoch is the next of these values."""
    rest = iter(values)
    monkeypatch.setattr(
        train.evaluation.Evaluation, "__call__", lambda self, native=False: {"loss": next(rest)}
    )


# -- early stopping and the best model -------------------------------------------------------------


def test_early_stopping_waits_for_its_patience(monkeypatch):
    with_losses(monkeypatch, 5, 4, 4.5, 3, 3.5, 3.2, 9, 9)
    models = []

    class Keep(train.Callback):
        def epoch_ended(self, run, epoch):
            models.append({path: v.numpy() for path, v in run.model.state_dict().items()})

    run = fit(epochs=8, validation=(X, Y), callbacks=[Keep(), train.EarlyStopping(patience=2)])
    assert (run.ended, len(run.history)) == ("stopped", 6)
    assert (
        run.reason == "no better validation loss than 3 in 2 epochs; the model is that of epoch 4"
    )
    assert (run.best.epoch.number, run.best.value) == (4, 3)
    for path, value in run.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), models[3][path])
        np.testing.assert_array_equal(run.best_model().state_dict()[path].numpy(), models[3][path])
    assert list(run.best_model().parameters()) == list(run.model.parameters())
    assert not run.best_model().training


def test_early_stopping_may_leave_the_last_model(monkeypatch):
    with_losses(monkeypatch, 5, 4, 4.5, 4.5)
    stopping = train.EarlyStopping(patience=1, restore_best=False)
    run = fit(validation=(X, Y), callbacks=[stopping])
    assert len(run.history) == 3
    best = run.best.tensors["layers.0.weight"].numpy()
    assert not np.array_equal(run.model.layers[0].weight.numpy(), best)


def test_small_gains_and_nan_do_not_count(monkeypatch):
    with_losses(monkeypatch, 5, 4.95, 4.91, float("nan"), 0)
    run = fit(validation=(X, Y), callbacks=[train.EarlyStopping(patience=3, min_delta=0.1)])
    assert len(run.history) == 4
    assert run.best.epoch.number == 3


def test_what_is_best_can_be_a_metric():
    run = fit(validation=(X, Y), metrics=[train.accuracy], monitor="validation accuracy", epochs=8)
    values = run.curve("accuracy", validation=True)
    assert run.best.value == max(values)
    assert run.best.epoch.number == 1 + values.index(max(values))
    assert fit().best.epoch.number == 5  # without validation by the loss


def test_monitors_that_are_not_known_are_refused():
    def odd(outputs, targets):
        return 1.0

    with pytest.raises(ArgumentError, match='mode="min" or mode="max"'):
        fit(metrics=[odd], monitor="odd")
    assert fit(metrics=[odd], monitor="odd", mode="max").best.value == 1.0
    with pytest.raises(DomainError, match=r"'accuracy' is not measured.*there is loss"):
        fit(monitor="accuracy")
    with pytest.raises(ArgumentError, match="loss and accuracy; name one"):
        fit(monitor="loss", callbacks=[train.EarlyStopping("accuracy")])


# -- limits and plateaus ---------------------------------------------------------------------------


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("steps", [1, 3, 5, 12])
def test_a_limit_of_steps_is_met_exactly(steps, compile):
    run = fit(max_steps=steps, compile=compile)
    assert (run.ended, run.steps) == ("stopped", steps)
    assert "limit" in run.reason
    assert fit(max_steps=steps, compile=compile, epochs=1).steps == min(steps, 5)


def test_a_limit_of_seconds_ends_the_run():
    run = fit(epochs=100_000, max_seconds=0.2)
    assert run.ended == "stopped"
    assert 0.2 <= run.seconds < 20


@pytest.mark.parametrize(("threshold", "cooldown"), [(0.0, 0), (0.1, 1)])
def test_a_plateau_is_that_of_torch(monkeypatch, threshold, cooldown):
    torch = pytest.importorskip("torch")
    values = [5, 4, 4.5, 4.5, 3.9, 4, 4, 4, 4, 4, 4, 4]
    with_losses(monkeypatch, *values)
    options = {"factor": 0.5, "patience": 1, "threshold": threshold, "cooldown": cooldown}
    run = fit(
        epochs=12, validation=(X, Y), callbacks=[train.ReduceOnPlateau(min_scale=0.1, **options)]
    )
    weight = torch.zeros(1, requires_grad=True)
    theirs = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, min_lr=0.1, **options)
    expected = []
    for value in values:
        expected.append(theirs.param_groups[0]["lr"])
        scheduler.step(value)
    assert [epoch.factor for epoch in run.history] == pytest.approx(expected)
    assert len(set(expected)) > 2


@pytest.mark.parametrize("compile", [True, False])
def test_a_smaller_factor_makes_smaller_updates(monkeypatch, compile):
    with_losses(monkeypatch, *[1.0] * 4)
    run = fit(
        optimizer=optim.sgd(0.1),
        epochs=4,
        batch_size=40,
        validation=(X, Y),
        callbacks=[train.ReduceOnPlateau(factor=0.5, patience=1)],
        compile=compile,
    )
    assert [epoch.factor for epoch in run.history] == [1, 1, 1, 0.5]
    by_hand = network()
    opt = optim.sgd(0.1).bind(by_hand)
    x = cr.tensor(X)
    for factor in (1, 1, 1, 0.5):
        opt.zero_grad()
        (factor * nn.cross_entropy(by_hand(x), Y)).backward()
        opt.step()
    for path, value in run.model.parameters().items():
        np.testing.assert_allclose(
            value.numpy(), by_hand.parameters()[path].numpy(), rtol=1e-5, atol=1e-6
        )


# -- schedules, penalties, gradients ---------------------------------------------------------------


@pytest.mark.parametrize("compile", [True, False])
def test_a_schedule_is_a_factor_on_the_updates(compile):
    schedule = optim.cosine_decay()
    ours = fit(optimizer=optim.sgd(0.1), schedule=schedule, epochs=2, compile=compile)
    theirs = fit(optimizer=optim.sgd(optim.cosine_decay(0.1, steps=10)), epochs=2, compile=compile)
    for path, value in ours.model.parameters().items():
        np.testing.assert_allclose(
            value.numpy(), theirs.model.parameters()[path].numpy(), rtol=1e-6, atol=1e-7
        )
    fitted = schedule.over(10)
    assert [e.factor for e in ours.history] == pytest.approx([fitted(4), fitted(9)])
    halved = fit(schedule=lambda step: 0.5**step, epochs=1)
    assert halved.history[0].factor == 0.5**4


def test_a_schedule_has_to_know_how_long_the_training_is():
    stream = data.Stream(lambda epoch: [(X, Y)] * 3)
    with pytest.raises(DomainError, match="does not say how long"):
        fit(data=stream, batch_size=None, schedule=optim.cosine_decay())
    run = fit(data=stream, batch_size=None, schedule=optim.cosine_decay(), max_steps=7)
    assert (run.steps, run.history[-1].factor) == (7, optim.cosine_decay(steps=7)(6))
    with pytest.raises(ArgumentError, match="schedule is a function"):
        fit(schedule=0.1)


@pytest.mark.parametrize("compile", [True, False])
def test_a_penalty_is_a_part_of_what_is_minimised(compile):
    run = fit(
        optimizer=optim.sgd(0.1),
        penalty=lambda parameters: 0.01 * nn.l2_penalty(parameters),
        compile=compile,
    )
    theirs = fit(optimizer=optim.sgd(0.1, weight_decay=0.01), compile=compile)
    for path, value in run.model.parameters().items():
        np.testing.assert_allclose(
            value.numpy(), theirs.model.parameters()[path].numpy(), rtol=1e-5, atol=1e-6
        )
    assert list(run.history[0].training) == ["loss", "penalty"]
    assert run.curve("loss") == pytest.approx(theirs.curve("loss"), rel=1e-5)
    assert all(value > 0 for value in run.curve("penalty"))


def test_a_penalty_that_is_no_scalar_is_refused():
    with pytest.raises(GradientError, match=r"scalar tensor.*shape"):
        fit(penalty=lambda parameters: parameters["layers.0.weight"])


@pytest.mark.parametrize("compile", [True, False])
def test_gradient_norms_are_measured(compile):
    class Norms(train.Callback):
        def __init__(self):
            self.norms = []

        def stepped(self, run, measured):
            self.norms.append(optim.global_norm(run.gradients).item())

    watch = Norms()
    clip = optim.chain(optim.clip_by_global_norm(0.5), optim.sgd(0.1))
    run = fit(optimizer=clip, epochs=2, callbacks=[watch], compile=compile)
    for place, epoch in enumerate(run.history):
        norms = np.array(watch.norms[5 * place : 5 * place + 5])
        assert epoch.gradients.median == pytest.approx(np.median(norms), rel=1e-5)
        assert epoch.gradients.largest == pytest.approx(norms.max(), rel=1e-5)
        assert epoch.gradients.clipped == np.mean(norms > 0.5)
    assert run.history[0].gradients.clipped > 0
    assert fit(epochs=1).history[0].gradients.clipped is None


class TwoHeads(nn.Module):
    def __init__(self):
        self.used = nn.Linear(2, 2, key=cr.random.key(0))
        self.idle = nn.Linear(2, 2, key=cr.random.key(1))

    def __call__(self, x):
        return self.used(x), self.idle(x)


def test_parameters_on_which_the_loss_does_not_depend_are_named():
    def loss(outputs, targets):
        return nn.cross_entropy(outputs[0], targets)

    for compile in (True, False):
        with pytest.warns(
            train.UnusedParameterWarning, match=r"depend on idle.weight, idle.bias:"
        ) as c:
            fit(TwoHeads(), loss=loss, compile=compile)
        assert len(c) == 1
        assert c[0].filename == __file__
    frozen = TwoHeads()
    for value in frozen.idle.parameters().values():
        value.requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(frozen, loss=loss)
        fit(TwoHeads(), loss=loss, penalty=nn.l2_penalty)


# -- a NaN -----------------------------------------------------------------------------------------


class Root(nn.Module):
    def __call__(self, x):
        return cr.sqrt(x + 1.0)  # the root of a negative number


@pytest.mark.parametrize("compile", [True, False])
def test_a_nan_is_traced_to_its_line_and_the_checkpoint_is_named(tmp_path, compile):
    model = nn.Sequential(nn.Linear(1, 1, key=cr.random.key(0)), Root())
    model[0].weight.assign_([[1.0]])
    x = np.ones((8, 1), "float32")
    x[6] = -9.0
    with pytest.raises(train.NonFiniteError) as caught:
        train.fit(
            model,
            nn.mse,
            data.Loader((x, x), 1, shuffle=False),
            optimizer=optim.sgd(1e-3),
            folder=tmp_path,
            callbacks=[train.Checkpoints(every_steps=2)],
            progress=False,
            compile=compile,
        )
    error = caught.value
    assert (error.step, error.layer) == (7, "layers.1")
    assert "# the root of a negative number" in str(error)
    assert __file__ in str(error)
    assert error.checkpoint.name == "step-000000006.safetensors"
    assert str(error.checkpoint) in error.__notes__[0]
    assert np.isfinite(train.load(model, error.checkpoint)[0].weight.numpy()).all()
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert events[-1]["ended"] == "failed"


def test_an_infinite_gradient_is_traced_to_its_line():
    model = nn.Linear(1, 1, key=cr.random.key(0), bias=False, dtype="float64")
    model.weight.assign_([[1e-250]])

    def loss(outputs, targets):
        return (1e-150 / outputs).sum()  # 1e100, and its slope -1e350

    with pytest.raises(train.NonFiniteError, match=r"gradient of weight.*made at.*its slope"):
        train.fit(model, loss, ([[1.0]], [1.0]), optimizer=optim.sgd(0.1), progress=False)


# -- sources ---------------------------------------------------------------------------------------


def test_a_loader_gives_the_numbers_of_the_arrays():
    ours = fit(data=data.Loader((X, Y), 8, key=cr.random.key(3)), batch_size=None)
    theirs = fit(key=cr.random.key(3))
    streamed = fit(
        data=data.Loader((X, Y), 8, key=cr.random.key(3), transform=lambda k, x: x, prefetch=2),
        batch_size=None,
    )
    for path, value in theirs.model.parameters().items():
        np.testing.assert_array_equal(ours.model.parameters()[path].numpy(), value.numpy())
        np.testing.assert_allclose(
            streamed.model.parameters()[path].numpy(), value.numpy(), rtol=1e-5, atol=1e-6
        )
    assert ours.steps_per_epoch == streamed.steps_per_epoch == 5
    assert streamed.timings.data > 0


def test_a_loader_may_leave_out_the_last_batch():
    run = fit(data=data.Loader((X, Y), 16, drop_last=True), batch_size=None, epochs=2)
    assert run.steps == 4


def test_a_loader_has_its_own_batch_size():
    with pytest.raises(ArgumentError, match="leave batch_size and key out"):
        fit(data=data.Loader((X, Y), 8), batch_size=4)


def test_a_wrong_label_of_a_stream_is_found():
    stream = data.Stream(lambda epoch: [(X[:4], Y[:4]), (X[:4], Y[:4] + 2)], name="numbers")
    with pytest.raises(DomainError, match="example 0 of the numbers, batch 1 of epoch 1"):
        fit(data=stream, batch_size=None)


# -- logs and tables -------------------------------------------------------------------------------


def test_the_log_has_a_line_for_each_event(tmp_path):
    fit(folder=tmp_path, epochs=2, validation=(X, Y), metrics=[train.accuracy])
    run = fit(folder=tmp_path, epochs=3, validation=(X, Y), metrics=[train.accuracy], resume=True)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert events == ["start", "epoch", "epoch", "end", "resume", "epoch", "end"]
    assert lines[0]["config"]["optimizer"] == "adam(0.02)"
    assert lines[0]["config"]["data"]["key"] == [0, 0]
    assert lines[0]["versions"]["chainrule"]
    assert lines[5]["epoch"] == 3
    assert lines[5]["validation accuracy"] == run.history[-1].validation["accuracy"]
    assert lines[5]["gradient norm"] == run.history[-1].gradients.median
    assert lines[6]["ended"] == "finished"
    assert lines[6]["best"] == {"epoch": run.best.epoch.number, "validation loss": run.best.value}
    assert (tmp_path / "model.safetensors").exists()
    loaded = train.load(network(1), tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        loaded.layers[0].weight.numpy(), run.model.layers[0].weight.numpy()
    )


def test_a_model_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(train.loop, "save", fail)
    with pytest.warns(train.CheckpointWarning, match="model could not be written"):
        assert fit(folder=tmp_path).ended == "finished"


def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    model = network()
    before = model.layers[0].weight.numpy().copy()
    with pytest.raises(OSError, match="file"):
        fit(model, folder=tmp_path / "file")
    np.testing.assert_array_equal(model.layers[0].weight.numpy(), before)


def test_a_log_that_was_cut_off_goes_on_with_whole_lines(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"event": "start"}\n{"event": "epo')
    fit(callbacks=[train.RunLog(path)], epochs=1)
    lines = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    assert lines == ["start", "start", "epoch", "end"]


def test_lines_wait_for_room_on_the_disk(tmp_path, monkeypatch):
    path, append, calls = tmp_path / "log.jsonl", logs._append, []

    def full(path, lines):
        calls.append(len(lines))
        if len(calls) in (2, 3):
            raise OSError(errno.ENOSPC, "No space left on device")
        append(path, lines)

    monkeypatch.setattr(logs, "_append", full)
    with pytest.warns(train.CheckpointWarning, match="No space left") as caught:
        fit(callbacks=[train.RunLog(path)], epochs=4)
    assert len(caught) == 1
    assert calls == [1, 1, 2, 3, 1, 1]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("epoch") for line in lines] == [None, 1, 2, 3, 4, None]


def test_a_line_that_is_no_number_is_null(tmp_path):
    def odd(outputs, targets):
        return float("nan")

    fit(callbacks=[train.RunLog(tmp_path / "log")], epochs=1, metrics=[odd])
    lines = (tmp_path / "log").read_text().splitlines()
    assert json.loads(lines[1], parse_constant=pytest.fail)["odd"] is None


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit()
    assert not list(tmp_path.iterdir())
    for callback in (train.Checkpoints(), train.RunLog(), train.CSVLog()):
        with pytest.raises(ArgumentError, match="say where to write"):
            fit(callbacks=[callback])


def test_the_history_is_a_table(tmp_path):
    run = fit(
        folder=tmp_path, callbacks=[train.CSVLog()], validation=(X, Y), metrics=[train.accuracy]
    )
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5]
    assert [float(row["validation loss"]) for row in rows] == run.curve("loss", validation=True)
    assert (tmp_path / "history.csv").read_bytes() == run.to_csv(tmp_path / "x.csv").read_bytes()


def test_tensorboard_reads_the_events(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    run = fit(folder=tmp_path, callbacks=[train.TensorBoard()], validation=(X, Y), epochs=3)
    (path,) = (tmp_path / "tensorboard").iterdir()
    content, found = path.read_bytes(), {}
    while content:  # length, its checksum, the event, its checksum
        length = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + length])
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
        content = content[16 + length :]
    assert [step for step, _ in found["training/loss"]] == [5, 10, 15]
    np.testing.assert_allclose(
        [value for _, value in found["validation/loss"]], run.curve("loss", True), rtol=1e-6
    )
    assert {"factor", "gradient_norm/median", "gradient_norm/largest"} < found.keys()


def test_without_tensorboardx_it_says_how_to_get_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match="interchange"):
        fit(callbacks=[train.TensorBoard(tmp_path)])


def test_a_run_draws_itself(tmp_path):
    pytest.importorskip("matplotlib")
    run = fit(validation=(X, Y), metrics=[train.accuracy], penalty=nn.l2_penalty)
    assert run.plot(tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    titles = [ax.get_title() for ax in run.plot().axes]
    assert titles[1:] == ["Penalty", "Accuracy"]


def test_timings_add_up():
    run = fit(epochs=20, validation=(X, Y))
    spent = run.timings
    assert min(spent.steps, spent.data, spent.compile, spent.validation) > 0
    total = spent.steps + spent.data + spent.compile + spent.validation
    assert total <= run.seconds
    assert run.steps_per_second == pytest.approx(run.steps / (spent.steps + spent.data))
