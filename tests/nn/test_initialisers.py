import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn import initialisers

SHAPE = (300, 200)
DEVIATIONS = {
    initialisers.xavier_uniform: math.sqrt(2 / 500),
    initialisers.xavier_normal: math.sqrt(2 / 500),
    initialisers.he_uniform: math.sqrt(2 / 200),
    initialisers.he_normal: math.sqrt(2 / 200),
}


@pytest.mark.parametrize("initialise", DEVIATIONS, ids=lambda f: f.__name__)
def test_mean_and_deviation(initialise):
    w = initialise(cr.random.key(0), SHAPE).numpy()
    expected = DEVIATIONS[initialise]
    assert w.dtype == np.float32
    # five standard errors of the estimates
    assert abs(w.mean()) < 5 * expected / math.sqrt(w.size)
    assert abs(w.std() / expected - 1) < 5 / math.sqrt(2 * w.size)
    if "uniform" in initialise.__name__:
        assert abs(w).max() <= math.sqrt(3) * expected * (1 + 1e-6)


def test_gain_scales():
    one, three = (
        initialisers.xavier_normal(cr.random.key(0), SHAPE, gain=g, dtype="float64").numpy()
        for g in (1.0, 3.0)
    )
    np.testing.assert_allclose(three, 3 * one, rtol=1e-14)


def test_the_key_decides():
    draw = [initialisers.he_normal(cr.random.key(k), (2, 2)).numpy() for k in (0, 0, 1)]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])


def test_bad_input():
    with pytest.raises(ShapeError, match="two axes"):
        initialisers.he_normal(cr.random.key(0), (3,))
    with pytest.raises(DomainError, match="known are"):
        initialisers.gain("step")
