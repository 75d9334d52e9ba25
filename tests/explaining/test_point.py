"""At a point: values, one-sided derivatives, the second-derivative test."""

import numpy as np
import pytest

import chainrule as cr


def remarks(text: str, **options: object) -> str:
    found = cr.explain(text, **options)  # type: ignore[arg-type]
    return " | ".join(note for step in found.sections[-1].steps for note in step.notes)


def test_values_are_put_in() -> None:
    found = cr.explain("(3x + 1)^4", 2.0)
    assert found.results[0].value == 4116.0
    assert "12(3 · 2 + 1)³" in found.text() and "f′(2) = 4116" in found.text()


@pytest.mark.parametrize(
    ("text", "at", "filled"),
    [
        ("x^2 e^(-x)", {"x": -2}, "-2 e^(-(-2)) (2 - (-2))"),  # a sign after a sign has brackets
        ("(w x - y)^2", {"w": 0.5, "x": 2, "y": 3}, "2 · 2(1/2 · 2 - 3)"),  # not 2/2
        ("w^2 (x - y)", {"w": 0.5, "x": 2, "y": 3}, "2 · (1/2) (2 - 3)"),
        ("x y z/2", {"x": 3, "y": 0.25, "z": 5}, "1/2 · (1/4) · 5"),
    ],
)
def test_values_stay_as_they_were_put_in(text: str, at: dict[str, float], filled: str) -> None:
    found = cr.explain(text, wrt=next(iter(at)), at=at)
    assert f"= {filled}  " in found.text()
    there = cr.parse(filled)()
    assert float(there) == pytest.approx(found.results[0].value)


@pytest.mark.parametrize(
    ("at", "point"), [(2, 2.0), ((2.0,), 2.0), ({"x": 2}, 2.0), (np.float32(2), 2.0)]
)
def test_spellings_of_the_point(at: object, point: float) -> None:
    assert cr.explain("x^2", at=at).point == (("x", point),)


def test_a_value_for_each_variable() -> None:
    found = cr.explain("log(1+exp(-y*w*x))", wrt="w", at={"y": 1, "w": 0.5, "x": 2})
    assert found.results[0].value == pytest.approx(-2 / (1 + np.e))
    assert found.results[0].there is not None
    assert found.results[0].there.text == "∂f/∂w (1, 1/2, 2)"


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("|x|", "-1", "1"),
        ("relu(x)", "0", "1"),
        ("max(x, 3x)", "1", "3"),
        ("x + |x^2 - x|", "0", "2"),
    ],
)
def test_kinks_have_two_slopes(text: str, left: str, right: str) -> None:
    found = cr.explain(text, at=0)
    words = remarks(text, at=0)
    assert "the function is not differentiable at x = 0" in words
    assert f"from the left is {left}" in words and f"from the right is {right}" in words
    assert found.results[0].value is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("√x", "there is no value on the left | the slope on the right is infinite"),
        ("floor(x)", "the function jumps on the left | the derivative from the right is 0"),
        ("√|x|", "the slope on the left is infinite | the slope on the right is infinite"),
    ],
)
def test_other_points_without_derivative(text: str, words: str) -> None:
    assert words in remarks(text, at=0)


@pytest.mark.parametrize("text", ["x |x|", "relu(x)^2", "where(x > 0, x^2, -x^3)", "√(x^4)"])
def test_smooth_joins_have_a_derivative(text: str) -> None:
    assert cr.explain(text, at=0).results[0].value == 0


def test_a_point_outside_the_domain() -> None:
    with pytest.raises(cr.DomainError, match=r"no finite value at x = -1: it is not a number"):
        cr.explain("ln x", at=-1)


@pytest.mark.parametrize(
    ("text", "at", "verdict"),
    [
        ("x^2", 0, "a local minimum"),
        ("cos x", 0, "a local maximum"),
        ("x^3 - 3x", 1, "f″ = 6 > 0: a local minimum"),
        ("x^4", 0, "the test does not decide"),
        ("x^2", 1, "x = 1 is no critical point: the derivative is 2, not 0"),
        ("x^2 + y^2", (0, 0), "all positive, a local minimum"),
        ("-x^2 - 3y^2", (0, 0), "all negative, a local maximum"),
        (
            "x^2 - y^2",
            (0, 0),
            "det H = -4, and H has the eigenvalues -2, 2: of both signs, a saddle",
        ),
        ("x^2 + y^4", (0, 0), "one is 0, the test does not decide"),
        ("x y", (1, 0), "no critical point: the gradient is 0, 1, not 0"),
        ("x^2 + y^2 + z^2", (0, 0, 0), "a local minimum"),
    ],
)
def test_second_derivative_test(text: str, at: object, verdict: str) -> None:
    assert verdict in remarks(text, at=at, order=2)


@pytest.mark.parametrize(
    ("text", "slope"), [("relu(x) - relu(-x)", "1"), ("relu(x) + 3x - relu(-x)", "4")]
)
def test_a_convention_that_is_not_the_derivative_is_no_value(text: str, slope: str) -> None:
    found = cr.explain(text, at=0)
    assert found.results[0].value is None
    assert f"the derivative from both sides is {slope}" in remarks(text, at=0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("|x|", "the function is not differentiable"),
        ("x |x|", "the derivative of order 1 is not differentiable"),
    ],
)
def test_second_derivatives_need_smooth_first_ones(text: str, words: str) -> None:
    found = cr.explain(text, at=0, order=2)
    assert found.results[0].value is None
    assert words in found.text() and "the test does not apply at x = 0" in found.text()


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("10^(-10) x", 0, "no critical point: the derivative is 1e-10"),
        ("10^(-15) x^2", 0, "f″ = 2e-15 > 0: a local minimum"),
        ("cos x", np.pi, "a local minimum"),
        ("(x - 1/3)^2 + 5", 0.333333333333, "a local minimum"),
        ("sin(x)^4", np.pi, "the test does not decide"),
        ("10^(-9) (x^2 - y^2)", (0, 0), "a saddle point"),
    ],
)
def test_the_test_is_independent_of_scale(text: str, at: object, words: str) -> None:
    assert words in remarks(text, at=at, order=2)


def test_digits_that_rounding_has_taken_are_said() -> None:
    assert "rounding leaves certain" in cr.explain("(1 - cos x)/x^2", at=1e-3).text()
    assert "rounding leaves certain" not in cr.explain("(1 - cos x)/x^2", at=1.0).text()
