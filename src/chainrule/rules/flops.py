"""Operations reading: how many floating-point operations a graph takes.

A multiplication and an addition are one each, so a product of matrices (m × k) · (k × n) takes
2mnk. An elementwise function takes one for each element, whatever it is, a sum or a maximum one for
each element that it reads. What moves, chooses, compares or counts takes none.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.ops import record as kinds

__all__ = ["flops"]


def flops(node: Node) -> int:
    """Floating-point operations of a node, without those of its sources.

    A scan takes those of all its steps, a choice those of its longer branch, a while loop those of
    one turn.

    >>> import chainrule as cr
    >>> program = cr.trace(lambda a, b: cr.tanh(a @ b), cr.ones((2, 3)), cr.ones((3, 4)))
    >>> [flops(node) for node in program.graph.nodes if node.sources]
    [48, 8]
    """
    if not node.sources:
        return 0
    primitive = node.primitive
    if isinstance(primitive, kinds.Call):
        assert primitive.flops is not None, primitive.name
        inner: int = primitive.flops(_of_graph, *node.argument)
        return inner
    if primitive.flops is not None:
        own: int = primitive.flops(*(source.type for source in node.sources), *node.argument)
        return own
    return _FLOPS[type(primitive)](node)


def _of_graph(graph: Graph) -> int:
    return sum(map(flops, graph.nodes))


def _of_elements(node: Node) -> int:
    return node.type.size if node.type.is_float else 0


def _of_what_is_read(node: Node) -> int:
    return node.sources[0].type.size


def _of_a_matrix(node: Node) -> int:
    """n for each of the n² elements: the order of all factorizations, not their factors."""
    largest = max(node.sources, key=lambda source: source.type.size)
    return largest.type.size * largest.shape[-1]


def _none(node: Node) -> int:
    return 0


_FLOPS: dict[type[kinds.Primitive], Callable[[Node], int]] = {
    kinds.Elementwise: _of_elements,
    kinds.Reduction: _of_what_is_read,
    kinds.Linear: _none,
    kinds.Selection: _none,
    kinds.Discrete: _none,
    kinds.Projection: _none,
    kinds.Smooth: _of_a_matrix,
}
