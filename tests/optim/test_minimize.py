import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import (
    ArgumentError,
    DomainError,
    DTypeError,
    GradientError,
    NonFiniteError,
    TreeError,
)
from tests.optim.problems import STARTS, logistic, rosenbrock

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", STARTS)
def test_standard_problems(name, compiled):
    function, start, minimum = STARTS[name]
    found = optim.minimize(function, np.array(start), tolerance=1e-9, compile=compiled)
    assert found.converged
    assert found.reason == "gradient"
    assert found.gradient_norm <= 1e-9
    # the Hessian of Powell's function is singular: x is known to the cube root of the gradient
    np.testing.assert_allclose(found.x.numpy(), minimum, atol=2e-3 if name == "powell" else 1e-8)


@pytest.mark.parametrize("search", ["strong_wolfe", "backtracking"])
@pytest.mark.parametrize("name", [*STARTS, "rosenbrock of 100", "logistic"])
def test_against_scipy(name, search):
    scipy = pytest.importorskip("scipy.optimize")
    if name == "logistic":
        features, labels = RNG.normal(size=(80, 10)), (RNG.random(80) < 0.5) * 1.0
        function, start = logistic(features, labels), np.zeros(10)
    elif name in STARTS:
        function, start, _ = STARTS[name]
    else:
        function, start = rosenbrock, np.tile([-1.2, 1.0], 50)
    both = cr.compile(cr.value_and_grad(function))
    theirs = scipy.minimize(
        lambda x: tuple(part.numpy() for part in both(cr.tensor(x))),
        np.array(start), jac=True, method="L-BFGS-B", options={"gtol": 1e-7, "ftol": 0},
    )  # fmt: skip
    ours = optim.minimize(
        function, np.array(start), optim.lbfgs(line_search=search), tolerance=1e-7
    )
    assert ours.converged
    np.testing.assert_allclose(ours.value, theirs.fun, atol=1e-9)
    assert ours.steps <= 2 * theirs.nit + 10


def test_a_pytree_with_data():
    def residual(p, x, y):
        return cr.nn.mse(p["slope"] * x + p["offset"], y)

    x = np.linspace(-1, 1, 9)
    found = optim.minimize(
        residual, {"slope": 0.0, "offset": np.zeros(1)}, args=(x, 2 * x + 1), tolerance=1e-10
    )
    np.testing.assert_allclose(found.x["slope"].item(), 2, atol=1e-9)
    np.testing.assert_allclose(found.x["offset"].numpy(), [1], atol=1e-9)
    assert found.x["offset"].shape == (1,)


def test_the_trace_and_the_callback_see_every_step():
    seen = []
    found = optim.minimize(
        rosenbrock, cr.tensor([-1.2, 1.0]), callback=lambda *now: seen.append(now), max_steps=7
    )
    assert (found.steps, found.reason, found.converged) == (7, "max_steps", False)
    assert [step for step, _, _ in seen] == [1, 2, 3, 4, 5, 6, 7]
    values = [rosenbrock(cr.tensor([-1.2, 1.0])).item(), *(value for _, _, value in seen)]
    np.testing.assert_allclose(found.trace, values)
    assert (np.diff(found.trace) < 0).all()
    for _, x, value in seen:
        np.testing.assert_allclose(rosenbrock(x).item(), value)


def test_chunks_do_not_show():
    whole = optim.minimize(rosenbrock, np.tile([-1.2, 1.0], 10), max_steps=120, tolerance=0.0)
    single = optim.minimize(
        rosenbrock, np.tile([-1.2, 1.0], 10), max_steps=120, tolerance=0.0, callback=lambda *_: None
    )
    assert whole.steps == single.steps == 120
    np.testing.assert_array_equal(whole.trace, single.trace)


def test_the_callback_ends_it():
    found = optim.minimize(
        rosenbrock, cr.tensor([-1.2, 1.0]), callback=lambda step, x, value: step == 3
    )
    assert (found.steps, found.reason, found.converged) == (3, "callback", False)


def test_a_small_step_ends_it():
    found = optim.minimize(
        lambda x: ((x - 1.0) ** 2).sum(), cr.zeros(2), optim.sgd(0.05), step_tolerance=1e-3,
        tolerance=0.0,
    )  # fmt: skip
    assert (found.reason, found.converged) == ("step", True)
    # a step of 0.05·2·|x − 1| below 1e-3·|x|
    assert 0.005 < (1 - found.x).max().item() < 0.01


def test_rounding_ends_it():
    found = optim.minimize(lambda x: (x - 1.0) ** 2 + 1.0, 0.3, tolerance=0.0)
    assert found.reason in ("no decrease", "gradient")
    np.testing.assert_allclose(found.x.item(), 1, atol=1e-7)


def test_at_the_minimum_nothing_is_done():
    found = optim.minimize(rosenbrock, cr.ones(2))
    assert (found.steps, found.reason, len(found.trace)) == (0, "gradient", 1)


def test_divergence_is_said_and_the_last_good_point_kept():
    found = optim.minimize(lambda x: (x**4).sum(), cr.tensor([10.0]), optim.sgd(1.0))
    assert (found.reason, found.converged) == ("not finite", False)
    assert np.isfinite(found.value)
    assert np.isfinite(found.x.numpy()).all()
    assert "NaN" in repr(found)


def test_an_unbounded_function_does_not_converge():
    found = optim.minimize(lambda x: -x.sum(), cr.ones(2))
    assert not found.converged
    assert found.value < -1e6


@pytest.mark.parametrize("optimizer", [optim.sgd(0.1), optim.adam(0.1)])
def test_first_order_methods_do_too(optimizer):
    found = optim.minimize(
        lambda x: ((x - 3.0) ** 2).sum(), cr.zeros(2), optimizer, max_steps=3000, tolerance=1e-5
    )
    assert found.converged
    np.testing.assert_allclose(found.x.numpy(), [3, 3], atol=1e-4)


def test_float32_stays():
    found = optim.minimize(rosenbrock, cr.tensor([-1.2, 1.0], dtype="float32"), tolerance=1e-3)
    assert found.x.dtype == np.float32
    assert found.converged


@pytest.mark.parametrize(
    ("function", "x0", "options", "error", "text"),
    [
        (lambda x: x * x, cr.ones(2), {}, GradientError, "scalar"),
        (lambda x: (x, x), 1.0, {}, GradientError, "scalar"),
        (lambda x: x.sum(), cr.tensor([1, 2]), {}, DTypeError, "floating-point"),
        (lambda x: x.real, 1j, {}, DTypeError, "complex"),
        (lambda x: x.sum(), cr.tensor([np.nan]), {}, NonFiniteError, "x0 is nan"),
        (lambda x: cr.log(x), -1.0, {}, NonFiniteError, "value at x0 is nan"),
        (lambda x: 1e200 * x**0.01, 1e-300, {}, NonFiniteError, "gradient at x0 is inf"),
        (lambda x: 0.0, {}, {}, TreeError, "nothing"),
        (lambda x: x, 1.0, {"max_steps": -1}, DomainError, "max_steps"),
        (lambda x: x, 1.0, {"tolerance": -1.0}, DomainError, "tolerance"),
        (lambda x: x, 1.0, {"optimizer": "lbfgs"}, ArgumentError, "cr.optim.lbfgs"),
        (lambda x: x, 1.0, {"optimizer": optim.lbfgs}, ArgumentError, "cr.optim.lbfgs"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*encountered")
def test_bad_input_is_refused(function, x0, options, error, text):
    with pytest.raises(error, match=text):
        optim.minimize(function, x0, **options)
