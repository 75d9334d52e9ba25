"""Taylor polynomials: coefficients, their exact forms, remainders."""

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError
from chainrule.explaining import Explanation, Step

EXACT = [
    ("sin x", 0, 5, "x - x³/6 + x⁵/120"),
    ("e^x", 0, 4, "1 + x + x²/2 + x³/6 + x⁴/24"),
    ("ln x", 1, 3, "(x - 1) - (x - 1)²/2 + (x - 1)³/3"),
    ("√(1 + x)", 0, 4, "1 + x/2 - x²/8 + x³/16 - 5x⁴/128"),
    ("1/(1 - x)", 0, 3, "1 + x + x² + x³"),
    ("atan x", 0, 7, "x - x³/3 + x⁵/5 - x⁷/7"),
    ("erf x", 0, 3, "2x/√π - 2x³/(3√π)"),
    ("x^3 - 2x + 1", 2, 10, "5 + 10(x - 2) + 6(x - 2)² + (x - 2)³"),
    ("cos x", 1, 2, "cos(1) - sin(1) (x - 1) - cos(1) (x - 1)²/2"),
    ("x^x", 1, 4, "1 + (x - 1) + (x - 1)² + (x - 1)³/2 + (x - 1)⁴/3"),
    ("e^(k x)", {"x": 0}, 3, "1 + k x + k² x²/2 + k³ x³/6"),
    ("e^(k x)", {"x": 0, "k": 2}, 2, "1 + 2x + 2x²"),
]


def table(found: Explanation, rule: str) -> list[tuple[Any, ...]]:
    (step,) = [step for step in found.walk() if step.rule == rule]
    assert step.table is not None
    return list(step.table.rows)


@pytest.mark.parametrize(("text", "at", "order", "polynomial"), EXACT)
def test_exact_coefficients(text: str, at: Any, order: int, polynomial: str) -> None:
    found = cr.explain(text, kind="taylor", order=order, at=at, wrt="x")
    assert found.result == polynomial
    assert found.kind == "taylor" and Explanation.from_json(found.json()) == found


@pytest.mark.parametrize(
    ("text", "at", "order"),
    [
        ("tan x", 0.3, 8),
        ("x^100", 0.7, 3),
        ("arctan(√((1 - cos x)/(1 + cos x)))", 0.7, 4),
        ("(1 + sin x)/(1 - sin x)", 0.7, 3),
        ("x^x", 1, 10),
        ("ln(1 + e^x)", 0, 10),
        ("e^(-x^2/2)", -0.7, 6),
        ("gelu x", 0.2, 5),
        ("sin(x)/(2 + x)", 0, 7),
    ],
)
def test_the_polynomial_is_the_engines(text: str, at: float, order: int) -> None:
    found = cr.explain(text, kind="taylor", order=order, at=at)
    engine = cr.taylor(cr.parse(text), float(at), order)
    x = np.linspace(at - 1, at + 1, 9)
    shown = cr.parse(found.result, names=("x",))(x).numpy()
    np.testing.assert_allclose(shown, engine(x).numpy(), rtol=1e-9, atol=1e-10)
    assert len(table(found, "values")) == order + 1


def test_other_variables_may_stay_letters() -> None:
    text = "-ln(γ) - ln(1 + ((x - x_0)/γ)^2)"
    found = cr.explain(text, kind="taylor", order=3, at={"γ": 0.7}, wrt="γ")
    values = {"x": 1.1, "x_0": 0.4}
    engine = cr.taylor(lambda g: cr.parse(text)(gamma=g, **values), 0.7, 3)
    shown = cr.parse(found.result, names=found.variables)(gamma=0.9, **values)
    assert float(shown) == pytest.approx(float(engine(0.9)), rel=1e-9)


def test_the_table_holds_derivatives_values_and_coefficients() -> None:
    text = cr.explain("e^(2x)", kind="taylor", order=3).text()
    assert "k   f⁽ᵏ⁾(x)    f⁽ᵏ⁾(0)   f⁽ᵏ⁾(0)/k!" in text
    assert "3   8 e^(2x)   8         4/3" in text


def test_long_derivatives_are_left_to_the_engine_and_that_is_said() -> None:
    found = cr.explain("x^x", kind="taylor", order=8, at=1)
    (step,) = [step for step in found.walk() if step.rule == "values"]
    assert "too long to be read" in step.notes[0]
    assert [row[1] for row in table(found, "values")][-1] == "…"


@pytest.mark.parametrize("text", ["e^(x y)", "sin(x) cos(y)", "ln(1 + x + y z)", "x^2 y"])
@pytest.mark.parametrize("order", [1, 2])
def test_several_variables(text: str, order: int) -> None:
    formula = cr.parse(text)
    centre = np.linspace(0.2, 0.6, len(formula.names))
    found = cr.explain(text, kind="taylor", order=order, at=tuple(centre))
    engine = cr.taylor(lambda v: formula(*v), cr.tensor(centre), order)
    rng = np.random.default_rng(0)
    shown = cr.parse(found.result, names=formula.names)
    for place in centre + rng.normal(size=(5, len(centre))):
        assert float(shown(*place)) == pytest.approx(float(engine(place)), rel=1e-9, abs=1e-10)


def test_gradient_and_hessian_are_written_out() -> None:
    text = cr.explain("e^(x y)", kind="taylor", order=2, at=(0, 1)).text()
    assert "H(0, 1) = ⎡1  1⎤" in text and "∇f(0, 1) = (1, 0)" in text
    assert "= 1 + 1 · x + 0(y - 1) + (1 · x² + 1 · 2 · x · (y - 1) + 0(y - 1)²)/2" in text
    assert text.endswith("T₂(x, y) = 1 + x + x²/2 + x (y - 1)")


def test_the_remainder_at_a_place() -> None:
    found = cr.explain("ln x", 1.5, kind="taylor", order=3, at=1)
    (row,) = table(found, "measured")
    off = math.log(1.5) - (0.5 - 0.125 + 0.125 / 3)
    assert float(row[3]) == pytest.approx(off, rel=1e-2)
    assert found.results[0].value == pytest.approx(0.5 - 0.125 + 0.125 / 3)
    assert found.results[0].there is not None and found.results[0].there.text == "T₃(3/2)"
    (step,) = [step for step in found.walk() if step.rule == "bound of the error"]
    bound, xi = step.notes
    assert "|R| ≤ 0.01562" in bound and f"the error is {abs(off):.4g}" in bound
    where = float(xi.split("ξ = ")[1].split()[0])
    assert -6 / where**4 / 24 * 0.5**4 == pytest.approx(off, rel=2e-3)  # f⁗(ξ)/4! h⁴


def test_lagranges_form_is_stated() -> None:
    laws = [step.law.text for step in rules(cr.explain("sin x", kind="taylor", order=3))]
    assert laws == ["R₃ = f⁽⁴⁾(ξ)/4! x⁴, ξ between 0 and x"]


def rules(found: Explanation) -> list[Any]:
    return [s for s in found.walk() if isinstance(s, Step) and s.rule.startswith("Lagrange")]


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        ("|x|", {}, cr.DomainError, "f′(x) does not exist at x = 0"),
        ("x |x|", {"order": 3}, cr.DomainError, "f″(x) does not exist at x = 0"),
        ("ln x", {}, cr.DomainError, "no finite value at x = 0"),
        ("√x", {}, cr.DomainError, "give another centre"),
        ("sin x", {"order": 11}, ArgumentError, "up to order 10, not 11"),
        ("x y", {"order": 3}, ArgumentError, "several variables are explained up to order 2"),
        ("x y", {"at": 1}, ArgumentError, "takes 2 values"),
    ],
)
def test_refusals(text: str, options: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error) as caught:
        cr.explain(text, kind="taylor", **options)
    assert words in str(caught.value)


def test_values_from_the_engine_are_counted() -> None:
    found = cr.explain("exp(sin(x)) cos(x^2) ln(1 + x)", kind="taylor", order=8)
    assert "from the engine's power series" in found.text()
    assert found.folded > 0 and not found.complete
    assert cr.explain("exp(x)", kind="taylor", order=8).complete
