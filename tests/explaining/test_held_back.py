"""The lists held back: a sample each time, all of them when there is time."""

import pytest

import chainrule as cr
from tests.explaining import held_back_functions as functions
from tests.explaining.expressions import EXPRESSIONS as SEEN
from tests.explaining.held_back import EXPRESSIONS

SAMPLE = frozenset(EXPRESSIONS[::12])
TEXTS = [
    pytest.param(text, marks=() if text in SAMPLE else pytest.mark.slow) for text in EXPRESSIONS
]
PLAIN = [
    pytest.param(f, id=f.__name__, marks=() if index % 6 == 0 else pytest.mark.slow)
    for index, f in enumerate(functions.PLAIN)
]


def test_they_were_not_seen() -> None:
    assert len(set(EXPRESSIONS)) == len(EXPRESSIONS) >= 500
    assert not set(EXPRESSIONS) & set(SEEN)


@pytest.mark.parametrize("text", TEXTS)
def test_formulas_are_explained_completely(text: str) -> None:
    assert cr.explain(text).complete


@pytest.mark.parametrize("f", PLAIN)
def test_functions_are_explained_completely(f: functions.Function) -> None:
    assert cr.explain(f).complete


@pytest.mark.parametrize(("f", "point"), functions.BRANCHING)
def test_branches_are_explained_where_they_are_taken(
    f: functions.Function, point: tuple[float, ...]
) -> None:
    found = cr.explain(f, *point)
    assert found.complete
    assert found.results[0].value == pytest.approx(float(cr.derivative(f)(*point)))
