"""The functions of pictures: values with gaps, slopes, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.errors import ArgumentError, DomainError, GradientError
from chainrule.pictures.ranges import chosen_width, visible
from chainrule.pictures.subject import Subject


def huber(x):
    if abs(x) < 1:
        return x**2 / 2
    return abs(x) - 0.5


def test_gaps_outside_the_domain():
    subject = Subject("tangent", "log(x)", 1.0, 1)
    x = np.array([-1.0, 0.0, 1.0, np.e])
    np.testing.assert_array_equal(np.isnan(subject.values(x)), [True, True, False, False])
    np.testing.assert_array_equal(np.isnan(subject.slopes(x)[0]), [True, True, False, False])


@settings(max_examples=20)
@given(st.floats(-2, 2), st.floats(-2, 2))
def test_text_python_and_arrays_are_the_same_function(x, y):
    at = (0.5, 0.25)
    three = [
        Subject("contour", "sin(x) y^2", at, 2),
        Subject("contour", lambda x, y: cr.sin(x) * y**2, at, 2),
        Subject("contour", lambda p: cr.sin(p[0]) * p[1] ** 2, np.array(at), 2),
    ]
    for subject in three:
        assert float(subject.values(x, y)) == pytest.approx(np.sin(x) * y**2, abs=1e-15)
        slopes = [float(slope) for slope in subject.slopes(x, y)]
        assert slopes == pytest.approx([np.cos(x) * y**2, 2 * np.sin(x) * y], abs=1e-14)


def test_a_function_that_decides_by_values_is_asked_everywhere():
    subject = Subject("tangent", huber, 0.5, 1)
    x = np.array([-3.0, -0.5, 0.5, 2.0])
    np.testing.assert_allclose(subject.values(x), [2.5, 0.125, 0.125, 1.5])
    np.testing.assert_allclose(subject.slopes(x)[0], [-1, -0.5, 0.5, 1])


def test_names_and_labels():
    assert Subject("tangent", "t^2", {"t": 1}, 1).label == "f(t) = t^2"
    assert Subject("tangent", lambda t: t**2, 1, 1).label == "f(t)"
    assert Subject("tangent", "7", 1.0, 1).gradient() == [0]
    assert Subject("contour", lambda p: p.sum(), (1, 2), 2).names == ("x₁", "x₂")


@pytest.mark.parametrize(
    ("f", "at", "variables", "error", "words"),
    [
        ("x y", (1, 2), 1, ArgumentError, "has 2 variables .x, y.; take contour"),
        ("x", 1.0, 2, ArgumentError, "has one variable .x.; take tangent or taylor"),
        ("x y z", (1, 2, 3), 2, ArgumentError, "put in numbers"),
        (lambda x, y, z: x, (1, 2, 3), 2, ArgumentError, "3 variables"),
        ("x", None, 1, ArgumentError, "needs a point"),
        ("x", "a", 1, ArgumentError, "not 'a'"),
        ("x", (1, 2), 1, ArgumentError, "takes 1 values"),
        (3, 1.0, 1, ArgumentError, "formula as text or a function, not int"),
        ("log x", -1.0, 1, DomainError, "no finite value at x = -1"),
        (lambda x: cr.stack([x, x]), 1.0, 1, GradientError, "scalar result"),
        (lambda x: (x, x), 1.0, 1, GradientError, "one result, this one has 2"),
    ],
)
def test_what_is_refused(f, at, variables, error, words):
    with pytest.raises(error, match=words):
        Subject("tangent", f, at, variables)


@pytest.mark.parametrize(
    ("f", "at", "words"),
    [
        ("|x|", 0, "from the left is -1; the derivative from the right is 1"),
        ("sqrt x", 0, "no value on the left; the slope on the right is infinite"),
        (huber, None, ""),
    ],
)
def test_kinks_are_refused(f, at, words):
    if at is None:
        assert Subject("tangent", f, 1.0, 1).gradient() == [1]
        return
    with pytest.raises(GradientError, match=words):
        Subject("tangent", f, at, 1).gradient()


def test_a_kink_in_one_of_two_variables():
    with pytest.raises(GradientError, match="not differentiable in y at x = 1, y = 0"):
        Subject("contour", "x + |y|", (1, 0), 2).gradient()


@pytest.mark.parametrize("frequency", [1, 10, 100, 1000])
def test_the_width_follows_the_function(frequency):
    subject = Subject("tangent", f"sin({frequency} x)", 0.0, 1)
    width = chosen_width(subject, None)
    assert 0.5 / frequency < width <= 2.5 * np.pi / frequency or width == 2.0


def test_a_width_that_is_none():
    subject = Subject("tangent", "x", 0.0, 1)
    assert chosen_width(subject, 3) == 3
    for width in (0, -1, np.inf, "a"):
        with pytest.raises(ArgumentError, match="positive number"):
            chosen_width(subject, width)


def test_poles_do_not_flatten_a_curve():
    x = np.linspace(-1, 3, 801)
    with np.errstate(all="ignore"):
        low, high = visible(1 / x)
    assert -5 < low < 0 and 2 < high < 10
    assert visible(x**2)[1] > 8


def test_greek_letters_and_subscripts_are_read_as_such() -> None:
    subject = Subject("contour", "α^2 w_1", {"alpha": 1.0, "w_1": 2.0}, 2)
    assert subject.label == "f(α, w₁) = α^2 w_1" and subject.place == "α = 1, w₁ = 2"
