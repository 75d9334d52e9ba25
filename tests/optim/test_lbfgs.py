import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core import tree
from chainrule.core.errors import DomainError, DTypeError, GradientError
from tests.optim.problems import rosenbrock, walk

RNG = np.random.default_rng(0)
FEATURES, LABELS = RNG.normal(size=(40, 6)), (RNG.random(40) < 0.5) * 1.0
CURVES = np.array([1.0, 30.0, 0.01])


def quartic(lib):
    curves = lib.tensor(CURVES)
    return lambda x: (x**4 * curves).sum() + x[0] * x[1] - x[2] + (x**2).sum()


def logistic(lib):
    a, b = lib.tensor(FEATURES), lib.tensor(LABELS)
    softplus = cr.softplus if lib is cr else lib.nn.functional.softplus
    return lambda w: (softplus(a @ w) - b * (a @ w)).mean() + 0.01 * (w * w).sum()


# steps: until PyTorch's absolute thresholds (1e-9 for a bracket, 1e-10 for sᵀy) come into play
CASES = {
    "quartic": (quartic, [1.5, -2.0, 0.3], 10),
    "rosenbrock": (lambda lib: rosenbrock, [-1.2, 1.0], 15),
    "rosenbrock of 10": (lambda lib: rosenbrock, [-1.2, 1.0] * 5, 15),
    "logistic": (logistic, [0.0] * 6, 8),
}


@pytest.mark.parametrize("memory", [2, 10])
@pytest.mark.parametrize(("search", "rate"), [("strong_wolfe", 1.0), (None, 0.02)])
@pytest.mark.parametrize("case", CASES)
def test_trajectory_equals_pytorchs(case, search, rate, memory):
    torch = pytest.importorskip("torch")
    make, start, steps = CASES[case]
    function = make(torch)
    x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x], rate, max_iter=1, max_eval=1000, history_size=memory, line_search_fn=search,
        tolerance_grad=0, tolerance_change=0,
    )  # fmt: skip

    def closure():
        optimizer.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    theirs = []
    for _ in range(steps):
        optimizer.step(closure)
        theirs.append(x.detach().numpy().copy())
    method = optim.lbfgs(rate, memory=memory, line_search=search)
    ours = walk(method, make(cr), cr.tensor(np.array(start)), steps)
    size = np.abs(np.array(theirs)).max(axis=1, keepdims=True)
    np.testing.assert_allclose(
        np.array([p.numpy() for p in ours]) / size, theirs / size, atol=1e-12
    )


def test_one_step_of_pytorch_is_many_of_these():
    torch = pytest.importorskip("torch")
    x = torch.tensor([-1.2, 1.0] * 3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x], max_iter=12, max_eval=1000, history_size=5, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    optimizer.step(closure)
    ours = walk(optim.lbfgs(memory=5), rosenbrock, cr.tensor([-1.2, 1.0] * 3), 12)
    np.testing.assert_allclose(ours[-1].numpy(), x.detach().numpy(), rtol=1e-12)


def test_an_exact_search_on_a_quadratic_ends_in_n_steps():
    """With all steps remembered BFGS ends on a quadratic after n exact searches."""
    curves = cr.tensor([1.0, 4.0, 9.0, 25.0])

    def quadratic(x):
        return (curves * x * x).sum() / 2

    x = cr.tensor([1.0, -1.0, 2.0, 0.5])
    method = optim.lbfgs(memory=10, line_search=None)
    state = method.init(x)
    for _ in range(4):
        gradient = cr.grad(quadratic)(x)
        updates, state = method.update(gradient, state, x)
        exact = -(gradient @ updates) / (curves * updates * updates).sum()
        x = x + exact * updates
        state = type(state)(**{**vars(state), "step": exact * updates})
    assert quadratic(x).item() < 1e-25


@pytest.mark.parametrize("search", ["strong_wolfe", "backtracking"])
def test_compiled_steps_equal_eager_ones(search):
    method = optim.lbfgs(memory=4, line_search=search)

    @cr.compile
    def step(x, state):
        value, gradient = cr.value_and_grad(rosenbrock)(x)
        problem = optim.Problem(lambda x: x, rosenbrock, value)
        updates, state = method.update(gradient, state, x, problem)
        return optim.apply_updates(x, updates), state

    x = cr.tensor([-1.2, 1.0, 0.5])
    eager = walk(method, rosenbrock, x, 12)
    state = method.init(x)
    for expected in eager:
        x, state = step(x, state)
        np.testing.assert_allclose(x.numpy(), expected.numpy(), rtol=1e-9)


def test_scaling_the_loss_changes_nothing_but_the_first_step():
    """H·g does not change with the scale of f once a step is remembered; torch's 1e-10 would."""
    start = cr.tensor([-1.2, 1.0])
    method = optim.lbfgs(memory=5)
    first = walk(method, rosenbrock, start, 1)[0]

    def after(scale, steps=8):
        state = method.init(start)
        x = start
        for k in range(steps):
            f = lambda x: scale * rosenbrock(x)
            value, gradient = cr.value_and_grad(f)(x)
            updates, state = method.update(gradient, state, x, optim.Problem(lambda x: x, f, value))
            if k == 0:  # the same first step for all
                updates = first - start
                state = type(state)(**{**vars(state), "step": updates})
            x = x + updates
        return x.numpy()

    for scale in (2.0**-60, 2.0**40):
        np.testing.assert_allclose(after(scale), after(1.0), rtol=1e-9)


def test_the_memory_is_bounded_and_a_pytree():
    x = {"w": cr.tensor([[-1.2, 1.0]]), "b": cr.tensor(0.3)}

    def function(p):
        return rosenbrock(cr.concat([p["w"][0], p["b"][None]]))

    method = optim.lbfgs(memory=3)
    state = method.init(x)
    types = [leaf.node.type for leaf in tree.flatten(state)[0]]
    for _ in range(6):
        value, gradient = cr.value_and_grad(function)(x)
        problem = optim.Problem(lambda x: x, function, value)
        updates, state = method.update(gradient, state, x, problem)
        x = optim.apply_updates(x, updates)
        assert [leaf.node.type for leaf in tree.flatten(state)[0]] == types
    assert state.steps.shape == (3, 3)
    assert (state.weights.numpy() > 0).all()


def test_float32_parameters_keep_their_dtype():
    x = cr.tensor([-1.2, 1.0], dtype="float32")
    points = walk(optim.lbfgs(), rosenbrock, x, 40)
    assert points[-1].dtype == np.float32
    np.testing.assert_allclose(points[-1].numpy(), [1, 1], atol=1e-3)


def test_bad_input_is_refused():
    x = cr.tensor([1.0, 2.0])
    method = optim.lbfgs()
    with pytest.raises(GradientError, match=r"lbfgs.*optim\.Problem"):
        method.update(x, method.init(x), x)
    with pytest.raises(DTypeError, match="int64"):
        method.init([1, 2])
    with pytest.raises(DomainError, match="memory"):
        optim.lbfgs(memory=0)
    with pytest.raises(DomainError, match="learning_rate"):
        optim.lbfgs(-1.0)
    with pytest.raises(DomainError, match="max_evaluations"):
        optim.lbfgs(max_evaluations=0)
