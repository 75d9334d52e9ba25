"""The documents say what is so: their links lead somewhere, their tables equal the records.

Their examples run as doctests of their own (see `testpaths`).
"""

import re
from pathlib import Path

import pytest

from chainrule.ops.table import PRIMITIVES
from docs import draw

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """The anchor that a heading gets: lower case, words joined by hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def prose(path: Path) -> str:
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target, section in LINK.findall(prose(path)):
        if target.startswith("https:"):
            continue
        found = path.parent / target
        assert found.exists(), f"{path.name} links to {target}, which is not there"
        if section:
            anchors = [anchor(heading) for heading in HEADING.findall(found.read_text())]
            assert section in anchors, f"{target} has no section {section}: {anchors}"


def test_images_are_described_by_what_is_drawn_now() -> None:
    """The text of each picture is that in its file, and what the present code says of its data.

    That of step sizes has roundings in it, which differ from machine to machine.
    """
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    page = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    found = re.findall(r"!\[([^\]]*)\]\(pictures/(\w+)\.png\)", page)
    assert [name for _, name in found] == list(draw.IMAGES)
    for told, name in found:
        with image.open(draw.FOLDER / f"{name}.png") as file:
            assert file.info["Description"] == told
        if name != "step_sizes":
            assert draw.IMAGES[name]().alt == told


def conventions() -> list[str]:
    """The table of conventions, as the records state them."""
    rows = [
        f"| `{name}` | {record.convention.replace('|', chr(92) + '|')} |"
        for name, record in sorted(PRIMITIVES.items())
        if getattr(record, "convention", "")
    ]
    return ["| primitive | what is taken |", "|---|---|", *rows]


def test_conventions_equal_the_records() -> None:
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("compares this table with the records -->\n\n")
    table = rest.partition("\n\n")[0].splitlines()
    wanted = conventions()
    assert table == wanted, "the table should be:\n" + "\n".join(wanted)


def test_every_kink_states_its_convention() -> None:
    silent = [
        name
        for name, record in PRIMITIVES.items()
        if getattr(record, "kinks", ()) and not record.convention
    ]
    assert silent == []
