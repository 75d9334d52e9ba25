import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from tests.nn.against_torch import assert_same_as_torch

torch = pytest.importorskip("torch")
# far out, around every kink, and with both signs; none at a kink, where conventions differ
X = np.concatenate([np.linspace(-9.7, 9.3, 40), [-200.0, -0.01, 0.01, 200.0]]).reshape(11, 4)

PLAIN = [
    "ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Softplus",
    "Softsign", "Tanh", "Hardtanh", "Hardsigmoid", "Hardswish", "Sigmoid", "LogSigmoid",
]  # fmt: skip


# PyTorch computes 1/6 and 1/α of these in float32, also for float64 inputs
ROUNDED = {"rtol": 2e-7, "atol": 1e-7}


@pytest.mark.parametrize("name", PLAIN)
def test_plain(name):
    tolerance = ROUNDED if name == "Hardsigmoid" else {}
    assert_same_as_torch(getattr(nn, name)(), getattr(torch.nn, name)(), X, **tolerance)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LeakyReLU", {"negative_slope": 0.3}),
        ("ELU", {"alpha": 0.7}),
        ("CELU", {"alpha": 0.7}),
        ("CELU", {"alpha": 3.0}),
        ("GELU", {"approximate": "tanh"}),
        ("Hardtanh", {"min_val": -2.0, "max_val": 0.5}),
        ("Softplus", {"beta": 2.5}),
    ],
    ids=str,
)
def test_with_options(name, options):
    ours, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    assert_same_as_torch(ours, theirs, X, **(ROUNDED if name == "CELU" else {}))


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "GLU"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_along_an_axis(name, axis):
    x = np.random.default_rng(0).normal(size=(2, 4, 6)) * 5
    assert_same_as_torch(getattr(nn, name)(axis), getattr(torch.nn, name)(axis), x)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("shape", [(11, 4), (1, 4, 11), (1, 4, 11, 1)])
def test_prelu(count, shape):
    assert_same_as_torch(nn.PReLU(count, dtype="float64"), torch.nn.PReLU(count), X.reshape(shape))


@pytest.mark.parametrize("name", PLAIN)
def test_float32(name):
    y = getattr(nn, name)()(cr.tensor(X, dtype="float32"))
    assert y.dtype == np.float32
    expected = getattr(torch.nn, name)()(torch.tensor(X)).numpy()
    np.testing.assert_allclose(y.numpy(), expected, rtol=3e-6, atol=1e-7)
