"""What every optimizer of the table keeps."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import optim
from chainrule.core import tree
from chainrule.core.errors import TreeError
from tests.optim.table import TABLE

RNG = np.random.default_rng(0)
START = {
    "matrix": RNG.uniform(0.5, 2.0, (3, 2)) * [1, -1],
    "vector": RNG.uniform(0.5, 2.0, 4) * [1, -1, 1, -1],
    "scalar": np.array(1.5),
}
CURVATURE = {path: RNG.uniform(0.5, 2.0, value.shape) for path, value in START.items()}


def parameters(dtype="float64", start=START):
    return {path: cr.tensor(value, dtype=dtype) for path, value in start.items()}


def quadratic(scale=1.0):
    """½·Σ c·θ², with its minimum at 0; steep and flat directions differ by a factor of 4."""

    def loss(params):
        parts = [
            (cr.tensor(CURVATURE[path], dtype=p.dtype) * p * p).sum() for path, p in params.items()
        ]
        return 0.5 * scale * sum(parts)

    return loss


def take(optimizer, params, state, loss, update=None):
    value, grads = cr.value_and_grad(loss)(params)
    problem = optim.Problem(lambda p: p, loss, value)
    updates, state = (update or optimizer.update)(grads, state, params, problem)
    return optim.apply_updates(params, updates), state


def trajectory(optimizer, steps, loss=None, params=None):
    params = parameters() if params is None else params
    state, path = optimizer.init(params), []
    for _ in range(steps):
        params, state = take(optimizer, params, state, loss or quadratic())
        path.append({name: value.numpy() for name, value in params.items()})
    return path, state


def arrays(state):
    return [np.asarray(leaf.numpy()) for leaf in tree.flatten(state)[0]]


def holding(law):
    """The names of the optimizers for which this law holds."""
    return [name for name, entry in TABLE.items() if law not in entry.exempt]


def made(name, rate=None):
    entry = TABLE[name]
    return entry.make(entry.rate if rate is None else rate)


def close(a, b, **tolerance):
    for path in a:
        np.testing.assert_allclose(a[path], b[path], err_msg=path, **tolerance)


def test_exemptions_name_laws():
    laws = {"quadratic", "zero", "scale", "elements", "descent", "nan", "schedule", "dtype"}
    for entry in TABLE.values():
        assert entry.exempt.keys() <= laws
        assert all(entry.exempt.values())


@pytest.mark.parametrize("name", holding("quadratic"))
def test_a_convex_quadratic_decreases(name):
    loss, entry = quadratic(), TABLE[name]
    path, _ = trajectory(made(name), entry.steps, loss)
    last = loss({path_: cr.tensor(value) for path_, value in path[-1].items()}).item()
    assert last < 0.1 * loss(parameters()).item()


@pytest.mark.parametrize("name", holding("zero"))
def test_a_rate_of_zero_changes_nothing(name):
    path, _ = trajectory(made(name, 0.0), 6)
    for values in path:
        close(values, START, rtol=0)


@pytest.mark.parametrize("name", holding("schedule"))
def test_a_constant_schedule_equals_the_number(name):
    entry = TABLE[name]
    fixed, _ = trajectory(made(name), 4)
    for schedule in (optim.constant(entry.rate), lambda step: entry.rate):
        scheduled, _ = trajectory(entry.make(schedule), 4)
        close(scheduled[-1], fixed[-1], rtol=1e-15)


@pytest.mark.parametrize("name", TABLE)
class TestState:
    def test_it_is_a_pytree_of_tensors_that_keeps_its_types(self, name):
        optimizer, params = made(name), parameters("float32")
        first = optimizer.init(params)
        _, second = take(optimizer, params, first, quadratic())
        (before, structure), (after, again) = tree.flatten(first), tree.flatten(second)
        assert all(isinstance(leaf, cr.Tensor) for leaf in before)
        assert again == structure
        assert [leaf.node.type for leaf in after] == [leaf.node.type for leaf in before]

    def test_saved_and_loaded_it_goes_on_as_if_nothing_had_happened(self, name):
        optimizer, loss = made(name), quadratic()
        path, _ = trajectory(optimizer, 8, loss)
        values, state = trajectory(optimizer, 4, loss)
        file = io.BytesIO()
        np.savez(file, *arrays(state), **values[-1])
        saved = np.load(io.BytesIO(file.getvalue()))
        params = {key: cr.tensor(saved[key]) for key in START}
        structure = tree.flatten(optimizer.init(params))[1]
        state = structure.build(cr.tensor(saved[f"arr_{n}"]) for n in range(structure.leaves))
        for number in range(4, 8):
            params, state = take(optimizer, params, state, loss)
            close({key: value.numpy() for key, value in params.items()}, path[number], rtol=0)

    def test_compiled_steps_equal_eager_ones(self, name):
        optimizer, loss = made(name), quadratic()
        compiled = cr.compile(lambda params, state: take(optimizer, params, state, loss))
        params = parameters()
        state, expected = optimizer.init(params), trajectory(optimizer, 6, loss)[0]
        for values in expected:
            params, state = compiled(params, state)
            close({k: v.numpy() for k, v in params.items()}, values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", TABLE)
class TestLeaves:
    @pytest.mark.parametrize("dtype", ["float16", "float32"])
    def test_parameters_and_updates_keep_their_dtype(self, name, dtype):
        optimizer = TABLE[name].make(lambda step: cr.tensor(1e-3) / (1 + step))
        params = parameters(dtype)
        state = optimizer.init(params)
        for _ in range(3):
            value, grads = cr.value_and_grad(quadratic())(params)
            problem = optim.Problem(lambda p: p, quadratic(), value)
            updates, state = optimizer.update(grads, state, params, problem)
            assert {u.dtype.name for u in updates.values()} == {dtype}
            params = optim.apply_updates(params, updates)
        assert all(np.isfinite(value.numpy()).all() for value in params.values())

    def test_numbers_of_numpy_do_not_widen_parameters(self, name):
        optimizer = TABLE[name].make(np.float64(1e-3))
        params = parameters("float32")
        state = optimizer.init(params)
        before = [leaf.dtype for leaf in tree.flatten(state)[0]]
        value, grads = cr.value_and_grad(quadratic())(params)
        problem = optim.Problem(lambda p: p, quadratic(), value)
        updates, state = optimizer.update(grads, state, params, problem)
        assert {u.dtype.name for u in updates.values()} == {"float32"}
        assert [leaf.dtype for leaf in tree.flatten(state)[0]] == before

    def test_a_step_keeps_nothing_of_the_graph(self, name):
        """The parameters of a model require gradients, so that their gradients are recorded."""
        optimizer = made(name)
        slope = cr.tensor(2.0, requires_grad=True)
        loss = lambda p: slope * quadratic()(p)
        params = {path: p.requires_grad_() for path, p in parameters().items()}
        state = optimizer.init(params)
        for _ in range(2):
            params, state = take(optimizer, params, state, loss)
            leaves = [*params.values(), *tree.flatten(state)[0]]
            assert not any(leaf.requires_grad or leaf.node.sources for leaf in leaves)
            params = {path: p.detach().requires_grad_() for path, p in params.items()}

    def test_empty_tensors_are_carried_along(self, name):
        optimizer = made(name)
        params = {**parameters(), "none": cr.zeros((0,)), "vector": cr.zeros((0,))}
        loss = lambda p: 0.5 * sum((value * value).sum() for value in p.values())
        with np.errstate(all="raise"):
            path, _ = trajectory(optimizer, 3, loss, params)
        assert path[-1]["none"].shape == (0,)
        assert np.isfinite(path[-1]["matrix"]).all()

    def test_another_models_state_is_refused(self, name):
        optimizer = made(name)
        params, other = parameters(), {**parameters(), "more": cr.tensor([1.0])}
        state = optimizer.init(params)
        with pytest.raises(TreeError):
            updates, _ = optimizer.update(
                other, state, params, optim.Problem(lambda p: p, quadratic(), cr.tensor(1.0))
            )
            optim.apply_updates(params, updates)

    def test_the_bound_face_takes_the_same_steps(self, name):
        loss, path = quadratic(), trajectory(made(name), 3)[0]
        params = {key: cr.tensor(value, requires_grad=True) for key, value in START.items()}
        bound = made(name).bind(params)
        for values in path:
            bound.step(loss)
            close({k: v.numpy() for k, v in params.items()}, values, rtol=1e-13)


@pytest.mark.parametrize("name", holding("nan"))
def test_a_nan_in_a_gradient_is_not_hidden(name):
    """The policy: it goes on into the parameter, where `train.fit` finds it."""
    optimizer, params = made(name), parameters()
    state = optimizer.init(params)
    for _ in range(3):
        value, grads = cr.value_and_grad(quadratic())(params)
        problem = optim.Problem(lambda p: p, lambda p: quadratic()(p) * cr.nan, value)
        grads["vector"] = grads["vector"] * cr.tensor([1.0, 1.0, cr.nan, 1.0])
        updates, state = optimizer.update(grads, state, params, problem)
        params = optim.apply_updates(params, updates)
    assert np.isnan(params["vector"].numpy()[2])


# -- invariances -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", holding("scale"))
def test_steps_do_not_depend_on_the_scale_of_the_loss(name):
    """Kingma and Ba 2015, section 2.1, and others: with ε = 0 the scale of g cancels."""
    plain, _ = trajectory(made(name), 10, quadratic())
    # by powers of two, so that only ε could tell
    for scale in (2.0**-10, 2.0**10):
        scaled, _ = trajectory(made(name), 10, quadratic(scale))
        close(scaled[-1], plain[-1], rtol=1e-9)


@pytest.mark.parametrize("name", holding("elements"))
def test_the_order_of_elements_does_not_matter(name):
    order = np.array([2, 0, 3, 1])
    plain, _ = trajectory(made(name), 5)
    start = {**START, "vector": START["vector"][order]}
    curvature = cr.tensor(CURVATURE["vector"][order])

    def loss(params):
        rest = {path: p for path, p in params.items() if path != "vector"}
        return quadratic()(rest) + 0.5 * (curvature * params["vector"] ** 2).sum()

    permuted, _ = trajectory(made(name), 5, loss, parameters(start=start))
    np.testing.assert_allclose(permuted[-1]["vector"], plain[-1]["vector"][order], rtol=1e-12)


@pytest.mark.parametrize("name", holding("descent"))
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-3, 3))
@settings(max_examples=8)
def test_the_first_step_leads_down(name, seed, size):
    rng = np.random.default_rng(seed)
    optimizer, params = made(name, 1e-6), parameters()
    slope = {path: cr.tensor(10**size * rng.standard_normal(v.shape)) for path, v in START.items()}
    loss = lambda p: sum((slope[path] * value).sum() for path, value in p.items())
    after, _ = take(optimizer, params, optimizer.init(params), loss)
    assert loss(after).item() < loss(params).item()


def test_gradient_descent_scales_with_the_loss():
    plain, _ = trajectory(optim.sgd(0.25, momentum=0.5), 6, quadratic(0.5))
    scaled, _ = trajectory(optim.sgd(0.125, momentum=0.5), 6, quadratic(1.0))
    close(scaled[-1], plain[-1], rtol=1e-15)


def test_gradient_descent_follows_rotations():
    q = np.linalg.qr(np.random.default_rng(6).standard_normal((4, 4)))[0]
    hessian = np.diag([1.0, 2.0, 3.0, 4.0])
    start = START["vector"]

    def path_of(h, x):
        loss = lambda p: 0.5 * p["x"] @ cr.tensor(h) @ p["x"]
        optimizer = optim.sgd(0.1, momentum=0.9, nesterov=True)
        return trajectory(optimizer, 20, loss, {"x": cr.tensor(x)})[0][-1]["x"]

    rotated = path_of(q @ hessian @ q.T, q @ start)
    np.testing.assert_allclose(rotated, q @ path_of(hessian, start), rtol=1e-11, atol=1e-13)


def test_muon_follows_orthogonal_maps_of_both_sides():
    """U·Vᵀ of Q·M·R is Q·U·Vᵀ·R, and each step of the iteration keeps that."""
    rng = np.random.default_rng(5)
    m = rng.standard_normal((4, 3))
    q, r = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (4, 3))
    target = rng.standard_normal((4, 3))

    def path_of(start, goal):
        loss = lambda p: ((p - cr.tensor(goal)) ** 2).sum()
        params, optimizer = cr.tensor(start), optim.muon(0.1)
        state = optimizer.init(params)
        for _ in range(10):
            updates, state = optimizer.update(cr.grad(loss)(params), state, params)
            params = optim.apply_updates(params, updates)
        return params.numpy()

    np.testing.assert_allclose(
        path_of(q @ m @ r, q @ target @ r), q @ path_of(m, target) @ r, rtol=1e-9, atol=1e-10
    )


def test_lamb_steps_grow_with_the_parameters():
    """‖Δθ‖ = η·‖θ‖ without decay: You et al. 2020, algorithm 2, with φ(z) = z."""
    for scale in (1.0, 50.0):
        params = parameters(start={path: scale * value for path, value in START.items()})
        optimizer = optim.lamb(0.01)
        after, _ = take(optimizer, params, optimizer.init(params), quadratic())
        for path, value in params.items():
            moved = np.linalg.norm(after[path].numpy() - value.numpy())
            np.testing.assert_allclose(moved, 0.01 * np.linalg.norm(value.numpy()), rtol=1e-9)


def test_adagrad_is_that_of_the_regret_bound():
    """With constant gradients of any size steps are η/√t: Duchi et al. 2011, section 1.1."""
    loss = lambda p: (cr.tensor([1e-3, 1.0, 1e3]) * p["x"]).sum()
    path, _ = trajectory(optim.adagrad(0.5), 9, loss, {"x": cr.zeros((3,))})
    expected = -0.5 * np.sum(1 / np.sqrt(np.arange(1, 10)))
    np.testing.assert_allclose(path[-1]["x"], [expected] * 3, rtol=1e-6)


# -- in training -----------------------------------------------------------------------------------


def network():
    first, second = cr.random.split(cr.random.key(0), 2)
    return cr.nn.Sequential(
        cr.nn.Linear(3, 4, key=first, dtype="float64"),
        cr.nn.Tanh(),
        cr.nn.Linear(4, 1, key=second, dtype="float64"),
    )


def in_training(name):
    """The entry for a network, whose matrices are its weights."""
    if name == "muon":
        return optim.partition({"*.weight": optim.muon(0.02), "*": optim.adamw(0.02)})
    if name == "grouped":
        return optim.partition({"*.weight": optim.adam(0.02), "*": optim.rmsprop(0.02)})
    if name == "masked decay":
        return optim.adamw(0.02, mask="*.weight")
    # where the curvature is next to nothing, rounding errors are steps
    if name in ("newton", "plain newton"):
        return optim.newton(0.02, None if name == "plain newton" else "backtracking", damping=0.1)
    if name == "natural_gradient by cg":
        return optim.natural_gradient(0.02, damping=0.1, solver="cg")
    return made(name, 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_native_training_equals_eager_training(name):
    x = np.random.default_rng(3).standard_normal((20, 3))
    y = np.sin(x.sum(axis=1, keepdims=True))
    found = []
    for compile in (False, True):
        model = network()
        cr.train.fit(
            model,
            cr.nn.mse,
            (x, y),
            optimizer=in_training(name),
            epochs=3,
            batch_size=4,
            progress=False,
            compile=compile,
        )
        found.append({path: p.numpy() for path, p in model.parameters().items()})
    close(found[1], found[0], rtol=1e-7, atol=1e-9)


def test_fit_is_full_batch_stochastic_or_mini_batch_descent():
    x = np.random.default_rng(4).standard_normal((12, 1))
    y = 3 * x - 1
    for batch_size in (12, 1, 4):
        model = cr.nn.Linear(1, 1, key=cr.random.key(0), dtype="float64")
        w, b = model.weight.item(), model.bias.item()
        key = cr.random.key(4)
        cr.train.fit(
            model,
            cr.nn.mse,
            (x, y),
            optimizer=optim.sgd(0.1),
            epochs=2,
            batch_size=batch_size,
            key=key,
            progress=False,
        )
        for epoch in (1, 2):
            order = cr.random.permutation(cr.random.fold_in(key, epoch), 12).numpy()
            for rows in order.reshape(-1, batch_size):
                error = w * x[rows] + b - y[rows]
                w, b = w - 0.1 * 2 * (error * x[rows]).mean(), b - 0.1 * 2 * error.mean()
        np.testing.assert_allclose([model.weight.item(), model.bias.item()], [w, b], rtol=1e-12)


def test_decoupled_decay_is_not_an_l2_penalty_in_adam():
    """Loshchilov and Hutter 2019: the decay of a weight must not depend on its gradient."""
    decayed = {}
    for name, make in {"l2": optim.adam, "decoupled": optim.adamw}.items():
        moved = []
        for size in (1.0, 1000.0):
            loss = lambda p: size * cr.sin(100.0 * p["x"]).sum()
            start = {"x": cr.tensor([5.0, -3.0])}
            ends = [
                trajectory(make(1e-2, weight_decay=d, eps=0.0), 1, loss, start)[0][-1]["x"]
                for d in (0.0, 0.5)
            ]
            moved.append(ends[1] - ends[0])
        decayed[name] = moved
    # decoupled: η·λ·θ whatever the gradient; an L2 penalty vanishes beside a large gradient
    for moved in decayed["decoupled"]:
        np.testing.assert_allclose(moved, -1e-2 * 0.5 * np.array([5.0, -3.0]), rtol=1e-9)
    assert abs(decayed["l2"][1]).max() < 1e-9
