"""Simplifying keeps the value, ends, and gives what a teacher writes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.core.node import input_node
from chainrule.core.types import array_type
from chainrule.explaining.check import evaluate
from chainrule.explaining.collect import collected
from chainrule.explaining.expression import (
    Apply,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    Symbol,
    from_json,
    number,
    to_json,
    walk,
)
from chainrule.explaining.reading import constant, read
from chainrule.explaining.simplify import cost, simplified
from chainrule.explaining.styles import TEXT
from chainrule.lift import FLOAT
from chainrule.notation import parse

LEAVES = st.one_of(
    st.sampled_from([Symbol("x"), Symbol("y")]),
    st.integers(-3, 4).map(number),
    st.fractions(-2, 2, max_denominator=4).map(Number),
)


def _compound(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    many = st.lists(inner, min_size=2, max_size=3).map(tuple)
    names = st.sampled_from(
        ["exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sigmoid", "abs", "sign"]
    )
    bounds = st.sampled_from(["maximum", "minimum"])
    relations = st.sampled_from(["less", "greater"])
    return st.one_of(
        many.map(Sum),
        many.map(Product),
        st.builds(Power, inner, st.sampled_from([-2, -1, 2, 3]).map(number)),
        st.builds(lambda name, e: Apply(name, (e,)), names, inner),
        st.builds(lambda name, a, b: Apply(name, (a, b)), bounds, inner, inner),
        st.builds(
            lambda name, a, b, c, d: Apply("where", (Apply(name, (a, b)), c, d)),
            *(relations, inner, inner, inner, inner),
        ),
    )


EXPRESSIONS = st.recursive(LEAVES, _compound, max_leaves=8)
POINTS = {"x": np.linspace(-1.37, 1.91, 9), "y": np.linspace(1.13, -0.77, 9)}


def agree(a: Expression, b: Expression) -> None:
    """Equal wherever every part of ``a`` has a finite value, and itself a moderate one."""
    first, second = evaluate(a, POINTS), evaluate(b, POINTS)
    judged = (np.abs(first) < 1e6) & (np.abs(first) > 1e-6)
    for part in walk(a):
        judged &= np.abs(evaluate(part, POINTS)) < 1e9
    np.testing.assert_allclose(second[judged], first[judged], rtol=1e-6)


@given(EXPRESSIONS)
@settings(max_examples=150)
def test_every_stage_keeps_the_value(e: Expression) -> None:
    before = collected(e)
    agree(e, before)
    for after, reason in simplified(e):
        assert reason
        agree(e, after)
    assert from_json(to_json(before)) == before


@given(EXPRESSIONS)
@settings(max_examples=60)
def test_simplified_is_never_longer_than_collected(e: Expression) -> None:
    lines = simplified(e)
    assert cost(lines[-1][0] if lines else e) <= cost(collected(e))


def as_expression(text: str) -> Expression:
    formula = parse(text)
    holes = {name: input_node(array_type((), FLOAT)) for name in formula.names}
    return read(formula.node(holes), {hole: Symbol(name) for name, hole in holes.items()})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4(3x + 1)^3*3", "12(3x + 1)³"),
        ("x*1 + 0*y", "x"),
        ("x + x + 2x", "4x"),
        ("x*x^2/x", "x²"),
        ("e^x e^(2x)", "e^(3x)"),
        ("e^x (x + 1) - e^x", "x e^x"),
        ("2x e^x + x^2 e^x", "x e^x (2 + x)"),
        ("e^(-x) (1 - x) (2 - x) - x e^(-x)", "e^(-x) (x² - 4x + 2)"),
        ("(2x (x^2 + 1) - x^2*2x)/(x^2 + 1)^2", "2x/(x² + 1)²"),
        ("cosh(x)^2 - sinh(x)^2", "1"),
        ("ln(e^x)", "x"),
        ("e^(3 ln x)", "x³"),
        ("|x| sgn(x)", "x"),
        ("x sgn(x)", "|x|"),
        ("(x sgn(x) - |x|)/x^2", "0"),
        ("(1 - x)/(x - 1)", "-1"),
        ("sin(-x)", "-sin(x)"),
        ("cos(-x)", "cos(x)"),
        ("e^(-x)/(1 + e^(-x))", "1/(1 + e^x)"),
        ("where(x > 0, 1, 0)*3x", "where(x > 0, 3x, 0)"),
        ("√x √x", "x"),
        ("1/(2√x) * 2√x", "1"),
        ("√2 √π y", "√(2π) y"),
        ("6x^2 + 6x", "6x² + 6x"),
        # what is common in front
        ("3x^2 ln(x) + x^2", "x² (3 ln(x) + 1)"),
        ("2^x + x 2^x ln 2", "2^x (1 + x ln(2))"),
        ("x^2 + x e^(x y)", "x² + x e^(x y)"),
        ("e^(-2z - e^(-z)) - e^(-z - e^(-z))", "e^(-e^(-z) - 2z) (1 - e^z)"),
        ("6(2x - 1)^2 (x + 2) - (2x - 1)^3", "(2x - 1)² (4x + 13)"),
        # fractions
        ("1/(x^2 (1 + 1/x)^2)", "1/(x + 1)²"),
        ("1 - 1/(1 + x)", "x/(1 + x)"),
        ("(3x/2 + 2)/√x", "(3x + 4)/(2√x)"),
        ("((x - 1)/2 + x)/√x", "(3x - 1)/(2√x)"),
        ("(x^3 + x^2 + x + 1)/(x + 1)^4", "(x² + 1)/(x + 1)³"),
        ("a/N^b - a/N^b", "0"),
        ("√2/(2√π) y", "y/√(2π)"),
        # signs
        ("-(a - b)", "b - a"),
        ("a - (b - c)", "a + c - b"),
        ("-2x (y - w x)", "2x (w x - y)"),
        ("-σ(x) (1 - σ(x))", "-σ(x) (1 - σ(x))"),
        ("-e^(-(x - m)^2) (x - m)", "-e^(-(x - m)²) (x - m)"),
        # identities
        ("-sin(x)/cos(x)", "-tan(x)"),
        ("(1 + tan(x)^2)/tan(x)^2", "1/sin²(x)"),
        ("cos(x)/(1 - sin(x)^2)", "1/cos(x)"),
        ("1 - tanh(x)^2", "1 - tanh²(x)"),
        # choices
        ("where(max(x, -1) < 1, where(x > -1, 1, 0), 0)", "where(x > -1 and x < 1, 1, 0)"),
        ("where(x/6 + 1/2 > 0, 1, 0)", "where(x > -3, 1, 0)"),
        ("where(q (y - p) > (q - 1)(y - p), q, q - 1)", "where(y > p, q, q - 1)"),
        ("where(x > 0, 1, e^(where(x > 0, 0, x)))", "where(x > 0, 1, e^x)"),
        ("where(w x + b > 0, 1, 0)", "where(w x + b > 0, 1, 0)"),
    ],
)
def test_results(text: str, wanted: str) -> None:
    e = as_expression(text)
    lines = simplified(e)
    assert TEXT(lines[-1][0] if lines else e) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0.5, "1/2"),
        (1 / 3, "1/3"),
        (2 / 3 - 1, "-1/3"),
        (0.1, "0.1"),
        (0.044715, "0.044715"),
        (np.pi, "π"),
        (2 / np.sqrt(np.pi), "2/√π"),
        (-np.sqrt(0.5), "-1/√2"),
        (np.log(10), "ln(10)"),
        (1 / np.log(2), "1/ln(2)"),
        (np.pi - 1, "π - 1"),
        (np.inf, "∞"),
        (0.123456789012345, "0.123456789012345"),
        (1e300, "10³⁰⁰"),
        (2.5e-7, "2.5 · 10⁻⁷"),
    ],
)
def test_numbers_are_written_as_people_would(value: float, wanted: str) -> None:
    e = constant(float(value))
    assert TEXT(e) == wanted
    np.testing.assert_allclose(evaluate(e, {}), value, rtol=1e-15)
