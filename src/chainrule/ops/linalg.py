"""Linear algebra: solving, inverses, determinants and Cholesky, for stacks of matrices.

Every function takes matrices in the last two axes; leading axes are a stack. Derivatives follow
M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), unless a rule names another source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.contract import matmul
from chainrule.ops.exponential import exp
from chainrule.ops.matrix import (
    Flags,
    Parts,
    column,
    lapack,
    lower,
    same_type,
    square_type,
    symmetric,
    symmetric_part,
    transposed,
    triangle,
    well_conditioned,
)
from chainrule.ops.record import Case, Discrete, Smooth, broadcast_shapes
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import broadcast_to, materialize, permute, reshape

_SINGULAR = (
    "{}: a matrix is singular, so it has no inverse. Add a multiple of the identity "
    "(regularize), or drop columns that depend on others"
)

# -- linear systems ------------------------------------------------------------------------------


def _systems(*arguments: tuple[Any, ...]) -> Callable[[np.random.Generator], Iterator[Case]]:
    def cases(rng: np.random.Generator) -> Iterator[Case]:
        for argument in arguments:
            for lead, n, k in (((), 3, 2), ((2,), 2, 1), ((), 1, 0)):
                a = 2 * np.eye(n) + 0.3 * rng.normal(size=(*lead, n, n))
                yield Case((a, rng.normal(size=(*lead, n, k))), argument)

    return cases


def _system_type(name: str, a: ArrayType, b: ArrayType) -> ArrayType:
    square_type(name, a)
    if b.dtype is not a.dtype:
        raise DTypeError(f"{name}: dtypes {a.dtype.name} and {b.dtype.name}; cast first")
    if b.shape[:-1] != a.shape[:-1]:
        raise ShapeError(
            f"{name}: a matrix of shape {a.shape} and a right-hand side of shape {b.shape} do not "
            f"fit: expected {(*a.shape[:-1], 'k')}"
        )
    return b


def _batch_system(
    apply: Callable[[Node, Node], Node], size: int, batched: Flags, sources: Sequence[Node]
) -> Node:
    a, b = sources
    if not batched[1]:
        return apply(a, materialize(b, size))
    if batched[0]:
        return apply(a, b)
    # one matrix, many right-hand sides: they become columns, and the matrix is factorized once
    lead = b.ndim - 3
    k = b.shape[-1]
    columns = permute(b, (*range(1, lead + 2), 0, lead + 2))
    x = apply(a, reshape(columns, (*columns.shape[:-2], size * k)))
    return permute(reshape(x, columns.shape), (lead + 1, *range(lead + 1), lead + 2))


def _solve_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    a, _ = sources
    da, db = tangents
    if da is None:
        assert db is not None
        return solve_(a, db)
    moved = -matmul(da, y)
    return solve_(a, moved if db is None else db + moved)


def _solve_vjp(ct: Node, needed: Flags, sources: Sequence[Node], y: Node) -> Parts:
    a, _ = sources
    cb = solve_(transposed(a), ct)
    return (-matmul(cb, transposed(y)) if needed[0] else None, cb)


solve_: Smooth = Smooth(
    name="solve",
    evaluate=lambda a, b: lapack(_SINGULAR.format("solve"), np.linalg.solve, a, b),
    infer=lambda a, b: _system_type("solve", a, b),
    jvp=_solve_jvp,
    vjp=_solve_vjp,
    batch=lambda size, batched, sources: _batch_system(solve_, size, batched, sources),
    cases=_systems(()),
    rule="d(A⁻¹b) = A⁻¹(db − dA A⁻¹b)",
    tolerance=64.0,
)

SMALL = 64
"""Triangular systems up to this size are left to LAPACK's general solver."""


def _evaluate_triangular(a: Any, b: Any, lower: bool, transpose: bool) -> Any:
    if transpose:
        a, lower = np.swapaxes(a, -1, -2), not lower
    if lower:  # read from the other end, a lower triangle is an upper one
        return _back_substituted(a[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]
    return _back_substituted(a, b)


def _back_substituted(u: Any, b: Any) -> Any:
    """U⁻¹ b by halves, so that nearly all the work is in matrix products."""
    n = u.shape[-1]
    if n <= SMALL:  # elimination has nothing to do on an upper triangle, so this is exact too
        message = _SINGULAR.format("triangular_solve")
        return lapack(message, np.linalg.solve, np.triu(u), b)
    half = n // 2
    below = _back_substituted(u[..., half:, half:], b[..., half:, :])
    rest = b[..., :half, :] - u[..., :half, half:] @ below
    return np.concatenate([_back_substituted(u[..., :half, :half], rest), below], axis=-2)


def _triangular_jvp(
    tangents: Parts, sources: Sequence[Node], y: Node, lower: bool, transpose: bool
) -> Node:
    a, _ = sources
    da, db = tangents
    if da is not None:
        da = triangle(da, offset=0, upper=not lower)
        moved = -matmul(transposed(da) if transpose else da, y)
        db = moved if db is None else db + moved
    assert db is not None
    return triangular_solve_(a, db, lower=lower, transpose=transpose)


def _triangular_vjp(
    ct: Node, needed: Flags, sources: Sequence[Node], y: Node, lower: bool, transpose: bool
) -> Parts:
    a, _ = sources
    cb = triangular_solve_(a, ct, lower=lower, transpose=not transpose)
    if not needed[0]:
        return None, cb
    ca = matmul(y, transposed(cb)) if transpose else matmul(cb, transposed(y))
    return -triangle(ca, offset=0, upper=not lower), cb


triangular_solve_: Smooth = Smooth(
    name="triangular_solve",
    parameters=("lower", "transpose"),
    evaluate=_evaluate_triangular,
    infer=lambda a, b, lower, transpose: _system_type("triangular_solve", a, b),
    jvp=_triangular_jvp,
    vjp=_triangular_vjp,
    batch=lambda size, batched, sources, lower, transpose: _batch_system(
        lambda a, b: triangular_solve_(a, b, lower=lower, transpose=transpose),
        size,
        batched,
        sources,
    ),
    cases=_systems((True, False), (False, False), (True, True), (False, True)),
    rule="d(A⁻¹b) = A⁻¹(db − dA A⁻¹b)",
    tolerance=64.0,
)


def _on_columns(name: str, apply: Callable[[Node, Node], Node], a: Node, b: Node) -> Node:
    """NumPy's convention: a 1-d right-hand side is one column, any other is a stack of matrices."""
    if a.ndim < 2 or b.ndim == 0:
        raise ShapeError(f"{name}: shapes {a.shape} and {b.shape}: expected a matrix and a vector")
    columns = column(b) if b.ndim == 1 else b
    if columns.shape[-2] != a.shape[-1]:
        raise ShapeError(
            f"{name}: a matrix of shape {a.shape} and a right-hand side of shape {b.shape} do not "
            f"fit: the right-hand side has {columns.shape[-2]} rows, the matrix {a.shape[-1]}"
        )
    stacks = [array_type(x.shape[:-2], x.dtype) for x in (a, columns)]
    lead = broadcast_shapes(name, stacks)
    x = apply(
        broadcast_to(a, lead + a.shape[-2:]), broadcast_to(columns, lead + columns.shape[-2:])
    )
    return reshape(x, x.shape[:-1]) if b.ndim == 1 else x


def solve(a: Node, b: Node) -> Node:
    """The solution x of a x = b for square matrices (…, n, n).

    Args:
        a: invertible matrices.
        b: a vector (n,) or matrices (…, n, k); leading axes broadcast against those of ``a``.

    Raises:
        DomainError: if a matrix is singular.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> solve(array(np.diag([2.0, 4.0])), array(np.array([2.0, 2.0]))).value
    array([1. , 0.5])
    """
    return _on_columns("solve", solve_, a, b)


def triangular_solve(a: Node, b: Node, lower: bool = True, transpose: bool = False) -> Node:
    """The solution of a x = b, or of aᵀ x = b with ``transpose``, for triangular matrices.

    Only the triangle that ``lower`` names is read. ``b`` is as for `solve`.

    Raises:
        DomainError: if a diagonal element is zero.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> l = array(np.array([[1.0, 0.0], [1.0, 2.0]]))
    >>> triangular_solve(l, array(np.array([1.0, 3.0]))).value
    array([1., 1.])
    """

    def apply(a: Node, b: Node) -> Node:
        return triangular_solve_(a, b, lower=lower, transpose=transpose)

    return _on_columns("triangular_solve", apply, a, b)


# -- inverse and determinant ---------------------------------------------------------------------

inv: Smooth = Smooth(
    name="inv",
    evaluate=lambda x: lapack(_SINGULAR.format("inv"), np.linalg.inv, x),
    infer=same_type("inv"),
    jvp=lambda tangents, sources, y: -matmul(matmul(y, tangents[0]), y),
    vjp=lambda ct, needed, sources, y: (-matmul(matmul(transposed(y), ct), transposed(y)),),
    batch=lambda size, batched, sources: inv(sources[0]),
    cases=well_conditioned((3, 3), (2, 2, 2), (1, 1)),
    rule="dA⁻¹ = −A⁻¹ dA A⁻¹",
    tolerance=64.0,
)


def _scalar_type(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType) -> ArrayType:
        square_type(name, x)
        return array_type(x.shape[:-2], x.dtype)

    return infer


def _log_abs_det_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    (x,), (t,) = sources, tangents
    return sum_(transposed(inv(x)) * t, axes=(x.ndim - 2, x.ndim - 1), keepdims=False)


log_abs_det: Smooth = Smooth(
    name="log_abs_det",
    evaluate=lambda x: np.linalg.slogdet(x)[1],
    infer=_scalar_type("log_abs_det"),
    jvp=_log_abs_det_jvp,
    vjp=lambda ct, needed, sources, y: (
        reshape(ct, (*ct.shape, 1, 1)) * transposed(inv(sources[0])),
    ),
    batch=lambda size, batched, sources: log_abs_det(sources[0]),
    cases=well_conditioned((3, 3), (2, 2, 2), (1, 1)),
    rule="d ln|det A| = tr(A⁻¹ dA)",
    tolerance=64.0,
)

sign_det: Discrete = Discrete(
    name="sign_det",
    evaluate=lambda x: np.linalg.slogdet(x)[0],
    infer=_scalar_type("sign_det"),
    batch=lambda size, batched, sources: sign_det(sources[0]),
    cases=well_conditioned((3, 3), (2, 2, 2)),
    rule="piecewise constant",
)


def slogdet(x: Node) -> tuple[Node, Node]:
    """The sign of the determinant and the logarithm of its absolute value.

    A singular matrix has (0, −∞), as in NumPy; its derivative raises a `DomainError`.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> [float(part.value) for part in slogdet(array(-np.eye(3)))]
    [-1.0, 0.0]
    """
    return sign_det(x), log_abs_det(x)


def det(x: Node) -> Node:
    """The determinant of square matrices (…, n, n), as sign · exp(ln|det|).

    The determinant of a singular matrix is 0; its derivative raises a `DomainError`.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> round(float(det(array(2 * np.eye(3))).value), 12)
    8.0
    """
    return sign_det(x) * exp(log_abs_det(x))


# -- Cholesky ------------------------------------------------------------------------------------


def _evaluate_cholesky(x: Any) -> Any:
    message = (
        "cholesky: a matrix is not positive definite: it has an eigenvalue that is zero or "
        "negative. Check its symmetry, or add a small multiple of the identity"
    )
    return lapack(message, np.linalg.cholesky, symmetric_part(x))


def _half_lower(x: Node) -> Node:
    """Φ(x): the lower triangle with half the diagonal."""
    return 0.5 * (lower(x) + lower(x, -1))


def _cholesky_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    """dL = L Φ(L⁻¹ dA L⁻ᵀ)."""
    (t,) = tangents
    assert t is not None
    once = triangular_solve_(y, symmetric(t), lower=True, transpose=False)
    twice = triangular_solve_(y, transposed(once), lower=True, transpose=False)
    return matmul(y, _half_lower(twice))


def _cholesky_vjp(ct: Node, needed: Flags, sources: Sequence[Node], y: Node) -> Parts:
    """Ā = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹) (Murray, Differentiation of the Cholesky decomposition, 2016)."""
    inner = _half_lower(matmul(transposed(y), ct))
    once = triangular_solve_(y, inner, lower=True, transpose=True)
    twice = triangular_solve_(y, transposed(once), lower=True, transpose=True)
    return (symmetric(twice),)


cholesky: Smooth = Smooth(
    name="cholesky",
    evaluate=_evaluate_cholesky,
    infer=same_type("cholesky"),
    jvp=_cholesky_jvp,
    vjp=_cholesky_vjp,
    batch=lambda size, batched, sources: cholesky(sources[0]),
    cases=well_conditioned((3, 3), (2, 2, 2), (1, 1), symmetric=True),
    rule="dL = L Φ(L⁻¹ dA L⁻ᵀ)",
    tolerance=64.0,
)
"""The lower triangular L with L Lᵀ = (A + Aᵀ)/2, for positive definite matrices."""
