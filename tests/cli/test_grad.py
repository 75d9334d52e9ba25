"""`chainrule grad`: what it prints, and how it refuses."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

import chainrule
from chainrule.cli import COMMANDS, app

RUN = [sys.executable, "-c", "from chainrule.cli import main; main()"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["grad", *arguments])


def rows(text: str) -> dict[str, list[str]]:
    """Each line that has several words, by its first word."""
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: words[1:] for words in lines if len(words) > 1}


class TestGradient:
    def test_value_derivatives_and_check(self) -> None:
        result = run("3x^2 + 2xy + y^3", "--at", "x=1,y=2")
        assert result.exit_code == 0
        found = rows(result.output)
        assert "f(x, y) = 3x^2 + 2xy + y^3" in result.output
        assert found["f"] == ["=", "15"]
        assert found["∂f/∂x"] == ["10", "10", "✓"]
        assert found["∂f/∂y"] == ["14", "14", "✓"]

    @pytest.mark.parametrize(
        "at", [["--at", "x=1 y=-2"], ["--at", "y = -2; x = 1"], ["--at", "x=1", "--at", "y=-2"]]
    )
    def test_spellings_of_the_point(self, at: list[str]) -> None:
        assert rows(run("x y", *at).output)["f"] == ["=", "-2"]

    def test_values_may_be_formulas_and_names_greek(self) -> None:
        result = run("sin θ_1", "--at", "theta_1=pi/6")
        assert rows(result.output)["f"] == ["=", "0.5"]
        assert rows(result.output)["∂f/∂theta_1"][0] == "0.8660254038"

    def test_a_choice_of_variables(self) -> None:
        result = run("σ(w x + b)", "--at", "w=2,x=1,b=-2", "--wrt", "b, w")
        assert rows(result.output)["∂f/∂b"] == ["0.25", "0.25", "✓"]
        assert "∂f/∂x" not in result.output

    def test_a_formula_may_begin_with_a_minus_sign(self) -> None:
        assert rows(run("-h^2", "--at", "h=2").output)["∂f/∂h"] == ["-4", "-4", "✓"]
        assert rows(run("--h", "--at", "h=2").output)["f"] == ["=", "2"]

    def test_kinks_and_borders_are_named(self) -> None:
        output = run("|x| + relu(y) + sqrt z", "--at", "x=0,y=0,z=0").output
        assert "kink: slope -1 from the left, 1 from the right; 0 is taken" in output
        assert "kink: slope 0 from the left, 1 from the right; 0 is taken" in output
        assert "infinite slope here; no value on the left; 0 is taken by convention" in output

    @pytest.mark.parametrize("formula", ["x^(2/3)", "sqrt x", "x^(1/3)", "x^x", "1000 - √x"])
    def test_infinite_slopes_at_a_border(self, formula: str) -> None:
        says = "infinite slope here; no value on the left; 0 is taken by convention"
        assert says in run(formula, "--at", "x=0").output

    @pytest.mark.parametrize("formula", ["|x|^(1/3)", "sign(x) |x|^(1/2)"])
    def test_infinite_slopes_between_values(self, formula: str) -> None:
        output = run(formula, "--at", "x=0").output
        assert "infinite slope here" in output
        assert "jump" not in output
        assert "no value" not in output

    def test_a_border_with_a_slope(self) -> None:
        assert "not checked: no value on the left" in run("x^(3/2)", "--at", "x=0").output

    @pytest.mark.parametrize(
        ("formula", "at"),
        [("tan x", "pi/2"), ("floor x", "2"), ("sign x", "0"), ("x + ceil(x)/1000", "-1")],
    )
    def test_jumps_and_poles(self, formula: str, at: str) -> None:
        output = run(formula, "--at", f"x={at}").output
        assert "no slope: the value jumps here, or has a pole" in output
        assert "kink" not in output

    def test_a_constant(self) -> None:
        result = run("2 + 3")
        assert result.exit_code == 0
        assert "f = 5" in result.output
        assert "no variables" in result.output


class TestMatrices:
    def test_jacobian(self) -> None:
        result = run("x*y, x + y; max(x, y)", "--jacobian", "--at", "x=2,y=3")
        found = rows(result.output)
        assert result.exit_code == 0
        assert found["J"] == ["∂/∂x", "∂/∂y"]
        assert found["f_1"] == ["3", "2"]
        assert found["f_2"] == ["1", "1"]
        assert found["f_3"] == ["0", "1"]
        assert "✓ agrees with differences" in result.output

    def test_jacobian_of_one_formula_is_its_gradient(self) -> None:
        output = run("x^2 y", "--jacobian", "--at", "x=2,y=3", "--wrt", "x").output
        assert rows(output)["f"] == ["12"]

    def test_hessian(self) -> None:
        result = run("3x^2 + 2xy + y^3", "--hessian", "--at", "x=1,y=2")
        found = rows(result.output)
        assert result.exit_code == 0
        assert found["H"] == ["∂/∂x", "∂/∂y"]
        assert found["∂/∂x"] == ["6", "2"]
        assert found["∂/∂y"] == ["2", "12"]
        assert "✓ agrees with differences" in result.output

    @pytest.mark.parametrize(
        ("formula", "says"),
        [
            ("x^2 + y^2", "positive definite"),
            ("-x^2 - y^2", "negative definite"),
            ("x^2 - y^2", "indefinite"),
            ("x^2 + y", "semidefinite"),
        ],
    )
    def test_what_the_eigenvalues_say(self, formula: str, says: str) -> None:
        assert says in run(formula, "--hessian", "--at", "x=1,y=1").output

    @pytest.mark.parametrize("formula", ["sqrt x", "|x|", "floor x", "x^(3/2)"])
    def test_no_verdict_on_eigenvalues_that_are_not_checked(self, formula: str) -> None:
        output = run(formula, "--hessian", "--at", "x=0").output
        assert "definite" not in output
        assert "numerical check: impossible" in output

    def test_a_kink_in_the_check(self) -> None:
        assert "kink" in run("|x|", "--hessian", "--at", "x=0").output


REFUSALS = [
    (["3x^2 + sgimoid(y)", "--at", "x=1"], "did you mean 'sigmoid'"),
    (["", "--at", "x=1"], "the formula is empty"),
    (["x*y", "--at", "x=1"], "no value for y; give the point with --at y=…"),
    (["x*y*z", "--at", "y=1"], "no value for x, z"),
    (["x*y"], "no value for x, y; give the point with --at x=…,y=…"),
    (["x", "--at", "x=1,q=2"], "no variable 'q'; its variables are x"),
    (["x", "--at", "x=abc"], "the value of x is no number but 'abc'"),
    (["x", "--at", "x="], "--at: x has no value; write x=1"),
    (["x", "--at", "x=2,5"], "for a decimal number write a point: 2.5"),
    (["2,5x", "--at", "x=1"], "these are 2 formulas; for a decimal number write a point: 2.5"),
    (["rate x", "--at", "rate=1"], "letters are multiplied: rate is r*a*t*e"),
    (["loss", "--at", "l=1"], "no value for o, s; give the point with --at o=…,s=… (letters are"),
    (["x^2 at x=1"], "the point is an option: chainrule grad 'x^2' --at 'x=1'"),
    (["x", "--at", "x=1,x=2"], "x is given twice"),
    (["x", "--at", "x"], "write NAME=VALUE"),
    (["x", "--at", "x=1/0"], "must be finite"),
    (["x", "--at", "x=1", "--wrt", "z"], "no variable 'z'"),
    (["log(x)", "--at", "x=-1"], "no finite value at x = -1, it is not a number"),
    (["x + 3/(y-1)", "--at", "x=1,y=1"], "3/(y - 1) is infinite"),
    (["sqrt(x - 2)^2 + 1", "--at", "x=1"], "sqrt(x - 2) is not a number"),
    (["exp(x)", "--at", "x=1000"], "it is infinite"),
    (["x > 1", "--at", "x=2"], "is a condition"),
    (["x, y", "--at", "x=1,y=1"], "2 formulas; with --jacobian"),
    (["x", "--at", "x=1", "--jacobian", "--hessian"], "choose one"),
    (["x", "--hesian"], "no such option: --hesian; did you mean --hessian?"),
    (["x", "--quick=1"], "no such option: --quick; see chainrule grad --help"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSALS, ids=[row[1] for row in REFUSALS])
def test_refusals_end_with_code_2_and_say_why(arguments: list[str], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "∂" not in result.stdout
    assert ".py" not in result.stderr


def test_the_caret_stands_under_the_mistake() -> None:
    _, formula, caret, *_ = run("2x + * y", "--at", "x=1").stderr.splitlines()
    assert formula[caret.index("^")] == "*"


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_the_overview_explains_itself(arguments: list[str]) -> None:
    output = CliRunner().invoke(app, arguments).output
    for name, (_, summary) in COMMANDS.items():
        assert name in output
        assert summary in output
    assert "chainrule grad '3x^2 + 2xy + y^3' --at x=1,y=2" in output


def test_help_explains_the_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for word in ("--at", "--wrt", "--jacobian", "--hessian", "Examples"):
        assert word in result.output


@pytest.mark.parametrize(
    "command", [[], ["grad"], ["train"], ["train", "digits"]], ids=lambda words: " ".join(words)
)
def test_flags_take_no_value_in_the_help(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "bool" not in result.output.lower()


def test_as_a_module() -> None:
    command = [sys.executable, "-m", "chainrule", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"chainrule {chainrule.__version__}\n"


def test_version_and_unknown_commands() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.output == f"chainrule {chainrule.__version__}\n"
    assert CliRunner().invoke(app, ["gard"]).exit_code == 2


def test_where_the_letters_are_missing() -> None:
    command = [*RUN, "grad", "σ(x)", "--at", "x=0"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert rows(done.stdout)["?f/?x"] == ["0.25", "0.25", "?"]


def test_plain_when_piped() -> None:
    command = [*RUN, "grad", "x^2 + ln y", "--at", "x=3,y=2"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert rows(done.stdout)["∂f/∂x"] == ["6", "6", "✓"]
    assert "\x1b" not in done.stdout
    assert not set(done.stdout) & set("─│╭━┃")
    assert done.stderr == ""
