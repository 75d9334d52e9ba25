"""Matrix calculus: quadratic forms, traces, determinants, inverses, least squares."""

# ruff: noqa: RET504 - the names are those of the formulas, also that of the result

from __future__ import annotations

from typing import Any

from chainrule import functions as cr
from chainrule.explaining.arrays.catalogue.entry import entry
from chainrule.explaining.arrays.expression import call
from chainrule.functions import linalg

FORMS, CALCULUS, SQUARES = "quadratic forms", "matrix calculus", "least squares and factors"

# -- quadratic forms -------------------------------------------------------------------------------


@entry(
    "quadratic form",
    FORMS,
    "L = xᵀ A x for any square A",
    "x A",
    x="d",
    A="d d",
    textbook={"x": lambda t: (t.A + t.A.T) @ t.x, "A": lambda t: call("outer", t.x, t.x)},
)
def quadratic_form(x: Any, A: Any) -> Any:
    L = x @ (A @ x)
    return L


@entry(
    "quadratic form, symmetric",
    FORMS,
    "L = ½ xᵀ A x for A = Aᵀ",
    "x",
    x="d",
    A="d d: symmetric",
    textbook={"x": lambda t: t.A @ t.x},
)
def symmetric_quadratic_form(x: Any, A: Any) -> Any:
    L = x @ (A @ x) / 2
    return L


@entry(
    "bilinear form",
    FORMS,
    "L = xᵀ A y",
    "x A y",
    x="n",
    A="n d",
    y="d",
    textbook={"A": lambda t: call("outer", t.x, t.y)},
)
def bilinear_form(x: Any, A: Any, y: Any) -> Any:
    L = x @ (A @ y)
    return L


@entry(
    "Hessian of a quadratic form",
    FORMS,
    "the gradient (A + Aᵀ) x differentiated once more, times a vector G",
    "x",
    x="d",
    A="d d",
    seed="d",
    textbook={"x": lambda t: (t.A + t.A.T) @ t.G},
)
def hessian_of_a_quadratic_form(x: Any, A: Any) -> Any:
    g = A @ x + A.T @ x
    return g


@entry(
    "Rayleigh quotient",
    FORMS,
    "L = xᵀ A x / xᵀ x, stationary at the eigenvectors",
    "x",
    x="d",
    A="d d: symmetric",
)
def rayleigh_quotient(x: Any, A: Any) -> Any:
    q = x @ (A @ x)
    r = x @ x
    L = q / r
    return L


@entry(
    "Mahalanobis distance",
    FORMS,
    "L = (x − μ)ᵀ S⁻¹ (x − μ)",
    "x mu S",
    x="d",
    mu="d",
    S="d d: definite",
    textbook={
        "x": lambda t: 2 * call("inv", t.S) @ (t.x - t.mu),
    },
)
def mahalanobis_distance(x: Any, mu: Any, S: Any) -> Any:
    r = x - mu
    L = r @ linalg.solve(S, r)
    return L


# -- matrix calculus -------------------------------------------------------------------------------


@entry(
    "trace",
    CALCULUS,
    "L = tr(A)",
    "A",
    A="d d",
    textbook={"A": lambda t: call("identity", argument=(3,))},
)
def trace(A: Any) -> Any:
    L = linalg.trace(A)
    return L


@entry(
    "trace of a product",
    CALCULUS,
    "L = tr(A B)",
    "A B",
    A="n d",
    B="d n",
    textbook={"A": lambda t: t.B.T, "B": lambda t: t.A.T},
    also=("tr(AB)",),
)
def trace_of_a_product(A: Any, B: Any) -> Any:
    L = linalg.trace(A @ B)
    return L


@entry(
    "trace of the Gram matrix",
    CALCULUS,
    "L = tr(Aᵀ A) = ‖A‖²",
    "A",
    A="n d",
    textbook={"A": lambda t: 2 * t.A},
    also=("tr(AᵀA)",),
)
def trace_of_the_gram_matrix(A: Any) -> Any:
    L = linalg.trace(A.T @ A)
    return L


@entry(
    "trace of A B A",
    CALCULUS,
    "L = tr(A B A)",
    "A B",
    A="d d",
    B="d d",
    textbook={"A": lambda t: (t.B @ t.A + t.A @ t.B).T, "B": lambda t: (t.A @ t.A).T},
    also=("tr(ABA)",),
)
def trace_of_aba(A: Any, B: Any) -> Any:
    L = linalg.trace(A @ B @ A)
    return L


@entry(
    "log-determinant",
    CALCULUS,
    "L = ln |det A|",
    "A",
    A="d d: invertible",
    textbook={"A": lambda t: call("inv", t.A).T},
)
def log_determinant(A: Any) -> Any:
    L = linalg.slogdet(A).logabsdet
    return L


@entry(
    "determinant",
    CALCULUS,
    "L = det A (Jacobi's formula)",
    "A",
    A="d d: invertible",
    textbook={"A": lambda t: call("det", t.A) * call("inv", t.A).T},
)
def determinant(A: Any) -> Any:
    L = linalg.det(A)
    return L


@entry(
    "inverse",
    CALCULUS,
    "B = A⁻¹",
    "A",
    A="d d: invertible",
    seed="d d",
    textbook={"A": lambda t: -(call("inv", t.A).T @ t.G @ call("inv", t.A).T)},
)
def inverse(A: Any) -> Any:
    B = linalg.inv(A)
    return B


@entry(
    "linear system",
    CALCULUS,
    "x = A⁻¹ b",
    "A b",
    A="d d: invertible",
    b="d",
    seed="d",
    textbook={"b": lambda t: call("inv", t.A).T @ t.G},
    also=("solve",),
)
def linear_system(A: Any, b: Any) -> Any:
    x = linalg.solve(A, b)
    return x


@entry(
    "diagonal matrix",
    CALCULUS,
    "D = diag(v)",
    "v",
    v="d",
    seed="d d",
    textbook={"v": lambda t: call("diagonal", t.G)},
)
def diagonal_matrix(v: Any) -> Any:
    D = cr.diag(v)
    return D


@entry(
    "square of a matrix",
    CALCULUS,
    "B = A A",
    "A",
    A="d d",
    seed="d d",
    textbook={"A": lambda t: t.G @ t.A.T + t.A.T @ t.G},
)
def square_of_a_matrix(A: Any) -> Any:
    B = A @ A
    return B


@entry(
    "Gram matrix",
    CALCULUS,
    "S = Xᵀ X",
    "X",
    X="n d",
    seed="d d",
    textbook={"X": lambda t: t.X @ (t.G + t.G.T)},
)
def gram_matrix(X: Any) -> Any:
    S = X.T @ X
    return S


# -- least squares ---------------------------------------------------------------------------------


@entry(
    "least squares",
    SQUARES,
    "L = ½ ‖X w − y‖²; where the derivative is 0 stand the normal equations XᵀX w = Xᵀy",
    "w",
    X="n d",
    w="d",
    y="n",
    textbook={"w": lambda t: t.X.T @ t.X @ t.w - t.X.T @ t.y},
    also=("normal equations", "linear regression"),
)
def least_squares(X: Any, w: Any, y: Any) -> Any:
    r = X @ w - y
    L = (r**2).sum() / 2
    return L


@entry(
    "ridge regression",
    SQUARES,
    "L = ½ ‖X w − y‖² + λ/2 ‖w‖²",
    "w",
    X="n d",
    w="d",
    y="n",
    lambda_="",
    textbook={"w": lambda t: t.X.T @ (t.X @ t.w - t.y) + t.lambda_ * t.w},
)
def ridge_regression(X: Any, w: Any, y: Any, lambda_: Any) -> Any:
    r = X @ w - y
    L = (r**2).sum() / 2 + lambda_ / 2 * (w**2).sum()
    return L


@entry(
    "weighted least squares",
    SQUARES,
    "L = ½ Σ cᵢ (xᵢᵀ w − yᵢ)²",
    "w",
    X="n d",
    w="d",
    y="n",
    c="n: positive",
    textbook={"w": lambda t: t.X.T @ (t.c * (t.X @ t.w - t.y))},
)
def weighted_least_squares(X: Any, w: Any, y: Any, c: Any) -> Any:
    r = X @ w - y
    L = (c * r**2).sum() / 2
    return L


@entry(
    "matrix factorisation",
    SQUARES,
    "L = ½ ‖R − U Vᵀ‖²",
    "U V",
    R="n d",
    U="n k",
    V="d k",
    textbook={
        "U": lambda t: -((t.R - t.U @ t.V.T) @ t.V),
        "V": lambda t: -((t.R - t.U @ t.V.T).T @ t.U),
    },
)
def matrix_factorisation(R: Any, U: Any, V: Any) -> Any:
    E = R - U @ V.T
    L = (E**2).sum() / 2
    return L


@entry(
    "PCA reconstruction",
    SQUARES,
    "L = ½ ‖X − X W Wᵀ‖², the error of k principal directions",
    "W",
    X="n d",
    W="d k",
    also=("principal component analysis",),
)
def pca_reconstruction(X: Any, W: Any) -> Any:
    C = X @ W
    E = X - C @ W.T
    L = (E**2).sum() / 2
    return L


@entry(
    "Gaussian log-likelihood",
    SQUARES,
    "L = −½ ln det S − ½ (x − μ)ᵀ S⁻¹ (x − μ), by mean and covariance",
    "mu S",
    x="d",
    mu="d",
    S="d d: definite",
    textbook={
        "mu": lambda t: call("inv", t.S) @ (t.x - t.mu),
    },
)
def gaussian_log_likelihood(x: Any, mu: Any, S: Any) -> Any:
    r = x - mu
    L = -linalg.slogdet(S).logabsdet / 2 - r @ (linalg.inv(S) @ r) / 2
    return L
