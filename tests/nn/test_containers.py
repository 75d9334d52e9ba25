import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import ShapeError


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, key=cr.random.key(1), dtype="float64")


X = cr.tensor(np.random.default_rng(0).normal(size=(4, 3)))


def test_residual_adds_the_input():
    layer = linear(3, 3)
    np.testing.assert_array_equal(nn.Residual(layer)(X).numpy(), (X + layer(X)).numpy())


def test_residual_with_a_shortcut():
    layer, shortcut = linear(3, 2), linear(3, 2)
    block = nn.Residual(layer, shortcut)
    np.testing.assert_array_equal(block(X).numpy(), (shortcut(X) + layer(X)).numpy())
    assert [path for path, _ in block.modules()] == ["", "layer", "shortcut"]


def test_the_gradient_of_a_residual_block_passes_by():
    block = nn.Residual(lambda x: cr.zeros_like(x))
    np.testing.assert_array_equal(cr.grad(lambda x: block(x).sum())(X).numpy(), np.ones((4, 3)))


def test_residual_does_not_broadcast():
    with pytest.raises(ShapeError, match=r"gives shape \(4, 1\), the shortcut \(4, 3\)"):
        nn.Residual(linear(3, 1))(X)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [((), (2, 60)), ((0,), (120,)), ((1, 2), (2, 12, 5)), ((-2, -1), (2, 3, 20)), ((3,), None)],
)
def test_flatten(axes, shape):
    x = cr.zeros((2, 3, 4, 5))
    assert nn.Flatten(*axes)(x).shape == (shape or x.shape)


def test_flatten_of_an_empty_batch():
    assert nn.Flatten()(cr.zeros((0, 3, 4))).shape == (0, 12)


def test_flatten_names_the_axes():
    with pytest.raises(ShapeError, match=r"axes 1 to -1, the input of shape \(3,\)"):
        nn.Flatten()(cr.zeros((3,)))
    with pytest.raises(ShapeError, match="in this order"):
        nn.Flatten(2, 1)(cr.zeros((3, 1, 1)))


def test_representations():
    assert repr(nn.Residual(cr.tanh)) == "Residual(layer=tanh)"
    assert repr(nn.Residual(linear(2, 2), cr.tanh)) == (
        "Residual(shortcut=tanh\n  layer: Linear(2, 2)\n)"
    )
    assert repr(nn.Flatten(0)) == "Flatten(start_axis=0, end_axis=-1)"
    assert repr(nn.Identity()) == "Identity()"
    assert repr(nn.Function(cr.sin)) == "Function(function=sin)"


def test_compiled_is_eager():
    model = nn.Sequential(nn.Flatten(0), nn.Residual(linear(12, 12)), nn.Function(cr.sin))
    found = cr.compile(lambda model, x: model(x))(model, X)
    np.testing.assert_allclose(found.numpy(), model(X).numpy(), rtol=1e-13)


def test_a_slice_of_a_row_is_a_row_with_the_same_layers():
    model = nn.Sequential(linear(3, 4), cr.tanh, linear(4, 2))
    part = model[:-1]
    assert isinstance(part, nn.Sequential)
    assert len(part) == 2
    assert part[0] is model[0]
    np.testing.assert_array_equal(part(X).numpy(), cr.tanh(model[0](X)).numpy())
    np.testing.assert_array_equal(model[2:](part(X)).numpy(), model(X).numpy())
