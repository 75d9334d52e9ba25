"""Functions of two variables from above: shades, level curves, arrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.pictures.figure import BLACK, MAP, ORANGE, VERMILION
from chainrule.pictures.ranges import span
from chainrule.pictures.subject import Subject, Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BOXED", "Window", "draw_arrow", "draw_dash", "draw_levels", "draw_point"]

_GRID = 161
_LEVELS = 11

BOXED: dict[str, Any] = {
    "fontsize": 10,
    "bbox": {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "0.6", "alpha": 0.9},
    "zorder": 9,
}


@dataclass(frozen=True)
class Window:
    """The part of the plane that is shown, and the function on a grid over it."""

    half: float
    x: Values
    y: Values
    z: Values

    @classmethod
    def of(cls, subject: Subject, half: float) -> Window:
        steps = np.linspace(-half, half, _GRID)
        x, y = np.meshgrid(subject.point[0] + steps, subject.point[1] + steps)
        return cls(half, x, y, subject.values(x, y))

    def levels(self) -> Values:
        """Round values through the bulk of those on the grid; poles do not count."""
        from matplotlib.ticker import MaxNLocator

        finite = self.z[np.isfinite(self.z)]
        low, high = np.quantile(finite, [0.01, 0.99])
        if high - low < 1e-9 * max(1.0, abs(high)):
            low, high = low - 1, high + 1
        return np.asarray(MaxNLocator(_LEVELS).tick_values(float(low), float(high)))


def draw_levels(axes: Axes, subject: Subject, window: Window, labels: bool = True) -> None:
    """The function as shades, level curves with their values, and the level of the point."""
    levels = window.levels()
    shades = axes.contourf(window.x, window.y, window.z, levels, cmap=MAP, extend="both")
    lines = axes.contour(
        window.x, window.y, window.z, levels, colors="white", linewidths=0.9, linestyles="solid"
    )
    if labels:
        axes.clabel(lines, fontsize=8, fmt="%g", inline=True)
    bar = axes.figure.colorbar(shades, ax=axes, shrink=0.85, pad=0.03)
    bar.set_label(f"f({', '.join(subject.names)})")
    if span(window.z):
        axes.contour(
            window.x,
            window.y,
            window.z,
            [subject.here],
            colors=BLACK,
            linewidths=2.4,
            linestyles="solid",
        ).set_gid("level")
    axes.set_aspect("equal")
    axes.set_xlim(window.x[0, 0], window.x[0, -1])
    axes.set_ylim(window.y[0, 0], window.y[-1, 0])
    axes.set_xlabel(subject.names[0])
    axes.set_ylabel(subject.names[1])


def draw_arrow(axes: Axes, point: Values, vector: Values, color: str, dashes: str = "-") -> None:
    """A thick arrow from a point."""
    style = {
        "arrowstyle": "-|>",
        "color": color,
        "linewidth": 3,
        "linestyle": dashes,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 18,
    }
    axes.annotate("", tuple(point + vector), tuple(point), arrowprops=style, zorder=7)


def draw_dash(axes: Axes, point: Values, vector: Values) -> None:
    """The direction of the level curve through a point, to both sides."""
    ends = np.array([point - vector, point + vector])
    axes.plot(*ends.T, color=ORANGE, linestyle=(0, (3, 1.5)), linewidth=2.6, zorder=6)


def draw_point(axes: Axes, point: Values) -> None:
    """The point that a picture is about."""
    axes.plot(*point, "o", color=VERMILION, markeredgecolor="white", markersize=8, zorder=8)
