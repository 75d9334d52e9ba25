"""vmap: a function of one example as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from chainrule.calculus.linearize import Function
from chainrule.core.errors import ShapeError, TreeError
from chainrule.core.node import Node, input_node, now
from chainrule.core.tree import Tree, flatten
from chainrule.core.types import array_type
from chainrule.lift import as_node
from chainrule.ops.shape import materialize, move_axis
from chainrule.rules.batch import batch
from chainrule.tensor import Tensor, mode, wrap

Axes = Any
"""An int, None, or a pytree prefix of the arguments with ints and None as leaves."""


def vmap(f: Function, in_axes: Axes = 0, out_axes: Axes = 0) -> Function:
    """Apply ``f`` to every example along an axis, in one batched evaluation.

    Args:
        f: a function of single examples. It is traced once, so it must not branch on values.
        in_axes: which axis of each argument counts the examples; None where an argument is common
            to all. An int for all arguments, or a tuple with one entry for each argument, which
            may itself be a pytree that matches the argument.
        out_axes: where the axis goes in the results, in the same way.

    Raises:
        ShapeError: if arguments disagree in the number of examples.

    >>> import chainrule as cr
    >>> per_example = cr.vmap(cr.grad(lambda w, x: (w * x) ** 2), in_axes=(None, 0))
    >>> per_example(2.0, cr.tensor([1.0, 2.0, 3.0]))
    tensor([ 4., 16., 36.])
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten(args)
        given = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        if len(given) != len(args):
            raise TreeError(f"vmap: {len(given)} in_axes for {len(args)} arguments")
        axes = _spread("in_axes", tuple(given), structure)
        nodes = [as_node(leaf) for leaf in leaves]
        size = _size(nodes, axes)
        start = now()
        inside: list[Node] = []
        many: dict[Node, Node] = {}
        for node, axis in zip(nodes, axes, strict=True):
            if axis is None:
                inside.append(node)
                continue
            moved = move_axis(node, axis % node.ndim, 0)
            hole = input_node(array_type(moved.shape[1:], moved.dtype))
            many[hole] = moved
            inside.append(hole)
        with mode(grad=True, since=start):
            returned = f(*structure.build(map(Tensor, inside)), **kwargs)
        results, result = flatten(returned)
        outputs = batch([as_node(leaf) for leaf in results], many, size)
        targets = _spread("out_axes", out_axes, result)
        return result.build(
            wrap(_placed(node, batched, axis, size))
            for (node, batched), axis in zip(outputs, targets, strict=True)
        )

    return wrapped


def _placed(node: Node, batched: bool, axis: int | None, size: int) -> Node:
    if axis is None:
        if batched:
            raise ShapeError("vmap: out_axes is None for a result that differs between examples")
        return node
    full = node if batched else materialize(node, size)
    return move_axis(full, 0, axis % full.ndim)


def _spread(name: str, axes: Axes, tree: Tree) -> list[int | None]:
    """One axis for each leaf of ``tree`` from a prefix of it."""
    if axes is None or isinstance(axes, int):
        return [axes] * tree.leaves
    if isinstance(axes, dict):
        parts: Sequence[Any] = [axes[key] for key in tree.static or ()]
    elif isinstance(axes, (tuple, list)):
        parts = axes
    else:
        raise TreeError(f"vmap: {name} holds {axes!r}; it takes ints, None and pytrees of them")
    if len(parts) != len(tree.children):
        raise TreeError(f"vmap: {name} {axes} does not match {tree}")
    return [
        axis
        for part, child in zip(parts, tree.children, strict=True)
        for axis in _spread(name, part, child)
    ]


def _size(nodes: Sequence[Node], axes: Sequence[int | None]) -> int:
    sizes = set()
    for node, axis in zip(nodes, axes, strict=True):
        if axis is not None:
            if not -node.ndim <= axis < node.ndim:
                raise ShapeError(f"vmap: axis {axis} of an argument of shape {node.shape}")
            sizes.add(node.shape[axis])
    if len(sizes) != 1:
        raise ShapeError(
            "vmap: no argument has an axis to map over (all in_axes are None)"
            if not sizes
            else f"vmap: arguments with different numbers of examples: {sorted(sizes)}"
        )
    return sizes.pop()
