"""The pictures that pages of explanations show."""

import sys

import pytest

import chainrule as cr

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("x^2 + x y", {"at": (1, 2), "direction": (3, 4)}, "with the gradient (4, 1)"),
        ("x^3", {"kind": "limit", "at": 1}, "tangent there, of slope 3"),
        ("sin x", {"kind": "taylor", "order": 5}, "orders 1, 3 and 5"),
    ],
)
def test_pages_show_what_is_explained(text: str, options: dict[str, object], said: str) -> None:
    found = cr.explain(text, **options)
    picture = found.picture()
    assert picture is not None and said in picture.alt
    page = found.html()
    assert page.count("<img") == 1 and said in page
    assert "<img" not in found._repr_html_()


def test_other_explanations_have_none() -> None:
    assert cr.explain("x^2", at=1).picture() is None
    assert cr.explain("x^2 y z", at=(1, 2, 3), direction=(1, 0, 0)).picture() is None
    assert cr.explain("x^2", kind="limit").picture() is None


def test_without_matplotlib_the_page_is_whole_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cr.explain("x^3", kind="limit", at=1)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "<img" not in found.html()
    with pytest.raises(cr.ChainRuleError, match="matplotlib"):
        found.picture()
