import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import DomainError, ShapeError

X = np.random.default_rng(0).normal(size=(2, 3, 8, 6))


@pytest.mark.parametrize(("pool", "reduce"), [(nn.MaxPool2d, np.max), (nn.AvgPool2d, np.mean)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_is_the_reduction_of_each_window(pool, reduce, stride):
    windows = np.lib.stride_tricks.sliding_window_view(X, (3, 2), axis=(2, 3))
    expected = reduce(windows[:, :, ::stride, ::stride], axis=(4, 5))
    found = pool((3, 2), stride)(cr.tensor(X)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_ties_share_the_gradient():
    gradient = cr.grad(lambda x: cr.max_pool(x, 2).sum())(cr.tensor([[[3.0, 3.0, 1.0, 2.0]]]))
    np.testing.assert_array_equal(gradient.numpy(), [[[0.5, 0.5, 0.0, 1.0]]])


def test_padding_never_is_the_largest():
    x = cr.tensor([[[-5.0, -7.0]]])
    np.testing.assert_array_equal(cr.max_pool(x, 2, padding=1).numpy(), [[[-5.0, -7.0]]])
    whole = cr.tensor([[[-5, -7]]], dtype="int8")
    found = cr.max_pool(whole, 2, padding=1)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found.numpy(), [[[-5, -7]]])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_keeps_the_dtype(dtype):
    x = cr.tensor(X, dtype=dtype)
    for layer in (
        nn.MaxPool2d(2),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.AdaptiveAvgPool2d(5),
        nn.AdaptiveMaxPool2d(5),
    ):
        assert layer(x).dtype == dtype


def test_no_fallbacks_natively():
    layers = [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.AdaptiveAvgPool2d((5, 4)),
        nn.AdaptiveMaxPool2d((5, 4)),
    ]
    slope = cr.compile(cr.grad(lambda x: sum((layer(x) ** 2).sum() for layer in layers)))
    slope(cr.tensor(X, dtype="float32"))
    assert slope.report().fallbacks == []


def test_gradients():
    x = X[:1, :1]
    assert cr.check_gradient(lambda x: cr.avg_pool(x, 3, 2, 1, ceil_mode=True), x)
    assert cr.check_gradient(lambda x: cr.max_pool(x, 2, 1, 1, 2), x)
    assert cr.check_gradient(lambda x: cr.adaptive_avg_pool(x, (5, 4)), x)
    assert cr.check_gradient(lambda x: cr.adaptive_max_pool(x, (5, 4)), x)


def test_representation():
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=(2, 2), stride=(2, 2))"
    assert repr(nn.AvgPool1d(3, 1, 1, count_include_pad=False)) == (
        "AvgPool1d(kernel_size=(3,), stride=(1,), padding=(1,), count_include_pad=False)"
    )
    assert repr(nn.AdaptiveAvgPool2d((1, None))) == "AdaptiveAvgPool2d(output_size=(1, None))"


def test_bad_arguments():
    with pytest.raises(DomainError, match=r"MaxPool2d: kernel_size is a whole number.*not 0"):
        nn.MaxPool2d(0)
    with pytest.raises(DomainError, match="AvgPool1d: stride"):
        nn.AvgPool1d(2, stride=(1, 1))
    with pytest.raises(DomainError, match="output_size is one number, or 2 of them"):
        nn.AdaptiveMaxPool2d((1, 2, 3))
    with pytest.raises(ShapeError, match=r"MaxPool2d takes inputs of shape \(N, C, H, W\)"):
        nn.MaxPool2d(2)(cr.ones((3, 8, 8)))
    with pytest.raises(ShapeError, match="padding is at most half a window"):
        nn.MaxPool2d(2, padding=2)(cr.ones((1, 3, 8, 8)))
    with pytest.raises(ShapeError, match="has to fit into the padded axis"):
        cr.avg_pool(cr.ones((1, 3, 8, 8)), 9)
    with pytest.raises(ShapeError, match="strides is a whole number"):
        cr.max_pool(cr.ones((1, 3, 8, 8)), 2, strides=0)
    with pytest.raises(ShapeError, match="batch, channels"):
        cr.adaptive_avg_pool(cr.ones((3, 8)), 2)
