"""Pictures: a figure of matplotlib, a text that says what is in it, and forms to keep them in.

Colours are those of M. Okabe and K. Ito, which people with any colour vision tell apart, or the map
cividis; what colours tell apart, dashes, markers or labels tell apart too.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chainrule.core.errors import ArgumentError, MissingExtraError
from chainrule.core.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "MAP",
    "ORANGE",
    "PURPLE",
    "SKY",
    "STROKES",
    "VERMILION",
    "Picture",
    "bare",
    "finished",
    "listed",
    "new_figure",
    "with_prefix",
    "written_svg",
]

BLACK, BLUE, VERMILION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
MAP = "cividis"
STROKES: tuple[tuple[str, Any, str], ...] = (
    (BLUE, "-", "o"),
    (VERMILION, "--", "s"),
    (GREEN, "-.", "^"),
    (PURPLE, (0, (1, 1.2)), "D"),
    (ORANGE, (0, (5, 1, 1, 1, 1, 1)), "v"),
    (SKY, (0, (8, 2)), "P"),
    (BLACK, (0, (3, 3)), "X"),
)
"""A colour, a dash and a marker for each of several curves."""

_DPI = 150


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A picture of a function.

    Attributes:
        figure: of matplotlib, to be changed or put together at will.
        title: what it shows.
        alt: the same in sentences made from its data, for those who do not see it.
        data: what was drawn, by name: slopes, angles, coefficients, ….

    >>> import chainrule as cr
    >>> picture = cr.pictures.tangent("x^2", 1.0)
    >>> picture.data["slope"]
    2.0
    """

    figure: Figure
    title: str
    alt: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a PNG or an SVG file, by the end of its name; returns the path.

        Raises:
            ArgumentError: if the name ends otherwise.
        """
        path = Path(path)
        kind = path.suffix.lower()
        if kind == ".svg":
            return write_atomically(path, lambda file: file.write(self.svg().encode()))
        if kind == ".png":
            return write_atomically(path, lambda file: file.write(self.png()))
        raise ArgumentError(
            f"a picture is saved as .png or .svg, not as {path.name!r}; for another form use "
            "picture.figure.savefig"
        )

    def svg(self) -> str:
        """The picture as an ``<svg>`` element, with its title and description inside.

        It is the same text each time, needs no font and no network, and can be put into a page
        beside others: its identifiers are its own.
        """
        text = written_svg(self.figure)
        own = "cr" + hashlib.sha256((self.title + self.alt + text).encode()).hexdigest()[:8]
        head, _, body = with_prefix(text, own).partition(">")
        label = f'role="img" aria-labelledby="{own}-title {own}-desc"'
        told = (
            f'<title id="{own}-title">{escape(self.title)}</title>'
            f'<desc id="{own}-desc">{escape(self.alt)}</desc>'
        )
        return f"{head} {label}>\n {told}{body}"

    def png(self) -> bytes:
        """The picture as a PNG file, with its title and description in the metadata."""
        written = io.BytesIO()
        told = {"Title": self.title, "Description": self.alt, "Software": None}
        self.figure.savefig(written, format="png", dpi=_DPI, metadata=told)
        return written.getvalue()

    def html(self) -> str:
        """An ``<img>`` element that holds the picture itself, with ``alt``."""
        coded = base64.b64encode(self.svg().encode()).decode()
        return f'<img alt="{escape(self.alt)}" src="data:image/svg+xml;base64,{coded}"/>\n'

    def _repr_html_(self) -> str:
        return self.html()

    def __str__(self) -> str:
        return self.alt

    def __repr__(self) -> str:
        return f"Picture({self.title!r})"


def written_svg(figure: Figure, fonts: Literal["path", "none"] = "path") -> str:
    """A figure as an ``<svg>`` element, the same text each time.

    Args:
        figure: what to write.
        fonts: whether letters are drawn ("path"), or set by whoever shows it ("none").
    """
    from matplotlib import rc_context

    written = io.StringIO()
    with rc_context({"svg.hashsalt": "chainrule", "svg.fonttype": fonts}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = written.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    return text[text.index("<svg") :].strip()


def with_prefix(svg: str, prefix: str) -> str:
    """With a prefix to all identifiers, which have to be unique on a page."""
    names = set(re.findall(r'\bid="([^"]+)"', svg))
    return re.sub(
        r'(\bid="|href="#|url\(#)([^")]+)',
        lambda found: f"{found[1]}{prefix}-{found[2]}" if found[2] in names else found[0],
        svg,
    )


def finished(figure: Figure, title: str, alt: str, data: Mapping[str, Any]) -> Picture:
    """A picture whose layout stays: drawn once more, a figure may else arrange itself anew."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return Picture(figure, title, alt, data)


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches.

    Raises:
        MissingExtraError: without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "explain") from None
    return Figure(figsize=(width, height), layout="constrained")


def bare(axes: Axes, x: str, y: str, title: str) -> None:
    """Names for the axes, a faint grid, and no frame above and on the right."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def listed(words: Sequence[str]) -> str:
    """One, two and three."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
