"""Small arrays and guards on the way are written out, where that changes nothing."""

import pytest

import chainrule as cr
from chainrule.explaining.styles import TEXT
from tests.explaining import held_back_functions as functions


@pytest.mark.parametrize(
    ("f", "written", "result"),
    [
        (functions.softmax_of_two, "e^x/(e^x + e^y)", None),
        (functions.logsumexp_of_three, "ln(e^x + e^y + e^z)", None),
        (functions.log_sum_of_two, "ln(e^x + e^y)", "1/(e^(y - x) + 1), 1/(1 + e^(x - y))"),
        (functions.dot, "x + 2y", "1, 2"),
        (functions.polynomial, "1 - 2x + x²/2", "x - 2"),
        (functions.largest, "max(max(x, y), 2x)", None),
        (functions.distance, "√((x - 1)² + (y + 2)²)", None),
        (cr.hypot, "√(x₁² + x₂²)", "x₁/√(x₁² + x₂²), x₂/√(x₁² + x₂²)"),
    ],
)
def test_plain_forms(f: functions.Function, written: str, result: str | None) -> None:
    found = cr.explain(f)
    assert found.complete
    assert TEXT(found.function) == written
    assert result in (None, found.result)


@pytest.mark.parametrize("f", functions.OVER_ARRAYS)
def test_arrays_are_explained_completely(f: functions.Function) -> None:
    assert cr.explain(f).complete


def test_what_has_no_plain_form_goes_by_names() -> None:
    def determinant(x):  # type: ignore[no-untyped-def]
        return cr.linalg.det(cr.stack([cr.stack([x, 2 * x]), cr.stack([x * x, 1 + x])]))

    found = cr.explain(determinant, 0.5)
    assert found.unnamed
    assert found.results[0].value == pytest.approx(float(cr.derivative(determinant)(0.5)))


def test_a_shift_that_matters_is_not_left_out() -> None:
    def shifted(x, y):  # type: ignore[no-untyped-def]
        largest = cr.stop_gradient(cr.maximum(x, y))
        return cr.where(cr.isfinite(largest), largest, 0.0) * x

    found = cr.explain(shifted)
    value = float(cr.parse(TEXT(found.results[0].expression), names=("x", "y"))(1.0, 2.0))
    assert value == pytest.approx(2.0)
