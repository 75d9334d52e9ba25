import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import DomainError, ShapeError


@pytest.mark.parametrize(
    "name", ["elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "hardswish", "hardsigmoid"]
)
@pytest.mark.parametrize("x", [-1e30, -1e4, 0.0, 1e4, 1e30])
def test_far_out_everything_stays_finite(name, x):
    value, slope = cr.value_and_grad(getattr(cr, name))(x)
    assert np.isfinite(value.item())
    assert np.isfinite(slope.item())


def test_prelu_learns_its_slopes():
    layer = nn.PReLU(3)
    x = cr.tensor([[-1.0, 2.0, -3.0]], dtype="float32")
    layer(x).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [-1.0, 0.0, -3.0])
    assert repr(layer) == "PReLU(3)"


def test_representations():
    assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
    assert repr(nn.GELU()) == "GELU()"
    assert repr(nn.GELU("tanh")) == "GELU(approximate='tanh')"
    assert repr(nn.Softmax()) == "Softmax(axis=-1)"
    assert repr(nn.SELU()) == "SELU()"


def test_bad_input():
    with pytest.raises(ShapeError, match=r"glu halves axis -1, which has 3 elements in \(2, 3\)"):
        nn.GLU()(cr.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"PReLU\(4\) takes inputs of shape \(N, 4, …\).*\(4,\)"):
        nn.PReLU(4)(cr.ones(4))
    with pytest.raises(DomainError, match="num_parameters is a whole number above 0"):
        nn.PReLU(0)
    with pytest.raises(DomainError, match="alpha, which is 0"):
        cr.celu(1.0, alpha=0.0)
    with pytest.raises(DomainError, match="min_val must be below max_val"):
        cr.hardtanh(1.0, 2.0, 1.0)
    with pytest.raises(DomainError, match="beta is a number above 0, not 0"):
        nn.Softplus(0)(cr.ones(1))
    with pytest.raises(DomainError, match="approximate"):
        nn.GELU("erf")(cr.ones(1))
