import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, train
from chainrule.core.errors import ArgumentError, DomainError, ShapeError, TraceError

KEY = cr.random.key(0)
ONES = cr.ones((50, 40))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_share_and_scale(rate):
    y = nn.Dropout(rate, key=KEY)(ONES).numpy()
    assert set(np.unique(y)) == {0.0, 1 / (1 - rate)}
    # five standard deviations of the share of 2,000 elements
    assert abs((y == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / y.size)


def test_evaluation_and_rate_zero_are_the_identity():
    assert nn.Dropout(0.5, key=KEY).eval()(ONES) is ONES
    layer = nn.Dropout(0.0)
    assert layer(ONES) is ONES


def test_calls_differ_and_runs_repeat():
    runs = [[layer(ONES).numpy() for _ in range(3)] for layer in (dropout(), dropout())]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], runs[0][1])
    assert not np.array_equal(runs[0][1], runs[0][2])


def dropout(kind=nn.Dropout, rate=0.5):
    return kind(rate, key=KEY)


def test_a_saved_key_resumes():
    layer = dropout()
    layer(ONES)
    saved = {path: value.numpy().copy() for path, value in layer.state_dict().items()}
    assert list(saved) == ["key"]
    expected = layer(ONES).numpy()
    other = nn.Dropout(0.5, key=cr.random.key(99))
    np.testing.assert_array_equal(other.load_state_dict(saved)(ONES).numpy(), expected)


def test_the_key_given_stays():
    key = cr.random.key(5)
    one, two = nn.Dropout(0.5, key=key), nn.Dropout(0.5, key=key)
    one.load_state_dict({"key": cr.random.key(6)})
    assert two.key.tolist() == key.tolist() == cr.random.key(5).tolist()


def test_an_explicit_key_leaves_the_buffer():
    layer = dropout()
    one, other = (layer(ONES, key=cr.random.key(7)).numpy() for _ in range(2))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(layer.key.numpy(), KEY.numpy())
    np.testing.assert_array_equal(nn.Dropout(0.5)(ONES, key=cr.random.key(7)).numpy(), one)


def test_the_gradient_passes_where_the_input_does():
    layer = dropout()
    x = cr.tensor(np.random.default_rng(0).normal(size=(4, 5)), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.where(y.numpy() == 0, 0.0, 2.0))
    assert not layer.key.requires_grad
    assert layer.parameters() == {}


def test_what_is_dropped_is_gone_even_if_infinite():
    y = dropout()(cr.full((100,), np.inf)).numpy()
    assert set(np.unique(y)) == {0.0, np.inf}


def test_spatial_dropout_drops_channels():
    y = dropout(nn.SpatialDropout)(cr.ones((20, 30, 4, 5))).numpy()
    assert set(np.unique(y.sum(axis=(2, 3)))) == {0.0, 40.0}


def test_drop_path_drops_examples():
    y = dropout(nn.DropPath)(cr.ones((100, 3, 2))).numpy()
    assert set(np.unique(y.sum(axis=(1, 2)))) == {0.0, 12.0}


@pytest.mark.parametrize("kind", [nn.Dropout, nn.SpatialDropout, nn.DropPath])
def test_native_masks_are_the_eager_ones(kind):
    layer = dropout(kind)
    x = cr.ones((6, 5, 4), dtype="float32")
    masked = cr.compile(lambda layer, x, key: layer(x, key=key))
    np.testing.assert_array_equal(
        masked(layer, x, cr.random.key(3)).numpy(), layer(x, key=cr.random.key(3)).numpy()
    )
    assert masked.report().fallbacks == []


def model():
    keys = cr.random.split(cr.random.key(5), 4)
    return nn.Sequential(
        nn.Linear(3, 16, key=keys[0]),
        cr.relu,
        nn.Dropout(0.3, key=keys[1]),
        nn.Linear(16, 1, key=keys[2]),
        nn.Dropout(0.1, key=keys[3]),
    )


DATA = np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32)


def fitted(network, compile, epochs=2):
    options = {"epochs": epochs, "batch_size": 16, "progress": False, "compile": compile}
    data = (DATA, DATA[:, :1])
    train.fit(network, nn.mse, data, optimizer=optim.sgd(0.05), **options)
    return network


def test_training_natively_draws_the_masks_of_eager_training():
    native, eager = (fitted(model(), compile) for compile in (True, False))
    start = model()
    for place in (2, 4):
        path = f"layers.{place}.key"
        np.testing.assert_array_equal(
            native.state_dict()[path].numpy(), eager.state_dict()[path].numpy()
        )
        assert not np.array_equal(native.state_dict()[path].numpy(), start.state_dict()[path])
    for path, value in eager.parameters().items():
        np.testing.assert_allclose(
            native.parameters()[path].numpy(), value.numpy(), rtol=1e-4, atol=1e-6, err_msg=path
        )
    # with other masks it would come out otherwise by far
    plain = fitted(nn.Sequential(*model().layers[:2], model().layers[3]), False)
    assert abs(plain.layers[0].weight.numpy() - eager.layers[0].weight.numpy()).max() > 1e-3


def test_checkpoints_draw_the_same_masks():
    class Checkpointed(nn.Module):
        inner: nn.Sequential

        def __call__(self, x):
            return cr.checkpoint(lambda x: self.inner(x))(x)

    plain = fitted(model(), False).state_dict()
    for compile in (True, False):
        found = fitted(Checkpointed(model()), compile).state_dict()
        for path, value in plain.items():
            np.testing.assert_allclose(
                found[f"inner.{path}"].numpy(), value.numpy(), rtol=1e-4, atol=1e-6, err_msg=path
            )


def test_a_program_does_not_drop_the_same_places_in_every_call():
    layer = dropout()
    before = layer.key.tolist()
    with pytest.raises(TraceError, match=r"Dropout sets key .*train\.make_step does"):
        cr.compile(lambda x: layer(x))(cr.ones(8))
    with pytest.raises(TraceError, match="Dropout sets key"):
        cr.compile(lambda x: cr.checkpoint(lambda x: layer(x))(x))(cr.ones(8))
    assert layer.key.tolist() == before

    @cr.compile
    def functional(buffers, x):
        used = layer.replace(buffers)
        return used(x), used.buffers()

    first, buffers = functional(layer.buffers(), cr.ones(64))
    second, _ = functional(buffers, cr.ones(64))
    assert first.tolist() == layer(cr.ones(64)).tolist()
    assert second.tolist() == layer(cr.ones(64)).tolist()
    assert first.tolist() != second.tolist()


def test_a_gradient_with_respect_to_parameters_leaves_the_key():
    network = model()
    before = copy.deepcopy(network.buffers())
    slope = cr.grad(lambda p: network.replace(p)(cr.tensor(DATA)).sum())
    one, other = (slope(network.parameters()) for _ in range(2))
    for path, gradient in one.items():
        np.testing.assert_array_equal(gradient.numpy(), other[path].numpy())
    for path, value in network.buffers().items():
        np.testing.assert_array_equal(value.numpy(), before[path].numpy())


def test_errors():
    with pytest.raises(DomainError, match=r"rate is at least 0 and below 1, not 1\.0"):
        nn.Dropout(1.0)
    with pytest.raises(ArgumentError, match=r"Dropout\(0\.5, key=cr\.random\.key\(0\)\)"):
        nn.Dropout(0.5)(ONES)
    with pytest.raises(ShapeError, match=r"\(N, C, …\), got \(3,\)"):
        dropout(nn.SpatialDropout)(cr.ones(3))
    with pytest.raises(ShapeError, match="single number"):
        dropout(nn.DropPath)(cr.ones(()))


def test_representation():
    assert repr(dropout()) == "Dropout(0.5)"
    assert repr(nn.DropPath(0.2)) == "DropPath(0.2)"
