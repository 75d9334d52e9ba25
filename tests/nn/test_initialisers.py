import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn import initialisers

SHAPE = (300, 200)
DEVIATIONS = {
    initialisers.xavier_uniform: math.sqrt(2 / 500),
    initialisers.xavier_normal: math.sqrt(2 / 500),
    initialisers.he_uniform: math.sqrt(2 / 200),
    initialisers.he_normal: math.sqrt(2 / 200),
    initialisers.lecun_uniform: math.sqrt(1 / 200),
    initialisers.lecun_normal: math.sqrt(1 / 200),
    initialisers.orthogonal: math.sqrt(1 / 300),
    # of a standard normal within ±2: √(1 − 4φ(2) / (2Φ(2) − 1))
    initialisers.truncated_normal: 0.87962566,
}


@pytest.mark.parametrize("initialise", DEVIATIONS, ids=lambda f: f.__name__)
def test_mean_and_deviation(initialise):
    w = initialise(cr.random.key(0), SHAPE).numpy()
    expected = DEVIATIONS[initialise]
    assert w.dtype == np.float32
    # five standard errors of the estimates
    assert abs(w.mean()) < 5 * expected / math.sqrt(w.size)
    assert abs(w.std() / expected - 1) < 5 / math.sqrt(2 * w.size)
    if "uniform" in initialise.__name__:
        assert abs(w).max() <= math.sqrt(3) * expected * (1 + 1e-6)


def test_gain_scales():
    one, three = (
        initialisers.xavier_normal(cr.random.key(0), SHAPE, gain=g, dtype="float64").numpy()
        for g in (1.0, 3.0)
    )
    np.testing.assert_allclose(three, 3 * one, rtol=1e-14)


def test_the_key_decides():
    draw = [initialisers.he_normal(cr.random.key(k), (2, 2)).numpy() for k in (0, 0, 1)]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])


def test_bad_input():
    with pytest.raises(ShapeError, match="two axes"):
        initialisers.he_normal(cr.random.key(0), (3,))
    with pytest.raises(ShapeError, match="two axes"):
        initialisers.orthogonal(cr.random.key(0), (3,))
    with pytest.raises(DomainError, match=r"no gain for 'step'; known are celu, .*, tanh, or give"):
        initialisers.gain("step")
    with pytest.raises(DomainError, match="0 everywhere"):
        initialisers.gain(cr.zeros_like)
    with pytest.raises(DomainError, match="slope of the activation is 0 everywhere"):
        initialisers.edge_of_chaos(cr.ones_like)
    with pytest.raises(DomainError, match="variance is a number above 0"):
        initialisers.edge_of_chaos("tanh", 0.0)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3, 3), (40, 2, 3, 3)])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_orthogonal_rows_or_columns(shape, gain):
    w = initialisers.orthogonal(cr.random.key(0), shape, gain, dtype="float64").numpy()
    assert w.shape == shape
    matrix = w.reshape(shape[0], -1)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-13)


def test_orthogonal_matrices_are_uniform():
    """The first column of a uniform rotation points anywhere, also up and down alike."""
    keys = cr.random.split(cr.random.key(0), 400)
    corners = [initialisers.orthogonal(k, (2, 2)).numpy()[0, 0] for k in keys]
    assert abs(np.mean(corners)) < 5 * math.sqrt(0.5 / 400)
    assert np.var(corners) == pytest.approx(0.5, abs=5 * 0.36 / math.sqrt(400))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_dtype(dtype):
    for name in initialisers.__all__:
        if name in ("Critical", "Initialiser", "edge_of_chaos", "gain"):
            continue
        w = getattr(initialisers, name)(cr.random.key(0), (4, 3), dtype=dtype)
        assert (w.dtype, w.shape) == (np.dtype(dtype), (4, 3)), name


def test_zeros_and_ones():
    layer = cr.nn.Linear(2, 3, key=cr.random.key(0), initialiser=initialisers.zeros)
    assert not layer.weight.numpy().any()
    assert (initialisers.ones(None, (2, 2)).numpy() == 1).all()


def test_gains():
    torch_names = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}
    for name, value in torch_names.items():
        assert initialisers.gain(name) == value
    assert initialisers.gain("leaky_relu", 0.3) == math.sqrt(2 / 1.09)
    # the integrals agree with what is known in closed form
    assert initialisers.gain(cr.relu) == pytest.approx(math.sqrt(2), rel=1e-6)
    assert initialisers.gain(cr.selu) == pytest.approx(1.0, rel=1e-6)
    assert initialisers.gain(cr.square) == pytest.approx(1 / math.sqrt(3), rel=1e-6)
    z = np.random.default_rng(0).normal(size=1_000_000)
    for name in ("gelu", "silu", "mish", "elu", "softsign", "hardswish"):
        square = (getattr(cr, name)(z).numpy() ** 2).mean()
        assert initialisers.gain(name) == pytest.approx(1 / math.sqrt(square), rel=5e-3), name


# -- through fifty layers --------------------------------------------------------------------------
#
# One network is a sample: behind 50 layers of n units the logarithm of its variance has a deviation
# of about √(5 · 50 / n) for relu. Variances are means over networks with one start.

LAYERS, WIDTH, BATCH, NETWORKS = 50, 512, 8, 12


def variances(f, initialise, bias=0.0, variance=1.0):
    """Mean squares of what enters each activation, and of the gradients there; (LAYERS,) each.

    The first layer's input has entries of such a size that its output has the given variance.
    """

    def run(key):
        shape = (WIDTH, WIDTH)

        def network(key):
            first, signal, other = cr.random.split(key, 3)
            weights = cr.vmap(lambda k: initialise(k, shape))(cr.random.split(first, LAYERS))
            biases = bias * cr.random.normal(other, (LAYERS, WIDTH), dtype="float32")
            z0 = math.sqrt(variance) * cr.random.normal(signal, (BATCH, WIDTH), dtype="float32")

            def outputs(nudges):
                z, seen = z0 + nudges[0], []
                for layer in range(LAYERS):
                    seen.append((z * z).mean())
                    if layer < LAYERS - 1:
                        z = f(z) @ weights[layer].T + biases[layer] + nudges[layer + 1]
                cotangent = cr.random.normal(cr.random.fold_in(key, 1), z.shape, dtype="float32")
                return (z * cotangent).sum(), cr.stack(seen)

            still = [cr.zeros((BATCH, WIDTH), dtype="float32") for _ in range(LAYERS)]
            (_, seen), slopes = cr.value_and_grad(outputs, has_aux=True)(still)
            return seen, cr.stack([(g * g).mean() for g in slopes])

        return network(key)

    run = cr.compile(run)
    found = [run(key) for key in cr.random.split(cr.random.key(0), NETWORKS)]
    return [np.mean([pair[part].numpy() for pair in found], axis=0) for part in (0, 1)]


def ratios(forward, backward):
    """How far variances stray from their start: from the first layer, and from the last one."""
    return forward / forward[0], backward / backward[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("f", "variance"),
    [
        ("relu", 1.0),
        ("leaky_relu", 1.0),
        ("tanh", 1.0),
        ("elu", 1.0),
        ("selu", 1.0),
        ("softsign", 1.0),
        # no stable start: what is small stays small for these 50 layers
        ("gelu", 0.001),
        ("silu", 0.001),
        ("mish", 0.001),
    ],
)
def test_fifty_layers_keep_both_variances(f, variance):
    gain, bias = initialisers.edge_of_chaos(f, variance)

    def initialise(key, shape):
        return initialisers.lecun_normal(key, shape, gain)

    for found in ratios(*variances(getattr(cr, f), initialise, bias, variance)):
        assert (found > 0.5).all()
        assert (found < 2).all()


@pytest.mark.slow
@pytest.mark.parametrize("initialise", [initialisers.he_uniform, initialisers.he_normal])
def test_fifty_layers_of_hes_rule_for_relu(initialise):
    for found in ratios(*variances(cr.relu, initialise)):
        assert (found > 0.5).all()
        assert (found < 2).all()


def test_fifty_linear_layers_of_orthogonal_weights_keep_every_length():
    z = cr.random.normal(cr.random.key(0), (BATCH, 64), dtype="float64")
    before = cr.linalg.vector_norm(z, axis=-1)
    weights = [
        initialisers.orthogonal(k, (64, 64), dtype="float64")
        for k in cr.random.split(cr.random.key(1), LAYERS)
    ]

    def last(z):
        for w in weights:
            z = z @ w.T
        return z

    np.testing.assert_allclose(
        cr.linalg.vector_norm(last(z), axis=-1).numpy(), before.numpy(), rtol=1e-12
    )
    _, pullback = cr.vjp(last, z)
    np.testing.assert_allclose(
        cr.linalg.vector_norm(pullback(z)[0], axis=-1).numpy(), before.numpy(), rtol=1e-12
    )


@pytest.mark.slow
def test_lecuns_rule_for_selu_keeps_signals_and_lets_gradients_grow():
    """Variance 1 is attractive; the variance of gradients grows by E selu′(z)² = 1.0716 a layer.

    Klambauer et al. prove bounds for the former and do not claim the latter; `edge_of_chaos` has
    both.
    """
    forward, backward = ratios(*variances(cr.selu, initialisers.lecun_normal))
    assert (abs(forward - 1) < 0.2).all()
    growth = (backward[0] / backward[-1]) ** (1 / (LAYERS - 1))
    assert growth == pytest.approx(1.0716, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("f", ["gelu", "tanh"])
def test_a_gain_for_signals_alone_is_not_enough(f):
    """With `gain` signals or gradients leave the factor 2 where E f² and E f′² differ."""
    gain = initialisers.gain(getattr(cr, f))

    def initialise(key, shape):
        return initialisers.lecun_normal(key, shape, gain)

    forward, backward = ratios(*variances(getattr(cr, f), initialise))
    assert max(forward.max(), 1 / forward.min(), backward.max(), 1 / backward.min()) > 2


@pytest.mark.parametrize("f", ["sigmoid", "softplus"])
def test_where_there_is_no_edge_of_chaos_it_is_said(f):
    with pytest.raises(DomainError, match="there is no such start"):
        initialisers.edge_of_chaos(f)


def test_edge_of_chaos_of_relu_is_hes_rule_for_every_variance():
    for variance in (0.01, 1.0, 30.0):
        gain, bias = initialisers.edge_of_chaos("relu", variance)
        assert gain == pytest.approx(math.sqrt(2), rel=1e-6)
        assert bias == pytest.approx(0.0, abs=1e-3 * math.sqrt(variance))
