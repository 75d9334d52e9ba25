"""Sums of products: one bilinear primitive behind matmul, tensordot and einsum.

`contract` multiplies two arrays whose axes carry labels and sums over the labels that the result
does not carry. Its two transposes are `contract` again, with the labels exchanged. Repeated labels
within one array are a `diagonal`, taken before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.errors import DTypeError, IndexingError, ShapeError
from chainrule.core.node import Node, apply
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import Bilinear, Linear, drawn
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import permute, product, reshape

Shape = tuple[int, ...]
Labels = tuple[int, ...]


# -- the reference -------------------------------------------------------------------------------


class _Plan(NamedTuple):
    """How to reach BLAS: None where a step has nothing to do."""

    multiply: Callable[[Any, Any], Any]
    order_a: Shape | None
    shape_a: Shape | None
    order_b: Shape | None
    shape_b: Shape | None
    shape: Shape | None
    order: Shape | None


def _unless_same(new: Shape, old: Shape) -> Shape | None:
    return None if new == old else new


def _unless_sorted(order: Shape) -> Shape | None:
    return _unless_same(order, tuple(range(len(order))))


@lru_cache(maxsize=4096)
def _plan(a: Labels, b: Labels, out: Labels, shape_a: Shape, shape_b: Shape) -> _Plan:
    extent = dict(zip(a + b, shape_a + shape_b, strict=True))

    def extents(labels: Labels) -> Shape:
        return tuple(extent[label] for label in labels)

    def arranged(labels: Labels, wanted: Labels, shape: Shape) -> tuple[Shape | None, Shape | None]:
        order = tuple(labels.index(label) for label in wanted)
        return _unless_sorted(order), _unless_same(shape, extents(wanted))

    summed = tuple(label for label in a if label not in out)
    if not summed:  # a product of broadcast arrays
        wanted_a = tuple(label for label in out if label in a)
        wanted_b = tuple(label for label in out if label in b)
        ones_a = tuple(extent[label] if label in a else 1 for label in out)
        ones_b = tuple(extent[label] if label in b else 1 for label in out)
        return _Plan(
            np.multiply, *arranged(a, wanted_a, ones_a), *arranged(b, wanted_b, ones_b), None, None
        )
    batch = tuple(label for label in out if label in a and label in b)
    rows = tuple(label for label in a if label in out and label not in b)
    columns = tuple(label for label in b if label in out and label not in a)
    inner = (product(extents(summed)),)
    # Without a batch a vector stays a vector, so that a full contraction gives a scalar.
    m = (product(extents(rows)),) if rows or batch else ()
    n = (product(extents(columns)),) if columns or batch else ()
    made = batch + rows + columns
    return _Plan(
        _matmul_by_blas if batch else np.dot,
        *arranged(a, batch + rows + summed, extents(batch) + m + inner),
        *arranged(b, batch + summed + columns, extents(batch) + inner + n),
        _unless_same(extents(made), extents(batch) + m + n),
        _unless_sorted(tuple(made.index(label) for label in out)),
    )


def _matmul_by_blas(x: np.ndarray, y: np.ndarray) -> Any:
    return np.matmul(_for_blas(x), _for_blas(y))


def _for_blas(x: np.ndarray) -> np.ndarray:
    """``x``, copied if its matrices lie so that matmul would fall back on a plain triple loop."""
    (m, n), (down, right), unit = x.shape[-2:], x.strides[-2:], x.itemsize
    by_rows = right == unit and down >= n * unit
    by_columns = down == unit and right >= m * unit
    return x if by_rows or by_columns else np.ascontiguousarray(x)


def _evaluate(x: Any, y: Any, a: Labels, b: Labels, out: Labels) -> Any:
    multiply, order_a, shape_a, order_b, shape_b, shape, order = _plan(a, b, out, x.shape, y.shape)
    if order_a is not None:
        x = x.transpose(order_a)
    if shape_a is not None:
        x = x.reshape(shape_a)
    if order_b is not None:
        y = y.transpose(order_b)
    if shape_b is not None:
        y = y.reshape(shape_b)
    result = multiply(x, y)
    if shape is not None:
        result = result.reshape(shape)
    return result if order is None else result.transpose(order)


# -- the record ----------------------------------------------------------------------------------


def _contract_type(x: ArrayType, y: ArrayType, a: Labels, b: Labels, out: Labels) -> ArrayType:
    if x.dtype is not y.dtype:
        raise DTypeError(
            f"a contraction of {x.dtype.name} with {y.dtype.name}: cast one to the other's dtype"
        )
    if len(a) != x.ndim or len(b) != y.ndim:
        raise ShapeError(f"contract: labels {a} and {b} for shapes {x.shape} and {y.shape}")
    extent = dict(zip(a, x.shape, strict=True))
    for axis, (label, size) in enumerate(zip(b, y.shape, strict=True)):
        if extent.setdefault(label, size) != size:
            raise ShapeError(
                f"contract: shapes {x.shape} and {y.shape} do not fit: axis {a.index(label)} of "
                f"the first has {extent[label]} elements, axis {axis} of the second has {size}"
            )
    times = {label: (label in a) + (label in b) + (label in out) for label in extent}
    distinct = all(len(set(labels)) == len(labels) for labels in (a, b, out))
    if not distinct or not set(out) <= set(extent) or min(times.values(), default=2) < 2:
        raise ShapeError(
            f"contract: labels {a}, {b} -> {out}: a label stands once in an array, and in at "
            "least two of the three; sum or take diagonals first"
        )
    return array_type(tuple(extent[label] for label in out), x.dtype)


@lru_cache(maxsize=4096)
def _canonical(a: Labels, b: Labels, out: Labels) -> tuple[Labels, Labels, Labels]:
    """The labels renumbered in order of appearance, so that equal contractions are equal nodes."""
    number = {label: index for index, label in enumerate(dict.fromkeys(a + b))}
    return (
        tuple(number[label] for label in a),
        tuple(number[label] for label in b),
        tuple(number[label] for label in out),
    )


def contracted(x: Node, a: Labels, y: Node, b: Labels, out: Labels) -> Node:
    """Σ x[a] y[b] over the labels not in ``out``; each label is in at least two of the three."""
    return apply(contract, (x, y), _canonical(a, b, out))


def _contract_flops(x: ArrayType, y: ArrayType, a: Labels, b: Labels, out: Labels) -> int:
    """A multiplication and an addition for each combination of all labels."""
    return 2 * product(tuple(dict(zip((*a, *b), (*x.shape, *y.shape), strict=True)).values()))


def _batch_contract(
    size: int,
    batched: Sequence[bool],
    sources: Sequence[Node],
    a: Labels,
    b: Labels,
    out: Labels,
) -> Node:
    many = (len(a) + len(b),)  # a label that is not in use
    x, y = sources
    return contracted(
        x, many + a if batched[0] else a, y, many + b if batched[1] else b, many + out
    )


contract: Bilinear = Bilinear(
    name="contract",
    parameters=("a", "b", "out"),
    evaluate=_evaluate,
    infer=_contract_type,
    flops=_contract_flops,
    transposes=(
        lambda ct, x, y, a, b, out: contracted(ct, out, y, b, a),
        lambda ct, x, y, a, b, out: contracted(x, a, ct, out, b),
    ),
    batch=_batch_contract,
    cases=drawn(
        (((3, 4), (4, 2)), ((0, 1), (1, 2), (0, 2))),
        (((4,), (4,)), ((0,), (0,), ())),
        (((3,), (4,)), ((0,), (1,), (1, 0))),
        (((), (2, 3)), ((), (0, 1), (0, 1))),
        (((2, 3), (3, 2)), ((0, 1), (1, 0), (1, 0))),
        (((2, 3, 4), (4, 2, 5)), ((0, 1, 2), (2, 0, 3), (3, 0, 1))),
        (((2, 3, 4, 2), (5, 3, 2)), ((0, 1, 2, 3), (4, 1, 0), (2, 3, 4))),
        (((2, 0), (0, 3)), ((0, 1), (1, 2), (0, 2))),
    ),
    rule="product rule",
)


# -- matrix products -----------------------------------------------------------------------------

_MATMUL = ((0, 1), (1, 2), (0, 2))


def matmul(x: Node, y: Node) -> Node:
    """The matrix product of NumPy's ``x @ y``: (…, m, k) by (…, k, n), leading axes broadcast.

    A vector on the left is one row, on the right one column; that axis is then left out.

    Raises:
        ShapeError: if the inner extents differ, the leading axes do not broadcast, or either is
            a scalar.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> matmul(array(np.eye(2)), array(np.array([3.0, 4.0]))).value
    array([3., 4.])
    """
    a, b = x.type.shape, y.type.shape
    if len(a) == 2 and len(b) == 2 and a[1] == b[0]:
        return apply(contract, (x, y), _MATMUL)
    shape_a, labels_a, shape_b, labels_b, out = _matmul_labels(a, b)
    return contracted(reshape(x, shape_a), labels_a, reshape(y, shape_b), labels_b, out)


@lru_cache(maxsize=4096)
def _matmul_labels(a: Shape, b: Shape) -> tuple[Shape, Labels, Shape, Labels, Labels]:
    if not a or not b:
        raise ShapeError(f"matmul: shapes {a} and {b}: a scalar has no axis to sum; use *")
    inner, row, column = -1, -2, -3
    if a[-1] != b[-2:][0]:
        raise ShapeError(
            f"matmul: shapes {a} and {b} do not fit: the last axis of the first has {a[-1]} "
            f"elements, the {'second last' if len(b) > 1 else 'only'} axis of the second has "
            f"{b[-2:][0]}; they must be equal (is a transpose missing?)"
        )
    lead = max(len(a), len(b), 2) - 2
    batch = tuple(range(lead))
    labels_a = (*batch[lead - max(len(a) - 2, 0) :], row, inner)[-len(a) :]
    labels_b = (*batch[lead - max(len(b) - 2, 0) :], inner, column) if len(b) > 1 else (inner,)
    extent, (kept_a, kept_b) = joint_extents("matmul", (a, b), (labels_a, labels_b))
    out = batch + ((row,) if len(a) > 1 else ()) + ((column,) if len(b) > 1 else ())
    shapes = [tuple(extent[label] for label in kept) for kept in (kept_a, kept_b)]
    return shapes[0], kept_a, shapes[1], kept_b, out


def joint_extents(
    name: str, shapes: Sequence[Shape], labels: Sequence[Labels]
) -> tuple[dict[int, int], list[Labels]]:
    """The extent of each label, and the labels of each operand without its repeated axes.

    An axis of extent 1 that meets a longer one need not be repeated: it is left out.
    """
    extent: dict[int, int] = {}
    for shape, names in zip(shapes, labels, strict=True):
        for label, size in zip(names, shape, strict=True):
            if extent.setdefault(label, size) == 1:
                extent[label] = size
            elif size not in (1, extent[label]):
                raise ShapeError(
                    f"{name}: shapes {' and '.join(map(str, shapes))} do not fit: axis "
                    f"{names.index(label)} of {shape} has {size} elements, where another operand "
                    f"has {extent[label]}; they must be equal, or one of them 1"
                )
    kept = [
        tuple(label for label, size in zip(names, shape, strict=True) if size == extent[label])
        for shape, names in zip(shapes, labels, strict=True)
    ]
    return extent, kept


def tensordot(x: Node, y: Node, axes: int | tuple[Any, Any] = 2) -> Node:
    """The sum of products over pairs of axes, as NumPy's ``tensordot``.

    Args:
        x: shape (free axes of x, summed axes) in any order.
        y: shape (summed axes, free axes of y) in any order.
        axes: how many of the last axes of ``x`` to pair with the first of ``y``; or the pair
            (axes of x, axes of y), each an int or a sequence. ``axes=0`` is the outer product.

    Raises:
        ShapeError: if paired axes have different extents.
        IndexingError: if an axis does not exist.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> tensordot(array(np.ones((2, 3))), array(np.ones((3, 4))), axes=1).shape
    (2, 4)
    """
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise IndexingError(
                f"tensordot: axes={axes} pairs more axes than shapes {x.shape} and {y.shape} have"
            )
        left, right = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    else:
        left, right = _axes(x, axes[0]), _axes(y, axes[1])
        if len(left) != len(right):
            raise ShapeError(f"tensordot: {len(left)} axes {left} are paired with {right}")
    for i, j in zip(left, right, strict=True):
        if x.shape[i] != y.shape[j]:
            raise ShapeError(
                f"tensordot: shapes {x.shape} and {y.shape} do not fit: axis {i} of the first has "
                f"{x.shape[i]} elements, axis {j} of the second has {y.shape[j]}"
            )
    a = tuple(range(x.ndim))
    paired = dict(zip(right, left, strict=True))
    b = tuple(paired.get(axis, x.ndim + axis) for axis in range(y.ndim))
    out = tuple(label for label in a if label not in left)
    return contracted(x, a, y, b, out + tuple(label for label in b if label >= x.ndim))


def _axes(x: Node, axes: int | Sequence[int]) -> Shape:
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    for axis in given:
        if not -x.ndim <= axis < x.ndim:
            raise IndexingError(f"axis {axis} does not exist in an array of shape {x.shape}")
    found = tuple(axis % x.ndim for axis in given)
    if len(set(found)) != len(found):
        raise IndexingError(f"axes {given} of an array of shape {x.shape} name one axis twice")
    return found


# -- diagonals -----------------------------------------------------------------------------------


def _diagonal_length(shape: Shape, offset: int) -> int:
    rows, columns = shape
    return max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))


def _diagonal_type(x: ArrayType, offset: int) -> ArrayType:
    if x.ndim < 2:
        raise ShapeError(f"diagonal: shape {x.shape} has fewer than two axes")
    return array_type((*x.shape[:-2], _diagonal_length(x.shape[-2:], offset)), x.dtype)


diagonal_: Linear = Linear(
    name="diagonal",
    parameters=("offset",),
    evaluate=lambda x, offset: np.diagonal(x, offset, -2, -1),
    infer=_diagonal_type,
    transpose=lambda ct, i, sources, offset: from_diagonal(
        ct, offset=offset, shape=sources[0].shape[-2:]
    ),
    batch=lambda size, batched, sources, offset: diagonal_(sources[0], offset=offset),
    cases=drawn((((3, 3),), (0,)), (((2, 3, 4),), (1,)), (((4, 2),), (-1,)), (((2, 2),), (5,))),
    rule="linearity",
)


def _from_diagonal_type(x: ArrayType, offset: int, shape: Shape) -> ArrayType:
    if not x.ndim or x.shape[-1] != _diagonal_length(shape, offset):
        raise ShapeError(
            f"from_diagonal: shape {x.shape} does not end with the length "
            f"{_diagonal_length(shape, offset)} of diagonal {offset} of a {shape} matrix"
        )
    return array_type((*x.shape[:-1], *shape), x.dtype)


def _evaluate_from_diagonal(x: Any, offset: int, shape: Shape) -> Any:
    result = np.zeros((*x.shape[:-1], *shape), x.dtype)
    along = np.arange(x.shape[-1])
    result[..., along - min(offset, 0), along + max(offset, 0)] = x
    return result


from_diagonal: Linear = Linear(
    name="from_diagonal",
    parameters=("offset", "shape"),
    evaluate=_evaluate_from_diagonal,
    infer=_from_diagonal_type,
    transpose=lambda ct, i, sources, offset, shape: diagonal_(ct, offset=offset),
    batch=lambda size, batched, sources, offset, shape: from_diagonal(
        sources[0], offset=offset, shape=shape
    ),
    cases=drawn((((3,),), (0, (3, 3))), (((2, 3),), (1, (3, 4))), (((1,),), (-1, (2, 3)))),
    rule="linearity",
)


def diagonal(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The diagonal of two axes, put last, as NumPy's ``diagonal``.

    Args:
        x: an array with at least two axes.
        offset: 0 for the main diagonal, positive above it, negative below.
        axis1: the axis that counts rows.
        axis2: the axis that counts columns.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> diagonal(array(np.array([[1.0, 2.0], [3.0, 4.0]]))).value
    array([1., 4.])
    """
    pair = _axes(x, (axis1, axis2))
    others = tuple(axis for axis in range(x.ndim) if axis not in pair)
    return diagonal_(permute(x, others + pair), offset=offset)


def trace(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The sum along a diagonal; arguments as for `diagonal`.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> float(trace(array(np.eye(3))).value)
    3.0
    """
    found = diagonal(x, offset, axis1, axis2)
    return sum_(found, axes=(found.ndim - 1,), keepdims=False)
