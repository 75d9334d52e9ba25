"""Pictures as SVG, which stands inside a page; they need matplotlib, from the extra [explain]."""

from __future__ import annotations

from importlib.util import find_spec

from chainrule.core.errors import MissingExtraError
from chainrule.lessons.evidence import Picture
from chainrule.pictures.figure import MAP, STROKES, new_figure, with_prefix, written_svg

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
    figure = new_figure(WIDTH, HEIGHT)
    from matplotlib import rc_context
    from matplotlib.rcsetup import cycler

    colours = cycler(color=[colour for colour, _, _ in STROKES])
    with rc_context({"font.size": 9, "axes.prop_cycle": colours, "image.cmap": MAP}):
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        picture.draw(axes)
        if picture.title:
            axes.set_title(picture.title)
        legend = axes.get_legend()
        if legend is not None:  # readable where lines run behind it
            legend.set_frame_on(True)
            legend.get_frame().set(facecolor="white", alpha=0.85, edgecolor="none")
        return with_prefix(written_svg(figure, fonts="none"), key)
