"""NumPy's indexing: ``x[index]`` for every mix of indices, and updated copies ``x.at[index]``.

An index is read in three steps: slices (and integers) cut, a reshape drops and inserts axes, and
index arrays look up what is left. Updates know which elements an index selects by applying it to
the numbers of the elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.errors import GradientError, IndexingError, ShapeError, TraceError
from chainrule.core.node import Node, array
from chainrule.functions.elementwise import divide, maximum, minimum, multiply, power
from chainrule.lift import BOOL, as_node
from chainrule.modes import current as mode
from chainrule.ops import parts
from chainrule.ops import shape as ops
from chainrule.ops.index import assign, gather, scatter_add
from chainrule.tensor import Tensor, wrap

__all__ = ["At", "Place", "assign_item", "getitem", "updated"]

MASK = (
    "a boolean mask selects as many elements as it has true ones, and the values of a traced mask "
    "are not known until the program runs. Use cr.where(mask, x, other), which keeps the shape"
)


# -- reading an index ------------------------------------------------------------------------------


def _entries(index: Any) -> list[Any]:
    """The index as a list of slice, int, None, Ellipsis, and nodes of integers or booleans."""
    items = index if isinstance(index, tuple) else (index,)
    found: list[Any] = []
    for item in items:
        if item is None or item is Ellipsis or isinstance(item, slice):
            found.append(item)
        elif isinstance(item, (bool, np.bool_)):
            found.append(array(np.asarray(item)))
        elif isinstance(item, (int, np.integer)):
            found.append(int(item))
        else:
            found.append(_array_entry(item))
    return found


def _array_entry(item: Any) -> Any:
    if isinstance(item, (list, tuple)) and not item:
        item = np.zeros(0, np.int64)
    if not isinstance(item, (Tensor, np.ndarray, list, tuple)):
        raise IndexingError(
            "an index is made of integers, slices, ..., None, and integer or boolean arrays; "
            f"not of {type(item).__name__}"
        )
    node = as_node(item)
    if node.dtype.kind not in "iub":
        raise IndexingError(f"index arrays are integer or boolean, not {node.dtype.name}")
    if node.ndim == 0 and node.dtype is not BOOL and node.value is not None:
        return int(node.value)
    return node


def _expanded(entries: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """The entries with ``...`` written out as the slices that it stands for, if any."""
    used = sum(_axes_used(entry) for entry in entries)
    missing = len(shape) - used
    if missing < 0:
        raise IndexingError(
            f"the index names {used} axes, the tensor of shape {shape} has {len(shape)}"
        )
    dots = [place for place, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        raise IndexingError("an index has at most one ellipsis (...)")
    place = dots[0] if dots else len(entries)
    filling = [slice(None)] * missing or entries[place : place + 1]  # see `getitem`
    return entries[:place] + filling + entries[place + len(dots) :]


def _axes_used(entry: Any) -> int:
    if entry is None or entry is Ellipsis:
        return 0
    if isinstance(entry, Node) and entry.dtype is BOOL:
        return entry.ndim
    return 1


def _mask_indices(mask: Node, extents: tuple[int, ...]) -> tuple[Node, ...]:
    """The places where a mask is true, one index array for each of its axes."""
    if mask.value is None:
        raise TraceError(f"{MASK}.")
    if mask.shape != extents:
        raise IndexingError(f"a mask of shape {mask.shape} on axes of shape {extents}")
    return tuple(array(places) for places in np.nonzero(mask.value))


# -- looking up ------------------------------------------------------------------------------------


def getitem(x: Node, index: Any) -> Node:
    """``x[index]`` as NumPy defines it.

    Raises:
        IndexingError: for an index out of range, or of a kind that cannot index.
        TraceError: for a traced boolean mask.
    """
    entries = _expanded(_entries(index), x.shape)
    looks_up = any(isinstance(entry, Node) for entry in entries)
    start, stop, step = [0] * x.ndim, list(x.shape), [1] * x.ndim
    kept: list[int] = []  # the shape after slicing, with axes dropped and inserted
    arrays: list[Node] = []  # index arrays, and
    axes: list[int] = []  # the axes of ``kept`` that they index
    places: list[int] = []  # the positions of array entries among the entries
    axis = 0
    for place, entry in enumerate(entries):
        if entry is Ellipsis:  # of no axes: it still separates index arrays
            continue
        if entry is None:
            kept.append(1)
        elif isinstance(entry, slice):
            start[axis], stop[axis], step[axis] = _bounds(entry, x.shape[axis])
            kept.append(len(range(start[axis], stop[axis], step[axis])))
            axis += 1
        elif isinstance(entry, int) and not looks_up:
            start[axis] = _position(entry, x.shape, axis)
            stop[axis] = start[axis] + 1
            axis += 1
        else:
            indices, extents = _lookup(entry, x.shape, axis)
            axes += range(len(kept), len(kept) + len(indices))
            kept += extents
            arrays += indices
            places.append(place)
            axis += _axes_used(entry)
    if not (start == [0] * x.ndim and stop == list(x.shape) and step == [1] * x.ndim):
        x = parts.slice_(x, start=tuple(start), stop=tuple(stop), step=tuple(step))
    x = ops.reshape(x, tuple(kept))
    if not arrays:
        return x
    found = gather(x, *arrays, axes=tuple(axes))
    together = places[-1] - places[0] == len(places) - 1
    if not together or axes[0] == 0:
        return found  # NumPy: the looked-up axes come first if a slice separates them
    front = found.ndim - (len(kept) - len(axes))
    order = (
        *range(front, front + axes[0]),
        *range(front),
        *range(front + axes[0], found.ndim),
    )
    return ops.permute(found, order)


def _bounds(entry: slice, extent: int) -> tuple[int, int, int]:
    try:
        start, stop, step = entry.indices(extent)
    except (TypeError, ValueError) as error:
        if isinstance(error, TraceError):
            raise
        raise IndexingError(f"slice {entry}: {error}") from None
    return (start, stop, step) if len(range(start, stop, step)) else (0, 0, 1)


def _position(entry: int, shape: tuple[int, ...], axis: int) -> int:
    extent = shape[axis]
    if not -extent <= entry < extent:
        raise IndexingError(
            f"index {entry} is out of range for axis {axis} of shape {shape}, which has {extent} "
            "elements"
        )
    return entry % extent


def _lookup(
    entry: Any, shape: tuple[int, ...], axis: int
) -> tuple[tuple[Node, ...], tuple[int, ...]]:
    """Index arrays of one entry, and the extents of the axes that they index."""
    if isinstance(entry, int):
        return (array(np.asarray(_position(entry, shape, axis))),), shape[axis : axis + 1]
    if entry.dtype is not BOOL:
        return (entry,), shape[axis : axis + 1]
    if entry.ndim == 0:  # True is an index array [0] into a new axis, False an empty one
        return (_mask_indices(ops.reshape(entry, (1,)), (1,))[0],), (1,)
    extents = shape[axis : axis + entry.ndim]
    return _mask_indices(entry, extents), extents


# -- writing ---------------------------------------------------------------------------------------


def _selected(x: Node, index: Any, values: Any) -> tuple[Node, Node]:
    """The numbers of the selected elements of the flattened ``x``, and a value for each."""
    numbers = array(np.arange(x.type.size).reshape(x.shape))
    places = getitem(numbers, index)
    updates = as_node(values, x.dtype)
    surplus = updates.ndim - places.ndim
    if surplus > 0 and updates.shape[:surplus] == (1,) * surplus:
        updates = ops.reshape(updates, updates.shape[surplus:])
    try:
        updates = ops.broadcast_to(updates, places.shape)
    except ShapeError:
        raise ShapeError(
            f"a value of shape {updates.shape} cannot be put where the index selects shape "
            f"{places.shape} of a tensor of shape {x.shape}"
        ) from None
    return tuple(ops.reshape(node, (places.type.size,)) for node in (places, updates))  # type: ignore[return-value]


def _flat(x: Node) -> Node:
    return ops.reshape(x, (x.type.size,))


def updated(x: Node, index: Any, values: Any) -> Node:
    """A copy of ``x`` in which ``values`` stand at ``index``; of several for one place the last."""
    places, updates = _selected(x, index, values)
    return ops.reshape(assign(_flat(x), updates, [places], (0,)), x.shape)


def assign_item(x: Any, index: Any, value: Any) -> None:
    """``x[index] = value``: lets the tensor ``x`` stand for the changed copy.

    Raises:
        GradientError: for a leaf that keeps a gradient, unless recording is off.
    """
    if not (x.is_leaf and x.requires_grad):
        x.node = wrap(updated(x.node, index, value)).node
    elif not mode.grad:
        x.assign_(Tensor(array(updated(array(x.node.value), index, value).value)))
    elif x.node.argument[0] is None:  # the variable of a derivative, not one of the user's
        x.node = wrap(updated(x.node, index, value)).node
    else:
        raise GradientError(
            "item assignment to a leaf that requires a gradient. Assign within cr.no_grad() to "
            "change a parameter, or make a changed copy with x.at[index].set(value) (or "
            "x.clone()), through which derivatives flow."
        )


def _combined(x: Node, index: Any, values: Any, combine: Callable[[Any, Any], Tensor]) -> Node:
    """A copy with ``combine(x[index], values)`` at ``index``, one after another if it repeats."""
    places, updates = _selected(x, index, values)
    if places.value is None:
        raise TraceError(
            "this update by a traced index array would have to know which places repeat; use "
            ".add, .set, or cr.where"
        )
    numbers = np.asarray(places.value)
    flat = _flat(x)
    for turn in _turns(numbers):
        chosen = gather(updates, array(turn), axes=(0,))
        where = array(numbers[turn])
        result = combine(wrap(gather(flat, where, axes=(0,))), wrap(chosen)).node
        flat = assign(flat, as_node(Tensor(result), x.dtype), [where], (0,))
    return ops.reshape(flat, x.shape)


def _turns(numbers: np.ndarray) -> list[np.ndarray]:
    """Positions in ``numbers`` in groups, in each of which no number occurs twice."""
    order = np.argsort(numbers, kind="stable")
    ascending = numbers[order]
    starts = np.flatnonzero(np.diff(ascending, prepend=-1))
    rank = np.arange(numbers.size) - np.repeat(starts, np.diff(starts, append=numbers.size))
    return [order[rank == turn] for turn in range(int(rank.max(initial=-1)) + 1)]


class At:
    """What ``x.at`` gives: ``x.at[index]`` names a `Place`."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def __getitem__(self, index: Any) -> Place:
        return Place(self._tensor, index)


class Place:
    """Part of a tensor, to make changed copies of the whole, as in JAX; all differentiable.

    Where an index array names a place twice, `set` takes the last value, the others apply one
    after another.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0, 3.0])
    >>> x.at[1].set(20.0)
    tensor([ 1., 20.,  3.])
    >>> x.at[[0, 0]].add(1.0)
    tensor([3., 2., 3.])
    """

    __slots__ = ("_index", "_tensor")

    def __init__(self, tensor: Tensor, index: Any) -> None:
        self._tensor = tensor
        self._index = index

    def get(self) -> Tensor:
        """The part itself: ``x[index]``."""
        return wrap(getitem(self._tensor.node, self._index))

    def set(self, values: Any) -> Tensor:
        """A copy with ``values`` there."""
        return wrap(updated(self._tensor.node, self._index, values))

    def add(self, values: Any) -> Tensor:
        """A copy with ``values`` added there."""
        x = self._tensor.node
        places, updates = _selected(x, self._index, values)
        added = scatter_add(updates, places, shape=(x.type.size,), axes=(0,))
        return wrap(x + ops.reshape(added, x.shape))

    def subtract(self, values: Any) -> Tensor:
        """A copy with ``values`` subtracted there."""
        return self.add(-wrap(as_node(values, self._tensor.dtype)))

    def multiply(self, values: Any) -> Tensor:
        """A copy multiplied by ``values`` there."""
        return wrap(_combined(self._tensor.node, self._index, values, multiply))

    def divide(self, values: Any) -> Tensor:
        """A copy divided by ``values`` there."""
        return wrap(_combined(self._tensor.node, self._index, values, divide))

    def power(self, values: Any) -> Tensor:
        """A copy raised to the power ``values`` there."""
        return wrap(_combined(self._tensor.node, self._index, values, power))

    def min(self, values: Any) -> Tensor:
        """A copy with the smaller of itself and ``values`` there."""
        return wrap(_combined(self._tensor.node, self._index, values, minimum))

    def max(self, values: Any) -> Tensor:
        """A copy with the larger of itself and ``values`` there."""
        return wrap(_combined(self._tensor.node, self._index, values, maximum))

    def apply(self, function: Callable[[Tensor], Any]) -> Tensor:
        """A copy with ``function`` of what was there."""
        return self.set(function(self.get()))
