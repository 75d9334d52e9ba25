"""Directional derivatives: the unit vector, ∇f · u, and the comparison with ‖∇f‖."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError
from chainrule.explaining import Explanation
from chainrule.explaining.expression import entries


def remarks(found: Explanation) -> str:
    return " | ".join(note for step in found.walk() for note in step.notes)


@pytest.mark.parametrize(
    ("text", "at", "direction"),
    [
        ("x^2 y", (1, 2), (3, 4)),
        ("e^(x y) + sin z", (0.3, -0.2, 1.1), (1, -2, 2)),
        ("x^3", 2, -5),
        ("√(x^2 + y^2)", (3, 4), (-1, 1)),
        ("log(1 + exp(-x y))", {"x": 0.5, "y": 2}, {"x": 1}),
    ],
)
def test_values_are_those_of_the_engine(text: str, at: Any, direction: Any) -> None:
    found = cr.explain(text, at=at, direction=direction)
    point = [value for _, value in found.point]
    unit = np.array(found.direction) / np.linalg.norm(found.direction)
    (tangent,) = (cr.jvp(cr.parse(text), tuple(point), tuple(unit))[1],)
    assert found.kind == "directional"
    assert found.results[0].value == pytest.approx(float(tangent), rel=1e-13)
    shown = cr.parse(found.result, names=found.variables)(*point)
    assert float(shown) == pytest.approx(float(tangent), rel=1e-11)
    assert Explanation.from_json(found.json()) == found


def test_it_is_shown_step_by_step() -> None:
    text = cr.explain("x^2 y", at=(1, 2), direction=(3, 4)).text()
    for line in (
        "∇f(x, y) = (2x y, x²)",
        "= √(3² + 4²)",
        "u = v/‖v‖ = (0.6, 0.8)",
        "= 2x y · 0.6 + x² · 0.8",
        "= 4 · 0.6 + 1 · 0.8",
        "= √17",
        "here 3.2 ≤ 4.12311",
        "φ = 39.09° is the angle",
    ):
        assert line in text
    assert text.endswith("Dᵤf(x, y) = 1.2x y + 0.8x²\nDᵤf(1, 2) = 3.2")


def test_gradient_direction_and_point_are_data() -> None:
    found = cr.explain("x^2 y", at=(1, 2), direction=(3, 4))
    assert found.assembled is not None and found.assembled.values is not None
    assert [getattr(e, "value", None) for e in entries(found.assembled.values)] == [4, 1]
    assert found.direction == (3.0, 4.0) and found.point == (("x", 1.0), ("y", 2.0))


def test_roots_stay_exact() -> None:
    found = cr.explain("x^2 + sin y", direction=(1, 2))
    assert found.result == "2(x + cos(y))/√5"
    assert "largest, ‖∇f‖, along the gradient" in remarks(found)


def test_a_direction_of_length_one_stays() -> None:
    found = cr.explain("x y", direction=(0, 1))
    assert found.result == "x"
    assert "length 1 already" in remarks(found)


def test_where_there_is_no_gradient() -> None:
    across = cr.explain("|x| + y", at=(0, 1), direction=(1, 0))
    assert across.results[0].value is None
    assert "along u: | the derivative from the left is -1" in remarks(across)
    along = cr.explain("|x| + y", at=(0, 1), direction=(0, 2))
    assert along.results[0].value == 1
    assert "along u the function is smooth" in remarks(along)


def test_at_a_critical_point_every_slope_is_zero() -> None:
    found = cr.explain("x^2 + y^2", at=(0, 0), direction=(1, 1))
    assert found.results[0].value == 0
    assert "∇f = 0 here" in remarks(found)


@pytest.mark.parametrize(
    ("direction", "words"),
    [
        ((0, 0), "the zero vector has no direction"),
        ((1, 2, 3), "2 numbers are needed, one for each of x, y, not 3"),
        (1, "2 numbers are needed"),
        ("up", "numbers are needed"),
        ((np.nan, 1), "must be finite"),
        ({"z": 1}, "no variable 'z'; the variables are x, y"),
        ([[1, 2]], "2 numbers are needed"),
    ],
)
def test_bad_directions(direction: Any, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        cr.explain("x y", direction=direction)
    assert words in str(caught.value)


def test_only_the_first_order() -> None:
    with pytest.raises(ArgumentError, match="order=1"):
        cr.explain("x y", direction=(1, 1), order=2)


@pytest.mark.parametrize("direction", [(1, 1), (1, 0)])
@pytest.mark.parametrize("text", ["√|x y|", "sign(x y) (x^2 y^2)^(1/4)", "where(x y > 0, x, 0)"])
def test_partial_derivatives_do_not_make_a_gradient(text: str, direction: tuple[int, int]) -> None:
    found = cr.explain(text, at=(0, 0), direction=direction)
    assert found.results[0].value == (0.0 if direction == (1, 0) else None)
    assert "not differentiable" in found.text() and "steepest" not in found.text()
