"""Curvature of a loss as a matrix, or as products with it.

The Hessian of L(θ) = ℓ(z(θ)) is Jᵀ Hₗ J + Σ ∂ℓ/∂zᵢ·∇²zᵢ, with J the Jacobian of the outputs z and
Hₗ the Hessian of ℓ in them. The first part is the generalised Gauss-Newton matrix (GGN): positive
semi-definite where ℓ is convex in the outputs, and the whole where they are linear in θ, or fitted
exactly. (Schraudolph 2002, section 3; Martens 2020, JMLR 21, section 8.)

For losses that are the negative log-likelihood of an exponential family in its natural parameters,
which squared error, `nn.cross_entropy` and `nn.bce_with_logits` are, Hₗ does not depend on the
targets and the GGN is the Fisher information of the model's own distribution (Martens 2020,
section 9.2). That is not the "empirical Fisher" of squared gradients at the targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from chainrule import functions
from chainrule.calculus import grad, hessian, hvp, jacobian, jvp, vjp, vmap
from chainrule.functions import linalg
from chainrule.optim.transform import Problem
from chainrule.optim.vector import Unravel, ravel, vector_function
from chainrule.tensor import Tensor

__all__ = [
    "Product",
    "Spectrum",
    "ggn_matrix",
    "ggn_product",
    "hessian_matrix",
    "hessian_product",
    "spectrum",
]

Product = Callable[[Tensor], Tensor]
"""v ↦ A·v for a symmetric matrix A."""


class Spectrum(NamedTuple):
    """Eigenvalues λ, ascending, shape (n,), and eigenvectors Q in columns: A = Q diag(λ) Qᵀ.

    ``noise`` is the size below which an eigenvalue is rounding, n·ε·max |λ|.
    """

    values: Tensor
    vectors: Tensor
    noise: Tensor

    def solve(self, values: Tensor, b: Tensor) -> Tensor:
        """Q diag(1/values) Qᵀ b, where other values stand in place of λ; 0 along those that are 0.

        Args:
            values: shape (n,).
            b: shape (n,).
        """
        usable = values != 0
        along = self.vectors.T @ b / functions.where(usable, values, 1.0)
        solved: Tensor = self.vectors @ functions.where(usable, along, 0.0 * along)  # NaN stays
        return solved


def spectrum(matrix: Tensor) -> Spectrum:
    """The spectrum of a symmetric matrix; of the identity in place of one with NaN or infinity."""
    n = matrix.shape[0]
    usable = functions.isfinite(matrix).all()
    one = functions.eye(n, dtype=matrix.dtype)
    values, vectors = linalg.eigh(functions.where(usable, (matrix + matrix.T) / 2.0, one))
    noise = n * float(np.finfo(matrix.dtype).eps) * functions.abs(values).max()
    return Spectrum(values, vectors, noise)


def hessian_matrix(problem: Problem, x: Tensor, unravel: Unravel) -> Tensor:
    """∇²L at the vector x, shape (n, n)."""
    found: Tensor = hessian(vector_function(problem, unravel, x.dtype))(x)
    return found


def hessian_product(problem: Problem, x: Tensor, unravel: Unravel) -> Product:
    """v ↦ ∇²L·v, each for about the price of two gradients."""
    of = vector_function(problem, unravel, x.dtype)

    def product(v: Tensor) -> Tensor:
        found: Tensor = hvp(of, (x,), (v,))
        return found

    return product


def ggn_matrix(problem: Problem, x: Tensor, unravel: Unravel) -> Tensor:
    """Jᵀ Hₗ J at the vector x, shape (n, n)."""
    outputs, loss = _parts(problem, x, unravel)
    z: Tensor = outputs(x)
    columns: Tensor = jacobian(outputs, mode="forward")(x)
    slope = grad(loss)

    def bent(column: Tensor) -> Tensor:
        moved: Tensor = jvp(slope, (z,), (column,))[1]
        return moved

    bent_columns: Tensor = vmap(bent, in_axes=1, out_axes=1)(columns)
    return columns.T @ bent_columns


def ggn_product(problem: Problem, x: Tensor, unravel: Unravel) -> Product:
    """v ↦ Jᵀ Hₗ J·v by one forward and one reverse pass, without any of the matrices."""
    outputs, loss = _parts(problem, x, unravel)
    z, pullback = vjp(outputs, x)
    slope = grad(loss)

    def product(v: Tensor) -> Tensor:
        moved = jvp(outputs, (x,), (v,))[1]
        bent = jvp(slope, (z,), (moved,))[1]
        found: Tensor = pullback(bent)[0]
        return found

    return product


def _parts(
    problem: Problem, x: Tensor, unravel: Unravel
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """The outputs as a vector function of a vector, and the loss as a function of that."""
    _, restore = ravel(problem.outputs(unravel(x)))

    def outputs(x: Tensor) -> Tensor:
        return functions.astype(ravel(problem.outputs(unravel(x)))[0], x.dtype)

    def loss(z: Tensor) -> Tensor:
        return functions.astype(problem.loss(restore(z)), z.dtype)

    return outputs, loss
