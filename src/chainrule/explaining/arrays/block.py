"""A composite found in a graph, with what a textbook says of its derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.core.node import Node
from chainrule.explaining.arrays.expression import Shape, Term, number, repeat, reshaped, times

__all__ = ["Backward", "Block", "Count", "Match", "column", "counts", "spread"]

Count = Callable[[int], Term]
Candidate = Term
Backward = Callable[[int, Term, Sequence[Term], Term, Count], Sequence[Term]]
"""``backward(index, cotangent, inputs, result, count)``: textbook forms of what an input gets."""


@dataclass(frozen=True)
class Block:
    """A composite found in a graph.

    Attributes:
        name: what it is called.
        output: its last node.
        inputs: the nodes it is computed from.
        inside: its other nodes.
        forward: the composite as a term of its inputs.
        backward: textbook forms of the derivative.
        law: the rule, as text.
    """

    name: str
    output: Node
    inputs: tuple[Node, ...]
    inside: frozenset[Node]
    forward: Callable[[Sequence[Term], Count], Term]
    backward: Backward
    law: str = ""


Match = Callable[[Node], Block | None]


def spread(ct: Term, x: Term, axes: Shape, keepdims: bool) -> Term:
    """A cotangent of a reduction, back in the shape of what was reduced."""
    if len(axes) == x.ndim:
        return repeat(_scalar(ct), x.shape)
    if not keepdims:
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        ct = ct if ct.shape == kept else column(ct, kept)
    return repeat(ct, x.shape)


def _scalar(ct: Term) -> Term:
    return ct if not ct.shape else Term("reshape", (ct,), (), ())


def column(ct: Term, kept: Shape) -> Term:
    """A cotangent in a shape that keeps the axes summed over."""
    return reshaped(ct, kept)


def counts(shape: Shape, axes: Shape, count: Count) -> Term:
    """How many elements there are along axes."""
    return times(*[count(shape[a]) for a in axes]) if axes else number(1)
