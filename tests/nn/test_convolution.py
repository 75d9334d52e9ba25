import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import DomainError, ShapeError

KEY = cr.random.key(0)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_the_transpose_is_the_adjoint(rank, groups):
    """⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩ for one weight in both layers."""
    options = {"stride": 2, "padding": 1, "groups": groups, "bias": False, "dtype": "float64"}
    forward = getattr(nn, f"Conv{rank}d")(4, 6, 3, key=KEY, **options)
    back = getattr(nn, f"ConvTranspose{rank}d")(6, 4, 3, key=KEY, **options)
    back = back.replace({"weight": forward.weight})
    x = RNG.normal(size=(2, 4, *(5, 7, 9)[-rank:]))
    y = RNG.normal(size=forward(x).shape)
    there, here = (forward(x) * y).sum().item(), (back(y) * x).sum().item()
    assert there == pytest.approx(here, rel=1e-12)


def test_padding_of_pairs_pads_before_and_after():
    layer = nn.Conv2d(1, 1, 3, padding=((2, 0), 1), key=KEY)
    padded = nn.Conv2d(1, 1, 3, key=KEY)
    x = cr.tensor(RNG.normal(size=(1, 1, 5, 5)), dtype="float32")
    np.testing.assert_allclose(
        layer(x).numpy(), padded(cr.pad(x, ((0, 0), (0, 0), (2, 0), (1, 1)))).numpy(), rtol=1e-6
    )


def test_extents_may_be_numbers_of_numpy():
    three, one = np.int64(3), np.int64(1)
    layer = nn.Conv2d(1, 1, three, stride=one, padding=one, key=KEY)
    assert layer(cr.ones((1, 1, 5, 5), dtype="float32")).shape == (1, 1, 5, 5)


def test_same_with_a_stride():
    layer = nn.Conv1d(1, 1, 3, stride=2, padding="same", key=KEY)
    assert layer(cr.ones((1, 1, 7), dtype="float32")).shape == (1, 1, 4)
    layer = nn.ConvTranspose1d(1, 1, 3, stride=2, padding="same", key=KEY)
    assert layer(cr.ones((1, 1, 7), dtype="float32")).shape == (1, 1, 14)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_start_has_the_variance_of_the_fans_within_a_group(kind):
    """With He's rule each output's variance is twice the mean square of the inputs that it sees."""
    layer = kind(64, 128, 3, groups=2, key=KEY, initialiser=nn.initialisers.he_normal)
    assert layer.weight.numpy().var() == pytest.approx(2 / (32 * 9), rel=0.05)


def test_representation():
    assert repr(nn.Conv2d(2, 4, 3, padding="same", groups=2, bias=False, key=KEY)) == (
        "Conv2d(2, 4, kernel_size=(3, 3), padding='same', groups=2, bias=False)"
    )
    assert repr(nn.ConvTranspose1d(2, 4, 3, 2, output_padding=1, key=KEY)) == (
        "ConvTranspose1d(2, 4, kernel_size=(3,), stride=(2,), output_padding=(1,))"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kernel_size": 0}, "kernel_size is a whole number of at least 1, or 2 of them.*not 0"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size.*not \(3, 3, 3\)"),
        ({"kernel_size": 3, "stride": 1.5}, "stride"),
        ({"kernel_size": 3, "padding": "full"}, "'valid', 'same' or numbers, not 'full'"),
        ({"kernel_size": 3, "padding": (1, 1, 1)}, "each of 2 spatial axes"),
        ({"kernel_size": 3, "padding": -1}, "padding is a whole number of at least 0"),
        ({"kernel_size": 3, "groups": 3}, "4 input and 6 output channels.*groups, which is 3"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(DomainError, match=f"Conv2d: .*{words}"):
        nn.Conv2d(4, 6, **arguments, key=KEY)


def test_output_padding_is_below_the_stride():
    with pytest.raises(DomainError, match=r"output_padding \(2,\) has to be smaller"):
        nn.ConvTranspose1d(1, 1, 3, stride=2, output_padding=2, key=KEY)


@pytest.mark.parametrize("shape", [(4, 8, 8), (2, 8, 8, 4), (1, 4, 8)])
def test_bad_input_is_told_the_layout(shape):
    layer = nn.Conv2d(4, 6, 3, key=KEY)
    with pytest.raises(ShapeError, match=r"Conv2d takes inputs of shape \(N, 4, H, W\)"):
        layer(cr.ones(shape, dtype="float32"))
    with pytest.raises(ShapeError, match="conv"):
        layer(cr.ones((1, 4, 2, 2), dtype="float32"))
