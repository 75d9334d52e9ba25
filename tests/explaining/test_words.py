"""Formulas in words: what is heard is what was meant, and in no other way."""

import numpy as np
import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule.explaining.check import evaluate
from chainrule.explaining.expression import Expression, Vector, parts, symbols
from chainrule.explaining.printers.speech import said, spoken
from chainrule.explaining.styles import TEXT
from tests.explaining.expressions import EXPRESSIONS
from tests.explaining.hearing import heard
from tests.explaining.held_back import EXPRESSIONS as HELD_BACK
from tests.explaining.test_simplify import EXPRESSIONS as ANY
from tests.explaining.test_simplify import POINTS, as_expression

PHRASES = [
    ("3x + 1", "3 x plus 1"),
    ("(3x + 1)^4", "the quantity 3 x plus 1 end quantity to the power 4"),
    ("x^2 sin x", "x squared times sine of x"),
    ("sin(x^2)", "sine of x squared"),
    ("sin(x)^2", "sine squared of x"),
    ("sin(x + 1)", "sine of the quantity x plus 1 end quantity"),
    ("sin(x)/2", "the fraction sine of x, all over 2, end fraction"),
    ("sin(x/2)", "sine of the quantity x over 2 end quantity"),
    ("1/x", "1 over x"),
    ("x^2/2", "x squared over 2"),
    ("x/(2y)", "the fraction x, all over 2 y, end fraction"),
    ("x y/2", "x y over 2"),
    ("(x + 1)/(x - 1)", "the fraction x plus 1, all over x minus 1, end fraction"),
    ("1/(1 + 1/x)", "the fraction 1, all over 1 plus 1 over x, end fraction"),
    ("x^3 - 2x", "x cubed minus 2 x"),
    ("-x", "minus x"),
    ("-2(x - y)", "minus 2 times the quantity x minus y end quantity"),
    ("x - (y + z)", "x minus the quantity y plus z end quantity"),
    ("e^x", "e to the power x"),
    ("e^(-x)", "e to the power minus x"),
    ("e^(-x^2)", "e to the power the quantity minus x squared end quantity"),
    ("e^(x + 1)", "e to the power the quantity x plus 1 end quantity"),
    ("e^x y", "e to the power x times y"),
    ("x^n", "x to the power n"),
    ("x^(2/3)", "x to the power two thirds"),
    ("x^(5/7)", "x to the power the quantity 5 over 7 end quantity"),
    ("√x", "the square root of x"),
    ("√(x + 1)", "the square root of the quantity x plus 1 end quantity"),
    ("√x + 1", "the square root of x plus 1"),
    ("1/√x", "the fraction 1, all over the square root of x, end fraction"),
    ("ln x", "natural log of x"),
    ("ln(x)^2", "the quantity natural log of x end quantity squared"),
    ("log_2(x)", "log base 2 of x"),
    ("|x|", "the absolute value of x"),
    ("|x - 1|", "the absolute value of the quantity x minus 1 end quantity"),
    ("arctan(2x)", "arc tangent of 2 x"),
    ("tanh(x)^2", "hyperbolic tangent squared of x"),
    ("σ(w x + b)", "sigmoid of the quantity w x plus b end quantity"),
    ("sin(cos x)", "sine of cosine of x"),
    ("max(x, 2y)", "the maximum of x and 2 y, end maximum"),
    ("where(x > 0, x^2, -x)", "x squared if x is greater than 0, otherwise minus x"),
    ("1 + where(x > 0, x, 0)", "1 plus the case x if x is greater than 0, otherwise 0, end case"),
    ("x/2 + x/3", "x over 2 plus x over 3"),
    ("(x + y)^2 z", "the quantity x plus y end quantity squared times z"),
    ("w_1 x_2", "w sub 1 x sub 2"),
    ("θ ŷ", "theta y hat"),
    ("2π r", "2 pi r"),
    ("0.1x", "0.1 x"),
    ("10^(-7) + x", "10 to the power minus 7 plus x"),
]


@pytest.mark.parametrize(("text", "words"), PHRASES)
def test_phrases(text: str, words: str) -> None:
    assert said(as_expression(text)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("f(x)", "f of x"),
        ("f′(x)", "f prime of x"),
        ("f″(2)", "f double prime of 2"),
        ("∂f/∂w₁", "the partial derivative of f with respect to w sub 1"),
        ("∂²f/∂x∂y", "the second partial derivative of f with respect to x and y"),
        ("∂f/∂x (1, -2)", "the partial derivative of f with respect to x at 1, minus 2"),
        ("∇f(x, y)", "the gradient of f of x, y"),
        ("det H = -4", "det H equals minus 4"),
        ("f′ = 0 and f″ = 6 > 0", "f prime equals 0 and f double prime equals 6 is greater than 0"),
        ("at x = -1", "at x equals minus 1"),
        ("σ and β", "sigma and beta"),
    ],
)
def test_names_and_notes(text: str, words: str) -> None:
    assert spoken(text) == words


def understood(e: Expression, points: dict[str, np.ndarray]) -> None:
    """What a listener writes down has the same values."""
    names = tuple(symbols(e))
    with np.errstate(all="ignore"):
        formula = cr.parse(heard(said(e)), names=names)
        found = np.broadcast_to(formula(*(points[n] for n in names)).numpy(), (9,))
        meant = evaluate(e, {n: points[n] for n in names} or {"x": points["x"]})
    np.testing.assert_allclose(found, np.broadcast_to(meant, (9,)), rtol=1e-9, atol=1e-12)


@given(ANY)
@settings(max_examples=300)
def test_what_is_heard_is_what_was_meant(e: Expression) -> None:
    understood(e, POINTS)


def lines_are_understood(text: str) -> None:
    rng = np.random.default_rng(0)
    for step in cr.explain(text).walk():
        for line in step.lines:
            inner = line.expression
            for e in parts(inner) if isinstance(inner, Vector) else [inner]:
                understood(e, {name: rng.uniform(0.2, 1.6, 9) for name in ["x", *symbols(e)]})


@pytest.mark.parametrize("text", EXPRESSIONS[::10])
def test_every_line_is_understood(text: str) -> None:
    lines_are_understood(text)


@pytest.mark.slow
@pytest.mark.parametrize("text", HELD_BACK)
def test_every_line_of_the_lists_is_understood(text: str) -> None:
    lines_are_understood(text)


def test_an_explanation_is_read_aloud() -> None:
    words = cr.explain("(3x + 1)^4", 2.0).words()
    assert "Step 1, chain rule: find the derivative of the quantity 3 x plus 1" in words
    assert "Let u be 3 x plus 1." in words
    assert (
        "Result: f prime of x equals 12 times the quantity 3 x plus 1 end quantity cubed." in words
    )
    assert words.endswith("f prime of 2 equals 4116.")
    for text in (words, cr.explain("x^2 y", order=2, at=(1, 2)).words()):
        assert not set(text) & set("∂′″²³√·=+|∇σ")
    assert len(cr.explain("x sin x").words(limit=1)) < len(cr.explain("x sin x").words())


def test_formulas_of_pages_have_their_words() -> None:
    e = cr.explain("x/(x + 1)")
    page = e.html()
    assert f"f of x equals {said(e.function)}" in page
    assert page.count("<math") == page.count("alttext=") > 5
    assert TEXT(e.function) not in page.partition("<body>")[2]
