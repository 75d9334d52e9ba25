"""The forms of an explanation."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

import chainrule as cr
from chainrule.explaining import Explanation

ASKED = [
    ("(3x + 1)^4", {"at": 2}),
    ("x^2 y + σ(w_1 x)", {"order": 1}),
    ("x^x", {}),
    ("|x| + max(x, 2)", {"at": 0}),
    ("x^3 - 3x", {"order": 2, "at": 1}),
    ("where(x > 0 and x < 1, θ x^2, √x)", {}),
    ("e^(-(x - μ)^2/(2s^2))/(s √(2π))", {}),
    ("x^2 y, sin(θ y)", {"at": (1, 2, 3)}),
    ("x^2 y^2", {"order": 2, "at": (1, 2)}),
    ("x^2 y", {"direction": (1, 2), "at": (3, 4)}),
    ("x^2 y", {"direction": (3, 4)}),
    ("ln x", {"kind": "taylor", "order": 3, "at": 1}),
    ("e^(x y)", {"kind": "taylor", "order": 2}),
    ("3 sin x + 1/x + |x|/2 - |x|/2", {"kind": "limit", "at": 2}),
    ("2^x + √x", {"kind": "limit"}),
    ("θ^2 + y^2 = 25", {"order": 2, "at": (3, 4)}),
    ("x^2 + y^2 + z^2 = 9", {"at": (1, 2, 2)}),
]

TEXT = """\
f(x) = (3x + 1)⁴

f′(x)
1. chain rule: d/dx (3x + 1)⁴  [g(u)′ = g′(u) · u′]
  let u = 3x + 1
  d/du u⁴ = 4u³                             power rule  [(uⁿ)′ = n uⁿ⁻¹ · u′]
  2. sum rule: d/dx (3x + 1)  [(u + v)′ = u′ + v′]
    3. d/dx (3x) = 3                        constant multiple rule  [(c u)′ = c u′]
    d/dx 1 = 0                              constant rule  [c′ = 0]
    = 3                                     sum rule
  = 4(3x + 1)³ · 3                          power rule, times the inner derivative
  = 12(3x + 1)³                             collect numbers, like terms and powers

f′(x) = 12(3x + 1)³"""


def test_text() -> None:
    assert str(cr.explain("(3x + 1)^4")) == TEXT


@pytest.fixture(params=ASKED, ids=lambda asked: asked[0])
def found(request: pytest.FixtureRequest) -> Explanation:
    text, options = request.param
    return cr.explain(text, **options)


def test_json_is_read_back(found: Explanation) -> None:
    again = Explanation.from_json(found.json())
    assert again == found
    assert again.text() == found.text() and again.html() == found.html()
    assert json.loads(found.json(indent=1))["variables"] == list(found.variables)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 99}', '{"version": 1}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(cr.ChainRuleError, match="no explanation"):
        Explanation.from_json(text)


def test_html_is_well_formed_and_needs_nothing_else(found: Explanation) -> None:
    page = found.html()
    body = page.partition("<body>")[2].partition("</body>")[0].replace("&nbsp;", " ")
    tree = ElementTree.fromstring(body)
    assert len(list(tree.iter("math"))) > 3
    assert "http" not in page and "<script" not in page
    assert found._repr_html_() in page


def test_words_in_latex_are_ascii(found: Explanation) -> None:
    assert found.latex().isascii()


def test_latex_is_balanced(found: Explanation) -> None:
    for text in (found.latex(), found.markdown()):
        plain = re.sub(r"\\[{}$]", "", text)
        assert plain.count("{") == plain.count("}")
        assert plain.count("$") % 2 == 0
        assert text.count(r"\left") == text.count(r"\right")
        assert text.count(r"\begin") == text.count(r"\end")
        formulas = re.findall(r"\$([^$]*)\$|\\\[(.*?)\\\]", text)
        bare = re.sub(
            r"\\(text|operatorname|mathrm)\{[^}]*\}", "", " ".join(map("".join, formulas))
        )
        assert bare.isascii(), re.findall(r"[^\x00-\x7f]", bare)
        commands = set(re.findall(r"\\([A-Za-z]+)", bare))
        assert commands <= KATEX, commands - KATEX


KATEX = {
    "frac",
    "left",
    "right",
    "cdot",
    "sqrt",
    "partial",
    "nabla",
    "sin",
    "cos",
    "tan",
    "ln",
    "exp",
    "max",
    "min",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "sigma",
    "theta",
    "mu",
    "pi",
    "infty",
    "lt",
    "gt",
    "le",
    "ge",
    "ne",
    "land",
    "lor",
    "begin",
    "end",
    "text",
    "operatorname",
    "mathrm",
    "varphi",
    "circ",
    "Vert",
    "sum",
    "xi",
    "tfrac",
    "top",
    "lim",
    "to",
    "quad",
    "dots",
    "item",
}
"""Commands that are used, all of which KaTeX and MathJax have."""


def test_notebooks_show_the_result() -> None:
    assert cr.explain("x^2")._repr_latex_() == "$f'(x) = 2 x$"


def test_a_limit_folds_the_rest() -> None:
    found = cr.explain("sin(cos(tan(x^2 + 1)))")
    total = sum(1 for _ in found.walk())
    short = found.text(limit=3)
    assert f"… {total - 3} further steps" in short
    assert short.splitlines()[-1] == found.text().splitlines()[-1]


def test_repr_is_short() -> None:
    assert repr(cr.explain("x^2")) == "Explanation(f′(x) = 2x; 1 steps)"


def test_long_sums_have_no_inner_brackets() -> None:
    found = cr.explain(" + ".join(f"sin({k}x)" for k in range(2, 32)))
    assert found.result == " + ".join(f"{k} cos({k}x)" for k in range(2, 32))
