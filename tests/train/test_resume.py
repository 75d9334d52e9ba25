"""A run that was killed goes on from a checkpoint and ends with the bits of one that was not."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim, train
from chainrule.core.errors import ArgumentError, DomainError
from chainrule.train import engine, files
from chainrule.train.checkpoint import checkpoints_in, steps_of

RNG = np.random.default_rng(3)
X = RNG.normal(size=(90, 4)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def network(width=8):
    keys = cr.random.split(cr.random.key(1), 3)
    return nn.Sequential(
        nn.Linear(4, width, key=keys[0]),
        nn.BatchNorm(width),
        nn.ReLU(),
        nn.Dropout(0.2, key=keys[1]),
        nn.Linear(width, 2, key=keys[2]),
    )


def flipped(key, inputs):
    signs = cr.random.bernoulli(key, 0.5, shape=(len(inputs), 1)).numpy()
    return np.where(signs, inputs, -inputs)


def source(kind):
    if kind == "arrays":
        return X, Y
    return data.Loader(
        (X, Y), 16, key=cr.random.key(7), transform=flipped, prefetch=2 if kind == "thread" else 0
    )


def fit(folder, kind="arrays", **options):
    options = {
        "optimizer": optim.chain(optim.clip_by_global_norm(0.5), optim.adamw(0.05)),
        "schedule": optim.linear_warmup(5, then=optim.cosine_decay()),
        "penalty": lambda parameters: 1e-3 * nn.l2_penalty(parameters),
        "epochs": 6,
        "batch_size": 16 if kind == "arrays" else None,
        "validation": (X[:30], Y[:30]),
        "metrics": [train.accuracy],
        "folder": folder,
        "progress": False,
    } | options
    model = options.pop("model", None) or network()
    return train.fit(model, nn.cross_entropy, source(kind), **options)


class Killed(BaseException):
    pass


class Kill(train.Callback):
    """Ends the process, as far as anybody in it could tell."""

    def __init__(self, at):
        self.at = at

    def next_step(self, run):
        return self.at

    def advanced(self, run):
        if run.steps == self.at:
            raise Killed


def assert_same_bits(one, two):
    for (path, a), (_, b) in zip(
        one.model.state_dict().items(), two.model.state_dict().items(), strict=True
    ):
        assert a.numpy().tobytes() == b.numpy().tobytes(), path
    for (path, a), (_, b) in zip(
        cr.core.tree.paths(one.state), cr.core.tree.paths(two.state), strict=True
    ):
        assert a.numpy().tobytes() == b.numpy().tobytes(), path
    assert len(one.history) == len(two.history)
    for a, b in zip(one.history, two.history, strict=True):
        assert (a.number, a.training, a.validation, a.factor, a.gradients) == (
            (b.number, b.training, b.validation, b.factor, b.gradients)
        )
    assert one.best.value == two.best.value
    assert one.best.epoch.number == two.best.epoch.number
    for path, value in one.best.tensors.items():
        assert value.numpy().tobytes() == two.best.tensors[path].numpy().tobytes()


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("kind", ["arrays", pytest.param("thread", marks=pytest.mark.slow)])
def test_a_killed_run_ends_with_the_same_bits(tmp_path, kind, compile):
    """Also before the last, shorter batch of an epoch, and between it and the validation."""
    whole = fit(None, kind, compile=compile)
    assert whole.steps == 36
    for every, killed_at in ((4, [1, 5, 6, 13, 23, 24, 30]), (1, [6, 7, 12, 13, 18])):
        options = {"resume": True, "compile": compile}
        for at in killed_at:
            callbacks = [Kill(at), train.Checkpoints(every_steps=every, keep=2)]
            with pytest.raises(Killed):
                fit(tmp_path / f"{every}", kind, callbacks=callbacks, **options)
        resumed = fit(tmp_path / f"{every}", kind, **options)
        assert resumed.resumed_at > 16
        assert_same_bits(resumed, whole)


def test_a_finished_run_is_not_run_again(tmp_path):
    once = fit(tmp_path)
    again = fit(tmp_path, resume=True)
    assert (again.ended, again.steps, again.resumed_at) == ("finished", 36, 36)
    assert_same_bits(once, again)


def test_a_run_is_prolonged_with_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "FEW", 3)
    options = {"schedule": None, "validation": None}
    fit(tmp_path, epochs=2, **options)
    assert_same_bits(
        fit(tmp_path, epochs=4, resume=True, **options), fit(None, epochs=4, **options)
    )


def test_a_run_that_is_prolonged_is_a_longer_one(tmp_path, monkeypatch):
    """Also where the validation becomes worth its compilation in the meantime."""
    monkeypatch.setattr(engine, "FEW", 5)
    options = {"optimizer": optim.adam(0.01), "schedule": None}
    for epochs in (1, 4, 7):
        run = fit(tmp_path, resume=True, epochs=epochs, **options)
    assert_same_bits(run, fit(None, epochs=7, **options))


def test_an_interrupt_and_a_limit_leave_a_checkpoint(tmp_path):
    whole = fit(None)

    class Interrupt(train.Callback):
        def stepped(self, run, measured):
            if run.steps == 15:
                raise KeyboardInterrupt

    run = fit(tmp_path, callbacks=[Interrupt()], max_steps=None)
    assert (run.ended, run.steps) == ("interrupted", 15)
    run = fit(tmp_path, resume=True, max_seconds=1e-9)
    assert (run.ended, run.resumed_at) == ("stopped", 15)
    assert "seconds" in run.reason
    run = fit(tmp_path, resume=True)
    assert run.ended == "finished"
    assert_same_bits(run, whole)


def test_callbacks_go_on_where_they_were(tmp_path):
    def callbacks(*more):
        return [
            train.EarlyStopping("validation accuracy", patience=4),
            train.ReduceOnPlateau("loss", factor=0.5, patience=0),
            *more,
        ]

    options = {"epochs": 30, "optimizer": optim.sgd(2.0), "schedule": None}
    whole = fit(None, callbacks=callbacks(), **options)
    for at in (20, 44):
        with pytest.raises(Killed):
            fit(tmp_path, callbacks=callbacks(Kill(at)), resume=True, **options)
    resumed = fit(tmp_path, callbacks=callbacks(), resume=True, **options)
    assert whole.ended == resumed.ended == "stopped"
    assert whole.reason == resumed.reason
    assert whole.history[-1].factor < 1
    assert_same_bits(resumed, whole)
    again = fit(tmp_path, callbacks=callbacks(), resume=True, **options)
    assert (again.ended, again.steps) == ("stopped", whole.steps)


def test_the_newest_are_kept_and_the_best(tmp_path):
    run = fit(tmp_path, callbacks=[train.Checkpoints(keep=2)], metrics=[])
    names = [path.name for path in checkpoints_in(tmp_path / "checkpoints")]
    assert len(names) in (2, 3)
    assert names[:2] == ["step-000000036.safetensors", "step-000000030.safetensors"]
    best = tmp_path / "checkpoints" / f"step-{6 * run.best.epoch.number:09d}.safetensors"
    assert best.exists()
    model = train.load(network(), best).eval()
    for path, value in run.best.tensors.items():
        np.testing.assert_array_equal(model.state_dict()[path].numpy(), value.numpy())
    shown = json.loads(best.with_suffix(".json").read_text())
    assert shown["position"]["steps"] == 6 * run.best.epoch.number


def test_a_damaged_newer_checkpoint_does_not_push_out_the_good_ones(tmp_path):
    fit(tmp_path)
    newest, before = checkpoints_in(tmp_path / "checkpoints")[:2]
    damage(newest)
    killed_at = steps_of(before) + 3
    with pytest.raises(Killed):
        keeper = train.Checkpoints(every_steps=1, keep=1)
        fit(tmp_path, resume=before, callbacks=[Kill(killed_at), keeper])
    with pytest.warns(train.CheckpointWarning, match="is damaged"):
        run = fit(tmp_path, resume=True)
    assert run.resumed_at == killed_at - 1
    assert_same_bits(run, fit(None))


def test_a_run_goes_on_in_another_folder(tmp_path):
    """The checkpoint of the best epoch stays where it is, and the new ones do without it."""
    options = {"optimizer": optim.sgd(0.1), "schedule": None}  # the first epochs are not the best
    options["callbacks"] = [train.EarlyStopping("accuracy", patience=9, mode="min")]
    whole = fit(None, **options)
    fit(tmp_path / "one", **(options | {"epochs": 3}))
    checkpoint = checkpoints_in(tmp_path / "one" / "checkpoints")[0]
    other = {"folder": tmp_path / "two"}
    with pytest.raises(Killed):
        fit(
            **(options | {"callbacks": [*options["callbacks"], Kill(27)]}),
            **other,
            resume=checkpoint,
        )
    (tmp_path / "one").rename(tmp_path / "gone")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = fit(**options, **other, resume=True)
    assert run.resumed_at == 24
    assert run.best.epoch.number < 4
    assert_same_bits(run, whole)


def test_a_checkpoint_of_another_version_is_not_called_damaged(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(files, "VERSION", 99)
        fit(tmp_path)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    with pytest.raises(train.SavedModelError, match=r"version '99'.*reads version 1"):
        fit(tmp_path, resume=True)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == names


def test_the_copy_for_people_is_json_and_may_fail(tmp_path, monkeypatch):
    def odd(outputs, targets):
        return float("nan")

    fit(tmp_path / "one", metrics=[odd])
    newest = checkpoints_in(tmp_path / "one" / "checkpoints")[0]

    def refuse(word):
        raise AssertionError(word)

    shown = json.loads(newest.with_suffix(".json").read_text(), parse_constant=refuse)
    assert [epoch["training"]["odd"] for epoch in shown["history"]] == [None]
    again = fit(tmp_path / "one", metrics=[odd], resume=True)
    assert np.isnan(again.curve("odd")).all()

    replace = os.replace

    def failing(source, target):
        if str(target).endswith(".json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", failing)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(tmp_path / "two")
        run = fit(tmp_path / "two", resume=True)
    assert run.resumed_at == 36


@pytest.mark.skipif(os.name != "posix", reason="folders are not flushed")
def test_file_systems_that_cannot_flush_a_folder(tmp_path, monkeypatch):
    fsync = os.fsync

    def sync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", sync)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(tmp_path)
    assert not list(tmp_path.rglob("*.part"))


# -- what does not fit -----------------------------------------------------------------------------


def test_another_architecture_is_refused(tmp_path):
    fit(tmp_path)
    other = nn.Sequential(*network(9).layers, nn.Linear(2, 2, key=cr.random.key(0)))
    before = {path: value.numpy() for path, value in other.state_dict().items()}
    with pytest.raises(train.CheckpointError) as caught:
        fit(tmp_path, model=other, resume=True)
    for words in (
        "another architecture",
        "layers.0.weight: float32[8, 4] in the file, here float32[9, 4]",
        "layers.5.bias: not in the file",
        "Linear(4, 8)",
    ):
        assert words in str(caught.value)
    for path, value in before.items():
        np.testing.assert_array_equal(other.state_dict()[path].numpy(), value)


def test_the_state_of_another_optimizer_of_the_same_name_is_refused(tmp_path):
    def named(optimizer):
        return optim.Optimizer("mine", optimizer.init, optimizer.step)

    fit(tmp_path, optimizer=named(optim.adam(0.1)))
    with pytest.raises(
        train.CheckpointError, match=r"(?s)not that of chain\(mine.*only in the file"
    ):
        fit(tmp_path, optimizer=named(optim.sgd(0.1)), resume=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": 8}, r":\n  data, batch_size: 16 then, 8 now\n  schedule: "),
        ({"key": cr.random.key(9)}, r":\n  data, key: \[0, 0\] then, \[0, 9\] now\nTo"),
        ({"optimizer": optim.sgd(0.1)}, r":\n  optimizer: '.*' then, 'sgd\(0\.1\)' now\nTo"),
        ({"optimizer": optim.chain(optim.clip_by_global_norm(0.5), optim.adamw(0.06))}, "0.06"),
        ({"epochs": 7}, r"schedule: .*steps=31.* then, .*steps=37.* now"),
        ({"metrics": []}, r"metrics: \['accuracy'\] then"),
        ({"monitor": "loss"}, "monitor: 'min validation loss' then, 'min loss' now"),
        ({"validation": (X[:20], Y[:20])}, "validation, examples: 30 then, 20 now"),
    ],
)
def test_other_settings_are_refused(tmp_path, change, words):
    fit(tmp_path)
    with pytest.raises(train.CheckpointError, match=rf"(?s)other settings.*{words}"):
        fit(tmp_path, resume=True, **change)


def test_a_run_in_the_folder_is_not_overwritten(tmp_path):
    fit(tmp_path)
    with pytest.raises(train.CheckpointError, match="resume=True, or choose another folder"):
        fit(tmp_path)
    with pytest.raises(ArgumentError, match="give folder"):
        fit(None, resume=True)


def damage(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)


def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_offered(tmp_path):
    whole = fit(tmp_path)
    newest, before = checkpoints_in(tmp_path / "checkpoints")[:2]
    damage(newest)
    with pytest.raises(train.CheckpointError, match=rf'(?s)damaged.*resume="{before}"'):
        fit(tmp_path, resume=newest)
    run = fit(tmp_path, resume=before)
    assert run.resumed_at < 36
    assert_same_bits(run, whole)


def test_resuming_passes_over_a_damaged_checkpoint(tmp_path):
    whole = fit(tmp_path)
    newest, before = checkpoints_in(tmp_path / "checkpoints")[:2]
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(train.CheckpointWarning, match="is damaged"):
        run = fit(tmp_path, resume=True)
    assert run.resumed_at == int(before.stem.split("-")[1])
    assert newest.exists()
    assert newest.with_name(f"{newest.name}.damaged").exists()
    assert_same_bits(run, whole)
    for path in checkpoints_in(tmp_path / "checkpoints"):
        damage(path)
    with pytest.raises(train.CheckpointError, match="are damaged"), pytest.warns():
        fit(tmp_path, resume=True)


def test_a_state_that_no_file_can_hold_is_named(tmp_path):
    def step(grads, state, params, problem):
        return {path: -0.1 * g for path, g in grads.items()}, state

    odd = optim.Optimizer("odd", lambda params: {"thing": object()}, step)
    with pytest.raises(cr.core.errors.TreeError, match=r"a object at .*thing"):
        fit(tmp_path, optimizer=odd, schedule=None, compile=False)


def test_a_callback_whose_state_no_file_can_hold_is_named(tmp_path):
    class Counting(train.Callback):
        def state_dict(self):
            return {"seen": np.float32(1.0)}

    with pytest.raises(ArgumentError, match=r"Counting\.state_dict.*float32.*float\(x\)"):
        fit(tmp_path, callbacks=[Counting()])


def test_any_kind_of_whole_number_will_do(tmp_path):
    numbers = {"epochs": np.int64(6), "batch_size": np.int32(16), "max_steps": np.int64(20)}
    fit(tmp_path, **numbers)
    run = fit(tmp_path, resume=True, max_steps=20)
    assert (run.resumed_at, run.ended) == (20, "stopped")
    for wrong in ({"epochs": 2.5}, {"batch_size": 8.0}, {"max_steps": True}):
        with pytest.raises(DomainError, match="a whole number of at least 1"):
            fit(None, **wrong)


# -- a full disk -----------------------------------------------------------------------------------


def test_a_full_disk_does_not_end_the_run(tmp_path, monkeypatch):
    full = {"is": False}
    fsync = os.fsync

    def sync(descriptor):
        if full["is"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    class Fill(train.Callback):
        def epoch_ended(self, run, epoch):
            full["is"] = epoch.number in (3, 4)

    whole = fit(None)
    monkeypatch.setattr(files.os, "fsync", sync)
    with pytest.warns(train.CheckpointWarning, match="No space left") as caught:
        run = fit(tmp_path, callbacks=[Fill()])
    assert len([w for w in caught if w.category is train.CheckpointWarning]) == 1
    assert run.ended == "finished"
    assert_same_bits(run, whole)
    names = [path.name for path in checkpoints_in(tmp_path / "checkpoints")]
    assert "step-000000036.safetensors" in names
    assert "step-000000012.safetensors" in names  # not pushed out by those that were not written
    assert not list(tmp_path.rglob("*.part"))
    monkeypatch.undo()
    assert_same_bits(fit(tmp_path, resume=True), whole)


def test_the_best_model_survives_a_disk_that_was_full(tmp_path, monkeypatch):
    """The best epoch had no checkpoint of its own, so that a later one holds its tensors."""
    fsync, run_options = os.fsync, {"epochs": 4, "schedule": None, "optimizer": optim.sgd(1e-3)}

    class Judge(train.Callback):
        full = False

        def epoch_ended(self, run, epoch):
            Judge.full = run.best.epoch.number == epoch.number > 1

    def sync(descriptor):
        if Judge.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", sync)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", train.CheckpointWarning)
        fit(tmp_path, callbacks=[Judge()], **run_options)
    monkeypatch.undo()
    resumed = fit(tmp_path, callbacks=[Judge()], resume=True, **run_options)
    whole = fit(None, **run_options)
    assert_same_bits(resumed, whole)


# -- processes that are killed ---------------------------------------------------------------------

SCRIPT = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from chainrule import train
    from tests.train.test_resume import fit, network

    class Ready(train.Callback):
        def advanced(self, run):
            if run.steps > run.resumed_at:
                print(run.resumed_at, flush=True)

    folder, kind = Path(sys.argv[1]), sys.argv[2]
    callbacks = [Ready(), train.Checkpoints(every_steps=2, keep=2)]
    run = fit(folder, kind, epochs=60, callbacks=callbacks, resume=True)
    assert run.ended == "finished"
    """
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(("kind", "seed"), [("arrays", 0), ("arrays", 1), ("thread", 2)])
def test_a_process_that_is_killed_at_any_moment(tmp_path, kind, seed):
    whole = fit(None, kind, epochs=60)
    rng, kills, begun = random.Random(seed), 0, []
    for _ in range(60):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path), kind],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        begun += process.stdout.readline().split()  # nothing where no step was left
        try:
            process.wait(rng.uniform(0.0, 0.25) if kills < 12 else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            break
        finally:
            process.stdout.close()
    assert process.returncode == 0
    assert kills >= 3
    # they went on where others had come to, and in the middle of epochs too
    assert len(set(begun)) > 2
    assert any(int(steps) % 6 for steps in begun)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same_bits(
            fit(
                tmp_path,
                kind,
                epochs=60,
                resume=True,
                callbacks=[train.Checkpoints(every_steps=2, keep=2)],
            ),
            whole,
        )
