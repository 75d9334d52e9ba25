import math

import numpy as np
import pytest
from typer.testing import CliRunner

import chainrule as cr
from chainrule import nn, optim, random, train
from chainrule.cli.train import app
from chainrule.cli.train import burgers as burgers_module
from chainrule.cli.train.burgers import exact, make_step, network, residual, solution


def test_the_exact_solution_obeys_the_equation():
    viscosity, h = 0.1, 1e-3
    rng = np.random.default_rng(0)
    x, t = rng.uniform(-0.9, 0.9, 50), rng.uniform(0.1, 0.9, 50)
    u = exact(x, t, viscosity)
    right, left = exact(x + h, t, viscosity), exact(x - h, t, viscosity)
    u_x, u_xx = (right - left) / (2 * h), (right - 2 * u + left) / h**2
    u_t = (exact(x, t + h, viscosity) - exact(x, t - h, viscosity)) / (2 * h)
    np.testing.assert_allclose(u_t + u * u_x - viscosity * u_xx, 0, atol=1e-4)
    np.testing.assert_allclose(
        exact(x, np.full(50, 1e-6), viscosity), -np.sin(np.pi * x), atol=1e-4
    )


class Known(nn.Module):
    """A network for which the solution is −sin πx + t·(1 − x²)·x·t."""

    def __call__(self, points):
        return points[..., :1] * points[..., 1:]


def test_the_residual_of_a_polynomial():
    x, t = np.array([0.3, -0.5]), np.array([0.2, 0.7])
    u = -np.sin(np.pi * x) + t**2 * (x - x**3)
    u_x = -np.pi * np.cos(np.pi * x) + t**2 * (1 - 3 * x**2)
    u_xx = np.pi**2 * np.sin(np.pi * x) - 6 * t**2 * x
    u_t = 2 * t * (x - x**3)
    found = residual(Known(), cr.tensor(x), cr.tensor(t), 0.3)
    np.testing.assert_allclose(found.numpy(), u_t + u * u_x - 0.3 * u_xx, rtol=1e-12)


def test_start_and_walls_hold_for_any_network():
    net = network(random.key(1), (8,))
    x = cr.tensor(np.linspace(-1, 1, 9, dtype=np.float32))
    start = solution(net, x, cr.zeros_like(x)).numpy()
    np.testing.assert_allclose(start, -np.sin(np.pi * x.numpy()), atol=1e-6)
    ends = solution(net, cr.tensor([-1.0, 1.0]), cr.tensor([0.4, 0.9])).numpy()
    np.testing.assert_allclose(ends, 0, atol=1e-6)


def test_steps_come_nearer_to_the_solution():
    net = network(random.key(0), (16, 16))
    optimizer = optim.adam(1e-2)
    step, state = make_step(optimizer, 0.3, 128), optimizer.init(net)
    x, t = np.linspace(-0.9, 0.9, 50), np.linspace(0.1, 0.9, 50)

    def error(net):
        return np.abs(solution(net, cr.tensor(x), cr.tensor(t)).numpy() - exact(x, t, 0.3)).max()

    before = error(net)
    for number in range(300):
        net, state, _ = step(net, state, random.key(number))
    assert error(net) < before / 10


def test_the_command(tmp_path):
    pytest.importorskip("matplotlib")
    options = ["burgers", "--steps", "20", "--hidden", "8", "--viscosity", "0.2"]
    done = CliRunner().invoke(app, [*options, "--out", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["loss.png", "model.safetensors", "solution.png"]
    error = train.read_metadata(tmp_path / "model.safetensors")["error"]
    assert f"error              {error:.2%} of the exact" in done.output
    assert math.isfinite(error)


def test_a_viscosity_that_cannot_be_resolved_is_refused():
    for viscosity in ("0", "nan", "0.6", "inf"):
        done = CliRunner().invoke(app, ["burgers", "--viscosity", viscosity])
        assert done.exit_code == 2 and "viscosity" in done.output


def by_the_rectangle_rule(x, t, viscosity):
    """Hopf's and Cole's formula on a grid of 20,001 points."""
    y = np.linspace(-14, 14, 20_001)
    powers = -np.cos(np.pi * y) / (2 * np.pi * viscosity) - (x[:, None] - y) ** 2 / (
        4 * viscosity * t
    )
    density = np.exp(powers - powers.max(axis=1, keepdims=True))
    return -(density * np.sin(np.pi * y)).sum(axis=1) / density.sum(axis=1)


@pytest.mark.parametrize(("viscosity", "tolerance"), [(0.003, 1e-10), (0.09, 1e-10), (0.5, 1e-4)])
def test_so_many_points_are_enough(viscosity, tolerance):
    x = np.linspace(-1, 1, 51)
    for t in (0.05, 0.5, 1.0):
        wanted = by_the_rectangle_rule(x, t, viscosity)
        found = exact(x, np.full_like(x, t), viscosity)
        assert abs(found - wanted).max() < tolerance * abs(wanted).max()


def test_divergence_is_told_and_nothing_is_saved(tmp_path):
    options = ["burgers", "--steps", "30", "--hidden", "8", "--learning-rate", "1e30"]
    done = CliRunner().invoke(app, [*options, "--out", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 1
    assert "Try a smaller --learning-rate" in done.output
    assert not list(tmp_path.iterdir())


def test_an_interrupt_keeps_the_network(tmp_path, monkeypatch):
    def interrupted(optimizer, viscosity, points):
        step = make_step(optimizer, viscosity, points)
        calls = []

        def once(*given):
            calls.append(given)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return step(*given)

        return once

    monkeypatch.setattr(burgers_module, "make_step", interrupted)
    options = ["burgers", "--hidden", "8", "--no-plots", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, options, catch_exceptions=False)
    assert done.exit_code == 130
    assert "interrupted after 2 steps" in done.output
    assert (tmp_path / "model.safetensors").exists()
