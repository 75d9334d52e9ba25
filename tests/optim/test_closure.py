"""`BoundOptimizer.step` with a closure."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import ArgumentError, GradientError
from tests.optim.problems import rosenbrock

X, Y = cr.tensor([[-1.0, 0.5], [1.0, 2.0], [0.3, -1.0]]), cr.tensor([[1.0], [5.0], [0.0]])


def line(seed=0):
    return cr.nn.Linear(2, 1, key=cr.random.key(seed), dtype="float64")


def test_it_takes_the_steps_of_the_pure_pair():
    x = cr.tensor([-1.2, 1.0], requires_grad=True)
    bound = optim.lbfgs(memory=4).bind({"x": x})
    losses = [bound.step(lambda model: rosenbrock(model["x"])).item() for _ in range(10)]
    found = optim.minimize(
        rosenbrock, cr.tensor([-1.2, 1.0]), optim.lbfgs(memory=4), max_steps=10, tolerance=0.0
    )
    np.testing.assert_allclose(x.numpy(), found.x.numpy(), rtol=1e-9)
    np.testing.assert_allclose(losses, found.trace[:-1], rtol=1e-9)


@pytest.mark.parametrize("split", [False, True])
def test_a_first_order_method_steps_as_after_backward(split):
    one, two = line(), line()
    a, b = optim.sgd(0.1).bind(one), optim.sgd(0.1).bind(two)
    for _ in range(3):
        if split:
            a.step(lambda out: cr.nn.mse(out, Y), outputs=lambda model: model(X))
        else:
            a.step(lambda model: cr.nn.mse(model(X), Y))
        b.zero_grad()
        cr.nn.mse(two(X), Y).backward()
        b.step()
    np.testing.assert_allclose(one.weight.numpy(), two.weight.numpy(), rtol=1e-14)
    assert one.weight.requires_grad


def test_frozen_parameters_stay():
    model = line()
    bound = optim.lbfgs().bind(model)
    model.bias.requires_grad_(False)
    before = model.bias.numpy().copy()
    first = bound.step(lambda model: cr.nn.mse(model(X), Y)).item()
    for _ in range(10):
        last = bound.step(lambda model: cr.nn.mse(model(X), Y)).item()
    np.testing.assert_array_equal(model.bias.numpy(), before)
    best = np.linalg.lstsq(X.numpy(), Y.numpy() - before, rcond=None)[0]
    assert last < first
    np.testing.assert_allclose(model.weight.numpy(), best.T, rtol=1e-5)


class Counting(cr.nn.Module):
    """A layer with a buffer that its calls change."""

    weight: cr.Tensor
    calls: cr.Tensor

    def __call__(self, x):
        self.calls = self.calls + 1
        return self.weight * x


def test_buffers_are_kept_as_one_call_leaves_them():
    model = Counting(cr.tensor(3.0, requires_grad=True), cr.tensor(0))
    bound = optim.lbfgs().bind(model)
    for _ in range(2):
        bound.step(lambda model: model(2.0) ** 2)
    assert model.calls.item() == 2  # not once for each trial of the line search
    assert model.calls.dtype.kind == "i"


@pytest.mark.parametrize("make", [optim.lbfgs, optim.newton, optim.levenberg_marquardt])
@pytest.mark.parametrize("split", [False, True])
def test_a_search_tries_points_without_a_trace_in_the_network(make, split):
    """Normalisation and dropout act as in the call before the step, whatever is tried."""
    first, drop, last = cr.random.split(cr.random.key(0), 3)
    model = cr.nn.Sequential(
        cr.nn.Linear(2, 3, key=first, dtype="float64"),
        cr.nn.BatchNorm(3, dtype="float64"),
        cr.nn.Dropout(0.2, key=drop),
        cr.nn.Linear(3, 1, key=last, dtype="float64"),
    )
    by_hand = copy.deepcopy(model)
    bound = make().bind(model)
    expected = cr.nn.mse(by_hand(X), Y).item()
    if split:
        loss = bound.step(lambda out: cr.nn.mse(out, Y), outputs=lambda model: model(X))
    else:
        loss = bound.step(lambda model: cr.nn.mse(model(X), Y))
    assert loss.item() == expected
    for path, value in by_hand.buffers().items():
        np.testing.assert_array_equal(model.buffers()[path].numpy(), value.numpy())
    again = model.replace({"layers.2.key": drop})
    assert cr.nn.mse(again(X), Y).item() < expected  # with the mask of the step


def test_mistakes_are_named():
    model = line()
    bound = optim.lbfgs().bind(model)
    with pytest.raises(GradientError, match="Use its argument"):
        bound.step(lambda _: cr.nn.mse(model(X), Y))
    with pytest.raises(GradientError, match="Use its argument"):
        bound.step(lambda model: 1.0)
    with pytest.raises(GradientError, match="scalar"):
        bound.step(lambda model: model(X))
    with pytest.raises(ArgumentError, match="outputs"):
        bound.step(outputs=lambda model: model(X))
    cr.nn.mse(model(X), Y).backward()
    with pytest.raises(GradientError, match=r"opt\.step\(lambda model"):
        bound.step()
