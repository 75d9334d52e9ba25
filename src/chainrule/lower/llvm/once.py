"""scatter_add where no two updates meet, as a view: the gradient of picking one element a row.

If index arrays that simply count, or axes without extent, tell which update a place can get, then
each element of the result is that update or 0. The gradient of a cross-entropy is of this kind;
read as a view it joins the loop of the softmax and is never stored.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.core.node import Node, symbolic
from chainrule.lower.llvm.views import counted_axes
from chainrule.ops.index import scatter_add
from chainrule.ops.record import broadcast_shapes

__all__ = ["scattered_once"]

scatter_once = replace(scatter_add, name="scatter_once")
"""`scatter_add` under a name of its own, where every place gets at most one update."""


def scattered_once(
    sources: tuple[Node, ...], shape: tuple[int, ...], axes: tuple[int, ...]
) -> Node | None:
    """A view in place of a scatter_add; None if two updates may meet."""
    _, *indices = sources
    selected = broadcast_shapes("scatter_add", [index.type for index in indices])
    counted = counted_axes(selected, indices)
    if any(n != 1 and axis not in counted for axis, n in enumerate(selected)):
        return None
    others = [axis for number, axis in enumerate(axes) if number not in counted.values()]
    if any(shape[axis] == 1 for axis in others):  # nothing to compare, so nothing would be checked
        return None
    for axis, number in counted.items():
        extent = shape[axes[number]]
        # further index arrays are read wherever the result is computed
        if selected[axis] > extent or (others and selected[axis] != extent):
            return None
    return symbolic(scatter_once, sources, (shape, axes))
