"""Taylor mode against mpmath, against nesting, and its cost."""

import mpmath
import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import GradientError
from chainrule.core.node import topological, variable
from chainrule.rules.taylor import series

CASES = [
    (
        lambda x: cr.exp(cr.sin(x)) / cr.sqrt(cr.log(x) + 2.0) + cr.tanh(x * x),
        lambda x: mpmath.exp(mpmath.sin(x)) / mpmath.sqrt(mpmath.log(x) + 2) + mpmath.tanh(x * x),
        0.8,
    ),
    (
        lambda x: cr.tanh(cr.sqrt(1.0 + x) * cr.exp(-x)) / (1.0 + cr.sin(x) ** 2),
        lambda x: mpmath.tanh(mpmath.sqrt(1 + x) * mpmath.exp(-x)) / (1 + mpmath.sin(x) ** 2),
        0.3,
    ),
    (lambda x: cr.log(1.0 + cr.exp(x)), lambda x: mpmath.log(1 + mpmath.exp(x)), -0.4),
    (lambda x: (1.0 + x) ** 0.3, lambda x: (1 + x) ** mpmath.mpf(0.3), 0.5),
    (lambda x: cr.atan(x) * cr.erf(x), lambda x: mpmath.atan(x) * mpmath.erf(x), 0.7),
    (lambda x: x**3 / (x - 2.0), lambda x: x**3 / (x - 2), 1.0),
]


@pytest.mark.parametrize("index", range(len(CASES)))
def test_order_10_matches_mpmath(index: int) -> None:
    f, exact, x0 = CASES[index]
    found = [c.item() for c in cr.taylor(f, x0, 10).coefficients]
    with mpmath.workdps(60):
        wanted = [float(c) for c in mpmath.taylor(exact, mpmath.mpf(x0), 10)]
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=0)


def test_cost_grows_quadratically() -> None:
    """Counted in coefficient operations, so that the test does not depend on the clock."""

    def operations(order: int) -> int:
        x = variable(np.asarray(0.7))
        with_history = cr.Tensor(x)
        y = cr.exp(cr.sin(with_history)) / cr.sqrt(cr.tanh(with_history) + 2.0)
        direction = variable(np.asarray(1.0))  # tracked, so that every operation is kept
        (found,) = series([y.node], {x: [direction] + [None] * (order - 1)}, order)
        return len(topological([c for c in found if c is not None]))

    small, large = operations(6), operations(24)
    assert large / small < 4**2.2, f"{small} operations for order 6, {large} for 24"


def test_multivariate_polynomial() -> None:
    f = lambda x: cr.exp(x[0]) * cr.sin(x[1])
    x0 = cr.tensor([0.2, 0.5])
    p = cr.taylor(f, x0, 2)
    value, gradient, half_hessian = p.coefficients
    np.testing.assert_allclose(gradient, cr.grad(f)(x0))
    np.testing.assert_allclose(half_hessian, cr.hessian(f)(x0).numpy() / 2)
    d = np.array([0.1, -0.2])
    by_hand = value.item() + gradient.numpy() @ d + d @ half_hessian.numpy() @ d
    np.testing.assert_allclose(p(x0 + d).item(), by_hand, rtol=1e-12)


def test_error_shrinks_with_the_order() -> None:
    f = lambda x: cr.exp(cr.sin(x))
    errors = [abs((cr.taylor(f, 0.5, n)(0.7) - f(0.7)).item()) for n in (1, 2, 3, 5, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-7


def test_coefficients_are_differentiable_and_batch() -> None:
    c2 = lambda x: cr.taylor(cr.sin, x, 2).coefficients[2]
    assert cr.grad(c2)(0.3).item() == pytest.approx(-np.cos(0.3) / 2)
    many = cr.vmap(c2)(cr.tensor([0.1, 0.2]))
    np.testing.assert_allclose(many, -np.sin([0.1, 0.2]) / 2)


def test_bad_order_and_unsupported() -> None:
    with pytest.raises(GradientError, match="at least 1"):
        cr.taylor(cr.sin, 0.0, 0)
    with pytest.raises(GradientError, match="scan"):
        cr.taylor(lambda x: cr.scan(lambda c, _: (c * x, None), x, length=2)[0], 1.0, 2)


def test_repr_reads_like_a_polynomial() -> None:
    text = repr(cr.taylor(lambda x: 1.0 - x + 3.0 * x**2, 1.0, 2))
    assert text == "TaylorPolynomial(3 + 5 (x - 1) + 3 (x - 1)^2)"
