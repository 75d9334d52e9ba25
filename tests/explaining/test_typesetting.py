"""The LaTeX of explanations compiles with KaTeX, in strict mode, and with MathJax."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.explaining import Explanation
from tests.explaining import held_back_functions as functions
from tests.explaining.expressions import EXPRESSIONS
from tests.explaining.held_back import EXPRESSIONS as HELD_BACK

FOLDER = Path(__file__).parent / "katex"
"""`npm install` there (or `make test-all`) brings what is needed."""

FORMULA = re.compile(r"(?<!\\)\$((?:[^$\\]|\\.)+)\$|\\\[(.*?)\\\]")


def formulas(found: Explanation) -> set[str]:
    """Everything between dollar signs, or displayed."""
    texts = (found.latex(), found.markdown(), found._repr_latex_())
    return {a or b for text in texts for a, b in FORMULA.findall(text)}


def refused(wanted: Iterable[str]) -> list[list[str]]:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip(f"KaTeX and MathJax are not installed: npm install in {FOLDER.name}/")
    run = subprocess.run(
        ["node", "compile.js"],
        cwd=FOLDER,
        input=json.dumps(sorted(wanted)),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)  # type: ignore[no-any-return]


def test_what_is_wrong_is_refused_by_both() -> None:
    found = refused([r"\frac{1", "x^{2}", r"\undefined{x}"])
    assert sorted((program, formula) for program, formula, _ in found) == [
        ("KaTeX", r"\frac{1"),
        ("KaTeX", r"\undefined{x}"),
        ("MathJax", r"\frac{1"),
        ("MathJax", r"\undefined{x}"),
    ]


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("(3x + 1)^4", {"at": 2}),
    ("x^2 y + σ(w_1 x)", {"order": 2, "at": (1, 2, 3)}),
    ("x^x", {}),
    ("|x| + max(x, 2) + floor(x)", {"at": 0}),
    ("x^3 - 3x", {"order": 4, "at": 1}),
    ("where(x > 0 and x < 1, θ x^2, √x)", {}),
    ("e^(-(x - μ)^2/(2s^2))/(s √(2π))", {}),
    ("10^(-30) x + lgamma(x) + ŷ x_max", {}),
    ("√x", {"kind": "limit", "at": 4}),
    ("x^3 + y^3 = 6x y", {"at": (3, 3)}),
    ("x^2 y", {"direction": (3, 4), "at": (1, 2)}),
    ("e^(x y)", {"kind": "taylor", "order": 2, "at": (0, 1)}),
    ("x^2 y, sin(x y)", {"at": (1, 2)}),
    ("w_2 tanh(w_1 x)", {"kind": "graph", "at": (1, 2, 3)}),
]


def test_every_kind_of_explanation() -> None:
    wanted = set[str]().union(*(formulas(cr.explain(text, **asked)) for text, asked in ASKED))
    assert len(wanted) > 200
    assert not refused(wanted)


@pytest.mark.slow
def test_every_formula_of_the_lists() -> None:
    wanted: set[str] = set()
    for text in [*EXPRESSIONS, *HELD_BACK]:
        wanted |= formulas(cr.explain(text))
    for f in functions.PLAIN:
        wanted |= formulas(cr.explain(f))
    for text in EXPRESSIONS[::4]:
        names = cr.parse(text).names[:1] or None
        wanted |= formulas(cr.explain(text, order=2, wrt=names, at=None))
    assert len(wanted) > 5000
    assert not refused(wanted)
