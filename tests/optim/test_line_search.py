import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import DomainError
from chainrule.optim.line_search import CURVATURE, SUFFICIENT_DECREASE, backtracking, strong_wolfe

CURVES = {
    "quadratic": lambda t: (t - 1.0) ** 2,
    "far minimum": lambda t: -t / (t * t + 2.0),  # Moré & Thuente 1994, equation 5.1
    "flat then steep": lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,  # equation 5.2
    "oscillating": lambda t: cr.cos(3 * t) + 0.1 * t * t - 0.5 * t,
    "a wall": lambda t: t - 2 * cr.log(1.0 + t) - 1e-3 * cr.log(2.0 - t),  # NaN beyond 2
    "overflow": lambda t: cr.exp(50 * (t - 1.0)) - t,
}


def along(curve):
    """The line as a function of two equal coordinates, so that vectors are not scalars."""

    def function(x):
        return cr.value_and_grad(lambda x: curve(x.sum() / 2))(x)

    x, direction = cr.zeros(2), cr.ones(2)
    value, gradient = function(x)
    return function, x, direction, value, gradient


@pytest.mark.filterwarnings("ignore:.*encountered")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", CURVES)
def test_the_strong_wolfe_conditions_hold(name, first, compiled):
    function, x, direction, value, gradient = along(CURVES[name])

    def search(first):
        return strong_wolfe(function, x, direction, value, gradient, first)

    found = (cr.compile(search) if compiled else search)(cr.tensor(first))
    t = found.length.item()
    start, end = gradient.sum().item(), found.gradient.sum().item()
    assert t > 0
    assert found.value.item() <= value.item() + SUFFICIENT_DECREASE * t * start
    assert abs(end) <= -CURVATURE * start
    at, slope = function(x + t * direction)
    np.testing.assert_allclose(found.value.item(), at.item(), rtol=1e-12)
    np.testing.assert_allclose(found.gradient.numpy(), slope.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.filterwarnings("ignore:.*encountered")
@pytest.mark.parametrize("first", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", CURVES)
def test_backtracking_lowers_the_value(name, first):
    function, x, direction, value, gradient = along(CURVES[name])
    slope = gradient.sum()
    found, lowest = backtracking(
        lambda x: function(x)[0], x, direction, value, slope, cr.tensor(first)
    )
    t = found.item()
    assert 0 < t <= first
    lowered = function(x + t * direction)[0].item()
    assert lowered == pytest.approx(lowest.item(), rel=1e-12)
    assert lowered <= value.item() + SUFFICIENT_DECREASE * t * slope.item()


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(0.01, 30))
@settings(max_examples=60)
def test_a_search_on_a_polynomial_never_ascends(coefficients, first):
    a, b, c, d = coefficients

    def curve(t):
        return t**4 + a * t**3 + b * t * t + c * t + d

    function, x, direction, value, gradient = along(curve)
    found = strong_wolfe(function, x, direction, value, gradient, cr.tensor(first))
    slope = gradient.sum().item()
    assert found.value.item() <= value.item()
    if slope < -1e-3:
        assert found.length.item() > 0
        assert abs(found.gradient.sum().item()) <= -CURVATURE * slope
    if slope >= 0:
        assert found.length.item() == 0


@pytest.mark.parametrize("search", ["strong_wolfe", "backtracking"])
def test_nothing_lower_gives_no_step(search):
    """Uphill, and where everything ahead is NaN."""
    x, direction = cr.zeros(2), cr.ones(2)

    def nan_ahead(x):
        return cr.where((x > 0).any(), np.nan, 0.0) - x.sum()

    for f, g in ((lambda x: x.sum(), 1.0), (nan_ahead, -1.0)):
        value, gradient = f(x), cr.full((2,), g)
        if search == "strong_wolfe":
            found = strong_wolfe(
                lambda x, f=f: (f(x), cr.ones(2)), x, direction, value, gradient, cr.tensor(1.0)
            ).length
        else:
            found = backtracking(f, x, direction, value, gradient.sum(), cr.tensor(1.0))[0]
        assert found.item() == 0


def test_an_unknown_search_is_refused():
    with pytest.raises(DomainError, match="strong_wolfe"):
        optim.lbfgs(line_search="wolfe")
