"""grad, vjp, jvp, jacobian, hessian, hvp, vmap: values, structure and nesting."""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.errors import DTypeError, GradientError, ShapeError, TraceError, TreeError

RNG = np.random.default_rng(0)


def close(found, wanted, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=tolerance, atol=1e-14)


class Point(NamedTuple):
    x: object
    y: object


@dataclasses.dataclass
class Model:
    weight: object
    bias: object
    name: str = dataclasses.field(default="linear", metadata={"static": True})


def test_pytrees_keep_their_structure() -> None:
    def f(tree):
        return tree["p"].x * tree["p"].y + (tree["m"].weight * tree["l"][0]).sum() + tree["m"].bias

    tree = {
        "p": Point(2.0, 3.0),
        "m": Model(cr.tensor([1.0, 2.0]), 4.0),
        "l": [cr.tensor([5.0, 6.0]), None],
    }
    g = cr.grad(f)(tree)
    assert isinstance(g["p"], Point)
    assert isinstance(g["m"], Model)
    assert g["m"].name == "linear"
    assert g["l"][1] is None
    close(g["p"].x, 3.0)
    close(g["m"].weight, [5.0, 6.0])
    close(g["m"].bias, 1.0)
    close(g["l"][0], [1.0, 2.0])


def test_argnums_and_aux() -> None:
    def f(x, y):
        return x * y**2, {"seen": x + y}

    (gx, gy), aux = cr.grad(f, argnums=(0, 1), has_aux=True)(2.0, 3.0)
    close(gx, 9.0)
    close(gy, 12.0)
    close(aux["seen"], 5.0)
    (value, aux), g = cr.value_and_grad(f, argnums=-1, has_aux=True)(2.0, 3.0)
    close(value, 18.0)
    close(g, 12.0)
    assert not aux["seen"].requires_grad


def test_results_carry_no_history_unless_asked() -> None:
    g = cr.grad(lambda x: x**3)(2.0)
    assert not g.requires_grad
    w = cr.tensor(5.0, requires_grad=True)
    g = cr.grad(lambda x: w * x**2)(3.0)
    assert g.requires_grad
    g.backward()
    close(w.grad, 6.0)


def test_no_perturbation_confusion() -> None:
    # d/dx (x · d/dy (x + y)) = 1, and not 2
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))(3.0).item() == 1.0
    assert cr.grad(lambda x: x * cr.grad(lambda y: x * y)(2.0))(3.0).item() == 6.0
    # the inner derivative holds z = x² constant although it is computed from x
    inner = lambda x: cr.grad(lambda u: u * (x * x))(x)
    close(inner(3.0), 9.0)
    close(cr.grad(inner)(3.0), 6.0)
    forward = lambda x: cr.jvp(lambda y: x * y, (2.0,), (1.0,))[1]
    close(cr.jvp(lambda x: x * forward(x), (3.0,), (1.0,))[1], 6.0)


@given(st.floats(0.2, 2.0), st.integers(0, 5))
def test_derivatives_of_any_order_by_any_route(x: float, n: int) -> None:
    f = lambda x: cr.sin(x) * cr.exp(x)
    nested = f
    for k in range(n):
        nested = cr.grad(nested) if k % 2 else _forward(nested)
    close(cr.derivative(f, n)(x), nested(cr.tensor(x)), 1e-10)


def _forward(f: Callable) -> Callable:
    return lambda x: cr.jvp(f, (x,), (1.0,))[1]


def test_jvp_of_vjp_is_vjp_of_jvp_is_hvp() -> None:
    A = RNG.normal(size=(4, 4))
    f = lambda x: cr.sin(A @ x).sum() * (x * x).sum()
    x, v = cr.tensor(RNG.normal(size=4)), cr.tensor(RNG.normal(size=4))
    H = cr.hessian(f)(x)
    close(cr.hvp(f, (x,), (v,)), H @ v, 1e-11)
    close(cr.jvp(cr.grad(f), (x,), (v,))[1], H @ v, 1e-11)
    close(cr.grad(lambda x: cr.jvp(f, (x,), (v,))[1])(x), H @ v, 1e-11)
    close(cr.grad(lambda x: (cr.grad(f)(x) * v).sum())(x), H @ v, 1e-11)
    _, pullback = cr.vjp(cr.grad(f), x)
    close(pullback(v)[0], H @ v, 1e-11)


def test_jacobian_modes_agree_and_auto_follows_the_shapes() -> None:
    A = RNG.normal(size=(5, 3))
    f = lambda x: cr.tanh(A @ x)
    x = cr.tensor(RNG.normal(size=3))
    forward, reverse = cr.jacobian(f, mode="forward"), cr.jacobian(f, mode="reverse")
    auto = cr.jacobian(f)
    close(forward(x), reverse(x))
    close(auto(x), forward(x))
    assert auto.chosen == "forward", "3 inputs, 5 outputs"
    auto = cr.jacobian(lambda x: f(x)[:2])
    auto(x)
    assert auto.chosen == "reverse", "3 inputs, 2 outputs"
    gradient = cr.grad(lambda x: f(x).sum())(x)
    row = cr.jacobian(lambda x: f(x).sum())(x)
    close(row, gradient)


def test_jacobian_of_pytrees() -> None:
    f = lambda p: {"s": p["w"] * p["b"], "t": p["b"] ** 2}
    J = cr.jacobian(f)({"w": cr.tensor([1.0, 2.0]), "b": 3.0})
    close(J["s"]["w"], np.eye(2) * 3)
    close(J["s"]["b"], [1.0, 2.0])
    close(J["t"]["w"], [0.0, 0.0])
    close(J["t"]["b"], 6.0)


def test_hessian_of_pytrees_is_symmetric() -> None:
    f = lambda p: (p["w"] ** 2).sum() * p["b"] ** 3
    H = cr.hessian(f)({"w": cr.tensor([1.0, 2.0]), "b": 3.0})
    close(H["w"]["b"], H["b"]["w"])
    close(H["w"]["w"], 2 * 27 * np.eye(2))
    close(H["b"]["b"], 5 * 6 * 3.0)


def test_vmap_of_hessian_equals_loop() -> None:
    f = lambda x: cr.exp(x[0] * x[1]) + x[1] ** 3
    xs = cr.tensor(RNG.normal(size=(6, 2)))
    many = cr.vmap(cr.hessian(f))(xs)
    close(many, [cr.hessian(f)(x).numpy() for x in xs])
    close(cr.vmap(cr.jacobian(cr.grad(f)))(xs), many)


def test_vmap_axes() -> None:
    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5))
    product = cr.vmap(cr.vmap(lambda u, v: (u * v).sum(), in_axes=(None, 1)), in_axes=(0, None))
    close(product(a, b), a @ b)
    out = cr.vmap(lambda u: u * 2.0, in_axes=1, out_axes=-1)(a)
    close(out, a * 2)
    tree = cr.vmap(lambda d: d["x"] * d["y"], in_axes=({"x": 0, "y": None},))({"x": a, "y": 2.0})
    close(tree, 2 * a)
    same, one = cr.vmap(lambda u: (u, 7.0), out_axes=(0, None))(a)
    close(same, a)
    assert one.shape == ()


def test_grad_of_vmap_and_vmap_of_grad() -> None:
    w = cr.tensor(RNG.normal(size=3))
    xs = RNG.normal(size=(5, 3))
    loss = lambda w, x: cr.sin((w * x).sum())
    total = cr.grad(lambda w: cr.vmap(loss, in_axes=(None, 0))(w, xs).sum())(w)
    each = cr.vmap(cr.grad(loss), in_axes=(None, 0))(w, xs)
    close(total, each.sum(axis=0))


def test_jacobian_inside_scan_and_grad_outside() -> None:
    def step(x, t):
        J = cr.jacobian(lambda u: cr.sin(u) * t)(x)
        return J @ x, J.sum()

    ts = np.array([0.5, 1.0, 1.5])
    x0 = cr.tensor([0.3, 0.7])

    def loop(x):
        total = 0.0
        for t in ts:
            total = total + (cr.cos(x) * t).sum()
            x = cr.cos(x) * t * x
        return x, total

    final, sums = cr.scan(step, x0, ts)
    wanted, total = loop(x0)
    close(final, wanted)
    close(sums.sum(), total)
    f = lambda x: (lambda r: r[0].sum() + r[1].sum())(cr.scan(step, x, ts))
    g = lambda x: (lambda r: r[0].sum() + r[1])(loop(x))
    close(cr.grad(f)(x0), cr.grad(g)(x0))
    close(cr.hessian(f)(x0), cr.hessian(g)(x0), 1e-11)


def test_gradient_through_sort() -> None:
    weights = np.array([1.0, 10.0, 100.0])
    g = cr.grad(lambda x: (cr.sort(x) * weights).sum())(cr.tensor([3.0, 1.0, 2.0]))
    close(g, [100.0, 1.0, 10.0])


def test_one_reverse_pass_for_a_million_parameters() -> None:
    w = cr.tensor(np.linspace(-1, 1, 1_000_000))
    close(cr.grad(lambda w: (w * w).sum())(w), 2 * w.numpy())


def test_chain_of_100_000_operations() -> None:
    def f(x):
        for _ in range(100_000):
            x = x * 1.00001
        return x

    close(cr.grad(f)(1.0), 1.00001**100_000, 1e-8)


def test_gradient_of_a_diamond_chain_is_linear_work() -> None:
    def f(x):
        for _ in range(200):
            x = x * 0.3 + x * 0.7  # two paths each time: 2²⁰⁰ paths in all
        return x

    close(cr.grad(f)(2.0), 1.0, 1e-10)


def test_constant_results_have_zero_derivatives() -> None:
    close(cr.grad(lambda x: cr.tensor(3.0))(cr.tensor([1.0, 2.0])), [0.0, 0.0])
    close(cr.grad(lambda x: 3.0)(1.0), 0.0)
    close(cr.jacobian(lambda x: cr.tensor([1.0, 2.0]))(1.0), [0.0, 0.0])
    close(cr.hessian(lambda x: x.sum())(cr.tensor([1.0, 2.0])), np.zeros((2, 2)))


def test_single_arguments_need_no_tuple() -> None:
    x, v = cr.tensor([1.0, 2.0]), cr.tensor([1.0, 0.0])
    close(cr.jvp(cr.sin, x, v)[1], cr.cos(x) * v)
    close(cr.hvp(lambda x: (x**3).sum(), x, v), [6.0, 0.0])


def test_lists_of_tensors_keep_their_derivatives() -> None:
    f = lambda x: cr.tensor([x[0] * 2.0, x[1]]).sum() + cr.tensor([[x[0], 1.0]]).sum()
    close(cr.grad(f)(cr.tensor([1.0, 2.0])), [3.0, 1.0])


def test_assigning_to_an_argument_stays_inside() -> None:
    b = cr.tensor([1.0, 2.0])

    def f(x, b):
        b[0] = x
        return (b * b).sum()

    close(cr.grad(f)(3.0, b), 6.0)
    close(b, [1.0, 2.0])
    assert not b.requires_grad


class TestBadInput:
    @pytest.mark.parametrize(
        "f",
        [
            lambda x: math.sin(x),
            lambda x: x.item() ** 2,
            lambda x: cr.tensor(np.array(x) ** 2),
            lambda x: cr.tensor(float(x)) * 2.0,
        ],
    )
    def test_value_taken_out_on_the_way(self, f) -> None:
        with pytest.raises(GradientError, match=r"cr\.sin for math\.sin"):
            cr.grad(f)(1.0)

    def test_looking_at_a_value_is_no_error(self) -> None:
        def f(x):
            assert float(x) == 2.0  # as a print would
            return x * x if x > 1.0 else -x

        close(cr.grad(f)(2.0), 4.0)
        close(cr.grad(lambda x: 3.0 if x > 0 else 4.0)(1.0), 0.0)

    def test_not_a_function(self) -> None:
        with pytest.raises(GradientError, match=r"cr\.parse"):
            cr.grad("x^2")(1.0)

    def test_argnums_of_another_kind(self) -> None:
        with pytest.raises(GradientError, match="'y'"):
            cr.grad(lambda x, y: x * y, argnums="y")(1.0, 2.0)

    def test_backward_inside_a_traced_function(self) -> None:
        w = cr.tensor(2.0, requires_grad=True)

        def f(x):
            (w * x).backward()
            return x

        with pytest.raises(TraceError, match=r"cr\.grad"):
            cr.vmap(f)(cr.tensor([1.0, 2.0]))
        assert w.grad is None

    def test_backward_on_a_variable_that_escaped(self) -> None:
        kept = []
        cr.grad(lambda x: kept.append(x * x) or x)(1.0)
        with pytest.raises(GradientError, match="variables of a derivative"):
            kept[0].backward()

    def test_non_scalar(self) -> None:
        with pytest.raises(GradientError, match=r"\.sum\(\), or use cr\.jacobian"):
            cr.grad(lambda x: x * 2.0)(cr.tensor([1.0, 2.0]))

    def test_integer_argument(self) -> None:
        with pytest.raises(DTypeError, match=r"3\.0 instead of 3"):
            cr.grad(lambda x: x * 2.0)(3)
        with pytest.raises(DTypeError, match="int64"):
            cr.grad(lambda x: (x * 2.0).sum())(cr.tensor([1, 2]))

    def test_argnums_out_of_range(self) -> None:
        with pytest.raises(GradientError, match="argument 2"):
            cr.grad(lambda x: x, argnums=2)(1.0)

    def test_tangents_that_do_not_fit(self) -> None:
        with pytest.raises(ShapeError, match=r"\(2,\)"):
            cr.jvp(cr.sin, (cr.tensor([1.0, 2.0]),), (1.0,))
        with pytest.raises(TreeError):
            cr.jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))

    def test_several_results(self) -> None:
        with pytest.raises(GradientError, match="has_aux"):
            cr.grad(lambda x: (x, x))(1.0)

    def test_unknown_mode(self) -> None:
        with pytest.raises(GradientError, match="sideways"):
            cr.jacobian(cr.sin, mode="sideways")

    def test_vmap_sizes(self) -> None:
        with pytest.raises(ShapeError, match=r"\[2, 3\]"):
            cr.vmap(lambda a, b: a)(np.ones(2), np.ones(3))
        with pytest.raises(ShapeError, match="None"):
            cr.vmap(lambda a: a, in_axes=None)(1.0)

    def test_error_names_the_users_line(self) -> None:
        with pytest.raises(GradientError) as caught:
            cr.grad(lambda x: x * 2.0)(cr.tensor([1.0, 2.0]))  # this very line
        assert "this very line" in str(caught.value)
