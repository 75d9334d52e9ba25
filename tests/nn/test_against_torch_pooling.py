import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule import nn
from tests.nn.against_torch import assert_same_as_torch

torch = pytest.importorskip("torch")
EXTENTS = (6, 7, 9)


def image(rank):
    """Without ties, where conventions differ."""
    shape = (2, 3, *EXTENTS[:rank])
    return np.random.default_rng(rank).permutation(np.prod(shape)).reshape(shape) / 7.0


def each(rank, low, high):
    return st.tuples(*[st.integers(low, high)] * rank)


@st.composite
def windows(draw):
    rank = draw(st.integers(1, 3))
    sizes = draw(each(rank, 1, 4))
    return rank, {
        "kernel_size": sizes,
        "stride": draw(st.none() | each(rank, 1, 4)),
        "padding": tuple(draw(st.integers(0, size // 2)) for size in sizes),
        "ceil_mode": draw(st.booleans()),
    }


@given(windows(), st.integers(1, 2))
@settings(max_examples=30)
def test_max_pool(drawn, dilation):
    rank, options = drawn
    sizes, pads = options["kernel_size"], options["padding"]
    spans = zip(EXTENTS[:rank], sizes, pads, strict=True)
    assume(all(n + 2 * p >= dilation * (k - 1) + 1 for n, k, p in spans))
    ours = getattr(nn, f"MaxPool{rank}d")(**options, dilation=dilation)
    theirs = getattr(torch.nn, f"MaxPool{rank}d")(**options, dilation=dilation)
    assert_same_as_torch(ours, theirs, image(rank), native=False)


@given(windows(), st.booleans())
@settings(max_examples=30)
def test_avg_pool(drawn, count):
    rank, options = drawn
    ours = getattr(nn, f"AvgPool{rank}d")(**options, count_include_pad=count)
    theirs = getattr(torch.nn, f"AvgPool{rank}d")(**options, count_include_pad=count)
    assert_same_as_torch(ours, theirs, image(rank), native=False)


@pytest.mark.parametrize("kind", ["Max", "Avg"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2, "stride": 3, "ceil_mode": True},
    ],
    ids=str,
)
def test_native(kind, rank, options):
    ours = getattr(nn, f"{kind}Pool{rank}d")(**options)
    theirs = getattr(torch.nn, f"{kind}Pool{rank}d")(**options)
    assert_same_as_torch(ours, theirs, image(rank))


SIZES = [1, (6,), (4,), (2, 3), (3, 7), (5, 4), (8, 9), (None, 2), (2, None, 5), (4, 3, 3)]


@pytest.mark.parametrize("kind", ["Max", "Avg"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_adaptive(kind, sizes):
    rank = 2 if sizes == 1 else len(sizes)
    ours = getattr(nn, f"Adaptive{kind}Pool{rank}d")(sizes)
    theirs = getattr(torch.nn, f"Adaptive{kind}Pool{rank}d")(sizes)
    assert_same_as_torch(ours, theirs, image(rank))
