"""A wrong line is never shown: planted errors are found."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ClaimError
from chainrule.core.node import input_node
from chainrule.core.types import array_type
from chainrule.explaining import derive, laws, lines, rules
from chainrule.explaining.check import Bench, measured, points_for
from chainrule.explaining.expression import Expression, Symbol, number, product
from chainrule.explaining.reading import read
from chainrule.explaining.rounding import Measured
from chainrule.explaining.simplify import simplified
from chainrule.lift import FLOAT


def wrong_product(deriver: object, push: object, taken: frozenset[str]) -> object:
    """A product rule that forgets a term."""
    _, v = push.node.sources  # type: ignore[attr-defined]
    (du, _), _, _ = rules._both(deriver, push, taken)  # type: ignore[arg-type]
    raw = product([du, deriver.written[v]])  # type: ignore[attr-defined]
    return deriver.finished(push, "product rule", laws.of(rules.products), raw)  # type: ignore[attr-defined]


def test_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules._RULES, ("mul", 2), wrong_product)
    with pytest.raises(ClaimError, match=r"the line sin\(x\) is .* the engine computed"):
        cr.explain("x sin x")


@pytest.mark.parametrize("factor", [1.0000001, -1, 2])
def test_a_wrong_simplification(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    def doubled(e: Expression) -> list[tuple[Expression, str]]:
        return [*simplified(e), (product([number(factor), e]), "not so")]

    monkeypatch.setattr(lines, "simplified", doubled)
    with pytest.raises(ClaimError):
        cr.explain("x^2 e^x")


def test_a_wrong_local_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    right: Callable[..., Expression] = derive._Deriver.local

    def turned(*arguments: object) -> Expression:
        return product([number(-1), right(*arguments)])

    monkeypatch.setattr(derive._Deriver, "local", turned)
    with pytest.raises(ClaimError):
        cr.explain("sin(x^2)")


@pytest.mark.parametrize("text", ["arcosh(x - 20)", "ln(x - 100)", "√(1 - x) ln(x)", "ln(-x - 3)"])
def test_points_are_found_in_narrow_domains(text: str) -> None:
    assert cr.explain(text).complete


def test_a_function_without_values_is_refused() -> None:
    with pytest.raises(cr.DomainError, match="at none of the points"):
        cr.explain("√(-1 - x^2)")


def test_textbook_forms_may_lose_digits_where_the_engine_does_not() -> None:
    assert cr.explain("ln(1 - σ(20 x + 10))").complete
    assert cr.explain("ln(1 - σ(100x))", order=2).result == "-10000σ(100x) (1 - σ(100x))"


# -- planted lines ---------------------------------------------------------------------------------

PLANTED = [
    # ordinary functions: the function, its derivative, and what it is not
    ("x^3", "3x^2", "-3x^2"),
    ("x^3", "3x^2", "3x^3"),
    ("x^3", "3x^2", "3x^2 + 1e-6"),
    ("x^3", "3x^2", "3.000001x^2"),
    ("(3x + 1)^4", "12(3x + 1)^3", "4(3x + 1)^3"),
    ("(3x + 1)^4", "12(3x + 1)^3", "12(3x - 1)^3"),
    ("x sin x", "sin x + x cos x", "x cos x"),
    ("x sin x", "sin x + x cos x", "sin x - x cos x"),
    ("x sin x", "sin x + x cos x", "cos x"),
    ("sin(x^2)", "2x cos(x^2)", "cos(x^2)"),
    ("sin(x^2)", "2x cos(x^2)", "2x cos(2x)"),
    ("sin(x^2)", "2x cos(x^2)", "-2x cos(x^2)"),
    ("x/(x^2 + 1)", "(1 - x^2)/(x^2 + 1)^2", "(1 + x^2)/(x^2 + 1)^2"),
    ("x/(x^2 + 1)", "(1 - x^2)/(x^2 + 1)^2", "(1 - x^2)/(x^2 + 1)"),
    ("x/(x^2 + 1)", "(1 - x^2)/(x^2 + 1)^2", "(x^2 - 1)/(x^2 + 1)^2"),
    ("ln(x^2 + 1)", "2x/(x^2 + 1)", "1/(x^2 + 1)"),
    ("√(x^2 + 1)", "x/√(x^2 + 1)", "1/(2√(x^2 + 1))"),
    ("√(x^2 + 1)", "x/√(x^2 + 1)", "x √(x^2 + 1)"),
    ("x^x", "x^x (ln x + 1)", "x x^(x - 1)"),
    ("x^x", "x^x (ln x + 1)", "x^x ln x"),
    ("σ(x)", "σ(x)(1 - σ(x))", "σ(x)"),
    ("σ(x)", "σ(x)(1 - σ(x))", "σ(x)(1 + σ(x))"),
    ("tanh x", "1 - tanh^2 x", "1 - tanh x"),
    ("arctan x", "1/(1 + x^2)", "1/√(1 + x^2)"),
    ("gelu(x)", "erfc(-x/√2)/2 + x e^(-x^2/2)/√(2π)", "erfc(-x/√2)/2 + e^(-x^2/2)/√(2π)"),
    ("x y^2", "y^2", "x"),
    # steep ones
    ("e^(50x)", "50e^(50x)", "50e^(50x) + 1e-6"),
    ("e^(50x)", "50e^(50x)", "50.00001e^(50x)"),
    ("e^(50x)", "50e^(50x)", "e^(50x)"),
    ("x^100", "100x^99", "100x^99 - 1e-6"),
    ("x^100", "100x^99", "99x^99"),
    ("σ(100x)", "100σ(100x)(1 - σ(100x))", "100σ(100x)(1 - σ(100x)) + 1e-6"),
    ("σ(100x)", "100σ(100x)(1 - σ(100x))", "100σ(100x)"),
    ("ln(1 - σ(20x + 10))", "-20σ(20x + 10)", "-20σ(20x + 10) + 1e-6"),
    ("ln(1 - σ(20x + 10))", "-20σ(20x + 10)", "-σ(20x + 10)"),
    ("tanh(1000x)", "1000(1 - tanh(1000x)^2)", "1000(1 - tanh(1000x)^2) + 1e-6"),
    ("e^(e^(3x))", "3e^(3x) e^(e^(3x))", "3e^(3x) e^(e^(3x)) + 1e-6"),
    ("1/(x - 1)^6", "-6/(x - 1)^7", "-6/(x - 1)^7 + 1e-6"),
    ("cos(300x)", "-300sin(300x)", "-300sin(300x) + 1e-6"),
    # one branch only
    ("|x|", "where(x > 0, 1, -1)", "1"),
    ("relu(x)", "where(x > 0, 1, 0)", "where(x > 0, 1, 1e-6)"),
    ("where(x > 0, x^2, -x)", "where(x > 0, 2x, -1)", "where(x > 0, 2x, 1)"),
    ("where(x > 0, x^2, -x)", "where(x > 0, 2x, -1)", "where(x > 0, 2x + 1e-6, -1)"),
    ("max(min(x, 6), 0)", "where(x > 0 and x < 6, 1, 0)", "where(x > 0, 1, 0)"),
    (
        "where(x > 0.3 and x < 0.35, x^2, x)",
        "where(x > 0.3 and x < 0.35, 2x, 1)",
        "where(x > 0.3 and x < 0.35, x, 1)",
    ),
    (
        "where(x > 10, x^2, where(x < -10, -x, 1))",
        "where(x > 10, 2x, where(x < -10, -1, 0))",
        "where(x > 10, 2x, where(x < -10, 1, 0))",
    ),
    # a formula that has no value on one side
    ("x^2", "2x", "2√x √x"),
    ("x^3/3", "x^2", "e^(2 ln x)"),
]


@pytest.mark.parametrize(("text", "right", "wrong"), PLANTED)
def test_planted_lines_are_found(text: str, right: str, wrong: str) -> None:
    formula = cr.parse(text)
    holes = {name: input_node(array_type((), FLOAT)) for name in formula.names}
    output = formula.node(holes)
    slope = derive.tangent_of(output, holes["x"])
    assert slope is not None
    points = points_for(list(holes.values()), [output, slope], {})
    bench = Bench({hole: name for name, hole in holes.items()}, [slope], points)
    known = {hole: Symbol(name) for name, hole in holes.items()}

    def claim(line: str) -> None:
        e = read(cr.parse(line, names=formula.names).node(holes), known)
        bench.claim(e, bench.values[slope])

    claim(right)
    with pytest.raises(ClaimError, match="the engine computed"):
        claim(wrong)


def test_bounds_hold_what_rounding_does() -> None:
    """Against the same formulas to fifty digits."""
    mpmath = pytest.importorskip("mpmath")
    cases: list[tuple[str, Callable[..., Any]]] = [
        ("1 - σ(x)", lambda x: 1 - 1 / (1 + mpmath.exp(-x))),
        ("ln(1 + e^x) - x", lambda x: mpmath.log(1 + mpmath.exp(x)) - x),
        ("(x + 1)^2 - x^2 - 2x - 1 + x/3", lambda x: x / 3),
        ("√(x^2 + 1) - x", lambda x: mpmath.sqrt(x**2 + 1) - x),
        ("(1 - cos x)/x^2", lambda x: (1 - mpmath.cos(x)) / x**2),
        ("sin(x)^2 + cos(x)^2 - 1 + e^(-x)", lambda x: mpmath.exp(-x)),
    ]
    x = np.concatenate([np.geomspace(1e-7, 30, 60), -np.geomspace(1e-7, 30, 60)])
    with mpmath.workdps(50):
        for text, exact in cases:
            hole = input_node(array_type((), FLOAT))
            e = read(cr.parse(text).node({"x": hole}), {hole: Symbol("x")})
            found = measured(e, {"x": Measured.exact(x)})
            right = [exact(mpmath.mpf(p)) for p in x]
            off = [abs(float(v - r)) for v, r in zip(found.values, right, strict=True)]
            assert np.all(np.array(off) <= found.errors), text
            assert np.min(found.errors) < 1e-13, text


def test_what_rounding_hides_is_not_taken_for_right() -> None:
    x = np.linspace(20.0, 30.0, 24)
    exact = Measured.exact(x)
    hole = input_node(array_type((), FLOAT))
    bench = Bench({hole: "x"}, [], x[:, None])
    e = read(cr.parse("(1 + e^(-2x)) - 1").node({"x": hole}), {hole: Symbol("x")})
    with pytest.raises(ClaimError, match="cannot be held against the engine"):
        bench.claim(e, Measured(np.exp(-2 * x), exact.errors))


def test_there_is_a_point_in_every_branch() -> None:
    hole = input_node(array_type((), FLOAT))
    output = cr.parse("where(x > 0.3 and x < 0.32, 1, 0) + |x - 2| + relu(x + 39)").node(
        {"x": hole}
    )
    slope = derive.tangent_of(output, hole)
    assert slope is not None
    (x,) = points_for([hole], [output, slope], {}).T
    for inside in ((x > 0.3) & (x < 0.32), x > 2, x < 2, x < -39, x > -39):
        assert np.any(inside)
