"""The law of transposed functions: a permutation is moved to where it costs nothing.

A Hessian is computed row by row and comes out transposed. If it is a function of vectors and
constants, these are rearranged rather than the result.
"""

from __future__ import annotations

from collections import Counter

from chainrule.core.node import Node, apply, topological
from chainrule.ops.contract import contract
from chainrule.ops.parts import pad
from chainrule.ops.record import Elementwise
from chainrule.ops.shape import permute, permute_, reshape
from chainrule.rewrite.axes import aligned, long_axes
from chainrule.rewrite.constants import constant
from chainrule.rewrite.engine import Context, Family

TRANSPOSITION = Family()

MOST_NODES = 64
"""Larger functions are left as they are."""


@TRANSPOSITION.rule(permute_, contextual=True)
def permute_of_function(node: Node, context: Context) -> Node | None:
    """permute(f(x, y)) = f(permute(x), permute(y)) where only constants and vectors are moved."""
    (y,), (axes,) = node.sources, node.argument
    leaves = _easy_leaves(y, context)
    if leaves is None:
        return None
    moved: dict[Node, Node] = {}
    for part in topological([y], stop=leaves):
        if not part.ndim:
            continue  # a scalar has nothing to move
        if part in leaves:
            moved[part] = permute(reshape(part, aligned(part.shape, y.ndim)), axes)
        else:
            argument = part.argument
            if part.primitive is pad:
                argument = tuple(tuple(given[axis] for axis in axes) for given in argument)
            sources = tuple([moved.get(source, source) for source in part.sources])
            moved[part] = apply(part.primitive, sources, argument)
    return moved[y]


def _easy_leaves(y: Node, context: Context) -> set[Node] | None:
    """Where a function of scalars, vectors and constants begins; None if it is another function,
    or if something in it is used elsewhere too."""
    leaves: set[Node] = set()
    uses = Counter([y])
    stack = [y]
    while stack:
        node = stack.pop()
        if _is_easy(node, context):
            leaves.add(node)
            continue
        apart = isinstance(node.primitive, Elementwise) or node.primitive is pad
        if not apart or node.ndim != y.ndim or len(uses) > MOST_NODES:
            return None
        for source in node.sources:
            if not source.ndim:
                leaves.add(source)
                continue
            uses[source] += 1
            if uses[source] == 1:
                stack.append(source)
    if y in leaves or any(context.users(n, uses[n]) > uses[n] for n in uses if n not in leaves):
        return None
    return leaves


def _is_easy(x: Node, context: Context) -> bool:
    if x.primitive is contract:
        return context.single(x)
    return len(long_axes(x.shape)) <= 1 or constant(x) is not None or x.primitive is permute_
