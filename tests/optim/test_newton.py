from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import DomainError, GradientError
from tests.optim.problems import STARTS, beale, logistic, walk

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("curvature", ["absolute", "shift"])
@pytest.mark.parametrize("search", ["backtracking", "strong_wolfe"])
@pytest.mark.parametrize("name", STARTS)
def test_standard_problems(name, search, curvature):
    function, start, minimum = STARTS[name]
    method = optim.newton(line_search=search, curvature=curvature)
    found = optim.minimize(function, np.array(start), method, tolerance=1e-9)
    assert found.reason == "gradient"
    assert found.steps <= 30
    assert (np.diff(found.trace) < 0).all()
    np.testing.assert_allclose(found.x.numpy(), minimum, atol=2e-3 if name == "powell" else 1e-8)


def test_a_convex_quadratic_takes_one_step():
    root = RNG.normal(size=(4, 4))
    matrix = cr.tensor(root @ root.T + np.eye(4))
    (x,) = walk(optim.newton(), lambda x: x @ matrix @ x / 2 - x.sum(), cr.ones(4), 1)
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(matrix.numpy(), np.ones(4)), rtol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_affine_maps_of_the_parameters_change_nothing(seed):
    """With x = A·u + b the iterates map onto each other, where the Hessian is positive definite."""
    rng = np.random.default_rng(seed)
    loss = logistic(rng.normal(size=(30, 3)), (rng.random(30) < 0.5) * 1.0, penalty=0.1)
    a, b = cr.tensor(rng.normal(size=(3, 3)) + 2 * np.eye(3)), cr.tensor(rng.normal(size=3))
    start = rng.normal(size=3)
    method = optim.newton()
    direct = walk(method, loss, cr.tensor(start), 4)
    u = cr.linalg.solve(a, cr.tensor(start) - b)
    mapped = [a @ u + b for u in walk(method, lambda u: loss(a @ u + b), u, 4)]
    scale = max(1.0, np.linalg.cond(a.numpy()))
    for one, two in zip(direct, mapped, strict=True):
        np.testing.assert_allclose(two.numpy(), one.numpy(), rtol=1e-8 * scale, atol=1e-8 * scale)


def test_convergence_is_quadratic():
    points = walk(optim.newton(), beale, cr.tensor([2.9, 0.48]), 4)
    errors = [np.abs(p.numpy() - [3, 0.5]).max() for p in points]
    for before, after in pairwise(errors):
        assert after <= 10 * before**2 + 1e-14


@pytest.mark.parametrize("curvature", ["absolute", "shift"])
def test_saddles_and_maxima_are_left(curvature):
    def saddle(x):
        return x[0] ** 4 - x[0] ** 2 + x[1] ** 2

    for start in ([1e-4, 0.5], [1e-3, 0.0], [0.3, 2.0]):
        found = optim.minimize(saddle, cr.tensor(start), optim.newton(curvature=curvature))
        assert found.converged
        np.testing.assert_allclose(np.abs(found.x.numpy()), [0.5**0.5, 0], atol=1e-6)


def test_the_absolute_eigenvalues_are_those_of_the_saddle_free_method():
    matrix = cr.tensor([[2.0, 0.5], [0.5, -1.0]])
    x = cr.tensor([0.3, -0.2])
    (after,) = walk(optim.newton(line_search=None), lambda x: x @ matrix @ x / 2, x, 1)
    values, vectors = np.linalg.eigh(matrix.numpy())
    expected = -vectors @ (vectors.T @ (matrix.numpy() @ x.numpy()) / np.abs(values))
    np.testing.assert_allclose((after - x).numpy(), expected, rtol=1e-12)


def test_damping_is_added():
    (x,) = walk(
        optim.newton(line_search=None, damping=2.0), lambda x: (3 * x * x).sum() / 2, cr.ones(2), 1
    )
    np.testing.assert_allclose(x.numpy(), 1 - 3 / 5)


def test_a_singular_hessian_moves_along_what_curves():
    found = optim.minimize(lambda x: (x[0] - 1) ** 2 + 0 * x[1], cr.ones(2) * 3, optim.newton())
    assert found.converged
    np.testing.assert_allclose(found.x.numpy(), [1, 3], atol=1e-9)


def test_a_nan_gives_a_nan_and_raises_nothing():
    x = cr.tensor([1.0, 2.0])
    for f in (lambda x: (x * np.nan).sum(), lambda x: (x * x * np.nan).sum()):
        (after,) = walk(optim.newton(), f, x, 1)
        assert np.isnan(after.numpy()).all()


def test_bad_input_is_refused():
    with pytest.raises(DomainError, match="absolute"):
        optim.newton(curvature="positive")
    with pytest.raises(DomainError, match="damping"):
        optim.newton(damping=-1.0)
    x = cr.ones(2)
    with pytest.raises(GradientError, match=r"newton.*optim\.Problem"):
        optim.newton().update(x, optim.newton().init(x), x)


def test_compiled_training_with_a_network():
    model = cr.nn.MLP(2, (4,), 1, key=cr.random.key(0), dtype="float64")
    x = cr.tensor(RNG.normal(size=(20, 2)))
    y = cr.sin(x[:, :1]) * x[:, 1:]
    method = optim.newton(damping=1e-3)
    step = cr.train.make_step(model, cr.nn.mse, method)
    native = cr.compile(step)
    parameters = {k: p.detach() for k, p in model.parameters().items()}
    state = method.init(parameters)
    one = two = (parameters, state)
    losses = []
    for _ in range(5):
        first, second = step(*one, x, y), native(*two, x, y)
        one, two = (first.parameters, first.state), (second.parameters, second.state)
        losses.append(first.loss.item())
        for k in parameters:
            np.testing.assert_allclose(one[0][k].numpy(), two[0][k].numpy(), rtol=1e-6, atol=1e-8)
    assert (np.diff(losses) < 0).all()
