"""Pages of lessons: pictures that all eyes can read, tables that do not break their numbers."""

from typing import Any

import pytest

from chainrule.lessons.blocks import Rows
from chainrule.lessons.evidence import Picture
from chainrule.lessons.rendering.figures import to_svg
from chainrule.lessons.rendering.page import to_page


def test_pictures_have_colours_that_all_tell_apart_and_a_legible_legend() -> None:
    pytest.importorskip("matplotlib")

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], label="a")
        axes.plot([0, 1], [1, 0], label="b")
        axes.legend(frameon=False)

    svg = to_svg(Picture(draw, "two lines"), "key").lower()
    assert "#0072b2" in svg and "#d55e00" in svg and "#1f77b4" not in svg
    assert "opacity: 0.85" in svg  # behind the legend


def test_numbers_stay_on_one_line() -> None:
    page = to_page("page", [Rows(("measured", "value"), (("the length of a step", "4.16e-05"),))])
    assert '<td class="short">4.16e-05</td>' in page and "<td>the length of a step</td>" in page
