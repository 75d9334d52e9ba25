"""`draw_graph`: the computational graph of a run as a picture, still or in steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, overload

import numpy as np

from chainrule.core.errors import ArgumentError, GradientError
from chainrule.core.files import write_atomically
from chainrule.explaining.graph.drawing.collapse import Box, collapse
from chainrule.explaining.graph.drawing.page import to_page
from chainrule.explaining.graph.drawing.scene import Graph, Role, scene
from chainrule.explaining.graph.drawing.svg import Canvas
from chainrule.explaining.graph.drawing.writing import name_text, summary
from chainrule.explaining.graph.explain import branch_taken, called, with_floats
from chainrule.explaining.graph.recording import Recording, record

__all__ = ["Frames", "GraphPicture", "draw_graph"]

MOST = 60
"""So many boxes a picture has at most, if nothing else is asked for."""

_LEAST = 10
_LISTED = 6


class GraphPicture:
    """A computational graph with values and cotangents; see `draw_graph`.

    Attributes:
        recording: the run that is shown.
        limit: how many boxes there are at most.
        boxes: what each box holds, sources first.
    """

    def __init__(self, recording: Recording, limit: int = MOST) -> None:
        self.recording = recording
        self.limit = limit
        self._graph = Graph(recording)
        self.boxes: tuple[Box, ...] = collapse(self._graph.items, limit)

    @cached_property
    def _canvas(self) -> Canvas:
        return Canvas(scene(self._graph, self.boxes))

    @property
    def title(self) -> str:
        """What the picture is called."""
        return f"Computational graph of {name_text(self.recording.output.name)}"

    @cached_property
    def alt(self) -> str:
        """A text that stands for the picture: what leads to what, the result and the gradient."""
        shown = self._canvas.scene
        graph, result = self._graph, name_text(self.recording.output.name)
        edges = sum(len(item.sources) for item in graph.items)
        text = f"{self.title}: {_counted(len(graph.items), 'node')} and {_counted(edges, 'edge')}"
        if len(self.boxes) < len(graph.items):
            text += f", drawn as {len(self.boxes)} boxes"
        inputs = [name_text(vertex.name) for vertex in self.recording.inputs]
        steps = [v.title for v in shown.boxes if v.role in (Role.result, Role.group)]
        through = f", through {_listed(steps)}" if steps else ""
        text += f". From {_listed(inputs)}{through}, to {result}: "
        text += f"{summary(self.recording.output.node.value)}."
        slopes = []
        for vertex in self.recording.wrt:
            found = graph.cotangent(vertex.node)
            if found is not None:
                slopes.append(f"∂{result}/∂{name_text(vertex.name)}: {summary(found)}")
        text += f" {_listed(slopes, '; ')}." if slopes else ""
        notes = [f"{note[:1].upper()}{note[1:]}." for note in self.recording.notes]
        return " ".join([text, *notes])

    def svg(self) -> str:
        """The graph with all values and cotangents, as one SVG text."""
        return self._canvas.svg(self.title, self.alt)

    def frames(self) -> Frames:
        """One SVG text for each step: node by node forward, then edge by edge backward."""
        return Frames(self._canvas, self.title)

    def html(self) -> str:
        """A page to step through, with play, a slider and the arrow keys; it needs no network.

        Folded boxes open, as far as the page stays below two million characters.
        """
        return to_page(self._graph, self.boxes, self.limit, self.title, self.alt)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write ``.svg`` or ``.html``, by the end of the name; all of it or nothing.

        Raises:
            ArgumentError: if the name ends otherwise.
            OSError: if the file cannot be written.
        """
        forms: dict[str, Callable[[], str]] = {".svg": self.svg, ".html": self.html}
        given = Path(path) if isinstance(path, (str, os.PathLike)) else Path()
        if given.suffix.lower() not in forms:
            raise ArgumentError(
                f"a graph is saved under a name that ends with .svg or .html, not "
                f"{str(path)!r}; for "
                "example picture.save('graph.html')"
            )
        text = forms[given.suffix.lower()]()
        return write_atomically(given, lambda file: file.write(text.encode()))

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        """The page within a frame, so that its style and script stay its own."""
        canvas = self._canvas
        height = min(int(canvas.drawing.height) + 280, 760)
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.html())}" '
            f'style="width:100%;height:{height}px;border:0"></iframe>'
        )

    def __repr__(self) -> str:
        count, boxes = len(self._graph.items), len(self.boxes)
        folded = f" in {boxes} boxes" if boxes < count else ""
        return f"GraphPicture({self.recording.output.name}; {count} nodes{folded})"


class Frames(Sequence[str]):
    """The frames of a picture, each written when it is asked for."""

    def __init__(self, canvas: Canvas, title: str) -> None:
        self._canvas, self._title = canvas, title

    def __len__(self) -> int:
        return len(self._canvas.scene.events)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        frame = range(len(self))[index]
        words = f"Step {frame + 1} of {len(self)}: {self._canvas.scene.events[frame]}"
        return self._canvas.svg(self._title, words, frame)


def draw_graph(
    f: Any,
    *args: Any,
    wrt: str | Sequence[str] | None = None,
    seed: Any = None,
    at: Any = None,
    limit: int = MOST,
) -> GraphPicture:
    """The computational graph of ``f(*args)``, with values forward and cotangents backward.

    Each box is a node, by the name that it has in the function: its value at the top, the
    derivative of the result with respect to it at the bottom. On edges between numbers stands the
    local derivative. Large graphs are folded: unnamed steps into the named node that they lead to,
    calls of modules, blocks that repeat.

    Args:
        f: a function of pytrees with one result, or formulas as text, the last one the result:
            ``"z = w x, L = (z - y)^2"``.
        args: its arguments.
        wrt: names with respect to which to differentiate (``"w, b"`` or a list); by default all
            inputs that are floats. Integers count as floats where they are numbers.
        seed: the cotangent of a result that is no scalar.
        at: the arguments instead of ``args``: values, or ``{"x": 1.0}``.
        limit: how many boxes are drawn at most; at least 10.

    Raises:
        ArgumentError: if ``args``, ``at``, ``wrt`` or ``limit`` do not fit.
        GradientError: if no argument is a float, or the result is no scalar and has no ``seed``.
        ParseError: if the text is no formula.

    >>> import chainrule as cr
    >>> def loss(w, x, y):
    ...     z = w * x
    ...     L = (z - y) ** 2
    ...     return L
    >>> picture = cr.draw_graph(loss, 0.5, 2.0, 3.0)
    >>> len(picture.frames()), picture.svg()[:4]
    (11, '<svg')
    >>> print(picture.alt[:79])
    Computational graph of L: 6 nodes and 5 edges. From w, x, y, through z = w x, v
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < _LEAST:
        raise ArgumentError(f"limit: at least {_LEAST} boxes, as an integer, not {limit!r}")
    chosen = wrt.replace(",", " ").split() if isinstance(wrt, str) else wrt
    function, values = called(f, args, at)
    values = with_floats(function, values, chosen)
    with np.errstate(all="ignore"):  # what is not finite is seen in the picture
        recording = record(function, *values, wrt=chosen, seed=seed)
        notes = branch_taken(function, values)
    if seed is None and recording.output.node.type.size != 1:
        raise GradientError(
            f"the result has shape {recording.output.node.shape}; a picture shows how one number "
            "is differentiated: return a scalar, or give its cotangent as seed="
        )
    recording = replace(recording, notes=notes)
    return GraphPicture(recording, limit)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(texts: Sequence[str], between: str = ", ") -> str:
    """The texts, of many the first ones and the last."""
    if len(texts) > _LISTED:
        return between.join([*texts[: _LISTED - 1], "…", texts[-1]])
    return between.join(texts)
