"""Pictures of a training run, as PNG files; they need matplotlib, from the extra [explain]."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.core.files import write_atomically
from chainrule.pictures.figure import BLUE, VERMILION, new_figure
from chainrule.train.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_curves", "plot_mistakes", "save_figure"]

# line styles differ too, for those who print without colour
_TRAINING: dict[str, Any] = {"color": BLUE, "linestyle": "-", "marker": "o"}
_VALIDATION: dict[str, Any] = {"color": VERMILION, "linestyle": "--", "marker": "s"}


def plot_curves(
    run: Run,
    path: str | os.PathLike[str],
    title: str = "",
    held_out: str = "validation",
    loss: str = "loss (mean over examples)",
    least: float | None = None,
) -> Path:
    """Draw the loss and each metric over the epochs, and save the picture.

    Args:
        path: of the PNG file.
        run, title, held_out, loss, least: as for `draw_curves`.

    Raises:
        MissingExtraError: without matplotlib.
        DomainError: if the run has no completed epoch.
    """
    return save_figure(draw_curves(run, title, held_out, loss, least), path)


def draw_curves(
    run: Run,
    title: str = "",
    held_out: str = "validation",
    loss: str = "loss (mean over examples)",
    least: float | None = None,
) -> Figure:
    """The loss and each metric over the epochs, as a figure of matplotlib.

    Args:
        run: a run with at least one epoch.
        title: above the picture.
        held_out: what the validation data are called.
        loss: what the axis of the loss says, with its unit.
        least: the least loss possible, where that is not 0; drawn as a line.

    Raises:
        MissingExtraError: without matplotlib.
        DomainError: if the run has no completed epoch.
    """
    if not run.history:
        raise DomainError("plot_curves: the run has no completed epoch to draw")
    first = run.history[0]
    names = list(first.training | first.validation)
    figure = new_figure(5.2 * len(names), 4.2)
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    numbers = [epoch.number for epoch in run.history]
    size = {"markersize": 3.5, "linewidth": 1.6}
    for ax, name in zip(axes, names, strict=True):
        if name in first.training:
            ax.plot(numbers, run.curve(name), label="training", **_TRAINING, **size)
        if name in first.validation:
            ax.plot(numbers, run.curve(name, True), label=held_out, **_VALIDATION, **size)
        if name == "loss" and least is not None:
            ax.axhline(least, color="0.5", linestyle=":", label=f"least possible: {least:.3f}")
        _name_axes(ax, name, loss)
        ax.legend(frameon=False)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def _name_axes(ax: Axes, name: str, loss: str) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ax.set_xlabel("epoch (passes over the training data)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(alpha=0.25, which="both")
    ax.spines[["top", "right"]].set_visible(False)
    if name == "loss":
        values = np.concatenate([line.get_ydata() for line in ax.get_lines()])
        wide = values.min() > 0 and values.max() > 10 * values.min()  # more than a decade
        ax.set_yscale("log" if wide else "linear")
        ax.set_ylabel(loss)
        ax.set_title("Loss, logarithmic scale" if wide else "Loss")
    elif name == "accuracy":
        ax.set_ylabel("accuracy (share of examples right)")
        ax.yaxis.set_major_formatter(
            PercentFormatter(1.0, decimals=0 if np.ptp(ax.get_ylim()) > 0.05 else 1)
        )
        ax.set_title("Accuracy")
    else:
        words = name.replace("_", " ")
        ax.set_ylabel(words)
        ax.set_title(words[:1].upper() + words[1:])


def plot_mistakes(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    path: str | os.PathLike[str],
    title: str = "",
    most: int = 15,
) -> Path:
    """Draw the images that were classified wrongly, the most confident mistakes first.

    Args:
        images: shape (n, height, width), dark where large.
        labels: the right classes, shape (n,).
        probabilities: of the classes, shape (n, classes).
        path: of the PNG file.
        title: above the picture.
        most: how many to draw at most.

    Raises:
        MissingExtraError: without matplotlib.
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:most]
    rows = max(1, -(-len(wrong) // 5))
    columns = max(3, -(-len(wrong) // rows))
    tall = images.shape[1] / images.shape[2]
    # inches: a column with its gap, a row with the two lines above it, and the title of all
    figure = new_figure(1.8 * columns, (1.74 * tall + 0.42) * rows + 0.25)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(wrong) :]:
        ax.set_axis_off()
    for ax, index in zip(axes, wrong, strict=False):
        guess = predicted[index]
        ax.imshow(images[index], cmap="gray_r", interpolation="nearest")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_color("0.75")
        ax.set_title(
            f"true {labels[index]}, predicted {guess}\n({probabilities[index, guess]:.0%} sure)",
            fontsize=10,
        )
    if not len(wrong):
        figure.text(0.5, 0.45, "no mistakes", ha="center", fontsize=12)
    if title:
        figure.suptitle(title, fontsize=11)
    return save_figure(figure, path)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a PNG file, all of it or nothing; returns the path."""
    return write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=150))
