"""Sorting and searching: sort, argsort, the largest elements, places in a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.types import DTYPES, ArrayType, array_type
from chainrule.ops.index import take_along_axis
from chainrule.ops.parts import slice_axis
from chainrule.ops.record import Case, Discrete, Selection, drawn
from chainrule.ops.shape import materialize, move_axis, permute

INT = DTYPES["int64"]


def _descending_key(x: Any) -> Any:
    """A key that turns the order around exactly: -x for floats (NaN stays last), ~x for others."""
    return np.negative(x) if x.dtype.kind == "f" else np.invert(x)


def _evaluate_sort(x: Any, axis: int, descending: bool) -> Any:
    if descending:
        return _descending_key(np.sort(_descending_key(x), axis=axis, kind="stable"))
    return np.sort(x, axis=axis, kind="stable")


def _evaluate_argsort(x: Any, axis: int, descending: bool) -> Any:
    key = _descending_key(x) if descending else x
    return np.argsort(key, axis=axis, kind="stable")


def _sort_type(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, axis: int, descending: bool) -> ArrayType:
        if not 0 <= axis < x.ndim:
            raise ShapeError(f"{name}: an array of shape {x.shape} has no axis {axis}")
        return x if name == "sort" else array_type(x.shape, INT)

    return infer


_sort_cases = drawn(
    (((5,),), (0, False)),
    (((3, 4),), (0, True)),
    (((2, 1, 3),), (2, False)),
    (((0, 2),), (0, False)),
    (((1,),), (0, True)),
)

# Equal elements keep their order; NaN comes last, also in descending order.
argsort: Discrete = Discrete(
    name="argsort",
    parameters=("axis", "descending"),
    evaluate=_evaluate_argsort,
    infer=_sort_type("argsort"),
    batch=lambda size, batched, sources, axis, descending: argsort(
        sources[0], axis=axis + 1, descending=descending
    ),
    cases=_sort_cases,
    rule="piecewise constant",
)

sort_: Selection = Selection(
    name="sort",
    parameters=("axis", "descending"),
    evaluate=_evaluate_sort,
    infer=_sort_type("sort"),
    choose=lambda x, axis, descending: argsort(x, axis=axis, descending=descending),
    pick=lambda x, indices, axis, descending: take_along_axis(x, indices, axis),
    batch=lambda size, batched, sources, axis, descending: sort_(
        sources[0], axis=axis + 1, descending=descending
    ),
    monotone="increasing",
    convention="equal elements keep their order, and each keeps its own derivative",
    cases=_sort_cases,
    rule="selection rule",
)


def top_k(x: Node, k: int) -> tuple[Node, Node]:
    """The ``k`` largest elements along the last axis, largest first, and their indices.

    Raises:
        ShapeError: if the last axis has fewer than ``k`` elements.

    >>> from chainrule.core.node import array
    >>> values, indices = top_k(array(np.array([1.0, 4.0, 2.0])), 2)
    >>> values.value, indices.value
    (array([4., 2.]), array([1, 2]))
    """
    if not x.shape or not 0 <= k <= x.shape[-1]:
        raise ShapeError(f"top_k: the last axis of {x.shape} does not have {k} elements")
    last = x.ndim - 1
    indices = slice_axis(argsort(x, axis=last, descending=True), last, 0, k)
    return take_along_axis(x, indices, last), indices


# -- searching -------------------------------------------------------------------------------------


def _search_type(sequence: ArrayType, values: ArrayType, side: str) -> ArrayType:
    if sequence.dtype is not values.dtype:
        raise DTypeError(
            f"searchsorted: the sequence is {sequence.dtype.name}, the values are "
            f"{values.dtype.name}; cast first"
        )
    lead = sequence.ndim - 1
    if lead < 0 or sequence.shape[:lead] != values.shape[:lead]:
        raise ShapeError(
            f"searchsorted: a sequence of shape {sequence.shape} needs values whose first "
            f"{max(lead, 0)} extents agree with it, not {values.shape}"
        )
    return array_type(values.shape, INT)


def _evaluate_search(sequence: Any, values: Any, side: Any) -> Any:
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side=side)
    result = np.empty(values.shape, np.int64)
    for row in np.ndindex(sequence.shape[:-1]):
        result[row] = np.searchsorted(sequence[row], values[row], side=side)
    return result


def _batch_search(size: int, batched: Any, sources: Any, side: str) -> Node:
    sequence, values = sources
    if batched[0]:
        values = values if batched[1] else materialize(values, size)
        return searchsorted(sequence, values, side=side)
    lead = sequence.ndim - 1  # the batch goes behind the axes that the two share
    if not lead:
        return searchsorted(sequence, values, side=side)
    behind = permute(values, (*range(1, lead + 1), 0, *range(lead + 1, values.ndim)))
    return move_axis(searchsorted(sequence, behind, side=side), lead, 0)


def _search_cases(rng: np.random.Generator) -> Iterator[Case]:
    for sequence, values, side in (
        ((4,), (2, 3), "left"),
        ((1,), (), "right"),
        ((0,), (2,), "left"),
        ((2, 3), (2, 4), "right"),
    ):
        steps = np.sort(rng.normal(size=sequence), axis=-1)
        yield Case((np.asarray(steps), np.asarray(rng.normal(size=values))), (side,))


# Before which place of an ascending sequence (its last axis) each value belongs; further axes of
# the sequence are axes of the values, too.
searchsorted: Discrete = Discrete(
    name="searchsorted",
    parameters=("side",),
    evaluate=_evaluate_search,
    infer=_search_type,
    batch=_batch_search,
    cases=_search_cases,
    rule="piecewise constant",
)
