import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from tests.nn.against_torch import assert_same_as_torch

torch = pytest.importorskip("torch")
OPTIONS = {"key": cr.random.key(0), "dtype": "float64"}


def each(rank, low, high):
    return st.tuples(*[st.integers(low, high)] * rank)


@st.composite
def settings_of_a_layer(draw):
    rank = draw(st.integers(1, 3))
    extents = {
        "kernel_size": draw(each(rank, 1, 3)),
        "stride": draw(each(rank, 1, 3)),
        "padding": draw(each(rank, 0, 2)),
        "dilation": draw(each(rank, 1, 2)),
        "groups": draw(st.sampled_from([1, 2])),
        "bias": draw(st.booleans()),
    }
    return rank, extents


def image(rank, channels):
    return np.random.default_rng(rank).normal(size=(2, channels, *(5, 6, 7)[-rank:]))


@given(settings_of_a_layer())
@settings(max_examples=25)
def test_convolution(drawn):
    rank, extents = drawn
    assert_same_as_torch(
        getattr(nn, f"Conv{rank}d")(4, 6, **extents, **OPTIONS),
        getattr(torch.nn, f"Conv{rank}d")(4, 6, **extents),
        image(rank, 4),
        native=False,
    )


@given(settings_of_a_layer(), st.integers(0, 2))
@settings(max_examples=25)
def test_transposed_convolution(drawn, more):
    rank, extents = drawn
    extents["output_padding"] = tuple(
        min(more, max(s, d) - 1)
        for s, d in zip(extents["stride"], extents["dilation"], strict=True)
    )
    columns = zip(
        *(extents[name] for name in ("stride", "padding", "dilation", "kernel_size")),
        extents["output_padding"],
        image(rank, 4).shape[2:],
        strict=True,
    )
    assume(all((n - 1) * s - 2 * p + d * (k - 1) + o + 1 > 0 for s, p, d, k, o, n in columns))
    assert_same_as_torch(
        getattr(nn, f"ConvTranspose{rank}d")(4, 6, **extents, **OPTIONS),
        getattr(torch.nn, f"ConvTranspose{rank}d")(4, 6, **extents),
        image(rank, 4),
        native=False,
    )


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "extents",
    [
        {"kernel_size": 3},
        {"kernel_size": 3, "padding": "same", "dilation": 2},
        {"kernel_size": 2, "stride": 2, "padding": 1, "groups": 2, "bias": False},
        {"kernel_size": 2, "padding": "same", "dilation": 2},
    ],
    ids=str,
)
def test_native_convolution(rank, extents):
    assert_same_as_torch(
        getattr(nn, f"Conv{rank}d")(4, 6, **extents, **OPTIONS),
        getattr(torch.nn, f"Conv{rank}d")(4, 6, **extents),
        image(rank, 4),
    )


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "extents",
    [
        {"kernel_size": 3, "dilation": 2},
        {"kernel_size": 4, "stride": 2, "padding": 1},
        {"kernel_size": 2, "stride": 3, "output_padding": 1, "groups": 2, "bias": False},
        {"kernel_size": 1, "padding": 1},
    ],
    ids=str,
)
def test_native_transposed_convolution(rank, extents):
    assert_same_as_torch(
        getattr(nn, f"ConvTranspose{rank}d")(4, 6, **extents, **OPTIONS),
        getattr(torch.nn, f"ConvTranspose{rank}d")(4, 6, **extents),
        image(rank, 4),
    )
