import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from tests.nn.against_torch import as_numpy, assert_same_as_torch

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
FURTHER = [(), (5,), (3, 4), (2, 3, 2)]  # axes behind the channels


def filled(module):
    """Parameters and statistics that are not those of the start."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.tensor(RNG.uniform(0.5, 2.0, size=tuple(value.shape))))
    return module.double()


def batch_norms(further, **options):
    rank = max(len(further), 1)
    theirs = filled(getattr(torch.nn, f"BatchNorm{rank}d")(4, **options))
    return nn.BatchNorm(4, dtype="float64", **options), theirs


@pytest.mark.parametrize("further", FURTHER, ids=str)
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_in_training(further, affine):
    ours, theirs = batch_norms(further, affine=affine)
    assert_same_as_torch(ours, theirs, RNG.normal(2.0, 3.0, size=(6, 4, *further)))


@pytest.mark.parametrize("further", FURTHER, ids=str)
def test_batch_norm_in_use(further):
    ours, theirs = batch_norms(further)
    assert_same_as_torch(ours.eval(), theirs.eval(), RNG.normal(size=(6, 4, *further)))


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
def test_running_statistics(momentum):
    ours, theirs = batch_norms((5,), momentum=momentum)
    ours.load_state_dict(as_numpy(theirs.state_dict()))
    for _ in range(4):
        x = RNG.normal(2.0, 3.0, size=(3, 4, 5))
        ours(cr.tensor(x))
        theirs(torch.tensor(x))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for path, buffer in theirs.state_dict().items():
        np.testing.assert_allclose(
            ours.state_dict()[path].numpy(), buffer.numpy(), rtol=1e-6, err_msg=path
        )


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=15)
def test_layer_norm(shape, last, affine, bias):
    normalized = tuple(shape[-last:])
    ours = nn.LayerNorm(normalized, 1e-3, affine, bias, dtype="float64")
    theirs = filled(torch.nn.LayerNorm(normalized, 1e-3, affine, bias))
    assert_same_as_torch(ours, theirs, RNG.normal(size=shape), native=False)


@pytest.mark.parametrize("normalized", [(5,), (4, 5)])
def test_native_layer_norm(normalized):
    ours = nn.LayerNorm(normalized, dtype="float64")
    theirs = filled(torch.nn.LayerNorm(normalized))
    assert_same_as_torch(ours, theirs, RNG.normal(3.0, 2.0, size=(3, 4, 5)))


@pytest.mark.parametrize("normalized", [(5,), (4, 5)])
@pytest.mark.parametrize("eps", [None, 1e-2])
@pytest.mark.parametrize("affine", [True, False])
def test_rms_norm(normalized, eps, affine):
    ours = nn.RMSNorm(normalized, eps, affine, dtype="float64")
    theirs = filled(torch.nn.RMSNorm(normalized, eps, affine))
    assert_same_as_torch(ours, theirs, RNG.normal(3.0, 2.0, size=(3, 4, 5)))


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("further", [(), (5,), (3, 4)], ids=str)
@pytest.mark.parametrize("affine", [True, False])
def test_group_norm(groups, further, affine):
    ours = nn.GroupNorm(groups, 6, affine=affine, dtype="float64")
    theirs = filled(torch.nn.GroupNorm(groups, 6, affine=affine))
    assert_same_as_torch(ours, theirs, RNG.normal(3.0, 2.0, size=(3, 6, *further)))


@pytest.mark.parametrize("further", FURTHER[1:], ids=str)
@pytest.mark.parametrize("affine", [True, False])
def test_instance_norm(further, affine):
    ours = nn.InstanceNorm(4, affine=affine, dtype="float64")
    theirs = filled(getattr(torch.nn, f"InstanceNorm{len(further)}d")(4, affine=affine))
    assert_same_as_torch(ours, theirs, RNG.normal(3.0, 2.0, size=(3, 4, *further)))
