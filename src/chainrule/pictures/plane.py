"""Level curves and gradients, and the right angle between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import ArgumentError
from chainrule.pictures.figure import BLACK, VERMILION, Picture, finished, listed, new_figure
from chainrule.pictures.levels import (
    BOXED,
    Window,
    draw_arrow,
    draw_dash,
    draw_levels,
    draw_point,
)
from chainrule.pictures.ranges import chosen_width
from chainrule.pictures.subject import Subject, Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["contour"]

_ARROWS = 11


def contour(
    f: Any,
    at: Any,
    *,
    also: Sequence[tuple[float, float]] | None = None,
    width: float | None = None,
) -> Picture:
    """Level curves and the field of gradients, which stand on them at right angles.

    Along a level curve r(t) the value stays: 0 = d/dt f(r(t)) = ∇f · r′(t). At the point, and at
    others, the level curve is followed a little to both sides, and the angle measured between it
    and the gradient. The arrows of the field grow with the square root of |∇f|.

    Args:
        f: a function of two variables, as text or in Python.
        at: the point in the middle.
        also: further points at which the angle is measured; by default two on the same level.
        width: half the width of the picture; by default as the function suggests.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if f has another number of variables, or a point does not fit.
        DomainError: if there is no value at the point.
        GradientError: if there is no gradient at the point; it says what holds on each side.
        MissingExtraError: without matplotlib.

    >>> import chainrule as cr
    >>> picture = cr.pictures.contour("x^2 + 2y^2", (1.0, 0.5))
    >>> [round(angle) for angle in picture.data["angles"]]
    [90, 90, 90]
    """
    subject = Subject("contour", f, at, 2)
    gradient = subject.gradient()
    window = Window.of(subject, chosen_width(subject, width))
    figure = new_figure(7.6, 6.4)
    axes = figure.subplots()
    draw_levels(axes, subject, window)
    _draw_field(axes, subject, window)

    curve = _level_curve(subject, window)
    points = [subject.point, *_others(subject, window, curve, also)]
    angles, marked = [], []
    for point in points:
        slope = _slope(subject, point)
        along = _direction_of_level(subject, point, window.half)
        if along is None or not np.any(slope):
            continue
        ahead = slope / np.linalg.norm(slope)
        cosine = float(np.clip(ahead @ along, -1, 1))
        angles.append(float(np.degrees(np.arccos(cosine))))
        marked.append((float(point[0]), float(point[1])))
        _draw_right_angle(axes, point, ahead, along, window.half, angles[-1])
    if not np.any(gradient):
        draw_point(axes, subject.point)
        axes.annotate("∇f = 0", tuple(subject.point), (10, 10), textcoords="offset points", **BOXED)
    first, second = subject.names
    title = f"Gradients stand on level curves: {subject.label}"
    axes.set_title(title, fontsize=11)

    level = f"The level curve through {subject.place} has the value {subject.here:.5g}"
    measured = [
        f"{angle:.1f}° at ({x:.3g}, {y:.3g})" for angle, (x, y) in zip(angles, marked, strict=True)
    ]
    slope_words = f"({gradient[0]:.5g}, {gradient[1]:.5g})"
    alt = (
        f"Level curves of {subject.label} for {first} and {second} around {subject.place}, with "
        f"arrows for the gradients. {level}; the gradient there is {slope_words}. "
        + (
            f"Between the gradient and the level curve the measured angle is {listed(measured)}."
            if measured
            else "No level curve passes there to measure an angle with."
        )
    )
    data = {"gradient": gradient, "points": marked, "angles": angles, "level": subject.here}
    return finished(figure, title, alt, data)


def _draw_field(axes: Axes, subject: Subject, window: Window) -> None:
    """Arrows along the gradients on a coarse grid."""
    inner = window.half * (1 - 1 / _ARROWS)
    steps = np.linspace(-inner, inner, _ARROWS)
    x, y = np.meshgrid(subject.point[0] + steps, subject.point[1] + steps)
    u, v = subject.slopes(x, y)
    length = np.hypot(u, v)
    usual = float(np.nanquantile(length, 0.9)) if np.any(np.isfinite(length)) else 0.0
    if usual <= 0:
        return
    gap = 2 * inner / (_ARROWS - 1)
    with np.errstate(all="ignore"):
        drawn = 0.8 * gap * np.minimum(np.sqrt(length / usual), 1.1) / length
    drawn = np.where(length > 0, drawn, 0.0)
    axes.quiver(
        x,
        y,
        u * drawn,
        v * drawn,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.0045,
        facecolor="white",
        edgecolor="0.15",
        linewidth=0.6,
        zorder=4,
    )


def _halo() -> list[Any]:
    """A white rim, so that a line is seen on light and on dark ground."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=3.5, foreground="white")]


def _slope(subject: Subject, point: Values) -> Values:
    return np.array([float(part) for part in subject.slopes(*point)])


def _level_curve(subject: Subject, window: Window) -> Values:
    """The piece of the level curve through the point, as a path; empty if there is none."""
    from contourpy import contour_generator

    generator = contour_generator(window.x, window.y, np.ma.masked_invalid(window.z))
    pieces = [np.asarray(piece) for piece in generator.lines(subject.here)]
    if not pieces:
        return np.empty((0, 2))
    return min(pieces, key=lambda piece: float(np.min(_distances(piece, subject.point))))


def _distances(path: Values, point: Values) -> Values:
    away = path - point
    return np.hypot(away[:, 0], away[:, 1])


def _others(
    subject: Subject,
    window: Window,
    curve: Values,
    also: Sequence[tuple[float, float]] | None,
) -> list[Values]:
    """The further points that were asked for, or two on the level curve, far from each other."""
    if also is not None:
        try:
            found = [np.array([float(x), float(y)]) for x, y in also]
        except (TypeError, ValueError):
            raise ArgumentError(
                f"contour: also is a list of points such as [(1.0, 0.0)], not {also!r}"
            ) from None
        return found
    room = 0.7 * window.half
    chosen = [subject.point]
    inside = curve[np.all(np.abs(curve - subject.point) < room, axis=1)]
    for _ in range(2):
        if not len(inside):
            break
        near = np.min([_distances(inside, point) for point in chosen], axis=0)
        farthest = int(np.argmax(near))
        if near[farthest] < 0.5 * window.half:
            break
        chosen.append(inside[farthest])
    return chosen[1:]


def _direction_of_level(subject: Subject, point: Values, half: float) -> Values | None:
    """The unit vector along the level curve through a point, measured by a chord of the curve.

    The two ends are found on a small circle around the point by where the value is the same: so
    it uses values of f alone.
    """
    radius = 1e-3 * half
    turns = np.linspace(0, 2 * np.pi, 721)

    def beside(angles: Values) -> Values:
        x, y = point[0] + radius * np.cos(angles), point[1] + radius * np.sin(angles)
        return subject.values(x, y) - float(subject.values(*point))

    found = beside(turns)
    crossings = np.flatnonzero(found[:-1] * found[1:] <= 0)
    ends = []
    for k in crossings:
        low, high = turns[k], turns[k + 1]
        share = found[k] / (found[k] - found[k + 1]) if found[k] != found[k + 1] else 0.0
        ends.append(low + share * (high - low))
    if len(ends) < 2:
        return None
    first, last = ends[0], ends[len(ends) // 2]
    chord = np.array([np.cos(first) - np.cos(last), np.sin(first) - np.sin(last)])
    length = float(np.linalg.norm(chord))
    return chord / length if length > 0.5 else None


def _draw_right_angle(
    axes: Axes, point: Values, ahead: Values, along: Values, half: float, angle: float
) -> None:
    """The gradient as an arrow, the level curve's direction as a dash, and the corner between."""
    size = 0.07 * half
    arrow, dash = 0.32 * half, 0.24 * half
    draw_dash(axes, point, dash * along)
    draw_arrow(axes, point, arrow * ahead, VERMILION)
    corner = np.array([point + size * along, point + size * (along + ahead), point + size * ahead])
    axes.plot(*corner.T, color=BLACK, linewidth=1.6, path_effects=_halo(), zorder=6)
    draw_point(axes, point)
    place = point - 0.13 * half * ahead
    axes.text(place[0], place[1], f"{angle:.1f}°", ha="center", va="center", **BOXED)
