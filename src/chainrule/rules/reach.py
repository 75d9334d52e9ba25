"""Which nodes lie between variables and results, and whether derivatives must be recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainrule.core.node import VARIABLE, Node, detached
from chainrule.core.types import ArrayType


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


def must_record(order: Sequence[Node], variables: frozenset[Node]) -> bool:
    """Whether a derivative computed from these nodes may itself be differentiated later.

    It may if some node has no value yet (it is being traced), or if a tracked variable other
    than ``variables`` can be reached. Otherwise the nodes may be taken as constants.
    """
    for node in order:
        if node.value is None:
            return True
        if node in variables:
            if any(source.tracked for source in node.sources):
                return True
        elif node.primitive is VARIABLE:
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
