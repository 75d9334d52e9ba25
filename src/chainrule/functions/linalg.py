"""Linear algebra of matrices and stacks of them, ``chainrule.linalg`` (array API names)."""

from __future__ import annotations

from typing import Any, NamedTuple

from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.functions._apply import Axis, normalize_axes
from chainrule.functions.joining import stack, unstack
from chainrule.functions.linear import (
    diagonal,
    matmul,
    matrix_transpose,
    norm,
    outer,
    tensordot,
    trace,
    vecdot,
    vector_norm_node,
)
from chainrule.lift import as_node, floating, promote
from chainrule.ops import linalg as ops
from chainrule.ops import spectral
from chainrule.ops.matrix import identity
from chainrule.ops.shape import broadcast_to
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_transpose",
    "norm",
    "outer",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


class Eigh(NamedTuple):
    """Result of `eigh`."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QR(NamedTuple):
    """Result of `qr`."""

    Q: Tensor
    R: Tensor


class Slogdet(NamedTuple):
    """Result of `slogdet`."""

    sign: Tensor
    logabsdet: Tensor


class SVD(NamedTuple):
    """Result of `svd`."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _matrix(x: ArrayLike) -> Node:
    return floating(as_node(x))


def solve(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The solution x of a x = b, for a vector or the columns of a matrix ``b``.

    Raises:
        DomainError: if ``a`` is singular.

    >>> import chainrule as cr
    >>> cr.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    tensor([1. , 0.5])
    """
    left, right = (floating(node) for node in promote(a, b))
    return wrap(ops.solve(left, right))


def inv(x: ArrayLike, /) -> Tensor:
    """The inverse of square matrices. To solve equations, `solve` is faster and more accurate.

    >>> import chainrule as cr
    >>> cr.linalg.inv([[2.0, 0.0], [0.0, 4.0]])
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    return wrap(ops.inv(_matrix(x)))


def det(x: ArrayLike, /) -> Tensor:
    """The determinant of square matrices.

    >>> import chainrule as cr
    >>> cr.linalg.det([[2.0, 0.0], [0.0, 4.0]])
    tensor(8.)
    """
    return wrap(ops.det(_matrix(x)))


def slogdet(x: ArrayLike, /) -> Slogdet:
    """Sign and logarithm of the size of the determinant, which cannot overflow.

    >>> import chainrule as cr
    >>> cr.linalg.slogdet([[2.0, 0.0], [0.0, -4.0]])
    Slogdet(sign=tensor(-1.), logabsdet=tensor(2.07944154))
    """
    sign, size = ops.slogdet(_matrix(x))
    return Slogdet(wrap(sign), wrap(size))


def cholesky(x: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L Lᵀ = x, or the upper Lᵀ, of symmetric positive matrices.

    Raises:
        DomainError: if ``x`` is not positive definite.

    >>> import chainrule as cr
    >>> cr.linalg.cholesky([[4.0, 0.0], [0.0, 9.0]])
    tensor([[2., 0.],
            [0., 3.]])
    """
    found = wrap(ops.cholesky(_matrix(x)))
    return matrix_transpose(found) if upper else found


def eigh(x: ArrayLike, /) -> Eigh:
    """Eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices.

    >>> import chainrule as cr
    >>> cr.linalg.eigh([[2.0, 0.0], [0.0, 4.0]]).eigenvalues
    tensor([2., 4.])
    """
    values, vectors = spectral.eigh(_matrix(x))
    return Eigh(wrap(values), wrap(vectors))


def eigvalsh(x: ArrayLike, /) -> Tensor:
    """The eigenvalues of symmetric matrices, ascending.

    >>> import chainrule as cr
    >>> cr.linalg.eigvalsh([[2.0, 0.0], [0.0, 4.0]])
    tensor([2., 4.])
    """
    return wrap(spectral.eigvalsh(_matrix(x)))


def qr(x: ArrayLike, /, *, mode: str = "reduced") -> QR:
    """The factorization x = Q R with orthonormal columns of Q and upper triangular R.

    The diagonal of R is positive, which makes the factors unique. Only ``mode="reduced"``.

    >>> import chainrule as cr
    >>> cr.linalg.qr([[0.0, 2.0], [1.0, 0.0]]).R
    tensor([[1., 0.],
            [0., 2.]])
    """
    if mode != "reduced":
        raise DomainError(f'qr: only mode="reduced" has a derivative, not {mode!r}')
    q, r = spectral.qr(_matrix(x))
    return QR(wrap(q), wrap(r))


def svd(x: ArrayLike, /, *, full_matrices: bool = False) -> SVD:
    """The singular value decomposition x = U diag(S) Vh, reduced to min(m, n) columns.

    >>> import chainrule as cr
    >>> cr.linalg.svd([[1.0, 0.0], [0.0, 3.0]]).S
    tensor([3., 1.])
    """
    if full_matrices:
        raise DomainError("svd: the columns that full_matrices=True adds are not unique; leave out")
    u, s, vh = spectral.svd(_matrix(x))
    return SVD(wrap(u), wrap(s), wrap(vh))


def svdvals(x: ArrayLike, /) -> Tensor:
    """The singular values, descending.

    >>> import chainrule as cr
    >>> cr.linalg.svdvals([[1.0, 0.0], [0.0, 3.0]])
    tensor([3., 1.])
    """
    return wrap(spectral.singular_values(_matrix(x)))


def matrix_power(x: ArrayLike, n: int, /) -> Tensor:
    """The n-th power of square matrices, by repeated squaring; of the inverse for n < 0.

    >>> import chainrule as cr
    >>> cr.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if not hasattr(n, "__index__"):
        raise DTypeError(f"matrix_power: the exponent is an integer, not {n!r}")
    node = as_node(x)
    if node.ndim < 2 or node.shape[-1] != node.shape[-2]:
        raise ShapeError(f"matrix_power takes square matrices, not shape {node.shape}")
    base = inv(x) if n < 0 else wrap(node)
    power, n = None, abs(int(n))
    while n:
        if n % 2:
            power = base if power is None else base @ power
        base, n = (base @ base if n > 1 else base), n // 2
    if power is None:
        return wrap(broadcast_to(identity(node.shape[-1], node.dtype), node.shape))
    return power


def matrix_norm(
    x: ArrayLike, /, *, keepdims: bool = False, ord: float | str | None = "fro"
) -> Tensor:
    """The norm of the matrices in the last two axes; see `norm`.

    >>> import chainrule as cr
    >>> cr.linalg.matrix_norm([[3.0, 0.0], [0.0, 4.0]])
    tensor(5.)
    """
    return norm(x, ord="fro" if ord is None else ord, axis=(-2, -1), keepdims=keepdims)


def vector_norm(
    x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """The norm of all elements, or along ``axis`` (several count as one); see `norm`.

    >>> import chainrule as cr
    >>> cr.linalg.vector_norm([3.0, 4.0], ord=1)
    tensor(7.)
    """
    node = floating(as_node(x))
    axes = normalize_axes("vector_norm", axis, node.ndim)
    return wrap(vector_norm_node(node, ord, axes, keepdims))


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements along ``axis``.

    >>> import chainrule as cr
    >>> cr.linalg.cross([1, 0, 0], [0, 1, 0])
    tensor([0, 0, 1])
    """
    a, b = unstack(x1, axis=axis), unstack(x2, axis=axis)
    if len(a) != 3 or len(b) != 3:
        raise ShapeError(f"cross: vectors have 3 elements, not {len(a)} and {len(b)}")
    parts: Any = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return stack(parts, axis=axis)
