"""Which nodes lie between variables and results, and whether derivatives must be recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainrule.core.node import Node, detached, oldest, topological
from chainrule.core.types import ArrayType


def between(outputs: Iterable[Node], variables: frozenset[Node]) -> list[Node]:
    """What ``outputs`` depend on, sources first, as far back as ``variables`` matter."""
    return topological(outputs, stop=variables, since=oldest(variables))


def dependents(order: Sequence[Node], variables: Iterable[Node]) -> set[Node]:
    """The nodes of ``order`` (sources first) through which derivatives of ``variables`` flow."""
    found = set(variables)
    for node in order:
        if node not in found:
            for source in node.sources:
                if source in found:
                    if node.type.is_float and node.primitive.differentiable:
                        found.add(node)
                    break
    return found


def must_record(order: Sequence[Node], flows: set[Node], variables: frozenset[Node]) -> bool:
    """Whether a derivative computed from these nodes may itself be differentiated later.

    It may if some node has no value yet (it is being traced), or if something tracked other than
    ``variables`` takes part. Otherwise the nodes may be taken as constants.

    Args:
        order: the nodes between ``variables`` and results.
        flows: those of them that depend on ``variables``.
        variables: the variables of this derivative.
    """
    for node in order:
        if node in variables:
            if any(source.tracked or source.value is None for source in node.sources):
                return True
        elif node.value is None or (node.tracked and node not in flows):
            return True
    return False


class Detached:
    """Hands out nodes as constants with the same value, each node always as the same constant."""

    def __init__(self) -> None:
        self._constants: dict[Node, Node] = {}

    def __call__(self, node: Node) -> Node:
        if not node.tracked:
            return node
        constant = self._constants.get(node)
        if constant is None:
            constant = self._constants[node] = (
                detached(node) if isinstance(node.type, ArrayType) else node
            )
        return constant


def recorded(node: Node) -> Node:
    """The node itself: what a recording pass uses in place of `Detached`."""
    return node
