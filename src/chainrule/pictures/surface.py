"""The surface of a function of two variables with its tangent plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.pictures.figure import BLACK, MAP, VERMILION, Picture, finished, new_figure
from chainrule.pictures.ranges import chosen_width
from chainrule.pictures.subject import Subject, Values

__all__ = ["tangent_plane"]

_GRID = 61
_PLANE = 0.55  # of the half width
_FAR = 3.0  # times the bulk of the heights: those beyond are not shown


def tangent_plane(f: Any, at: Any, *, width: float | None = None) -> Picture:
    """The graph of a function of two variables with its tangent plane at a point.

    The plane is z = f(p) + ∇f(p)·(x − p); how far the surface leaves it is said in the text.

    Args:
        f: a function of two variables, as text or in Python.
        at: p.
        width: half the width of the picture; by default as the function suggests.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if f has another number of variables, or the point does not fit.
        DomainError: if there is no value at the point.
        GradientError: if there is no gradient at the point; it says what holds on each side.
        MissingExtraError: without matplotlib.

    >>> import chainrule as cr
    >>> picture = cr.pictures.tangent_plane("x^2 + y^2", (1.0, 0.5))
    >>> picture.data["equation"]
    'z = 1.25 + 2(x - 1) + (y - 0.5)'
    """
    subject = Subject("tangent_plane", f, at, 2)
    gradient = subject.gradient()
    half = chosen_width(subject, width)
    steps = np.linspace(-half, half, _GRID)
    x, y = np.meshgrid(subject.point[0] + steps, subject.point[1] + steps)
    z = subject.values(x, y)
    inner = np.abs(steps) <= _PLANE * half
    u, v = np.meshgrid(steps[inner], steps[inner])
    plane = subject.here + gradient[0] * u + gradient[1] * v
    low, high = _limits(z, plane)

    figure = new_figure(7.6, 6.0)
    axes: Any = figure.add_subplot(projection="3d")
    shown = np.where((z >= low) & (z <= high), z, np.nan)
    _draw(axes, (x, y, shown), (subject.point[0] + u, subject.point[1] + v, plane))
    axes.plot(
        *[[value] for value in (*subject.point, subject.here)],
        "o",
        color=BLACK,
        markeredgecolor="white",
        markersize=9,
        zorder=9,
    )
    axes.set_xlim(x[0, 0], x[0, -1])
    axes.set_ylim(y[0, 0], y[-1, 0])
    axes.set_zlim(low, high)
    first, second = subject.names
    axes.set_xlabel(first)
    axes.set_ylabel(second)
    axes.set_zlabel(f"f({first}, {second})")
    axes.locator_params(nbins=5)
    axes.view_init(elev=26, azim=-58)
    axes.set_box_aspect((1, 1, 0.75), zoom=1.02)
    equation = _equation(subject, gradient)
    title = f"Tangent plane of {subject.label} at {subject.place}"
    axes.set_title(f"{title}\n{equation}", fontsize=11)

    alt = (
        f"The surface {subject.label} around {subject.place}, where its value is "
        f"{subject.here:.5g}, touched there by the plane {equation}. "
        f"{_leaving(subject, gradient, half)}"
    )
    data = {
        "gradient": gradient,
        "value": subject.here,
        "equation": equation,
        "surface": np.stack([x, y, shown]),
        "plane": np.stack([subject.point[0] + u, subject.point[1] + v, plane]),
    }
    return finished(figure, title, alt, data)


def _limits(z: Values, plane: Values) -> tuple[float, float]:
    """Heights that are shown: all, unless some run away."""
    finite = z[np.isfinite(z)]
    low, high = float(finite.min()), float(finite.max())
    least, most = (float(q) for q in np.quantile(finite, [0.05, 0.95]))
    if high - low > _FAR * (most - least) > 0:
        low, high = max(low, 2 * least - most), min(high, 2 * most - least)
    low, high = min(low, float(plane.min())), max(high, float(plane.max()))
    margin = 0.02 * (high - low) or 1.0
    return low - margin, high + margin


Sheet = tuple[Values, Values, Values]


def _draw(axes: Any, surface: Sheet, plane: Sheet) -> None:
    """Both sheets as one collection of patches, so that the nearer ones cover those behind."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    patches, plain = _patches(surface), _patches(plane)
    heights = patches[:, :, 2].mean(axis=1)
    size = float(np.ptp(heights)) or 1.0
    shades = colormaps[MAP]((heights - heights.min()) / size)
    shades[:, 3] = 0.72
    orange = np.tile(to_rgba(VERMILION, 0.55), (len(plain), 1))
    rims = np.concatenate([np.tile((1, 1, 1, 0.35), (len(patches), 1)), orange])
    drawn = Poly3DCollection(
        np.concatenate([patches, plain]),
        facecolors=np.concatenate([shades, orange]),
        edgecolors=rims,
        linewidths=0.3,
        rasterized=True,  # thousands of patches: as a bitmap even in SVG
    )
    axes.add_collection3d(drawn)


def _patches(sheet: Sheet) -> Values:
    """The corners of all patches whose corners have values; shape (patches, 4, 3)."""
    grid = np.stack(sheet, axis=-1)
    corners = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2)
    every: Values = corners.reshape(-1, 4, 3)
    return every[np.all(np.isfinite(every), axis=(1, 2))]


def _equation(subject: Subject, gradient: Values) -> str:
    """z = 1 + 2(x - 3) - 4y."""
    text = ""
    for slope, name, value in zip(gradient, subject.names, subject.point, strict=True):
        if slope == 0:
            continue
        factor = "" if abs(slope) == 1 else f"{abs(slope):.4g}"
        shifted = name if value == 0 else f"({name} {'+' if value < 0 else '-'} {abs(value):.4g})"
        sign = "-" if slope < 0 else "+"
        text += f" {sign} {factor}{shifted}" if text or subject.here else f"{sign}{factor}{shifted}"
    constant = f"{subject.here:.4g}" if subject.here or not text else ""
    return f"z = {(constant + text).removeprefix('+')}"


def _leaving(subject: Subject, gradient: Any, half: float) -> str:
    """How the distance between the surface and the plane shrinks with the distance to the point."""
    turns = np.linspace(0, 2 * np.pi, 73)
    told = []
    for part in (0.5, 0.05):
        dx, dy = part * half * np.cos(turns), part * half * np.sin(turns)
        values = subject.values(subject.point[0] + dx, subject.point[1] + dy)
        apart = np.abs(values - subject.here - gradient[0] * dx - gradient[1] * dy)
        if not np.any(np.isfinite(apart)):
            return "It has no values all around the point."
        told.append((part * half, float(np.nanmax(apart))))
    (far, large), (near, small) = told
    return (
        f"At a distance of {far:.3g} the surface is up to {large:.3g} away from the plane, at "
        f"{near:.3g} only {small:.2g}."
    )
