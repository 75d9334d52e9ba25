"""The tasks and their twins: what the comparison of times is worth depends on their being alike."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim, random, train

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from bench.tasks import __main__ as command  # noqa: E402
from bench.tasks import adding, burgers, cartpole, reading, tabular, text  # noqa: E402
from bench.tasks.loop import Fitted, Twin, with_weights_of  # noqa: E402
from bench.tasks.tables import every  # noqa: E402
from bench.tasks.task import Course, Point  # noqa: E402

STEPS = 4
ROWS = 8


def as_it_is(module: Any) -> Any:
    return module


def not_augmented(fitted: Fitted) -> Fitted:
    source = fitted.source
    assert isinstance(source, data.Loader)
    plain = data.Loader(source.data, source.batch_size, key=source.key)
    return dataclasses.replace(fitted, source=plain)


def pair(name: str) -> tuple[Fitted, Twin]:
    if name == "mnist":
        fitted = not_augmented(reading.mnist_cnn(1, 0))
        return fitted, reading.mnist_twin(fitted, 1, augment=as_it_is)
    if name.startswith("digits"):
        fitted = getattr(reading, name)(1, 0)
        return fitted, getattr(reading, f"{name}_twin")(fitted, 1)
    fitted = text.fitted(name, 0, 1)
    return fitted, text.twin(name, fitted, 1)


def without_dropout(fitted: Fitted, twin: Twin) -> None:
    for _, module in fitted.model.modules():
        if isinstance(module, nn.Dropout):
            module.rate = 0.0
    for module in twin.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, text.Block):
            module.rate = 0.0


class Losses(train.Callback):
    def __init__(self) -> None:
        self.found: list[float] = []

    def stepped(self, run: train.Run, measured: dict[str, float]) -> None:
        self.found.append(measured["loss"])


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn", "mnist", "lstm", "transformer"])
def test_a_network_and_its_twin_learn_the_same(name: str) -> None:
    """The first losses agree: weights, batches, loss, optimizer, clipping and schedule do."""
    fitted, twin = pair(name)
    without_dropout(fitted, twin)
    own = [(x.numpy()[:ROWS], y.numpy()[:ROWS]) for x, y in _first(fitted.source.epoch(1))]
    theirs = [(x[:ROWS], y[:ROWS]) for x, y in _first(twin.batches(1))]
    for (x, y), (other_x, other_y) in zip(own, theirs, strict=True):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y, other_y)
    losses = Losses()
    each = fitted.source.steps_per_epoch
    assert each is not None
    train.fit(
        fitted.model,
        fitted.loss,
        data.Stream(lambda epoch: own, steps=STEPS),
        optimizer=fitted.optimizer,
        schedule=None if fitted.schedule is None else fitted.schedule.over(each),
        epochs=1,
        callbacks=[losses],
        progress=False,
        compile=False,
    )
    twin.batches = lambda epoch: iter(theirs)
    twin.score = lambda model: 0.0
    course = twin.train(1, as_it_is)
    np.testing.assert_allclose(losses.found, twin.losses, rtol=2e-3)
    assert losses.found[0] == pytest.approx(twin.losses[0], rel=1e-5)
    assert np.ptp(losses.found) > 0.01
    assert [point.steps for point in course.points] == [STEPS]


def _first(batches: Any) -> list[Any]:
    found = []
    for batch in batches:
        found.append(batch)
        if len(found) == STEPS:
            break
    return found


def same_gradients(ours: nn.Module, theirs: Any, rtol: float = 1e-3) -> None:
    for own, other in zip(ours.parameters().values(), theirs.parameters(), strict=True):
        expected = other.grad.numpy()
        np.testing.assert_allclose(
            own.numpy(), expected, rtol=rtol, atol=1e-4 * np.abs(expected).max()
        )


def trainable(gradient: Any, like: nn.Module) -> nn.Module:
    """A gradient, which is a network of plain tensors, with the parameters of ``like``."""
    state = gradient.state_dict()
    return like.replace(
        {path: cr.tensor(state[path].numpy(), requires_grad=True) for path in like.parameters()}
    )


def test_images_are_moved_alike() -> None:
    rng = np.random.default_rng(0)
    images = np.zeros((5, 1, 28, 28), np.float32)
    images[..., 7:21, 7:21] = rng.uniform(size=(5, 1, 14, 14))
    key = random.key(3)
    augmented = data.augment.compose(
        data.augment.random_shift(2), data.augment.random_rotation(12)
    )(key, images)
    places = random.split(random.fold_in(key, 0))
    shifts = np.stack([random.randint(own, 5, 0, 5).numpy() - 2 for own in places], axis=1)
    bound = np.deg2rad(12)
    angles = random.uniform(random.fold_in(key, 1), 5, -bound, bound).numpy()
    moved = reading.moved(
        torch.tensor(images), torch.tensor(shifts).float(), torch.tensor(angles).float()
    )
    np.testing.assert_allclose(moved.numpy(), augmented, atol=1e-4)
    assert np.abs(augmented - images).max() > 0.1


def test_random_moves_are_as_large_as_ours() -> None:
    torch.manual_seed(0)
    dot = torch.zeros(400, 1, 28, 28)
    dot[:, 0, 13:15, 13:15] = 0.25  # about the middle, which a turn leaves where it is
    moved = reading.random_moves(dot)[:, 0].numpy()
    places = np.arange(28) - 13.5
    for axis in (1, 2):
        shifts = (moved.sum(axis=3 - axis) * places).sum(axis=1)
        assert 1.9 < shifts.max() < 3
        assert -3 < shifts.min() < -1.9


def test_the_adder_and_its_twin() -> None:
    ours: Any = adding.network(0)
    theirs = with_weights_of(ours, adding.Adder(adding.HIDDEN))
    x, y = adding.adding.sequences(random.key(1), 8, 20)
    value, gradient = cr.value_and_grad(lambda net: nn.mse(net(x), y))(ours)
    lost = torch.nn.functional.mse_loss(theirs(torch.tensor(x.numpy())), torch.tensor(y.numpy()))
    lost.backward()
    assert value.item() == pytest.approx(lost.item(), rel=1e-5)
    same_gradients(trainable(gradient, ours), theirs)


def test_the_sequences_of_the_twin() -> None:
    inputs, sums = (part.numpy() for part in adding.sequences(300, 11))
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert (marks[:, :5].sum(axis=1) == 1).all()
    assert (marks[:, 5:].sum(axis=1) == 1).all()
    assert (marks.sum(axis=0) > 0).all()
    np.testing.assert_allclose(sums, (numbers * marks).sum(axis=1), rtol=1e-6)


def test_the_residual_and_its_twin() -> None:
    ours: Any = burgers.network(0)
    theirs = burgers.twin(ours)
    x, t = np.random.default_rng(0).uniform(size=(2, 50)).astype(np.float32)

    def loss(net: nn.Module) -> Any:
        left = burgers.burgers.residual(net, cr.tensor(x), cr.tensor(t), burgers.VISCOSITY)
        return (left**2).mean()

    value, gradient = cr.value_and_grad(loss)(ours)
    places = [torch.tensor(part, requires_grad=True) for part in (x, t)]
    lost = burgers.residual(theirs, *places).square().mean()
    lost.backward()
    assert value.item() == pytest.approx(lost.item(), rel=1e-4)
    same_gradients(trainable(gradient, ours), theirs)


def test_the_policy_and_its_twin() -> None:
    ours: Any = cartpole.network(0)
    theirs = cartpole.twin(ours)
    played = cartpole.cartpole.play(ours, random.key(1), 8)
    value, gradient = cr.value_and_grad(cartpole.cartpole.surprise)(ours, played, cartpole.DISCOUNT)
    states, actions, up = (torch.tensor(part.numpy()) for part in played)
    length = int(up.sum(dim=0).max())  # the twin stops where all poles have fallen
    assert length < len(up)
    lost = cartpole.surprise(theirs, states[:length], actions[:length].long(), up[:length])
    lost.backward()
    assert value.item() == pytest.approx(lost.item(), rel=1e-4, abs=1e-6)
    same_gradients(trainable(gradient, ours), theirs)
    after = cartpole.move(states[:-1], actions[:-1])
    np.testing.assert_allclose(after[:20], states[1:21], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(
        cartpole.is_up(states), cartpole.cartpole.is_up(played.states).numpy()
    )


def test_the_twin_plays_until_all_poles_have_fallen() -> None:
    torch.manual_seed(0)
    states, actions, up = cartpole.play(cartpole.twin(cartpole.network(0)), 6)
    assert states.shape == (len(up), 6, 4)
    assert actions.shape == up.shape
    assert up[0].all()
    assert up[-1].any()
    assert not cartpole.is_up(cartpole.move(states[-1], actions[-1]))[up[-1]].any()


@pytest.mark.parametrize("make", [tabular.cancer, tabular.diabetes])
def test_the_objectives_of_tables(make: Any) -> None:
    table = make()
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=table.x.shape[1]), np.array(rng.normal())
    ours = table.ours(
        {"w": cr.tensor(w), "b": cr.tensor(b)}, cr.tensor(table.x), cr.tensor(table.y)
    )
    theirs = table.theirs(*(torch.tensor(part) for part in (w, b, table.x, table.y)))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    assert ours.item() > table.best
    assert abs(tabular.theirs(table, 1000, 0, as_it_is).points[-1].score) < 1e-9


def test_networks_that_differ_are_no_twins() -> None:
    with pytest.raises(ValueError, match=r"\(32, 4\) meets \(32, 5\)"):
        with_weights_of(
            cartpole.network(0),
            torch.nn.Sequential(torch.nn.Linear(5, 32), torch.nn.Tanh(), torch.nn.Linear(32, 2)),
        )


# -- courses and tables ----------------------------------------------------------------------------


def test_a_course_counts_what_is_compiled_while_the_clock_runs() -> None:
    def score() -> float:
        cr.compile(lambda x: x * 3)(cr.ones(2))
        return 0.5

    course = Course(score)
    with course.timed():
        course.look(1)
        assert course.compiling == 0
        cr.compile(lambda x: x * 2)(cr.ones(2))
        course.look(2)
    cr.compile(lambda x: x * 4)(cr.ones(2))
    assert 0 < course.compiling <= course.points[-1].seconds
    assert [(point.steps, point.score) for point in course.points] == [(1, 0.5), (2, 0.5)]


def test_targets() -> None:
    tasks = every()
    points = [Point(1, 1.0, 0.5), Point(2, 2.0, 0.98), Point(3, 3.0, 0.96), Point(4, 4.0, 1e-7)]
    assert tasks["digits_mlp"].reached(points) == points[1]
    assert tasks["cancer"].reached(points) == points[3]
    assert tasks["cartpole"].reached(points) is None
    assert all(task.quick <= task.length for task in tasks.values())


def test_rows() -> None:
    def course(seconds: float, score: float, reached: float | None) -> dict[str, Any]:
        return {"points": [[1, seconds, score]], "compiling": 0.5, "to target": reached}

    entry = {
        "name": "example",
        "measure": "accuracy",
        "better": "above",
        "target": 0.97,
        "length": "3 epochs",
        "courses": {
            "chainrule": [course(1.0, 0.98, 0.9), course(2.0, 0.96, None), course(3.0, 0.99, 1.1)],
            "torch": [course(4.0, 0.5, None)],
            "torch.compile": [],
        },
    }
    ours, theirs, failed = command.rows(entry)
    assert ours["s to target"] == "1 (2 of 3)"
    assert (ours["s in all"], ours["s compiling"], ours["score"]) == (2.0, 0.5, "0.98")
    assert theirs["s to target"] == "not reached"
    assert "s compiling" not in theirs
    assert failed["score"] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_mlp", "adding", "burgers", "cartpole", "cancer"])
def test_the_command(name: str, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    assert command.main([name, "--quick"]) == 0
    kept = json.loads((tmp_path / "tasks_selected.json").read_text())
    (entry,) = kept["tasks"]
    assert entry["name"] == name
    for (course,) in entry["courses"].values():
        assert np.isfinite(course["points"]).all()
    assert entry["courses"]["chainrule"][0]["compiling"] > 0


def test_an_optimizer_of_the_command_is_meant() -> None:
    """Rates that the twins name are those of the commands."""
    assert repr(adding.LSTM.optimizer) == repr(optim.adam(adding.RATE))
