"""`chainrule claims` and `chainrule notes`: what they print, and how they refuse."""

import json

import pytest
from typer.testing import CliRunner, Result

from chainrule.cli import app
from chainrule.lessons import running


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(app, arguments, env=env)


def test_one_claim_shows_its_evidence() -> None:
    done = run("claims", "inflection")
    assert done.exit_code == 0
    assert "✗ counterexample" in done.output
    assert "Verdict: does not hold as worded" in done.output and "Right wording:" in done.output


def test_several_claims_are_a_table_with_the_time() -> None:
    done = run("claims", "inflection", "steepest", "--seed", "4")
    assert done.exit_code == 0
    assert "steepest    holds " in done.output and "2 claims in " in done.output


def test_json(tmp_path) -> None:
    (found,) = json.loads(run("claims", "inflection", "--json").stdout)
    assert found["verdict"] == "does not hold as worded" and found["seed"] == 0
    assert found["evidence"][0]["role"] == "premise"


def test_pages(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "claims.html"
    assert run("claims", "inflection", "steepest", "--html", str(path)).exit_code == 0
    page = path.read_text(encoding="utf-8")
    assert page.count("<svg ") == 2 and "http" not in page.replace("http://www.w3.org", "")
    assert run("notes", "gradient", "--html").stdout.startswith("<!DOCTYPE html>")
    assert run("notes", "--html", "gradient").stdout.startswith("<!DOCTYPE html>")
    assert "cannot write" in run("notes", "gradient", "--html", "/nowhere/x.html").stderr


def test_an_interrupt_reports_what_is_finished(monkeypatch) -> None:
    def interrupted(claim, seed):
        if claim.key == "steepest":
            raise KeyboardInterrupt
        return sound(claim, seed)

    sound = running.run
    monkeypatch.setattr(running, "run", interrupted)
    done = run("claims", "inflection", "steepest", "perpendicular")
    assert done.exit_code == 130
    assert "inflection" in done.stdout and "1 claims in" in done.stdout
    assert "interrupted: 2 of 3 not run" in done.stderr and "Traceback" not in done.output


def test_an_unclear_claim_is_an_exit_code(monkeypatch) -> None:
    monkeypatch.setattr(running, "judge", lambda measures: running.Verdict.UNCLEAR)
    assert run("claims", "inflection").exit_code == 1


def test_notes() -> None:
    listed = run("notes")
    assert "derivative  " in listed.output and "chainrule notes TOPIC" in listed.output
    shown = run("notes", "gradient").output
    for part in ("Why:", "Definition:", "∇f = ", "Worked example", "sum rule", "In an interview"):
        assert part in shown
    assert r"\section*{Gradient}" in run("notes", "gradient", "--latex").output
    assert "lim (h → 0)" in run("notes", "--card").output
    assert "Interview questions" in run("notes", "--questions").output
    assert "Shown by: chainrule claims steepest" in run("notes", "--traps").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["notes", "gradiant"], "did you mean gradient"),
        (["claims", "steepst"], "did you mean steepest?"),
        (["notes", "gradient", "--card"], "choose one of a topic"),
        (["notes", "gradient", "--html", "--latex"], "choose one of --html and --latex"),
        (["notes", "--latex"], "say what is to be written"),
        (["claims", "--json", "--html"], "choose one of --html and --json"),
    ],
)
def test_mistakes(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2 and words in done.stderr and "Traceback" not in done.output


@pytest.mark.parametrize("columns", ["1", "20", "40", "x"])
def test_a_terminal_of_any_width(columns: str) -> None:
    env = {"COLUMNS": columns, "FORCE_COLOR": "1", "TERM": "xterm"}
    for arguments in (["claims", "inflection"], ["notes", "gradient"], ["notes"]):
        done = run(*arguments, **env)
        assert done.exit_code == 0 and done.exception is None


def test_no_colour_where_there_is_none() -> None:
    assert "\x1b" not in run("claims", "inflection", TERM="dumb").output
