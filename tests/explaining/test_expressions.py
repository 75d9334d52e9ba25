"""The list of expressions: each is explained completely, and every line says what is so."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import numpy as np
import pytest

import chainrule as cr
from chainrule.explaining import Explanation, Step
from chainrule.explaining.expression import Expression, Vector, parts, symbols
from chainrule.explaining.styles import LATEX, TEXT
from tests.explaining.expressions import EXPRESSIONS, GROUPS


def lines(step: Step) -> Iterator[Expression]:
    """Every expression that a step displays."""
    for line in step.lines:
        yield from (
            parts(line.expression) if isinstance(line.expression, Vector) else [line.expression]
        )
    yield from (let.expression for let in step.lets)


def values(text: str, names: tuple[str, ...], seed: int = 3) -> np.ndarray:
    """The formula at 16 positive points; logarithms and roots have values at many of them."""
    rng = np.random.default_rng(seed)
    arguments = [rng.uniform(0.2, 1.6, 16) for _ in names]
    with np.errstate(all="ignore"):
        found = cr.parse(text, names=names)(*arguments).numpy()
    return np.broadcast_to(found, (16,))


def test_there_are_enough() -> None:
    assert len(EXPRESSIONS) == len(set(EXPRESSIONS)) >= 150
    assert all(len(group) >= 5 for group in GROUPS.values())


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_is_explained_completely(text: str) -> None:
    found = cr.explain(text)
    assert found.complete
    assert all(step.rule and step.lines for step in found.walk())
    assert Explanation.from_json(found.json()) == found
    formula = cr.parse(text)
    rng = np.random.default_rng(1)
    for result, name in zip(found.results, found.wrt, strict=True):
        points = [rng.uniform(0.2, 1.6, 40) for _ in found.variables]
        with np.errstate(all="ignore"):
            if not formula.names:
                slopes = np.zeros(40)
            else:
                index = formula.names.index(name)
                pulled = cr.grad(lambda *a: formula(*a).sum(), argnums=index)
                slopes = pulled(*map(cr.tensor, points)).numpy()
            shown = cr.parse(TEXT(result.expression), names=found.variables)(*points).numpy()
        judged = np.isfinite(slopes)
        np.testing.assert_allclose(
            np.broadcast_to(shown, slopes.shape)[judged], slopes[judged], rtol=1e-7, atol=1e-9
        )


@pytest.mark.parametrize("text", EXPRESSIONS[::3])
def test_latex_and_text_say_the_same(text: str) -> None:
    for step in cr.explain(text).walk():
        for e in lines(step):
            names = tuple(symbols(e))
            shown, typeset = (values(style(e), names) for style in (TEXT, LATEX))
            np.testing.assert_allclose(typeset, shown, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("text", EXPRESSIONS[::8])
def test_second_derivatives(text: str) -> None:
    found = cr.explain(text, order=2, wrt=cr.parse(text).names[:1] or None)
    assert found.complete
    (result,) = found.results
    assert cr.parse(found.result, names=found.variables).names == found.variables
    page = found.html()
    ElementTree.fromstring(
        page.partition("<body>")[2].partition("</body>")[0].replace("&nbsp;", " ")
    )
    assert result.name.text in page
