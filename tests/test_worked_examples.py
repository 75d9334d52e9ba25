"""The worked examples of docs/examples.md, held to the last digits."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr

POINTS = np.random.default_rng(0).normal(size=(5, 2))


def sigmoid(z: float) -> float:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("x", [2.0, -1.0, 0.3, -1 / 3])
def test_fourth_power(x: float) -> None:
    found = cr.grad(lambda x: (3 * x + 1) ** 4)(x).item()
    assert found == pytest.approx(12 * (3 * x + 1) ** 3, rel=1e-14)
    if x == 2.0:
        assert found == 4116.0


def test_fourth_power_by_backward() -> None:
    x = cr.tensor(2.0, requires_grad=True)
    ((3 * x + 1) ** 4).backward()
    assert x.grad is not None
    assert x.grad.item() == 4116.0


def polynomial(x: Any, y: Any) -> Any:
    return 3 * x**2 + 2 * x * y + y**3


@pytest.mark.parametrize("point", POINTS.tolist())
def test_gradient_of_two_variables(point: list[float]) -> None:
    x, y = point
    dx, dy = cr.grad(polynomial, argnums=(0, 1))(x, y)
    assert dx.item() == pytest.approx(6 * x + 2 * y, rel=1e-13)
    assert dy.item() == pytest.approx(2 * x + 3 * y**2, rel=1e-13)


@pytest.mark.parametrize("point", POINTS.tolist())
def test_one_linear_neuron(point: list[float]) -> None:
    w, b = point
    x, y = 3.0, 10.0
    dw, db = cr.grad(lambda w, b: (y - (w * x + b)) ** 2, argnums=(0, 1))(w, b)
    error = y - (w * x + b)
    assert dw.item() == pytest.approx(-2 * x * error, rel=1e-13)
    assert db.item() == pytest.approx(-2 * error, rel=1e-13)


@pytest.mark.parametrize("point", POINTS.tolist())
def test_two_layers(point: list[float]) -> None:
    w1, w2 = point
    x, y = 1.5, 1.0

    def loss(w1: Any, w2: Any) -> Any:
        return (y - w2 * cr.sigmoid(w1 * x)) ** 2

    s = sigmoid(w1 * x)
    dw1, dw2 = cr.grad(loss, argnums=(0, 1))(w1, w2)
    assert dw1.item() == pytest.approx(-2 * (y - w2 * s) * w2 * s * (1 - s) * x, rel=1e-13)
    assert dw2.item() == pytest.approx(-2 * (y - w2 * s) * s, rel=1e-13)


@pytest.mark.parametrize("y", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("z", [-1000.0, -3.0, 0.0, 0.7, 1000.0])
def test_cross_entropy_after_a_sigmoid(z: float, y: float) -> None:
    found = cr.grad(lambda z: cr.softplus(z) - y * z)(z).item()
    with np.errstate(over="ignore"):
        assert found == pytest.approx(sigmoid(z) - y, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize(("z", "wanted"), [(1000.0, 0.0), (-1000.0, 1.0)])
def test_log_sigmoid_keeps_its_slope_far_out(z: float, wanted: float) -> None:
    value, slope = cr.value_and_grad(cr.log_sigmoid)(z)
    assert slope.item() == wanted
    assert value.item() == min(z, 0.0)


@pytest.mark.parametrize("x", [-1000.0, -2.0, 0.0, 0.5, 1000.0])
def test_slope_of_the_sigmoid(x: float) -> None:
    s = cr.sigmoid(cr.tensor(x)).item()
    assert cr.grad(cr.sigmoid)(x).item() == pytest.approx(s * (1 - s), rel=1e-14)


@pytest.mark.parametrize(("x", "wanted"), [(-1.0, 0.0), (0.0, 0.0), (5e-324, 1.0), (2.0, 1.0)])
def test_slope_of_relu(x: float, wanted: float) -> None:
    assert cr.grad(cr.relu)(x).item() == wanted


def of_pair(p: Any) -> Any:
    return polynomial(p[0], p[1])


def test_steepest_direction_is_the_gradient() -> None:
    point = cr.tensor([1.0, 2.0])
    gradient = cr.grad(of_pair)(point).numpy()
    assert gradient.tolist() == [10.0, 14.0]
    length = np.linalg.norm(gradient)
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rates = [cr.directional_derivative(of_pair, point, v).item() for v in directions]
    assert max(rates) <= length
    assert max(rates) == pytest.approx(length, rel=1e-4)
    assert angles[int(np.argmax(rates))] == pytest.approx(np.arctan2(14, 10), abs=np.pi / 360)


def test_gradient_is_perpendicular_to_the_level_curve() -> None:
    """The unit circle is a level curve of x² + y²; (−sin, cos) is its tangent."""
    for angle in np.linspace(0, 6, 7):
        point = [np.cos(angle), np.sin(angle)]
        tangent = np.array([-np.sin(angle), np.cos(angle)])
        rate = cr.directional_derivative(lambda p: (p**2).sum(), cr.tensor(point), tangent)
        assert abs(rate.item()) < 1e-15


def test_jacobian_of_a_scalar_function_is_its_gradient() -> None:
    point = cr.tensor([1.0, 2.0])
    row = cr.jacobian(of_pair)(point)
    assert row.shape == (2,)
    assert np.array_equal(row.numpy(), cr.grad(of_pair)(point).numpy())


def test_taylor_of_first_and_second_order() -> None:
    x0, h = 0.5, 1e-2
    value, slope = (f.item() for f in cr.value_and_grad(cr.sin)(x0))
    bend = cr.derivative(cr.sin, n=2)(x0).item()
    first, second = cr.taylor(cr.sin, x0, 1), cr.taylor(cr.sin, x0, 2)
    assert first(x0 + h).item() == pytest.approx(value + slope * h, rel=1e-14)
    assert second(x0 + h).item() == pytest.approx(value + slope * h + bend * h**2 / 2, rel=1e-14)
    errors = [abs(p(x0 + h).item() - np.sin(x0 + h)) for p in (first, second)]
    assert errors[0] < h**2 / 2
    assert errors[1] < h**3 / 6


def test_second_order_in_two_variables_is_exact_for_quadratics() -> None:
    a = np.array([[3.0, 1.0], [1.0, 2.0]])

    def f(p: Any) -> Any:
        return (p * (cr.tensor(a) @ p)).sum() / 2

    p, v = np.array([1.0, -2.0]), np.array([0.3, 0.7])
    gradient, h = (d(f)(cr.tensor(p)).numpy() for d in (cr.grad, cr.hessian))
    assert np.allclose(gradient, a @ p, rtol=1e-14)
    assert np.allclose(h, a, rtol=1e-14)
    wanted = f(cr.tensor(p + v)).item()
    assert f(cr.tensor(p)).item() + gradient @ v + v @ h @ v / 2 == pytest.approx(wanted, rel=1e-14)


def test_a_million_parameters_in_one_reverse_pass() -> None:
    w = np.linspace(-1, 1, 1_000_000)
    gradient = cr.grad(lambda w: cr.sin(w).sum())(cr.tensor(w))
    assert np.allclose(gradient.numpy(), np.cos(w), rtol=1e-14)
