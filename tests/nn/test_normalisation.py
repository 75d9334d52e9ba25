import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, train
from chainrule.core.errors import DomainError, ShapeError, TraceError

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, size=(8, 6, 5))


def moments(y, axes):
    return y.mean(axis=axes), y.var(axis=axes)


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (nn.BatchNorm(6, eps=0.0), (0, 2)),
        (nn.LayerNorm(5, eps=0.0), (2,)),
        (nn.LayerNorm((6, 5), eps=0.0), (1, 2)),
        (nn.InstanceNorm(6, eps=0.0), (2,)),
        (nn.GroupNorm(1, 6, eps=0.0), (1, 2)),
    ],
    ids=repr,
)
def test_mean_zero_variance_one(layer, axes):
    mean, variance = moments(layer(cr.tensor(X)).numpy(), axes)
    np.testing.assert_allclose(mean, 0.0, atol=1e-14)
    np.testing.assert_allclose(variance, 1.0, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_layers_do_not_depend_on_the_scale(scale):
    for layer in (nn.LayerNorm(5, eps=0.0), nn.RMSNorm(5, eps=0.0), nn.BatchNorm(6, eps=0.0)):
        np.testing.assert_allclose(
            layer(cr.tensor(scale * X)).numpy(), layer(cr.tensor(X)).numpy(), atol=1e-12
        )


@pytest.mark.parametrize("layer", [nn.BatchNorm(2), nn.LayerNorm(2), nn.RMSNorm(2)], ids=repr)
def test_float16_neither_overflows_nor_widens(layer):
    layer = type(layer)(2, dtype="float16")
    y = layer(cr.tensor([[300.0, -300.0], [-900.0, 500.0]], dtype="float16"))
    assert y.dtype == np.float16
    assert (np.abs(y.numpy()) > 0.5).all()


def test_a_constant_channel_has_a_finite_gradient():
    layer = nn.BatchNorm(1, dtype="float64")
    gradient = cr.grad(lambda x: (layer(x) ** 2).sum())(cr.ones((4, 1)))
    np.testing.assert_array_equal(gradient.numpy(), np.zeros((4, 1)))


class TestBatchNorm:
    def test_statistics_are_buffers_without_history(self):
        layer = nn.BatchNorm(6)
        layer(cr.tensor(X, requires_grad=True)).sum().backward()
        assert list(layer.parameters()) == ["weight", "bias"]
        assert list(layer.buffers()) == ["running_mean", "running_var", "num_batches_tracked"]
        assert layer.running_mean.dtype == layer.running_var.dtype == np.float32
        assert layer.num_batches_tracked.item() == 1
        np.testing.assert_allclose(
            layer.running_var.numpy(), 0.9 + 0.1 * X.var(axis=(0, 2), ddof=1), rtol=1e-6
        )

    def test_evaluation_uses_and_keeps_them(self):
        layer = nn.BatchNorm(6, momentum=1.0, eps=0.0)
        layer(cr.tensor(X))
        before = {path: value.numpy().copy() for path, value in layer.buffers().items()}
        y = layer.eval()(cr.tensor(X[:1])).numpy()
        expected = X[:1] - X.mean(axis=(0, 2))[:, None]
        expected /= X.std(axis=(0, 2), ddof=1)[:, None]
        np.testing.assert_allclose(y, expected, rtol=1e-5)
        for path, value in layer.buffers().items():
            np.testing.assert_array_equal(value.numpy(), before[path])

    def test_momentum_none_averages_all_batches(self):
        layer = nn.BatchNorm(2, momentum=None, dtype="float64")
        batches = RNG.normal(size=(5, 4, 2))
        for batch in batches:
            layer(cr.tensor(batch))
        np.testing.assert_allclose(
            layer.running_mean.numpy(), batches.mean(axis=(0, 1)), rtol=1e-12
        )
        np.testing.assert_allclose(
            layer.running_var.numpy(), batches.var(axis=1, ddof=1).mean(axis=0), rtol=1e-12
        )

    @pytest.mark.parametrize("shape", [(1, 6), (1, 6, 1, 1)])
    def test_one_value_for_each_channel_is_refused_in_training(self, shape):
        layer = nn.BatchNorm(6)
        with pytest.raises(ShapeError, match=r"more than one value for each channel.*larger batch"):
            layer(cr.ones(shape))
        assert layer.eval()(cr.ones(shape)).shape == shape

    def test_where_statistics_would_be_lost_is_said(self):
        layer = nn.BatchNorm(6, dtype="float64")
        x = cr.tensor(X)
        checkpointed = cr.checkpoint(lambda x: layer(x))
        with pytest.raises(TraceError, match=r"BatchNorm sets running_mean .*checkpoint.*be lost"):
            checkpointed(x)
        assert not layer.running_mean.is_traced
        assert layer.num_batches_tracked.item() == 0
        np.testing.assert_array_equal(checkpointed.__wrapped__(x).numpy(), layer(x).numpy())
        layer.eval()
        np.testing.assert_allclose(checkpointed(x).numpy(), layer(x).numpy(), rtol=1e-14)

    @pytest.mark.parametrize("affine", [True, False])
    @pytest.mark.parametrize(
        "transform", [cr.vmap, cr.compile, lambda f: lambda x: cr.trace(f, x)(x)]
    )
    def test_no_transformation_leaves_values_that_are_none_in_the_layer(self, transform, affine):
        layer = nn.BatchNorm(6, affine=affine, dtype="float64")
        x = cr.tensor(np.stack([X, X + 1]) if transform is cr.vmap else X)
        with pytest.raises(TraceError, match="BatchNorm sets running_mean"):
            transform(lambda x: cr.checkpoint(lambda x: layer(x))(x))(x)
        with pytest.raises(TraceError, match=r"BatchNorm sets running_mean .*model\.eval"):
            transform(lambda x: layer(x))(x)
        assert layer.running_mean.numpy().tolist() == [0.0] * 6
        assert layer.num_batches_tracked.item() == 0

    def test_a_loop_carries_the_statistics(self):
        layer = nn.BatchNorm(6, dtype="float64")

        def step(buffers, x):
            used = layer.replace(buffers)
            y = used(x)
            return {path: used.state_dict()[path] for path in buffers}, y

        batches = cr.tensor(RNG.normal(size=(4, 8, 6, 5)))
        after, _ = cr.scan(step, layer.buffers(), batches)
        for x in batches:
            layer(x)
        for path, value in layer.buffers().items():
            np.testing.assert_allclose(after[path].numpy(), value.numpy(), rtol=1e-12)

    def test_state_round_trip(self):
        one, other = nn.BatchNorm(6), nn.BatchNorm(6)
        one(cr.tensor(X))
        other.load_state_dict(one.state_dict())
        np.testing.assert_array_equal(
            one.eval()(cr.tensor(X)).numpy(), other.eval()(cr.tensor(X)).numpy()
        )
        assert other.num_batches_tracked.item() == 1

    def test_train_keeps_the_statistics_native_as_eager(self):
        inputs = RNG.normal(2.0, 3.0, size=(64, 3)).astype(np.float32)
        targets = inputs[:, :1]

        def fitted(compile):
            first, last = cr.random.split(cr.random.key(0))
            model = nn.Sequential(
                nn.Linear(3, 4, key=first, bias=False),  # a bias would have no influence
                nn.BatchNorm(4),
                cr.relu,
                nn.Linear(4, 1, key=last),
            )
            options = {"epochs": 3, "batch_size": 16, "progress": False, "compile": compile}
            train.fit(model, nn.mse, (inputs, targets), optimizer=optim.sgd(0.01), **options)
            return model.state_dict()

        native, eager = fitted(True), fitted(False)
        assert native["layers.1.num_batches_tracked"].item() == 12
        assert native["layers.1.running_var"].numpy().min() > 1.05
        for path, value in eager.items():
            np.testing.assert_allclose(
                native[path].numpy(), value.numpy(), rtol=1e-4, atol=1e-5, err_msg=path
            )


def test_representations():
    assert repr(nn.BatchNorm(4)) == "BatchNorm(4, eps=1e-05, momentum=0.1)"
    assert repr(nn.BatchNorm(4, affine=False)) == (
        "BatchNorm(4, eps=1e-05, momentum=0.1, affine=False)"
    )
    assert repr(nn.LayerNorm(4, bias=False)) == "LayerNorm((4,), eps=1e-05, bias=False)"
    assert repr(nn.RMSNorm((4, 2))) == "RMSNorm((4, 2), eps=None)"
    assert repr(nn.GroupNorm(2, 4, affine=False)) == "GroupNorm(2, 4, eps=1e-05, affine=False)"
    assert repr(nn.InstanceNorm(4)) == "InstanceNorm(4, eps=1e-05)"


def test_bad_arguments():
    with pytest.raises(DomainError, match="BatchNorm: num_features is a whole number above 0"):
        nn.BatchNorm(0)
    with pytest.raises(DomainError, match="momentum is a number from 0 to 1"):
        nn.BatchNorm(2, momentum=2.0)
    with pytest.raises(DomainError, match="eps is a number of at least 0, not -1"):
        nn.LayerNorm(2, eps=-1)
    with pytest.raises(DomainError, match="at least one axis"):
        nn.RMSNorm(())
    with pytest.raises(DomainError, match="5 channels are no multiple of 2 groups"):
        nn.GroupNorm(2, 5)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.BatchNorm(4), (2, 3), r"shape \(N, 4, …\).*got \(2, 3\)"),
        (nn.GroupNorm(2, 4), (4,), r"GroupNorm takes inputs of shape \(N, 4, …\)"),
        (nn.InstanceNorm(4), (2, 4), "more than one value for each channel of an example"),
        (nn.InstanceNorm(4), (2, 3, 5), r"InstanceNorm takes inputs of shape \(N, 4, …\)"),
        (nn.LayerNorm((4, 5)), (2, 5, 4), r"last axes are \(4, 5\), got shape \(2, 5, 4\)"),
        (nn.RMSNorm(4), (), r"RMSNorm\(\(4,\)\)"),
    ],
    ids=repr,
)
def test_bad_input(layer, shape, words):
    with pytest.raises(ShapeError, match=words):
        layer(cr.ones(shape))
