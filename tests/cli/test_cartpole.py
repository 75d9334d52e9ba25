import numpy as np
import pytest
from typer.testing import CliRunner

import chainrule as cr
from chainrule import optim, random, train
from chainrule.cli.train import app
from chainrule.cli.train.cartpole import LONGEST, Learner, is_up, move, play, policy


def test_the_cart_obeys_the_equations_of_motion():
    rng = np.random.default_rng(0)
    state = rng.normal(size=(50, 4))
    action = rng.integers(0, 2, 50)
    after = move(cr.tensor(state), cr.tensor(action)).numpy()
    position, velocity, angle, spin = state.T
    pushed, turning = ((after - state) / 0.02).T[[1, 3]]
    np.testing.assert_allclose(after[:, 0], position + 0.02 * velocity)
    np.testing.assert_allclose(after[:, 2], angle + 0.02 * spin)
    # Lagrange's equations of a cart of 1 kg with a rod of 0.1 kg and 1 m
    force = np.where(action == 1, 10.0, -10.0)
    lever = 0.1 * 0.5
    along = 1.1 * pushed + lever * (turning * np.cos(angle) - spin**2 * np.sin(angle))
    np.testing.assert_allclose(along, force, rtol=1e-9)
    around = 4 / 3 * 0.5 * turning + pushed * np.cos(angle) - 9.8 * np.sin(angle)
    np.testing.assert_allclose(around, 0, atol=1e-9)


def test_a_pole_that_fell_stays_down():
    played = play(policy(random.key(0)), random.key(1), 8)
    up = played.up.numpy()
    assert up[0].all() and not up[-1].all()
    assert (np.diff(up.astype(int), axis=0) <= 0).all()
    stood = is_up(played.states).numpy()
    assert stood[up].all()
    assert not stood[0 + up.sum(axis=0)[up.sum(axis=0) < LONGEST], up.sum(axis=0) < LONGEST].any()


def test_it_learns():
    keys = random.split(random.key(0), 2)
    learner = Learner(policy(keys[0]), optim.adam(1e-2), episodes=16)
    means = [learner.improve(random.fold_in(keys[1], n)).mean() for n in range(40)]
    assert np.mean(means[-5:]) > 5 * np.mean(means[:3])


def test_the_command(tmp_path):
    pytest.importorskip("matplotlib")
    options = ["cartpole", "--steps", "3", "--episodes", "4", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "step    3/3" in done.output and "solved is 475: no" in done.output
    assert (tmp_path / "curve.png").stat().st_size > 1000
    (saved,) = tmp_path.glob("model.*")
    length = train.read_metadata(saved)["test_length"]
    assert f"test               {length:.1f} of 500" in done.output
    network = train.load(policy(random.key(9)), saved)
    test_key = random.split(random.key(0), 3)[2]
    assert play(network, test_key, 100).up.sum(axis=0).numpy().mean() == pytest.approx(length)
