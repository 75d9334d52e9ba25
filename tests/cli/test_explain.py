"""`chainrule explain`: what it prints, and how it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import chainrule as cr
from chainrule.cli import app
from chainrule.cli.explain import COLOURS
from chainrule.explaining import Explanation
from chainrule.explaining.printers.text import segments


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain", *arguments])


def test_the_example_of_the_manual() -> None:
    result = run("log(1+exp(-y*w*x))", "--wrt", "w", "--at", "y=1,w=0.5,x=2")
    assert result.exit_code == 0
    assert "y, x are held constant" in result.output
    assert "let u = 1 + e^(-y w x)" in result.output
    assert "∂f/∂w (1, 1/2, 2) = -0.53788284274" in result.output


def test_piped_it_is_the_plain_text() -> None:
    assert run("(3x + 1)^4").output.rstrip("\n") == cr.explain("(3x + 1)^4").text()
    assert run("-x^2").output.splitlines()[-1] == "f′(x) = -2x"


def test_every_colour_is_used() -> None:
    asked = [cr.explain("relu(sin(x))", at=0), cr.explain("x^2", at=3, kind="graph")]
    kinds = {kind for found in asked for line in segments(found) for kind, _ in line}
    assert COLOURS.keys() <= kinds


def test_words_are_for_reading_aloud() -> None:
    done = run("(3x+1)^4", "--format", "words")
    assert done.exit_code == 0
    assert "f prime of x equals 12 times the quantity 3 x plus 1 end quantity cubed." in done.stdout


def test_other_forms(tmp_path: Path) -> None:
    assert run("x^2", "--html").output.startswith("<!DOCTYPE html>")
    assert run("x^2", "--latex").output.startswith(r"\[ f(x) = x^{2} \]")
    assert run("x^2", "--format", "markdown").output.startswith("$f(x) = x^{2}$")
    assert Explanation.from_json(run("x^2", "--format", "json").output) == cr.explain("x^2")
    path = tmp_path / "page.html"
    assert run("x^2", "--html", "-o", str(path)).output == ""
    assert "<math " in path.read_text(encoding="utf-8")
    assert json.loads(run("x^2", "--format", "json").output)["wrt"] == ["x"]


def test_a_graph_with_definitions() -> None:
    text = "z = w x, L = (z - y)^2"
    result = run(text, "--kind", "graph", "--at", "w=1,x=2,y=3", "--wrt", "w")
    assert "∂L/∂w        ∂L/∂z · ∂z/∂w   -2 · 2    -4" in result.output
    result = run(text, "--kind", "graph", "--at", "w=1,x=2")
    assert result.exit_code != 0 and "no value for y" in result.output


def test_the_graph_is_drawn_beside(tmp_path: Path) -> None:
    point = ("--at", "w=0.5,x=2,y=3")
    for name, start in (("graph.svg", "<svg"), ("graph.html", "<!DOCTYPE html>")):
        result = run("(w x - y)^2", *point, "--wrt", "w", "--graph", str(tmp_path / name))
        assert result.exit_code == 0 and "∂f/∂w" in result.output
        drawn = (tmp_path / name).read_text(encoding="utf-8")
        assert drawn.startswith(start) and "∂f/∂w = −8" in drawn and "∂f/∂x" not in drawn
    text = "z = w x, L = (z - y)^2"
    path = tmp_path / "named.svg"
    assert run(text, "--kind", "graph", *point, "--graph", str(path)).exit_code == 0
    assert "∂L/∂z = −4" in path.read_text(encoding="utf-8")


def test_a_graph_that_cannot_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cases = [
        (("--at", "x=2", "--graph", "graph.png"), "ends with .svg or .html"),
        (("--graph", "graph.svg"), "give the point with --at x="),
        (("--at", "x=2", "--graph", str(tmp_path / "file" / "graph.svg")), "cannot write"),
    ]
    for options, message in cases:
        result = run("x^2", *options)
        assert result.exit_code != 0 and message in result.output


def test_order_and_limit() -> None:
    assert (
        "f′ = 0 and f″ = 6 > 0: a local minimum"
        in run("x^3 - 3x", "--order", "2", "--at", "x=1").output
    )
    assert "further steps" in run("sin(cos(x^2))", "--limit", "1").output


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["x^2 + y^2 = 25", "--at", "x=3,y=4"], "dy/dx (3, 4) = -3/4"),
        (["x^2 y", "--at", "x=1,y=2", "--direction", "3,4"], "Dᵤf(1, 2) = 3.2"),
        (["x^2 y", "--at", "x=1,y=2", "--direction", "x=3,y=4"], "Dᵤf(1, 2) = 3.2"),
        (["x^2 y", "--direction=-3,4"], "Dᵤf(x, y) = 0.8x² - 1.2x y"),
        (["sin x", "--kind", "taylor", "--order", "3"], "T₃(x) = x - x³/6"),
        (["1/x", "--kind", "limit"], "f′(x) = -1/x²"),
        (["x y, x + y"], "          ⎣1  1⎦"),
    ],
)
def test_kinds(arguments: list[str], last: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert result.output.rstrip("\n").splitlines()[-1] == last


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x y", "--direction", "3"], "--direction"),
        (["x y", "--direction", "3"], "2 variables, x, y, and the direction has 1; give one"),
        (["x y", "--direction", "0,0"], "zero vector"),
        (["x^2", "--graph", "graph.svg"], "give the point with --at x=…"),
        (["e^(e^(e^x))", "--at", "x=3"], "too large for a float64"),
        (["x^2", "--kind", "integral"], "the kinds are 'derivative'"),
        (["x^2", "--kind", "directional"], "needs a direction"),
        (["x^2 + y^2 = 25", "--at", "x=3,y=3"], "does not lie on the curve"),
        (["x +* 2"], "\n     ^"),
        (["x^2", "--wrt", "z"], "--wrt: the formula has no variable 'z'"),
        (["x^2", "--at", "z=1"], "--at: the formula has no variable 'z'"),
        (["x y", "--at", "x=1"], "no value for y"),
        (["ln x", "--at", "x=-1"], "no finite value at x = -1"),
        (["x > 1"], "is a condition"),
        (["3,5 x"], "these are 2 formulas; for a decimal number write a point: 3.5"),
        (["x^2", "--html", "--latex"], "choose one of"),
        (["x^2", "--wtr", "x"], "did you mean --wrt?"),
        (["x^2", "-o", "/nowhere/at/all", "--html"], "cannot write"),
    ],
)
def test_refusals_end_with_code_2_and_say_why(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_derivations_with_names() -> None:
    listed = run("--derivations").output
    assert "norms and distances" in listed and "layer norm " in listed
    assert run("--derivation", "softmax").output.rstrip("\n") == cr.derivation("softmax").text()
    assert run("--derivation", "bias", "--latex").output.startswith(r"\[ Y = X + \mathbf{1}")
    result = run("--derivation", "layer nrom")
    assert result.exit_code != 0 and "did you mean 'layer norm'" in result.output
    assert "take no formula" in run("x^2", "--derivation", "bias").output
    assert "--derivation NAME" in run().output
