"""The coverage table names what there is, and everything that there is."""

import re
from pathlib import Path

import pytest

from chainrule import lessons

TEXT = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text(encoding="utf-8")
NAMED = {kind: set(re.findall(rf"`{kind} ([a-z0-9-]+)`", TEXT)) for kind in ("notes", "claims")}


@pytest.mark.parametrize(
    ("kind", "keys"), [("notes", lessons.topics()), ("claims", lessons.claims())]
)
def test_names_are_there(kind, keys) -> None:
    assert {key for key in NAMED[kind] if not key.startswith("--")} - keys.keys() == set()


def test_every_row_says_where() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| [ab] ", line)]
    assert rows and all("`" in row.split("|")[3] for row in rows)
