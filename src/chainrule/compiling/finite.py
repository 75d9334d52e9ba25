"""Where a NaN or an infinity came from: the reference evaluates the graph until one appears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import NonFiniteError
from chainrule.core.graph import Graph
from chainrule.core.node import Node

__all__ = ["blame"]


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
    values: dict[Node, Any] = dict(zip(graph.inputs, inputs, strict=True))
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node in values:
                continue
            if not node.sources:
                values[node] = node.value
                continue
            sources = [values[source] for source in node.sources]
            value = node.primitive.evaluate(*sources, *node.argument)
            values[node] = value
            if not isinstance(value, tuple) and not _is_finite(value):
                lines = sorted(map(str, graph.notes.get(node, ())))
                where = f", made at {' and '.join(lines)}" if lines else ""
                given = ", ".join(_range(source) for source in sources)
                raise NonFiniteError(
                    f"{node!r}{where}, {_described(value)} from finite numbers: {given}"
                )
    raise NonFiniteError(
        "a result is not finite although every operation is so when it is evaluated by itself: "
        "the native functions overflow where the reference just does not"
    )


def _is_finite(value: Any) -> bool:
    value = np.asarray(value)
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _described(value: Any) -> str:
    value = np.asarray(value)
    nan, inf = int(np.isnan(value).sum()), int(np.isinf(value).sum())
    kinds = [f"{n} {what}" for n, what in ((nan, "NaN"), (inf, "infinite")) if n]
    return f"has {' and '.join(kinds)} of {value.size} elements"


def _range(value: Any) -> str:
    value = np.asarray(value)
    if not value.size:
        return "nothing"
    if value.size == 1:
        return f"{value.item():.6g}"
    return f"{value.min():.6g} … {value.max():.6g}"
