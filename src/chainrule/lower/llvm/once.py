"""scatter_add where no two updates meet, as a view: the gradient of picking one element a row.

If index arrays that simply count, or axes without extent, tell which update a place can get, then
each element of the result is that update or 0. The gradient of a cross-entropy is of this kind;
read as a view it joins the loop of the softmax and is never stored.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.core.node import Node, symbolic
from chainrule.lower.llvm.index import Affine, Dynamic, Index
from chainrule.lower.llvm.views import Condition, Piece, View, broadcast_index, counting_axis
from chainrule.ops.conv import Shape
from chainrule.ops.index import scatter_add
from chainrule.ops.record import broadcast_shapes

__all__ = ["scatter_once", "scattered_once", "view"]

scatter_once = replace(scatter_add, name="scatter_once")
"""`scatter_add` under a name of its own, where every place gets at most one update."""


def _counted(indices: tuple[Node, ...], selected: Shape) -> dict[int, int]:
    """For each axis of the index shape the number of an index array that counts along it."""
    found: dict[int, int] = {}
    for number, index in enumerate(indices):
        axis = counting_axis(index)
        if axis is not None:
            found.setdefault(axis + len(selected) - index.ndim, number)
    return found


def scattered_once(node: Node, sources: tuple[Node, ...]) -> Node | None:
    """A view in place of a scatter_add; None if two updates may meet."""
    _, *indices = sources
    selected = broadcast_shapes("scatter_add", [index.type for index in indices])
    counted = _counted(tuple(indices), selected)
    if any(n != 1 and axis not in counted for axis, n in enumerate(selected)):
        return None
    return symbolic(scatter_once, sources, node.argument)


def view(node: Node, index: Index, shape: Shape, axes: Shape) -> list[Piece]:
    """The update that this place can get, if it was meant for it."""
    updates, *indices = node.sources
    selected = broadcast_shapes("scatter_add", [i.type for i in indices])
    counted = _counted(tuple(indices), selected)
    front: list[Affine] = []
    conditions = []
    for axis, extent in enumerate(selected):
        if axis not in counted:
            front.append(Affine(0))
            continue
        place = index[axes[counted[axis]]]
        front.append(place)
        conditions.append(Condition(place, 0, extent))
    for number, (axis, source) in enumerate(zip(axes, indices, strict=True)):
        if number in counted.values():
            continue
        named = Dynamic(source, broadcast_index(tuple(front), selected, source.shape), shape[axis])
        distance = Affine.sum([(index[axis], 1), (Affine(0, ((named, 1),)), -1)])
        conditions.append(Condition(distance, 0, 1))
    rest = [part for axis, part in enumerate(index) if axis not in axes]
    kept = tuple(c for c in conditions if not c.always)
    return [Piece(updates, (*front, *rest), kept)]


VIEW: tuple[str, View] = (scatter_once.name, view)
