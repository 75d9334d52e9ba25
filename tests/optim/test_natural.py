"""The natural gradient and Hessian-free optimisation."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import DomainError, GradientError
from chainrule.optim.curvature import ggn_matrix
from chainrule.optim.vector import ravel
from tests.optim.problems import STARTS

RNG = np.random.default_rng(0)


def network(seed=0, sizes=(3, 4, 2), loss="cross_entropy", examples=8):
    model = cr.nn.MLP(sizes[0], sizes[1:-1], sizes[-1], key=cr.random.key(seed), dtype="float64")
    x = cr.tensor(RNG.normal(size=(examples, sizes[0])))
    labels = RNG.integers(0, sizes[-1], size=examples)
    losses = {
        "cross_entropy": lambda out: cr.nn.cross_entropy(out, labels),
        "mse": lambda out: cr.nn.mse(out, np.eye(sizes[-1])[labels]),
    }
    params = {k: p.detach() for k, p in model.parameters().items()}
    return params, optim.Problem(lambda p: model.replace(p)(x), losses[loss])


def test_the_fisher_information_is_the_expectation_over_the_models_own_targets():
    """Σ_y p(y|x)·∇log p·∇log pᵀ, averaged over the examples, against Jᵀ Hₗ J."""
    params, problem = network()
    x, unravel = ravel(params)

    def log_p(v):
        return cr.log_softmax(problem.outputs(unravel(v)), axis=-1)

    rows, p = cr.jacobian(log_p)(x).numpy(), np.exp(log_p(x).numpy())
    expected = np.einsum("nc,nci,ncj->ij", p, rows, rows) / p.shape[0]
    np.testing.assert_allclose(
        ggn_matrix(problem, x, unravel).numpy(), expected, rtol=1e-9, atol=1e-12
    )


def linear_problem():
    x, y = cr.tensor(RNG.normal(size=(12, 3))), RNG.integers(0, 2, size=12) * 1.0
    return lambda w: x @ w, lambda z: cr.nn.bce_with_logits(z, y)


@pytest.mark.parametrize("solver", ["dense", "cg"])
def test_linear_maps_of_the_parameters_change_nothing(solver):
    outputs, loss = linear_problem()
    a = cr.tensor(RNG.normal(size=(3, 3)) + 2 * np.eye(3))
    method = optim.natural_gradient(0.5, damping=0.0, solver=solver)
    w = cr.tensor(RNG.normal(size=3))
    direct = optim.Problem(outputs, loss)
    mapped = optim.Problem(lambda u: outputs(a @ u), loss)
    u = cr.linalg.solve(a, w)
    for _ in range(3):
        w = w + method.update(cr.grad(direct)(w), method.init(w), w, direct)[0]
        u = u + method.update(cr.grad(mapped)(u), method.init(u), u, mapped)[0]
        np.testing.assert_allclose((a @ u).numpy(), w.numpy(), rtol=1e-7)


def test_curved_maps_change_the_outputs_in_second_order_only():
    outputs, loss = linear_problem()
    w = cr.tensor([0.3, -0.2, 0.5])

    def curve(u):
        return cr.sinh(u)

    u = cr.asinh(w)
    direct, curved = optim.Problem(outputs, loss), optim.Problem(lambda u: outputs(curve(u)), loss)
    differences = []
    for rate in (1e-2, 1e-3):
        method = optim.natural_gradient(rate, damping=0.0, line_search=None)
        dw = method.update(cr.grad(direct)(w), method.init(w), w, direct)[0]
        du = method.update(cr.grad(curved)(u), method.init(u), u, curved)[0]
        differences.append(np.abs((outputs(w + dw) - outputs(curve(u + du))).numpy()).max())
    assert differences[1] < 1.2e-2 * differences[0]
    # the plain gradient is not like that
    plain = [
        np.abs((outputs(w - r * cr.grad(direct)(w)) - outputs(curve(u - r * cr.grad(curved)(u))))
               .numpy()).max()
        for r in (1e-2, 1e-3)
    ]  # fmt: skip
    assert plain[1] > 5e-2 * plain[0]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_both_solvers_agree(loss):
    params, problem = network(loss=loss)
    gradient = cr.grad(problem)(params)
    updates = [
        ravel(method.update(gradient, method.init(params), params, problem)[0])[0].numpy()
        for method in (
            optim.natural_gradient(1.0, damping=1e-2),
            optim.natural_gradient(1.0, damping=1e-2, solver="cg", max_steps=200),
        )
    ]
    np.testing.assert_allclose(updates[1], updates[0], rtol=1e-5, atol=1e-8)


def test_the_divergence_of_a_step_is_bounded():
    params, problem = network()
    bound = 1e-4
    method = optim.natural_gradient(damping=1e-3, max_divergence=bound)
    updates, _ = method.update(cr.grad(problem)(params), method.init(params), params, problem)

    def log_p(p):
        return cr.log_softmax(problem.outputs(p), axis=-1)

    before, after = log_p(params), log_p(optim.apply_updates(params, updates))
    divergence = (cr.exp(before) * (before - after)).sum(axis=-1).mean().item()
    assert divergence == pytest.approx(bound, rel=0.1)


def test_fewer_steps_than_the_gradient():
    params, problem = network(sizes=(3, 8, 2))
    steps = {}
    for name, method in {
        "natural": optim.natural_gradient(damping=1e-3),
        "free": optim.hessian_free(0.1),
        "sgd": optim.sgd(0.5),
    }.items():
        advance = cr.compile(lambda p, s, m=method: m.update(cr.grad(problem)(p), s, p, problem))
        p, state, count = params, method.init(params), 0
        while problem(p).item() > 0.05 and count < 500:
            updates, state = advance(p, state)
            p, count = optim.apply_updates(p, updates), count + 1
        steps[name] = count
    assert steps["natural"] < steps["sgd"] / 4
    assert steps["free"] < steps["sgd"] / 4


@pytest.mark.parametrize("matrix", ["gauss_newton", "hessian"])
def test_hessian_free_never_ascends(matrix):
    params, problem = network(sizes=(3, 8, 2))
    method = optim.hessian_free(0.1, matrix)
    p, state, losses = params, method.init(params), []
    for _ in range(10):
        losses.append(problem(p).item())
        updates, state = method.update(cr.grad(problem)(p), state, p, problem)
        p = optim.apply_updates(p, updates)
    assert (np.diff(losses) <= 0).all()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", STARTS)
def test_hessian_free_on_standard_problems(name):
    function, start, minimum = STARTS[name]
    found = optim.minimize(
        function, np.array(start), optim.hessian_free(matrix="hessian"), tolerance=1e-7
    )
    assert found.reason == "gradient"
    np.testing.assert_allclose(found.x.numpy(), minimum, atol=1e-2 if name == "powell" else 1e-6)


def test_damping_follows_the_gain_ratio():
    x = cr.ones(3)
    bowl = optim.Problem(lambda x: x, lambda x: (x * x).sum())
    method = optim.hessian_free(1.0)
    _, state = method.update(cr.grad(bowl)(x), method.init(x), x, bowl)
    assert state.damping.item() == pytest.approx(2 / 3)  # the model is exact
    wall = optim.Problem(
        lambda x: x, lambda x: cr.where((x < 0.5).any(), 10.0, 0.0) + (x * x).sum()
    )
    _, state = method.update(cr.grad(wall)(x), method.init(x), x, wall)
    assert state.damping.item() == pytest.approx(3 / 2)


@pytest.mark.parametrize(
    "method",
    [
        optim.natural_gradient(),
        optim.natural_gradient(solver="cg", max_divergence=0.1),
        optim.hessian_free(),
        optim.hessian_free(matrix="hessian"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_steps_equal_eager_ones(method, dtype):
    params, problem = network()
    params = {k: p.astype(dtype) for k, p in params.items()}

    def step(p, state):
        updates, state = method.update(cr.grad(problem)(p), state, p, problem)
        return optim.apply_updates(p, updates), state

    native = cr.compile(step)
    one = two = (params, method.init(params))
    for _ in range(3):
        one, two = step(*one), native(*two)
    for k in params:
        assert one[0][k].dtype == two[0][k].dtype == np.dtype(dtype)
        tolerance = 1e-6 if dtype == "float64" else 2e-2
        np.testing.assert_allclose(one[0][k].numpy(), two[0][k].numpy(), atol=tolerance)


def test_bad_input_is_refused():
    x = cr.ones(2)
    for method in (optim.natural_gradient(), optim.hessian_free()):
        with pytest.raises(GradientError, match=r"optim\.Problem"):
            method.update(x, method.init(x), x)
    with pytest.raises(DomainError, match="solver"):
        optim.natural_gradient(solver="lu")
    with pytest.raises(DomainError, match="max_divergence"):
        optim.natural_gradient(max_divergence=0.0)
    with pytest.raises(DomainError, match="matrix"):
        optim.hessian_free(matrix="fisher")
