import math

import numpy as np
import pytest
from typer.testing import CliRunner

import chainrule as cr
from chainrule import optim, random
from chainrule.cli.train import app
from chainrule.cli.train.adding import (
    CONTESTANTS,
    GUESSING,
    Contestant,
    Course,
    _result,
    learn,
    sequences,
)


def test_two_numbers_are_marked_one_in_each_half():
    inputs, sums = (part.numpy() for part in sequences(random.key(0), 200, 11))
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert (marks[:, :5].sum(axis=1) == 1).all() and (marks[:, 5:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(sums, (numbers * marks).sum(axis=1), rtol=1e-6)
    assert (marks.sum(axis=0) > 0).all()  # every place is met
    assert np.mean((sums - 1) ** 2) == pytest.approx(GUESSING, rel=0.2)


def few(contestant, length, steps):
    return learn(
        contestant, length=length, hidden=16, steps=steps, batch_size=32, key=random.key(0)
    )


def test_plain_gradient_descent_explodes_and_its_last_finite_network_is_kept():
    course = few(CONTESTANTS[0], 100, 50)
    assert len(course.losses) < 50
    assert not np.isfinite(course.losses[-1])
    assert max(course.norms[:-1]) > 100
    for parameter in course.network.parameters().values():
        assert parameter.dtype == np.float32


def test_rows_of_the_table_tell_how_it_ended():
    assert _result(Course([0.2, math.nan], [3.0, math.nan], None)) == (
        *("–", "3.00e+00", "3.00e+00", "2"),
        "exploded in step 2",
    )
    for error, verdict in [
        (GUESSING / 4, "learned"),
        (GUESSING / 2, "better than guessing"),
        (GUESSING, "no better than guessing"),
    ]:
        row = _result(Course([1.0] * 9 + [error], [1.0, 2.0, 4.0] + [3.0] * 7, None))
        assert row == (f"{error:.4f}", "4.00e+00", "3.00e+00", "10", verdict)


def test_an_interrupt_shows_what_was_learned(tmp_path, monkeypatch):
    compile_, calls = cr.compile, []

    def interrupted(step):
        native = compile_(step)

        def counted(*given):
            calls.append(given)
            if len(calls) == 6:
                raise KeyboardInterrupt
            return native(*given)

        return counted

    monkeypatch.setattr(cr, "compile", interrupted)
    options = ["adding", "--length", "6", "--steps", "3", "--hidden", "4", "--no-plots"]
    done = CliRunner().invoke(app, [*options, "--out", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 130
    assert "interrupted after 2 steps of RNN, Adam; what was learned is shown" in done.output
    table = done.output.split("network")[-1]
    assert "RNN, gradient descent" in table and "RNN, Adam " in table and "LSTM" not in table


def test_a_short_task_is_learned():
    course = few(Contestant("LSTM", "lstm", optim.adam(2e-2)), 6, 400)
    assert np.mean(course.losses[-20:]) < GUESSING / 10


def test_the_command(tmp_path):
    pytest.importorskip("matplotlib")
    options = ["adding", "--length", "60", "--steps", "8", "--hidden", "12", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for contestant in CONTESTANTS:
        assert contestant.name in done.output
    assert sorted(file.name for file in tmp_path.iterdir()) == ["gradients.png", "loss.png"]
