"""Every claim: its verdict is the same for every seed, and another if the engine is broken."""

import ast
import json
import sys
from functools import cache
from pathlib import Path

import pytest

import chainrule as cr
from chainrule import lessons
from chainrule.lessons.rendering.data import to_data
from chainrule.lessons.running import Outcome
from chainrule.lessons.verdict import Verdict
from chainrule.ops.table import PRIMITIVES
from tests.lessons.breaking import Plant
from tests.lessons.plants import PLANTS

KEYS = list(lessons.claims())
FOLDER = Path(lessons.__file__).parent
FILES = sorted([*FOLDER.glob("claims/[a-z]*.py"), *FOLDER.glob("topics/[a-z]*.py")])


@cache
def outcome(key: str, seed: int = 0) -> Outcome:
    return lessons.run(lessons.claim(key), seed)


@pytest.mark.parametrize("key", KEYS)
def test_a_claim_comes_to_a_verdict(key: str) -> None:
    found = outcome(key)
    assert found.error == ""
    assert found.verdict is not Verdict.UNCLEAR, found.measures
    assert found.measures and found.pictures == tuple(p for p in found.pictures if p.text)
    if found.verdict in (Verdict.CAVEAT, Verdict.FAILS):
        assert found.remark, "say the caveat or the right wording"
    json.dumps(to_data([found]), allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_the_verdict_is_the_same_for_ten_seeds(key: str) -> None:
    assert {outcome(key, seed).verdict for seed in range(10)} == {outcome(key).verdict}


def test_a_seed_repeats_the_numbers() -> None:
    for key in KEYS[:3]:
        again = lessons.run(lessons.claim(key), 0)
        assert [m.value for m in again.measures] == [m.value for m in outcome(key).measures]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.claim}: {plant.mistake}")
def test_a_broken_engine_is_noticed(plant: Plant) -> None:
    sound = outcome(plant.claim)
    with plant.planted():
        broken = lessons.run(lessons.claim(plant.claim), 0)
    assert broken.verdict is not sound.verdict, broken.measures


def test_what_is_planted_is_taken_out_again() -> None:
    def state() -> dict[tuple[str, str], object]:
        owners: dict[str, object] = {f"record {name}": r for name, r in PRIMITIVES.items()}
        owners["Tensor"] = cr.Tensor
        owners |= {name: module for name, module in sys.modules.items() if "chainrule" in name}
        return {
            (name, part): value for name, o in owners.items() for part, value in vars(o).items()
        }

    before = state()
    for plant in PLANTS:
        with plant.planted():
            pass
    after = state()
    assert not [place for place, value in before.items() if after[place] is not value]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lessons_reach_the_engine_through_its_public_face(path: Path) -> None:
    """Readers can type what they see, and a plant in the engine reaches the lesson."""
    allowed = {"chainrule", "chainrule.lessons.kit"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert not name.startswith("chainrule") or name in allowed, (
                f"line {node.lineno}: {name}"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lessons_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 200
