"""Einstein summation of any pattern, as a sequence of diagonals, sums and pairwise contractions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from chainrule.core.errors import ParseError, ShapeError
from chainrule.core.node import Node
from chainrule.ops.contract import Labels, Shape, contracted, diagonal, joint_extents
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import permute, product, reshape


def einsum(subscripts: str, *operands: Node) -> Node:
    """The sum of products that ``subscripts`` describe, as NumPy's ``einsum``.

    A letter names an axis. Axes of one letter are multiplied along; letters that the result does
    not have are summed. A letter twice in one operand is its diagonal, ``...`` stands for leading
    axes that broadcast. Without ``->`` the result has the letters that occur once, in alphabetical
    order. Several operands are contracted in pairs, the pair that shrinks most first.

    Args:
        subscripts: for example ``"bij,bjk->bik"``.
        operands: one array for each term, of one dtype.

    Raises:
        ParseError: if ``subscripts`` are no such description.
        ShapeError: if the operands do not have the axes or extents described.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> x = array(np.arange(4.0).reshape(2, 2))
    >>> float(einsum("ii", x).value), einsum("ij,jk,lk->il", x, x, x).shape
    (3.0, (2, 2))
    """
    plan = _plan(subscripts, tuple(operand.shape for operand in operands))
    nodes = [_prepared(x, step) for x, step in zip(operands, plan.first, strict=True)]
    for i, j, a, b, out in plan.pairs:
        y, x = nodes.pop(j), nodes.pop(i)  # i < j
        nodes.append(contracted(x, a, y, b, out))
    return permute(nodes[0], plan.order)


class _First(NamedTuple):
    """What is done to one operand by itself: diagonals, a reshape, a sum."""

    diagonals: tuple[tuple[int, int], ...]
    shape: Shape
    summed: Shape


class _Plan(NamedTuple):
    first: tuple[_First, ...]
    pairs: tuple[tuple[int, int, Labels, Labels, Labels], ...]
    order: Shape


def _prepared(x: Node, step: _First) -> Node:
    for axis1, axis2 in step.diagonals:
        x = diagonal(x, 0, axis1, axis2)
    x = reshape(x, step.shape)
    return sum_(x, axes=step.summed, keepdims=False) if step.summed else x


@lru_cache(maxsize=1024)
def _plan(subscripts: str, shapes: tuple[Shape, ...]) -> _Plan:
    terms, result = _parsed(subscripts, shapes)
    labels: list[Labels] = []
    diagonals = []
    reduced = []
    for term, shape in zip(terms, shapes, strict=True):
        names, extents, taken = _without_repeats(subscripts, term, shape)
        labels.append(names)
        reduced.append(extents)
        diagonals.append(taken)
    extent, kept = joint_extents(f"einsum {subscripts!r}", reduced, labels)
    count = Counter(label for names in kept for label in names)
    count.update(result)
    first = tuple(
        _First(
            taken,
            tuple(extent[label] for label in names),
            tuple(axis for axis, label in enumerate(names) if count[label] == 1),
        )
        for taken, names in zip(diagonals, kept, strict=True)
    )
    held = [tuple(label for label in names if count[label] > 1) for names in kept]
    pairs = []
    while len(held) > 1:
        i, j = _best_pair(held, result, extent)
        out = _pair_result(held, i, j, result)
        pairs.append((i, j, held[i], held[j], out))
        del held[j], held[i]
        held.append(out)
    return _Plan(first, tuple(pairs), tuple(held[0].index(label) for label in result))


def _pair_result(held: Sequence[Labels], i: int, j: int, result: Labels) -> Labels:
    """What the product of two operands keeps: the labels that are still needed, rows first."""
    needed = set(result).union(*(names for k, names in enumerate(held) if k not in (i, j)))
    shared = [label for label in held[i] if label in held[j] and label in needed]
    alone = [label for label in held[i] + held[j] if label in needed and label not in shared]
    both = (*shared, *alone)
    return result if set(both) == set(result) else both


def _best_pair(held: Sequence[Labels], result: Labels, extent: dict[int, int]) -> tuple[int, int]:
    """The pair whose contraction shrinks what is held most; among equals the cheapest one.

    This is the greedy rule of opt_einsum (Smith & Gray, 2018).
    """

    def size(names: Labels) -> int:
        return product(tuple(extent[label] for label in names))

    def cost(pair: tuple[int, int]) -> tuple[int, int]:
        i, j = pair
        growth = size(_pair_result(held, i, j, result)) - size(held[i]) - size(held[j])
        return growth, size(tuple({*held[i], *held[j]}))

    return min(((i, j) for j in range(len(held)) for i in range(j)), key=cost)


def _without_repeats(
    subscripts: str, term: Labels, shape: Shape
) -> tuple[Labels, Shape, tuple[tuple[int, int], ...]]:
    """The labels and extents of an operand after the diagonals of its repeated labels."""
    names, extents = list(term), list(shape)
    taken = []
    while len(set(names)) < len(names):
        label = next(label for label in names if names.count(label) > 1)
        i = names.index(label)
        j = names.index(label, i + 1)
        if extents[i] != extents[j]:
            raise ShapeError(
                f"einsum {subscripts!r}: a letter stands for axes {i} and {j} of an operand of "
                f"shape {shape}, which have {extents[i]} and {extents[j]} elements"
            )
        taken.append((i, j))
        names = [*(n for k, n in enumerate(names) if k not in (i, j)), label]
        extents = [*(n for k, n in enumerate(extents) if k not in (i, j)), extents[i]]
    return tuple(names), tuple(extents), tuple(taken)


# -- the notation --------------------------------------------------------------------------------


def _parsed(subscripts: str, shapes: Sequence[Shape]) -> tuple[list[Labels], Labels]:
    """Labels for the axes of each operand and of the result; those of ``...`` are negative."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ShapeError(
            f"einsum {subscripts!r} describes {len(terms)} operands, {len(shapes)} were given"
        )
    for term in (*terms, output):
        letters = term.replace("...", "", 1)
        if letters and not (letters.isalpha() and letters.isascii()):
            raise ParseError(f"einsum {subscripts!r}: {term!r} is not made of letters and one ...")
    labels = []
    for term, shape in zip(terms, shapes, strict=True):
        named = len(term.replace("...", ""))
        hidden = len(shape) - named
        if hidden < 0 or (hidden and "..." not in term):
            raise ShapeError(
                f"einsum {subscripts!r}: {term!r} names {named} axes of an operand of shape {shape}"
            )
        labels.append(_labels(term, hidden))
    known = {label for names in labels for label in names}
    hidden = -min((label for label in known if label < 0), default=0)
    if not arrow:
        count = Counter(letter for term in terms for letter in term.replace("...", ""))
        output = "..." + "".join(sorted(letter for letter in count if count[letter] == 1))
    elif hidden and "..." not in output:
        raise ParseError(f"einsum {subscripts!r}: the result must keep the axes of '...'")
    result = _labels(output, hidden)
    unknown = [chr(label) for label in result if label not in known]
    if unknown or len(set(result)) < len(result):
        raise ParseError(
            f"einsum {subscripts!r}: the result {output!r} must name axes of operands, each once"
        )
    return labels, result


def _labels(term: str, hidden: int) -> Labels:
    before, _, after = term.partition("...") if "..." in term else (term, "", "")
    ellipsis = range(-hidden, 0) if "..." in term else ()
    return (*map(ord, before), *ellipsis, *map(ord, after))
