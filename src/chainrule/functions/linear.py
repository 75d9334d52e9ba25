"""Products of arrays: matrix products, contractions, norms (array API: linear algebra)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DomainError, ShapeError
from chainrule.core.node import Node
from chainrule.functions._apply import (
    Axis,
    Shape,
    narrowed,
    normalize_axes,
    normalize_axis,
    widened,
)
from chainrule.lift import as_node, floating, promote
from chainrule.ops import contract, shape
from chainrule.ops import einsum as summation
from chainrule.ops.arithmetic import pow_
from chainrule.ops.choice import abs_, where
from chainrule.ops.exponential import sqrt
from chainrule.ops.logic import not_equal
from chainrule.ops.reduce import max_, min_, sum_
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "diag",
    "diagonal",
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "matrix_transpose",
    "norm",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
]


def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The matrix product (…, m, k) by (…, k, n), also written ``x1 @ x2``; leading axes broadcast.

    A vector on the left counts as a row, on the right as a column.

    Raises:
        ShapeError: if the inner extents differ or either is a number.

    >>> import chainrule as cr
    >>> cr.matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    tensor([3., 7.])
    """
    a, b = promote(x1, x2)
    return wrap(contract.matmul(a, b))


def dot(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """NumPy's dot product: the last axis of ``x1`` with the second last (or only) one of ``x2``.

    >>> import chainrule as cr
    >>> cr.dot([1, 2, 3], [4, 5, 6])
    tensor(32)
    """
    a, b = promote(x1, x2)
    if a.ndim == 0 or b.ndim == 0:
        return wrap(a) * wrap(b)
    if a.ndim <= 2 and b.ndim <= 2:
        return wrap(contract.matmul(a, b))
    return wrap(contract.tensordot(a, b, axes=(a.ndim - 1, max(b.ndim - 2, 0))))


def vdot(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Σ x1 x2 over all elements of two arrays of one size.

    >>> import chainrule as cr
    >>> cr.vdot([[1, 2]], [3, 4])
    tensor(11)
    """
    a, b = (shape.reshape(node, (node.type.size,)) for node in promote(x1, x2))
    return wrap(contract.matmul(a, b))


def inner(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Σ x1 x2 over the last axes, every row of one with every row of the other.

    >>> import chainrule as cr
    >>> cr.inner([[1, 2], [3, 4]], [1, 1])
    tensor([3, 7])
    """
    a, b = promote(x1, x2)
    if a.ndim == 0 or b.ndim == 0:
        return wrap(a) * wrap(b)
    return wrap(contract.tensordot(a, b, axes=(a.ndim - 1, b.ndim - 1)))


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """All products x1ᵢ x2ⱼ of two vectors (others are flattened).

    >>> import chainrule as cr
    >>> cr.outer([1, 2], [10, 20])
    tensor([[10, 20],
            [20, 40]])
    """
    a, b = (shape.reshape(node, (node.type.size,)) for node in promote(x1, x2))
    return wrap(shape.reshape(a, (*a.shape, 1))) * wrap(b)


def kron(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The Kronecker product: every element of ``x1`` times the block ``x2``.

    >>> import chainrule as cr
    >>> cr.kron([1, 10], [1, 2])
    tensor([ 1,  2, 10, 20])
    """
    a, b = promote(x1, x2)
    ndim = max(a.ndim, b.ndim)
    one, two = ((1,) * (ndim - node.ndim) + node.shape for node in (a, b))
    left = shape.reshape(a, tuple(n for extent in one for n in (extent, 1)))
    right = shape.reshape(b, tuple(n for extent in two for n in (1, extent)))
    product = (wrap(left) * wrap(right)).node
    return wrap(shape.reshape(product, tuple(m * n for m, n in zip(one, two, strict=True))))


def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: Any = 2) -> Tensor:
    """Σ x1 x2 over pairs of axes.

    Args:
        x1: an array.
        x2: an array.
        axes: how many of the last axes of ``x1`` to pair with the first of ``x2``, or the pair
            (axes of x1, axes of x2).

    >>> import chainrule as cr
    >>> cr.tensordot(cr.ones((2, 3)), cr.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    a, b = promote(x1, x2)
    return wrap(contract.tensordot(a, b, axes=axes))


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """Σ x1 x2 along ``axis``; the other axes broadcast.

    >>> import chainrule as cr
    >>> cr.vecdot([[1, 2], [3, 4]], [1, 10])
    tensor([21, 43])
    """
    a, b = promote(x1, x2)
    if not a.ndim or not b.ndim:
        raise ShapeError(f"vecdot: shapes {a.shape} and {b.shape}: a number has no axis to sum")
    first, second = (
        shape.move_axis(node, normalize_axis("vecdot", axis, node.ndim), node.ndim - 1)
        for node in (a, b)
    )
    if first.shape[-1] != second.shape[-1]:
        raise ShapeError(
            f"vecdot: shapes {a.shape} and {b.shape} differ along axis {axis}, which is summed"
        )
    return wrap(summation.einsum("...i,...i->...", first, second))


def einsum(subscripts: str, /, *operands: ArrayLike) -> Tensor:
    """Einstein summation: the sum of products that ``subscripts`` describe.

    Args:
        subscripts: letters that name the axes of each operand and, after ``->``, of the result.
        operands: the arrays.

    >>> import chainrule as cr
    >>> cr.einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])
    tensor([3, 7])
    """
    return wrap(summation.einsum(subscripts, *promote(*operands)))


def matrix_transpose(x: ArrayLike, /) -> Tensor:
    """``x`` with its last two axes interchanged.

    >>> import chainrule as cr
    >>> cr.matrix_transpose([[1, 2], [3, 4]])
    tensor([[1, 3],
            [2, 4]])
    """
    node = as_node(x)
    if node.ndim < 2:
        raise ShapeError(f"matrix_transpose takes matrices, not shape {node.shape}")
    return wrap(shape.move_axis(node, node.ndim - 1, node.ndim - 2))


# -- diagonals -------------------------------------------------------------------------------------


def diagonal(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of two axes, put last.

    >>> import chainrule as cr
    >>> cr.diagonal([[1, 2], [3, 4]])
    tensor([1, 4])
    """
    return wrap(contract.diagonal(as_node(x), offset, axis1, axis2))


def trace(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum along a diagonal.

    >>> import chainrule as cr
    >>> cr.linalg.trace([[1.0, 2.0], [3.0, 4.0]])
    tensor(5.)
    """
    return wrap(contract.trace(as_node(x), offset, axis1, axis2))


def diag(x: ArrayLike, /, k: int = 0) -> Tensor:
    """A matrix with the vector ``x`` on its ``k``-th diagonal, or the diagonal of the matrix ``x``.

    >>> import chainrule as cr
    >>> cr.diag([1, 2])
    tensor([[1, 0],
            [0, 2]])
    """
    node = as_node(x)
    if node.ndim == 2:
        return diagonal(x, k)
    if node.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix, not shape {node.shape}")
    extent = node.shape[0] + np.abs(k).item()
    return wrap(contract.from_diagonal(node, offset=k, shape=(extent, extent)))


# -- norms -----------------------------------------------------------------------------------------


def norm(
    x: ArrayLike, /, ord: float | str | None = None, axis: Axis = None, *, keepdims: bool = False
) -> Tensor:
    """The length of vectors or matrices. The derivative at the zero vector is taken as 0.

    Args:
        x: numbers.
        ord: for vectors p ≥ 0 (default 2): (Σ|x|^p)^(1/p); ∞ and -∞: the largest and smallest |x|.
            0 counts what is not 0. For matrices (``axis`` is a pair, or ``x`` has two axes and
            ``ord`` is given): "fro", 1 and -1 (column sums), ∞ and -∞ (row sums); 2, -2 and "nuc"
            (largest, smallest, sum of the singular values).
        axis: the axis of the vectors, the pair of axes of the matrices, or None: all elements as
            one vector.
        keepdims: whether to keep reduced axes with extent 1.

    >>> import chainrule as cr
    >>> cr.norm([3.0, 4.0]), cr.grad(cr.norm)(cr.zeros(2))
    (tensor(5.), tensor([0., 0.]))
    """
    node = floating(as_node(x))
    axes = normalize_axes("norm", axis, node.ndim)
    if ord is None or (axis is None and node.ndim != 2) or len(axes) == 1:
        if axis is None and node.ndim > 2 and ord is not None:
            raise ShapeError(f"norm: ord={ord} needs a vector or a matrix; name the axis or axes")
        return wrap(vector_norm_node(node, 2 if ord is None else ord, axes, keepdims))
    if len(axes) != 2:
        raise ShapeError(f"norm: ord={ord} needs one axis, or two for matrices, not {axis}")
    pair: Shape = axes
    if isinstance(axis, Sequence):  # the order tells rows from columns
        pair = tuple(normalize_axis("norm", a, node.ndim) for a in axis)
    return wrap(narrowed(_matrix_norm(widened(node), ord, pair, keepdims), node.dtype))


def vector_norm_node(x: Node, p: float | str, axes: Shape, keepdims: bool) -> Node:
    """The p-norm along ``axes``, in the dtype of ``x``; float16 is computed in float32."""
    return narrowed(_vector_norm(widened(x), p, axes, keepdims), x.dtype)


def _vector_norm(x: Node, p: float | str, axes: Shape, keepdims: bool) -> Node:
    if isinstance(p, str):
        raise DomainError(f"norm: ord={p!r} is a norm of matrices; give two axes")
    if p == 2:
        return sqrt(sum_(x * x, axes=axes, keepdims=keepdims))
    if p == 0:
        counted = shape.cast(not_equal(x, 0.0), dtype=x.dtype)
        return sum_(counted, axes=axes, keepdims=keepdims)
    size = abs_(x)
    if p in (np.inf, -np.inf):
        return (max_ if p > 0 else min_)(size, axes=axes, keepdims=keepdims)
    if p == 1:
        return sum_(size, axes=axes, keepdims=keepdims)
    total = sum_(size ** float(p), axes=axes, keepdims=keepdims)
    zero = not_equal(total, 0.0)
    return where(zero, pow_(where(zero, total, 1.0), 1.0 / p), 0.0)


def _matrix_norm(x: Node, kind: float | str, pair: Shape, keepdims: bool) -> Node:
    rows, columns = pair
    if kind == "fro":
        return _vector_norm(x, 2, tuple(sorted(pair)), keepdims)
    if kind in (1, -1, np.inf, -np.inf):
        summed, chosen = (rows, columns) if kind in (1, -1) else (columns, rows)
        sums = sum_(abs_(x), axes=(summed,), keepdims=True)
        pick = max_ if kind in (1, np.inf) else min_
        found = pick(sums, axes=(chosen,), keepdims=True)
    elif kind in (2, -2, "nuc"):
        from chainrule.ops.spectral import singular_values

        others = tuple(a for a in range(x.ndim) if a not in pair)
        values = singular_values(shape.permute(x, (*others, rows, columns)))
        fold: Any = {2: max_, -2: min_, "nuc": sum_}[kind]
        found = fold(values, axes=(values.ndim - 1,), keepdims=False)
    else:
        raise DomainError(f'norm: no matrix norm {kind!r}; there are "fro", "nuc", ±1, ±2, ±inf')
    kept = tuple(1 if a in pair else n for a, n in enumerate(x.shape))
    rest = tuple(n for a, n in enumerate(x.shape) if a not in pair)
    return shape.reshape(found, kept if keepdims else rest)
