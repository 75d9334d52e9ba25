"""Batching: the same graph on many inputs at once (what `vmap` is made of).

A batched node has the batch axis first. Nodes that do not depend on a batched input are left
as they are, so work that is common to all examples is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.core.graph import with_sources
from chainrule.core.node import Node, apply, oldest, topological
from chainrule.ops import record as kinds
from chainrule.ops.shape import reshape

__all__ = ["batch"]


def batch(
    outputs: Sequence[Node], inputs: Mapping[Node, Node], size: int
) -> list[tuple[Node, bool]]:
    """For each output its node and whether it is batched.

    Args:
        outputs: results of a graph on single examples.
        inputs: for single-example nodes, nodes with a leading axis of ``size`` examples.
        size: the number of examples.
    """
    done: dict[Node, Any] = {node: (many, True) for node, many in inputs.items()}
    for node in topological(outputs, stop=inputs, since=oldest(inputs)):
        if node not in done:
            pairs = [done.get(source, (source, False)) for source in node.sources]
            if any(_is_batched(pair) for pair in pairs):
                done[node] = _BATCH[type(node.primitive)](node, pairs, size)
            else:  # the source may be new: an unbatched result of a batched call
                done[node] = (with_sources(node, [source for source, _ in pairs]), False)
    return [done[output] for output in outputs]


def _is_batched(pair: Any) -> bool:
    return isinstance(pair, list) or pair[1]


def _elementwise(node: Node, pairs: list[tuple[Node, bool]], size: int) -> tuple[Node, bool]:
    sources = []
    for single, (many, batched) in zip(node.sources, pairs, strict=True):
        if batched and single.ndim < node.ndim:
            many = reshape(many, (size,) + (1,) * (node.ndim - single.ndim) + single.shape)
        sources.append(many)
    return apply(node.primitive, tuple(sources), node.argument), True


def _written(node: Node, pairs: list[tuple[Node, bool]], size: int) -> tuple[Node, bool]:
    sources = tuple(many for many, _ in pairs)
    batched = tuple(flag for _, flag in pairs)
    return node.primitive.batch(size, batched, sources, *node.argument), True


def _projection(node: Node, pairs: list[Any], size: int) -> tuple[Node, bool]:
    return pairs[0][node.argument[0]]  # type: ignore[no-any-return]


def _call(node: Node, pairs: list[tuple[Node, bool]], size: int) -> list[tuple[Node, bool]]:
    sources = tuple(many for many, _ in pairs)
    batched = tuple(flag for _, flag in pairs)
    return list(node.primitive.batch(_readings(), size, batched, sources, *node.argument))


def _readings() -> kinds.Readings:
    from chainrule.rules.readings import READINGS  # the readings know each other

    return READINGS


_BATCH: dict[type[kinds.Primitive], Callable[..., Any]] = {
    kinds.Elementwise: _elementwise,
    kinds.Linear: _written,
    kinds.Bilinear: _written,
    kinds.Reduction: _written,
    kinds.Selection: _written,
    kinds.Discrete: _written,
    kinds.Smooth: _written,
    kinds.Projection: _projection,
    kinds.Call: _call,
}
