"""Orthogonal factorizations: eigenvalues and eigenvectors, QR and singular values.

They are unique only up to signs. Here they are made unique, so that they are smooth functions: R
of a QR factorization has a positive diagonal, each eigenvector and singular vector is `_oriented`.
Where eigenvalues or singular values coincide the vectors are not determined, and have no
derivative: it comes out as infinite or NaN. The values themselves still have a gradient there.

Derivatives: M. Giles, "An extended collection of matrix derivative results" (2008); for the
singular vectors also J. Townsend, "Differentiating the singular value decomposition" (2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.core.node import Node
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.contract import matmul
from chainrule.ops.linalg import triangular_solve_
from chainrule.ops.matrix import (
    Flags,
    Parts,
    column,
    column_sums,
    identity,
    lapack,
    lower,
    matrix_type,
    row,
    same_type,
    square_type,
    symmetric,
    symmetric_part,
    transposed,
    upper,
    well_conditioned,
)
from chainrule.ops.parts import concatenate, slice_axis
from chainrule.ops.record import Smooth

_NO_CONVERGENCE = "{}: the iteration did not converge; check the matrix for NaN and infinity"


def _oriented(v: Any) -> Any:
    """Each column of ``v`` times ±1, so that its leading entry is positive.

    Leading is the first entry at least half as large as the largest: rounding does not change it.
    """
    if not v.size:
        return v
    size = np.abs(v)
    first = np.argmax(size >= size.max(axis=-2, keepdims=True) / 2, axis=-2, keepdims=True)
    return np.copysign(v.dtype.type(1), np.take_along_axis(v, first, axis=-2)) * v


def _inverse_gaps(values: Node) -> Node:
    """F with 1 / (values_j − values_i) off the diagonal and 0 on it."""
    one = identity(values.shape[-1], values.dtype)
    return 1.0 / (row(values) - column(values) + one) - one


# -- eigenvalues and eigenvectors of symmetric matrices ------------------------------------------


def _eigh(x: Any) -> Any:
    return lapack(_NO_CONVERGENCE.format("eigh"), np.linalg.eigh, symmetric_part(x))


def _values_type(x: ArrayType) -> ArrayType:
    square_type("eigvalsh", x)
    return array_type(x.shape[:-1], x.dtype)


def _eigvalsh_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    """dλ_i = v_iᵀ dA v_i."""
    (x,), (t,) = sources, tangents
    assert t is not None
    v = eigvecsh(x)
    return column_sums(v * matmul(symmetric(t), v))


def _eigvalsh_vjp(ct: Node, needed: Flags, sources: Sequence[Node], y: Node) -> Parts:
    v = eigvecsh(sources[0])
    return (matmul(v * row(ct), transposed(v)),)


eigvalsh: Smooth = Smooth(
    name="eigvalsh",
    evaluate=lambda x: lapack(
        _NO_CONVERGENCE.format("eigvalsh"), np.linalg.eigvalsh, symmetric_part(x)
    ),
    infer=_values_type,
    jvp=_eigvalsh_jvp,
    vjp=_eigvalsh_vjp,
    batch=lambda size, batched, sources: eigvalsh(sources[0]),
    cases=well_conditioned((3, 3), (2, 2, 2), (1, 1), symmetric=True),
    rule="dλ = vᵀ dA v",
    tolerance=64.0,
)
"""The eigenvalues of (A + Aᵀ)/2, ascending."""


def _eigvecsh_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    """dV = V (F ∘ Vᵀ dA V)."""
    (x,), (t,) = sources, tangents
    assert t is not None
    inner = matmul(transposed(y), matmul(symmetric(t), y))
    return matmul(y, _inverse_gaps(eigvalsh(x)) * inner)


def _eigvecsh_vjp(ct: Node, needed: Flags, sources: Sequence[Node], y: Node) -> Parts:
    """Ā = sym(V (F ∘ Vᵀ V̄) Vᵀ)."""
    inner = _inverse_gaps(eigvalsh(sources[0])) * matmul(transposed(y), ct)
    return (symmetric(matmul(matmul(y, inner), transposed(y))),)


eigvecsh: Smooth = Smooth(
    name="eigvecsh",
    evaluate=lambda x: _oriented(_eigh(x)[1]),
    infer=same_type("eigvecsh"),
    jvp=_eigvecsh_jvp,
    vjp=_eigvecsh_vjp,
    batch=lambda size, batched, sources: eigvecsh(sources[0]),
    cases=well_conditioned((3, 3), (2, 2, 2), (1, 1), symmetric=True),
    rule="dV = V (F ∘ Vᵀ dA V), F = 1 / (λⱼ − λᵢ)",
    tolerance=128.0,
)
"""The eigenvectors of (A + Aᵀ)/2, as columns in the order of `eigvalsh`."""


def eigh(x: Node) -> tuple[Node, Node]:
    """Eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices (…, n, n).

    The symmetric part (A + Aᵀ)/2 is decomposed. Where eigenvalues coincide their eigenvectors
    have no derivative: it comes out infinite or NaN, and so do second derivatives of the values.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> values, vectors = eigh(array(np.array([[2.0, 0.0], [0.0, 1.0]])))
    >>> values.value, vectors.value[:, 0]
    (array([1., 2.]), array([0., 1.]))
    """
    return eigvalsh(x), eigvecsh(x)


# -- QR ------------------------------------------------------------------------------------------


def _evaluate_q(x: Any) -> Any:
    q, r = np.linalg.qr(x)
    signs = np.copysign(x.dtype.type(1), np.diagonal(r, 0, -2, -1))
    return q * signs[..., None, :]


def _q_type(x: ArrayType) -> ArrayType:
    matrix_type("qr", x)
    if x.shape[-2] < x.shape[-1]:
        raise ShapeError(
            f"qr: matrices of shape {x.shape[-2:]} have more columns than rows; factorize the "
            "transpose, or the leading square block"
        )
    return x


def _over_r(x: Node, q: Node, a: Node) -> Node:
    """x R⁻¹ with R = Qᵀ A."""
    r = upper(matmul(transposed(q), a))
    return transposed(triangular_solve_(r, transposed(x), lower=False, transpose=True))


def _q_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    """With X = dA R⁻¹ and M = Qᵀ X: dQ = Q (L(M) − L(M)ᵀ) + X − Q M, L the strict lower part."""
    (a,), (t,) = sources, tangents
    assert t is not None
    x = _over_r(t, y, a)
    m = matmul(transposed(y), x)
    below = lower(m, -1)
    return x + matmul(y, below - transposed(below) - m)


def _q_vjp(ct: Node, needed: Flags, sources: Sequence[Node], y: Node) -> Parts:
    """Ā = (Q L(G − Gᵀ) + Q̄ − Q G) R⁻ᵀ with G = Qᵀ Q̄."""
    (a,) = sources
    g = matmul(transposed(y), ct)
    inner = ct + matmul(y, lower(g - transposed(g), -1) - g)
    r = upper(matmul(transposed(y), a))
    back = triangular_solve_(r, transposed(inner), lower=False, transpose=False)
    return (transposed(back),)


qr_q: Smooth = Smooth(
    name="qr_q",
    evaluate=_evaluate_q,
    infer=_q_type,
    jvp=_q_jvp,
    vjp=_q_vjp,
    batch=lambda size, batched, sources: qr_q(sources[0]),
    cases=well_conditioned((3, 3), (4, 2), (2, 3, 2), (2, 1)),
    rule="dQ = Q Ω + (1 − Q Qᵀ) dA R⁻¹",
    tolerance=64.0,
)
"""The orthonormal factor Q of A = Q R, where R has a positive diagonal."""


def qr(x: Node) -> tuple[Node, Node]:
    """The reduced QR factorization of matrices (…, m, n) with m ≥ n: Q (…, m, n), R (…, n, n).

    Q has orthonormal columns, R is upper triangular with a positive diagonal (NumPy and LAPACK
    leave its signs open). The derivative needs full column rank.

    Raises:
        ShapeError: if there are more columns than rows.
        DomainError: for a derivative where the columns are linearly dependent.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> q, r = qr(array(np.array([[3.0], [4.0]])))
    >>> q.value.ravel(), r.value
    (array([0.6, 0.8]), array([[5.]]))
    """
    q = qr_q(x)
    return q, upper(matmul(transposed(q), x))


# -- singular values and vectors -----------------------------------------------------------------


def _svd(x: Any) -> Any:
    return lapack(_NO_CONVERGENCE.format("svd"), lambda: np.linalg.svd(x, full_matrices=False))


def _evaluate_singular_values(x: Any) -> Any:
    return lapack(_NO_CONVERGENCE.format("svd"), lambda: np.linalg.svd(x, compute_uv=False))


def _singular_values_type(x: ArrayType) -> ArrayType:
    matrix_type("svd", x)
    return array_type((*x.shape[:-2], min(x.shape[-2:])), x.dtype)


def _singular_values_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    """dσ_i = u_iᵀ dA v_i."""
    (x,), (t,) = sources, tangents
    assert t is not None
    u, v = _sides(singular_vectors(x), x)
    return column_sums(u * matmul(t, v))


def _singular_values_vjp(ct: Node, needed: Flags, sources: Sequence[Node], y: Node) -> Parts:
    u, v = _sides(singular_vectors(sources[0]), sources[0])
    return (matmul(u * row(ct), transposed(v)),)


singular_values: Smooth = Smooth(
    name="singular_values",
    evaluate=_evaluate_singular_values,
    infer=_singular_values_type,
    jvp=_singular_values_jvp,
    vjp=_singular_values_vjp,
    batch=lambda size, batched, sources: singular_values(sources[0]),
    cases=well_conditioned((3, 3), (4, 2), (2, 2, 3), (1, 2)),
    rule="dσ = uᵀ dA v",
    tolerance=64.0,
)
"""The singular values of A, descending."""


def _evaluate_singular_vectors(x: Any) -> Any:
    u, _, vt = _svd(x)
    return _oriented(np.concatenate([u, np.swapaxes(vt, -1, -2)], axis=-2))


def _singular_vectors_type(x: ArrayType) -> ArrayType:
    matrix_type("svd", x)
    return array_type((*x.shape[:-2], sum(x.shape[-2:]), min(x.shape[-2:])), x.dtype)


def _sides(stacked: Node, x: Node) -> tuple[Node, Node]:
    """U and V from the stack of both."""
    m, axis = x.shape[-2], x.ndim - 2
    return (
        slice_axis(stacked, axis, 0, m),
        slice_axis(stacked, axis, m, m + x.shape[-1]),
    )


def _outside(u: Node, x: Node) -> Node:
    """(1 − U Uᵀ) x; U has orthonormal columns."""
    return x - matmul(u, matmul(transposed(u), x))


def _singular_vectors_jvp(tangents: Parts, sources: Sequence[Node], y: Node) -> Node:
    """dU = U (F ∘ (P S + S Pᵀ)) + (1 − U Uᵀ) dA V S⁻¹ with P = Uᵀ dA V; dV likewise from dAᵀ."""
    (x,), (t,) = sources, tangents
    assert t is not None
    u, v = _sides(y, x)
    s = singular_values(x)
    f = _inverse_gaps(s * s)
    p = matmul(transposed(u), matmul(t, v))
    right, left = p * row(s), column(s) * p
    du = matmul(u, f * (right + transposed(right)))
    dv = matmul(v, f * (left + transposed(left)))
    if x.shape[-2] > x.shape[-1]:
        du = du + _outside(u, matmul(t, v)) / row(s)
    if x.shape[-1] > x.shape[-2]:
        dv = dv + _outside(v, matmul(transposed(t), u)) / row(s)
    return concatenate(du, dv, axis=x.ndim - 2)


def _singular_vectors_vjp(ct: Node, needed: Flags, sources: Sequence[Node], y: Node) -> Parts:
    """The adjoint of the rule above, with K = F ∘ Uᵀ Ū and H = F ∘ Vᵀ V̄:

    Ā = U ((K + Kᵀ) S + S (H + Hᵀ)) Vᵀ + (1 − U Uᵀ) Ū S⁻¹ Vᵀ + U S⁻¹ V̄ᵀ (1 − V Vᵀ).
    """
    (x,) = sources
    u, v = _sides(y, x)
    cu, cv = _sides(ct, x)
    s = singular_values(x)
    f = _inverse_gaps(s * s)
    k = f * matmul(transposed(u), cu)
    h = f * matmul(transposed(v), cv)
    inner = (k + transposed(k)) * row(s) + column(s) * (h + transposed(h))
    total = matmul(matmul(u, inner), transposed(v))
    if x.shape[-2] > x.shape[-1]:
        total = total + matmul(_outside(u, cu) / row(s), transposed(v))
    if x.shape[-1] > x.shape[-2]:
        total = total + matmul(u, transposed(_outside(v, cv) / row(s)))
    return (total,)


singular_vectors: Smooth = Smooth(
    name="singular_vectors",
    evaluate=_evaluate_singular_vectors,
    infer=_singular_vectors_type,
    jvp=_singular_vectors_jvp,
    vjp=_singular_vectors_vjp,
    batch=lambda size, batched, sources: singular_vectors(sources[0]),
    cases=well_conditioned((3, 3), (4, 2), (2, 2, 3), (1, 2)),
    rule="dU = U (F ∘ (P S + S Pᵀ)) + (1 − U Uᵀ) dA V S⁻¹",
    tolerance=128.0,
)
"""The left singular vectors U above the right ones V, as columns: one matrix (m + n, min(m, n)).

They are stacked because their signs belong together: the columns, divided by √2, are eigenvectors
of [[0, A], [Aᵀ, 0]].
"""


def svd(x: Node) -> tuple[Node, Node, Node]:
    """The reduced singular value decomposition A = U diag(s) Vᵀ of matrices (…, m, n).

    Returns U (…, m, k), s (…, k) descending, and Vᵀ (…, k, n), with k = min(m, n). Where singular
    values coincide, or one is zero and A is not square, the vectors have no derivative: it comes
    out infinite or NaN. At a zero singular value, where σ has a kink, one of its slopes is taken.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> u, s, vt = svd(array(np.diag([1.0, 3.0])))
    >>> s.value
    array([3., 1.])
    """
    u, v = _sides(singular_vectors(x), x)
    return u, singular_values(x), transposed(v)
