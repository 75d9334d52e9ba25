"""Pictures as SVG, which stands inside a page; they need matplotlib, from the extra [explain]."""

from __future__ import annotations

import re
from importlib.util import find_spec
from io import StringIO

from chainrule.core.errors import MissingExtraError
from chainrule.lessons.evidence import Picture

__all__ = ["to_svg", "without_pictures"]

WIDTH, HEIGHT = 5.2, 3.4  # inches


def without_pictures() -> str:
    """Why there can be no pictures, and how to mend it; empty if there can."""
    if find_spec("matplotlib") is not None:
        return ""
    return f"no pictures: {str(MissingExtraError('matplotlib', 'explain')).splitlines()[0]}"


def to_svg(picture: Picture, key: str) -> str:
    """The picture as an ``<svg>`` element.

    Args:
        picture: what to draw.
        key: tells the identifiers of several pictures on one page apart.

    Raises:
        MissingExtraError: without matplotlib.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "explain") from None
    with rc_context({"svg.hashsalt": key, "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        picture.draw(axes)
        if picture.title:
            axes.set_title(picture.title)
        file = StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # names inside are unique within one file only
    names = dict.fromkeys(re.findall(r'id="([^"]+)"', svg))
    return re.sub(
        r'(id="|href="#|url\(#)([^")]+)',
        lambda found: f"{found[1]}{key}-{found[2]}" if found[2] in names else found[0],
        svg,
    ).strip()
