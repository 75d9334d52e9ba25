"""Arithmetic of axes: which axes of a reshaped, permuted or broadcast array are which."""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]
Group = tuple[range, range]
"""Consecutive axes before a reshape, and the axes after it that hold the same elements."""


def long_axes(shape: Shape) -> Shape:
    """The axes with an extent other than 1.

    >>> long_axes((1, 3, 1, 2))
    (1, 3)
    """
    return tuple(axis for axis, n in enumerate(shape) if n != 1)


def only_ones_differ(before: Shape, after: Shape) -> bool:
    """Whether a reshape only inserts or removes axes of extent 1.

    >>> only_ones_differ((1, 3, 2), (3, 2, 1)), only_ones_differ((3, 2), (2, 3))
    (True, False)
    """
    return [n for n in before if n != 1] == [n for n in after if n != 1]


def groups(before: Shape, after: Shape) -> list[Group]:
    """The finest way to cut a reshape into independent ones; empty arrays have one group.

    >>> groups((2, 3, 4), (6, 2, 2))
    [(range(0, 2), range(0, 1)), (range(2, 3), range(1, 3))]
    """
    if 0 in before:
        return [(range(len(before)), range(len(after)))]
    found: list[Group] = []
    i = j = 0
    while i < len(before) or j < len(after):
        first, second = i, j
        a = b = 1
        if i < len(before):
            a, i = before[i], i + 1
        if j < len(after) and (a != 1 or i == len(before) or after[j] == 1):
            b, j = after[j], j + 1
        while a != b:
            if a < b:
                a, i = a * before[i], i + 1
            else:
                b, j = b * after[j], j + 1
        found.append((range(first, i), range(second, j)))
    return found


def regrouped(before: Shape, after: Shape, marked: Sequence[bool]) -> list[bool] | None:
    """``marked`` axes carried through a reshape, where whole groups are marked or not.

    Axes of extent 1 follow their group, and count as marked where they stand alone.

    >>> regrouped((2, 3, 4), (6, 2, 2), [True, True, False])
    [True, False, False]
    """
    result = [False] * len(after)
    for left, right in groups(before, after):
        flags = {marked[axis] for axis in left if before[axis] != 1}
        if len(flags) > 1:
            return None
        flag = flags.pop() if flags else any(marked[axis] for axis in left)
        for axis in right:
            result[axis] = flag
    return result


def placed(axes: Sequence[int], ndim: int) -> Shape:
    """``axes`` in this order on their own places, the other axes of ``ndim`` where they are.

    >>> placed((3, 1), 4)
    (0, 3, 2, 1)
    """
    order = list(range(ndim))
    for place, axis in zip(sorted(axes), axes, strict=True):
        order[place] = axis
    return tuple(order)


def aligned(shape: Shape, ndim: int) -> Shape:
    """``shape`` with axes of extent 1 in front, as broadcasting adds them.

    >>> aligned((3,), 2)
    (1, 3)
    """
    return (1,) * (ndim - len(shape)) + shape
