"""The coverage table names what there is, and everything that there is; so do lessons."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from chainrule import lessons
from chainrule.cli import app

TEXT = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text(encoding="utf-8")
KEYS = {"notes": set(lessons.topics()), "claims": set(lessons.claims())}
NAMED = {kind: set(re.findall(rf"`{kind} ([a-z0-9-]+)`", TEXT)) for kind in KEYS}


@pytest.mark.parametrize("kind", KEYS)
def test_all_that_is_named_is_there_and_the_other_way_round(kind: str) -> None:
    assert {key for key in NAMED[kind] if not key.startswith("--")} == KEYS[kind]


def test_every_row_says_where() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| [ab][ ,]", line)]
    assert rows and all("`" in row.split("|")[3] for row in rows)
    places = [row.split("|")[1] for row in rows]
    assert len(places) == len(set(places))


def test_commands_are_there() -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    cells = [row.split("|")[-2] for row in TEXT.splitlines() if row.startswith("| ")]
    named = {name for cell in cells for name in re.findall(r"`([a-z]+)", cell)}
    assert named >= set(KEYS) and named - known.keys() == set()


@pytest.mark.parametrize("key", lessons.topics())
def test_a_topic_leads_to_what_is_there(key: str) -> None:
    topic = lessons.topic(key)
    claims = {*topic.claims, *(trap.claim for trap in topic.traps if trap.claim)}
    assert claims - KEYS["claims"] == set()
    assert {*topic.related} - KEYS["notes"] == set() and key not in topic.related


def test_every_claim_is_met_in_some_topic() -> None:
    met = {claim for topic in lessons.topics().values() for claim in topic.claims}
    met |= {trap.claim for topic in lessons.topics().values() for trap in topic.traps}
    assert KEYS["claims"] - met == set()
