"""The speed-ups of a run as a picture."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from bench.native.report import Record, best_peer, floor, ratio, speed_ups

REACHED, MISSED, FREE = "#2a7f62", "#c8553d", "#7d8597"


def draw(record: Record, path: Path) -> None:
    """Bars of chainrule's speed-up over the best peer, on a logarithmic scale.

    A black tick is what was wanted, a grey diamond what the machine allows.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines = [
        (entry, name, found)
        for entry in record["workloads"]
        for name, found in speed_ups(entry).items()
    ]
    figure, axes = pyplot.subplots(figsize=(12, 1.8 + 0.4 * len(lines)), layout="constrained")
    beside = axes.get_yaxis_transform()  # columns of text right of the bars
    for place, (entry, _, found) in enumerate(lines):
        least = floor(entry)
        color = FREE if least is None else REACHED if found >= least else MISSED
        axes.barh(place, found - 1, left=1, color=color, height=0.62)
        if least is not None:
            axes.plot([least, least], [place - 0.42, place + 0.42], color="black", linewidth=2)
        limit, peer = entry["limit"], best_peer(entry)
        allowed = peer[1] / limit if limit and peer else None
        if allowed:
            axes.plot(allowed, place, marker="D", color="#adb5bd", markersize=5, zorder=3)
        text = ratio(found) + (f"  {peer[0]}" if peer else "")
        axes.text(1.01, place, text, va="center", fontsize=8, transform=beside)
    labels = [_label(entry["title"], name) for entry, name, _ in lines]
    axes.set_yticks(range(len(lines)), labels, fontsize=8)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.grid(axis="x", color="#e9ecef", zorder=0)
    axes.set_axisbelow(True)
    axes.set_xlabel("times as fast as the best peer (named on the right), by least times")
    axes.set_title(f"chainrule on {record['machine']['processor']}, {record['date']}", fontsize=10)
    axes.legend(
        handles=[
            Patch(color=REACHED, label="reaches what was wanted"),
            Patch(color=MISSED, label="does not reach it"),
            Patch(color=FREE, label="nothing was asked"),
            Line2D([], [], color="black", linewidth=2, label="wanted"),
            Line2D([], [], color="#adb5bd", marker="D", linestyle="", label="physical limit"),
        ],
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.35, -0.07),
        ncols=5,
        frameon=False,
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _label(title: str, name: str) -> str:
    kind = name.partition(",")[2].strip()
    text = f"{title} ({kind})" if kind else title
    return fill(text, 56)
