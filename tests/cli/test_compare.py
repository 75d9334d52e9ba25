"""`chainrule compare` and `chainrule plot`: what they print and write, and how they refuse."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chainrule.cli import app

pytest.importorskip("matplotlib")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_compare_prints_a_table_and_a_verdict(tmp_path: Path) -> None:
    curve, page = tmp_path / "steps.svg", tmp_path / "page.html"
    result = run("compare", "x^2 y", "--at", "x=1,y=2", "--plot", str(curve), "--html", str(page))
    assert result.exit_code == 0
    assert (
        "f(x, y) = x^2 y\nat x = 1, y = 2: ℝ² → ℝ, float64\nderivative: 2x y, x²" in result.output
    )
    (central,) = [
        row for row in result.output.splitlines() if row.startswith("central differences ")
    ]
    assert central.split()[3] == "4"  # calls of f
    assert "2 inputs, one result: reverse mode" in result.output
    assert "step size h" not in result.output
    assert curve.read_text(encoding="utf-8").startswith("<svg")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_compare_takes_several_formulas() -> None:
    result = run("compare", "x*y, x + y, x - y", "--at", "x=1,y=2")
    assert "ℝ² → ℝ³" in result.output
    assert "2 inputs, 3 results: forward mode" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tangent", "x^2", "--at", "x=1"), "slopes 3.5 (h = 1.5)"),
        (("tangent", "-x^2", "--at", "x=1", "--width", "1"), "of slope -2"),
        (("taylor", "sin x", "--at", "x=0", "--orders", "1,3"), "orders 1 and 3"),
        (("contour", "x y", "--at", "x=1,y=2"), "90.0° at (1, 2)"),
        (("directions", "x y", "--at", "x=1,y=2", "--direction", "1,0"), "at 0.0° it is 2"),
        (("tangent-plane", "x y", "--at", "x=1,y=2"), "z = 2 + 2(x - 1) + (y - 2)"),
        (("step-sizes", "sin(x^2)", "--at", "x=1"), "Central differences: the error goes from"),
    ],
)
def test_plot_writes_and_says_what_is_seen(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "picture.png"
    result = run("plot", *arguments, "-o", str(path))
    assert result.exit_code == 0, result.output
    assert words in result.output
    assert path.read_bytes().startswith(b"\x89PNG")


def test_plot_chooses_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "written to tangent.png" in run("plot", "tangent", "x^2", "--at", "x=1").output
    assert (tmp_path / "tangent.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare", "|x|", "--at", "x=0"), "not differentiable at x = 0"),
        (("compare", "x^2"), "give the point with --at x=…"),
        (("compare", "x +", "--at", "x=1"), "ends too early"),
        (("plot", "contour", "x", "--at", "x=1"), "draws a function of 2 variables"),
        (("plot", "tangent", "log x", "--at", "x=-1"), "no finite value at x = -1"),
        (("plot", "tangent", "x, x^2", "--at", "x=1"), "several formulas"),
        (("plot", "tangent", "x", "--at", "x=1", "-o", "a.pdf"), "saved as .png or .svg"),
        (("plot", "taylor", "x", "--at", "x=1", "--orders", "one"), "no list of numbers"),
        (("plot", "tangent", "x", "--at", "x=1", "-o", "/dev/null/a.png"), "cannot write"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
