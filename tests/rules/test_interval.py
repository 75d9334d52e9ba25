"""Bounds that hold: overflow, unknown inputs, and whole functions against samples."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import DomainError
from chainrule.core.node import input_node
from chainrule.core.types import DTYPES, array_type
from chainrule.rules.interval import enclose

F64 = DTYPES["float64"]


def bounds(f, lo, hi, shape=()):
    x = input_node(array_type(shape, F64))
    ((low, high),) = enclose([f(cr.Tensor(x)).node], {x: (np.asarray(lo), np.asarray(hi))})
    return low, high


@pytest.mark.parametrize(
    "f",
    [
        lambda x: cr.sin(x) * cr.exp(-x) + x**2,
        lambda x: cr.sigmoid(x) / (1.0 + cr.cos(x) ** 2),
        lambda x: cr.where(x > 0.3, cr.sqrt(cr.abs(x)), cr.tanh(x)),
        lambda x: cr.maximum(x, 1.0 - x) - cr.softplus(x),
    ],
)
def test_every_sample_is_inside(f) -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        lo, hi = np.sort(rng.uniform(-3, 3, 2))
        low, high = bounds(f, lo, hi)
        values = f(cr.tensor(rng.uniform(lo, hi, 200))).numpy()
        assert np.all((low <= values) & (values <= high))


def test_overflow_still_encloses_the_truth() -> None:
    low, high = bounds(cr.exp, 1000.0, 1001.0)
    assert low <= np.finfo(float).max
    assert high == np.inf
    low, high = bounds(lambda x: x * x, 1e200, 1e201)
    assert low <= np.finfo(float).max
    low, high = bounds(lambda x: x.sum(), np.full(2, 1e308), np.full(2, 1.1e308), (2,))
    assert not np.isnan(low)
    assert high == np.inf


def test_refusals() -> None:
    x, y = (input_node(array_type((), F64)) for _ in range(2))
    with pytest.raises(DomainError, match="no bounds"):
        enclose([(cr.Tensor(x) + cr.Tensor(y)).node], {x: (np.asarray(0.0), np.asarray(1.0))})
    with pytest.raises(DomainError, match="not ordered"):
        bounds(cr.exp, np.nan, 1.0)
    with pytest.raises(DomainError, match="log is defined"):
        bounds(cr.log, -1.0, 1.0)
