import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core import tree
from chainrule.core.errors import ArgumentError, DomainError, GradientError, TreeError
from chainrule.optim.curvature import ggn_matrix
from chainrule.optim.kronecker import Factors, inverse, layers_of, measure
from chainrule.optim.vector import ravel

RNG = np.random.default_rng(0)
KEY = cr.random.key(0)


class Net(cr.nn.Module):
    """A convolution, a nonlinearity, an affine map."""

    conv: cr.nn.Conv2d
    head: cr.nn.Linear

    def __call__(self, x):
        y = cr.tanh(self.conv(x))
        return self.head(y.reshape((y.shape[0], -1)))


def conv_net(outputs=3, **options):
    conv = cr.nn.Conv2d(2, 3, 3, key=cr.random.key(0), dtype="float64", **options)
    size = conv(cr.zeros((1, 2, 5, 5))).size
    return Net(conv, cr.nn.Linear(size, outputs, key=cr.random.key(1), dtype="float64"))


def mlp(sizes, seed=0):
    return cr.nn.MLP(sizes[0], sizes[1:-1], sizes[-1], key=cr.random.key(seed), dtype="float64")


def problem_of(model, x, loss):
    return (
        {path: p.detach() for path, p in model.parameters().items()},
        optim.Problem(lambda p: model.replace(p)(x), loss),
    )


def labelled(examples, classes):
    labels = RNG.integers(0, classes, size=examples)
    return lambda out: cr.nn.cross_entropy(out, labels)


def exact_block(problem, params, layer):
    """The Fisher information of one layer, of its matrix row by row."""

    def with_matrix(matrix):
        return problem.outputs(params | layer.parts(matrix, params))

    matrix = layer.matrix(params)
    x, unravel = ravel(matrix)
    return ggn_matrix(optim.Problem(with_matrix, problem.loss), x, unravel).numpy()


def measured(model, problem, params, expectation="exact", key=KEY):
    layers = layers_of(model, frozenset(params))
    return layers, measure("kfac", layers, problem, params, expectation, key)


@pytest.mark.parametrize("bias", [True, False])
def test_one_example_is_exact(bias):
    """Then E[āāᵀ ⊗ ggᵀ] = āāᵀ ⊗ E[ggᵀ]; the matrix of a layer is taken row by row."""
    model = cr.nn.Sequential(
        cr.nn.Linear(3, 4, key=cr.random.key(0), bias=bias, dtype="float64"),
        cr.nn.Tanh(),
        cr.nn.Linear(4, 3, key=cr.random.key(1), bias=bias, dtype="float64"),
    )
    params, problem = problem_of(model, cr.tensor(RNG.normal(size=(1, 3))), labelled(1, 3))
    layers, factors = measured(model, problem, params)
    assert len(layers) == 2
    for layer in layers:
        a, g = factors[layer.weight]
        ours = np.kron(g.numpy(), a.numpy())
        np.testing.assert_allclose(ours, exact_block(problem, params, layer), atol=1e-12)
        assert np.abs(ours).max() > 1e-3


def test_a_linear_model_with_gaussian_noise_is_exact():
    model = cr.nn.Linear(3, 2, key=cr.random.key(0), dtype="float64")
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))
    params, problem = problem_of(model, cr.tensor(x), lambda out: cr.nn.mse(out, y))
    (layer,), factors = measured(model, problem, params)
    a, g = factors[layer.weight]
    exact = exact_block(problem, params, layer)
    np.testing.assert_allclose(np.kron(g.numpy(), a.numpy()), exact, atol=1e-12)
    # and so one step arrives
    method = optim.kfac(
        model, 1.0, damping=0.0, momentum=0.0, max_divergence=None, expectation="exact"
    )
    updates, _ = method.update(cr.grad(problem)(params), method.init(params), params, problem)
    after = optim.apply_updates(params, updates)
    best = np.linalg.lstsq(np.c_[x, np.ones(20)], y, rcond=None)[0]
    np.testing.assert_allclose(after["weight"].numpy(), best[:3].T, rtol=1e-9)
    np.testing.assert_allclose(after["bias"].numpy(), best[3], rtol=1e-9)


def test_the_factors_are_the_expectations_of_the_paper():
    """Against loops over examples and classes of p(y|x)·∇∇ᵀ, without the machinery."""
    model, examples = mlp((3, 4, 3)), 6
    x = cr.tensor(RNG.normal(size=(examples, 3)))
    params, problem = problem_of(model, x, labelled(examples, 3))
    layers, factors = measured(model, problem, params)
    w1, b1, w2, b2 = (params[k].numpy() for k in sorted(params, key=lambda k: (k[7], k[9] == "b")))
    activation = {"relu": lambda u: np.maximum(u, 0)}["relu"]
    s1 = x.numpy() @ w1.T + b1
    a1 = activation(s1)
    z = a1 @ w2.T + b2
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    gs = {layers[0].weight: np.zeros((4, 4)), layers[1].weight: np.zeros((3, 3))}
    for n in range(examples):
        for c in range(3):
            dz = p[n] - np.eye(3)[c]
            ds = (w2.T @ dz) * (s1[n] > 0)
            gs[layers[1].weight] += p[n, c] * np.outer(dz, dz) / examples
            gs[layers[0].weight] += p[n, c] * np.outer(ds, ds) / examples
    for layer, inputs in zip(layers, (x.numpy(), a1), strict=True):
        bars = np.c_[inputs, np.ones(examples)]
        a, g = factors[layer.weight]
        np.testing.assert_allclose(a.numpy(), bars.T @ bars / examples, rtol=1e-12)
        np.testing.assert_allclose(g.numpy(), gs[layer.weight], rtol=1e-9, atol=1e-15)


def test_samples_have_the_expectation():
    model = mlp((3, 4, 3))
    params, problem = problem_of(model, cr.tensor(RNG.normal(size=(6, 3))), labelled(6, 3))
    layers, exact = measured(model, problem, params)
    one = cr.compile(lambda key: measured(model, problem, params, "sampled", key)[1])
    draws = [one(key) for key in cr.random.split(KEY, 400)]
    for layer in layers:
        mean = np.mean([d[layer.weight].outputs.numpy() for d in draws], axis=0)
        expected = exact[layer.weight].outputs.numpy()
        np.testing.assert_allclose(mean, expected, atol=0.2 * np.abs(expected).max())


@pytest.mark.parametrize(
    "options", [{}, {"padding": 1}, {"stride": 2}, {"padding": "same", "dilation": 2}]
)
def test_a_convolution_is_an_affine_map_of_patches(options):
    model = conv_net(**options)
    x = cr.tensor(RNG.normal(size=(2, 2, 5, 5)))
    (layer, _) = layers_of(model, frozenset(model.parameters()))
    params = {path: p.detach() for path, p in model.parameters().items()}
    rows = layer.input_rows(x) @ layer.matrix(params).T
    np.testing.assert_allclose(rows.numpy(), layer.output_rows(model.conv(x)).numpy(), atol=1e-12)
    back = layer.parts(layer.matrix(params), params)
    for path, value in back.items():
        np.testing.assert_array_equal(value.numpy(), params[path].numpy())


def test_a_convolution_at_one_place_is_exact():
    model = Net(
        cr.nn.Conv2d(2, 3, 5, key=cr.random.key(0), dtype="float64"),
        cr.nn.Linear(3, 3, key=cr.random.key(1), dtype="float64"),
    )
    params, problem = problem_of(model, cr.tensor(RNG.normal(size=(1, 2, 5, 5))), labelled(1, 3))
    layers, factors = measured(model, problem, params)
    for layer in layers:
        a, g = factors[layer.weight]
        exact = exact_block(problem, params, layer)
        np.testing.assert_allclose(np.kron(g.numpy(), a.numpy()), exact, atol=1e-12)


def test_the_inverse_is_damped_by_factors():
    a, g = (m @ m.T for m in (RNG.normal(size=(3, 3)), 10 * RNG.normal(size=(2, 2))))
    ours = inverse(Factors(cr.tensor(a), cr.tensor(g)), 0.5)
    pi = np.sqrt((np.trace(a) / 3) / (np.trace(g) / 2))
    root = np.sqrt(0.5)
    np.testing.assert_allclose(ours.inputs.numpy(), np.linalg.inv(a + pi * root * np.eye(3)))
    np.testing.assert_allclose(ours.outputs.numpy(), np.linalg.inv(g + root / pi * np.eye(2)))


def test_affine_maps_of_the_inputs_change_nothing():
    """Martens & Grosse 2015, theorem 1, without damping: here for x ↦ B·x + c."""
    x = RNG.normal(size=(30, 3))
    b, c = RNG.normal(size=(3, 3)) + 2 * np.eye(3), RNG.normal(size=3)
    one, two = mlp((3, 4, 2)), mlp((3, 4, 2))
    first = two.layers[0]
    w = one.layers[0].weight.numpy() @ np.linalg.inv(b)
    first.weight.assign_(w)
    first.bias.assign_(one.layers[0].bias.numpy() - w @ c)
    labels = RNG.integers(0, 2, size=30)
    outputs = []
    for model, inputs in ((one, x), (two, x @ b.T + c)):
        inputs = cr.tensor(inputs)
        opt = optim.kfac(model, 0.3, damping=0.0, max_divergence=None, expectation="exact").bind(
            model
        )
        for _ in range(4):
            opt.step(
                lambda out: cr.nn.cross_entropy(out, labels), outputs=lambda net, x=inputs: net(x)
            )
        outputs.append(model(inputs).numpy())
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-6, atol=1e-8)


def train(method, model, x, y, steps):
    params, problem = problem_of(model, x, lambda out: cr.nn.cross_entropy(out, y))

    @cr.compile
    def step(params, state):
        value, gradient = cr.value_and_grad(problem)(params)
        updates, state = method.update(gradient, state, params, problem)
        return optim.apply_updates(params, updates), state, value

    state, losses = method.init(params), []
    for _ in range(steps):
        params, state, value = step(params, state)
        losses.append(value.item())
    return losses


@pytest.mark.slow
def test_fewer_steps_than_adam_and_the_gradient_on_digits():
    digits = cr.data.load_digits()
    x = cr.tensor(digits.inputs[:512], dtype="float32")
    y = cr.tensor(digits.targets[:512])

    def model():
        return cr.nn.MLP(64, (32,), 10, key=cr.random.key(0))

    def best(make, rates):
        curves = [train(make(rate), model(), x, y, 60) for rate in rates]
        return min(_first_below(losses, 0.1) for losses in curves)

    adam = best(optim.adam, (0.003, 0.01, 0.03))
    sgd = best(lambda rate: optim.sgd(rate, momentum=0.9), (0.03, 0.1, 0.3))
    ours = _first_below(train(optim.kfac(model(), 0.3), model(), x, y, 60), 0.1)
    assert ours < 0.7 * min(adam, sgd)


def test_the_divergence_of_a_step_is_bounded():
    model, bound = mlp((3, 4, 3)), 1e-4
    params, problem = problem_of(model, cr.tensor(RNG.normal(size=(1, 3))), labelled(1, 3))
    method = optim.kfac(model, 1.0, 1e-4, 0.0, max_divergence=bound, expectation="exact")
    updates, _ = method.update(cr.grad(problem)(params), method.init(params), params, problem)
    before = cr.log_softmax(problem.outputs(params), axis=-1)
    after = cr.log_softmax(problem.outputs(optim.apply_updates(params, updates)), axis=-1)
    divergence = (cr.exp(before) * (before - after)).sum().item()
    # blocks of two layers are taken for independent: of two equal changes the divergence is double
    assert 0.5 * bound < divergence < 2.5 * bound


def _first_below(losses, level):
    return next((k for k, loss in enumerate(losses) if loss < level), 10**6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("expectation", ["exact", "sampled"])
def test_compiled_steps_equal_eager_ones(expectation, dtype):
    model = conv_net()
    params, problem = problem_of(
        model, cr.tensor(RNG.normal(size=(6, 2, 5, 5)), dtype=dtype), labelled(6, 3)
    )
    params = {path: p.astype(dtype) for path, p in params.items()}
    method = optim.kfac(
        model, lambda count: 0.1, damping=1e-2, expectation=expectation, inverse_every=2,
        max_divergence=0.01,
    )  # fmt: skip

    def step(params, state):
        updates, state = method.update(cr.grad(problem)(params), state, params, problem)
        return optim.apply_updates(params, updates), state

    native = cr.compile(step)
    one = two = (params, method.init(params))
    types = [leaf.node.type for leaf in tree.flatten(one[1])[0]]
    before = problem(params).item()
    for _ in range(4):
        one, two = step(*one), native(*two)
        assert [leaf.node.type for leaf in tree.flatten(two[1])[0]] == types
    assert problem(one[0]).item() < before
    for path in params:
        assert one[0][path].dtype == np.dtype(dtype)
        tolerance = 1e-9 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(one[0][path].numpy(), two[0][path].numpy(), atol=tolerance)


def test_other_parameters_are_trained_by_others():
    model = cr.nn.Sequential(
        cr.nn.Linear(3, 4, key=cr.random.key(0), dtype="float64"),
        cr.nn.LayerNorm(4, dtype="float64"),
        cr.nn.Linear(4, 2, key=cr.random.key(1), dtype="float64"),
    )
    params, problem = problem_of(model, cr.tensor(RNG.normal(size=(6, 3))), labelled(6, 2))
    method = optim.kfac(model, 0.1, others=optim.sgd(0.5))
    gradient = cr.grad(problem)(params)
    updates, _ = method.update(gradient, method.init(params), params, problem)
    norms = [path for path in params if path.startswith(("layers.1", "1"))]
    assert len(norms) == 2
    for path in norms:
        np.testing.assert_allclose(updates[path].numpy(), -0.5 * gradient[path].numpy())
    other = next(path for path in params if path not in norms)
    assert not np.allclose(updates[other].numpy(), -0.5 * gradient[other].numpy())


def test_a_nan_gives_a_nan_and_raises_nothing():
    model = mlp((3, 4, 2))
    x = RNG.normal(size=(6, 3))
    x[0] = np.nan
    params, problem = problem_of(model, cr.tensor(x), labelled(6, 2))
    method = optim.kfac(model, 0.1)
    updates, _ = method.update(cr.grad(problem)(params), method.init(params), params, problem)
    assert all(np.isnan(u.numpy()).any() for u in updates.values())


def test_in_fit():
    digits = cr.data.load_digits()
    model = cr.nn.MLP(64, (16,), 10, key=cr.random.key(0))
    data = (digits.inputs[:256], digits.targets[:256])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing falls back to Python
        run = cr.train.fit(
            model, cr.nn.cross_entropy, data, optimizer=optim.kfac(model, 0.2, damping=1e-2),
            epochs=6, batch_size=64, progress=False,
        )  # fmt: skip
    losses = [epoch.training["loss"] for epoch in run.history]
    assert losses[-1] < 0.3 * losses[0]


def test_bad_input_is_refused():
    model = mlp((3, 4, 2))
    params, problem = problem_of(model, cr.tensor(RNG.normal(size=(6, 3))), labelled(6, 2))
    method = optim.kfac(model, 0.1)
    state, gradient = method.init(params), cr.grad(problem)(params)
    with pytest.raises(ArgumentError, match="network"):
        optim.kfac(0.1, 0.1)
    with pytest.raises(DomainError, match="expectation"):
        optim.kfac(model, 0.1, expectation="empirical")
    with pytest.raises(TreeError, match="by path"):
        method.init([cr.ones(3)])
    with pytest.raises(GradientError, match=r"optim\.Problem"):
        method.update(gradient, state, params)
    whole = optim.Problem(lambda p: p, problem)
    with pytest.raises(GradientError, match="outputs="):
        method.update(gradient, state, params, whole)


class Checkpointed(cr.nn.Module):
    first: cr.nn.Linear
    second: cr.nn.Linear

    def __call__(self, x):
        return self.second(cr.checkpoint(lambda x: cr.tanh(self.first(x)))(x))


@pytest.mark.parametrize("compiled", [False, True])
def test_a_layer_out_of_sight_is_named(compiled):
    layers = (cr.nn.Linear(3, n, key=KEY, dtype="float64") for n in (3, 2))
    model = Checkpointed(*layers)
    params, problem = problem_of(model, cr.tensor(RNG.normal(size=(6, 3))), labelled(6, 2))

    def step(method, problem, params):
        return method.update(cr.grad(problem)(params), method.init(params), params, problem)[0]

    def take(method):
        f = lambda params: step(method, problem, params)
        return (cr.compile(f) if compiled else f)(params)

    with pytest.raises(GradientError, match=r"layer of first\.weight .* checkpoint"):
        take(optim.kfac(model, 0.1))
    rest = optim.partition({"first.*": optim.sgd(0.1), "*": optim.kfac(model, 0.1)})
    updates = take(rest)
    gradient = cr.grad(problem)(params)
    np.testing.assert_allclose(
        updates["first.weight"].numpy(), -0.1 * gradient["first.weight"].numpy(), rtol=1e-9
    )


def test_a_layer_called_twice_counts_both_calls():
    layer = cr.nn.Linear(3, 3, key=KEY, dtype="float64")
    model = cr.nn.Sequential(layer, cr.nn.Tanh(), layer)
    x = cr.tensor(RNG.normal(size=(5, 3)))
    params, problem = problem_of(model, x, labelled(5, 3))
    (found,), factors = measured(model, problem, params)
    rows = [np.c_[r.numpy(), np.ones(5)] for r in (x, cr.tanh(layer(x)))]
    a = sum(r.T @ r for r in rows) / 10
    np.testing.assert_allclose(factors[found.weight].inputs.numpy(), a, rtol=1e-12)
