"""Folding along axes: sum, prod, max, min, logsumexp, any, all, argmax, argmin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.types import DTYPES, ArrayType, array_type
from chainrule.ops.arithmetic import mul
from chainrule.ops.choice import where
from chainrule.ops.cumulative import exclusive_product
from chainrule.ops.exponential import exp
from chainrule.ops.logic import equal
from chainrule.ops.record import BOOL, Case, Curvature, Discrete, Linear, Reduction, drawn
from chainrule.ops.shape import (
    broadcast_to,
    cast,
    inverse_permutation,
    permute,
    product,
    reshape,
)

INT = DTYPES["int64"]

Axes = tuple[int, ...]


def kept_shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """``shape`` with extent 1 along the reduced axes."""
    return tuple(1 if a in axes else n for a, n in enumerate(shape))


def reduced_shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """``shape`` without the reduced axes."""
    return tuple(n for a, n in enumerate(shape) if a not in axes)


def reduced_type(x: ArrayType, axes: Axes, keepdims: bool) -> ArrayType:
    """The type rule of all reductions that keep the dtype."""
    if keepdims:
        return array_type(kept_shape(x.shape, axes), x.dtype)
    return array_type(reduced_shape(x.shape, axes), x.dtype)


def spread(y: Node, like: ArrayType, axes: Axes) -> Node:
    """A reduced result repeated back along the axes over which it was reduced."""
    return broadcast_to(reshape(y, kept_shape(like.shape, axes)), like.shape)


def shifted(axes: Axes) -> Axes:
    """The same axes after a batch axis was put in front."""
    return tuple(a + 1 for a in axes)


sum_: Linear = Linear(
    name="sum",
    parameters=("axes", "keepdims"),
    evaluate=lambda x, axes, keepdims: np.add.reduce(
        x, axis=axes, dtype=x.dtype, keepdims=keepdims
    ),
    infer=reduced_type,
    flops=lambda x, axes, keepdims: x.size,
    transpose=lambda ct, i, sources, axes, keepdims: spread(ct, sources[0].type, axes),
    batch=lambda size, batched, sources, axes, keepdims: sum_(
        sources[0], axes=shifted(axes), keepdims=keepdims
    ),
    cases=drawn(
        (((3, 4),), ((0,), False)),
        (((3, 4),), ((0, 1), True)),
        (((2, 0),), ((1,), False)),
        (((5,),), ((), False)),
    ),
    rule="sum rule",
)


def _batch(primitive: Callable[[], Any]) -> Callable[..., Node]:
    """The batching rule of all reductions: the same axes, one place further."""

    def batch(size: int, batched: Any, sources: Any, axes: Axes, keepdims: bool) -> Node:
        folded: Node = primitive()(sources[0], axes=shifted(axes), keepdims=keepdims)
        return folded

    return batch


def _nonempty_type(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, axes: Axes, keepdims: bool) -> ArrayType:
        if any(x.shape[axis] == 0 for axis in axes):
            raise ShapeError(
                f"{name}: shape {x.shape} is empty along axes {axes}, and there is no {name} of "
                "no elements"
            )
        return reduced_type(x, axes, keepdims)

    return infer


# -- products ------------------------------------------------------------------------------------


def _product_of_others(x: Node, y: Node, axes: Axes, keepdims: bool) -> Node:
    """For each element the product of all others: no division, so zeros do no harm."""
    order = (*(axis for axis in range(x.ndim) if axis not in axes), *axes)
    moved = permute(x, order)
    kept = moved.shape[: x.ndim - len(axes)]
    flat = reshape(moved, (*kept, product(moved.shape[len(kept) :])))
    before = exclusive_product(flat, axis=len(kept), reverse=False)
    after = exclusive_product(flat, axis=len(kept), reverse=True)
    return permute(reshape(before * after, moved.shape), inverse_permutation(order))


def _enclose_prod(x: Any, axes: Axes, keepdims: bool) -> tuple[Any, Any]:
    """Interval products one by one, each rounded outward."""
    lo, hi = (np.moveaxis(end, axes, range(len(axes))) for end in x)
    rest = lo.shape[len(axes) :]
    low = high = np.ones(rest)
    assert mul.enclose is not None
    for factor in zip(lo.reshape(-1, *rest), hi.reshape(-1, *rest), strict=True):
        low, high = mul.enclose((low, high), factor)
        low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
    shape = kept_shape(x[0].shape, axes) if keepdims else rest
    return low.reshape(shape), high.reshape(shape)


prod: Reduction = Reduction(
    name="prod",
    parameters=("axes", "keepdims"),
    evaluate=lambda x, axes, keepdims: np.prod(x, axis=axes, keepdims=keepdims, dtype=x.dtype),
    infer=reduced_type,
    partial=_product_of_others,
    batch=_batch(lambda: prod),
    enclose=_enclose_prod,
    cases=drawn(
        (((3, 4),), ((0,), False)),
        (((2, 3, 2),), ((0, 2), True)),
        (((2, 0),), ((1,), False)),
        (((1,),), ((0,), False)),
        (((5,),), ((), False)),
    ),
    rule="product rule",
)

# -- extremes ------------------------------------------------------------------------------------


def _shared_among_ties(x: Node, y: Node, axes: Axes, keepdims: bool) -> Node:
    chosen = cast(equal(x, y), dtype=x.dtype)
    return chosen / sum_(chosen, axes=axes, keepdims=True)


def _spaced(*entries: tuple[tuple[int, ...], tuple[Any, ...]]) -> Callable[..., Iterator[Case]]:
    """Cases without ties: the numbers lie at least 0.3 apart, in random order."""

    def cases(rng: np.random.Generator) -> Iterator[Case]:
        for shape, argument in entries:
            steps = rng.permutation(product(shape)).reshape(shape)
            yield Case((np.asarray(0.4 * steps - 1.0 + rng.uniform(0, 0.1, shape)),), argument)

    return cases


def _extreme(
    name: str, evaluate: Any, curvature: Curvature, itself: Callable[[], Any]
) -> Reduction:
    return Reduction(
        name=name,
        parameters=("axes", "keepdims"),
        evaluate=lambda x, axes, keepdims: evaluate(x, axis=axes, keepdims=keepdims),
        infer=_nonempty_type(name),
        partial=_shared_among_ties,
        batch=_batch(itself),
        monotone="increasing",
        curvature=curvature,
        convention=f"elements that tie for the {name} share the derivative equally",
        cases=_spaced(
            ((3, 4), ((0,), False)),
            ((2, 3, 2), ((0, 2), True)),
            ((0, 3), ((1,), False)),
            ((2, 1), ((1,), False)),
            ((3,), ((), False)),
        ),
        rule=f"{name}imum rule",
    )


max_: Reduction = _extreme("max", np.max, "convex", lambda: max_)
min_: Reduction = _extreme("min", np.min, "concave", lambda: min_)

# -- logsumexp -----------------------------------------------------------------------------------


def _float_type(x: ArrayType, axes: Axes, keepdims: bool) -> ArrayType:
    if not x.is_float:
        raise DTypeError(f"logsumexp is defined for float arrays, not for {x.dtype.name}")
    return reduced_type(x, axes, keepdims)


def _evaluate_logsumexp(x: Any, axes: Axes, keepdims: bool) -> Any:
    """top + log Σ exp(x - top), without overflow and accurate also where the result is near 0.

    The terms that equal the top are counted, so that the logarithm of the others is a log1p
    (Blanchard, Higham & Higham, Accurately computing the log-sum-exp and softmax functions, 2021).
    """
    wide = x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    top = np.max(wide, axis=axes, keepdims=True, initial=-np.inf)
    ties = wide == top
    count = np.maximum(np.sum(ties, axis=axes, keepdims=True), 1).astype(wide.dtype)
    with np.errstate(invalid="ignore"):  # ∞ - ∞ is a tie, and masked
        others = np.where(ties, np.zeros_like(top), np.exp(wide - top))
    rest = np.sum(others, axis=axes, keepdims=True)
    y = (top + (np.log(count) + np.log1p(rest / count))).astype(x.dtype)
    return y if keepdims else np.reshape(y, reduced_shape(x.shape, axes))


def _softmax(x: Node, y: Node, axes: Axes, keepdims: bool) -> Node:
    # where all are -∞ so is y, and -∞ - y would be NaN: 0 is taken for every slope
    return exp(x - where(equal(y, -np.inf), 0.0, y))


def _enclose_logsumexp(x: Any, axes: Axes, keepdims: bool) -> tuple[Any, Any]:
    lo, hi = (_evaluate_logsumexp(end, axes, keepdims) for end in x)
    # the sum of n terms is off by n ε relative, which the logarithm makes absolute
    slack = (product(tuple(x[0].shape[a] for a in axes)) + 4) * np.finfo(np.float64).eps
    return lo - slack, hi + slack


logsumexp: Reduction = Reduction(
    name="logsumexp",
    parameters=("axes", "keepdims"),
    evaluate=_evaluate_logsumexp,
    infer=_float_type,
    partial=_softmax,
    batch=_batch(lambda: logsumexp),
    monotone="increasing",
    curvature="convex",
    convention="where every element is -∞ all slopes are taken as 0",
    enclose=_enclose_logsumexp,
    cases=drawn(
        (((3, 4),), ((0,), False)),
        (((2, 3, 2),), ((0, 2), True)),
        (((0, 3),), ((1,), False)),
        (((2, 1),), ((1,), False)),
    ),
    rule="softmax rule",
)

# -- where and whether ---------------------------------------------------------------------------


def _place_type(name: str) -> Callable[..., ArrayType]:
    nonempty = _nonempty_type(name)
    return lambda x, axis, keepdims: array_type(nonempty(x, (axis,), keepdims).shape, INT)


def _place(name: str, evaluate: Any, itself: Callable[[], Any]) -> Discrete:
    return Discrete(
        name=name,
        parameters=("axis", "keepdims"),
        evaluate=lambda x, axis, keepdims: evaluate(x, axis=axis, keepdims=keepdims),
        infer=_place_type(name),
        batch=lambda size, batched, sources, axis, keepdims: itself()(
            sources[0], axis=axis + 1, keepdims=keepdims
        ),
        cases=drawn(
            (((3, 4),), (0, False)),
            (((3, 4),), (1, True)),
            (((0, 2),), (1, False)),
            (((1,),), (0, False)),
        ),
        rule="piecewise constant",
    )


# The first place where several tie; the first NaN where there is one.
argmax: Discrete = _place("argmax", np.argmax, lambda: argmax)
argmin: Discrete = _place("argmin", np.argmin, lambda: argmin)


def _boolean_cases(rng: np.random.Generator) -> Iterator[Case]:
    for shape, axes, keepdims in (
        ((3, 4), (0,), False),
        ((2, 3), (0, 1), True),
        ((2, 0), (1,), False),
    ):
        yield Case((np.asarray(rng.integers(0, 2, shape)).astype(bool),), (axes, keepdims))


def _boolean_type(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, axes: Axes, keepdims: bool) -> ArrayType:
        if x.dtype is not BOOL:
            raise DTypeError(
                f"{name} is defined for boolean arrays, not for {x.dtype.name}; "
                "compare with 0 first"
            )
        return reduced_type(x, axes, keepdims)

    return infer


def _whether(name: str, evaluate: Any, itself: Callable[[], Any]) -> Discrete:
    return Discrete(
        name=name,
        parameters=("axes", "keepdims"),
        evaluate=lambda x, axes, keepdims: evaluate(x, axis=axes, keepdims=keepdims),
        infer=_boolean_type(name),
        batch=_batch(itself),
        cases=_boolean_cases,
        rule="piecewise constant",
    )


any_: Discrete = _whether("any", np.any, lambda: any_)
all_: Discrete = _whether("all", np.all, lambda: all_)
