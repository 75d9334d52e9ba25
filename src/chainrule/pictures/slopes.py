"""The slope in every direction, and why it is steepest along the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import ArgumentError
from chainrule.pictures.figure import (
    BLACK,
    BLUE,
    ORANGE,
    VERMILION,
    Picture,
    bare,
    finished,
    new_figure,
)
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

__all__ = ["directions"]


def directions(f: Any, at: Any, direction: Any = None, *, width: float | None = None) -> Picture:
    """The slope of a function of two variables in every direction, steepest along the gradient.

    In the direction of a unit vector v the slope is ∇f·v = |∇f| cos(angle between them): largest
    along ∇f, where it is |∇f|, zero along the level curve, least against it.

    Args:
        f: a function of two variables, as text or in Python.
        at: the point.
        direction: a vector v to look at in particular; its length does not count.
        width: half the width of the picture; by default as the function suggests.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if f has another number of variables, or the point or v does not fit.
        DomainError: if there is no value at the point.
        GradientError: if there is no gradient at the point; it says what holds on each side.
        MissingExtraError: without matplotlib.

    >>> import chainrule as cr
    >>> picture = cr.pictures.directions("x y", (1.0, 2.0), (1.0, 0.0))
    >>> picture.data["gradient"], picture.data["slope"]
    (array([2., 1.]), 2.0)
    >>> round(picture.data["steepest"], 2), round(picture.data["largest"], 3)   # degrees, |∇f|
    (26.57, 2.236)
    """
    subject = Subject("directions", f, at, 2)
    gradient = subject.gradient()
    chosen = None if direction is None else _unit(direction)
    window = Window.of(subject, chosen_width(subject, width))
    largest = float(np.linalg.norm(gradient))
    steepest = float(np.degrees(np.arctan2(gradient[1], gradient[0])))

    figure = new_figure(11.6, 5.2)
    left, right = figure.subplots(1, 2, width_ratios=(1.05, 1))
    draw_levels(left, subject, window, labels=False)
    _draw_vectors(left, subject, window.half, gradient, chosen)
    measured = _draw_slopes(right, subject, gradient, steepest, chosen, window.half)
    figure.suptitle(f"Which way is steepest? {subject.label} at {subject.place}", fontsize=12)

    slope = None if chosen is None else float(gradient @ chosen)
    alt = (
        f"Left, level curves of {subject.label} around {subject.place} with the gradient "
        f"({gradient[0]:.5g}, {gradient[1]:.5g}). Right, the slope ∇f·v against the angle of the "
        f"unit vector v: "
    )
    if largest:
        alt += (
            f"a cosine with the maximum |∇f| = {largest:.5g} at {steepest:.1f}°, the direction of "
            f"the gradient, 0 at right angles to it, along the level curve, and the minimum "
            f"{-largest:.5g} opposite."
        )
    else:
        alt += "it is 0 in every direction, since the gradient is 0."
    if chosen is not None:
        angle = float(np.degrees(np.arctan2(chosen[1], chosen[0])))
        alt += f" In the direction at {angle:.1f}° it is {slope:.5g}."
    data = {
        "gradient": gradient,
        "steepest": steepest,
        "largest": largest,
        "slope": slope,
        "measured": measured,
    }
    title = f"Slopes of {subject.label} in all directions at {subject.place}"
    return finished(figure, title, alt, data)


def _unit(direction: Any) -> Values:
    try:
        found = np.array([float(part) for part in direction])
    except (TypeError, ValueError):
        found = np.empty(0)
    length = float(np.linalg.norm(found))
    if found.shape != (2,) or not np.isfinite(length) or length == 0:
        raise ArgumentError(
            f"directions: the direction is a vector of two numbers that is not 0, such as "
            f"(1.0, 1.0), not {direction!r}"
        )
    unit: Values = found / length
    return unit


def _named_arrow(
    axes: Axes, point: Values, vector: Values, color: str, dashes: str, name: str
) -> None:
    draw_arrow(axes, point, vector, color, dashes)
    place = point + 1.22 * vector
    axes.text(place[0], place[1], name, ha="center", va="center", **BOXED)


def _draw_vectors(
    axes: Axes, subject: Subject, half: float, gradient: Values, chosen: Values | None
) -> None:
    """The circle of unit vectors, the gradient's direction, v, and that of the level curve."""
    radius = 0.5 * half
    turns = np.linspace(0, 2 * np.pi, 181)
    x, y = subject.point
    axes.plot(x + radius * np.cos(turns), y + radius * np.sin(turns), color="white", linewidth=1.5)
    if np.any(gradient):
        ahead = gradient / np.linalg.norm(gradient)
        across = np.array([-ahead[1], ahead[0]])
        draw_dash(axes, subject.point, radius * across)
        _named_arrow(axes, subject.point, radius * ahead, VERMILION, "-", "∇f")
    if chosen is not None:
        _named_arrow(axes, subject.point, radius * chosen, BLUE, "--", "v")
    draw_point(axes, subject.point)


def _draw_slopes(
    axes: Axes,
    subject: Subject,
    gradient: Values,
    steepest: float,
    chosen: Values | None,
    half: float,
) -> Values:
    """∇f·v against the angle, with slopes measured by differences; returns angle and slope."""
    largest = float(np.linalg.norm(gradient))
    degrees = np.linspace(-180, 180, 361)
    cosines = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    axes.plot(
        degrees,
        gradient[0] * cosines[0] + gradient[1] * cosines[1],
        color=BLACK,
        linewidth=2,
        label="∇f · v",
    )
    angles = np.arange(-180, 180, 20.0)
    h = 1e-5 * half
    dx, dy = h * np.cos(np.radians(angles)), h * np.sin(np.radians(angles))
    x, y = subject.point
    slopes = (subject.values(x + dx, y + dy) - subject.values(x - dx, y - dy)) / (2 * h)
    axes.plot(
        angles,
        slopes,
        "o",
        color="white",
        markeredgecolor=BLACK,
        markersize=5.5,
        label="measured, by differences of f",
    )
    if largest:
        axes.plot([steepest] * 2, [0, largest], color=VERMILION, linewidth=1.6)
        axes.plot(
            steepest,
            largest,
            "^",
            color=VERMILION,
            markersize=10,
            zorder=5,
            label=f"along ∇f, {steepest:.1f}°: |∇f| = {largest:.4g}",
        )
        sides = [(steepest + turn + 180) % 360 - 180 for turn in (-90, 90)]
        axes.plot(
            sides,
            [0, 0],
            "D",
            color=ORANGE,
            markersize=8,
            zorder=5,
            label="along the level curve: 0",
        )
    if chosen is not None:
        angle = float(np.degrees(np.arctan2(chosen[1], chosen[0])))
        axes.plot(
            angle,
            float(gradient @ chosen),
            "s",
            color=BLUE,
            markersize=9,
            zorder=6,
            label=f"along v, {angle:.1f}°: {float(gradient @ chosen):.4g}",
        )
    bare(axes, "angle of v (degrees)", "slope in direction v", "Slope in every direction")
    axes.set_xlim(-180, 180)
    axes.set_xticks(range(-180, 181, 45))
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.5 * (high - low))  # room for the legend above the curve
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return np.array([angles, slopes])
