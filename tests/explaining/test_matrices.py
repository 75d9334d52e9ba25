"""Jacobians of several results, Hessians, and how matrices are printed and read back."""

import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.explaining import Explanation
from chainrule.explaining.expression import Vector, entries, matrix_rows
from chainrule.notation import parse_many

SPHERICAL = "r sin(θ) cos(φ), r sin(θ) sin(φ), r cos(θ)"


def numbers(found: Explanation) -> np.ndarray:
    assert found.assembled is not None and found.assembled.values is not None
    rows = matrix_rows(found.assembled.values) or (entries(found.assembled.values),)
    return np.array([[float(getattr(e, "value", np.nan)) for e in row] for row in rows])


def values(texts: str, names: tuple[str, ...], point: tuple[float, ...]) -> np.ndarray:
    """The rows of a result, read back and evaluated."""
    return np.array(
        [[float(f(*point)) for f in parse_many(row, names=names)] for row in texts.split(";")]
    )


@pytest.mark.parametrize(
    "text", ["x^2 y, sin(x y), e^x", "x + y, x - y", "x/y, √(x^2 + y^2)", SPHERICAL]
)
def test_a_jacobian_is_the_engines(text: str) -> None:
    functions = parse_many(text)
    names = functions[0].names
    point = tuple(np.linspace(0.4, 1.3, len(names)))
    expected = np.array(
        [
            [float(d) for d in cr.grad(f, argnums=tuple(range(len(names))))(*point)]
            for f in functions
        ]
    )
    found = cr.explain(text, at=point)
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-11)
    np.testing.assert_allclose(values(found.result, names, point), expected, rtol=1e-12)
    assert [result.value for result in found.results] == pytest.approx(expected.ravel().tolist())
    assert found.complete and Explanation.from_json(found.json()) == found


def test_every_entry_is_derived_and_then_assembled() -> None:
    found = cr.explain("x^2 y, sin(x y)")
    titles = [section.title.text for section in found.sections]
    assert titles == ["∂f₁/∂x", "∂f₁/∂y", "∂f₂/∂x", "∂f₂/∂y", "Jacobian matrix"]
    assert found.sections[0].notes == ("y is held constant",)
    assert found.text().endswith(
        """
J(x, y) = ⎡   2x y         x²    ⎤
          ⎣y cos(x y)  x cos(x y)⎦"""
    )


def test_several_results_may_be_given_in_many_ways() -> None:
    text = cr.explain("x^2 y, x + y")
    assert cr.explain(["x^2 y", "x + y"]) == text
    assert cr.explain([cr.parse("x^2 y"), cr.parse("x + y")]) == text
    assert cr.explain(lambda x, y: (x**2 * y, x + y)) == text
    assert cr.explain("x^2 y; x + y", wrt="y").result == "x², 1"

    def turning(x: Any, y: Any) -> list[Any]:
        return [x * y, x] if x > 0 else [y, y]

    assert cr.explain(turning, 1.0, 2.0).result == "y, x; 1, 0"


def test_a_curve_has_a_vector() -> None:
    found = cr.explain(lambda t: (cr.cos(t), cr.sin(t), t), 0.0)
    assert found.text().endswith("f′(t) = (-sin(t), cos(t), 1)\nf′(0) = (0, 1, 1)")


@pytest.mark.parametrize("text", ["x^2 y^3", "e^(x y) + z^2 x", "x/y", "ln(x^2 + y^2)"])
def test_a_hessian_is_the_engines(text: str) -> None:
    formula = cr.parse(text)
    point = np.linspace(0.4, 1.3, len(formula.names))
    found = cr.explain(text, order=2, at=tuple(point))
    expected = cr.hessian(lambda v: formula(*v))(cr.tensor(point)).numpy()
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-10)
    np.testing.assert_allclose(values(found.result, formula.names, point), expected, rtol=1e-10)
    count = len(formula.names)
    assert len(found.results) == count * (count + 1) // 2  # none twice
    (step,) = next(s for s in found.sections if s.title.text == "Hessian matrix").steps
    assert "H is symmetric" in step.notes[0]


def test_third_orders_of_several_variables() -> None:
    found = cr.explain("x^3 y^2", order=3)
    assert found.result == "6y², 12x y, 6x², 0"
    assert found.results[1].name.text == "∂³f/∂x²∂y"
    assert found.assembled is None


def test_a_gradient_at_a_point() -> None:
    found = cr.explain("x^2 y", at=(1, 2))
    assert found.assembled is not None
    assert found.assembled.expression == Vector(tuple(r.expression for r in found.results))
    assert "∇f(1, 2) = (4, 1)" in found.text()


def test_no_numbers_where_one_derivative_does_not_exist() -> None:
    found = cr.explain("|x| y, x", at=(0, 1))
    assert found.assembled is not None and found.assembled.values is None
    assert "not differentiable in x" in found.text()


@pytest.mark.parametrize("options", [{"order": 2, "f": "x^2 y"}, {"f": "x y, x + y"}])
def test_matrices_in_every_form(options: dict[str, Any]) -> None:
    found = cr.explain(options.pop("f"), at=(1, 2), **options)
    assert r"\begin{bmatrix}" in found.latex() and r"\begin{bmatrix}" in found.markdown()
    body = found.html().partition("<body>")[2].partition("</body>")[0].replace("&nbsp;", " ")
    tree = ElementTree.fromstring(body)
    assert [len(table.findall("mtr")) for table in tree.iter("mtable")][-1] == 2
    assert found._repr_latex_().count("bmatrix") == 2
