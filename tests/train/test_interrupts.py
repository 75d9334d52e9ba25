"""An interrupt at any moment leaves a run that goes on as if there had been none."""

import os
import random
import sys
import warnings

import pytest

from chainrule import optim, train
from chainrule.train import files
from tests.train.test_resume import assert_same_bits, fit

INSIDE = os.path.dirname(train.__file__)


def callbacks(*first):
    return [
        *first,
        train.EarlyStopping("validation loss", patience=3),
        train.ReduceOnPlateau("loss", factor=0.5, patience=0),
    ]


def run(folder, *first, last=(), **options):
    options = {"epochs": 5, "optimizer": optim.sgd(1.5), "schedule": None} | options
    return fit(folder, callbacks=[*callbacks(*first), *last], **options)


class Interrupt(train.Callback):
    """As the keyboard does it, while an epoch is told of."""

    def __init__(self, epoch):
        self.epoch = epoch

    def epoch_ended(self, run, epoch):
        if epoch.number == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["first", "last"])
def test_an_interrupt_while_an_epoch_is_told_of(tmp_path, place):
    """The callbacks that were told of it are told again, those that were not have missed none."""
    whole = run(None)
    assert whole.history[-1].factor < 1
    for epoch in (1, 3, 4):
        interrupt = Interrupt(epoch)
        options = {"last": [interrupt]} if place == "last" else {}
        first = [interrupt] if place == "first" else []
        interrupted = run(tmp_path, *first, resume=True, **options)
        assert interrupted.reason.startswith(f"interrupted in epoch {epoch};")
        assert interrupted.inside is None
    assert_same_bits(run(tmp_path, resume=True), whole)


@pytest.mark.parametrize("number", [2, 6, 10])
def test_an_interrupt_while_a_checkpoint_is_written(tmp_path, monkeypatch, number):
    """Also after the model got the tensors of the best epoch, running means among them."""
    whole, replace, calls = run(None), os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == number:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", interrupted)
    assert run(tmp_path).ended == "interrupted"
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.part"))
    assert_same_bits(run(tmp_path, resume=True), whole)


class Lines:
    """Raises at one of the lines of the package that are run; a trace function."""

    def __init__(self, at):
        self.at, self.count, self.on = at, 0, False

    def __call__(self, frame, event, argument):
        inside = frame.f_code.co_filename.startswith(INSIDE)
        return self.line if inside else None

    def line(self, frame, event, argument):
        if event == "line" and self.on:
            self.count += 1
            if self.count == self.at:
                self.on = False
                raise KeyboardInterrupt
        return self.line


class Between(train.Callback):
    """From the start to the end of the run."""

    def __init__(self, lines):
        self.lines = lines

    def started(self, run):
        self.lines.on = True

    def ended(self, run):
        self.lines.on = False


def traced(folder, at):
    lines, before = Lines(at), sys.gettrace()
    sys.settrace(lines)
    try:
        run(folder, Between(lines))
    except KeyboardInterrupt:  # it came after the end
        pass
    finally:
        sys.settrace(before)
    return lines.count


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_an_interrupt_at_any_line(tmp_path, seed):
    whole, rng = run(None), random.Random(seed)
    total = traced(tmp_path / "all", -1)
    assert total > 1000
    for number in range(25):
        folder = tmp_path / f"{number}"
        at = rng.randrange(1, total + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert traced(folder, at) == at
            assert_same_bits(run(folder, resume=True), whole)


def test_all_are_told_of_the_end_whatever_one_of_them_does(tmp_path):
    class Failing(train.Callback):
        def ended(self, run):
            raise OSError("no printer")

    told = []

    class Last(train.Callback):
        def ended(self, run):
            told.append(run)

    with pytest.raises(OSError, match="no printer"):
        run(tmp_path, Failing(), Last())
    assert told[0].inside is None
    assert told[0].seconds > 0
    assert (tmp_path / "model.safetensors").exists()
