"""A wrong line is never shown: planted errors are found."""

from collections.abc import Callable

import pytest

import chainrule as cr
from chainrule.core.errors import ClaimError
from chainrule.explaining import derive, rules
from chainrule.explaining.expression import Expression, number, product
from chainrule.explaining.simplify import simplified


def wrong_product(deriver: object, push: object, taken: frozenset[str]) -> object:
    """A product rule that forgets a term."""
    _, v = push.node.sources  # type: ignore[attr-defined]
    (du, _), _, _ = rules._both(deriver, push, taken)  # type: ignore[arg-type]
    raw = product([du, deriver.written[v]])  # type: ignore[attr-defined]
    return deriver.finished(push, "product rule", rules.law(rules.products), raw)  # type: ignore[attr-defined]


def test_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules._RULES, ("mul", 2), wrong_product)  # type: ignore[arg-type]
    with pytest.raises(ClaimError, match=r"the line sin\(x\) is .* the engine computed"):
        cr.explain("x sin x")


@pytest.mark.parametrize("factor", [1.0001, -1, 2])
def test_a_wrong_simplification(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    def doubled(e: Expression) -> list[tuple[Expression, str]]:
        return [*simplified(e), (product([number(factor), e]), "not so")]

    monkeypatch.setattr(derive, "simplified", doubled)
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
