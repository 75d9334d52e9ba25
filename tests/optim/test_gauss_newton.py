import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import DomainError, GradientError
from chainrule.optim.curvature import ggn_matrix, ggn_product, hessian_matrix, hessian_product
from chainrule.optim.vector import ravel

RNG = np.random.default_rng(0)

# NIST Statistical Reference Datasets, nonlinear regression: data, starts, certified parameters and
# residual sums of squares (https://www.itl.nist.gov/div898/strd)
MISRA1A = {
    "model": lambda b, x: b[0] * (1 - cr.exp(-b[1] * x)),
    "x": [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1,
          760.0],
    "y": [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47,
          81.78],
    "starts": [[500.0, 0.0001], [250.0, 0.0005]],
    "parameters": [2.3894212918e02, 5.5015643181e-04],
    "squares": 1.2455138894e-01,
}  # fmt: skip
MGH09 = {
    "model": lambda b, x: b[0] * (x * x + x * b[1]) / (x * x + x * b[2] + b[3]),
    "x": [4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625],
    "y": [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246],
    "starts": [[25.0, 39.0, 41.5, 39.0], [0.25, 0.39, 0.415, 0.39]],
    "parameters": [1.9280693458e-01, 1.9128232873e-01, 1.2305650693e-01, 1.3606233068e-01],
    "squares": 3.0750560385e-04,
}
NIST = {"Misra1a": MISRA1A, "MGH09": MGH09}


@pytest.mark.parametrize("scaling", ["diagonal", "identity"])
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", NIST)
def test_certified_fits_of_nist(name, start, scaling):
    problem = NIST[name]
    found = optim.least_squares(
        lambda b, x, y: problem["model"](b, x) - y,
        np.array(problem["starts"][start]),
        optim.levenberg_marquardt(scaling=scaling),
        args=(np.array(problem["x"]), np.array(problem["y"])),
        tolerance=1e-12,
    )
    # the sum of squares is known to rounding, the parameters to about its root
    np.testing.assert_allclose(2 * found.value, problem["squares"], rtol=1e-9)
    np.testing.assert_allclose(found.x.numpy(), problem["parameters"], rtol=1e-6)
    assert (np.diff(found.trace) <= 0).all()


@pytest.mark.parametrize(("name", "start"), [("Misra1a", 0), ("Misra1a", 1), ("MGH09", 1)])
def test_as_many_steps_as_scipy(name, start):  # MINPACK does not fit MGH09 from its first start
    scipy = pytest.importorskip("scipy.optimize")
    problem = NIST[name]
    x, y = cr.tensor(problem["x"]), cr.tensor(problem["y"])

    def residuals(b):
        return problem["model"](b, x) - y

    theirs = scipy.least_squares(
        lambda b: residuals(cr.tensor(b)).numpy(),
        problem["starts"][start],
        jac=lambda b: cr.jacobian(residuals)(cr.tensor(b)).numpy(),
        method="lm", x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-15,
    )  # fmt: skip
    ours = optim.least_squares(residuals, np.array(problem["starts"][start]), tolerance=1e-12)
    np.testing.assert_allclose(ours.value, theirs.cost, rtol=1e-9)
    np.testing.assert_allclose(ours.x.numpy(), theirs.x, rtol=1e-5)
    assert ours.steps <= 2 * theirs.nfev + 10


def fit(loss_name, parameters=None):
    """A small network, its data and loss, as a problem."""
    model = cr.nn.MLP(3, (4,), 2, key=cr.random.key(1), dtype="float64")
    x = cr.tensor(RNG.normal(size=(6, 3)))
    if loss_name == "mse":
        y = cr.tensor(RNG.normal(size=(6, 2)))
        loss = lambda out: cr.nn.mse(out, y)
    else:
        labels = RNG.integers(0, 2, size=6)
        loss = lambda out: cr.nn.cross_entropy(out, labels)
    params = {k: p.detach() for k, p in model.parameters().items()}
    return params, optim.Problem(lambda p: model.replace(p)(x), loss)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_matrix_is_the_hessian_of_the_linearised_network(loss):
    params, problem = fit(loss)
    x, unravel = ravel(params)

    def linear(p):
        moved, _ = ravel(p)
        out, change = cr.jvp(lambda v: problem.outputs(unravel(v)), (x,), (moved - x,))
        return out + change

    expected = hessian_matrix(optim.Problem(linear, problem.loss), x, unravel).numpy()
    ours = ggn_matrix(problem, x, unravel).numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)
    assert np.linalg.eigvalsh(ours).min() > -1e-12
    v = cr.tensor(RNG.normal(size=x.shape))
    product = ggn_product(problem, x, unravel)(v).numpy()
    np.testing.assert_allclose(product, ours @ v.numpy(), rtol=1e-9, atol=1e-12)
    whole = hessian_matrix(problem, x, unravel).numpy()
    product = hessian_product(problem, x, unravel)(v).numpy()
    np.testing.assert_allclose(product, whole @ v.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "method", [optim.gauss_newton(), optim.levenberg_marquardt(damping=1e-12)], ids=repr
)
def test_a_linear_fit_takes_one_step(method):
    a, b = RNG.normal(size=(10, 3)), RNG.normal(size=10)
    found = optim.least_squares(lambda w, a, b: a @ w - b, cr.zeros(3), method, args=(a, b))
    assert found.steps == 1
    np.testing.assert_allclose(found.x.numpy(), np.linalg.lstsq(a, b, rcond=None)[0], rtol=1e-9)


def test_without_enough_data_the_shortest_step_is_taken():
    a, b = RNG.normal(size=(2, 5)), RNG.normal(size=2)
    found = optim.least_squares(
        lambda w, a, b: a @ w - b, cr.zeros(5), optim.gauss_newton(), args=(a, b)
    )
    np.testing.assert_allclose(found.x.numpy(), np.linalg.pinv(a) @ b, rtol=1e-9)


def test_units_of_the_parameters_do_not_matter_to_marquardts_scaling():
    x, y = cr.tensor(MISRA1A["x"]), cr.tensor(MISRA1A["y"])
    units = cr.tensor([2.0**10, 2.0**-12])
    start = cr.tensor(MISRA1A["starts"][1])

    def residuals(b):
        return MISRA1A["model"](b, x) - y

    one = optim.least_squares(residuals, start, max_steps=6, tolerance=0.0)
    two = optim.least_squares(lambda b: residuals(b * units), start / units, max_steps=6,
                              tolerance=0.0)  # fmt: skip
    np.testing.assert_allclose((two.x * units).numpy(), one.x.numpy(), rtol=1e-9)
    # without it they do
    plain = optim.levenberg_marquardt(scaling="identity")
    one = optim.least_squares(residuals, start, plain, max_steps=3, tolerance=0.0)
    two = optim.least_squares(lambda b: residuals(b * units), start / units, plain, max_steps=3,
                              tolerance=0.0)  # fmt: skip
    assert not np.allclose((two.x * units).numpy(), one.x.numpy(), rtol=1e-3)


def test_damping_falls_on_success_and_grows_on_failure():
    method = optim.levenberg_marquardt(scaling="identity", max_tries=1)

    def problem(f):
        return optim.Problem(lambda x: x, f)

    x = cr.tensor([1.0])
    state = method.init(x)
    square = problem(lambda x: (x * x).sum())
    _, state = method.update(cr.grad(square)(x), state, x, square)
    assert state.damping.item() == pytest.approx(1e-3 * 2 / 3)  # λ = τ·2, then a third of it
    # a wall that the model knows nothing of: nothing lower in one try
    wall = problem(lambda x: cr.where((x < 0.9).any(), 100.0, 0.0) + (x * x).sum())
    updates, after = method.update(cr.grad(wall)(x), state, x, wall)
    assert updates.item() == 0
    assert after.damping.item() == pytest.approx(2 * state.damping.item())
    assert after.growth.item() == 4


def test_training_a_network():
    params, problem = fit("cross_entropy")
    for method in (optim.levenberg_marquardt(), optim.gauss_newton(damping=1e-3)):
        p, state, losses = params, method.init(params), []
        step = cr.compile(
            lambda p, state, method=method: (
                *method.update(cr.grad(problem)(p), state, p, problem),
                problem(p),
            )
        )
        for _ in range(8):
            updates, state, loss = step(p, state)
            p = optim.apply_updates(p, updates)
            losses.append(loss.item())
        assert losses[-1] < 0.5 * losses[0]
        assert (np.diff(losses) <= 0).all()


def test_bad_input_is_refused():
    with pytest.raises(DomainError, match="damping"):
        optim.levenberg_marquardt(damping=0.0)
    with pytest.raises(DomainError, match="scaling"):
        optim.levenberg_marquardt(scaling="marquardt")
    x = cr.ones(2)
    for method in (optim.levenberg_marquardt(), optim.gauss_newton()):
        with pytest.raises(GradientError, match=r"optim\.Problem"):
            method.update(x, method.init(x), x)
