"""A scene as SVG: values in blue at the top of each box, cotangents in vermilion at the bottom.

Blue and vermilion are told apart by all eyes (Okabe and Ito, Color universal design, 2008), and
place, arrows and words say the same. Text is laid out by estimated widths, as wide as the widest
usual font needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from html import escape

from chainrule.explaining.graph.drawing.layout import layered
from chainrule.explaining.graph.drawing.placing import Curve, Drawing, Place, place
from chainrule.explaining.graph.drawing.scene import BoxView, Role, Said, Scene
from chainrule.explaining.graph.drawing.writing import width, wrapped

__all__ = ["STYLE", "Canvas", "drawn"]

STYLE = """
.crg { font-family: "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
.crg text { fill: #1b1f24; font-size: 13px; }
.crg .sheet { fill: #ffffff; }
.crg .body { fill: #ffffff; stroke: #57606a; stroke-width: 1.3; }
.crg .parameter .body { stroke-width: 2.2; }
.crg .data .body { stroke-dasharray: 6 3; }
.crg .constant .body { stroke-dasharray: 1.5 3; }
.crg .outside .body { stroke-dasharray: 8 3 2 3; }
.crg .group .body, .crg .group .under { fill: #f1f3f5; stroke: #57606a; }
.crg .rim { fill: none; stroke: #57606a; stroke-width: 1.3; }
.crg .edge { fill: none; stroke: #848d97; stroke-width: 1.3; }
.crg .still { stroke-dasharray: 4 3; }
.crg .head { fill: #848d97; }
.crg .value rect { fill: #e1eefa; }
.crg .cotangent rect { fill: #fdebdf; }
.crg .value text { fill: #005a94; font-size: 11.5px; }
.crg .cotangent text { fill: #a53f00; font-size: 11.5px; }
.crg text.note, .crg .legend text { font-size: 11px; fill: #57606a; }
.crg .legend .value text { fill: #005a94; }
.crg .legend .cotangent text { fill: #a53f00; }
.crg text.label { font-size: 11px; fill: #a53f00; stroke: #ffffff; stroke-width: 3px;
  paint-order: stroke; }
.crg text.caption { font-size: 13px; font-weight: 600; }
.crg .now { fill: none; stroke: #005a94; stroke-width: 3; }
.crg .flow { fill: none; stroke: #c24d00; stroke-width: 3; }
.crg .tip { fill: #c24d00; }
.crg .openable { cursor: pointer; }
.crg .openable:hover .body, .crg .openable:focus .body { stroke: #005a94; stroke-width: 2.6; }
@media (prefers-color-scheme: dark) {
  .crg text { fill: #e8eaed; }
  .crg .sheet { fill: #14181d; }
  .crg .body { fill: #1d232a; stroke: #9aa4af; }
  .crg .group .body, .crg .group .under { fill: #2a313a; stroke: #9aa4af; }
  .crg .rim { stroke: #9aa4af; }
  .crg .edge { stroke: #7d8792; }
  .crg .head { fill: #7d8792; }
  .crg .value rect { fill: #15324a; }
  .crg .cotangent rect { fill: #472613; }
  .crg .value text, .crg .legend .value text { fill: #7cc6f7; }
  .crg .cotangent text, .crg .legend .cotangent text { fill: #ffa76b; }
  .crg text.note, .crg .legend text { fill: #a8b1bb; }
  .crg text.label { fill: #ffa76b; stroke: #14181d; }
  .crg .now { stroke: #7cc6f7; }
  .crg .flow { stroke: #ff8f45; }
  .crg .tip { fill: #ff8f45; }
  .crg .openable:hover .body, .crg .openable:focus .body { stroke: #7cc6f7; }
}
"""

TITLE, SMALL, LABEL = 13.0, 11.5, 11.0
_MARGIN, _PAD, _STRIP = 18.0, 10.0, 19.0
_WIDEST_LABEL = 132.0
_LEAST_WIDTH = 460.0
_ROUND = 16.0
_INPUTS = (Role.parameter, Role.data)


class Canvas:
    """A scene with its layout, to be written at any moment.

    Args:
        scene: what to show.
        openable: for boxes that can be opened the name of what opens.
    """

    def __init__(self, scene: Scene, openable: Mapping[int, str] | None = None) -> None:
        self.scene = scene
        self.openable = openable or {}
        self.drawing = drawn(scene)
        self.labels = [
            "" if edge.label is None else _fitting(edge.label, curve, self.drawing.down)
            for edge, curve in zip(scene.edges, self.drawing.curves, strict=True)
        ]
        self.width = max(self.drawing.width + 2 * _MARGIN, _LEAST_WIDTH, *self._label_ends())
        self._legend = self._key()

    def svg(self, title: str, words: str, frame: int | None = None, style: bool = True) -> str:
        """SVG: of the moment after the event ``frame``, by default the whole.

        Args:
            title, words: the name of the picture, and a text that stands for it.
            frame: the event; None for the end, with nothing emphasised.
            style: whether the style sheet is in it.
        """
        caption = [] if frame is None else self._caption(frame)
        top = self._caption_height if caption else 0.0
        items = [
            item
            for start, stop, item in self._timed()
            if (frame is None and stop is None)
            or (frame is not None and start <= frame and (stop is None or frame < stop))
        ]
        return self._document(title, words, [*caption, *self._moved(top, items)], top, style)

    def moving(self, title: str, words: str) -> str:
        """SVG without style sheet in which each part carries the events between which it shows."""
        items = []
        for start, stop, item in self._timed():
            if start == 0 and stop is None:
                items.append(item)
            else:
                hidden = "" if stop is None else f' data-u="{stop}" style="display:none"'
                items.append(f'<g data-f="{start}"{hidden}>{item}</g>')
        return self._document(title, words, self._moved(0.0, items), 0.0, False)

    def _label_ends(self) -> Iterator[float]:
        """How wide the picture has to be for the labels beside its last edges."""
        for text, curve in zip(self.labels, self.drawing.curves, strict=True):
            if text and self.drawing.down:
                yield curve.points[-1][0] + width(text, LABEL) + 8 + 2 * _MARGIN

    def _moved(self, top: float, items: Sequence[str]) -> list[str]:
        small = self.width == _LEAST_WIDTH
        x = (self.width - self.drawing.width) / 2 if small else _MARGIN
        head = f'<g transform="translate({_n(x)} {_n(_MARGIN + top)})">'
        return [head, *items, "</g>"]

    def _document(
        self, title: str, words: str, items: Sequence[str], top: float, style: bool
    ) -> str:
        below = top + self.drawing.height + 2 * _MARGIN + 6
        rows = max((row for row, *_ in self._legend), default=0) + 1
        height = below + 20 * rows + 8
        size = f'width="{_n(self.width)}" height="{_n(height)}"'
        legend = "".join(
            f'<g transform="translate({_n(x)} {_n(below + 20 * row)})">{item}</g>'
            for row, x, item in self._legend
        )
        sheet = f"<style>{STYLE}</style>" if style else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="crg" role="img" {size} '
            f'viewBox="0 0 {_n(self.width)} {_n(height)}" aria-label="{escape(title)}">'
            f"<title>{escape(title)}</title><desc>{escape(words)}</desc>{sheet}"
            f'<rect class="sheet" width="100%" height="100%"/>\n'
            + "\n".join(items)
            + f'\n<g class="legend">{legend}</g></svg>\n'
        )

    def _caption(self, frame: int) -> list[str]:
        """What happens, in as many lines as it needs."""
        lines = self._lines_of(frame)
        return [
            f'<text class="caption" x="{_n(_MARGIN)}" y="{_n(24 + 18 * k)}">{escape(line)}</text>'
            for k, line in enumerate(lines)
        ]

    def _lines_of(self, frame: int) -> list[str]:
        text = f"{frame + 1}/{len(self.scene.events)}  {self.scene.events[frame]}"
        return wrapped(text, TITLE * 1.08, self.width - 2 * _MARGIN)

    @cached_property
    def _caption_height(self) -> float:
        """The same for all frames."""
        return 12.0 + 18.0 * max(len(self._lines_of(k)) for k in range(len(self.scene.events)))

    # -- parts: (first event, event before which it goes, markup) ----------------------------------

    def _timed(self) -> Iterator[tuple[int, int | None, str]]:
        curves = self.drawing.curves
        for edge, curve in zip(self.scene.edges, curves, strict=True):
            kind = "edge" if edge.event is not None else "edge still"
            head = _arrow(curve.points[-1], self.drawing.down, False, "head")
            yield 0, None, f'<path class="{kind}" d="{_path(curve, self.drawing.down)}"/>{head}'
        for edge, curve in zip(self.scene.edges, curves, strict=True):
            if edge.event is not None:
                tip = _arrow(curve.points[0], self.drawing.down, True, "tip")
                shown = f'<path class="flow" d="{_path(curve, self.drawing.down)}"/>{tip}'
                yield edge.event, edge.event + 1, shown
        for index, (view, at) in enumerate(zip(self.scene.boxes, self.drawing.places, strict=True)):
            yield from self._box(index, view, at)
        for text, edge, curve in zip(self.labels, self.scene.edges, curves, strict=True):
            if text and edge.event is not None:
                yield edge.event, None, _label(text, curve, self.drawing.down)

    def _box(self, index: int, view: BoxView, at: Place) -> Iterator[tuple[int, int | None, str]]:
        kind = view.role.name
        opens = self.openable.get(index)
        action = f' data-open="{opens}" tabindex="0" role="button"' if opens is not None else ""
        extra = " openable" if opens is not None else ""
        texts = self._lines(view, at)
        inset = 9.0 if view.role in _INPUTS else 4.0
        yield (
            0,
            None,
            (
                f'<g class="{kind}{extra}"{action}><title>{escape(view.full)}</title>'
                f"{_outline(view.role, at)}{texts}</g>"
            ),
        )
        y = at.y + 3
        for said in view.value:
            yield from self._strip("value", said, self._arrow(False), y, at, inset)
        y = at.y + at.height - 3 - _STRIP
        for said in view.cotangent:
            yield from self._strip("cotangent", said, self._arrow(True), y, at, inset)
        now = f'<rect class="now" {_rect(at, 3)} rx="8"/>'
        yield index, index + 1, now

    def _lines(self, view: BoxView, at: Place) -> str:
        top = at.y + (3 + _STRIP if view.value else 0)
        bottom = at.y + at.height - (3 + _STRIP if view.cotangent else 0)
        middle = at.x + at.width / 2
        y = (top + bottom) / 2 + 4.5 - (7 if view.note else 0)
        at_middle = f'x="{_n(middle)}" y="{_n(y)}" text-anchor="middle"'
        lines = f"<text {at_middle}>{escape(view.title)}</text>"
        if view.note:
            lines += (
                f'<text class="note" x="{_n(middle)}" y="{_n(y + 15)}" text-anchor="middle">'
                f"{escape(view.note)}</text>"
            )
        return lines

    def _arrow(self, backward: bool) -> str:
        return ("↑" if backward else "↓") if self.drawing.down else ("←" if backward else "→")

    def _strip(
        self, kind: str, said: Said, arrow: str, y: float, at: Place, inset: float
    ) -> Iterator[tuple[int, int | None, str]]:
        place = Place(at.x + inset, y, at.width - 2 * inset, _STRIP)
        rect = f'<rect {_rect(place)} rx="5"/>'
        text = (
            f'<text x="{_n(at.x + at.width / 2)}" y="{_n(y + 13.5)}" text-anchor="middle">'
            f"{arrow} {escape(said.text)}</text>"
        )
        yield said.start, said.stop, f'<g class="{kind}">{rect}{text}</g>'

    # -- the key -----------------------------------------------------------------------------------

    def _key(self) -> list[tuple[int, float, str]]:
        """Rows of (row, x, markup)."""
        forward, backward = self._arrow(False), self._arrow(True)
        entries: list[tuple[float, str]] = []
        for kind, text in (
            ("value", f"{forward} value, forward"),
            ("cotangent", f"{backward} derivative of {self.scene.result}, backward"),
        ):
            size = width(text, LABEL) + 10
            rect = f'<rect y="0" width="{_n(size)}" height="16" rx="4"/>'
            entries.append(
                (size, f'<g class="{kind}">{rect}<text x="5" y="12">{escape(text)}</text></g>')
            )
        if any(edge.label is not None for edge in self.scene.edges):
            text = "on an edge: local derivative"
            entries.append((width(text, LABEL), f'<text y="12">{text}</text>'))
        for role in Role:
            if role is not Role.result and any(v.role is role for v in self.scene.boxes):
                shape = _outline(role, Place(1, 1, 24, 14))
                text = f'<text x="31" y="12">{escape(role.value)}</text>'
                entries.append(
                    (width(role.value, LABEL) + 31, f'<g class="{role.name}">{shape}{text}</g>')
                )
        found = []
        row, x = 0, _MARGIN
        for size, item in entries:
            if x > _MARGIN and x + size > self.width - _MARGIN:
                row, x = row + 1, _MARGIN
            found.append((row, x, item))
            x += size + 18
        return found


def drawn(scene: Scene) -> Drawing:
    """The layout of a scene."""
    edges = [(edge.source, edge.target) for edge in scene.edges]
    sizes = [_size(view) for view in scene.boxes]
    labels = [
        0.0 if edge.label is None else width(_fits(edge.label, _WIDEST_LABEL), LABEL)
        for edge in scene.edges
    ]
    return place(layered(len(sizes), edges), sizes, edges, labels)


def _size(view: BoxView) -> tuple[float, float]:
    widths = [width(view.title, TITLE), width(view.note, LABEL)]
    widths += [width(f"→ {said.text}", SMALL) + 2 for said in (*view.value, *view.cotangent)]
    strips = bool(view.value) + bool(view.cotangent)
    height = 28 + strips * _STRIP + (15 if view.note else 0)
    return max(*widths, 40.0) + 2 * _PAD, height


def _fits(label: tuple[str, str], room: float) -> str:
    """The label, its number alone, or nothing: what fits."""
    return next((text for text in label if width(text, LABEL) <= room), "")


def _fitting(label: tuple[str, str], curve: Curve, down: bool) -> str:
    """What of a label there is room for, beside the end of an edge or above it."""
    if down:
        return _fits(label, min(curve.room - 8, _WIDEST_LABEL))
    return _fits(label, _WIDEST_LABEL) if curve.room > LABEL else ""


def _label(text: str, curve: Curve, down: bool) -> str:
    x, y = curve.points[-1]
    if down:
        at = f'x="{_n(x + 5)}" y="{_n(y - 8)}"'
    else:
        at = f'x="{_n(x - 10)}" y="{_n(y - 4)}" text-anchor="end"'
    return f'<text class="label" {at}>{escape(text)}</text>'


# -- shapes ----------------------------------------------------------------------------------------


def _n(value: float) -> str:
    """A coordinate to a tenth."""
    return f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.1f}"


def _rect(at: Place, out: float = 0.0) -> str:
    return (
        f'x="{_n(at.x - out)}" y="{_n(at.y - out)}" width="{_n(at.width + 2 * out)}" '
        f'height="{_n(at.height + 2 * out)}"'
    )


def _outline(role: Role, at: Place) -> str:
    """The box itself: inputs round, groups a pile, the result with a second rim."""
    corner = min(at.height / 2, _ROUND) if role in _INPUTS else 4.0
    body = f'<rect class="body" {_rect(at)} rx="{_n(corner)}"/>'
    if role is Role.group:
        piled = Place(at.x + 4, at.y + 4, at.width, at.height)
        return f'<rect class="body under" {_rect(piled)} rx="4"/>{body}'
    if role is Role.output:
        return f'<rect class="rim" {_rect(at, 3)} rx="6"/>{body}'
    return body


def _path(curve: Curve, down: bool) -> str:
    """Straight through the strips of the layers, bent between them."""
    (x, y), *rest = curve.points
    parts = [f"M{_n(x)} {_n(y)}"]
    for k, (u, v) in enumerate(rest):
        if k % 2 == 0:
            parts.append(f"L{_n(u)} {_n(v)}")
        elif not down:
            m = (x + u) / 2
            parts.append(f"C{_n(m)} {_n(y)} {_n(m)} {_n(v)} {_n(u)} {_n(v)}")
        else:
            m = (y + v) / 2
            parts.append(f"C{_n(x)} {_n(m)} {_n(u)} {_n(m)} {_n(u)} {_n(v)}")
        x, y = u, v
    return "".join(parts)


def _arrow(tip: tuple[float, float], down: bool, back: bool, kind: str) -> str:
    x, y = tip
    size = 8.0 if back else 6.0
    d = size if back else -size
    h = size * 0.55
    corners = [(-h, d), (h, d)] if down else [(d, -h), (d, h)]
    points = " ".join(f"{_n(x + a)},{_n(y + b)}" for a, b in [(0.0, 0.0), *corners])
    return f'<polygon class="{kind}" points="{points}"/>'
