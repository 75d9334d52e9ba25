"""Which rows a large graph is shown with: layers and families of names are folded to one row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from chainrule.explaining.graph.network import Network
from chainrule.explaining.graph.recording import Vertex
from chainrule.explaining.steps import Named
from chainrule.explaining.styles import LATEX, TEXT

__all__ = ["MOST", "Fold", "Row", "rows_of"]

MOST = 60
"""Graphs of at most so many stations are shown in full."""

OPENED = 100
"""So many members of a part that was opened are shown."""

FEW = 5
"""Families of so many names are not folded."""


@dataclass(frozen=True)
class Fold:
    """Stations that share a row.

    Attributes:
        part: the name by which it is opened: the path of a layer, or the letter of a family.
        members: the stations.
    """

    part: str
    members: tuple[Vertex, ...]

    @property
    def name(self) -> Named:
        """z₃ … z₉₉."""
        ends = (self.members[0], self.members[-1])
        text, latex = ([style.symbol(v.name) for v in ends] for style in (TEXT, LATEX))
        return Named(" … ".join(text), r" \dots ".join(latex))


Row = Vertex | Fold


def rows_of(network: Network, opened: Collection[str] = ()) -> tuple[Row, ...]:
    """The stations, of a large graph those of many parts folded.

    Folded are the layers of a network, at the depth at which the rows are few enough, and the
    names with one letter, such as z₁, z₂, …, but for the first and the last.

    Args:
        network: the graph.
        opened: parts that are shown.
    """
    stations = network.stations
    if len(stations) <= MOST:
        return stations
    deepest = max(len(vertex.layer) for vertex in stations)
    found: tuple[Row, ...] = stations
    for depth in range(deepest, -1, -1):
        found = _folded(network, _parts(depth), opened)
        if len(found) <= MOST:
            break
    if len(found) > MOST and not opened:
        found = _folded(network, lambda vertex: "all", opened)
    return found


def _parts(depth: int) -> Callable[[Vertex], str]:
    """The part of a station: its layer to this depth, or else the letter of its name."""

    def part(vertex: Vertex) -> str:
        if vertex.layer and depth:
            return ".".join(vertex.layer[depth - 1 : depth] or vertex.layer[-1:])
        return vertex.name.partition("_")[0]

    return part


def _folded(
    network: Network, part: Callable[[Vertex], str], opened: Collection[str]
) -> tuple[Row, ...]:
    groups: dict[str, list[Vertex]] = {}
    for vertex in network.stations:
        groups.setdefault(part(vertex), []).append(vertex)
    shown: dict[Vertex, None] = {}
    folds: dict[Vertex, Fold] = {}
    for name, members in groups.items():
        first, last = _ends(name, members, opened)
        inner = [
            v for v in members[first : len(members) - last] if v is not network.recording.output
        ]
        if len(inner) == 1:
            inner = []
        hidden = set(inner)
        shown.update(dict.fromkeys(v for v in members if v not in hidden))
        if inner:
            folds[inner[0]] = Fold(name, tuple(inner))
    rows: list[Row] = []
    for vertex in network.stations:
        if vertex in folds:
            rows.append(folds[vertex])
        elif vertex in shown:
            rows.append(vertex)
    return tuple(rows)


def _ends(name: str, members: Sequence[Vertex], opened: Collection[str]) -> tuple[int, int]:
    """How many members of a part are shown at its begin and at its end."""
    if name in opened:
        return (len(members), 0) if len(members) <= OPENED else (OPENED // 2, OPENED // 2)
    if name == "all":
        return MOST // 3, MOST // 3
    if members[0].layer:
        return 0, 1
    return (len(members), 0) if len(members) <= FEW else (2, 1)
