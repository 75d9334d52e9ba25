import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from tests.nn.against_torch import assert_same_as_torch

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
OPTIONS = {"key": cr.random.key(0), "dtype": "float64"}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 5, 3)])
def test_linear(shape, bias):
    assert_same_as_torch(
        nn.Linear(3, 2, bias=bias, **OPTIONS), torch.nn.Linear(3, 2, bias), RNG.normal(size=shape)
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("front", [(4,), (2, 5)])
def test_bilinear(front, bias):
    assert_same_as_torch(
        nn.Bilinear(3, 4, 2, bias=bias, **OPTIONS),
        torch.nn.Bilinear(3, 4, 2, bias),
        RNG.normal(size=(*front, 3)),
        RNG.normal(size=(*front, 4)),
    )


@pytest.mark.parametrize("padding_idx", [None, 0, 2, -1])
@pytest.mark.parametrize("shape", [(6,), (2, 7)])
def test_embedding(shape, padding_idx):
    assert_same_as_torch(
        nn.Embedding(5, 3, padding_idx=padding_idx, **OPTIONS),
        torch.nn.Embedding(5, 3, padding_idx),
        constants=(RNG.integers(0, 5, size=shape),),
    )
