"""Where a NaN, an infinity or a wrong index came from: the reference evaluates until it appears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import IndexingError, NonFiniteError
from chainrule.core.graph import Graph
from chainrule.core.node import Node

__all__ = ["blame", "blame_index"]


def blame(graph: Graph, inputs: Sequence[Any], results: Sequence[Any]) -> None:
    """Raise if a result is not finite.

    Args:
        graph: what was compiled.
        inputs: the values of its inputs.
        results: what the program gave.

    Raises:
        NonFiniteError: names the first operation that made a NaN or an infinity, and its line.
    """
    if all(_is_finite(value) for value in results):
        return
    for node, name, value in zip(graph.inputs, graph.names, inputs, strict=True):
        if not _is_finite(value):
            raise NonFiniteError(f"the argument {name}, a {node.type!r}, {_described(value)}")
    for node, sources, value in evaluated(graph, inputs):
        if not _is_finite(value):
            given = ", ".join(_range(source) for source in sources)
            raise NonFiniteError(
                f"{node!r}{_made_at(graph, node)}, {_described(value)} from finite numbers: {given}"
            )
    raise NonFiniteError(
        "a result is not finite although every operation is so when it is evaluated by itself: "
        "the native functions overflow where the reference just does not"
    )


def blame_index(graph: Graph, inputs: Sequence[Any]) -> None:
    """Raise the error of the first look-up outside of an axis, as the reference finds it.

    Raises:
        IndexingError: names the index and the line of the look-up.
    """
    evaluation = evaluated(graph, inputs)
    known = frozenset(graph.inputs)
    for node in graph.nodes:
        if not node.sources or node in known:
            continue
        try:
            next(evaluation)
        except IndexingError as error:
            reason = str(error).split("\n", maxsplit=1)[0]
            raise IndexingError(f"{reason}{_made_at(graph, node)}") from None


def evaluated(graph: Graph, inputs: Sequence[Any]) -> Iterator[tuple[Node, list[Any], Any]]:
    """Every node that is computed, with the values of its sources and its own."""
    values: dict[Node, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        if node in values:
            continue
        if not node.sources:
            values[node] = node.value
            continue
        sources = [values[source] for source in node.sources]
        with np.errstate(all="ignore"):
            values[node] = node.primitive.evaluate(*sources, *node.argument)
        yield node, sources, values[node]


def _made_at(graph: Graph, node: Node) -> str:
    lines = sorted(map(str, graph.notes.get(node, ())))
    if lines:
        return f", made at {' and '.join(lines)}"
    # a derivative has no line of its own, but it is computed from what was
    near = sorted({str(line) for source in node.sources for line in graph.notes.get(source, ())})
    return f", in the derivative of what was made at {' and '.join(near)}" if near else ""


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    value = np.asarray(value)
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _described(value: Any) -> str:
    if isinstance(value, tuple):
        return "; ".join(_described(part) for part in value if not _is_finite(part))
    value = np.asarray(value)
    nan, inf = int(np.isnan(value).sum()), int(np.isinf(value).sum())
    kinds = [f"{n} {what}" for n, what in ((nan, "NaN"), (inf, "infinite")) if n]
    return f"has {' and '.join(kinds)} of {value.size} elements"


def _range(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_range, value))})"
    value = np.asarray(value)
    if not value.size:
        return "nothing"
    if value.size == 1:
        return f"{value.item():.6g}"
    return f"{value.min():.6g} … {value.max():.6g}"
