"""Rules go by their textbook names, and results look as a teacher writes them."""

import pytest

import chainrule as cr
from chainrule.explaining import Reference, Step
from chainrule.explaining.styles import TEXT

RULES = [
    ("5", "constant rule"),
    ("x", "identity rule"),
    ("3x", "constant multiple rule"),
    ("x + sin x", "sum rule"),
    ("x^2 - x", "difference rule"),
    ("x sin x", "product rule"),
    ("x/(x + 1)", "quotient rule"),
    ("1/cos x", "reciprocal rule"),
    ("x^7", "power rule"),
    ("√x", "power rule"),
    ("x^2.5", "power rule"),
    ("e^x", "exponential rule"),
    ("2^x", "exponential rule"),
    ("ln x", "logarithm rule"),
    ("log_10 x", "logarithm rule"),
    ("sin x", "sine rule"),
    ("cos x", "cosine rule"),
    ("tan x", "tangent rule"),
    ("arctan x", "inverse tangent rule"),
    ("tanh x", "hyperbolic rule"),
    ("artanh x", "inverse hyperbolic rule"),
    ("sin(x^2)", "chain rule"),
    ("x^x", "logarithmic differentiation"),
    ("|x|", "absolute value rule"),
    ("where(x > 0, x, x^2)", "piecewise rule"),
    ("max(x, 1)", "maximum rule"),
    ("relu(x)", "relu rule"),
    ("σ(x)", "sigmoid rule"),
    ("softplus(x)", "softplus rule"),
    ("erf(x)", "error function rule"),
    ("floor(x)", "piecewise constant"),
]

RESULTS = [
    ("(3x + 1)^4", "12(3x + 1)³"),
    ("x^3 - 4x^2 + 2", "3x² - 8x"),
    ("x/(x^2 + 1)", "(1 - x²)/(x² + 1)²"),
    ("x ln x", "ln(x) + 1"),
    ("√(x^2 + 1)", "x/√(x² + 1)"),
    ("x^2 e^x", "x e^x (2 + x)"),
    ("σ(x)", "σ(x) (1 - σ(x))"),
    ("sin^2 x + cos^2 x", "0"),
    ("sin(x)/cos(x)", "1/cos²(x)"),
    ("ln(x + √(x^2 + 1))", "1/√(x² + 1)"),
    ("x arctan x - ln(1 + x^2)/2", "arctan(x)"),
    ("x^x", "x^x (ln(x) + 1)"),
    ("x^(2/3)", "2/(3x^(1/3))"),
    ("e^(-x^2/2)/√(2π)", "-x e^(-x²/2)/√(2π)"),
    ("gelu(x)", "erfc(-x/√2)/2 + x e^(-x²/2)/√(2π)"),
    ("log_3(x)", "1/(x ln(3))"),
    ("relu(x)", "where(x > 0, 1, 0)"),
    ("|x^2 - 1|", "2x sgn(x² - 1)"),
    ("-ln σ(x)", "σ(x) - 1"),
]


@pytest.mark.parametrize(("text", "rule"), RULES)
def test_rule(text: str, rule: str) -> None:
    (step,) = cr.explain(text).steps
    assert step.rule == rule
    assert step.law is not None or rule == "piecewise constant"


@pytest.mark.parametrize(("text", "result"), RESULTS)
def test_result(text: str, result: str) -> None:
    assert cr.explain(text).result == result


def test_the_chain_rule_names_its_substitution() -> None:
    (step,) = cr.explain("(3x + 1)^4").steps
    (let,) = step.lets
    assert (let.name, TEXT(let.expression)) == ("u", "3x + 1")
    outer, inner = step.children
    assert isinstance(outer, Step) and isinstance(inner, Step)
    assert (outer.rule, TEXT(outer.result)) == ("power rule", "4u³")
    assert (inner.rule, TEXT(inner.result)) == ("sum rule", "3")
    shown = [(TEXT(line.expression), line.reason) for line in step.lines]
    assert shown == [
        ("4(3x + 1)³ · 3", "power rule, times the inner derivative"),
        ("12(3x + 1)³", "collect numbers, like terms and powers"),
    ]


def test_letters_of_substitutions_are_not_those_of_variables() -> None:
    lets = [let.name for step in cr.explain("sin(u^2 v)^3").walk() for let in step.lets]
    assert lets and not {"u", "v"} & set(lets)


def test_laws_come_from_the_records() -> None:
    laws = {t: cr.explain(t).steps[0].law for t in ("tanh x", "ln x", "arcsin x", "softplus(x)")}
    assert {t: law and law.text for t, law in laws.items()} == {
        "tanh x": "(tanh(u))′ = (1 - tanh²(u)) · u′",
        "ln x": "(ln(u))′ = 1/u · u′",
        "arcsin x": "(arcsin(u))′ = 1/√(1 - u²) · u′",
        "softplus(x)": "(softplus(u))′ = σ(u) · u′",
    }


def test_what_is_shared_is_derived_once() -> None:
    found = cr.explain("sin(x^3) + cos(x^3)")
    cubes = [
        step for step in found.walk() if TEXT(getattr(step.subject, "of", step.result)) == "x³"
    ]
    assert len(cubes) == 1
    references = [
        child for step in found.walk() for child in step.children if isinstance(child, Reference)
    ]
    assert [reference.number for reference in references] == [cubes[0].number]


def test_partial_derivatives_say_what_is_held_constant() -> None:
    found = cr.explain("x^2 y + z")
    assert [section.notes[:1] for section in found.sections[:3]] == [
        ("y, z are held constant",),
        ("x, z are held constant",),
        ("x, y are held constant",),
    ]
    assert found.result == "2x y, x², 1"
    assert found.sections[-1].steps[-1].rule == "gradient"
    assert cr.explain("x^2 y", wrt="y").result == "x²"


def test_higher_orders_build_on_each_other() -> None:
    found = cr.explain("x^4", order=3)
    assert [section.title.text for section in found.sections] == ["f′(x)", "f″(x)", "f‴(x)"]
    assert found.result == "24x"
    assert cr.explain("x^2 y^3", order=2).result == "2y³, 6x y²; 6x y², 6x² y"


def test_conventions_at_kinks_are_stated() -> None:
    (step,) = cr.explain("relu(x)").steps
    assert step.notes == ("convention: relu has slopes 0 and 1 at 0; 0 is taken",)
    assert cr.explain("x^3").steps[0].notes == ()
