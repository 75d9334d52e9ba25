"""The limit definition: every line equals the difference quotient, the last one its limit."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError, ClaimError
from chainrule.explaining import Explanation, Step, difference
from chainrule.explaining.styles import TEXT

ALGEBRA = [
    ("x^2", "2x"),
    ("x^3 - 2x + 5", "3x² - 2"),
    ("(x + 1)^4", None),
    ("7", "0"),
    ("5x - 1", "5"),
    ("1/x", "-1/x²"),
    ("1/x^3", "-3/x⁴"),
    ("x/(x + 1)", "1/(x + 1)²"),
    ("(x^2 - 1)/(2x + 3)", None),
    ("√x", "1/(2√x)"),
    ("√(x^2 + 1)", "x/√(x² + 1)"),
    ("1/√(2x + 1)", "-1/(2x + 1)^(3/2)"),
    ("sin x", "cos(x)"),
    ("cos(3x + 1)", "-3 sin(3x + 1)"),
    ("tan(2x)", None),
    ("sinh x", "cosh(x)"),
    ("cosh(x/2)", "sinh(x/2)/2"),
    ("e^(2x)", "2 e^(2x)"),
    ("2^x", "2^x ln(2)"),
    ("ln(3x + 1)", "3/(3x + 1)"),
    ("3 sin(2x) + x^2 - 4/x", "2x + 6 cos(2x) + 4/x²"),
    ("e^x - √x/2 + π", None),
]


def quotient(text: str, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    f = cr.parse(text, names=("x",))
    return np.asarray((f(x + h) - f(x)).numpy() / h)


def steps(found: Explanation, rule: str) -> list[Step]:
    return [step for step in found.walk() if step.rule == rule]


@pytest.mark.parametrize(("text", "formula"), ALGEBRA)
def test_the_algebra_ends_at_the_derivative(text: str, formula: str | None) -> None:
    found = cr.explain(text, kind="limit")
    assert formula is None or found.result == formula
    assert not steps(found, "chain rule")  # no rule of differentiation is used
    x = np.linspace(0.3, 2.0, 7)
    f = cr.parse(text, names=("x",))
    slope = np.array([float(cr.derivative(f)(value)) for value in x])
    shown = cr.parse(found.result, names=("x",))(x).numpy()
    np.testing.assert_allclose(np.broadcast_to(shown, x.shape), slope, rtol=1e-10, atol=1e-13)
    assert Explanation.from_json(found.json()) == found


@pytest.mark.parametrize("text", [text for text, _ in ALGEBRA])
def test_every_line_is_the_quotient(text: str) -> None:
    found = cr.explain(text, kind="limit")
    rng = np.random.default_rng(0)
    x, h = rng.uniform(0.3, 2.0, 20), rng.uniform(0.05, 0.6, 20)
    (whole,) = steps(found, "difference quotient")
    expected = quotient(text, x, h)
    for line in whole.lines:
        value = cr.parse(TEXT(line.expression), names=("x", "h"))(x, h).numpy()
        np.testing.assert_allclose(np.broadcast_to(value, x.shape), expected, rtol=1e-9, atol=1e-9)
    for part in steps(found, "worked out"):
        first = cr.parse(TEXT(part.subject), names=("x", "h"))(x, h).numpy()  # type: ignore[arg-type]
        for line in part.lines:
            value = cr.parse(TEXT(line.expression), names=("x", "h"))(x, h).numpy()
            np.testing.assert_allclose(value, first, rtol=1e-9, atol=1e-9)


def test_it_is_shown_as_on_a_board() -> None:
    text = cr.explain("x^2", 3, kind="limit").text()
    for line in (
        "= ((x + h)² - x²)/h ",
        "= (x² + 2x h + h² - x²)/h ",
        "= (2x h + h²)/h ",
        "= h (2x + h)/h ",
        "= 2x + h ",
        "0.001    6.001            5.999             0.001",
    ):
        assert line in text
    assert "h → 0" in text and text.endswith("f′(x) = 2x\nf′(3) = 6")
    assert "known limits: sin(t)/t → 1" in cr.explain("sin x", kind="limit").text()


@pytest.mark.parametrize("text", ["x sin x", "x^x", "gelu(x)", "e^(x^2)", "x^(1/3)"])
def test_without_algebra_numbers_are_shown_and_that_is_said(text: str) -> None:
    found = cr.explain(text, kind="limit")
    (step,) = steps(found, "difference quotient")
    assert "not carried out here" in step.notes[0]
    (numbers,) = steps(found, "numbers")
    assert numbers.table is not None and len(numbers.table.rows) == 6
    assert abs(float(str(numbers.table.rows[-1][-1]))) < 1e-4
    assert found.result == cr.explain(text).result


def test_the_table_shows_both_sides_of_a_kink() -> None:
    found = cr.explain("|x|", 0, kind="limit")
    (numbers,) = steps(found, "numbers")
    assert numbers.table is not None
    assert {row[1:] for row in numbers.table.rows} == {("1", "-1")}
    assert found.results[0].value is None


def test_parameters_are_held() -> None:
    found = cr.explain("k x^2 + h", kind="limit", wrt="x")  # h is taken: the step is called k, t, …
    assert found.result == "2k x"
    assert "(f(k, x + t, h) - f(k, x, h))/t" in found.text()


def test_a_wrong_line_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"sin": ("cos", "cos", "sin", -1)}
    monkeypatch.setattr(difference, "_ADDITION", wrong)
    with pytest.raises(ClaimError):
        cr.explain("sin x", kind="limit")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"order": 2}, "for order=1, not 2"),
        ({}, "choose one of x, y with wrt="),
        ({"wrt": "z"}, "no variable 'z'"),
    ],
)
def test_refusals(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        cr.explain("x y", kind="limit", **options)
    assert words in str(caught.value)


@pytest.mark.parametrize(("text", "complete"), [("x^3", True), ("sin(x^2)", False)])
def test_algebra_that_is_not_carried_out_is_not_called_complete(text: str, complete: bool) -> None:
    assert cr.explain(text, kind="limit").complete is complete
